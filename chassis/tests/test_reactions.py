"""Events in: once in effect, in order, with bad ones put aside and passing troubles waited out."""

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError
from aiokafka.record.util import calc_crc32c
from fastapi import APIRouter
from pydantic import SecretStr

from chassis import app as app_module
from chassis import source as source_module
from chassis.app import Parts, Process
from chassis.broker import SESSION_TIMEOUT_MS, Broker, _member
from chassis.database import Database, Transaction
from chassis.deadletters import AlreadyResolvedError, DeadLetters, NotHandledError
from chassis.domain import Cause, NotFoundError, Refusal, new_id
from chassis.jobs import Jobs
from chassis.reactions import Consumer, Reactions
from chassis.settings import ServiceSettings
from chassis.source import Source
from chassis.tail import Tail
from chassis.telemetry import Metrics
from chassis.testing import KafkaServer, eventually
from contracts import Envelope, Event
from contracts.inventory import StockReleased
from contracts.order import OrderDelivered, OrderShipped
from contracts.payment import PaymentVoided
from contracts.types import Money

pytestmark = [pytest.mark.database, pytest.mark.kafka]


class Wall:
    """What the reactions of these tests leave behind: a line per event, in a table."""

    lock_rank: ClassVar[int] = 1
    troubles: ClassVar[list[Exception]] = []

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._lines: list[str] = []

    async def fetch(self, _: Sequence[Any]) -> None:
        if self.troubles:
            raise self.troubles.pop()
        await self._transaction.fetch("CREATE TABLE IF NOT EXISTS wall (id bigserial, line text)")

    def write(self, line: str) -> None:
        self._lines.append(line)

    async def flush(self) -> None:
        await self._transaction.fetch("INSERT INTO wall (line) SELECT unnest($1::text[])", self._lines)


class NotToday(Refusal):
    slug = "not-today"
    title = "Not today"


def reactions_of(group: str) -> Reactions:
    react = Reactions("order")

    @react.on(StockReleased)
    def note_released(event: StockReleased, wall: Wall) -> OrderShipped | None:
        """Write the user on the wall."""
        if event.user_id == "bug":
            raise ZeroDivisionError
        if event.user_id == "refused":
            raise NotToday("no")
        wall.write(event.user_id)
        return OrderShipped(order_id=event.order_id, user_id=event.user_id) if event.user_id == "tell" else None

    react.service = group
    return react


class Rig:
    """A consumer of its own group on the real broker, over a database of its own."""

    def __init__(self, database: Database, broker: Broker, consumer: Consumer, letters: DeadLetters) -> None:
        self.database = database
        self.broker = broker
        self.consumer = consumer
        self.letters = letters
        self.key = uuid4()

    async def send(self, user: str, key: UUID | None = None, event_id: UUID | None = None, **broken: Any) -> UUID:
        order_id = key or self.key
        event = StockReleased(order_id=order_id, user_id=user, lines=[])
        envelope = Envelope(
            event_id=event_id or new_id(),
            type=event.type,
            source="inventory",
            time=self.database.clock(),
            subject=event.key,
            sequence=1,
            correlation_id=event.key,
        )
        headers = {name: value.decode() for name, value in envelope.headers()} | broken.get("headers", {})
        value = broken.get("value", event.model_dump_json().encode())
        record_key = broken.get("record_key", event.key.encode())
        await self.broker.put("inventory.events", record_key, value, {k: v for k, v in headers.items() if v is not None})
        return envelope.event_id

    async def send_raw(self, kafka: KafkaServer, user: str, *, null: str | None = None, **broken: Any) -> None:
        """Send what our own ways out would not: a header without a value, a record of any size."""
        event = StockReleased(order_id=self.key, user_id=user, lines=[])
        envelope = Envelope(
            event_id=new_id(),
            type=event.type,
            source="inventory",
            time=self.database.clock(),
            subject=event.key,
            sequence=1,
            correlation_id=event.key,
        )
        texts = {name: value.decode() for name, value in envelope.headers()} | broken.get("headers", {})
        headers = [(name, None if name == null else text.encode()) for name, text in texts.items()]
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, max_request_size=2 * BIG)
        await producer.start()
        try:
            key = broken.get("record_key", event.key.encode())
            value = broken.get("value", event.model_dump_json().encode())
            await producer.send_and_wait("inventory.events", value, key=key, headers=headers)
        finally:
            await producer.stop()

    async def wall(self) -> list[str]:
        async with self.database.transaction() as transaction:
            try:
                rows = await transaction.fetch("SELECT line FROM wall ORDER BY id")
            except asyncpg.UndefinedTableError:
                return []
        return [row["line"] for row in rows]

    async def wall_shows(self, *lines: str) -> None:
        async def shown() -> bool:
            return await self.wall() == list(lines)

        await eventually(shown, f"the wall shows {lines}", within=15)

    async def letters_show(self, count: int) -> list[Any]:
        async def shown() -> list[Any] | None:
            letters = await self.letters.list("open", 50)
            return letters if len(letters) == count else None

        found: list[Any] = await eventually(shown, f"{count} dead letters", within=15)
        return found


