"""People who look at pages while others order, at a steady rate.

As with orders, latency counts from the moment a page was due, whenever it could be asked for. A page that is not answered with
200 counts against the run.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final

from bench.checking import Check
from bench.client import Answer, Connection, connect, request, send_all
from bench.figures import Percentiles
from bench.pages import ADMIN, ADMIN_PAGES, KINDS, OWN_LIST, OWN_LISTS, Known, Page, in_turn, pages

CONNECTIONS: Final = 32
OK: Final = 200
ALL: Final = {OWN_LISTS: OWN_LIST, ADMIN_PAGES: ADMIN}
"""Kinds that are also told together, by how their names begin."""


@dataclass
class Reader:
    """Asks for pages of what is `known`, `rate` a second; customers and staff by their tokens."""

    host: str
    port: int
    customers: Sequence[str]
    manager: str
    known: Known | None
    rate: float
    seed: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[str] = field(default_factory=Counter)

    async def warm_up(self) -> None:
        """Ask for a page of each kind, twice and unmeasured: the first of its kind makes statements that later ones find."""
        if self.known is not None:
            some = islice(pages(self.known, random.Random(self.seed + 1)), 2 * len(in_turn()))
            await send_all(self.host, self.port, [self._request(page) for page in some], 4)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work as long as the block lasts."""
        if not self.rate or self.known is None:
            yield
            return
        enough = asyncio.Event()
        work = asyncio.create_task(self._work(self.known, enough))
        try:
            yield
        finally:
            enough.set()
            await work

    @property
    def took(self) -> Mapping[str, Percentiles]:
        """How long the pages of each kind took, and those of several kinds together."""
        found = {kind: Percentiles.of(seconds) for kind, seconds in self.seconds.items()}
        for name, beginning in ALL.items():
            together = [one for kind, seconds in self.seconds.items() if kind.startswith(beginning) for one in seconds]
            found[name] = Percentiles.of(together)
        return found

    @property
    def check(self) -> Check:
        """Whether pages of all kinds were answered, and none was refused."""
        problems = [f"{number} x {what}" for what, number in sorted(self.refused.items())]
        problems += [f"no page was asked for: {kind}" for kind in KINDS if kind not in self.seconds]
        return Check("every page was answered", "; ".join(problems[:5]))

    def _request(self, page: Page) -> bytes:
        token = self.manager if page.customer is None else self.customers[page.customer]
        return request("GET", page.path, f"{self.host}:{self.port}", token)

    async def _work(self, known: Known, enough: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        free: asyncio.Queue[Connection] = asyncio.Queue()
        answers: dict[Connection, asyncio.Future[Answer]] = {}

        def note(connection: Connection, answer: Answer) -> None:
            answers.pop(connection).set_result(answer)

        async def ask(kind: str, wanted: bytes, due_at: float) -> None:
            connection = await free.get()
            answers[connection] = loop.create_future()
            connection.send(wanted)
            answer = await answers[connection]
            self.seconds[kind].append(loop.time() - due_at)
            if answer.status != OK:
                self.refused[f"{kind} answered {answer.status} {answer.body[:120]!r}"] += 1
            free.put_nowait(connection if connection.usable else await connect(self.host, self.port, note))

        opened = [await connect(self.host, self.port, note) for _ in range(CONNECTIONS)]
        for connection in opened:
            free.put_nowait(connection)
        began, asked = loop.time(), set[asyncio.Task[None]]()
        wanted = pages(known, random.Random(self.seed))
        for index, page in zip(count(), wanted, strict=False):
            due_at = began + index / self.rate
            await asyncio.sleep(max(0.0, due_at - loop.time()))
            if enough.is_set():
                break
            asked.add(asyncio.create_task(ask(page.kind, self._request(page), due_at)))
        await asyncio.gather(*asked)
        while not free.empty():
            free.get_nowait().close()
