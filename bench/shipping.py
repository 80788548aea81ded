"""Warehouses at work while customers order: parcels of earlier orders get their labels, leave and arrive, at a steady rate.

What a warehouse asks and is not given counts against the run, so that a load which only seems to ship is seen.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from bench.checking import Check
from bench.client import Answer, request, send_all
from waybill.errors import WaybillError

TICK_SECONDS: Final = 0.25
STEPS: Final = (("label", 202), ("dispatch", 200), ("deliver", 200))
"""What is asked for each parcel, and the status that grants it."""
PAUSE_TICKS: Final = 12
"""How long a parcel lies between two steps: longer than it takes to buy a label on a busy machine."""
CONNECTIONS: Final = 4


@dataclass
class Warehouse:
    """Sends `parcels` (order and shipment), `rate` a second, each in its three steps; `answers` counts them."""

    host: str
    port: int
    token: str
    parcels: Sequence[tuple[UUID, UUID]]
    rate: float
    answers: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work as long as the block lasts, and finish what was begun."""
        if not self.rate:
            yield
            return
        enough = asyncio.Event()
        work = asyncio.create_task(self._work(enough))
        try:
            yield
        finally:
            enough.set()
            await work

    @property
    def check(self) -> Check:
        """Whether parcels were sent, and every step was granted."""
        problems = [f"{count} x {what}" for what, count in self.answers.items() if not what.endswith(" granted")]
        if not self.answers["deliver granted"]:
            problems.append("no parcel was sent")
        return Check("every parcel got its label, left and arrived", "; ".join(sorted(problems)[:5]))

    async def _work(self, enough: asyncio.Event) -> None:
        each = max(1, round(self.rate * TICK_SECONDS))
        batches = [self.parcels[at : at + each] for at in range(0, len(self.parcels), each)]
        under_way: list[tuple[int, Sequence[tuple[UUID, UUID]]]] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        for tick in itertools.count():
            if not enough.is_set():
                if tick >= len(batches):
                    raise WaybillError(f"all {len(self.parcels)} parcels have left: place more orders before they are shipped")
                under_way.append((tick, batches[tick]))
            due = [((tick - start) // PAUSE_TICKS, parcels) for start, parcels in under_way if not (tick - start) % PAUSE_TICKS]
            for step, parcels in due:
                await self._ask(step, parcels)
            under_way = [one for one in under_way if tick - one[0] < PAUSE_TICKS * (len(STEPS) - 1)]
            if enough.is_set() and not under_way:
                return
            await asyncio.sleep(max(0.0, began + (tick + 1) * TICK_SECONDS - loop.time()))

    async def _ask(self, step: int, parcels: Sequence[tuple[UUID, UUID]]) -> None:
        name, wanted = STEPS[step]
        requests = [
            request("POST", f"/api/admin/orders/{order_id}/shipments/{shipment_id}/{name}", self.host, self.token)
            for order_id, shipment_id in parcels
        ]
        for answer in await send_all(self.host, self.port, requests, CONNECTIONS):
            self.answers[_said(name, answer, wanted)] += 1


def _said(name: str, answer: Answer, wanted: int) -> str:
    return f"{name} granted" if answer.status == wanted else f"{name} answered {answer.status} {answer.body[:120]!r}"
