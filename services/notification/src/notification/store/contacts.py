"""The contacts of the orders that a batch is about.

Whoever handles a message about an order holds the lock on the order's contact row first, which is made if it is not there.
So an event and its contact, handled by two processes at the same moment, cannot miss each other: the second one sees what the
first one left.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from chassis.reactions import Erased
from contracts.order import OrderChanged, OrderConfirmed, OrderContacts, ShipmentsPlanned, ShipmentTracked
from notification.model import Contact, ContactState

# One round trip in the common case: the rows that are missing are made, those that exist are locked in key order. A row made
# by somebody else meanwhile is in neither part and is asked for again.
_CONTACTS: Final = """
WITH made AS (
    INSERT INTO contact (order_id) SELECT id FROM unnest($1::uuid[]) AS o(id) ON CONFLICT (order_id) DO NOTHING
    RETURNING order_id, state, email, phone, locale, name, backordered, expected_delivery, former_emails
), locked AS (
    SELECT order_id, state, email, phone, locale, name, backordered, expected_delivery, former_emails FROM contact
    WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE
)
SELECT * FROM made UNION ALL SELECT * FROM locked
"""

_WRITE_CONTACTS: Final = """
UPDATE contact c SET state = n.state, email = n.email, phone = n.phone, locale = n.locale, name = n.name,
    backordered = n.backordered, expected_delivery = n.expected_delivery, former_emails = n.former_emails
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::jsonb[])
    AS n(order_id, state, email, phone, locale, name, backordered, expected_delivery, former_emails)
WHERE c.order_id = n.order_id
"""


class ContactStore:
    """The contacts of the orders that a batch is about, locked."""

    lock_rank: ClassVar[int] = 1

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._contacts: dict[UUID, Contact] = {}
        self._changed: dict[UUID, Contact] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock the contact of every order, making the rows that are missing."""
        missing = sorted({order_of(message) for message in messages})
        while missing:
            for row in await self._transaction.fetch(_CONTACTS, missing):
                contact = Contact.stored({**row, "state": ContactState(row["state"])})
                self._contacts[contact.order_id] = contact
            missing = [order_id for order_id in missing if order_id not in self._contacts]

    def get(self, order_id: UUID) -> Contact:
        """Answer the contact of an order of this batch."""
        return self._contacts[order_id]

    def note(self, event: OrderContacts, event_id: UUID | None) -> Contact:
        """Keep what the customer gave."""
        contact = self._contacts[event.order_id]
        if contact.note(event, event_id):
            self._changed[event.order_id] = contact
        return contact

    def wait_for(self, event: OrderConfirmed | OrderChanged | ShipmentsPlanned) -> Contact:
        """Note what the customer is sent later."""
        contact = self._contacts[event.order_id]
        if contact.wait_for(event):
            self._changed[event.order_id] = contact
        return contact

    def expect(self, event: ShipmentTracked) -> Contact:
        """Note when the customer can expect a parcel."""
        contact = self._contacts[event.order_id]
        if contact.expect(event):
            self._changed[event.order_id] = contact
        return contact

    def erase(self, order_id: UUID) -> Contact:
        """Forget the customer of an order."""
        contact = self._contacts[order_id]
        if contact.erase():
            self._changed[order_id] = contact
        return contact

    async def flush(self) -> None:
        """Write the contacts that changed."""
        changed = list(self._changed.values())
        if changed:
            columns = [[getattr(one, name) for one in changed] for name in _CONTACT_COLUMNS]
            await self._transaction.fetch(_WRITE_CONTACTS, *columns)


_CONTACT_COLUMNS: Final = (
    "order_id",
    "state",
    "email",
    "phone",
    "locale",
    "name",
    "backordered",
    "expected_delivery",
    "former_emails",
)


def order_of(message: Any) -> UUID:
    """Tell which order an event or a tombstone is about."""
    order_id: UUID = UUID(message.key) if isinstance(message, Erased) else message.order_id
    return order_id
