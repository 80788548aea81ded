"""What has begun and not ended, for those who watch."""

from typing import Final

from chassis.database import Database
from chassis.telemetry import Metrics
from notification.model import Status

MOST_COUNTED: Final = 10_000
"""Counts stop here: what failed stays, and whoever watches need not know by how much it is too much."""

_OPEN: Final = """
SELECT status, count(*) AS n FROM (SELECT status FROM delivery WHERE due_at IS NOT NULL LIMIT {most}) AS due GROUP BY status
UNION ALL SELECT 'waiting_for_contact', count(*)
FROM (SELECT FROM delivery WHERE status = 'waiting_for_contact' LIMIT {most}) AS waiting
UNION ALL SELECT 'failed', count(*) FROM (SELECT FROM delivery WHERE status = 'failed' LIMIT {most}) AS failed
"""


async def measure(database: Database, metrics: Metrics) -> None:
    """Count the deliveries that are not at rest, by status, up to MOST_COUNTED."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(_OPEN.format(most=MOST_COUNTED))
    found = {row["status"]: row["n"] for row in rows}
    for status in (Status.WAITING_FOR_CONTACT, Status.QUEUED, Status.SENDING, Status.FAILED):
        metrics.saga_open.labels(f"delivery_{status}").set(found.get(status, 0))
