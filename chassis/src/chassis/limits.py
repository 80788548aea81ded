"""How much one caller may ask: so many requests a minute, told in every answer, refused past it with when to come back.

Counted per process, in windows of WINDOW_SECONDS that begin with a caller's first request, so that a limit costs no round trip;
behind a gateway that spreads a caller over n replicas the whole is n times as much. It protects the service from a client gone
wild and is no quota to be billed. Fields: draft-ietf-httpapi-ratelimit-headers.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.domain import Refusal

WINDOW_SECONDS: Final = 60
REMEMBERED_CALLERS: Final = 20_000
STATE_KEY: Final = "allowance"


class TooManyRequestsError(Refusal):
    """The caller has asked too much in this minute."""

    slug = "too-many-requests"
    title = "Too many requests"
    status = 429


@dataclass(slots=True)
class Allowance:
    """What is left of a caller's window; `ends_at` by the monotonic clock."""

    limit: int
    left: int
    ends_at: float

    def headers(self, now: float) -> list[tuple[bytes, bytes]]:
        """Tell it as response headers."""
        seconds = max(0, round(self.ends_at - now))
        return [
            (b"ratelimit-policy", b'"caller";q=%d;w=%d' % (self.limit, WINDOW_SECONDS)),
            (b"ratelimit", b'"caller";r=%d;t=%d' % (max(0, self.left), seconds)),
        ]


class Limiter:
    """The callers' windows; the longest unseen are forgotten first."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: OrderedDict[str, Allowance] = OrderedDict()

    def count(self, caller: str) -> Allowance:
        """Count a request; the answer's `left` is below 0 when it is one too many."""
        now = time.monotonic()
        window = self._windows.get(caller)
        if window is None or window.ends_at <= now:
            window = self._windows[caller] = Allowance(self._per_minute, self._per_minute, now + WINDOW_SECONDS)
            self._windows.move_to_end(caller)
            if len(self._windows) > REMEMBERED_CALLERS:
                self._windows.popitem(last=False)
        window.left -= 1
        return window


def refuse(allowance: Allowance) -> None:
    """Refuse a request that is one too many; raises TooManyRequestsError."""
    if allowance.left < 0:
        seconds = max(1, round(allowance.ends_at - time.monotonic()))
        raise TooManyRequestsError(
            f"At most {allowance.limit} requests in {WINDOW_SECONDS} seconds; come back in {seconds}.", retry_after=seconds
        )


class TellAllowance:
    """Adds what is left to the answer of every request whose caller was counted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and STATE_KEY in state:
                message["headers"] = [*message["headers"], *state[STATE_KEY].headers(time.monotonic())]
            await send(message)

        await self._app(scope, receive, told)