@pytest.fixture
async def rig(database: Database, kafka: KafkaServer) -> AsyncIterator[Rig]:
    async with rigged(database, kafka) as rig:
        yield rig


@asynccontextmanager
async def rigged(database: Database, kafka: KafkaServer, limit: int = 50) -> AsyncIterator[Rig]:
    group = f"order-{uuid4().hex[:8]}"
    broker = Broker(kafka.bootstrap_servers, group)
    await broker.start()
    letters = DeadLetters(database, broker)
    consumer = Consumer(reactions_of(group), database, broker, letters, Metrics(), dead_letter_limit=limit)
    await skip_what_is_there(broker, group)
    await consumer.start()
    try:
        yield Rig(database, broker, consumer, letters)
    finally:
        await consumer.stop()
        await broker.stop()


async def skip_what_is_there(broker: Broker, group: str) -> None:
    """Commit the end of the topic for a new group, so that it does not hear what other tests have told."""
    source = await broker.subscribe(["inventory.events"], group=group)
    await source.to_the_end()
    await source.close()


async def test_an_event_is_handled_and_what_it_leads_to_names_it_as_cause(rig: Rig) -> None:
    event_id = await rig.send("tell")
    await rig.wall_shows("tell")
    async with rig.database.transaction() as transaction:
        (row,) = await transaction.fetch("SELECT causation_id, correlation_id FROM outbox")
    assert (row["causation_id"], row["correlation_id"]) == (event_id, str(rig.key))


async def test_an_event_that_comes_three_times_is_handled_once(rig: Rig) -> None:
    event_id = new_id()
    for _ in range(3):
        await rig.send("once", event_id=event_id)
    await rig.send("then")
    await rig.wall_shows("once", "then")


async def test_events_of_a_key_keep_their_order(rig: Rig) -> None:
    names = [f"n{number}" for number in range(30)]
    for name in names:
        await rig.send(name)
    await rig.wall_shows(*names)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"value": b"{not json"}, "bad-value"),
        ({"value": b'{"order_id": "\xff"}'}, "bad-value"),
        ({"value": b"{}"}, "bad-value"),
        ({"value": None}, "bad-value"),
        ({"record_key": None}, "bad-key"),
        ({"record_key": b"another"}, "bad-key"),
        ({"headers": {"ce_type": "inventory.stock_released.v9"}}, "unknown-type"),
        ({"headers": {"ce_id": "not-an-id"}}, "bad-header"),
        ({"headers": {"ce_type": None}}, "bad-header"),
        ({"value": b'{"order_id": "' + b"x" * 900_000 + b'"}'}, "bad-value"),
    ],
    ids=["no-json", "no-utf8", "no-fields", "no-value", "no-key", "wrong-key", "future", "no-id", "no-type", "huge"],
)
async def test_poison_is_put_aside_with_its_reason_and_the_others_go_on(rig: Rig, broken: dict[str, Any], reason: str) -> None:
    await rig.send("before")
    await rig.send("poison", **broken)
    await rig.send("after")
    await rig.wall_shows("before", "after")
    (letter,) = await rig.letters_show(1)
    assert letter["reason"] == reason
    assert "poison" not in letter["error"]


BIG = 2 * 1024 * 1024
EIGHT_KINDS: dict[str, dict[str, Any]] = {
    "bad JSON": {"value": b"{not json"},
    "bad UTF-8": {"value": b'{"order_id": "\xff"}'},
    "null key": {"record_key": None},
    "null value": {"value": None},
    "null header": {"null": "ce_time"},
    "unknown type": {"headers": {"ce_type": "inventory.stock_vanished.v1"}},
    "future version": {"headers": {"ce_type": "inventory.stock_released.v9"}},
    "2 MB": {"value": b'{"order_id": "' + b"x" * BIG + b'"}'},
}


