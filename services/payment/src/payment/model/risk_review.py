"""The review of a risky order: its money is held and nobody is told so until a person, or the deadline, has decided.

A review is decided once. A cancellation of the order is stronger: it is answered as always, and leaves nothing to decide.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts.payment import (
    PaymentAuthorized,
    PaymentDeclined,
    PaymentReviewed,
    PaymentReviewRequired,
    ReviewDecision,
)
from payment.model.payment import Payment
from payment.model.risk import Assessment
from payment.model.table import Table

FRAUD_REJECTED: Final = "fraud_rejected"


class ReviewState(StrEnum):
    """Where a review stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CLOSED = "closed"
    """The order was cancelled meanwhile."""


class ReviewDecidedError(Refusal):
    """The review is decided, or its order is cancelled: there is nothing to decide any more."""

    slug = "review-decided"
    title = "The review is decided already"


class Review(Table, table=True):
    """The review of an order's payment."""

    __tablename__ = "review"

    order_id: UUID = Field(primary_key=True)
    payment_id: UUID
    user_id: str
    score: int
    facts: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    state: ReviewState = Field(default=ReviewState.PENDING, sa_type=Text)
    opened_at: datetime
    deadline_at: datetime
    due_at: datetime | None = Field(default=None)
    decided_at: datetime | None = Field(default=None)
    decided_by: str | None = Field(default=None)
    reason: str | None = Field(default=None)

    @classmethod
    def open(
        cls, held: PaymentAuthorized, assessment: Assessment, deadline_at: datetime, cause: Cause
    ) -> tuple[Self, PaymentReviewRequired]:
        """Have a person look at an order whose money is held."""
        review = cls(
            order_id=held.order_id,
            payment_id=held.payment_id,
            user_id=held.user_id,
            score=assessment.score,
            facts=list(assessment.facts),
            opened_at=cause.at,
            deadline_at=deadline_at,
            due_at=deadline_at,
        )
        return review, PaymentReviewRequired(
            order_id=held.order_id,
            user_id=held.user_id,
            score=review.score,
            facts=review.facts,
            deadline_at=deadline_at,
        )

    def decide(
        self, decision: ReviewDecision, payment: Payment, cause: Cause, reason: str, *, by_deadline: bool = False
    ) -> list[PaymentReviewed | PaymentAuthorized | PaymentDeclined]:
        """Decide; a rejected payment is to be let go. Raises ReviewDecidedError."""
        if self.state != ReviewState.PENDING or payment.barred:
            was = ReviewState.CLOSED if self.state == ReviewState.PENDING else self.state
            raise ReviewDecidedError(
                "The order is cancelled." if was == ReviewState.CLOSED else f"The review was {was}.",
                state=was,
                decided_by=self.decided_by,
                decided_at=self.decided_at.isoformat() if self.decided_at is not None else None,
            )
        approved = decision == ReviewDecision.APPROVE
        self._end(ReviewState.APPROVED if approved else ReviewState.REJECTED, cause, reason)
        order_id, user_id, payment_id, amount = self.order_id, self.user_id, self.payment_id, payment.money(payment.amount)
        reviewed = PaymentReviewed(order_id=order_id, user_id=user_id, decision=decision, by_deadline=by_deadline)
        if approved:
            return [reviewed, PaymentAuthorized(order_id=order_id, user_id=user_id, payment_id=payment_id, amount=amount)]
        payment.withdraw(cause)
        return [
            reviewed,
            PaymentDeclined(order_id=order_id, user_id=user_id, payment_id=payment_id, amount=amount, code=FRAUD_REJECTED),
        ]

    @property
    def is_pending(self) -> bool:
        """Whether it waits for a decision."""
        return self.state == ReviewState.PENDING

    def close(self, cause: Cause) -> None:
        """Note that the order was cancelled: nobody need look."""
        if self.state == ReviewState.PENDING:
            self._end(ReviewState.CLOSED, cause, "order cancelled")

    def _end(self, state: ReviewState, cause: Cause, reason: str) -> None:
        self.state, self.due_at = state, None
        self.decided_at, self.decided_by, self.reason = cause.at, cause.actor, reason
