"""The deliveries whose time has come, claimed under a lease with all that is needed to write and send them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.notification import Channel
from notification.model import ASKS_TO_PAY, Contact, ContactState, Delivery, Template

DELIVER: Final = "deliver"
"""The job that sends what is due."""

LEASE: Final = timedelta(seconds=45)
"""How long an attempt may take before another process makes the next one; longer than any provider's time-out."""

# A query of one row: what EXISTS asks may be answered by a read of the whole table.
NEEDLESS: Final = f"""coalesce(
    {{message}}.template IN ({", ".join(f"'{one}'" for one in sorted(ASKS_TO_PAY))}) AND (
        SELECT true FROM delivery told
        WHERE told.order_id = {{message}}.order_id AND told.template IN ('confirmed', 'cancelled') LIMIT 1
    ), false)"""
"""Whether a message asks to pay for an order of which its customer is told that it is paid or cancelled."""

_CLAIM: Final = f"""
WITH due AS (
    SELECT delivery_id FROM delivery WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE delivery d SET status = 'sending', attempts = d.attempts + 1, due_at = $3 FROM due
    WHERE d.delivery_id = due.delivery_id
    RETURNING d.delivery_id, d.order_id, d.template, coalesce(d.resent_event, d.event_id) AS event_id, d.channel, d.facts,
        d.created_at, d.attempts, d.earlier_attempts, d.traceparent
)
SELECT claimed.*, c.state, coalesce(c.former_emails ->> claimed.event_id::text, c.email) AS email, c.phone, c.locale, c.name,
    {NEEDLESS.format(message="claimed")} AS needless
FROM claimed JOIN contact c USING (order_id)
"""

_NEXT_DUE: Final = "SELECT due_at FROM delivery WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message goes to."""

    email: str
    phone: str | None
    locale: str
    name: str

    @classmethod
    def of(cls, contact: Mapping[str, Any], email: str | None) -> Self | None:
        """Read a contact's row, for a message to `email`; None where the customer's data were erased."""
        if contact["state"] != ContactState.KNOWN or email is None:
            return None
        return cls(email, contact["phone"], contact["locale"], contact["name"])


@dataclass(frozen=True, slots=True)
class DeliveryDue:
    """A delivery whose time has come; `recipient` is None where the customer's data were erased.

    It is `needless` where it asks to pay, and nothing is to be paid any more. `attempt` counts all attempts, `attempt_in_round`
    those since the last request to try again.
    """

    delivery_id: UUID
    order_id: UUID
    template: Template
    event_id: UUID
    channel: Channel
    attempt: int
    attempt_in_round: int
    facts: Mapping[str, Any]
    created_at: datetime
    recipient: Recipient | None
    claimed_at: datetime
    traceparent: str | None
    needless: bool = False

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
            created_at=delivery.created_at,
            recipient=Recipient.of(contact.__dict__, contact.mailbox(delivery.event_id)),
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
            created_at=row["created_at"],
            recipient=Recipient.of(row, row["email"]),
            claimed_at=now,
            traceparent=row["traceparent"],
            needless=row["needless"],
        )

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next delivery is due."""
        rows = await transaction.fetch(_NEXT_DUE)
        return rows[0]["due_at"] if rows else None
