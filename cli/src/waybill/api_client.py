"""Calls to a Waybill through its gateway, for commands that look at it or work with it as a person would.

Where it runs and who may ask comes from the running system of a data directory and its development identity provider, or from
`--gateway` and `--token` for any other deployment. Whatever goes wrong is one line that says what to do.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer

from waybill.errors import WaybillError
from waybill.options import running_state
from waybill.tokens import token

TIMEOUT_SECONDS: Final = 40.0
PAGE: Final = 200

Gateway = Annotated[
    str | None, typer.Option(help="Address of another deployment's gateway.", envvar="WAYBILL_GATEWAY", metavar="URL")
]
Token = Annotated[
    str | None, typer.Option("--token", help="A token of that deployment's identity provider.", envvar="WAYBILL_TOKEN")
]


class ApiError(WaybillError):
    """The system answered a call with a refusal; `status` is that of the answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where a Waybill runs: its gateway, and the provider that signs tokens for anyone, or the one token that is given."""

    gateway: str
    issuer: str | None = None
    given_token: str | None = None

    def token(self, user: str, roles: Sequence[str]) -> str:
        """Return a token for a user with roles, or the one that was given; raises WaybillError when there is none."""
        if self.given_token is not None:
            return self.given_token
        if self.issuer is None:
            raise WaybillError(f"{self.gateway} needs a token: give one with --token")
        return token(self.issuer, user, roles)


def deployment(data_dir: Path | None, gateway: str | None = None, given_token: str | None = None) -> Deployment:
    """Find the deployment a command is about; raises WaybillError when nothing runs on the data directory."""
    if gateway is not None:
        return Deployment(gateway.rstrip("/"), given_token=given_token)
    parts = running_state(data_dir).parts
    return Deployment(parts["gateway"].address, parts["identity"].address, given_token)


class Api:
    """One caller's way into the system; every answer is JSON."""

    def __init__(self, client: httpx2.AsyncClient, bearer: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {bearer}"}

    async def get(self, path: str, **query: str | int | None) -> Any:
        """Read a document; raises ApiError, WaybillError."""
        given = {name: value for name, value in query.items() if value is not None}
        return (await self.send("GET", path, params=given)).json()

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Ask for something to be done; raises ApiError, WaybillError."""
        return (await self.send("POST", path, json=body, headers=headers)).json()

    async def put(self, path: str, body: Any, **headers: str) -> Any:
        """Ask for something to become so; raises ApiError, WaybillError."""
        return (await self.send("PUT", path, json=body, headers=headers)).json()

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx2.Response:
        """Send a request; raises ApiError where it is refused, WaybillError where nobody answers."""
        given = self._headers | {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        try:
            answer = await self._client.request(method, path, headers=given, **content)
        except httpx2.HTTPError as error:
            where = self._client.base_url
            raise WaybillError(
                f"the gateway at {where} does not answer ({type(error).__name__}): see `./waybill status`"
            ) from error
        if answer.is_error:
            raise ApiError(_complaint(method, path, answer), answer.status_code)
        return answer

    async def pages(self, path: str, **query: str | int | None) -> AsyncIterator[Any]:
        """Read all items of a list, page by page."""
        cursor: str | None = None
        while True:
            page = await self.get(path, limit=PAGE, cursor=cursor, **query)
            for item in page["items"]:
                yield item
            cursor = page["next_cursor"]
            if cursor is None:
                return


def _complaint(method: str, path: str, answer: httpx2.Response) -> str:
    """Say in one line what was refused, why, and what to do where that is known."""
    try:
        problem = answer.json()
        reason = ": ".join(str(problem[name]).rstrip(".") for name in ("title", "detail") if problem.get(name))
    except (json.JSONDecodeError, AttributeError, TypeError, KeyError):
        reason = answer.text[:200].replace("\n", " ")
    advice = {401: "; give a valid token", 403: "; the token's roles do not allow it", 503: "; see `./waybill status`"}
    return f"{method} {path} answers {answer.status_code} {reason}{advice.get(answer.status_code, '')}"


@asynccontextmanager
async def client_of(place: Deployment, *, connections: int = 20) -> AsyncIterator[httpx2.AsyncClient]:
    """Open the connections to a deployment that several callers may share."""
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx2.AsyncClient(base_url=place.gateway, timeout=TIMEOUT_SECONDS, limits=limits) as client:
        yield client


@asynccontextmanager
async def signed_in(place: Deployment, user: str, *roles: str) -> AsyncIterator[Api]:
    """Open the way into a deployment as a user with roles."""
    bearer = place.token(user, roles)
    async with client_of(place) as client:
        yield Api(client, bearer)
