"""Payment instruments: confidential, kept only until the payment they are for is decided, or until they are erased.

That of the order as it was placed, and those of changes that add to it, are kept apart. Whether a payment may be asked for is
not decided here: the authorisation's claim joins payments and instruments as committed, so it does not matter which of the two
came first, or that they came at the same moment in two processes. What a change is paid with is kept under a share of the
lock of the order's payments, so that it cannot slip in beside a decision that would have forgotten it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from contracts.order import OrderContacts
from contracts.types import PaymentInstrument
from payment.model import Action, PaymentKey, noted
from payment.model.gift_card import sealed
from payment.store.gift_cards import gift_card_secret
from payment.store.risk import terms_of

_SHARE: Final = """
SELECT 1 FROM payment WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, payment_id FOR SHARE
"""
_KEEP: Final = """
INSERT INTO instrument (order_id, method, token, created_at, facts)
SELECT n.order_id, n.method, n.token, $4, n.facts
FROM unnest($1::uuid[], $2::text[], $3::text[], $5::jsonb[]) AS n(order_id, method, token, facts)
WHERE NOT EXISTS (
    SELECT 1 FROM payment p WHERE p.order_id = n.order_id AND p.change_id IS NULL AND p.status <> 'pending'
)
ORDER BY n.order_id
ON CONFLICT (order_id) DO UPDATE SET method = excluded.method, token = excluded.token, facts = excluded.facts
WHERE (instrument.method, instrument.token) IS DISTINCT FROM (excluded.method, excluded.token)
"""
_KEEP_FOR_CHANGES: Final = """
INSERT INTO change_instrument AS i (order_id, change_id, method, token, created_at)
SELECT n.order_id, n.change_id, n.method, n.token, $5
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[]) AS n(order_id, method, token, change_id)
WHERE NOT EXISTS (
    SELECT 1 FROM payment p WHERE p.order_id = n.order_id
    AND ((p.change_id = n.change_id AND p.status <> 'pending') OR (p.change_id IS NULL AND p.barred_at IS NOT NULL))
)
ORDER BY n.order_id, n.change_id
ON CONFLICT (order_id, change_id) DO UPDATE SET method = excluded.method, token = excluded.token
WHERE (i.method, i.token) IS DISTINCT FROM (excluded.method, excluded.token)
"""
_FORGET: Final = """
WITH of_changes AS (DELETE FROM change_instrument WHERE order_id = ANY($1::uuid[])), assessed AS (
    UPDATE assessment SET domain_mark = NULL, user_mark = NULL, ip_mark = NULL, device_mark = NULL, email_mark = NULL,
        card_mark = NULL
    WHERE order_id = ANY($1::uuid[])
)
DELETE FROM instrument WHERE order_id = ANY($1::uuid[])
"""


class InstrumentStore:
    """What a batch keeps or forgets of instruments."""

    lock_rank: ClassVar[int] = 30

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._kept: dict[PaymentKey, PaymentInstrument] = {}
        self._facts: dict[PaymentKey, Mapping[str, Any]] = {}
        self._forgotten: set[UUID] = set()

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Have nobody decide over payments whose orders' changes these messages are about; else nothing is read here."""
        orders = {one.order_id for one in messages if isinstance(one, OrderContacts) and one.change_id is not None}
        if orders:
            await self._transaction.fetch(_SHARE, list(orders))

    def keep(self, key: PaymentKey, instrument: PaymentInstrument) -> None:
        """Keep how an order, or a change of it, is to be paid."""
        self._kept[key] = sealed(instrument, gift_card_secret(self._transaction.remembered))

    def note(self, contacts: OrderContacts) -> None:
        """Note what matters of an order's contacts for its risk, beside its instrument."""
        self._facts[PaymentKey(contacts.order_id)] = noted(contacts, terms_of(self._transaction).marker)

    def forget(self, order_id: UUID) -> None:
        """Forget how an order and its changes were to be paid."""
        self._forgotten.add(order_id)
        self._kept = {key: instrument for key, instrument in self._kept.items() if key.order_id != order_id}

    async def flush(self) -> None:
        """Write, unless the payment is decided already; waiting payments become due."""
        if self._forgotten:
            await self._transaction.fetch(_FORGET, list(self._forgotten))
        of_orders = {key: one for key, one in self._kept.items() if key.change_id is None}
        of_changes = {key: one for key, one in self._kept.items() if key.change_id is not None}
        if of_orders:
            facts = [self._facts.get(key) for key in of_orders]
            await self._transaction.fetch(_KEEP, *_columns(of_orders), self._transaction.now, facts)
        if of_changes:
            changes = [key.change_id for key in of_changes]
            await self._transaction.fetch(_KEEP_FOR_CHANGES, *_columns(of_changes), changes, self._transaction.now)
        if self._kept:
            self._transaction.wake(Action.AUTHORIZE)


def _columns(kept: dict[PaymentKey, PaymentInstrument]) -> tuple[list[UUID], list[str], list[str]]:
    return [key.order_id for key in kept], [one.method for one in kept.values()], [one.token for one in kept.values()]
