"""Who is calling: a bearer token of the OpenID provider becomes a `Caller` with roles.

Tokens are verified here, against the provider's published keys; an allow-list of signature algorithms, issuer, audience and
expiry are checked. Keys are cached, refetched when an unknown key id appears (at most once in KEY_COOLDOWN_SECONDS), and kept
in use while the provider is away. A verified token is remembered until it expires, so a client's next call costs a look-up.
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
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chassis.domain import Refusal
from chassis.limits import Limiter, refuse

ALGORITHMS: Final = ["ES256", "ES384", "RS256", "PS256", "EdDSA"]
LEEWAY_SECONDS: Final = 30
KEYS_TTL_SECONDS: Final = 300.0
KEY_COOLDOWN_SECONDS: Final = 10.0
REMEMBERED_TOKENS: Final = 10_000

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
        staff = sorted(self.roles - {"customer"})
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
        keys = await self._current_keys(max_age=KEYS_TTL_SECONDS)
        try:
            claims = self._read(token, keys)
        except (JoseError, ValueError) as error:
            fresh = await self._current_keys(max_age=KEY_COOLDOWN_SECONDS)  # the provider may have changed its keys
            if fresh is keys:
                raise UnauthenticatedError("The bearer token is not valid.") from error
            try:
                claims = self._read(token, fresh)
            except (JoseError, ValueError) as again:
                raise UnauthenticatedError("The bearer token is not valid.") from again
        roles = claims.get("roles", [])
        if isinstance(roles, str):
            roles = roles.replace(",", " ").split()
        return Caller(str(claims["sub"]), frozenset(str(role) for role in roles), float(claims["exp"]))

    def _read(self, token: str, keys: KeySet) -> dict[str, Any]:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        self._claims.validate(claims)
        return claims

    async def _current_keys(self, max_age: float) -> KeySet:
        async with self._fetching:
            if self._keys is not None and time.monotonic() - self._fetched_at < max_age:
                return self._keys
            try:
                response = await self._client.get(self._jwks_url)
                response.raise_for_status()
                self._keys = KeySet.import_key_set(response.json())
                self._fetched_at = time.monotonic()
            except (httpx2.HTTPError, ValueError, JoseError) as error:
                log.warning("identity_provider_unavailable", error=type(error).__name__)
                if self._keys is None:
                    raise ProviderAwayError("Tokens cannot be checked right now; try again.", retry_after=2) from error
                self._fetched_at = time.monotonic() - KEYS_TTL_SECONDS + KEY_COOLDOWN_SECONDS
            return self._keys


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
