"""Reductions: one row per change that made an order cost less, so that each takes effect once."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from payment.model import Reduction
from payment.store.payments import MadeElsewhereError
from payment.store.tables import REDUCTIONS

_FETCH: Final = "SELECT order_id, change_id FROM reduction WHERE order_id = ANY($1::uuid[])"
_INSERT: Final = f"{REDUCTIONS.insert} ON CONFLICT (order_id, change_id) DO NOTHING RETURNING change_id"


class ReductionStore:
    """The reductions of the orders that a batch of messages is about."""

    lock_rank: ClassVar[int] = 15

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._known: set[tuple[UUID, UUID]] = set()
        self._new: list[Reduction] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load which changes have taken effect."""
        rows = await self._transaction.fetch(_FETCH, list({message.order_id for message in messages}))
        self._known = {(row["order_id"], row["change_id"]) for row in rows}

    def knows(self, order_id: UUID, change_id: UUID) -> bool:
        """Tell whether a change has taken effect."""
        return (order_id, change_id) in self._known

    def add(self, reduction: Reduction) -> None:
        """Keep a new reduction."""
        self._known.add((reduction.order_id, reduction.change_id))
        self._new.append(reduction)

    async def flush(self) -> None:
        """Write new reductions."""
        if self._new and len(await self._transaction.fetch(_INSERT, *REDUCTIONS.arrays(self._new))) != len(self._new):
            raise MadeElsewhereError("the same change was taken up at the same time")
