"""Orders are taken whoever is away: Kafka for as long as is wanted, then payment, inventory and notification at once.

All is calm otherwise. Orders are placed all the time, each asked for once: every one must be acknowledged, and confirmed when
those who were away are back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx2

from waybill.chaos.recovery import LostOrderError, confirmed, order_of
from waybill.chaos.trade import CREATED, Trade
from waybill.chaos.world import World
from waybill.errors import WaybillError

EVERY_SECONDS: Final = 0.1
ENOUGH: Final = 1500
"""No more orders than that are asked for, however long an outage is."""
LONGEST_OF_SERVICES: Final = 60.0
CAUGHT_UP_SECONDS: Final = 120.0
CAUGHT_UP_A_SECOND: Final = 10
"""What was left undone may take as long as these two say, on however busy a machine."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Who is away."""

    name: str
    says: str
    services: tuple[str, ...]
    longest: float = float("inf")


OUTAGES: Final = (
    Outage("kafka", "Kafka is away", ("kafka",)),
    Outage(
        "services",
        "payment, inventory and notification are away",
        ("payment", "inventory", "notification"),
        LONGEST_OF_SERVICES,
    ),
)


@dataclass(slots=True)
class Endured:
    """How an outage was endured: orders asked for and taken, the longest answer, and how soon all were confirmed afterwards."""

    outage: Outage
    seconds: float
    asked: int = 0
    taken: int = 0
    slowest: float = 0.0
    caught_up: float | None = None
    answers: Counter[str] = field(default_factory=Counter)
    """What was answered instead, or not at all."""

    @property
    def met(self) -> bool:
        """Whether every order was taken, and confirmed in the end."""
        return self.taken == self.asked and self.caught_up is not None


async def endure(world: World, trade: Trade, tell: Callable[[str], None], seconds: float) -> list[Endured]:
    """Have everybody away who may be, one outage after the other; what is not as it must be is a complaint."""
    found = []
    for outage in OUTAGES:
        lasts = min(seconds, outage.longest)
        tell(f"{outage.says} for {lasts:.0f} s")
        await world.calm()
        endured = await _endure(world, trade, outage, lasts)
        found.append(endured)
        if endured.taken < endured.asked:
            other = ", ".join(f"{count} {answer}" for answer, count in endured.answers.most_common())
            trade.books.complain(outage.name, f"{outage.says}: {endured.taken} of {endured.asked} orders were taken; {other}")
    return found


async def _endure(world: World, trade: Trade, outage: Outage, seconds: float) -> Endured:
    endured = Endured(outage, seconds)
    names = [name for service in outage.services for name in world.running.replicas(service)]
    placed: list[str] = []
    with world.running.supervisor.keeping_down(*names):
        async with asyncio.TaskGroup() as orders:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                orders.create_task(_place(trade, endured, placed))
                await asyncio.sleep(max(EVERY_SECONDS, seconds / ENOUGH))
    began = time.monotonic()
    until = began + CAUGHT_UP_SECONDS + len(placed) / CAUGHT_UP_A_SECOND
    try:
        for order_id in placed:
            await confirmed(trade.staff, f"/api/admin/orders/{order_id}", until - time.monotonic())
    except (LostOrderError, TimeoutError) as error:
        trade.books.complain(outage.name, f"{outage.says}: afterwards not all orders were confirmed in time: {error}")
        return endured
    endured.caught_up = round(time.monotonic() - began, 1)
    return endured


async def _place(trade: Trade, endured: Endured, placed: list[str]) -> None:
    """Ask for an order once; one that may have been placed without an answer is asked for again, to know of it."""
    customer, key, body = order_of(trade)
    endured.asked += 1
    began = time.monotonic()
    try:
        answer = await customer.ask_once("POST", "/api/orders", body, key=key)
        endured.slowest = max(endured.slowest, round(time.monotonic() - began, 3))
    except (httpx2.HTTPError, WaybillError) as error:
        endured.answers[type(error).__name__] += 1
        answer = await customer.ask("POST", "/api/orders", body, key=key)
    else:
        if answer.status_code == CREATED:
            endured.taken += 1
        else:
            endured.answers[f"{answer.status_code} {answer.text[:80]}"] += 1
            answer = await customer.ask("POST", "/api/orders", body, key=key)
    if answer.status_code == CREATED:
        placed.append(trade.note(key, answer.json()["order_id"], customer.user).order_id)
