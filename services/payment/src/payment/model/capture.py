"""A capture: the money due for one shipment, taken at most once.

A dispatched shipment leaves a due capture. Captures of one order are made one after the other, so the last one is known to be
the last. Whether a capture may be asked of the PSP is decided when it is claimed: never for a cancelled order, never more than
is still held. Once asked, it is asked with the same key until the PSP says what became of it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.order import ShipmentDispatched
from payment.model.payment import Status
from payment.model.retry import retry_delay
from payment.model.table import Table


class CaptureStatus(StrEnum):
    """How far a capture has come."""

    DUE = "due"
    CAPTURED = "captured"
    FAILED = "failed"


class CaptureConcludedError(Refusal):
    """The outcome of a capture is known and does not change any more."""

    slug = "capture-concluded"
    title = "The capture has its outcome already"


@dataclass(frozen=True, slots=True)
class Hold:
    """What a payment can still be captured of: `open_amount` in minor units of `currency`."""

    status: str
    barred: bool
    open_amount: int
    currency: str


class Capture(Table, table=True):
    """The money due for one shipment; `amount` in minor units of the payment's currency."""

    __tablename__ = "capture"

    order_id: UUID = Field(primary_key=True)
    shipment_id: UUID = Field(primary_key=True)
    capture_id: UUID
    amount: int = Field(sa_type=BigInteger)
    currency: str
    status: CaptureStatus = Field(default=CaptureStatus.DUE, sa_type=Text)
    code: str | None = Field(default=None)
    due_at: datetime | None = Field(default=None)
    attempts: int = Field(default=0)
    sent_at: datetime | None = Field(default=None)
    actor: str
    causation_id: UUID | None = Field(default=None)
    traceparent: str | None = Field(default=None)
    created_at: datetime

    @classmethod
    def due_for(cls, event: ShipmentDispatched, cause: Cause) -> Self:
        """Take the money of a dispatched shipment as soon as possible."""
        return cls(
            order_id=event.order_id,
            shipment_id=event.shipment_id,
            capture_id=new_id(),
            amount=event.amount.amount,
            currency=event.amount.currency,
            due_at=cause.at,
            actor=cause.actor,
            causation_id=cause.event_id,
            traceparent=cause.traceparent,
            created_at=cause.at,
        )

    @property
    def pending(self) -> bool:
        """Whether its outcome is still open."""
        return self.status == CaptureStatus.DUE

    def refusal(self, hold: Hold) -> str | None:
        """Tell why this capture must not be asked of the PSP; None where it may be, or has been already."""
        if self.sent_at is not None:
            return None
        if hold.barred:
            return "order_cancelled"
        if hold.status != Status.AUTHORIZED:
            return "not_authorized"
        if self.currency != hold.currency:
            return "currency_mismatch"
        return None if 0 < self.amount <= hold.open_amount else "amount_exceeds_authorization"

    def succeed(self) -> None:
        """Note that the PSP took the money."""
        self._conclude(CaptureStatus.CAPTURED, None)

    def fail(self, code: str) -> None:
        """Note that the PSP refused, or was not asked, for the reason that `code` names."""
        self._conclude(CaptureStatus.FAILED, code)

    def _conclude(self, status: CaptureStatus, code: str | None) -> None:
        if not self.pending:
            raise CaptureConcludedError(f"The capture for shipment {self.shipment_id} is {self.status} already.")
        self.status = status
        self.code = code
        self.due_at = None

    def ask_again(self, cause: Cause) -> None:
        """Note that the outcome is unknown: the same question is due again after a while."""
        if self.pending:
            self.due_at = cause.at + retry_delay(self.attempts)

    def ask_by(self, at: datetime) -> None:
        """Ask by `at`, if it would be asked later."""
        if self.pending and self.due_at is not None:
            self.due_at = min(self.due_at, at)
