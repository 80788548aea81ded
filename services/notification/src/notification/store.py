"""SQL out: the contacts and deliveries of a batch, fetched at once and written at once.

Whoever handles a message about an order holds the lock on the order's contact row first, which is made if it is not there.
So an event and its contact, handled by two processes at the same moment, cannot miss each other: the second one sees what the
first one left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple, Self
from uuid import UUID

import sqlalchemy
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Database, Transaction
from chassis.domain import Cause
from chassis.reactions import Erased
from chassis.telemetry import Metrics
from contracts.notification import Channel
from contracts.order import OrderContacts
from notification.model import (
    Contact,
    ContactState,
    Delivery,
    DeliveryOutcome,
    DeliveryUnknownError,
    RetryRequested,
    Status,
    Template,
)

DELIVER: Final = "deliver"
"""The job that sends what is due."""

LEASE: Final = timedelta(seconds=45)
"""How long an attempt may take before another process makes the next one; longer than any provider's time-out."""

# One round trip in the common case: the rows that are missing are made, those that exist are locked in key order. A row made
# by somebody else meanwhile is in neither part and is asked for again.
_CONTACTS: Final = """
WITH made AS (
    INSERT INTO contact (order_id) SELECT id FROM unnest($1::uuid[]) AS o(id) ON CONFLICT (order_id) DO NOTHING
    RETURNING order_id, state, email, phone, locale, name
), locked AS (
    SELECT order_id, state, email, phone, locale, name FROM contact WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE
)
SELECT * FROM made UNION ALL SELECT * FROM locked
"""

_WRITE_CONTACTS: Final = """
UPDATE contact c SET state = n.state, email = n.email, phone = n.phone, locale = n.locale, name = n.name
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS n(order_id, state, email, phone, locale, name)
WHERE c.order_id = n.order_id
"""

_DELIVERIES: Final = """
SELECT delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, attempts, earlier_attempts,
    sent_at, provider_message_id, last_error, traceparent
FROM delivery
WHERE delivery_id = ANY($1) OR (order_id = ANY($2) AND status = 'waiting_for_contact')
ORDER BY delivery_id FOR UPDATE
"""

_QUEUE: Final = """
INSERT INTO delivery
    (delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, attempts, traceparent)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[],
    $9::timestamptz[], $10::int[], $11::text[])
ON CONFLICT (order_id, template, event_id, channel) DO NOTHING RETURNING delivery_id
"""

_WRITE_DELIVERIES: Final = """
UPDATE delivery d SET status = n.status, due_at = n.due_at, attempts = n.attempts, earlier_attempts = n.earlier_attempts,
    sent_at = n.sent_at, provider_message_id = n.provider_message_id, last_error = n.last_error
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::timestamptz[], $7::text[], $8::text[])
    AS n(delivery_id, status, due_at, attempts, earlier_attempts, sent_at, provider_message_id, last_error)
WHERE d.delivery_id = n.delivery_id
"""

_RECORD_RETRIES: Final = """
INSERT INTO delivery_retry (delivery_id, actor, at, attempts, error)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::text[])
"""

_CLAIM: Final = """
WITH due AS (
    SELECT delivery_id FROM delivery WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE delivery d SET status = 'sending', attempts = d.attempts + 1, due_at = $3 FROM due
    WHERE d.delivery_id = due.delivery_id
    RETURNING d.delivery_id, d.order_id, d.template, d.event_id, d.channel, d.facts, d.attempts, d.earlier_attempts,
        d.traceparent
)
SELECT claimed.*, c.state, c.email, c.phone, c.locale, c.name FROM claimed JOIN contact c USING (order_id)
"""

_NEXT_DUE: Final = "SELECT due_at FROM delivery WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"

_OPEN: Final = """
SELECT status, count(*) AS n FROM delivery
WHERE due_at IS NOT NULL OR status IN ('waiting_for_contact', 'failed') GROUP BY status
"""


@dataclass(frozen=True, slots=True)
class RetryDelivery:
    """The wish of a member of staff that a failed delivery be tried again."""

    delivery_id: UUID


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

    def note(self, event: OrderContacts) -> Contact:
        """Keep what the customer gave."""
        contact = self._contacts[event.order_id]
        if contact.note(event):
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


_CONTACT_COLUMNS: Final = ("order_id", "state", "email", "phone", "locale", "name")


