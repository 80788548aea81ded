"""How long customers wait when one part is lost: measured when all is calm, one loss after the other.

Orders are placed all the time, and ten a second are waited for until they are confirmed. The figure of a loss is the longest
that any of the orders placed around it took, from the request to the confirmation: what a customer sees, restart included.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from waybill.chaos.people import Person
from waybill.chaos.trade import ADDRESSES, CREATED, Trade
from waybill.chaos.world import World

QUIET: Final = 10
"""Orders a second, each of them waited for."""
BUSY: Final = 40
"""As many as two cores carry through the links that chaos puts between all parts: of more, all wait without a loss, too."""
BEFORE_SECONDS: Final = 2.0
SOONEST_SECONDS: Final = 4.0
LATEST_SECONDS: Final = 20.0
"""Orders are placed so long after the loss at the least, and at the most; in between until all is as before."""
AS_BEFORE_SECONDS: Final = 1.0
LOOK_AGAIN_SECONDS: Final = 0.05
WAIT: Final = "wait=10"
CONFIRMED: Final = frozenset({"Processing", "Shipped", "Delivered", "Refunded"})
CONFIRMED_SECONDS: Final = 60.0
"""No order is waited for longer than that until it is confirmed."""


class LostOrderError(Exception):
    """An order was cancelled with which nothing was wrong."""


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
    """What was measured of a loss at `rate` orders a second: the usual time to confirm, and the longest; in seconds."""

    loss: Loss
    rate: int
    usual: float
    longest: float
    orders: int

    @property
    def met(self) -> bool:
        """Whether the goal is met; where no order was confirmed nothing was measured."""
        return self.orders > 0 and self.longest <= self.loss.goal


@dataclass(slots=True)
class _Waiting:
    """Orders on their way: how long those took that were placed before the loss, and around it."""

    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    open: dict[str, float] = field(default_factory=dict)

    @property
    def as_before(self) -> bool:
        """Whether nobody waits for long any more."""
        return time.monotonic() - min(self.open.values(), default=float("inf")) < AS_BEFORE_SECONDS


async def measure(world: World, trade: Trade, tell: Callable[[str], None], rate: int = QUIET) -> list[Figure]:
    """Measure every loss while so many orders a second are placed."""
    figures = []
    for loss in LOSSES:
        if loss.part in world.running.state.parts:
            tell(f"measuring at {rate} orders a second: {loss.says}")
            figures.append(await _of(world, trade, loss, rate))
    return figures


async def _of(world: World, trade: Trade, loss: Loss, rate: int) -> Figure:
    waiting = _Waiting()
    await world.calm()
    async with asyncio.TaskGroup() as orders:
        began = time.monotonic()
        struck, placed = False, 0
        while (elapsed := time.monotonic() - began) < BEFORE_SECONDS + LATEST_SECONDS:
            if elapsed >= BEFORE_SECONDS and not struck:
                struck = True
                pid = world.running.pid(loss.part)
                if pid is not None:
                    os.kill(pid, loss.signal)
            if elapsed > BEFORE_SECONDS + SOONEST_SECONDS and waiting.as_before and await world.answers_all():
                break
            times = waiting.after if elapsed >= BEFORE_SECONDS - 1 else waiting.before
            orders.create_task(_order(trade, waiting, times) if placed % (rate // QUIET) == 0 else _place(trade))
            placed += 1
            await asyncio.sleep(began + placed / rate - time.monotonic())
    usual, longest = median(waiting.before or [0.0]), max(waiting.after, default=0.0)
    return Figure(loss, rate, round(usual, 3), round(longest, 2), len(waiting.after))


def order_of(trade: Trade) -> tuple[Person, str, dict[str, Any]]:
    """Make up an order: who asks for it, under which Idempotency-Key, and what."""
    number = next(trade.numbers)
    customer = trade.impatient[number % len(trade.impatient)]
    body: dict[str, Any] = {
        "items": [{"product_id": "CHAOS-0", "quantity": 1}],
        "shipping_address": ADDRESSES[0],
        "contact": {"email": f"{customer.user}@example.com"},
        "payment": {"method": "card", "token": "tok_ok"},
    }
    return customer, f"{trade.plan.seed}-calm-{number}", body


async def _place(trade: Trade, **headers: str) -> tuple[Person, Mapping[str, Any]] | None:
    customer, key, body = order_of(trade)
    answer = await customer.ask("POST", "/api/orders", body, key=key, **headers)
    if answer.status_code != CREATED:
        trade.books.complain(key, f"was refused: {answer.status_code} {answer.text[:200]}")
        return None
    placed: Mapping[str, Any] = answer.json()
    trade.note(key, placed["order_id"], customer.user)
    return customer, placed


async def _order(trade: Trade, waiting: _Waiting, times: list[float]) -> None:
    """Place an order, and note how long it takes to be confirmed."""
    me, began = str(id(asyncio.current_task())), time.monotonic()
    waiting.open[me] = began
    try:
        placed = await _place(trade, Prefer=WAIT)
        if placed is not None:
            customer, order = placed
            if order["status"] not in CONFIRMED:
                await confirmed(customer, f"/api/orders/{order['order_id']}")
            times.append(time.monotonic() - began)
    except (LostOrderError, TimeoutError) as error:
        trade.books.complain("confirmed", str(error))
    finally:
        del waiting.open[me]


async def confirmed(who: Person, path: str, seconds: float = CONFIRMED_SECONDS) -> None:
    """Wait until an order is confirmed; raises TimeoutError after so many seconds, LostOrderError where it is cancelled."""
    until = time.monotonic() + seconds
    while True:
        order: Mapping[str, Any] | None = await who.read(path)
        if order is not None and order["status"] in CONFIRMED:
            return
        if order is not None and order["status"] == "Cancelled":
            raise LostOrderError(f"{path} is cancelled, and nothing was wrong with it")
        if time.monotonic() > until:
            raise TimeoutError(f"{path} was not confirmed in time: {'it is not there' if order is None else order['status']}")
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
