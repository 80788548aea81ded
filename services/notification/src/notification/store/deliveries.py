"""The deliveries that a batch makes, settles, concludes or has tried again, fetched at once and written at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from chassis.reactions import Erased
from contracts.notification import Channel
from contracts.order import OrderContacts
from notification.model import (
    ASKS_TO_PAY,
    Contact,
    Delivery,
    DeliveryOutcome,
    DeliveryUnknownError,
    NothingToPayError,
    ResendRequested,
    RetryRequested,
    Status,
    Template,
)
from notification.settings import Settings
from notification.store.contacts import order_of
from notification.store.due import DELIVER, LEASE, NEEDLESS, DeliveryDue

_DELIVERIES: Final = """
SELECT delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, attempts, earlier_attempts,
    sent_at, provider_message_id, last_error, traceparent, resent_event
FROM delivery
WHERE delivery_id = ANY($1) OR (order_id = ANY($2) AND status = 'waiting_for_contact')
ORDER BY delivery_id FOR UPDATE
"""

# Once per event, and of a parcel's way once per parcel and status: whichever of the two is there already, nothing is added.
_QUEUE: Final = """
INSERT INTO delivery
    (delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, attempts, traceparent)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::timestamptz[],
    $9::timestamptz[], $10::int[], $11::text[])
ON CONFLICT DO NOTHING RETURNING delivery_id
"""

_NEEDLESS: Final = f"SELECT delivery_id FROM delivery d WHERE delivery_id = ANY($1) AND {NEEDLESS.format(message='d')}"

_WRITE_DELIVERIES: Final = """
UPDATE delivery d SET status = n.status, due_at = n.due_at, attempts = n.attempts, earlier_attempts = n.earlier_attempts,
    sent_at = n.sent_at, provider_message_id = n.provider_message_id, last_error = n.last_error
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::int[], $6::timestamptz[], $7::text[], $8::text[])
    AS n(delivery_id, status, due_at, attempts, earlier_attempts, sent_at, provider_message_id, last_error)
WHERE d.delivery_id = n.delivery_id
"""

_RECORD_RETRIES: Final = """
INSERT INTO delivery_retry (delivery_id, actor, at, attempts, error, reason)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::int[], $5::text[], $6::text[])
"""

_RESEND: Final = """
INSERT INTO delivery (delivery_id, order_id, template, event_id, channel, status, facts, created_at, due_at, resend_of,
    resent_event, resent_by, resent_at, resend_reason)
SELECT n.delivery_id, d.order_id, d.template, n.delivery_id, d.channel, 'queued', d.facts, n.at, n.at, n.resend_of,
    coalesce(d.resent_event, d.event_id), n.actor, n.at, n.reason
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[]) AS n(delivery_id, resend_of, actor, at, reason)
JOIN delivery d ON d.delivery_id = n.resend_of
"""


@dataclass(frozen=True, slots=True)
class RetryDelivery:
    """The wish of a member of staff that a failed delivery be tried again."""

    delivery_id: UUID
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResendDelivery:
    """The wish of a member of staff that a sent message be said once more."""

    delivery_id: UUID
    reason: str


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
        self._resends: list[ResendRequested] = []
        self._needless: set[UUID] = set()
        settings = transaction.remembered.get(Settings)
        self.mail_invoices: bool = settings is None or settings.mail_invoices
        self._sends_sms: bool = settings is None or settings.sends_sms

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock the deliveries that outcomes and wishes name, and those that wait for a contact which is settled now."""
        ids = sorted({one.delivery_id for one in messages if isinstance(one, DeliveryOutcome | RetryDelivery | ResendDelivery)})
        orders = sorted({order_of(one) for one in messages if isinstance(one, OrderContacts | Erased)})
        if not ids and not orders:
            return
        for row in await self._transaction.fetch(_DELIVERIES, ids, orders):
            kinds = {"status": Status(row["status"]), "channel": Channel(row["channel"]), "template": Template(row["template"])}
            delivery = Delivery.stored({**row, **kinds})
            self._stored[delivery.delivery_id] = delivery
            if delivery.status is Status.WAITING_FOR_CONTACT:
                self._waiting.setdefault(delivery.order_id, []).append(delivery)
        wishes = [one.delivery_id for one in messages if isinstance(one, RetryDelivery | ResendDelivery)]
        if wishes:
            self._needless = {row["delivery_id"] for row in await self._transaction.fetch(_NEEDLESS, wishes)}

    def get(self, delivery_id: UUID) -> Delivery:
        """Answer a delivery, to be changed; raises DeliveryUnknownError."""
        self._changed[delivery_id] = delivery = self._known(delivery_id)
        return delivery

    def _known(self, delivery_id: UUID) -> Delivery:
        delivery = self._stored.get(delivery_id)
        if delivery is None:
            raise DeliveryUnknownError("There is no such delivery.")
        return delivery

    def wanted(self, delivery_id: UUID) -> Delivery:
        """Answer a delivery that staff want to go out once more; raises DeliveryUnknownError, NothingToPayError."""
        delivery = self._known(delivery_id)
        if delivery_id in self._needless:
            raise NothingToPayError("The order is paid or cancelled: its customer is not asked to pay again.")
        return delivery

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Keep new deliveries, SMS only where there is who sends them; one that is there already stays as it is."""
        for delivery in deliveries:
            if delivery.channel is Channel.SMS and not self._sends_sms:
                continue
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
        """Keep that a delivery is tried again, and who wanted it."""
        self._changed[retry.delivery_id] = self._known(retry.delivery_id)
        self._retries.append(retry)

    def resend(self, wish: ResendRequested) -> None:
        """Have a message said once more."""
        self._resends.append(wish)

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
        if self._resends:
            await self._transaction.fetch(_RESEND, *_columns(self._resends, _RESEND_COLUMNS))
            self._transaction.wake(DELIVER)
        if begun:
            self._transaction.begin(DELIVER, begun)
        if any(delivery.status is Status.QUEUED for delivery in (*self._new, *changed)):
            self._transaction.wake(DELIVER)

    def _begin(self, deliveries: Sequence[Delivery]) -> "list[DeliveryDue]":
        """Claim those that became ready in this transaction, as many as this process has room for.

        Who is asked to pay is claimed as it is due: the claim sees whether the order was paid or cancelled meanwhile.
        """
        now, room = self._transaction.now, self._transaction.room(DELIVER)
        queued = [one for one in deliveries if one.status is Status.QUEUED and one.template not in ASKS_TO_PAY]
        ready = [(one, one.contact) for one in queued if one.contact is not None][:room]
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
_RETRY_COLUMNS: Final = ("delivery_id", "actor", "at", "attempts", "error", "reason")
_RESEND_COLUMNS: Final = ("delivery_id", "resend_of", "actor", "at", "reason")


def _columns(rows: Sequence[Any], names: Sequence[str]) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]
