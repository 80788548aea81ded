"""A raw HTTP/1.1 client on kept-alive connections, cheap enough to load a machine that it shares with the system under load.

It sends requests that are bytes already and reads answers that say their length; anything else breaks the connection and counts
as a failed request. A connection carries one request at a time.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

_LENGTH: Final = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
_HEAD_END: Final = b"\r\n\r\n"


def request(method: str, path: str, host: str, token: str, key: str = "", body: bytes = b"") -> bytes:
    """Write a request."""
    idempotency = f"Idempotency-Key: {key}\r\n" if key else ""
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body or method != "GET" else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{idempotency}{content}\r\n"
    return head.encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 says that the connection broke, and `body` how."""

    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """One kept-alive connection; `on_answer` is called with each answer, and with status 0 when the connection breaks."""

    def __init__(self, on_answer: Callable[["Connection", Answer], None]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._waiting = False
        self.tag = -1
        """What the sender wants to remember about the request at hand."""

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        """Send a request; the answer of the one before must have come."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._waiting = True
        self._transport.write(data)

    def close(self) -> None:
        """Hang up."""
        self._waiting = False
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the way out."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Put an answer together and hand it over."""
        received = self._received + data if self._received else data
        end = received.find(_HEAD_END)
        if end < 0:
            self._received = received
            return
        length = _LENGTH.search(received, 0, end)
        if length is None:
            self._break(b"an answer without Content-Length")
            return
        total = end + len(_HEAD_END) + int(length[1])
        if len(received) < total:
            self._received = received
            return
        self._received = b""
        self._waiting = False
        self._on_answer(self, Answer(int(received[9:12]), received[:end], received[end + len(_HEAD_END) : total]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request at hand."""
        self._transport = None
        if self._waiting:
            self._break(f"the connection broke: {exc or 'closed by the other side'}".encode())

    def _break(self, why: bytes) -> None:
        self._waiting = False
        self._received = b""
        if self._transport is not None:
            self._transport.close()
        self._on_answer(self, Answer(0, b"", why))


async def connect(host: str, port: int, on_answer: Callable[[Connection, Answer], None]) -> Connection:
    """Open a connection; raises OSError."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(on_answer), host, port)
    return connection


async def send_all(host: str, port: int, requests: Sequence[bytes], connections: int = 32) -> list[Answer]:
    """Send requests over some connections, in their order; answers theirs. Raises OSError when nobody listens."""
    answers = [Answer(0, b"", b"not sent")] * len(requests)
    done = asyncio.Event()
    following = iter(range(len(requests)))
    working = 0

    def proceed(connection: Connection) -> None:
        nonlocal working
        connection.tag = next(following, -1) if connection.usable else -1
        if connection.tag >= 0:
            connection.send(requests[connection.tag])
            return
        working -= 1
        if not working:
            done.set()

    def note(connection: Connection, answer: Answer) -> None:
        answers[connection.tag] = answer
        proceed(connection)

    opened = await asyncio.gather(*(connect(host, port, note) for _ in range(min(connections, len(requests)))))
    working = len(opened)
    for connection in opened:
        proceed(connection)
    if opened:
        await done.wait()
    for connection in opened:
        connection.close()
    return answers
