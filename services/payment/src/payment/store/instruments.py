"""Payment instruments: confidential, kept only until the payment they are for is decided, or until they are erased.

Whether a payment may be asked for is not decided here: the authorisation's claim joins payments and instruments as committed,
so it does not matter which of the two came first, or that they came at the same moment in two processes.
"""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from chassis.database import Transaction
from contracts.types import PaymentInstrument
from payment.model import Action

_KEEP = """
INSERT INTO instrument (order_id, method, token, created_at)
SELECT n.order_id, n.method, n.token, $4 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(order_id, method, token)
WHERE NOT EXISTS (SELECT 1 FROM payment p WHERE p.order_id = n.order_id AND p.status <> 'pending')
ORDER BY n.order_id
ON CONFLICT (order_id) DO UPDATE SET method = excluded.method, token = excluded.token
WHERE (instrument.method, instrument.token) IS DISTINCT FROM (excluded.method, excluded.token)
"""


class InstrumentStore:
    """What a batch keeps or forgets of instruments."""

    lock_rank: ClassVar[int] = 30

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._wishes: dict[UUID, PaymentInstrument | None] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Nothing is read: instruments are only written here."""

    def keep(self, order_id: UUID, instrument: PaymentInstrument) -> None:
        """Keep how an order is to be paid."""
        self._wishes[order_id] = instrument

    def forget(self, order_id: UUID) -> None:
        """Forget how an order was to be paid."""
        self._wishes[order_id] = None

    async def flush(self) -> None:
        """Write, unless the payment is decided already; waiting payments become due."""
        kept = {order: instrument for order, instrument in self._wishes.items() if instrument is not None}
        forgotten = [order for order in self._wishes if order not in kept]
        if kept:
            methods = [instrument.method for instrument in kept.values()]
            tokens = [instrument.token for instrument in kept.values()]
            await self._transaction.fetch(_KEEP, list(kept), methods, tokens, self._transaction.now)
            self._transaction.wake(Action.AUTHORIZE)
        if forgotten:
            await self._transaction.fetch("DELETE FROM instrument WHERE order_id = ANY($1::uuid[])", forgotten)
