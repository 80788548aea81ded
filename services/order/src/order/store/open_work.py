"""Counts the sagas that have not come to rest."""

from typing import Final

from chassis.database import Database
from chassis.telemetry import Metrics

# Each of them by an index, however many orders there are behind: a pending order's state has none of its own.
_COUNT: Final = """
SELECT 'pending' AS state, count(*) AS n FROM orders WHERE status = 'Pending'
UNION ALL
SELECT 'cancelling', count(*) FROM orders WHERE order_state = 'cancelled' AND (released_at IS NULL OR voided_at IS NULL)
UNION ALL
SELECT 'capture_failed', count(*) FROM orders WHERE payment_state = 'capture_failed'
UNION ALL
SELECT 'refunding', count(*) FROM order_refund WHERE state = 'requested'
UNION ALL
SELECT 'refund_failed', count(*) FROM order_refund WHERE state = 'failed' AND retried_as IS NULL
UNION ALL
SELECT 'return_requested', count(*) FROM order_return WHERE state = 'requested'
"""


async def count_open(database: Database, metrics: Metrics) -> None:
    """Measure how many orders wait for a decision, for their compensation, for money to go back, or for a person."""
    async with database.transaction() as transaction:
        for row in await transaction.fetch(_COUNT):
            metrics.saga_open.labels(row["state"]).set(row["n"])
