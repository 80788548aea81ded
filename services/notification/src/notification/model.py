"""Contacts and deliveries: who is to be told, of what, and how far that has come. Pure: no I/O.

A delivery exists once per order, template, event and channel; of a parcel's way a customer is told once per parcel and status,
however often the carrier says it. A delivery waits while the order's contact is not known yet, is handed to
a provider by attempts that are counted, and ends as sent, failed or skipped. What a provider has taken is never handed over
again: a late answer of an earlier attempt ends the delivery whatever happened since. Nobody is asked to pay for an order that
was paid or cancelled meanwhile: such a message is skipped. A delivery keeps the facts of its event that its text needs and
copies nothing personal; those stay with the contact, in one row per order that a tombstone empties.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field

from chassis.domain import Aggregate, Cause, NotFoundError, Refusal, new_id
from contracts.notification import Channel, NotificationFailed, NotificationSent
from contracts.order import (
    ChangeKind,
    OrderChanged,
    OrderConfirmed,
    OrderContacts,
    ShipmentsPlanned,
    ShipmentTracked,
    TrackingStatus,
)
from contracts.types import Line


class Table(Aggregate, registry=registry()):
    """The base of this service's tables."""


class Template(StrEnum):
    """What a message tells."""

    RECEIVED = "received"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CHANGED = "changed"
    CHANGE_REFUSED = "change_refused"
    TRACKING = "tracking"
    RETURN_REQUESTED = "return_requested"
    RETURN_APPROVED = "return_approved"
    RETURN_DECLINED = "return_declined"
    RETURN_RECEIVED = "return_received"
    REFUNDED = "refunded"
    INVOICE_ISSUED = "invoice_issued"
    TRANSFER_DUE = "transfer_due"
    PAYMENT_CHALLENGE = "payment_challenge"


class Status(StrEnum):
    """How far a delivery has come."""

    WAITING_FOR_CONTACT = "waiting_for_contact"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SKIPPED = "skipped"


class ContactState(StrEnum):
    """What is known of an order's contact."""

    AWAITED = "awaited"
    KNOWN = "known"
    ERASED = "erased"


BOTH: Final = (Channel.EMAIL, Channel.SMS)
CHANNELS: Final[Mapping[Template, tuple[Channel, ...]]] = {
    Template.RECEIVED: (Channel.EMAIL,),
    Template.CONFIRMED: BOTH,
    Template.CANCELLED: BOTH,
    Template.SHIPPED: BOTH,
    Template.DELIVERED: BOTH,
    Template.CHANGED: BOTH,
    Template.CHANGE_REFUSED: BOTH,
    Template.TRACKING: BOTH,
    Template.RETURN_REQUESTED: (Channel.EMAIL,),
    Template.RETURN_APPROVED: BOTH,
    Template.RETURN_DECLINED: BOTH,
    Template.RETURN_RECEIVED: (Channel.EMAIL,),
    Template.REFUNDED: BOTH,
    Template.INVOICE_ISSUED: (Channel.EMAIL,),
    Template.TRANSFER_DUE: BOTH,
    Template.PAYMENT_CHALLENGE: BOTH,
}
"""The channels a template has texts for. By SMS only to those who gave a phone."""

ASKS_TO_PAY: Final = frozenset({Template.TRANSFER_DUE, Template.PAYMENT_CHALLENGE})
"""The templates that ask for money before an order is confirmed."""

WORTH_TELLING: Final = frozenset(
    {
        TrackingStatus.OUT_FOR_DELIVERY,
        TrackingStatus.AVAILABLE_FOR_PICKUP,
        TrackingStatus.ATTEMPT_FAILED,
        TrackingStatus.RETURNED,
        TrackingStatus.EXCEPTION,
    }
)
"""The steps of a parcel that customers are told of. Delivered is not among them: ShipmentDelivered is what tells of that."""

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.WAITING_FOR_CONTACT: frozenset({Status.QUEUED, Status.SKIPPED}),
    Status.QUEUED: frozenset({Status.SENDING, Status.SENT}),
    Status.SENDING: frozenset({Status.SENDING, Status.QUEUED, Status.SENT, Status.FAILED, Status.SKIPPED}),
    Status.FAILED: frozenset({Status.QUEUED, Status.SENT}),
    Status.SENT: frozenset(),
    Status.SKIPPED: frozenset({Status.SENT}),
}
"""To sent from elsewhere than sending: the answer of an attempt that was given up came after all. Sending again: its lease ran
out."""

ERASED: Final = "erased"
"""The reason of a delivery that ends because the customer's data are gone."""
SETTLED: Final = "the order was paid or cancelled meanwhile"
"""The reason of a delivery that ends because nothing is to be paid any more."""


class DeliveryUnknownError(NotFoundError):
    """There is no such delivery."""


class NotFailedError(Refusal):
    """Only a delivery that was given up can be tried again."""

    slug = "delivery-not-failed"
    title = "The delivery has not failed"


class NotSentError(Refusal):
    """Only a message that was sent can be sent again."""

    slug = "delivery-not-sent"
    title = "The message was not sent"