@pytest.mark.usefixtures("large_records")
async def test_eight_kinds_of_poison_end_in_the_topic_of_dead_letters_while_others_flow(rig: Rig, kafka: KafkaServer) -> None:
    """Each within five seconds, with its reason, on the topic and in the table."""
    tail = AIOKafkaConsumer("inventory.events.order.dlt", bootstrap_servers=kafka.bootstrap_servers)
    await tail.start()
    try:
        await tail.seek_to_end()
        names = []
        for number, broken in enumerate(EIGHT_KINDS.values()):
            names.append(f"flows {number}")
            await rig.send(names[-1])
            await rig.send_raw(kafka, "poison", **broken)
        put: dict[tuple[str, str], str] = {}
        async with asyncio.timeout(5):
            while len(put) < len(EIGHT_KINDS):
                for records in (await tail.getmany(timeout_ms=100)).values():
                    for record in records:
                        told = {name: text.decode() for name, text in record.headers}
                        put[told["dlt-partition"], told["dlt-offset"]] = told["dlt-reason"]
            letters = await rig.letters_show(len(EIGHT_KINDS))
        await rig.wall_shows(*names)
    finally:
        await tail.stop()
    kept = {(str(one["kafka_partition"]), str(one["kafka_offset"])): one["reason"] for one in letters}
    assert kept == put
    in_turn = [one["reason"] for one in sorted(letters, key=lambda one: (one["kafka_partition"], one["kafka_offset"]))]
    assert Counter(in_turn) == {"bad-value": 4, "bad-key": 1, "bad-header": 1, "unknown-type": 2}


async def send_with_a_name_that_is_no_text(rig: Rig, kafka: KafkaServer) -> None:
    """Write what other clients may: here it is made by hand, with its sum."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    try:
        made = producer.create_batch()
        made.append(timestamp=None, key=str(rig.key).encode(), value=b"{}", headers=[("a-header", b"x")])
        raw = bytes(made._build()).replace(b"a-header", b"\xff-header")  # noqa: SLF001 - no client of ours can do it
        made._buffer = raw[:17] + calc_crc32c(raw[21:]).to_bytes(4, "big") + raw[21:]  # noqa: SLF001
        sent = await producer.send_batch(made, "inventory.events", partition=zlib.crc32(str(rig.key).encode()) % 4)
        await sent
    finally:
        await producer.stop()


async def test_a_header_whose_name_is_no_text_is_put_aside_and_the_others_go_on(rig: Rig, kafka: KafkaServer) -> None:
    """The client cannot take such a record apart, and drops what it has fetched with it."""
    names = [f"n{number}" for number in range(6)]
    tail = Tail(rig.broker, "inventory.events")
    await tail.start()
    async with tail.changes(str(rig.key)) as changed:
        await send_with_a_name_that_is_no_text(rig, kafka)
        await rig.letters_show(1)
        await rig.send("seen")
        await asyncio.wait_for(changed.wait(), 10)
    assert tail.alive
    await tail.stop()
    for name in names:
        await rig.send(name)
        await rig.send(f"elsewhere {name}", key=uuid4())
        if name in {"n2", "n3"}:
            await send_with_a_name_that_is_no_text(rig, kafka)

    async def shown() -> bool:
        return [line for line in await rig.wall() if line in names] == names and len(await rig.wall()) == 1 + 2 * len(names)

    await eventually(shown, "every other record is handled once, in order", within=15)
    letters = await rig.letters_show(3)
    assert [one["reason"] for one in letters] == ["bad-header"] * 3
    with pytest.raises(NotHandledError, match="no text"):
        await rig.letters.record(letters[0]["id"])
    assert rig.consumer.alive


@pytest.fixture
async def large_records(kafka: KafkaServer) -> AsyncIterator[None]:
    """Have the topic take records of any size, as a broker that is set up otherwise may."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()

    async def take(most: int) -> None:
        limit = {"max.message.bytes": str(most)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "inventory.events", limit)])

    try:
        await take(2 * BIG)
        yield
        await take(1_048_588)
    finally:
        await admin.close()


