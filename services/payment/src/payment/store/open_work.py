"""Counts work that is not at rest yet, for the metrics."""

from chassis.database import Database
from chassis.telemetry import Metrics

_COUNT = """
SELECT action AS state, count(*) AS n FROM payment WHERE due_at IS NOT NULL GROUP BY action
UNION ALL SELECT 'capture', count(*) FROM capture WHERE due_at IS NOT NULL
UNION ALL SELECT 'give_back', count(*) FROM refund WHERE due_at IS NOT NULL
UNION ALL SELECT 'pay_out', count(*) FROM exchange_credit WHERE due_at <= now()
UNION ALL SELECT 'review', count(*) FROM review WHERE state = 'pending'
"""
STATES = ("authorize", "void", "refund", "inquire", "capture", "give_back", "pay_out", "review")


async def measure(database: Database, metrics: Metrics) -> None:
    """Tell how many payments and captures wait for each thing to be asked of the PSP, or for a person."""
    async with database.transaction() as transaction:
        counts = {row["state"]: row["n"] for row in await transaction.fetch(_COUNT)}
    for state in STATES:
        metrics.saga_open.labels(state).set(counts.get(state, 0))
