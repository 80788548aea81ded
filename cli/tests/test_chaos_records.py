"""Facts come again as they were told, each key's in their order and where they lay; a topic without any is missed."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from chassis.domain import new_id
from chassis.testing import KafkaServer
from contracts.event import Envelope
from waybill.chaos import brokers, records
from waybill.chaos.kinds import Hurts
from waybill.chaos.world import Hit

TOPIC = "notification.events"


def hit() -> Hit:
    return Hit(TOPIC, 0.0, random.Random(1))  # noqa: S311


async def lying(bootstrap_servers: str, keys: set[str]) -> dict[str, list[tuple[int, int]]]:
    """Tell of each key where its facts lie: partition and number, in their order."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await admin.start()
    await consumer.start()
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    try:
        (topic,) = await admin.describe_topics([TOPIC])
        partitions = [TopicPartition(TOPIC, one["partition"]) for one in topic["partitions"]]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for several in (await consumer.getmany(timeout_ms=200)).values():
                for record in several:
                    if record.key is not None and record.key.decode() in keys:
                        found[record.key.decode()].append((record.partition, int(dict(record.headers)["ce_sequence"])))
    finally:
        await consumer.stop()
        await admin.close()
    return found


@pytest.mark.kafka
@pytest.mark.parametrize(("again", "times"), [(records.repeat, 3), (records.replay, 1)])
async def test_facts_come_again_in_their_order(kafka: KafkaServer, again: Hurts, times: int) -> None:
    keys = {str(new_id()) for _ in range(12)}
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    await producer.start()
    try:
        for number in (1, 2):
            for key in keys:
                envelope = Envelope(new_id(), "notification.sent.v1", "notification", datetime.now(UTC), key, number, key)
                await producer.send_and_wait(TOPIC, b"{}", key.encode(), headers=envelope.headers())
    finally:
        await producer.stop()
    before = await lying(kafka.bootstrap_servers, keys)
    world: Any = SimpleNamespace(kafka=kafka.bootstrap_servers, topics=asyncio.Lock())
    fault = hit()
    async with again(world, fault):
        assert not fault.missed
    after = await lying(kafka.bootstrap_servers, keys)
    for key in keys:
        (there,) = {partition for partition, _ in before[key]}
        assert after[key] == before[key] + [(there, number) for number in (1, 2) for _ in range(times)]


@pytest.mark.kafka
async def test_a_topic_without_facts_is_missed(kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> list[Any]:
        return []

    monkeypatch.setattr(records, "_read", nothing)
    world: Any = SimpleNamespace(kafka=kafka.bootstrap_servers, topics=asyncio.Lock())
    fault = hit()
    async with records.repeat(world, fault):
        assert fault.missed


async def test_records_are_laid_on_topics_and_topics_are_lost_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    world: Any = SimpleNamespace(kafka="nowhere", topics=asyncio.Lock())
    reading, go_on, happened = asyncio.Event(), asyncio.Event(), list[str]()

    async def read(*_: object) -> list[Any]:
        reading.set()
        await go_on.wait()
        return ["a fact"]

    async def send(*_: object) -> None:
        happened.append("sent")

    async def wipe(_: object) -> None:
        happened.append("wiped")

    async def do(hurts: Hurts) -> None:
        async with hurts(world, hit()):
            pass

    monkeypatch.setattr(records, "_read", read)
    monkeypatch.setattr(records, "_send", send)
    monkeypatch.setattr(brokers, "_wipe", wipe)
    async with asyncio.TaskGroup() as faults:
        faults.create_task(do(records.replay))
        await reading.wait()
        faults.create_task(do(brokers.wiped))
        go_on.set()
    assert happened == ["sent", "wiped"], "what was read before must not lie there first when all is told anew"
