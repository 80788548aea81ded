"""One transaction for everything: rows, facts told, facts heard and the stored reply commit together, before any reply.

`Database.transaction()` gives a `Transaction`; leaving it writes what was emitted to the outbox and commits. An event's
`sequence` is taken from a counter row per topic and key, locked until the commit: so facts of one key commit in the order of
their sequence, whoever writes them. After the commit the facts are handed to this process's relay; if the process dies
before, they are found in `outbox_unpublished` by any other. Reads with filters go through `reading()`, a read-only ORM
session on connections of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncpg
from pydantic_core import from_json, to_json
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis import failpoints, transports
from chassis.clocks import DatabaseTime
from chassis.domain import Cause, Clock, new_id, utc_now
from contracts import Envelope, Event

PUBLISH_GRACE_SECONDS: Final = 5.0
"""How long the committing process has to publish its facts before others take them for lost."""

CLOSE_SECONDS: Final = 1.0
"""How long closing waits for connections; asyncpg may never get one back whose making was interrupted."""

READ_PATIENCE_SECONDS: Final = 3.0
"""How long a read waits for a connection: shorter than its caller does, so that in a crowd nobody is served who has gone."""

# What the database says when the same work may well succeed a moment later.
TRANSIENT: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,  # it is not there while its backup is put in its place
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)


BACKOFF_SECONDS: Final = (0.05, 0.2, 0.5, 1.0)
"""A database that was killed is back after a few seconds: who sleeps longer than a moment then keeps customers waiting."""


def backoff(attempt: int) -> float:
    """Tell how many seconds to wait before the next attempt (0 is the first)."""
    return BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A committed fact on its way to the broker; `value` None is a tombstone."""

    topic: str
    key: str
    envelope: Envelope
    value: bytes | None


@dataclass(frozen=True, slots=True)
class _Emitted:
    topic: str
    key: str
    type: str
    payload: str | None
    cause: Cause


@dataclass(slots=True)
class Published:
    """Facts the broker has acknowledged and the database does not know of yet; the next transaction takes them along."""

    topics: list[str]
    keys: list[str]
    sequences: list[int]

    def __len__(self) -> int:
        return len(self.topics)


CLEAR_PUBLISHED: Final = """
DELETE FROM outbox_unpublished u USING unnest($1::text[], $2::text[], $3::int[]) AS p(topic, key, sequence)
WHERE u.topic = p.topic AND u.key = p.key AND u.sequence = p.sequence
"""

# One round trip: clear what was published, count per topic and key (rows locked in key order), keep the facts, and
# leave them unpublished with this process's claim on them.
_TELL: Final = f"""
WITH cleared AS ({CLEAR_PUBLISHED}),
counted AS (
    INSERT INTO outbox_sequence AS s (topic, key, last)
    SELECT topic, key, n FROM unnest($4::text[], $5::text[], $6::int[]) AS c(topic, key, n) ORDER BY topic, key
    ON CONFLICT (topic, key) DO UPDATE SET last = s.last + excluded.last
    RETURNING topic, key, last
), told AS (
    INSERT INTO outbox
        (id, aggregatetype, aggregateid, sequence, type, payload, occurred_at, correlation_id, causation_id, traceparent)
    SELECT e.id, e.topic, e.key, counted.last - e.after, e.type, e.payload, e.at, e.correlation, e.causation, e.trace
    FROM unnest($7::uuid[], $8::text[], $9::text[], $10::int[], $11::text[], $12::text[], $13::timestamptz[], $14::text[],
                $15::uuid[], $16::text[]) AS e(id, topic, key, after, type, payload, at, correlation, causation, trace)
    JOIN counted ON counted.topic = e.topic AND counted.key = e.key
    RETURNING id, aggregatetype, aggregateid, sequence
)
INSERT INTO outbox_unpublished (topic, key, sequence, id, claimed_until)
SELECT aggregatetype, aggregateid, sequence, id, now() + $17::float8 * interval '1 second' FROM told
RETURNING id, sequence
"""


class Workforce(Protocol):
    """The workers of this process, as far as a transaction needs them; see `chassis.jobs`."""

    def wake(self, job: str) -> None:
        """Look at the due rows of a job."""
        ...

    def room(self, job: str) -> int:
        """Tell how many rows of a job can be begun at once."""
        ...

    def begin(self, job: str, due: Sequence[Any]) -> None:
        """Work on rows that were written as claimed."""
        ...


