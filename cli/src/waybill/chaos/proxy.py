"""A link between two parts that can be hurt: what one sends reaches the other late, in one direction only, or not at all.

It stands in for the network at the level of streams. A cut resets every connection and refuses new ones. Silence keeps what is
sent until it is over, as TCP's repeats do. Loss shows as it does to a program: a piece in fifty comes a fifth of a second late,
and all that follows it.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

REPEAT_SECONDS: Final = 0.2
"""How late a lost piece comes: TCP's shortest pause before it repeats itself."""
CONNECT_SECONDS: Final = 5.0

Address = Path | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a link treats what passes: refused, kept back there or back, late by `delay` seconds, lost by the share `loss`."""

    cut: bool = False
    mute_there: bool = False
    mute_back: bool = False
    delay: float = 0.0
    loss: float = 0.0


USUAL: Final = Manner()


class Link:
    """A listener that hands every connection on to its target."""

    def __init__(self, name: str, listens: Address, target: Address, seed: int = 0) -> None:
        self.name = name
        self.listens = listens
        self.target = target
        self.manner = USUAL
        self.seed = seed
        self.chance = random.Random(f"{seed}-{name}")  # noqa: S311 - the point is that it can be repeated
        self.passed = 0
        self._server: asyncio.Server | None = None
        self._halves: set[_Half] = set()

    async def open(self) -> None:
        """Listen; raises OSError where the address is taken."""
        loop = asyncio.get_running_loop()
        if isinstance(self.listens, Path):
            self.listens.unlink(missing_ok=True)
            self._server = await loop.create_unix_server(self._accept, str(self.listens))
        else:
            self._server = await loop.create_server(self._accept, *self.listens)

    async def close(self) -> None:
        """Stop listening, and end what is connected."""
        if self._server is not None:
            self._server.close()
        self._reset()
        if isinstance(self.listens, Path):
            self.listens.unlink(missing_ok=True)

    @contextmanager
    def behaving(self, manner: Manner) -> Iterator[None]:
        """Have the link behave in a manner for the length of a block, also towards those connected already."""
        self.become(manner)
        try:
            yield
        finally:
            self.become(USUAL)

    def become(self, manner: Manner) -> None:
        """Have the link behave in a manner from now on."""
        self.manner = manner
        if manner.cut:
            self._reset()
        for half in tuple(self._halves):
            half.go_on()

    def _reset(self) -> None:
        for half in tuple(self._halves):
            half.abort()

    def _accept(self) -> asyncio.Protocol:
        near = _Half(self, there=True)
        far = _Half(self, there=False)
        near.other, far.other = far, near
        return near

    async def _connect(self, far: "_Half") -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if isinstance(self.target, Path):
                    await loop.create_unix_connection(lambda: far, str(self.target))
                else:
                    await loop.create_connection(lambda: far, *self.target)
        except (OSError, TimeoutError):
            far.other.abort()

    def entered(self, half: "_Half") -> None:
        """Take a connection's half into the books; the near one has the far one made."""
        self._halves.add(half)
        if half.there:
            half.connecting = asyncio.get_running_loop().create_task(self._connect(half.other))

    def left(self, half: "_Half") -> None:
        """Strike a connection's half out."""
        self._halves.discard(half)


class _Half(asyncio.Protocol):
    """One end of a connection: what arrives here leaves at the other end."""

    def __init__(self, link: Link, *, there: bool) -> None:
        self.other: _Half = self
        self.there = there
        self.connecting: asyncio.Task[None] | None = None
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._finished = False
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # streams have no other
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._link.manner.cut:
            self._transport.abort()
            return
        self._link.entered(self)
        self.other.go_on()

    def data_received(self, data: bytes) -> None:
        manner = self._link.manner
        now = asyncio.get_running_loop().time()
        late = manner.delay
        if manner.loss and self._link.chance.random() < manner.loss:
            late += REPEAT_SECONDS
        if not late and not self._waiting and not self._held and self.other.writable:
            self.other.write(data)
            return
        after = self._waiting[-1][0] if self._waiting else 0.0
        self._waiting.append((max(now + late, after), data))
        self.go_on()

    @property
    def writable(self) -> bool:
        """Whether there is a connection to write to."""
        return self._transport is not None

    @property
    def _held(self) -> bool:
        manner = self._link.manner
        return manner.mute_there if self.there else manner.mute_back

    def go_on(self) -> None:
        """Hand on what is due, and come again when the next piece is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held or not self.other.writable:
            return
        loop = asyncio.get_running_loop()
        while self._waiting and self._waiting[0][0] <= loop.time():
            self.other.write(self._waiting.popleft()[1])
        if self._waiting:
            self._timer = loop.call_at(self._waiting[0][0], self.go_on)
        elif self._ended:
            self.other.finish()

    def write(self, data: bytes) -> None:
        """Send on."""
        if self._transport is not None:
            self._link.passed += len(data)
            self._transport.write(data)

    def eof_received(self) -> bool:
        self._ended = True
        self.go_on()
        return True

    def finish(self) -> None:
        """Say that nothing more comes; when both sides were told, the connection is over."""
        self._finished = True
        for half in (self, self.other):
            if half._transport is not None:  # noqa: SLF001 - the two are one connection
                if self.other._finished:  # noqa: SLF001
                    half._transport.close()  # noqa: SLF001
                elif half is self:
                    with contextlib.suppress(OSError, RuntimeError):
                        half._transport.write_eof()  # noqa: SLF001

    def pause_writing(self) -> None:
        other = self.other._transport  # noqa: SLF001 - the two are one connection
        if other is not None and self.other._reading:  # noqa: SLF001
            self.other._reading = False  # noqa: SLF001
            other.pause_reading()

    def resume_writing(self) -> None:
        other = self.other._transport  # noqa: SLF001
        if other is not None and not self.other._reading:  # noqa: SLF001
            self.other._reading = True  # noqa: SLF001
            other.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._link.left(self)
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        other = self.other._transport  # noqa: SLF001
        if other is not None:
            if error is not None:
                other.abort()
            else:
                other.close()

    def abort(self) -> None:
        """Reset the connection."""
        if self.connecting is not None:
            self.connecting.cancel()
        if self._transport is not None:
            with contextlib.suppress(OSError, ValueError):  # it may be closing at this moment
                sock = self._transport.get_extra_info("socket")
                if sock is not None and sock.family != socket.AF_UNIX:  # without lingering: the other side is told by a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
