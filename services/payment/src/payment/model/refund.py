"""A refund: money that is given back on request, drawn from what was captured, of each payment at most once.

A request leaves a due refund. Of which payments it is given back is decided when it is heard, or as soon as the captures under
way are known (see `funds`): never of a cancelled order, whose money goes back as a whole. Its parts are asked for one after the
other, each with a key of its own. An unknown outcome is asked for with the same key until it is known; what the PSP refuses for
want of money is asked for anew, a few times. A refund ends once: given back, or failed, so that a person acts.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause
from contracts.order import RefundRequested
from contracts.payment import RefundBounced, RefundFailed
from contracts.types import Money
from payment.model.retry import LONGEST, retry_delay
from payment.model.table import Table

REFUSED_FOR_NOW: Final = frozenset({"balance_insufficient", "lock_timeout"})
"""What the PSP refuses today and may do tomorrow."""
EXCEEDS_CAPTURED: Final = "exceeds_captured"
MOST_REFUSALS: Final = 8
MOST_BOUNCES: Final = 2
"""So often money is sent again that came back from the customer's bank."""
MOST_WAITS: Final = 60
"""So often it is looked for what a refund is to be drawn from: about an hour."""


class RefundStatus(StrEnum):
    """How far a refund, or a part of it, has come."""

    DUE = "due"
    REFUNDED = "refunded"
    FAILED = "failed"


class RefundPart(Table, table=True):
    """What a refund gives back of one payment; `refusals` is how often the PSP would not do it for now."""

    __tablename__ = "refund_part"

    order_id: UUID = Field(primary_key=True)
    refund_id: UUID = Field(primary_key=True)
    payment_id: UUID = Field(primary_key=True)
    place: int
    amount: int = Field(sa_type=BigInteger)
    status: RefundStatus = Field(default=RefundStatus.DUE, sa_type=Text)
    code: str | None = Field(default=None)
    refusals: int = Field(default=0)
    bounced: int = Field(default=0)
    """How often it was given back and came back from the customer's bank."""
    sent_at: datetime | None = Field(default=None)

    @property
    def pending(self) -> bool:
        """Whether its outcome is still open."""
        return self.status == RefundStatus.DUE

    @property
    def booked_as(self) -> UUID:
        """Name it in the ledger: by its refund, and after it came back by another name each time."""
        return uuid5(self.refund_id, str(self.bounced)) if self.bounced else self.refund_id


class Refund(Table, table=True):
    """Money to be given back; `amount` in minor units of `currency`."""

    __tablename__ = "refund"

    order_id: UUID = Field(primary_key=True)
    refund_id: UUID = Field(primary_key=True)
    user_id: str
    amount: int = Field(sa_type=BigInteger)
    currency: str
    reason: str
    exchange_order_id: UUID | None = Field(default=None)
    """The order that it pays, instead of going to the customer."""
    status: RefundStatus = Field(default=RefundStatus.DUE, sa_type=Text)
    code: str | None = Field(default=None)
    due_at: datetime | None = Field(default=None)
    attempts: int = Field(default=0)
    actor: str
    causation_id: UUID | None = Field(default=None)
    traceparent: str | None = Field(default=None)
    created_at: datetime

    @classmethod
    def request(cls, event: RefundRequested, cause: Cause) -> Self:
        """Give back what is asked for as soon as possible."""
        return cls(
            order_id=event.order_id,
            refund_id=event.refund_id,
            user_id=event.user_id,
            amount=event.amount.amount,
            currency=event.amount.currency,
            reason=event.reason,
            exchange_order_id=event.exchange_order_id,
            due_at=cause.at,
            actor=cause.actor,
            causation_id=cause.event_id,
            traceparent=cause.traceparent,
            created_at=cause.at,
        )

    @property
    def pending(self) -> bool:
        """Whether its outcome is still open."""
        return self.status == RefundStatus.DUE

    @property
    def parts(self) -> list[RefundPart]:
        """What it gives back of which payment, in turn; empty as long as that is not decided."""
        parts: list[RefundPart] = self.__dict__.setdefault("_parts", [])
        return parts

    @property
    def given(self) -> int:
        """How much of it the customer has."""
        return sum(part.amount for part in self.parts if part.status == RefundStatus.REFUNDED)

    def part_of(self, payment_id: UUID) -> RefundPart | None:
        """Find what it gives back of a payment."""
        return next((part for part in self.parts if part.payment_id == payment_id), None)

    def draw(self, payment_id: UUID, amount: int, cause: Cause) -> None:
        """Have `amount` given back of a payment, after what is drawn already."""
        self.parts.append(
            RefundPart(
                order_id=self.order_id,
                refund_id=self.refund_id,
                payment_id=payment_id,
                place=len(self.parts),
                amount=amount,
            )
        )
        self.attempts, self.due_at = 0, cause.at

    def succeed(self, part: RefundPart, cause: Cause) -> None:
        """Note that the PSP gave a part back; the next one is due, or none is left."""
        part.status, part.code = RefundStatus.REFUNDED, None
        if any(one.pending for one in self.parts):
            self.attempts, self.due_at = 0, cause.at
        else:
            failed = any(one.status == RefundStatus.FAILED for one in self.parts)  # which was told when it did
            self.status, self.due_at = RefundStatus.FAILED if failed else RefundStatus.REFUNDED, None

    def refuse(self, part: RefundPart, code: str, cause: Cause) -> bool:
        """Note that the PSP refused a part; answers whether that is its last word."""
        part.code = code
        part.refusals += 1
        if code not in REFUSED_FOR_NOW or part.refusals >= MOST_REFUSALS:
            return True
        self.due_at = cause.at + LONGEST * 2**part.refusals
        return False

    def bounce(self, part: RefundPart, code: str, cause: Cause) -> RefundBounced | None:
        """Note that a part came back from the customer's bank: it is asked for anew, a few times; told where it is not."""
        part.bounced += 1
        part.refusals += 1
        if part.bounced > MOST_BOUNCES:
            return self.lose(part, code)
        part.code = self.code = code
        part.status = self.status = RefundStatus.DUE
        self.attempts, self.due_at = 0, cause.at + LONGEST * 2**part.refusals
        return None

    def lose(self, part: RefundPart, code: str) -> RefundBounced:
        """Note that a part which came back is not sent again, for the reason that `code` names."""
        part.status = self.status = RefundStatus.FAILED
        part.code = self.code = code
        self.due_at = None
        amount = Money(amount=part.amount, currency=self.currency)
        return RefundBounced(order_id=self.order_id, user_id=self.user_id, amount=amount)

    def fail(self, code: str) -> RefundFailed:
        """Note that the rest of it cannot be given back, for the reason that `code` names."""
        for part in self.parts:
            if part.pending:
                part.status, part.code = RefundStatus.FAILED, code
        self.status, self.code, self.due_at = RefundStatus.FAILED, code, None
        left = Money(amount=self.amount - self.given, currency=self.currency)
        return RefundFailed(order_id=self.order_id, user_id=self.user_id, refund_id=self.refund_id, amount=left, code=code)

    def wait(self, cause: Cause) -> RefundFailed | None:
        """Note that what it is drawn from is not taken yet; told when that is not waited for any longer."""
        if self.attempts >= MOST_WAITS:
            return self.fail(EXCEEDS_CAPTURED)
        self.ask_again(cause)
        return None

    def ask_again(self, cause: Cause) -> None:
        """Note that the outcome is unknown: the same question is due again after a while."""
        if self.pending:
            self.due_at = cause.at + retry_delay(self.attempts)
