"""The links, in a process of their own: what services say does not wait for the people who trade, and each has a processor.

`python -m waybill.chaos.links` is told by lines of JSON on its standard input: first which links there are, then how one
of them is to behave from now on. It says `ready`, or what is wrong, and ends with its input.
"""

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import uvloop

from waybill.chaos.proxy import USUAL, Address, Link, Manner
from waybill.errors import WaybillError

READY: Final = "ready"
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class FarLink:
    """A link as seen from here: how it behaves can be told."""

    name: str
    links: "Links"

    @contextmanager
    def behaving(self, manner: Manner) -> Iterator[None]:
        """Have the link behave in a manner for the length of a block, also towards those connected already."""
        self.links.tell(self.name, manner)
        try:
            yield
        finally:
            self.links.tell(self.name, USUAL)


class Links:
    """The process with the links, and its reins."""

    def __init__(self, planned: Sequence[Link]) -> None:
        self._planned = planned
        self._process: asyncio.subprocess.Process | None = None
        self.by_name: Mapping[str, FarLink] = {link.name: FarLink(link.name, self) for link in planned}

    async def open(self) -> None:
        """Have all links listen. Raises WaybillError where an address is taken."""
        pipe = asyncio.subprocess.PIPE
        argv = [sys.executable, "-m", __name__]
        self._process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, start_new_session=True)
        self._write([_plan(link) for link in self._planned])
        said = b""
        if self._process.stdout is not None:
            async with asyncio.timeout(START_SECONDS):
                said = await self._process.stdout.readline()
        if said.decode().strip() != READY:
            raise WaybillError(f"the links cannot be opened: {said.decode().strip() or 'their process ended'}")

    @property
    def pids(self) -> tuple[int, ...]:
        """The process, where there is one."""
        return () if self._process is None else (self._process.pid,)

    def tell(self, name: str, manner: Manner) -> None:
        """Have a link behave in a manner from now on."""
        self._write({"name": name, "manner": dataclasses.asdict(manner)})

    def _write(self, what: Any) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def close(self) -> None:
        """End all links."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
                return
        self._process.kill()
        await self._process.wait()


def _plan(link: Link) -> dict[str, Any]:
    listens, target = (str(one) if isinstance(one, Path) else list(one) for one in (link.listens, link.target))
    return {"name": link.name, "listens": listens, "target": target, "seed": link.seed}


def _address(told: Any) -> Address:
    return Path(told) if isinstance(told, str) else (str(told[0]), int(told[1]))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    links: dict[str, Link] = {}
    try:
        for one in json.loads(await reader.readline()):
            link = Link(one["name"], _address(one["listens"]), _address(one["target"]), one["seed"])
            await link.open()
            links[link.name] = link
    except OSError as error:
        print(error, flush=True)  # noqa: T201 - the answer of this program
        return
    print(READY, flush=True)  # noqa: T201
    while line := await reader.readline():
        told = json.loads(line)
        links[told["name"]].become(Manner(**told["manner"]))
    for link in links.values():
        await link.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
