"""What is kept of a record that could not be handled, whatever it looks like, and what is sent back of it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from chassis.broker import Broker
from chassis.database import Database
from chassis.deadletters import DeadLetter, DeadLetters, GoneError, StoredRecord
from chassis.domain import Cause
from chassis.reactions import Erased, Reactions, read
from chassis.testing import KafkaServer
from contracts.order import OrderContacts
from waybill.embedded.places import project_root

pytestmark = [pytest.mark.database, pytest.mark.kafka]

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CONTACTS = project_root() / "contracts" / "examples" / "order.contacts.v1" / "mail-only.json"


@pytest.fixture
def letters(database: Database, broker: Broker) -> DeadLetters:
    return DeadLetters(database, broker)


def record(**given: Any) -> StoredRecord:
    usual: dict[str, Any] = {
        "topic": "inventory.events",
        "partition": 0,
        "offset": 7,
        "key": b"key",
        "value": b"{",
        "headers": [],
    }
    return StoredRecord(**usual | given)


async def put_aside(letters: DeadLetters, one: StoredRecord, reason: str = "bad-value") -> UUID:
    async with asyncio.timeout(10):
        await letters.put_aside(DeadLetter.of(one, reason, "no reason", NOW))
    return UUID(str((await letters.list("open", 10))[0]["id"]))


@pytest.mark.parametrize(
    "given",
    [
        {"key": b"k" * 2_000_000},
        {"headers": [("ce_type", b"x" * 2_000_000)]},
        {"headers": [(f"h{number}", b"\xff" * 20_000) for number in range(200)]},
        {"headers": [("n" * 2_000_000, b"")]},
        {"value": b"v" * 2_000_000, "key": b"k" * 2_000_000},
        {"headers": [("ce_type", b"order\x00placed"), ("with\x00out", b"\x00")], "key": b"\x00", "value": b"\x00"},
    ],
    ids=["huge-key", "huge-header", "many-headers", "huge-name", "huge-value-and-key", "zeros"],
)
async def test_whatever_a_record_looks_like_it_can_be_put_aside(letters: DeadLetters, given: dict[str, Any]) -> None:
    """Else its partition would wait for it for ever."""
    letter = await letters.whole(await put_aside(letters, record(**given)))
    assert letter["reason"] == "bad-value"


async def test_what_says_what_a_record_is_stays_among_many_headers(letters: DeadLetters) -> None:
    many = [*((f"h{number}", b"x") for number in range(200)), ("ce_type", b"order.placed.v1")]
    assert (await letters.whole(await put_aside(letters, record(headers=many))))["type"] == "order.placed.v1"


async def test_the_same_record_is_one_letter_and_another_at_its_place_is_another(letters: DeadLetters) -> None:
    for value in (b"{", b"{", b"[", b"[", b"("):
        await put_aside(letters, record(value=value))
    found = [await letters.whole(UUID(str(one["id"]))) for one in await letters.list("open", 10)]
    assert [(one["value"], one["kafka_offset"]) for one in found] == [("(", 7), ("[", -2), ("{", -1)]


# --- sent back --------------------------------------------------------------------------------------------------------------


def reactions() -> Reactions:
    react = Reactions("notification")

    @react.on(OrderContacts)
    def remember(event: OrderContacts, cause: Cause) -> None:
        """Remember whom to write to."""

    @react.on_erasure(OrderContacts)
    def forget(erased: Erased, cause: Cause) -> None:
        """Forget it."""

    return react


async def told(broker: Broker, kafka: KafkaServer, key: str, value: bytes | None) -> StoredRecord:
    """Put a record on the topic of contacts, and find it there."""
    written = json.loads(CONTACTS.read_text(encoding="utf-8"))
    headers = written["headers"] | {"ce_subject": key, "ce_correlationid": key}
    tail = AIOKafkaConsumer("order.contacts", bootstrap_servers=kafka.bootstrap_servers)
    await tail.start()
    try:
        await tail.seek_to_end()
        ends = {partition: await tail.position(partition) for partition in tail.assignment()}
        assert ends, "it looks at every partition"
        await broker.put("order.contacts", key.encode(), value, headers)
        async with asyncio.timeout(10):
            found = await tail.getone()
    finally:
        await tail.stop()
    return StoredRecord(found.topic, found.partition, found.offset, found.key, found.value, list(found.headers))


def contacts_of(key: str) -> bytes:
    return json.dumps(json.loads(CONTACTS.read_text(encoding="utf-8"))["value"] | {"order_id": key}).encode()


async def test_a_confidential_record_is_sent_back_as_it_lies_on_its_topic_and_erases_nobody(
    letters: DeadLetters, broker: Broker, kafka: KafkaServer
) -> None:
    """Its content is not kept; that there is none here must not be taken for a tombstone."""
    key = str(uuid4())
    one = await told(broker, kafka, key, contacts_of(key))
    letter = await put_aside(letters, one, "failed")
    assert (await letters.whole(letter))["value"] is None
    item = read(await letters.record(letter), reactions(), NOW)
    assert item is not None
    assert isinstance(item.message, OrderContacts)
    assert item.message.key == key


async def test_a_tombstone_is_sent_back_as_one(letters: DeadLetters, broker: Broker, kafka: KafkaServer) -> None:
    key = str(uuid4())
    letter = await put_aside(letters, await told(broker, kafka, key, None), "failed")
    item = read(await letters.record(letter), reactions(), NOW)
    assert item is not None
    assert item.message == Erased("order.contacts", key)


@pytest.mark.parametrize("changed", [{"offset": 10**9}, {"key": b"another"}], ids=["not-there", "made-anew"])
async def test_what_is_on_its_topic_no_more_is_refused(
    letters: DeadLetters, broker: Broker, kafka: KafkaServer, changed: dict[str, Any]
) -> None:
    key = str(uuid4())
    one = await told(broker, kafka, key, contacts_of(key))
    with pytest.raises(GoneError, match=r"order\.contacts no longer has it"):
        await letters.record(await put_aside(letters, replace(one, **changed)))


async def test_without_the_broker_it_waits_to_be_sent_back(letters: DeadLetters, database: Database) -> None:
    letter = await put_aside(letters, record(value=None))
    away = DeadLetters(database, Broker("127.0.0.1:1", "away"))
    with pytest.raises(ConnectionError, match="cannot be read from"):
        await away.record(letter)