class Transaction:
    """A unit of work: SQL by `fetch`, facts by `emit`. Nobody commits: leaving it does."""

    def __init__(self, database: "Database", connection: Any) -> None:
        self._connection = connection
        self.now = database.clock()
        self._database = database
        self._emitted: list[_Emitted] = []
        self._outgoing: list[Outgoing] = []
        self._wake: set[str] = set()
        self._claimed: dict[str, Sequence[Any]] = {}
        self._taken: Published | None = None

    def emit(self, event: Event, cause: Cause) -> None:
        """Tell a fact, once and only if this transaction commits."""
        self._emitted.append(_Emitted(event.topic.name, event.key, event.type, event.model_dump_json(), cause))

    def erase(self, event_class: type[Event], key: str, cause: Cause) -> None:
        """Tell a tombstone: the compacted topic of `event_class` forgets `key`."""
        self._emitted.append(_Emitted(event_class.topic.name, key, event_class.type, None, cause))

    @property
    def remembered(self) -> dict[Any, Any]:
        """What stores of this process remember from one transaction to the next: only what never changes under its key."""
        return self._database.remembered

    def wake(self, job: str) -> None:
        """Have the workers look at the due rows of `job` right after the commit."""
        self._wake.add(job)

    def room(self, job: str) -> int:
        """Tell how many due rows of `job` this transaction may write as claimed already, and hand to `begin`."""
        return self._database.workforce.room(job)

    def begin(self, job: str, due: Sequence[Any]) -> None:
        """Have this process's workers do these rows of `job`, written as claimed, right after the commit."""
        self._claimed[job] = due

    async def fetch(self, query: str, *values: Any) -> list[Any]:
        """Run one statement, and count it."""
        self._database.statements += 1
        rows: list[Any] = await self._connection.fetch(query, *values)
        return rows

    async def flush(self) -> None:
        """Write the emitted facts to the outbox; the last statement before the commit."""
        if not self._emitted:
            return
        emitted = self._emitted
        counts: dict[tuple[str, str], int] = {}
        for fact in emitted:
            counts[fact.topic, fact.key] = counts.get((fact.topic, fact.key), 0) + 1
        left = dict(counts)
        after = []
        for fact in emitted:
            left[fact.topic, fact.key] -= 1
            after.append(left[fact.topic, fact.key])
        ids = [new_id() for _ in emitted]
        self._taken = self._database.take_published()
        rows = await self.fetch(
            _TELL,
            self._taken.topics,
            self._taken.keys,
            self._taken.sequences,
            [topic for topic, _ in counts],
            [key for _, key in counts],
            list(counts.values()),
            ids,
            [fact.topic for fact in emitted],
            [fact.key for fact in emitted],
            after,
            [fact.type for fact in emitted],
            [fact.payload for fact in emitted],
            [fact.cause.at for fact in emitted],
            [fact.cause.correlation_id or fact.key for fact in emitted],
            [fact.cause.event_id for fact in emitted],
            [fact.cause.traceparent for fact in emitted],
            PUBLISH_GRACE_SECONDS,
        )
        sequences = {row["id"]: row["sequence"] for row in rows}
        self._outgoing = [
            Outgoing(
                fact.topic,
                fact.key,
                Envelope(
                    event_id=event_id,
                    type=fact.type,
                    source=self._database.service,
                    time=fact.cause.at,
                    subject=fact.key,
                    sequence=sequences[event_id],
                    correlation_id=fact.cause.correlation_id or fact.key,
                    causation_id=fact.cause.event_id,
                    traceparent=fact.cause.traceparent,
                ),
                None if fact.payload is None else fact.payload.encode(),
            )
            for event_id, fact in zip(ids, emitted, strict=True)
        ]
        self._emitted = []

    def committed(self) -> None:
        """Hand the facts to the relay and wake the workers; called once the commit is known."""
        if self._outgoing:
            self._database.on_told(self._outgoing)
        for job, due in self._claimed.items():
            self._database.workforce.begin(job, due)
        for job in self._wake:
            self._database.workforce.wake(job)

    def rolled_back(self) -> None:
        """Give back what this transaction had taken along."""
        if self._taken is not None:
            self._database.return_published(self._taken)