class NothingToPayError(Refusal):
    """Nobody is asked again to pay for an order that is paid or cancelled."""

    slug = "nothing-to-pay"
    title = "Nothing is left to be paid"


class Contact(Table, table=True):
    """How to reach the customer of an order, and what they still wait for; there from the first message about the order."""

    __tablename__ = "contact"

    order_id: UUID = Field(primary_key=True)
    state: ContactState = Field(default=ContactState.AWAITED, sa_type=Text)
    email: str | None = None
    phone: str | None = None
    locale: str | None = None
    name: str | None = None
    backordered: dict[str, int] | None = Field(default=None, sa_column=Column(JSONB))
    """How many of which product are sent later, when they come into stock."""
    expected_delivery: dict[str, str] | None = Field(default=None, sa_column=Column(JSONB))
    """The day on which a shipment is expected, as its carrier said last."""
    former_emails: dict[str, str] | None = Field(default=None, sa_column=Column(JSONB))
    """The e-mail that an event replaced, by the event's id: a message about it goes there."""

    def note(self, event: OrderContacts, event_id: UUID | None) -> bool:
        """Keep what the customer gave; tells whether that changed anything. What was erased stays erased."""
        given = (event.contact.email, event.contact.phone, event.contact.locale, event.shipping_address.name)
        if self.state == ContactState.ERASED or (self.email, self.phone, self.locale, self.name) == given:
            return False
        if self.email is not None and self.email != event.contact.email:
            self.former_emails = {**(self.former_emails or {}), str(event_id): self.email}
        self.state = ContactState.KNOWN
        self.email, self.phone, self.locale, self.name = given
        return True

    def erase(self) -> bool:
        """Forget the customer; tells whether there was anything to forget."""
        if self.state == ContactState.ERASED:
            return False
        self.state = ContactState.ERASED
        self.email = self.phone = self.locale = self.name = self.former_emails = None
        return True

    def mailbox(self, event_id: UUID | None) -> str | None:
        """Answer where a mail about an event goes: to the e-mail that the event replaced, where it did."""
        return (self.former_emails or {}).get(str(event_id), self.email)

    def wait_for(self, event: OrderConfirmed | OrderChanged | ShipmentsPlanned) -> bool:
        """Note what is sent later; tells whether that changed anything."""
        if isinstance(event, OrderChanged):
            if event.kind is ChangeKind.REST_CANCELLED:
                waiting = Counter[str]()
            else:
                waiting = Counter(self.backordered) + _units(event.backordered) - _units(event.released_backorders)
        else:
            waiting = _units(event.backordered)
        before, self.backordered = self.backordered, dict(waiting) or None
        return self.backordered != before

    def expect(self, event: ShipmentTracked) -> bool:
        """Note when a parcel is expected; tells whether that changed anything. A carrier's silence takes nothing back."""
        parcel, known = str(event.shipment_id), self.expected_delivery or {}
        if event.expected_delivery is None or known.get(parcel) == event.expected_delivery.isoformat():
            return False
        self.expected_delivery = {**known, parcel: event.expected_delivery.isoformat()}
        return True

    def outlook(self, shipment_id: UUID | None = None) -> dict[str, Any]:
        """Tell, as facts of a message, what is sent later and when this parcel is expected, as far as either is known."""
        facts: dict[str, Any] = {}
        if self.backordered:
            facts["backordered"] = _listed(self.backordered)
        if self.expected_delivery and str(shipment_id) in self.expected_delivery:
            facts["expected_delivery"] = self.expected_delivery[str(shipment_id)]
        return facts

    def may_take(self, channel: Channel) -> bool:
        """Tell whether a message by `channel` can come to pass: SMS needs a phone, or that we do not know yet."""
        return channel is Channel.EMAIL or self.phone is not None or self.state == ContactState.AWAITED


