"""Kafka, as the chassis uses it: facts out in order, raw records in, offsets committed after the work.

One FastStream broker per process. `acks=all` without aiokafka's idempotent producer, which never recovers from an outage longer
than its request time-out (aio-libs/aiokafka#1017); order holds because the relay waits for each predecessor. Facts go out
through a producer of our own, in one batch per partition: record by record through FastStream a fact costs 25 us, and its
`publish_batch` sends all keys to one partition. What is consumed comes by a `Source`.
"""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from chassis import transports
from chassis.database import Outgoing
from chassis.records import Record
from chassis.source import Drain, Source

transports.heed_closed()

SESSION_TIMEOUT_MS: Final = 6000
HEARTBEAT_MS: Final = 500
"""Members of a group learn with their next heartbeat that somebody came or left, and stand still until all of them have."""
MAX_POLL_INTERVAL_MS: Final = 60 * 60 * 1000
"""A consumer that waits for its database keeps its partitions: they would wait no less elsewhere."""
METADATA_MS: Final = 3000
"""How often it is looked up who leads. A consumer that has got partitions asks where they begin; where that node leads no
more, aiokafka asks it again and again: it looks anew after a failed fetch, not after this, and else every five minutes."""
FETCH_MS: Final = 5000
FETCH_WAIT_MS: Final = 500
GATHERED_BYTES: Final = 256 * 1024

log = structlog.get_logger()


def _partition(key: bytes, partitions: Sequence[int], available: Sequence[int]) -> int:
    """Choose a key's partition by its CRC-32, as librdkafka does: in C, where aiokafka's murmur2 is in Python.

    All who publish on our topics are our services, so they agree.
    """
    if key is None:
        return available[0] if available else partitions[0]
    return partitions[zlib.crc32(key) % len(partitions)]


def _member(instance: str, topics: Sequence[str]) -> str:
    """Name a member of a group: one that was killed and comes back under its name has its partitions again at once.

    Who listens to other topics is another member: the group would not look at what it was to be given.
    """
    return f"{instance}-{zlib.crc32(' '.join(topics).encode()):08x}"


def _fill(builder: Any, facts: Sequence[Outgoing], positions: Sequence[int]) -> int:
    """Put facts into a batch, in this order, until it is full; answers how many went in: one at least."""
    for taken, position in enumerate(positions):
        fact = facts[position]
        added = builder.append(timestamp=None, key=fact.key.encode(), value=fact.value, headers=fact.envelope.headers())
        if added is None:
            return taken
    builder.close()  # it is complete: nothing else may join it
    return len(positions)


