"""What a service still has to do about a key, and how it is asked to do it now: the operators' help for a saga that waits.

A service says for which rows of its tables it owes something (`Work`): which job, how often it was tried, when next. To nudge
a key makes those rows due now that are put off for longer than a lease, so that no call under way is made twice; and tells
every fact about the key anew, in its order. Telling anew is safe, since whoever has heard a fact drops it by its id; who lost
it (its reaction failed and the letter was discarded, the broker lost its data) hears it now. Nothing is decided by a nudge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from chassis.database import Database

LEASE: Final = timedelta(seconds=60)
"""No job holds a row longer than this for one call."""
MARGIN_DAYS: Final = 1
"""So long before its retention ends a fact is not told anew: who heard it may forget a little earlier than who told it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is owed about a key, as two statements.

    `listed` answers rows of `job`, `subject`, `attempts`, `due_at`, `error` for the key ($1); `hastened` makes those due at $2
    that are due after $3, and answers their `job`. None where only time can bring it about.
    """

    listed: str
    hastened: str | None = None


@dataclass(frozen=True, slots=True)
class Nudged:
    """What a nudge did: how many facts are told anew, and which jobs are due now."""

    told: int
    hastened: Sequence[str]


_TELL_ANEW: Final = """
INSERT INTO outbox_unpublished (topic, key, sequence, id, claimed_until)
SELECT aggregatetype, aggregateid, sequence, id, now() - interval '1 second' FROM outbox
WHERE aggregateid = $1 AND occurred_at > $2
ON CONFLICT DO NOTHING RETURNING id
"""


async def owed(database: Database, key: str, works: Sequence[Work]) -> list[dict[str, Any]]:
    """Answer what is owed about a key, the soonest first."""
    subject = _subject(key)
    if subject is None or not works:
        return []
    found: list[dict[str, Any]] = []
    async with database.transaction() as transaction:
        for work in works:
            found += [dict(row) for row in await transaction.fetch(work.listed, subject)]
    rows = sorted(found, key=lambda row: row["due_at"])
    return [{**row, "service": database.service, "due_at": row["due_at"].isoformat()} for row in rows]


async def nudge(database: Database, key: str, works: Sequence[Work], retention_days: int) -> Nudged:
    """Have what is owed about a key done now, and its facts told anew."""
    subject = _subject(key)
    hastened: list[str] = []
    async with database.transaction() as transaction:
        now = transaction.now
        for work in works if subject is not None else ():
            if work.hastened is not None:
                hastened += [row["job"] for row in await transaction.fetch(work.hastened, subject, now, now + LEASE)]
        told = await transaction.fetch(_TELL_ANEW, key, now - timedelta(days=max(1, retention_days - MARGIN_DAYS)))
        for job in set(hastened):
            transaction.wake(job)
    return Nudged(len(told), sorted(hastened))


def _subject(key: str) -> UUID | None:
    """Read a key that is an id; about others nothing is owed."""
    try:
        return UUID(key)
    except ValueError:
        return None
