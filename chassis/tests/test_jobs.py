"""Due rows: each is worked on by one process, called outside any transaction, and left due where the outcome is not known."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

import asyncpg
import pytest

from chassis.batch import Batcher
from chassis.database import Database, Transaction
from chassis.domain import Cause
from chassis.jobs import CALLS_AT_ONCE, Jobs, Pace, Waker, Workers
from chassis.testing import SettableClock, eventually, told
from contracts.order import OrderShipped

pytestmark = pytest.mark.database

LEASE = timedelta(seconds=30)


@dataclass(frozen=True)
class Parcel:
    """A parcel that is due to be handed to a carrier."""

    parcel_id: UUID
    at: datetime
    attempts: int

    @property
    def cause(self) -> Cause:
        return Cause("clock", self.at, correlation_id=str(self.parcel_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        rows = await transaction.fetch(
            """UPDATE parcel SET due_at = $1::timestamptz + $3::interval, attempts = attempts + 1 WHERE id IN (
            SELECT id FROM parcel WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING id, attempts""",
            transaction.now,
            limit,
            LEASE,
        )
        return [cls(row["id"], transaction.now, row["attempts"]) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        at: datetime | None = (await transaction.fetch("SELECT min(due_at) AS at FROM parcel"))[0]["at"]
        return at


@dataclass(frozen=True)
class Taken:
    """The carrier took a parcel."""

    parcel_id: UUID


class Parcels:
    lock_rank: ClassVar[int] = 1
    troubles: ClassVar[list[Exception]] = []

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._done: list[UUID] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        if self.troubles:
            raise self.troubles.pop()
        ids = sorted(message.parcel_id for message in messages)
        await self._transaction.fetch("SELECT 1 FROM parcel WHERE id = ANY($1::uuid[]) FOR UPDATE", ids)

    def done(self, parcel_id: UUID) -> None:
        self._done.append(parcel_id)

    async def flush(self) -> None:
        await self._transaction.fetch("UPDATE parcel SET due_at = NULL WHERE id = ANY($1::uuid[])", self._done)


class Carrier:
    """The outside: it counts, and does what the test says."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.calls: list[Parcel] = []
        self.down = False
        self.opens = asyncio.Event()
        self.opens.set()

    async def take(self, parcel: Parcel) -> Taken:
        self.calls.append(parcel)
        await self.opens.wait()
        if self.down:
            raise TimeoutError("no answer")
        return Taken(parcel.parcel_id)


jobs = Jobs("order")


@jobs.on(Parcel)
async def hand_over(due: Parcel, carrier: Carrier) -> Taken:
    """Hand a parcel to the carrier."""
    return await carrier.take(due)


@jobs.outcome
def note_taken(outcome: Taken, parcels: Parcels, cause: Cause) -> OrderShipped:
    """Note that the carrier has it."""
    parcels.done(outcome.parcel_id)
    return OrderShipped(order_id=outcome.parcel_id, user_id=cause.actor)


@pytest.fixture
async def parcels(database: Database) -> Database:
    async with database.transaction() as transaction:
        await transaction.fetch("CREATE TABLE parcel (id uuid PRIMARY KEY, due_at timestamptz, attempts int DEFAULT 0)")
    return database


async def due(database: Database, count: int = 1) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    async with database.transaction() as transaction:
        await transaction.fetch("INSERT INTO parcel SELECT unnest($1::uuid[]), $2", ids, transaction.now)
        transaction.wake("hand_over")
    return ids


async def shipped(database: Database, count: int) -> bool:
    return len(await told(database)) == count


@asynccontextmanager
async def working(database: Database, carrier: Carrier) -> AsyncIterator[Workers]:
    workers = Workers(jobs, database, Batcher(database), {Carrier: carrier})
    await workers.start()
    try:
        yield workers
    finally:
        await workers.stop()


async def test_what_is_due_is_done_and_told_with_its_cause(parcels: Database) -> None:
    carrier = Carrier(parcels)
    async with working(parcels, carrier):
        (parcel_id,) = await due(parcels)
        await eventually(lambda: shipped(parcels, 1), "it is shipped", within=3)
    (fact,) = await told(parcels, parcel_id)
    assert isinstance(fact, OrderShipped)
    assert fact.user_id == "clock"
    assert len(carrier.calls) == 1


async def test_a_hundred_due_rows_share_transactions(parcels: Database) -> None:
    carrier = Carrier(parcels)
    await due(parcels, 100)
    before = parcels.statements
    async with working(parcels, carrier):
        await eventually(lambda: shipped(parcels, 100), "all are shipped", within=5)
        assert parcels.statements - before < 100
    assert len(carrier.calls) == 100


async def test_a_call_without_an_answer_leaves_the_row_due_after_its_lease(parcels: Database, clock: SettableClock) -> None:
    carrier = Carrier(parcels)
    carrier.down = True
    async with working(parcels, carrier) as workers:
        await due(parcels)
        await eventually(lambda: _true(len(carrier.calls) == 1), "the carrier was asked", within=3)
        carrier.down = False
        workers.wake("hand_over")
        assert await told(parcels) == []
        clock.forward(seconds=31)
        workers.wake("hand_over")
        await eventually(lambda: shipped(parcels, 1), "it is shipped at the second attempt", within=3)
    assert [call.attempts for call in carrier.calls] == [1, 2]


async def test_two_processes_do_each_row_once(parcels: Database) -> None:
    other = await Database.open("order", parcels.url, clock=parcels.clock)
    first, second = Carrier(parcels), Carrier(other)
    await due(parcels, 300)
    async with working(parcels, first), working(other, second):
        await eventually(lambda: shipped(parcels, 300), "all are shipped", within=10)
    assert len({call.parcel_id for call in (*first.calls, *second.calls)}) == 300
    assert len(first.calls) + len(second.calls) == 300
    await other.close()


async def test_a_known_outcome_waits_for_the_database(parcels: Database) -> None:
    carrier = Carrier(parcels)
    Parcels.troubles[:] = [OSError("away"), asyncpg.CannotConnectNowError("starting")]
    async with working(parcels, carrier):
        await due(parcels)
        await eventually(lambda: shipped(parcels, 1), "it is shipped", within=5)
    assert len(carrier.calls) == 1, "what is known is not asked again"
    assert Parcels.troubles == []


async def test_a_process_without_workers_wakes_those_of_another(parcels: Database) -> None:
    api = await Database.open("order", parcels.url, clock=parcels.clock)
    api.workforce = Waker(api)
    carrier = Carrier(parcels)
    async with working(parcels, carrier):
        await eventually(lambda: _listening(parcels), "the workers listen", within=3)
        await due(api)
        await eventually(lambda: shipped(parcels, 1), "it is shipped long before the regular look", within=2)
    await api.close()


async def test_rows_written_as_claimed_are_done_without_being_claimed_again(parcels: Database) -> None:
    carrier = Carrier(parcels)
    async with working(parcels, carrier):
        async with parcels.transaction() as transaction:
            assert transaction.room("hand_over") > 2
            handed = [Parcel(uuid4(), transaction.now, 1) for _ in range(2)]
            ids = [parcel.parcel_id for parcel in handed]
            await transaction.fetch("INSERT INTO parcel SELECT unnest($1::uuid[]), $2, 1", ids, transaction.now + LEASE)
            transaction.begin("hand_over", handed)
            assert carrier.calls == [], "nothing is begun before the commit"
        await eventually(lambda: shipped(parcels, 2), "both are shipped", within=5)
    assert [parcel.attempts for parcel in carrier.calls] == [1, 1]


async def test_a_slow_provider_is_handed_no_more_than_it_can_be_asked_soon(parcels: Database) -> None:
    carrier = Carrier(parcels)
    carrier.opens = asyncio.Event()
    async with working(parcels, carrier):
        async with parcels.transaction() as transaction:
            assert transaction.room("hand_over") == CALLS_AT_ONCE, "nothing is known of its pace yet"
            handed = [Parcel(uuid4(), transaction.now, 1) for _ in range(CALLS_AT_ONCE)]
            ids = [parcel.parcel_id for parcel in handed]
            await transaction.fetch("INSERT INTO parcel SELECT unnest($1::uuid[]), $2, 1", ids, transaction.now + LEASE)
            transaction.begin("hand_over", handed)
        async with parcels.transaction() as transaction:
            assert transaction.room("hand_over") == 0, "all calls are under way, and none has ended"
        carrier.opens.set()
        await eventually(lambda: shipped(parcels, CALLS_AT_ONCE), "all are shipped", within=10)
        async with parcels.transaction() as transaction:
            assert transaction.room("hand_over") > CALLS_AT_ONCE, "so many have just ended in a second"


def test_a_pace_is_that_of_the_last_seconds() -> None:
    pace = Pace(0.0)
    assert pace.a_second(0.0) == 0
    for _ in range(50):
        pace.ended(0.5)
    assert pace.a_second(0.6) == 50
    pace.ended(2.0)
    assert pace.a_second(2.1) == 25
    assert pace.a_second(12.0) == pytest.approx(0.1)


async def test_a_transaction_that_fails_hands_nothing_over(parcels: Database) -> None:
    carrier = Carrier(parcels)
    async with working(parcels, carrier):
        with pytest.raises(ZeroDivisionError):
            await _fail_after_handing_over(parcels)
        await due(parcels)
        await eventually(lambda: shipped(parcels, 1), "the next one is shipped", within=5)
    assert len(carrier.calls) == 1


async def _fail_after_handing_over(database: Database) -> None:
    async with database.transaction() as transaction:
        transaction.begin("hand_over", [Parcel(uuid4(), transaction.now, 1)])
        raise ZeroDivisionError


async def _listening(database: Database) -> bool:
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE query = 'SELECT 1' AND datname = current_database()"
        )
    return bool(rows[0]["n"])


async def _true(state: bool) -> bool:  # noqa: FBT001
    await asyncio.sleep(0)
    return state


def test_a_job_asks_only_for_gateways_that_are_there(parcels: Database) -> None:
    with pytest.raises(TypeError, match="no gateway"):
        Workers(jobs, parcels, Batcher(parcels), {})