class Broker:
    """The connection to Kafka of one process."""

    def __init__(self, bootstrap_servers: str, client_id: str, instance: str = "") -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._instance = instance
        self._broker = self._new()
        self._producer: Any = None

    def _new(self) -> KafkaBroker:
        return KafkaBroker(
            self._bootstrap_servers.split(","),  # of several in one string FastStream makes one address
            client_id=self._client_id,
            acks="all",
            enable_idempotence=False,
            linger_ms=0,
            request_timeout_ms=10_000,
            metadata_max_age_ms=METADATA_MS,
            partitioner=_partition,
            allow_auto_create_topics=False,
            ack_policy=AckPolicy.MANUAL,
            apply_types=False,
            logger=None,
        )

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id=self._client_id,
            acks="all",
            enable_idempotence=False,
            linger_ms=0,
            request_timeout_ms=10_000,
            max_batch_size=256 * 1024,
        )

    async def _replace_producer(self) -> None:
        """Begin anew where aiokafka's sending ended with an error: it never comes back, and takes nothing any more."""
        log.error("producer_replaced")
        await self._producer.stop()
        producer = self._new_producer()
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def start(self) -> None:
        """Connect; raises aiokafka's KafkaError when no broker answers, and may be tried again."""
        await self._reach()
        producer = self._new_producer()
        try:
            await self._broker.start()
            await producer.start()
        except BaseException:
            await producer.stop()
            await self._broker.stop()
            self._broker = self._new()
            raise
        self._producer = producer

    async def _reach(self) -> None:
        """Raise OSError unless some broker listens: a producer that fails to start leaves its connections open."""
        failure: OSError | None = None
        for address in self._bootstrap_servers.split(","):
            host, _, port = address.strip().rpartition(":")
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError as error:
                failure = error
            else:
                writer.close()
                return
        raise failure or OSError("no broker is configured")

    async def stop(self) -> None:
        """Send what is on its way and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
        await self._broker.stop()

    async def ping(self, seconds: float) -> bool:
        """Tell whether the broker answers."""
        return bool(await self._broker.ping(seconds))

    async def send(self, facts: Sequence[Outgoing]) -> "list[asyncio.Future[Any]]":
        """Put facts on their way, one batch per partition; each one's future is done when all in-sync replicas have it."""
        if self._producer is None:
            raise ConnectionError("the broker was not reached yet")
        if self._producer._sender.sender_task.done():  # noqa: SLF001 - aiokafka has no other way to tell
            await self._replace_producer()
        partitions = {topic: sorted(await self._producer.partitions_for(topic)) for topic in {fact.topic for fact in facts}}
        batches: dict[tuple[str, int], list[int]] = {}
        for position, fact in enumerate(facts):
            there = partitions[fact.topic]
            batches.setdefault((fact.topic, _partition(fact.key.encode(), there, there)), []).append(position)
        futures: dict[int, asyncio.Future[Any]] = {}
        for (topic, partition), positions in batches.items():
            left = positions
            while left:
                builder = self._producer.create_batch()
                taken = _fill(builder, facts, left)
                future = await self._producer.send_batch(builder, topic, partition=partition)
                futures.update((position, future) for position in left[:taken])
                left = left[taken:]
        return [futures[position] for position in range(len(facts))]

    async def put(self, topic: str, key: bytes | None, value: bytes | None, headers: dict[str, str]) -> None:
        """Write a record and wait until it is safe; a record has a key or a value."""
        await self._broker.publish(
            value if value is not None or key is not None else b"", topic=topic, key=key, headers=headers
        )

    async def fetch(self, topic: str, partition: int, offset: int) -> Record | None:
        """Read one record where it lies; None where it lies there no more. Raises KafkaError when the broker is away."""
        place = TopicPartition(topic, partition)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap_servers, request_timeout_ms=10_000)
        try:
            await consumer.start()
            consumer.assign([place])
            begin, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
            if not begin <= offset < end:
                return None
            consumer.seek(place, offset)
            fetched = await consumer.getmany(place, timeout_ms=FETCH_MS, max_records=1)
        finally:
            await consumer.stop()
        found: Record | None = next(iter(fetched.get(place, ())), None)
        return found if found is not None and found.offset == offset else None

    async def subscribe(
        self,
        topics: Sequence[str],
        *,
        group: str | None,
        latest: bool = False,
        on_assignment: Callable[[bool], None] | None = None,
        gather_ms: int = 0,
    ) -> Source:
        """Consume `topics` as one of `group`, or all of them alone when None.

        `on_assignment` is told after each rebalance whether this consumer has all partitions. The broker answers at once, or
        when it has GATHERED_BYTES or has gathered for `gather_ms`.
        """
        source = Source(in_group=group is not None)
        if on_assignment is not None:
            source.on_assignment = on_assignment
        subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            group_instance_id=_member(self._instance, topics) if group is not None and self._instance else None,
            auto_offset_reset="latest" if latest else "earliest",
            ack_policy=AckPolicy.MANUAL,
            batch=True,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            listener=Drain(source) if group is not None else None,
            fetch_min_bytes=GATHERED_BYTES if gather_ms else 1,
            fetch_max_wait_ms=gather_ms or FETCH_WAIT_MS,
            persistent=False,  # one that is closed is forgotten
        )
        await source.open(subscriber)
        return source