async def test_a_letter_is_shown_whole_decided_once_and_says_by_whom_and_why(rig: Rig) -> None:
    await rig.send("bug", value=b'{"order_id": "\xff"}')
    (letter,) = await rig.letters_show(1)
    whole = await rig.letters.whole(letter["id"])
    assert (whole["value"], whole["value_encoding"]) == ("eyJvcmRlcl9pZCI6ICL/In0=", "base64")
    assert whole["headers"]["ce_type"] == "inventory.stock_released.v1"
    await rig.letters.resolve(letter["id"], "discarded", "support:sue", "not ours")
    with pytest.raises(AlreadyResolvedError):
        await rig.letters.resolve(letter["id"], "retried", "support:bob", "")
    decided = await rig.letters.whole(letter["id"])
    assert (decided["status"], decided["resolved_by"], decided["note"]) == ("discarded", "support:sue", "not ours")
    with pytest.raises(NotFoundError):
        await rig.letters.whole(new_id())


@pytest.mark.parametrize("user", ["bug", "refused"])
async def test_a_reaction_that_fails_takes_no_other_with_it(rig: Rig, user: str) -> None:
    for name in ("a", "b", user, "c", "d"):
        await rig.send(name)
    await rig.wall_shows("a", "b", "c", "d")
    (letter,) = await rig.letters_show(1)
    assert letter["reason"] == "failed"
    async with rig.database.transaction() as transaction:
        (row,) = await transaction.fetch("SELECT count(*) AS n FROM inbox")
    assert row["n"] == 4, "a failed event is not remembered as handled"


async def test_passing_trouble_is_waited_out_and_nothing_is_skipped(rig: Rig) -> None:
    Wall.troubles[:] = [
        asyncpg.DeadlockDetectedError("deadlock"),
        asyncpg.IdleInTransactionSessionTimeoutError("idle for too long"),
        asyncpg.InvalidCatalogNameError("no such database"),
        OSError("away"),
        TimeoutError(),
    ]
    for name in ("a", "b"):
        await rig.send(name)
    await rig.wall_shows("a", "b")
    assert Wall.troubles == []
    assert await rig.letters.list(None, 10) == []


async def test_a_run_of_dead_letters_stops_the_consumer_and_nothing_more_is_put_aside(
    database: Database, kafka: KafkaServer
) -> None:
    async with rigged(database, kafka, limit=3) as rig:
        for _ in range(6):
            await rig.send("bug")
        await eventually(lambda: _value(rig.consumer.stopped_because), "the consumer stops", within=15)
        assert not rig.consumer.alive
        assert len(await rig.letters.list("open", 50)) == 3
        parts = Parts(name="order", title="Test", api=APIRouter(), reactions=rig.consumer.reactions, jobs=Jobs("order"))
        process = Process(parts, settings_of(database, kafka), database)
        process.consumer = rig.consumer
        says = (await process.readiness())["consumer"]
        assert says == "4 records in a row could not be handled; the last: failed: ZeroDivisionError"


@asynccontextmanager
async def beginning_anew(rig: Rig, limit: int) -> AsyncIterator[Consumer]:
    """Put another consumer in the place of the rig's, which takes what was sent meanwhile in one piece."""
    again = Consumer(rig.consumer.reactions, rig.database, rig.broker, rig.letters, Metrics(), dead_letter_limit=limit)
    await again.start()
    try:
        yield again
    finally:
        await again.stop()


async def test_dead_letters_among_what_is_handled_are_no_row_however_many_come_at_once(rig: Rig) -> None:
    await rig.consumer.stop()
    names = [f"n{number}" for number in range(6)]
    for name in names:
        await rig.send(name)
        await rig.send("unreadable", value=b"{not json")
        await rig.send("bug")
    async with beginning_anew(rig, limit=2) as consumer:
        await rig.wall_shows(*names)
        await rig.letters_show(2 * len(names))
        assert consumer.alive


