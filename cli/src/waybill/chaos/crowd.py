"""A crowd before a process whose database is slow: memory must stay bounded, and who cannot be served is told when to come.

More people than may wait ask one order process for an order, all at the same moment, while its database answers late. Each is
told 201, or 503 with Retry-After, and comes back then; nothing else is an answer. In the end everybody has an order.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import psutil

from waybill.chaos.proxy import Manner
from waybill.chaos.recovery import order_of
from waybill.chaos.trade import CREATED, Trade
from waybill.chaos.world import World

PEOPLE: Final = 1000
SLOW_SECONDS: Final = 0.5
"""What each round trip to the database takes longer."""
LASTS_SECONDS: Final = 12.0
"""How long the database is slow; then it has to be over within PATIENCE_SECONDS."""
PATIENCE_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 60.0
SAMPLE_SECONDS: Final = 0.1
PROCESS: Final = "order-2"
ALLOWED: Final = 1.3
BUSY: Final = 503


@dataclass(slots=True)
class Crowded:
    """How a crowd was served: the process's memory before and at its most, in bytes, and how often each answer was given."""

    before: int = 0
    most: int = 0
    served: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    @property
    def growth(self) -> float:
        """How many times as much memory it took."""
        return round(self.most / max(1, self.before), 2)

    @property
    def met(self) -> bool:
        """Whether memory stayed bounded, everybody was served, and nobody was sent away without being told when to come."""
        return self.growth <= ALLOWED and self.served == PEOPLE and self.answers.keys() <= {"201", "503"}


async def crowd(world: World, trade: Trade, tell: Callable[[str], None]) -> Crowded:
    """Let a crowd in, and see; what is not as it must be is a complaint."""
    tell(f"{PEOPLE} people at once, and a slow database")
    await world.calm()
    crowded = Crowded()
    pid = world.running.pid(PROCESS)
    if pid is None:
        trade.books.complain("crowd", f"{PROCESS} does not run")
        return crowded
    process = psutil.Process(pid)
    crowded.before = process.memory_info().rss
    watching = asyncio.create_task(_watch(process, crowded))
    address = world.running.state.parts[PROCESS].address.removeprefix("http://")
    people = [asyncio.create_task(_one(trade, address, crowded)) for _ in range(PEOPLE)]
    with world.links["order-postgres"].behaving(Manner(delay=SLOW_SECONDS / 2)):
        await asyncio.wait(people, timeout=LASTS_SECONDS)
    await asyncio.wait(people, timeout=PATIENCE_SECONDS)
    watching.cancel()
    for one in people:
        one.cancel()
    for error in await asyncio.gather(*people, return_exceptions=True):
        if isinstance(error, BaseException):
            crowded.answers[type(error).__name__] += 1
    if not crowded.met:
        said = ", ".join(f"{count} times {answer}" for answer, count in crowded.answers.most_common())
        trade.books.complain(
            "crowd", f"memory grew {crowded.growth} times (allowed {ALLOWED}); {crowded.served} of {PEOPLE} were served; {said}"
        )
    return crowded


async def _watch(process: psutil.Process, crowded: Crowded) -> None:
    while True:
        crowded.most = max(crowded.most, process.memory_info().rss)
        await asyncio.sleep(SAMPLE_SECONDS)


async def _one(trade: Trade, address: str, crowded: Crowded) -> None:
    """Ask until there is an order, and come back when one is told to."""
    customer, key, body = order_of(trade)
    text = json.dumps(body).encode()
    began = time.monotonic()
    while True:
        head = (
            f"POST /api/orders HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {await customer.bearer()}\r\n"
            f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
            "Connection: close\r\n\r\n"
        )
        status, headers, answer = await _ask(address, head.encode() + text)
        after = headers.get("retry-after")
        crowded.answers[str(status) if status == CREATED or after is not None else f"{status} without Retry-After"] += 1
        if status == CREATED:
            trade.note(key, json.loads(answer)["order_id"], customer.user)
            crowded.served += 1
            crowded.slowest = max(crowded.slowest, round(time.monotonic() - began, 1))
            return
        await asyncio.sleep(float(after or 1))


async def _ask(address: str, request: bytes) -> tuple[int, dict[str, str], Any]:
    """Send a request on a connection of its own: a pool for thousands at once costs more than they do."""
    host, _, port = address.partition(":")
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    first, *lines = head.decode().split("\r\n")
    return (
        int(first.split()[1]),
        {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)},
        body,
    )
