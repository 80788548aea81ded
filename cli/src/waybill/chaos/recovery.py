"""How long customers wait when one part is lost: measured when all is calm, one loss after the other.

Orders are placed all the time, and each is waited for until it is confirmed. The figure of a loss is the longest that any of
the orders placed around it took, from the request to the confirmation: what a customer sees, restart included.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from waybill.chaos.people import Person
from waybill.chaos.trade import ADDRESSES, CREATED, Trade
from waybill.chaos.world import World

EVERY_SECONDS: Final = 0.1
BEFORE_SECONDS: Final = 2.0
AFTER_SECONDS: Final = 12.0
LOOK_AGAIN_SECONDS: Final = 0.05
WAIT: Final = "wait=10"


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss to be measured: who is told what, and the goal in seconds."""

    name: str
    says: str
    goal: float
    part: str
    signal: signal.Signals


LOSSES: Final = (
    Loss("graceful restart", "one of two order processes is restarted in good order", 1.0, "order-2", signal.SIGTERM),
    Loss("replica kill", "kill -9 of one of two order processes", 8.0, "order-2", signal.SIGKILL),
    Loss("service kill", "kill -9 of the only payment process", 8.0, "payment", signal.SIGKILL),
    Loss("broker kill", "kill -9 of Kafka", 5.0, "kafka", signal.SIGKILL),
    Loss("PostgreSQL kill", "kill -9 of PostgreSQL", 5.0, "postgres", signal.SIGKILL),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of a loss: the usual time to confirm, and the longest around it; in seconds."""

    loss: Loss
    usual: float
    longest: float
    orders: int

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        return self.longest <= self.loss.goal


async def measure(world: World, trade: Trade, tell: Callable[[str], None]) -> list[Figure]:
    """Measure every loss."""
    figures = []
    for loss in LOSSES:
        if loss.part in world.running.state.parts:
            tell(f"measuring: {loss.says}")
            figures.append(await _of(world, trade, loss))
    return figures


async def _of(world: World, trade: Trade, loss: Loss) -> Figure:
    before: list[float] = []
    after: list[float] = []
    await world.calm()
    async with asyncio.TaskGroup() as orders:
        began = time.monotonic()
        struck = False
        while (elapsed := time.monotonic() - began) < BEFORE_SECONDS + AFTER_SECONDS:
            if elapsed >= BEFORE_SECONDS and not struck:
                struck = True
                pid = world.running.pid(loss.part)
                if pid is not None:
                    os.kill(pid, loss.signal)
            orders.create_task(_order(trade, after if elapsed >= BEFORE_SECONDS - 1 else before))
            await asyncio.sleep(EVERY_SECONDS)
    return Figure(loss, round(median(before), 3), round(max(after), 2), len(after))


async def _order(trade: Trade, times: list[float]) -> None:
    """Place an order, and note how long it takes to be confirmed."""
    number = next(trade.numbers)
    customer = trade.customers[number % len(trade.customers)]
    key = f"{trade.plan.seed}-calm-{number}"
    began = time.monotonic()
    body: dict[str, Any] = {
        "items": [{"product_id": "CHAOS-0", "quantity": 1}],
        "shipping_address": ADDRESSES[0],
        "contact": {"email": f"{customer.user}@example.com"},
        "payment": {"method": "card", "token": "tok_ok"},
    }
    answer = await customer.ask("POST", "/api/orders", body, key=key, Prefer=WAIT)
    if answer.status_code != CREATED:
        trade.books.complain(key, f"was refused: {answer.status_code} {answer.text[:200]}")
        return
    placed = answer.json()
    trade.note(key, placed["order_id"], customer.user)
    if placed["status"] == "Pending":
        await _confirmed(customer, placed["order_id"])
    times.append(time.monotonic() - began)


async def _confirmed(customer: Person, order_id: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        order: Mapping[str, Any] | None = await customer.read(f"/api/orders/{order_id}")
        if order is not None and order["status"] != "Pending":
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
