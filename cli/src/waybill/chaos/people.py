"""People at the gateway who do not give up: what is not answered is asked again, under the same Idempotency-Key."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from typing import Any, Final

import httpx2

from waybill.tokens import token

PAUSE_SECONDS: Final = 0.3
LONGEST_PAUSE_SECONDS: Final = 5.0
LATER: Final = 1.5
"""Who is told when to come back comes up to so much later: not all at the same moment."""
LONGEST_GAP_SECONDS: Final = 20.0
"""More than a request and a pause take."""
TOKEN_SECONDS: Final = 900.0
UNAUTHORIZED: Final = 401
CONFLICT: Final = 409
TOO_MANY: Final = 429
SERVER_ERROR: Final = 500


class UnansweredError(Exception):
    """Nobody answered a request for as long as anybody waits."""


class Patience:
    """So many seconds of patience. While the whole machine stood still nobody waited: no gap counts for more than a while."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._looked = time.monotonic()

    def lasts(self) -> bool:
        """Tell whether there is any left."""
        now = time.monotonic()
        self._left -= min(now - self._looked, LONGEST_GAP_SECONDS)
        self._looked = now
        return self._left > 0


class Person:
    """Somebody with a token, who asks again until there is an answer or `patience` seconds are over."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        issuer: str,
        user: str,
        roles: Sequence[str],
        patience: float,
        longest_pause: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self.user = user
        self._client = client
        self._issuer = issuer
        self._roles = roles
        self._patience = patience
        self._longest_pause = longest_pause
        self._chance = random.Random(user)  # noqa: S311 - the point is that it can be repeated
        self._token = ""
        self._signed_in = float("-inf")
        self._signing_in = asyncio.Lock()

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> httpx2.Response:
        """Send a request until it is answered; raises UnansweredError."""
        patience = Patience(self._patience)
        last, pause, told = "nothing", PAUSE_SECONDS, 0.0
        while patience.lasts():
            try:
                answer = await self.ask_once(method, path, body, key=key, **headers)
            except Exception as error:  # noqa: BLE001 - whatever keeps the answer away (uvloop's closed transports are no HTTPError)
                last, told = f"{type(error).__name__}: {error}", 0.0
            else:
                if not _come_again(answer):
                    return answer
                told = _told(answer)
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code == UNAUTHORIZED:
                    self._signed_in = float("-inf")
            wait = min(max(pause, told), self._longest_pause)
            await asyncio.sleep(wait * self._chance.uniform(1, LATER))
            pause = min(pause * 1.5, self._longest_pause)
        raise UnansweredError(f"{method} {path} was not answered within {self._patience:.0f} s; the last answer: {last}")

    async def ask_once(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, **headers: str
    ) -> httpx2.Response:
        """Send a request; raises httpx2.HTTPError where it is not answered, WaybillError where nobody signs people in."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["Authorization"] = f"Bearer {await self.bearer()}"
        if key is not None:
            given["Idempotency-Key"] = key
        content = {} if body is None else {"json": body}
        return await self._client.request(method, path, headers=given, **content)

    async def bearer(self) -> str:
        """Give the token; raises WaybillError where nobody signs people in."""
        async with self._signing_in:
            if time.monotonic() - self._signed_in > TOKEN_SECONDS:
                self._token = await asyncio.to_thread(token, self._issuer, self.user, self._roles)
                self._signed_in = time.monotonic()
            return self._token

    async def read(self, path: str) -> Any:
        """Read a document; None where there is none. Raises UnansweredError."""
        answer = await self.ask("GET", path)
        with contextlib.suppress(ValueError):
            return answer.json() if answer.is_success else None
        return None


def _told(answer: httpx2.Response) -> float:
    """Read when one is told to come back."""
    after = answer.headers.get("Retry-After", "")
    return float(after) if after.isdigit() else 0.0


def _come_again(answer: httpx2.Response) -> bool:
    """Tell whether an answer decides nothing, so that the request is to be repeated."""
    if answer.status_code == CONFLICT:
        return "request-in-flight" in answer.text
    return answer.status_code >= SERVER_ERROR or answer.status_code in {UNAUTHORIZED, TOO_MANY}