def order_of(message: Any) -> UUID:
    """Tell which order an event or a tombstone is about."""
    order_id: UUID = UUID(message.key) if isinstance(message, Erased) else message.order_id
    return order_id


class DeliveryStore:
    """The deliveries that a batch makes, settles, concludes or has tried again."""

    lock_rank: ClassVar[int] = 2

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._new: list[Delivery] = []
        self._stored: dict[UUID, Delivery] = {}
        self._waiting: dict[UUID, list[Delivery]] = {}
        self._changed: dict[UUID, Delivery] = {}
        self._retries: list[RetryRequested] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock the deliveries that outcomes and wishes name, and those that wait for a contact which is settled now."""
        ids = sorted({one.delivery_id for one in messages if isinstance(one, DeliveryOutcome | RetryDelivery)})
        orders = sorted({order_of(one) for one in messages if isinstance(one, OrderContacts | Erased)})
        if not ids and not orders:
            return
        for row in await self._transaction.fetch(_DELIVERIES, ids, orders):
            kinds = {"status": Status(row["status"]), "channel": Channel(row["channel"]), "template": Template(row["template"])}
            delivery = Delivery.stored({**row, **kinds})
            self._stored[delivery.delivery_id] = delivery
            if delivery.status is Status.WAITING_FOR_CONTACT:
                self._waiting.setdefault(delivery.order_id, []).append(delivery)

    def get(self, delivery_id: UUID) -> Delivery:
        """Answer a delivery, to be changed; raises DeliveryUnknownError."""
        delivery = self._stored.get(delivery_id)
        if delivery is None:
            raise DeliveryUnknownError("There is no such delivery.")
        self._changed[delivery_id] = delivery
        return delivery

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Keep new deliveries; one that is there already stays as it is."""
        for delivery in deliveries:
            self._new.append(delivery)
            if delivery.status is Status.WAITING_FOR_CONTACT:
                self._waiting.setdefault(delivery.order_id, []).append(delivery)

    def settle(self, contact: Contact) -> None:
        """Release the deliveries that waited for this contact."""
        for delivery in self._waiting.pop(contact.order_id, ()):
            delivery.contact_settled(contact, self._transaction.now)
            if delivery.delivery_id in self._stored:
                self._changed[delivery.delivery_id] = delivery

    def record(self, retry: RetryRequested) -> None:
        """Keep who had a delivery tried again."""
        self._retries.append(retry)

    async def flush(self) -> None:
        """Write what is new and what changed; what is due goes to the workers here, as far as they have room."""
        changed = list(self._changed.values())
        begun = self._begin([*self._new, *changed])
        if self._new:
            queued = await self._transaction.fetch(_QUEUE, *_columns(self._new, _NEW_COLUMNS))
            if len(queued) < len(self._new):  # one that was there already is not ours to send
                ours = {row["delivery_id"] for row in queued} | self._changed.keys()
                begun = [due for due in begun if due.delivery_id in ours]
        if changed:
            await self._transaction.fetch(_WRITE_DELIVERIES, *_columns(changed, _CHANGING_COLUMNS))
        if self._retries:
            await self._transaction.fetch(_RECORD_RETRIES, *_columns(self._retries, _RETRY_COLUMNS))
        if begun:
            self._transaction.begin(DELIVER, begun)
        if any(delivery.status is Status.QUEUED for delivery in (*self._new, *changed)):
            self._transaction.wake(DELIVER)

    def _begin(self, deliveries: Sequence[Delivery]) -> "list[DeliveryDue]":
        """Claim those that became ready in this transaction, as many as this process has room for."""
        now, room = self._transaction.now, self._transaction.room(DELIVER)
        ready = [(one, one.contact) for one in deliveries if one.status is Status.QUEUED and one.contact is not None][:room]
        for delivery, _ in ready:
            delivery.begin(now + LEASE)
        return [DeliveryDue.begun(delivery, contact, now) for delivery, contact in ready]


_NEW_COLUMNS: Final = (
    "delivery_id",
    "order_id",
    "template",
    "event_id",
    "channel",
    "status",
    "facts",
    "created_at",
    "due_at",
    "attempts",
    "traceparent",
)
_CHANGING_COLUMNS: Final = (
    "delivery_id",
    "status",
    "due_at",
    "attempts",
    "earlier_attempts",
    "sent_at",
    "provider_message_id",
    "last_error",
)
_RETRY_COLUMNS: Final = ("delivery_id", "actor", "at", "attempts", "error")


