"""What has begun and not ended, for those who watch."""

from typing import Final

from chassis.database import Database
from chassis.telemetry import Metrics
from notification.model import Status

_OPEN: Final = """
SELECT status, count(*) AS n FROM delivery
WHERE due_at IS NOT NULL OR status IN ('waiting_for_contact', 'failed') GROUP BY status
"""


async def measure(database: Database, metrics: Metrics) -> None:
    """Count the deliveries that are not at rest, by status."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch(_OPEN)
    found = {row["status"]: row["n"] for row in rows}
    for status in (Status.WAITING_FOR_CONTACT, Status.QUEUED, Status.SENDING, Status.FAILED):
        metrics.saga_open.labels(f"delivery_{status}").set(found.get(status, 0))
