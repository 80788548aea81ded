"""The chassis's own tables, which every service owns and migrates in its own database.

`outbox` keeps every fact told, unchanged, for as long as its topic keeps it (Debezium EventRouter column names), but of a
person who is forgotten the content is taken out;
`outbox_unpublished` names those the broker has not acknowledged yet; `outbox_sequence` counts the facts per topic and key.
`inbox` remembers the events handled. Outbox and inbox are partitioned by day of the UUIDv7 event id, so that old days are
dropped instead of deleted; `maintain_partitions` makes the days to come and drops those past retention. A default
partition takes what falls outside, so a wrong clock never stops the work; what it took moves to its day when that is made.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

PARTITIONED: Final = {"inbox": "event_id", "outbox": "id"}
"""The partitioned tables, each by its id."""
DAYS_AHEAD: Final = 3
LOCK_PATIENCE: Final = "500ms"
"""How long a table is waited for, with everybody else waiting behind. A better moment comes, and it is we who give way: after a
second PostgreSQL looks for deadlocks, and may end somebody else's work."""
MOVED_AT_MOST: Final = 10_000
"""So many rows move to a new partition at the most: the table is closed meanwhile."""

log = structlog.get_logger()

TABLES: Final = """
CREATE TABLE outbox (
    id uuid NOT NULL PRIMARY KEY,
    aggregatetype text NOT NULL,
    aggregateid text NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    payload text,
    occurred_at timestamptz NOT NULL,
    correlation_id text NOT NULL,
    causation_id uuid,
    traceparent text
) PARTITION BY RANGE (id);
CREATE INDEX outbox_by_key ON outbox (aggregateid);
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;

CREATE TABLE outbox_unpublished (
    topic text NOT NULL,
    key text NOT NULL,
    sequence integer NOT NULL,
    id uuid NOT NULL,
    claimed_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, key, sequence)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, fillfactor = 70);

CREATE TABLE outbox_sequence (
    topic text NOT NULL,
    key text NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 80);

CREATE TABLE inbox (
    event_id uuid NOT NULL PRIMARY KEY,
    type text NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (event_id);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;

CREATE TABLE idempotency (
    principal text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE dead_letter (
    id uuid PRIMARY KEY,
    topic text NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset bigint NOT NULL,
    key text,
    type text,
    reason text NOT NULL,
    error text NOT NULL,
    headers jsonb NOT NULL,
    value bytea,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'retried', 'discarded')),
    created_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text,
    note text,
    UNIQUE (topic, kafka_partition, kafka_offset)
);
"""

# A BRIN index keeps the oldest time that a page ever held: once pages are used again, everything looks old to it.
REPLIES_BY_AGE: Final = "DROP INDEX idempotency_by_age; CREATE INDEX idempotency_by_age ON idempotency (created_at);"
REPLIES_BY_AGE_BEFORE: Final = (
    "DROP INDEX idempotency_by_age; CREATE INDEX idempotency_by_age ON idempotency USING brin (created_at);"
)

DROP_TABLES: Final = "DROP TABLE outbox, outbox_unpublished, outbox_sequence, inbox, idempotency, dead_letter;"


def statements(script: str) -> list[str]:
    """Split a script of simple statements, since a prepared statement holds one command only."""
    return [part.strip() for part in script.split(";") if part.strip()]


def first_id_of(day: date) -> UUID:
    """Give the smallest UUIDv7 of a day (UTC): its 48 bits of milliseconds, all else zero."""
    milliseconds = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


async def maintain_partitions(connection: Any, today: date, retention_days: int) -> list[str]:
    """Make the partitions up to DAYS_AHEAD and drop those older than `retention_days`; answers what it did.

    Raises asyncpg.LockNotAvailableError where somebody reads a table for long. Each has a transaction of its own, since who
    has the one may be waiting for the other. Replicas may run it at once: one does the work, the others find it done.
    """
    done: list[str] = []
    for table in PARTITIONED:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('maintain_partitions'))")
            await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'")
            rows = await connection.fetch(
                "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = $1::regclass", table
            )
            existing = {row["relname"] for row in rows} - {f"{table}_default"}
            oldest = f"{table}_{today - timedelta(days=retention_days):%Y%m%d}"
            expired = [one for one in sorted(existing) if one < oldest and not await _to_be_published(connection, table, one)]
            for offset in range(DAYS_AHEAD + 1):
                day = today + timedelta(days=offset)
                name = f"{table}_{day:%Y%m%d}"
                if name not in existing and await _make(connection, table, name, day):
                    done.append(f"made {name}")
            for name in expired:
                await connection.execute(f"DROP TABLE {name}")
                done.append(f"dropped {name}")
    return done


async def _to_be_published(connection: Any, table: str, name: str) -> bool:
    """Whether a day has a fact that is not published yet: what comes after it would be held back for ever."""
    query = f"SELECT EXISTS (SELECT FROM outbox_unpublished u JOIN {name} o ON o.id = u.id)"
    waits = table == "outbox" and bool(await connection.fetchval(query))
    if waits:
        log.warning("unpublished_past_retention", kept=name)
    return waits


async def _make(connection: Any, table: str, name: str, day: date) -> bool:
    """Make one day's partition with what the default partition has of that day; where that is much, the day stays there."""
    key, first, end = PARTITIONED[table], first_id_of(day), first_id_of(day + timedelta(days=1))
    strays = f"FROM {table}_default WHERE {key} >= '{first}' AND {key} < '{end}'"
    if await connection.fetchval(f"SELECT count(*) FROM (SELECT {strays} LIMIT {MOVED_AT_MOST + 1}) AS few") > MOVED_AT_MOST:
        return False
    await connection.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
    await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    await connection.execute(f"WITH moved AS (DELETE {strays} RETURNING *) INSERT INTO {name} SELECT * FROM moved")
    await connection.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')")
    return True