async def test_each_start_gets_as_many_dead_letters_further_as_it_may_put_aside(rig: Rig) -> None:
    await rig.consumer.stop()
    await rig.send("before")
    for _ in range(3):
        await rig.send("unreadable", value=b"{not json")
        await rig.send("bug")
    await rig.send("after")
    async with beginning_anew(rig, limit=3) as consumer:
        await eventually(lambda: _value(not consumer._task or consumer._task.done()), "it stops", within=15)  # noqa: SLF001
        assert not consumer._source._done, "what was done is committed already: it may be killed"  # noqa: SLF001
        assert len(await rig.letters.list("open", 50)) == 3
        assert await rig.wall() == ["before"]
    async with beginning_anew(rig, limit=3) as consumer:
        await rig.wall_shows("before", "after")
        assert len(await rig.letters.list("open", 50)) == 6
        assert consumer.alive


def settings_of(database: Database, kafka: KafkaServer) -> ServiceSettings:
    return ServiceSettings(
        database_url=SecretStr(database.url),
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        auth_issuer="none",
        auth_jwks_url="none",
    )


def process_of(group: str, database: Database, kafka: KafkaServer) -> Process:
    parts = Parts(name=group, title="Test", api=APIRouter(), reactions=reactions_of(group), jobs=Jobs(group))
    return Process(parts, settings_of(database, kafka), database)


async def running(process: Process, other_than: Consumer | None = None) -> Consumer:
    """Wait until the process has a consumer that runs, and answer it."""
    await eventually(
        lambda: _value(process.consumer is not None and process.consumer is not other_than and process.consumer.alive),
        "the consumer runs",
    )
    assert process.consumer is not None
    return process.consumer