class Database:
    """A service's own PostgreSQL: connections for transactions, and others for reading.

    `statements` counts the statements of transactions, so that a test can assert what a batch costs.
    """

    def __init__(self, service: str, url: str, pool: Any, engine: AsyncEngine, clock: Clock) -> None:
        self.service = service
        self.url = url
        self.clock = clock
        self.statements = 0
        self.remembered: dict[Any, Any] = {}
        self.pool = pool
        self.on_told: Callable[[Sequence[Outgoing]], None] = _nobody_listens
        self.workforce: Workforce = _Nobody()
        self._engine = engine
        self._published = Published([], [], [])

    @classmethod
    async def open(cls, service: str, url: str, *, pool_size: int = 6, clock: Clock = utc_now) -> "Database":
        """Connect to `url`; raises what asyncpg raises when the database is away or refuses."""
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=pool_size,
            init=_prepare,
            reset=_keep,
            command_timeout=60,
            server_settings={
                "application_name": service,
                "jit": "off",
                # One plan for all batches: for a batch of one PostgreSQL would make a new one each time, and take longer for it
                # than for the statement itself.
                "plan_cache_mode": "force_generic_plan",
            },
        )
        if isinstance(clock, DatabaseTime):
            async with pool.acquire() as connection:
                await clock.read(connection)
        return cls(service, url, pool, _read_engine(url, service), clock)

    async def close(self) -> None:
        """Let go of all connections, waiting a moment for work in flight."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()
        await self._engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a unit of work; leaving it writes what was emitted and commits, an exception undoes everything."""
        async with self.pool.acquire() as connection:
            transaction = Transaction(self, connection)
            try:
                async with connection.transaction():
                    self.statements += 2
                    yield transaction
                    await transaction.flush()
                    failpoints.reach("before_commit")
            except BaseException as error:
                transaction.rolled_back()
                if transports.is_closed(error):
                    raise ConnectionResetError("the database has closed the connection") from error
                raise
            failpoints.reach("after_commit")
            transaction.committed()

    @asynccontextmanager
    async def single_statement(self) -> AsyncIterator[Transaction]:
        """Give a unit of work of one statement that tells nothing: the statement is its own transaction."""
        async with self.pool.acquire() as connection:
            yield Transaction(self, connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Open a read-only session for queries with filters."""
        async with AsyncSession(self._engine) as session:
            yield session

    def take_published(self) -> Published:
        """Take what is waiting to be cleared; give it back by `return_published` if the transaction fails."""
        taken, self._published = self._published, Published([], [], [])
        return taken

    def return_published(self, published: Published) -> None:
        """Add facts that the broker acknowledged to those waiting to be cleared."""
        self._published.topics += published.topics
        self._published.keys += published.keys
        self._published.sequences += published.sequences

    async def clear_published(self) -> None:
        """Clear what is waiting, without waiting for the disk: losing this in a crash only repeats a publication."""
        taken = self.take_published()
        if not len(taken):
            return
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = off")
                await connection.execute(CLEAR_PUBLISHED, taken.topics, taken.keys, taken.sequences)
        except BaseException:
            self.return_published(taken)
            raise

    @property
    def waiting_to_clear(self) -> int:
        """Count the published facts the database still lists as unpublished."""
        return len(self._published)


def _nobody_listens(_: Any) -> None:
    """Stand in until the relay of this process runs; the sweeper is the safety net."""


class _Nobody:
    """Stands in until the workers of this process run; due rows are the safety net."""

    def wake(self, job: str) -> None: ...

    def room(self, _: str) -> int:
        return 0

    def begin(self, job: str, due: Sequence[Any]) -> None: ...


async def fetch(session: AsyncSession, query: str, *values: Any) -> list[Any]:
    """Run a statement in a reading session past the ORM, which costs more than the rest of a long page."""
    connection = await (await session.connection()).get_raw_connection()
    rows: list[Any] = await connection.driver_connection.fetch(query, *values)  # type: ignore[union-attr]
    return rows


async def _keep(_: Any) -> None:
    """Skip asyncpg's reset of a returned connection: transactions here leave no session state behind."""


def _read_engine(url: str, service: str) -> AsyncEngine:
    async def connect() -> Any:
        settings = {
            "application_name": f"{service}-reads",
            "default_transaction_read_only": "on",
            "jit": "off",
            # A list is planned for the values it is asked for: which index is best, or serves at all, depends on them.
            "plan_cache_mode": "force_custom_plan",
        }
        return await asyncpg.connect(url, command_timeout=30, server_settings=settings)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        # What is made beyond the size is closed again after one read: making it costs more than most reads do.
        pool_size=8,
        max_overflow=2,
        pool_use_lifo=True,
        pool_timeout=READ_PATIENCE_SECONDS,
        pool_pre_ping=True,
        json_deserializer=from_json,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # what a statement was asked for may be personal, and its failure is logged
    )


async def _prepare(connection: Any) -> None:
    """Have jsonb columns arrive as Python values, and go out from them."""
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=_to_jsonb, decoder=from_json, format="text")


def _to_jsonb(value: Any) -> str:
    return to_json(value).decode()
