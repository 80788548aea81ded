"""Reviews in transactions, their due rows, and the notes about declines that later assessments count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause, NotFoundError
from contracts.payment import PaymentAuthorized, PaymentReviewRequired, ReviewDecision
from payment.model import Assessment, Review, ReviewState
from payment.store.risk import terms_of

JOB: Final = "decide_by_default"
LEASE: Final = timedelta(seconds=30)

_COLUMNS: Final = (
    "order_id, payment_id, user_id, score, facts, state, opened_at, deadline_at, due_at, decided_at, decided_by, reason"
)
_FETCH: Final = f"SELECT {_COLUMNS} FROM review WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
_OPEN: Final = f"""
INSERT INTO review ({_COLUMNS})
SELECT order_id, payment_id, user_id, score, string_to_array(facts, ','), 'pending', $1, deadline_at,
    deadline_at, NULL, NULL, NULL
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::text[], $7::timestamptz[])
    AS n(order_id, payment_id, user_id, score, facts, deadline_at)
"""
_END: Final = """
UPDATE review r SET state = n.state, due_at = NULL, decided_at = n.at, decided_by = n.by, reason = n.reason
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) AS n(order_id, state, at, by, reason)
WHERE r.order_id = n.order_id AND r.state = 'pending'
"""
_DECLINED: Final = "UPDATE assessment SET declined = true WHERE order_id = ANY($1::uuid[])"
_CLAIM: Final = """
UPDATE review SET due_at = $2 WHERE order_id IN (
    SELECT order_id FROM review WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id
"""
_NEXT: Final = "SELECT min(due_at) AS at FROM review WHERE due_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class DecideReview:
    """A person's decision about a risky order, and why."""

    order_id: UUID
    decision: ReviewDecision
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewDue:
    """A review that nobody decided in time."""

    order_id: UUID
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that nobody but time asked for it."""
        return Cause(actor="deadline", at=self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim reviews past their deadline; deciding them clears it."""
        rows = await transaction.fetch(_CLAIM, transaction.now, transaction.now + LEASE, limit)
        return [cls(row["order_id"], transaction.now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next deadline passes."""
        rows = await transaction.fetch(_NEXT)
        at: datetime | None = rows[0]["at"]
        return at


class ReviewStore:
    """The reviews that messages decide; an authorisation opens one and reads none."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, Review] = {}
        self._opened: list[Review] = []
        self._declined: list[UUID] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the reviews that are to be decided."""
        ids = {message.order_id for message in messages if isinstance(message, DecideReview | ReviewDue)}
        if ids:
            rows = await self._transaction.fetch(_FETCH, list(ids))
            self._found = {row["order_id"]: Review.stored(row) for row in rows}

    def get(self, order_id: UUID) -> Review:
        """Answer the review of an order; raises NotFoundError."""
        review = self._found.get(order_id)
        if review is None:
            raise NotFoundError("There is no review of this order.")
        return review

    @property
    def default(self) -> ReviewDecision:
        """What is decided where nobody does."""
        return terms_of(self._transaction).default

    def open(self, held: PaymentAuthorized, assessment: Assessment, cause: Cause) -> PaymentReviewRequired:
        """Have a person look at an order whose money is held."""
        deadline_at = cause.at + terms_of(self._transaction).review_for
        review, told = Review.open(held, assessment, deadline_at, cause)
        self._opened.append(review)
        return told

    def note_decline(self, order_id: UUID) -> None:
        """Note that an order's payment was declined, for those who count declines."""
        self._declined.append(order_id)

    async def flush(self) -> None:
        """Write what is new and what is decided."""
        if self._opened:
            new = self._opened
            await self._transaction.fetch(
                _OPEN,
                new[0].opened_at,
                [one.order_id for one in new],
                [one.payment_id for one in new],
                [one.user_id for one in new],
                [one.score for one in new],
                [",".join(one.facts) for one in new],
                [one.deadline_at for one in new],
            )
            self._transaction.wake(JOB)
        ended = [one for one in self._found.values() if one.state != ReviewState.PENDING]
        if ended:
            await self._transaction.fetch(
                _END,
                [one.order_id for one in ended],
                [one.state for one in ended],
                [one.decided_at for one in ended],
                [one.decided_by for one in ended],
                [one.reason for one in ended],
            )
        if self._declined:
            await self._transaction.fetch(_DECLINED, self._declined)