async def _value(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def test_the_lag_of_a_partition_that_has_moved_is_told_by_its_new_owner_alone(
    database: Database, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = process_of("order", database, kafka)
    process.consumer = Consumer(process.parts.reactions, database, process.broker, process.dead_letters, process.metrics)
    assert b"consumer_lag{" not in await process.measure(), "it is not there yet"
    for lags in ({("inventory.events", 0): 7, ("inventory.events", 1): 0}, {("inventory.events", 1): 3}):

        async def lag(_: Consumer, told: dict[tuple[str, int], int] = lags) -> dict[tuple[str, int], int]:
            return told

        monkeypatch.setattr(Consumer, "lag", lag)
        measured = (await process.measure()).decode()
    told = [line for line in measured.splitlines() if line.startswith("consumer_lag{")]
    assert told == ['consumer_lag{partition="1",topic="inventory.events"} 3.0']


async def test_a_process_starts_a_consumer_that_died_anew(
    database: Database, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the consumer itself, outside any reaction, ends it; the watchdog sees that and starts another."""
    monkeypatch.setattr(app_module, "WATCH_SECONDS", 0.1)
    faults = [RuntimeError("a fault of ours")]

    async def faulty(self: Consumer, records: Sequence[Any]) -> None:
        if faults:
            raise faults.pop()
        await handle_all(self, records)

    handle_all = Consumer._handle_all  # noqa: SLF001 - the fault is planted inside
    monkeypatch.setattr(Consumer, "_handle_all", faulty)
    group = f"order-{uuid4().hex[:8]}"
    broker = Broker(kafka.bootstrap_servers, group)
    await broker.start()
    await skip_what_is_there(broker, group)
    process = process_of(group, database, kafka)
    await process.start({})
    try:
        first = await running(process)
        rig = Rig(database, broker, first, process.dead_letters)
        await rig.send("hello")
        await rig.wall_shows("hello")
        assert process.consumer is not first
        assert first.died_of == "RuntimeError('a fault of ours')"
    finally:
        await process.stop()
        await broker.stop()


async def test_a_process_whose_broker_is_just_starting_begins_to_consume_in_the_end(
    database: Database, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is heard of the broker while it comes back is not the last word: neither at first nor when one begins anew."""
    monkeypatch.setattr(app_module, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(app_module, "CONNECT_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(app_module, "STEP_SECONDS", 2.0)
    refusals: list[Any] = [KafkaConnectionError("no broker"), None, KafkaConnectionError("no broker"), "never answers"]

    async def refusing(self: Broker, *topics: Any, **options: Any) -> Source:
        refusal = refusals.pop(0) if refusals else None
        if isinstance(refusal, Exception):
            raise refusal
        if refusal is not None:
            await asyncio.Event().wait()
        return await subscribe(self, *topics, **options)

    subscribe = Broker.subscribe
    monkeypatch.setattr(Broker, "subscribe", refusing)
    process = process_of(f"order-{uuid4().hex[:8]}", database, kafka)
    await process.start({})
    try:
        first = await running(process)
        assert len(refusals) == 2
        await first.stop()
        await running(process, other_than=first)
        assert not refusals
    finally:
        await process.stop()


async def test_a_consumer_goes_on_while_nobody_keeps_its_offsets(
    database: Database, kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offsets that are not kept in time are kept later; records are handled meanwhile."""
    monkeypatch.setattr(source_module, "COMMIT_PATIENCE_SECONDS", 0.2)
    silent: list[bool] = []

    async def commit(self: AIOKafkaConsumer, *offsets: Any) -> None:
        if silent:
            silent.pop()
            await asyncio.Event().wait()
        await commits(self, *offsets)

    commits = AIOKafkaConsumer.commit
    monkeypatch.setattr(AIOKafkaConsumer, "commit", commit)
    async with rigged(database, kafka) as rig:
        silent += [True, True]
        await rig.send("first")
        await rig.wall_shows("first")
        await eventually(lambda: _value(len(silent) < 2), "the first time nobody answers")
        await rig.send("second")
        await rig.wall_shows("first", "second")
        await eventually(lambda: _value(not silent and not rig.consumer._source._done), "the offsets are kept")  # noqa: SLF001


async def test_a_restarted_consumer_goes_on_where_it_was(database: Database, kafka: KafkaServer) -> None:
    async with rigged(database, kafka) as rig:
        await rig.send("first")
        await rig.wall_shows("first")
        await rig.consumer.stop()
        await rig.send("second")
        again = Consumer(rig.consumer.reactions, database, rig.broker, rig.letters, Metrics())
        await again.start()
        await rig.wall_shows("first", "second")
        await again.stop()


async def test_a_process_that_comes_back_under_its_name_has_its_partitions_at_once_and_leaves_them_at_once(
    kafka: KafkaServer,
) -> None:
    group = f"order-{uuid4().hex[:8]}"
    topics = ["inventory.events"]
    brokers = [Broker(kafka.bootstrap_servers, group, instance=name) for name in ("one", "one", "two")]
    for broker in brokers:
        await broker.start()
    killed = await brokers[0].subscribe(topics, group=group)
    assert killed.sees_every_partition
    began = time.monotonic()
    back = await brokers[1].subscribe(topics, group=group)
    assert back.sees_every_partition, "it stands in the place of the one that was killed, instead of sharing with it"
    assert time.monotonic() - began < SESSION_TIMEOUT_MS / 2000
    began = time.monotonic()
    await back.close()
    other = await brokers[2].subscribe(topics, group=group)
    assert other.sees_every_partition
    assert time.monotonic() - began < SESSION_TIMEOUT_MS / 2000, "who leaves in good order is not waited for"
    for source in (other, killed):
        await source.close()
    for broker in brokers:
        await broker.stop()


def test_who_listens_to_other_topics_is_another_member() -> None:
    assert _member("order-2", ["a", "b"]) == _member("order-2", ["a", "b"])
    assert len({_member("order-2", ["a", "b"]), _member("order-2", ["a"]), _member("order", ["a"])}) == 3


def test_a_signature_is_checked_when_it_is_declared() -> None:
    react = Reactions("order")
    with pytest.raises(TypeError, match="hears OrderDelivered"):

        @react.on(OrderShipped)
        def wrong_event(event: OrderDelivered) -> None:
            """Hear another event than declared."""

    with pytest.raises(TypeError, match="payment's to tell"):

        @react.on(OrderShipped)
        def anothers_fact(event: OrderShipped) -> PaymentVoided:
            """Tell another's fact."""
            return PaymentVoided(order_id=event.order_id, user_id="", amount=Money(amount=0, currency="EUR"))

    with pytest.raises(TypeError, match="must be a store or Cause"):

        @react.on(OrderShipped)
        def odd_parameter(event: OrderShipped, number: int) -> None:
            """Ask for something that cannot be given."""

    @react.on(OrderShipped)
    def fine(event: OrderShipped, wall: Wall, cause: Cause) -> list[OrderDelivered] | None:
        """Be as it should."""

    assert react.functions[OrderShipped].tells == (OrderDelivered,)
    assert issubclass(OrderDelivered, Event)
    with pytest.raises(TypeError, match="is heard by fine"):
        react.on(OrderShipped)(fine)
