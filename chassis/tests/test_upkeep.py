"""Days are made in time and dropped in time, what has expired goes in small steps, and nobody is held up by either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis import schema, upkeep
from chassis.clocks import DatabaseTime
from chassis.database import Database
from chassis.domain import new_id
from chassis.schema import DAYS_AHEAD, first_id_of, maintain_partitions
from chassis.testing import MORNING, SettableClock, cause, eventually
from chassis.upkeep import REPLIES, STEP, forget, keep_days, keep_time, keep_up, prepare
from contracts.order import OrderShipped

pytestmark = pytest.mark.database

RETENTION = 8
TODAY = MORNING.date()
SOON = 5.0


async def run(database: Database, statement: str, *values: Any) -> list[Any]:
    async with database.pool.acquire() as connection:
        rows: list[Any] = await connection.fetch(statement, *values)
    return rows


async def days(database: Database, table: str) -> list[date]:
    """List the days for which a table has a partition."""
    rows = await run(database, "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass", table)
    names = sorted({row["name"] for row in rows} - {f"{table}_default"})
    return [datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC).date() for name in names]


def from_to(first: int, last: int) -> list[date]:
    return [TODAY + timedelta(days=number) for number in range(first, last + 1)]


async def tell(database: Database, event_id: UUID, *, published: bool, at: datetime = MORNING) -> None:
    """Put a fact of this id into the outbox."""
    key = str(uuid4())
    await run(
        database,
        """INSERT INTO outbox (id, aggregatetype, aggregateid, sequence, type, occurred_at, correlation_id)
        VALUES ($1, 'order.events', $2, 1, 'order.shipped.v1', $3, $2)""",
        event_id,
        key,
        at,
    )
    if not published:
        await run(
            database,
            """INSERT INTO outbox_unpublished (topic, key, sequence, id, claimed_until)
            VALUES ('order.events', $1, 1, $2, now())""",
            key,
            event_id,
        )


async def hear(database: Database, event_id: UUID, at: datetime = MORNING) -> None:
    await run(database, "INSERT INTO inbox (event_id, type, handled_at) VALUES ($1, 'order.shipped.v1', $2)", event_id, at)


async def ids(database: Database, table: str, key: str = "id") -> set[UUID]:
    return {row[key] for row in await run(database, f"SELECT {key} FROM {table}")}


@asynccontextmanager
async def reading(database: Database, table: str = "outbox") -> AsyncIterator[None]:
    """Read a table in a transaction that goes on, as a backup does."""
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.fetch(f"SELECT count(*) FROM {table}")
        yield


# --- days -------------------------------------------------------------------------------------------------------------------


async def test_days_are_made_ahead_and_dropped_past_retention(database: Database, clock: SettableClock) -> None:
    for _ in range(RETENTION + 1):
        clock.forward(days=1)
        await keep_days(database, RETENTION)
    for table in ("outbox", "inbox"):
        assert await days(database, table) == from_to(1, RETENTION + 1 + DAYS_AHEAD)


@pytest.mark.parametrize("table", ["outbox", "inbox"])
async def test_who_reads_for_long_keeps_a_day_from_being_made_and_nobody_from_writing(
    database: Database, clock: SettableClock, table: str
) -> None:
    clock.forward(days=1)
    before = await days(database, table)
    async with reading(database, table), asyncio.timeout(SOON):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await keep_days(database, RETENTION)
        await prepare(database, RETENTION)  # a start is not kept from beginning by it either
        async with database.transaction() as transaction:
            transaction.emit(OrderShipped(order_id=uuid4(), user_id="ada"), cause())
        assert await days(database, table) == before
    await keep_days(database, RETENTION)
    assert await days(database, table) == from_to(0, 1 + DAYS_AHEAD)


async def test_days_are_made_while_a_reaction_goes_from_its_inbox_to_its_outbox(
    database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_PATIENCE", "30s")
    clock.forward(days=1)
    async with database.pool.acquire() as reaction, reaction.transaction():
        await reaction.execute("INSERT INTO inbox (event_id, type) VALUES ($1, 'order.shipped.v1')", new_id())
        making = asyncio.create_task(keep_days(database, RETENTION))
        await eventually(lambda: _waits(database), "the day's maker waits for the table")
        await reaction.execute("DELETE FROM outbox")
    await making
    assert await days(database, "outbox") == from_to(0, 1 + DAYS_AHEAD)


async def _waits(database: Database) -> bool:
    return bool(await run(database, "SELECT FROM pg_locks WHERE NOT granted AND relation = 'inbox'::regclass"))


async def test_two_replicas_that_make_days_at_once_make_each_once(database: Database, clock: SettableClock) -> None:
    clock.forward(days=2)
    await asyncio.gather(*(keep_days(database, RETENTION) for _ in range(3)))
    assert await days(database, "outbox") == from_to(0, 2 + DAYS_AHEAD)


async def test_a_fact_that_is_not_published_keeps_its_day(database: Database, clock: SettableClock) -> None:
    waiting, published = first_id_of(TODAY + timedelta(days=1)), first_id_of(TODAY + timedelta(days=2))
    await tell(database, waiting, published=False)
    await tell(database, published, published=True)
    clock.forward(days=RETENTION + DAYS_AHEAD)
    await keep_days(database, RETENTION)
    kept = [TODAY + timedelta(days=DAYS_AHEAD), *from_to(RETENTION + DAYS_AHEAD, RETENTION + 2 * DAYS_AHEAD)]
    assert await days(database, "outbox") == [TODAY + timedelta(days=1), *kept]
    assert await days(database, "inbox") == kept
    assert await ids(database, "outbox") == {waiting}
    await run(database, "DELETE FROM outbox_unpublished")
    await keep_days(database, RETENTION)
    assert await days(database, "outbox") == kept


async def test_what_a_wrong_clock_put_ahead_moves_to_its_day_in_time(database: Database, clock: SettableClock) -> None:
    early = first_id_of(TODAY + timedelta(days=DAYS_AHEAD + 1))
    far = first_id_of(TODAY + timedelta(days=300))
    for one in (early, far):
        await tell(database, one, published=True)
        await hear(database, one)
    clock.forward(days=1)
    await keep_days(database, RETENTION)
    for table, key in (("outbox", "id"), ("inbox", "event_id")):
        assert await days(database, table) == from_to(0, 1 + DAYS_AHEAD)
        assert await ids(database, f"{table}_default", key) == {far}
        assert await ids(database, table, key) == {early, far}


async def test_a_day_of_which_much_lies_elsewhere_stays_there(
    database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "MOVED_AT_MOST", 1)
    for number in range(2):
        await hear(database, UUID(int=first_id_of(TODAY + timedelta(days=DAYS_AHEAD + 1)).int + number))
    clock.forward(days=1)
    async with database.pool.acquire() as connection:
        done = await maintain_partitions(connection, clock().date(), RETENTION)
    assert done == [f"made outbox_{TODAY + timedelta(days=DAYS_AHEAD + 1):%Y%m%d}"]


# --- what has expired -------------------------------------------------------------------------------------------------------


async def test_default_partitions_keep_what_is_young_or_still_to_be_published(database: Database, clock: SettableClock) -> None:
    """An id may be older than its row: a fact that waited for the broker for long is heard late, and may come again."""
    long_ago = MORNING - timedelta(days=RETENTION + 1)
    told, waiting, just_told, heard, just_heard = (
        UUID(int=first_id_of(long_ago.date()).int + number) for number in range(1, 6)
    )
    await tell(database, told, published=True, at=long_ago)
    await tell(database, waiting, published=False, at=long_ago)
    await tell(database, just_told, published=True, at=clock())
    await hear(database, heard, at=long_ago)
    await hear(database, just_heard, at=clock())
    await forget(database, RETENTION)
    assert await ids(database, "outbox") == {waiting, just_told}
    assert await ids(database, "inbox", "event_id") == {just_heard}


async def put_replies(database: Database, count: int, at: datetime) -> None:
    await run(
        database,
        """INSERT INTO idempotency (principal, key, fingerprint, status, headers, body, created_at)
        SELECT 'ada', gen_random_uuid()::text, '', 201, '{}', '', $2::timestamptz + n * interval '1 ms'
        FROM generate_series(1, $1) AS n""",
        count,
        at,
    )


async def test_old_replies_are_forgotten_to_the_last_and_young_ones_kept(database: Database, clock: SettableClock) -> None:
    await put_replies(database, 2 * STEP + 1, MORNING - timedelta(hours=49))
    await put_replies(database, 10, MORNING - timedelta(hours=47))
    await asyncio.gather(forget(database, RETENTION), forget(database, RETENTION))
    rows = await run(database, "SELECT count(*) AS n, min(created_at) AS oldest FROM idempotency")
    assert (rows[0]["n"], rows[0]["oldest"] > clock() - timedelta(hours=48)) == (10, True)


async def test_forgetting_replies_costs_what_is_forgotten_however_many_there_are(database: Database) -> None:
    """Whatever was deleted before: pages are used again, and hold old and new."""
    await put_replies(database, 3 * STEP, MORNING - timedelta(hours=100))
    await run(database, "ANALYZE idempotency")
    plan = "\n".join(row[0] for row in await run(database, f"EXPLAIN {REPLIES}", MORNING))
    assert "Index Scan using idempotency_by_age" in plan
    assert "Tid Scan" in plan
    assert "Seq Scan" not in plan


# --- again and again --------------------------------------------------------------------------------------------------------


async def test_what_fails_is_done_again_soon_and_keeps_nothing_else_from_being_done(
    database: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "AGAIN_SECONDS", 0.01)
    await put_replies(database, 1, MORNING - timedelta(hours=49))
    clock.forward(days=1)
    async with reading(database):
        work = asyncio.create_task(keep_up(database, RETENTION))
        await eventually(lambda: _none_kept(database), "old replies go although no day can be made")
    await eventually(lambda: _has_day(database, TODAY + timedelta(days=1 + DAYS_AHEAD)), "the day is made in the end")
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def _none_kept(database: Database) -> bool:
    return not await run(database, "SELECT FROM idempotency")


async def _has_day(database: Database, day: date) -> bool:
    return day in await days(database, "outbox")


async def test_the_time_is_looked_up_again_whatever_went_wrong(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "CLOCK_SECONDS", 0.01)
    looked = asyncio.Event()
    troubles: list[Exception] = [RuntimeError("a fault of ours"), asyncpg.InternalServerError("its disk is full")]

    async def read(self: DatabaseTime, connection: Any) -> None:
        if troubles:
            raise troubles.pop()
        await reads(self, connection)
        looked.set()

    reads = DatabaseTime.read
    misled = await Database.open("order", database.url, clock=DatabaseTime())
    monkeypatch.setattr(DatabaseTime, "read", read)
    work = asyncio.create_task(keep_time(misled))
    try:
        await asyncio.wait_for(looked.wait(), SOON)
        assert not troubles
    finally:
        work.cancel()
        await asyncio.wait([work])
        await misled.close()
