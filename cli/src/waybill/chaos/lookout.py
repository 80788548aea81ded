"""A look at all orders that are undecided, for everybody who waits: to ask for each alone would be most of what is asked."""

import asyncio
import contextlib
import time
from typing import Final

from waybill.chaos.people import Patience, Person, UnansweredError

LOOK_SECONDS: Final = 1.0
PATIENT_SECONDS: Final = 2.0
"""So long somebody waits for the next look before asking whether patience lasts."""
PENDING: Final = "/api/admin/orders?status=Pending&limit=100"


class Lookout:
    """Knows which orders were undecided when it looked last."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._pending: frozenset[str] = frozenset()
        self._began = float("-inf")
        self._looked = asyncio.Event()

    async def run(self) -> None:
        """Look again and again, until cancelled; where nobody answers, all are undecided still."""
        while True:
            began = time.monotonic()
            with contextlib.suppress(UnansweredError):
                self._pending, self._began = await self._look(), began
                looked, self._looked = self._looked, asyncio.Event()
                looked.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> frozenset[str]:
        found: set[str] = set()
        cursor = ""
        while True:
            page = await self._person.read(PENDING + cursor)
            if page is None:
                raise UnansweredError("the list of undecided orders is refused")
            found.update(order["order_id"] for order in page["items"])
            if page["next_cursor"] is None:
                return frozenset(found)
            cursor = f"&cursor={page['next_cursor']}"

    async def decided(self, order_id: str, patience: Patience) -> None:
        """Wait until an order that was placed before now is undecided no more, as long as patience lasts."""
        placed = time.monotonic()
        while (self._began <= placed or order_id in self._pending) and patience.lasts():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENT_SECONDS):
                    await self._looked.wait()
