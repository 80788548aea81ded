"""Erasing personal data beside an order's row: kept facts, labels' papers, the client's mark; and telling all who heard them.

The tombstone is a fact like others: it comes after all that was told before, also when facts are told anew.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.order import OrderContacts

_KEPT: Final = (
    "UPDATE orders SET client_mark = NULL WHERE order_id = ANY($1::uuid[])",
    "UPDATE shipment_label SET pdf = NULL WHERE order_id = ANY($1::uuid[])",
    "UPDATE return_label SET pdf = NULL WHERE order_id = ANY($1::uuid[])",
)
_TOLD: Final = "UPDATE outbox SET payload = NULL WHERE aggregatetype = $1 AND aggregateid = ANY($2::text[])"


class PrivacyStore:
    """What is erased with this transaction."""

    lock_rank: ClassVar[int] = 90

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._erased: dict[UUID, Cause] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load nothing: the order's row is locked by its own store."""

    def erase(self, order_id: UUID, cause: Cause) -> None:
        """Erase what is kept of who placed the order, and have all services do so."""
        self._erased[order_id] = cause

    async def flush(self) -> None:
        """Erase it, and tell the tombstones."""
        if not self._erased:
            return
        for statement in _KEPT:
            await self._transaction.fetch(statement, list(self._erased))
        await self._transaction.fetch(_TOLD, OrderContacts.topic.name, [str(order_id) for order_id in self._erased])
        for order_id, cause in self._erased.items():
            self._transaction.erase(OrderContacts, str(order_id), cause)
