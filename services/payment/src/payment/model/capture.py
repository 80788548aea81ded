"""A capture: the money due for one shipment, drawn from the order's payments, of each of them at most once.

A dispatched shipment leaves a due capture. From which payments it is drawn is decided when it is heard of, or as soon as they
are decided: never of a cancelled order, never more than is still held (see `funds`). Captures of one order are made one after
the other, and so are the draws of a capture, so the last one is known to be the last. A draw that was asked for once is asked
for in the same words until the PSP says what became of it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.order import ShipmentDispatched
from payment.model.retry import retry_delay
from payment.model.table import Table


class CaptureStatus(StrEnum):
    """How far a capture, or a draw of it, has come."""

    DUE = "due"
    CAPTURED = "captured"
    FAILED = "failed"


class CaptureConcludedError(Refusal):
    """The outcome of a capture is known and does not change any more."""

    slug = "capture-concluded"
    title = "The capture has its outcome already"


class Draw(Table, table=True):
    """What a capture takes of one payment; `place` is its turn, `final` tells the PSP to let go of the rest."""

    __tablename__ = "draw"

    order_id: UUID = Field(primary_key=True)
    shipment_id: UUID = Field(primary_key=True)
    payment_id: UUID = Field(primary_key=True)
    place: int
    amount: int = Field(sa_type=BigInteger)
    final: bool = Field(default=False)
    status: CaptureStatus = Field(default=CaptureStatus.DUE, sa_type=Text)
    code: str | None = Field(default=None)
    sent_at: datetime | None = Field(default=None)

    @property
    def pending(self) -> bool:
        """Whether its outcome is still open."""
        return self.status == CaptureStatus.DUE


class Capture(Table, table=True):
    """The money due for one shipment; `amount` in minor units of `currency`."""

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

    @property
    def draws(self) -> list[Draw]:
        """What it takes of which payment, in turn; empty as long as that is not decided."""
        draws: list[Draw] = self.__dict__.setdefault("_draws", [])
        return draws

    @property
    def next_draw(self) -> Draw | None:
        """The draw whose turn it is."""
        return next((draw for draw in self.draws if draw.pending), None)

    @property
    def asked(self) -> bool:
        """Whether the PSP was asked for what is to be taken next, and has not said yet what became of it."""
        draw = self.next_draw
        return self.pending and (self.sent_at if draw is None else draw.sent_at) is not None

    @property
    def taken(self) -> int:
        """How much of its amount the PSP took."""
        return sum(draw.amount for draw in self.draws if draw.status == CaptureStatus.CAPTURED)

    def draw_of(self, payment_id: UUID) -> Draw | None:
        """Find what it takes of a payment."""
        return next((draw for draw in self.draws if draw.payment_id == payment_id), None)

    def draw(self, payment_id: UUID, amount: int, *, final: bool) -> None:
        """Have `amount` taken of a payment, after what is drawn already; `final` is decided anew when it is asked for."""
        one = Draw(
            order_id=self.order_id,
            shipment_id=self.shipment_id,
            payment_id=payment_id,
            place=len(self.draws),
            amount=amount,
            final=final,
            sent_at=None if self.draws else self.sent_at,
        )
        self.draws.append(one)

    def succeed(self, draw: Draw, cause: Cause) -> None:
        """Note that the PSP took a draw's money; the next draw is due, or none is left."""
        if not self.pending or not draw.pending:
            raise CaptureConcludedError(f"The capture for shipment {self.shipment_id} is {self.status} already.")
        draw.status = CaptureStatus.CAPTURED
        if self.next_draw is None:
            self.status = CaptureStatus.CAPTURED
            self.due_at = None
        else:
            self.attempts = 0
            self.due_at = cause.at

    def fail(self, code: str) -> None:
        """Note that the rest of it is not to be had, for the reason that `code` names; nothing more is drawn."""
        if not self.pending:
            raise CaptureConcludedError(f"The capture for shipment {self.shipment_id} is {self.status} already.")
        for draw in self.draws:
            if draw.pending:
                draw.status, draw.code = CaptureStatus.FAILED, code
        self.status, self.code = CaptureStatus.FAILED, code
        self.due_at = None

    def ask_again(self, cause: Cause) -> None:
        """Note that the outcome is unknown: the same question is due again after a while."""
        if self.pending:
            self.due_at = cause.at + retry_delay(self.attempts)

    def ask_by(self, at: datetime) -> None:
        """Ask by `at`, if it would be asked later."""
        if self.pending and self.due_at is not None:
            self.due_at = min(self.due_at, at)
