"""How much may be asked, by one caller in a minute and by all at once; who asks too much is told when to come back.

A caller is counted per process, in windows of WINDOW_SECONDS from a first request on, so that a limit costs no round trip;
behind a gateway that spreads a caller over n replicas the whole is n times as much. It protects the service from a client gone
wild and is no quota to be billed. Fields: draft-ietf-httpapi-ratelimit-headers. All together are counted so that memory stays
bounded when something behind is slow: a request that waits holds some 50 kB.
"""

import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.batch import BusyError
from chassis.domain import Refusal
from chassis.problems import problem

WINDOW_SECONDS: Final = 60
REMEMBERED_CALLERS: Final = 20_000
STATE_KEY: Final = "allowance"
ALWAYS_ANSWERED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""Who looks after a process must see it when it is busy, too."""
BUSY: Final = "busy"
COME_BACK_SECONDS: Final = 1


class TooManyRequestsError(Refusal):
    """The caller has asked too much in this minute, or for too much at once."""

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


class Streams:
    """The streams of events that are open, by caller: once begun, a stream is not among the requests inside any more."""

    def __init__(self, per_caller: int, most: int) -> None:
        self._per_caller = per_caller
        self._most = most
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Count a stream for as long as it is open; raises TooManyRequestsError, or BusyError, where it is one too many."""
        if self._open[caller] >= self._per_caller:
            raise TooManyRequestsError(
                f"At most {self._per_caller} streams may be open at once; close one first.", retry_after=COME_BACK_SECONDS
            )
        if self._open.total() >= self._most:
            raise BusyError(f"{self._most} streams are open; read what you need instead.", retry_after=COME_BACK_SECONDS)
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]


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


class Doors:
    """How many requests are inside a process, and how many may be."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    @property
    def crowded(self) -> bool:
        """Whether nobody should stay who could go."""
        return self.inside > self.most // 2


class AtOnce:
    """Lets in those for whom there is room and tells the others to come back; a stream of events counts until it begins."""

    def __init__(self, app: ASGIApp, doors: Doors, refused: Callable[[], None]) -> None:
        self._app = app
        self._doors = doors
        self._refused = refused
        detail = f"{doors.most} requests are being worked on; come back in a moment."
        wait = {"Retry-After": str(COME_BACK_SECONDS)}
        self._busy = problem(503, BUSY, BusyError.title, detail, wait, retry_after=COME_BACK_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or tell it to come back."""
        doors = self._doors
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await self._app(scope, receive, send)
            return
        if doors.inside >= doors.most:
            self._refused()
            await self._busy(scope, receive, send)
            return
        doors.inside += 1
        answered = False

        async def told(message: Message) -> None:
            nonlocal answered
            if not answered:
                answered = True
                doors.inside -= 1
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            if not answered:
                doors.inside -= 1
