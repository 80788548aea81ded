"""Faults of topics: records that nobody can read, and facts that come again."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from waybill.chaos.world import Hit, Poison, World

TIMES: Final = 3
LATEST: Final = 300
"""So many facts of each partition come again when the latest do."""
MOST: Final = 5000
PATIENCE_SECONDS: Final = 20.0
READ_SECONDS: Final = 15.0
AWAY: Final = (OSError, TimeoutError, KafkaError)
ENVELOPE: Final = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"not-an-id"),
    ("ce_source", b"nobody"),
    ("ce_type", b"nobody.knows.this.v1"),
)


def _poisons(chance: random.Random) -> list[tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]]:
    """Make records that none of our services wrote: without headers, with broken ones, of unknown types."""
    noise = chance.randbytes(40)
    return [
        (None, noise, ()),
        (b"key", b"{}", (("ce_type", b"\xff\xfe"),)),
        (b"key", b"{", ENVELOPE),
        (None, b"", (("content-type", b"application/json"),)),
    ]


@asynccontextmanager
async def poison(world: World, hit: Hit) -> AsyncIterator[None]:
    """Put unreadable records on a topic; each becomes a dead letter of every service that listens there."""

    async def do() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=world.kafka, acks="all")
        try:
            await producer.start()
            partitions = sorted(await producer.partitions_for(hit.target))
            for key, value, headers in _poisons(hit.chance):
                there = hit.chance.choice(partitions)
                sent = await producer.send_and_wait(hit.target, value=value, key=key, headers=list(headers), partition=there)
                world.poisoned.append(Poison(hit.target, sent.partition, sent.offset))
        finally:
            await producer.stop()

    await _when_there(world, hit, do)
    yield


@asynccontextmanager
async def repeat(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have the latest facts of a topic come three times more, each key's in their order, the keys in any."""
    await _again(world, hit, latest=LATEST, times=TIMES)
    yield


@asynccontextmanager
async def replay(world: World, hit: Hit) -> AsyncIterator[None]:
    """Have all facts of a topic come again."""
    await _again(world, hit, latest=MOST, times=1)
    yield


async def _again(world: World, hit: Hit, *, latest: int, times: int) -> None:
    async def do() -> None:
        facts = await _read(world.kafka, hit.target, latest)
        if not facts:
            hit.miss()
        await _send(world.kafka, hit, facts, times)

    await _when_there(world, hit, do)


async def _when_there(world: World, hit: Hit, do: Callable[[], Awaitable[None]]) -> None:
    """Do something with Kafka, later where it is away at the moment."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while True:
        try:
            async with world.topics, asyncio.timeout(READ_SECONDS):
                await do()
        except AWAY:
            pass
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                raise
            # A client of Kafka that loses its broker cancels who waits for it.
        else:
            return
        if loop.time() > until:
            hit.miss()
            return
        await asyncio.sleep(1.0)


async def _read(kafka: str, topic: str, latest: int) -> list[Any]:
    """Read the latest facts of each partition; what is no fact is left out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    found: list[Any] = []
    try:
        await admin.start()
        await consumer.start()
        (described,) = await admin.describe_topics([topic])  # a consumer knows of no topic that it was not told of
        partitions = [TopicPartition(topic, one["partition"]) for one in described["partitions"]]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        for one in partitions:
            consumer.seek(one, max(begins[one], ends[one] - latest))
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [one for one in records if one.key is not None and "ce_sequence" in dict(one.headers)]
    finally:
        await consumer.stop()
        await admin.close()
    return found


async def _send(kafka: str, hit: Hit, facts: Sequence[Any], times: int) -> None:
    by_key: dict[bytes, list[Any]] = {}
    for fact in facts:
        by_key.setdefault(fact.key, []).extend([fact] * times)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5)
    try:
        await producer.start()
        sent: list[Any] = []
        keys = list(by_key)
        hit.chance.shuffle(keys)
        for key in keys:
            sent += [
                await producer.send(hit.target, value=fact.value, key=key, headers=list(fact.headers), partition=fact.partition)
                for fact in by_key[key]
            ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
