"""What the two orders of an exchange have to tell each other: steps, written with the one and taken by the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from order.model import ExchangeStep, Step

LEASE: Final = timedelta(seconds=30)

_INSERT: Final = """
INSERT INTO exchange_step (step_id, order_id, return_id, step, reason, actor, event_id, traceparent, due_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[],
    $9::timestamptz[])
"""
_DELETE: Final = "DELETE FROM exchange_step WHERE step_id = ANY($1::uuid[])"
_CLAIM: Final = """
UPDATE exchange_step SET due_at = $2 WHERE step_id IN (
    SELECT step_id FROM exchange_step WHERE due_at <= $1 ORDER BY due_at, step_id LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING step_id, order_id, return_id, step, reason, actor, event_id, traceparent
"""
_NEXT: Final = "SELECT min(due_at) AS at FROM exchange_step"


async def write_steps(transaction: Transaction, told: Sequence[ExchangeStep], taken: Sequence[UUID]) -> None:
    """Keep what other orders are to be told, and forget what was."""
    if told:
        names = ("step_id", "order_id", "return_id", "step", "reason", "actor", "event_id", "traceparent", "due_at")
        await transaction.fetch(_INSERT, *([getattr(one, name) for one in told] for name in names))
        transaction.wake("follow_exchange")
    if taken:
        await transaction.fetch(_DELETE, list(taken))


@dataclass(frozen=True, slots=True)
class StepDue:
    """A step of an exchange that its order is to be told of."""

    step_id: UUID
    order_id: UUID
    return_id: UUID
    step: Step
    reason: str | None
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim steps; taking them ends them."""
        now = transaction.now
        return [
            cls(
                step_id=row["step_id"],
                order_id=row["order_id"],
                return_id=row["return_id"],
                step=Step(row["step"]),
                reason=row["reason"],
                cause=Cause(row["actor"], now, row["event_id"], str(row["order_id"]), row["traceparent"]),
            )
            for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next step is due."""
        rows = await transaction.fetch(_NEXT)
        at: datetime | None = rows[0]["at"]
        return at
