"""Incidents: money that came otherwise than it should, put before a person until somebody says what was done about it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.payment import (
    PaymentCaptureFailed,
    PaymentIncident,
    PaymentIncidentResolved,
    ReauthorizationDeclined,
    RefundBounced,
    RefundFailed,
)
from contracts.types import Money
from payment.model.table import Table

Told = PaymentIncident | PaymentCaptureFailed | RefundFailed | RefundBounced | ReauthorizationDeclined
"""The facts that a person has to do something about."""


class IncidentResolvedError(Refusal):
    """Somebody has dealt with the incident before."""

    slug = "incident-resolved"
    title = "The incident is resolved already"


class Matter(StrEnum):
    """What an incident is about."""

    CAPTURED_AFTER_CANCELLATION = "captured_after_cancellation"
    OVERPAID = "overpaid"
    UNDERPAID = "underpaid"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    CAPTURE_FAILED = "capture_failed"
    REFUND_FAILED = "refund_failed"
    REFUND_BOUNCED = "refund_bounced"


WHAT_TO_DO: Final[Mapping[Matter, str]] = {
    Matter.CAPTURED_AFTER_CANCELLATION: (
        "Money came after the order was cancelled: a card's goes back by itself, a transfer is to be sent back."
    ),
    Matter.OVERPAID: "Send back to the customer's account what came too much, and tell of it by POST /api/admin/transfers.",
    Matter.UNDERPAID: "Ask the customer to send the rest with the same reference; the order is cancelled if it does not come.",
    Matter.AUTHORIZATION_EXPIRED: "Ask the customer to pay for the rest in another way, or cut what has not left of the order.",
    Matter.CAPTURE_FAILED: "The goods have left unpaid: ask the customer to pay in another way, or to send them back.",
    Matter.REFUND_FAILED: "Ask for the refund anew, or give the money back in another way, such as a transfer.",
    Matter.REFUND_BOUNCED: "What went back does not arrive: give the customer the money in another way, such as a transfer.",
}
"""One sentence each for whoever looks."""


class Incident(Table, table=True):
    """Something about an order's money that a person is to look at; `amount` in minor units of `currency`."""

    __tablename__ = "incident"

    incident_id: UUID = Field(primary_key=True)
    order_id: UUID
    user_id: str
    kind: Matter = Field(sa_type=Text)
    amount: int = Field(sa_type=BigInteger)
    currency: str
    code: str | None = Field(default=None)
    opened_at: datetime
    resolved_at: datetime | None = Field(default=None)
    resolved_by: str | None = Field(default=None)
    note: str | None = Field(default=None)

    @classmethod
    def of(cls, fact: Told, cause: Cause) -> Self:
        """Open an incident for a fact that is told now."""
        return cls(
            incident_id=new_id(),
            order_id=fact.order_id,
            user_id=fact.user_id,
            kind=_matter(fact),
            amount=fact.amount.amount,
            currency=fact.amount.currency,
            code=None if isinstance(fact, PaymentIncident | RefundBounced) else fact.code,
            opened_at=cause.at,
        )

    @property
    def what_to_do(self) -> str:
        """Say what a person can do about it."""
        return WHAT_TO_DO[Matter(self.kind)]

    @property
    def money(self) -> Money:
        """Tell its amount."""
        return Money(amount=self.amount, currency=self.currency)

    def document(self) -> dict[str, Any]:
        """Tell what staff see of it."""
        shown = type(self).model_fields.keys() - {"currency"}
        columns = {name: value for name, value in self.__dict__.items() if name in shown}
        return {**columns, "amount": self.money, "what_to_do": self.what_to_do}

    def resolve(self, note: str, cause: Cause, *, others_open: bool) -> PaymentIncidentResolved:
        """Note who has dealt with it, and how; told without the note. Raises IncidentResolvedError."""
        if self.resolved_at is not None:
            raise IncidentResolvedError(f"{self.resolved_by} has: {self.note}", resolved_by=self.resolved_by)
        self.resolved_at, self.resolved_by, self.note = cause.at, cause.actor, note
        return PaymentIncidentResolved(
            order_id=self.order_id,
            user_id=self.user_id,
            incident_id=self.incident_id,
            kind=self.kind,
            amount=self.money,
            others_open=others_open,
        )


def _matter(fact: Told) -> Matter:
    match fact:
        case PaymentIncident():
            return Matter(fact.kind)
        case PaymentCaptureFailed():
            return Matter.CAPTURE_FAILED
        case RefundFailed():
            return Matter.REFUND_FAILED
        case RefundBounced():
            return Matter.REFUND_BOUNCED
        case ReauthorizationDeclined():
            return Matter.AUTHORIZATION_EXPIRED
