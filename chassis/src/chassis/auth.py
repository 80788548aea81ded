"""Who is calling: a bearer token of the OpenID provider becomes a `Caller` with roles.

Tokens are verified here, against the provider's published keys; an allow-list of signature algorithms, issuer, audience and
expiry are checked. Keys are cached, and refetched when they are old or a token is signed with another, at most once in
KEY_COOLDOWN_SECONDS, whether or not the provider answers; known keys stay in use while it is away. A verified token is
remembered until it expires, so a client's next call costs a look-up.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

import httpx2
import structlog
from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from chassis.domain import Refusal
from chassis.limits import Limiter, refuse

ALGORITHMS: Final = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
LEEWAY_SECONDS: Final = 30
KEYS_TTL_SECONDS: Final = 300.0
KEY_COOLDOWN_SECONDS: Final = 10.0
NO_KEYS_COOLDOWN_SECONDS: Final = 2
"""How soon the provider is asked again while no key is known, and nobody can be let in."""
REMEMBERED_TOKENS: Final = 10_000
STAFF_ROLES: Final = frozenset({"admin", "auditor", "finance", "fraud_reviewer", "support", "warehouse"})
"""A provider may give its users further roles, for purposes of its own."""
MALFORMED: Final = (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""What reading a token or keys may end with: joserfc looks into their parts before it knows of what kind these are."""

log = structlog.get_logger()


class UnauthenticatedError(Refusal):
    """No token, or one that does not hold."""

    slug = "unauthenticated"
    title = "A valid bearer token is needed"
    status = 401


class ForbiddenError(Refusal):
    """The caller is known and may not do this."""

    slug = "forbidden"
    title = "Not allowed"
    status = 403


class ProviderAwayError(Refusal):
    """The identity provider cannot be asked for its keys."""

    slug = "identity-provider-unavailable"
    title = "The identity provider is not available"
    status = 503


@dataclass(frozen=True, slots=True)
class Caller:
    """Someone with a valid token: the token's subject and roles."""

    user_id: str
    roles: frozenset[str]
    expires_at: float

    @property
    def actor(self) -> str:
        """Name the caller for histories: `customer:ID`, or the first staff role and the id."""
        staff = sorted(self.roles & STAFF_ROLES)
        return f"{staff[0] if staff else 'customer'}:{self.user_id}"


class Verifier:
    """Turns bearer tokens into callers."""

    def __init__(self, issuer: str, audience: str, jwks_url: str, client: httpx2.AsyncClient | None = None) -> None:
        self._jwks_url = jwks_url
        self._client = client or httpx2.AsyncClient(timeout=5)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()
        self._remembered: OrderedDict[bytes, Caller] = OrderedDict()

    async def close(self) -> None:
        """Let go of the connection to the provider."""
        await self._client.aclose()

    async def verify(self, token: str) -> Caller:
        """Answer who the token speaks for; raises UnauthenticatedError, ProviderAwayError."""
        place = hashlib.blake2b(token.encode(), digest_size=16).digest()
        known = self._remembered.get(place)
        if known is not None:
            if known.expires_at > time.time() - LEEWAY_SECONDS:
                return known
            del self._remembered[place]
        caller = await self._decode(token)
        self._remembered[place] = caller
        if len(self._remembered) > REMEMBERED_TOKENS:
            self._remembered.popitem(last=False)
        return caller

    async def _decode(self, token: str) -> Caller:
        keys = await self._known_keys()
        try:
            try:
                claims = self._read(token, keys)
            except (InvalidKeyIdError, BadSignatureError):  # the provider may have changed its keys
                fresh = await self._fresh_keys()
                if fresh is keys:
                    raise
                claims = self._read(token, fresh)
        except MALFORMED as error:
            raise UnauthenticatedError("The bearer token is not valid.") from error
        roles = claims.get("roles", [])
        if isinstance(roles, str):
            roles = roles.replace(",", " ").split()
        return Caller(str(claims["sub"]), frozenset(str(role) for role in roles), float(claims["exp"]))

    def _read(self, token: str, keys: KeySet) -> dict[str, Any]:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        self._claims.validate(claims)
        return claims

    async def _known_keys(self) -> KeySet:
        """Answer the keys; old ones are looked up anew, and serve everybody else while that is under way."""
        young = time.monotonic() - self._fetched_at < KEYS_TTL_SECONDS
        if self._keys is not None and (young or self._fetching.locked()):
            return self._keys
        return await self._fresh_keys()

    async def _fresh_keys(self) -> KeySet:
        """Ask the provider for its keys, unless it was asked just now, whatever came of it; raises ProviderAwayError."""
        async with self._fetching:
            cooldown = NO_KEYS_COOLDOWN_SECONDS if self._keys is None else KEY_COOLDOWN_SECONDS
            if time.monotonic() - self._tried_at >= cooldown:
                await self._fetch()
                self._tried_at = time.monotonic()
            if self._keys is None:
                detail = "Tokens cannot be checked right now; try again."
                raise ProviderAwayError(detail, retry_after=NO_KEYS_COOLDOWN_SECONDS)
            return self._keys

    async def _fetch(self) -> None:
        try:
            response = await self._client.get(self._jwks_url)
            response.raise_for_status()
            self._keys = KeySet.import_key_set(response.json())
            self._fetched_at = time.monotonic()
        except (httpx2.HTTPError, *MALFORMED) as error:
            log.warning("identity_provider_unavailable", error=type(error).__name__)


async def caller(request: Request) -> Caller:
    """Answer who is calling; any valid token will do. Told, and counted, once a request, however many ask."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnauthenticatedError("Send a bearer token in the Authorization header.")
    verifier: Verifier = request.app.state.verifier
    who = await verifier.verify(token.strip())
    request.state.caller = who
    limiter: Limiter = request.app.state.limiter
    request.state.allowance = allowance = limiter.count(who.user_id)
    refuse(allowance)
    return who


def having(*roles: str) -> Callable[..., Any]:
    """Make a dependency that lets through only callers with one of `roles` (`admin` always)."""
    allowed = frozenset(roles) | {"admin"}

    async def check(request: Request) -> Caller:
        who = await caller(request)
        if not who.roles & allowed:
            raise ForbiddenError(f"This needs one of the roles {', '.join(sorted(allowed))}.")
        return who

    return check


def staff(*roles: str) -> Any:
    """Ask for staff with one of these roles (`who: Annotated[Caller, ...]` in a route)."""
    return Depends(having(*roles))


AnyCaller = Annotated[Caller, Depends(caller)]
Customer = Annotated[Caller, Depends(having("customer"))]