def _columns(rows: Sequence[Any], names: Sequence[str]) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message goes to."""

    email: str
    phone: str | None
    locale: str
    name: str

    @classmethod
    def of(cls, contact: Mapping[str, Any]) -> Self | None:
        """Read a contact's row; None where the customer's data were erased."""
        known = contact["state"] == ContactState.KNOWN
        return cls(contact["email"], contact["phone"], contact["locale"], contact["name"]) if known else None


@dataclass(frozen=True, slots=True)
class DeliveryDue:
    """A delivery whose time has come; `recipient` is None where the customer's data were erased.

    `attempt` counts all attempts, `attempt_in_round` those since the last request to try again.
    """

    delivery_id: UUID
    order_id: UUID
    template: Template
    event_id: UUID
    channel: Channel
    attempt: int
    attempt_in_round: int
    facts: Mapping[str, Any]
    recipient: Recipient | None
    claimed_at: datetime
    traceparent: str | None

    @property
    def cause(self) -> Cause:
        """Name the event that the message tells of."""
        return Cause("notification", self.claimed_at, self.event_id, str(self.order_id), self.traceparent)

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim due deliveries for the length of a lease, with what is needed to write and send them."""
        rows = await transaction.fetch(_CLAIM, transaction.now, limit, transaction.now + LEASE)
        return [cls._claimed(row, transaction.now) for row in rows]

    @classmethod
    def begun(cls, delivery: Delivery, contact: Contact, now: datetime) -> Self:
        """Take up a delivery that was just written as claimed."""
        return cls(
            delivery_id=delivery.delivery_id,
            order_id=delivery.order_id,
            template=delivery.template,
            event_id=delivery.event_id,
            channel=delivery.channel,
            attempt=delivery.attempts,
            attempt_in_round=delivery.attempts - delivery.earlier_attempts,
            facts=delivery.facts,
            recipient=Recipient.of(contact.__dict__),
            claimed_at=now,
            traceparent=delivery.traceparent,
        )

    @classmethod
    def _claimed(cls, row: Any, now: datetime) -> Self:
        return cls(
            delivery_id=row["delivery_id"],
            order_id=row["order_id"],
            template=Template(row["template"]),
            event_id=row["event_id"],
            channel=Channel(row["channel"]),
            attempt=row["attempts"],
            attempt_in_round=row["attempts"] - row["earlier_attempts"],
            facts=row["facts"],
            recipient=Recipient.of(row),
            claimed_at=now,
            traceparent=row["traceparent"],
        )

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next delivery is due."""
        rows = await transaction.fetch(_NEXT_DUE)
        return rows[0]["due_at"] if rows else None


async def measure(database: Database, metrics: Metrics) -> None:
    """Count the deliveries that are not at rest, by status."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(_OPEN)
    found = {row["status"]: row["n"] for row in rows}
    for status in (Status.WAITING_FOR_CONTACT, Status.QUEUED, Status.SENDING, Status.FAILED):
        metrics.saga_open.labels(f"delivery_{status}").set(found.get(status, 0))


class ListedDelivery(NamedTuple):
    """A delivery with the address it goes to, which is to be masked before anybody sees it."""

    delivery_id: UUID
    order_id: UUID
    template: Template
    channel: Channel
    status: Status
    event_id: UUID
    attempts: int
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    provider_message_id: str | None
    last_error: str | None
    email: str | None
    phone: str | None


async def list_deliveries(
    session: AsyncSession,
    order_id: UUID | None,
    status: Status | None,
    channel: Channel | None,
    before: UUID | None,
    limit: int,
) -> Sequence[ListedDelivery]:
    """List deliveries from the newest on, or from the one after `before`."""
    shown = [col(getattr(Delivery, name)) for name in ListedDelivery._fields[:-2]]
    query = sqlalchemy.select(*shown, col(Contact.email), col(Contact.phone)).join(
        Contact, col(Contact.order_id) == col(Delivery.order_id)
    )
    wanted = {Delivery.order_id: order_id, Delivery.status: status, Delivery.channel: channel}
    query = query.where(*(col(column) == value for column, value in wanted.items() if value is not None))
    if before is not None:
        query = query.where(col(Delivery.delivery_id) < before)
    connection = await session.connection()
    rows = await connection.execute(query.order_by(col(Delivery.delivery_id).desc()).limit(limit))
    return [ListedDelivery._make(row) for row in rows]