def sorts(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Tell, as a fact of a message, how many units of which product lines hold together."""
    return _listed(_units(lines))


def _listed(units: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"product_id": sku, "quantity": units[sku]} for sku in sorted(units)]


def _units(lines: Iterable[Line]) -> Counter[str]:
    units = Counter[str]()
    for line in lines:
        units[line.product_id] += line.quantity
    return units


class Verdict(StrEnum):
    """What an attempt came to."""

    ACCEPTED = "accepted"
    TEMPORARY = "temporary"
    PERMANENT = "permanent"
    NEEDLESS = "needless"


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What became of one attempt.

    `detail` is the provider's id of the message, or the reason without personal data; `retry_after` is None on the last
    attempt.
    """

    delivery_id: UUID
    attempt: int
    verdict: Verdict
    detail: str
    retry_after: timedelta | None = None


class Delivery(Table, table=True):
    """One message to one customer by one channel about one event."""

    __tablename__ = "delivery"

    delivery_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(foreign_key="contact.order_id")
    template: Template = Field(sa_type=Text)
    event_id: UUID
    channel: Channel = Field(sa_type=Text)
    status: Status = Field(sa_type=Text)
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    due_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    attempts: int = 0
    earlier_attempts: int = 0
    """Attempts before the last request to try again; the schedule of attempts begins anew after them."""
    sent_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    provider_message_id: str | None = None
    last_error: str | None = None
    traceparent: str | None = None
    resend_of: UUID | None = None
    """The message that it says once more, as a member of staff asked for."""
    resent_event: UUID | None = None
    """The event that it tells of then; `event_id` is its own id, since each event is told of once."""
    resent_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    resent_by: str | None = None
    resend_reason: str | None = None

    @property
    def about(self) -> UUID:
        """Name the event that it tells of."""
        return self.resent_event or self.event_id

    @property
    def contact(self) -> Contact | None:
        """The contact that made it ready to go in this transaction, if one did."""
        return self.__dict__.get("_contact")

    @classmethod
    def queue(cls, contact: Contact, template: Template, channel: Channel, facts: dict[str, Any], cause: Cause) -> Self:
        """Leave a message to be sent at once, or as soon as the contact is known; the cause must be an event."""
        if cause.event_id is None:
            raise ValueError("a notification tells of an event")
        awaited = contact.state == ContactState.AWAITED
        delivery = cls(
            delivery_id=new_id(),
            order_id=contact.order_id,
            template=template,
            event_id=cause.event_id,
            channel=channel,
            status=Status.WAITING_FOR_CONTACT if awaited else Status.QUEUED,
            facts=facts,
            created_at=cause.at,
            due_at=None if awaited else cause.at,
            traceparent=cause.traceparent,
        )
        delivery.__dict__["_contact"] = None if awaited else contact
        return delivery

    def contact_settled(self, contact: Contact, at: datetime) -> None:
        """Stop waiting: the contact came, or was erased; a message the customer cannot take is skipped."""
        if self.status != Status.WAITING_FOR_CONTACT or contact.state == ContactState.AWAITED:
            return
        if contact.may_take(self.channel):
            self.status, self.due_at = Status.QUEUED, at
            self.__dict__["_contact"] = contact
        else:
            self.status = Status.SKIPPED

    def begin(self, until: datetime) -> None:
        """Claim it for an attempt that ends before `until`."""
        self.status, self.due_at, self.attempts = Status.SENDING, until, self.attempts + 1

    def conclude(self, outcome: DeliveryOutcome, cause: Cause) -> NotificationSent | NotificationFailed | None:
        """Note what became of an attempt: sent, due again later, given up, or skipped since there is nothing to say any more.

        A success counts whenever it comes; a failure only while its attempt is the latest, since a later one decides.
        """
        if outcome.verdict is Verdict.ACCEPTED:
            if Status.SENT not in TRANSITIONS[self.status]:
                return None
            self.status, self.sent_at, self.due_at = Status.SENT, cause.at, None
            self.provider_message_id, self.last_error = outcome.detail, None
            return NotificationSent(**self._address())
        if self.status != Status.SENDING or outcome.attempt != self.attempts:
            return None
        self.last_error = outcome.detail
        if outcome.verdict is Verdict.TEMPORARY and outcome.retry_after is not None:
            self.status, self.due_at = Status.QUEUED, cause.at + outcome.retry_after
            return None
        if outcome.verdict is Verdict.NEEDLESS:
            self.status, self.due_at = Status.SKIPPED, None
            return None
        self.status, self.due_at = Status.FAILED, None
        return NotificationFailed(**self._address(), reason=outcome.detail)

    def retry(self, cause: Cause, reason: str = "") -> "RetryRequested":
        """Try a failed delivery again, with all attempts anew; raises NotFailedError. Answers the record of who asked."""
        if self.status != Status.FAILED:
            raise NotFailedError(
                f"The delivery is {self.status}; only a failed one can be tried again.", status_now=self.status
            )
        record = RetryRequested(self.delivery_id, cause.actor, cause.at, self.attempts, self.last_error or "", reason)
        self.status, self.due_at, self.earlier_attempts = Status.QUEUED, cause.at, self.attempts
        return record

    def resend(self, reason: str, cause: Cause) -> "ResendRequested":
        """Have what was sent said once more, as a message of its own; raises NotSentError."""
        if self.status != Status.SENT:
            raise NotSentError(f"The message is {self.status}; only a sent one is sent again.", status_now=self.status)
        return ResendRequested(new_id(), self.delivery_id, cause.actor, cause.at, reason)

    def _address(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "delivery_id": self.delivery_id,
            "template": self.template,
            "channel": self.channel,
            "about": self.about,
        }


def queue_all(contact: Contact, template: Template, facts: dict[str, Any], cause: Cause) -> list[Delivery]:
    """Queue a message by every channel that its template has texts for and the customer can take."""
    channels = (channel for channel in CHANNELS[template] if contact.may_take(channel))
    return [Delivery.queue(contact, template, channel, facts, cause) for channel in channels]


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """A member of staff had a failed delivery tried again: who, when, after how many attempts and which error."""

    delivery_id: UUID
    actor: str
    at: datetime
    attempts: int
    error: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResendRequested:
    """A member of staff had a sent message said once more, as a message of its own: who, when and why."""

    delivery_id: UUID
    resend_of: UUID
    actor: str
    at: datetime
    reason: str
