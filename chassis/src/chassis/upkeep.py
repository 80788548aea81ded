"""What a process does for its database beside its work: days made in time, what has expired removed, the time looked up.

Nothing of it is worth holding up work, or a start: partitions are made days ahead, old rows go in small steps, and whatever
fails is tried again.
"""

import asyncio
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

import structlog

from chassis.clocks import DatabaseTime
from chassis.database import TRANSIENT, Database
from chassis.idempotency import RETENTION_HOURS
from chassis.schema import first_id_of, maintain_partitions

EVERY_SECONDS: Final = 3600.0
AGAIN_SECONDS: Final = 60.0
CLOCK_SECONDS: Final = 10.0
STEP: Final = 5000
"""So many rows are removed at once: a moment's work."""

# In the order of an index, so that a step costs what it removes; replicas that do it at once share the work.
REPLIES: Final = f"""
DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT {STEP} FOR UPDATE SKIP LOCKED
))
"""
# Of a partition by default, what was kept as long as the rest: an id may be older than its row, where a clock was wrong or the
# broker away for long.
HEARD: Final = f"""
DELETE FROM inbox_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM inbox_default WHERE event_id < $1 AND handled_at < $2
    ORDER BY event_id LIMIT {STEP} FOR UPDATE SKIP LOCKED
))
"""
TOLD: Final = f"""
DELETE FROM outbox_default WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox_default o WHERE id < $1 AND occurred_at < $2
    AND NOT EXISTS (
        SELECT FROM outbox_unpublished u WHERE u.topic = o.aggregatetype AND u.key = o.aggregateid AND u.sequence = o.sequence
    )
    ORDER BY id LIMIT {STEP} FOR UPDATE SKIP LOCKED
))
"""

log = structlog.get_logger()


async def prepare(database: Database, retention_days: int) -> None:
    """Make the coming days before work begins; where that cannot be now it begins all the same: some days are there already."""
    try:
        await keep_days(database, retention_days)
    except TRANSIENT as error:
        log.warning("days_not_made", error=type(error).__name__, detail=str(error)[:200])


async def keep_up(database: Database, retention_days: int) -> None:
    """Do it now and every hour; what fails is done again after a minute."""
    while True:
        pause = EVERY_SECONDS
        for duty in (keep_days, forget):
            try:
                await duty(database, retention_days)
            except Exception as error:  # noqa: BLE001 - it is tried again: without partitions for the days to come all stops
                log.warning("upkeep_failed", duty=duty.__name__, error=type(error).__name__, detail=str(error)[:200])
                pause = AGAIN_SECONDS
        await asyncio.sleep(pause)


async def keep_days(database: Database, retention_days: int) -> None:
    """Make the partitions of the days to come, and drop those past retention."""
    async with database.pool.acquire() as connection:
        done = await maintain_partitions(connection, database.clock().date(), retention_days)
    if done:
        log.info("partitions", done=done)


async def forget(database: Database, retention_days: int) -> None:
    """Remove replies that no client asks for any more, and of the default partitions what is past retention."""
    now = database.clock()
    oldest = now.date() - timedelta(days=retention_days)
    since = first_id_of(oldest), datetime.combine(oldest, time(), UTC)
    await _remove(database, REPLIES, now - timedelta(hours=RETENTION_HOURS))
    await _remove(database, HEARD, *since)
    await _remove(database, TOLD, *since)


async def _remove(database: Database, step: str, *values: Any) -> None:
    removed = STEP
    while removed == STEP:
        async with database.pool.acquire() as connection:
            removed = int((await connection.execute(step, *values)).removeprefix("DELETE "))


async def keep_time(database: Database) -> None:
    """Look now and then what time it is in the database."""
    while isinstance(database.clock, DatabaseTime):
        await asyncio.sleep(CLOCK_SECONDS)
        try:
            async with database.pool.acquire() as connection:
                await database.clock.read(connection)
        except Exception as error:  # noqa: BLE001 - meanwhile the time known goes on; it is asked again
            log.warning("time_unknown", error=type(error).__name__)
