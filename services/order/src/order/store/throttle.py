"""Where too many payments were declined to: counted in the database, known to each process without asking for every order."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlmodel import text

from chassis.database import Database, Transaction
from order.model import Order, TooManyDeclinesError

WINDOW: Final = timedelta(hours=1)
LOOK_AGAIN: Final = timedelta(seconds=2)
"""How old what a process knows may be."""

_NOTE: Final = """
WITH forgotten AS (DELETE FROM client_decline WHERE at < $4)
INSERT INTO client_decline (order_id, client_mark, at)
SELECT order_id, client_mark, $3 FROM unnest($1::uuid[], $2::uuid[]) AS n(order_id, client_mark)
ON CONFLICT (order_id) DO NOTHING
"""
_THROTTLED: Final = """
SELECT client_mark, (array_agg(at ORDER BY at DESC))[CAST(:most AS int)] AS at FROM client_decline WHERE at > :since
GROUP BY client_mark HAVING count(*) >= :most
"""


class DeclineStore:
    """The declined payments that a batch hears of."""

    lock_rank: ClassVar[int] = 40

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._declined: dict[UUID, UUID] = {}

    async def fetch(self, _: Sequence[Any]) -> None:
        """Read nothing: the orders know from where they came."""

    def note(self, order: Order) -> None:
        """Note that an order's payment was declined, if it is known from where it was placed."""
        if order.client_mark is not None:
            self._declined[order.order_id] = order.client_mark

    async def flush(self) -> None:
        """Write what is new, and forget what no longer counts."""
        if self._declined:
            now = self._transaction.now
            marks = list(self._declined), list(self._declined.values())
            await self._transaction.fetch(_NOTE, *marks, now, now - 2 * WINDOW)


class Throttle:
    """The places that may not order for a while, as this process knows them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._until: dict[UUID, datetime] = {}
        self._look_at: datetime | None = None

    async def refuse(self, database: Database, mark: UUID | None) -> None:
        """Refuse a place to which too many payments were declined; raises TooManyDeclinesError."""
        if mark is None or not self._most:
            return
        now = database.clock()
        if self._look_at is None or now >= self._look_at:
            self._look_at = now + LOOK_AGAIN  # whoever comes meanwhile goes by what is known
            await self._look(database, now)
        until = self._until.get(mark)
        if until is not None and until > now:
            seconds = ceil((until - now).total_seconds())
            raise TooManyDeclinesError(
                f"Too many payments were declined to orders from your address; try again in {seconds} s.", retry_after=seconds
            )

    async def _look(self, database: Database, now: datetime) -> None:
        async with database.reading() as session:
            connection = await session.connection()
            rows = await connection.execute(text(_THROTTLED), {"most": self._most, "since": now - WINDOW})
            self._until = {row.client_mark: row.at + WINDOW for row in rows}
