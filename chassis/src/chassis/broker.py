"""Kafka, as the chassis uses it: facts out in order, raw records in, offsets committed after the work.

One FastStream broker per process. `acks=all` without aiokafka's idempotent producer, which never recovers from an outage longer
than its request time-out (aio-libs/aiokafka#1017); order holds because the relay waits for each predecessor. Records are taken
raw from the subscriber's consumer: FastStream's parser drops a record with a null or non-UTF-8 header without a word, and its
batch subscriber sleeps after an empty poll. Facts go out through a producer of our own, in one batch per partition: record by
record through FastStream a fact costs 25 us, and its `publish_batch` sends all keys to one partition.
"""

import asyncio
import contextlib
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from chassis import transports
from chassis.database import Outgoing
from chassis.records import Blank, Record

transports.heed_closed()

SESSION_TIMEOUT_MS: Final = 6000
HEARTBEAT_MS: Final = 500
"""Members of a group learn with their next heartbeat that somebody came or left, and stand still until all of them have."""
MAX_POLL_INTERVAL_MS: Final = 60 * 60 * 1000
"""A consumer that waits for its database keeps its partitions: they would wait no less elsewhere."""
METADATA_MS: Final = 3000
"""How often it is looked up who leads. A consumer that has got partitions asks where they begin; where that node leads no
more, aiokafka asks it again and again: it looks anew after a failed fetch, not after this, and else every five minutes."""
DRAIN_SECONDS: Final = 20
RETRY_SECONDS: Final = 1.0
FETCH_MS: Final = 5000
READY_SECONDS: Final = 0.2
READY_TRIES: Final = 20
BLANK_BATCH: Final = 200
FOLLOW_SECONDS: Final = 2.0
FETCH_WAIT_MS: Final = 500
GATHERED_BYTES: Final = 256 * 1024
COMMIT_SECONDS: Final = 0.1
"""How often offsets are committed while there is work. A crash repeats what was handled since, and the inbox drops it; a
commit after each batch would cost a busy broker as much as the records themselves."""
COMMIT_PATIENCE_SECONDS: Final = 5.0
"""While the broker is away aiokafka waits for ever to be told that offsets are kept, and handles nothing meanwhile."""

log = structlog.get_logger()


class Source:
    """A consumer of some topics. `handling` is held while a batch is worked on; a rebalance waits for it."""

    def __init__(self, *, in_group: bool) -> None:
        self._in_group = in_group
        self.handling = asyncio.Lock()
        self.on_assignment: Callable[[bool], None] = lambda _: None
        self.closing = False
        self._done: dict[Any, int] = {}
        self._next: dict[Any, int] = {}
        """Where each partition goes on behind what was answered."""
        self._committed_at = 0.0
        self._resting = False
        self._consumer: Any = None
        self._subscriber: Any = None

    async def open(self, subscriber: Any) -> None:
        """Join the group."""
        self._subscriber = subscriber
        try:
            await subscriber.start()
        except BaseException:
            await subscriber.stop()
            raise
        self._consumer = subscriber.consumer
        if self._consumer.assignment():
            self.on_assignment(self.sees_every_partition)

    async def close(self) -> None:
        """Leave the group; a member with a name would be kept for a while, and its partitions with it."""
        if getattr(self._consumer, "_coordinator", None) is not None:
            self._consumer._coordinator._group_instance_id = None  # noqa: SLF001 - aiokafka has no other way to say it
        await self._subscriber.stop()

    async def poll(self, seconds: float, most: int) -> list[Record]:
        """Wait up to `seconds` for records, less while something is to be committed; answers as soon as there is one.

        Raises RuntimeError where aiokafka's own tasks have ended: it would wait for ever.
        """
        self._see_that_it_lives()
        seconds = min(seconds, COMMIT_SECONDS) if self._done else seconds
        try:
            fetched = await self._consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most)
        except KafkaError as error:
            log.warning("broker_unavailable", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
            return []
        except UnicodeDecodeError:
            return await self._one_by_one()
        self._next.update((place, records[-1].offset + 1) for place, records in fetched.items())
        return [record for records in fetched.values() for record in records]

    def _see_that_it_lives(self) -> None:
        fetching, coordinating = self._consumer._fetcher, self._consumer._coordinator  # noqa: SLF001 - it tells nobody
        for task in (getattr(fetching, "_fetch_task", None), getattr(coordinating, "_coordination_task", None)):
            if task is not None and task.done() and not self.closing:
                raise RuntimeError("the client of the broker hears nothing any more: this process has to begin anew")

    async def _one_by_one(self) -> list[Record]:
        """Take what lies ready record by record, with a blank for the one over which the client stumbles.

        It has dropped all that it had fetched: each partition goes on behind what was answered last.
        """
        for place in self._consumer.assignment():
            at = self._next.get(place)
            if at is None and self._in_group:
                at = await self._consumer.committed(place) or (await self._consumer.beginning_offsets([place]))[place]
            if at is not None:  # else nothing of it was taken: who follows alone may miss what came with such a record
                self._consumer.seek(place, at)
        found: list[Record] = []
        for _ in range(READY_TRIES):
            await asyncio.sleep(READY_SECONDS)
            for place in self._consumer.assignment():
                found += await self._ready(place, BLANK_BATCH)
            if found:
                break
        return found

    async def _ready(self, place: Any, most: int) -> list[Record]:
        """Take what was fetched of a partition already, up to a blank."""
        found: list[Record] = []
        try:
            while len(found) < most:
                fetched = (await self._consumer.getmany(place, timeout_ms=0, max_records=1)).get(place)
                if not fetched:
                    break
                found += fetched
        except UnicodeDecodeError:
            at = await self._consumer.position(place)
            found.append(Blank(place.topic, place.partition, at))
            self._consumer.seek(place, at + 1)
        if found:
            self._next[place] = found[-1].offset + 1
        return found

    def reassigned(self) -> None:
        """Note that others may have gone on with what was ours meanwhile."""
        self._next.clear()
        self._done.clear()
        self.on_assignment(self.sees_every_partition)

    def done(self, records: Sequence[Record]) -> None:
        """Note that these are handled; `commit` tells the broker."""
        latest = {(record.topic, record.partition): record.offset for record in records}  # a partition's records are in order
        for (topic, partition), offset in latest.items():
            self._done[TopicPartition(topic, partition)] = offset + 1

    @property
    def commit_is_due(self) -> bool:
        """Whether something handled has waited long enough to be committed."""
        return bool(self._done) and time.monotonic() - self._committed_at >= COMMIT_SECONDS

    async def commit(self) -> None:
        """Tell the broker what is handled; a failure only means that it comes again, and the inbox drops it."""
        if not self._done:
            return
        offsets, self._done = self._done, {}
        self._committed_at = time.monotonic()
        try:
            async with asyncio.timeout(COMMIT_PATIENCE_SECONDS):
                await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets_not_committed", error=type(error).__name__)
            ours = self._consumer.assignment()
            self._done = {place: at for place, at in offsets.items() if place in ours} | self._done
            self._committed_at = time.monotonic() + RETRY_SECONDS

    def rest(self) -> None:
        """Fetch nothing until `follow`."""
        self._consumer.pause(*self._consumer.assignment())
        self._resting = True

    async def follow(self) -> None:
        """Fetch what comes from now on; what came meanwhile is passed over. Who is interrupted leaves it at rest."""
        if self._resting:
            try:
                async with asyncio.timeout(FOLLOW_SECONDS):
                    await self._consumer.seek_to_end()
            except (KafkaError, TimeoutError) as error:  # then what came meanwhile is fetched, and nobody listens for it
                log.warning("end_not_found", error=type(error).__name__)
            self._consumer.resume(*self._consumer.assignment())
            self._resting = False

    async def to_the_end(self) -> None:
        """Pass over everything that is there, for the whole group."""
        while not self._consumer.assignment():
            await self._consumer.getmany(timeout_ms=50, max_records=1)
        await self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)
        await self._consumer.commit()

    @property
    def sees_every_partition(self) -> bool:
        """Whether all partitions of the topics are assigned to this consumer."""
        assigned = self._consumer.assignment() if self._consumer is not None else ()
        return bool(assigned) and all(
            len(self._consumer.partitions_for_topic(topic) or ()) == sum(1 for one in assigned if one.topic == topic)
            for topic in {one.topic for one in assigned}
        )

    async def lag(self) -> dict[tuple[str, int], int]:
        """Count the records not yet fetched, by topic and partition."""
        lags = {}
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is not None:
                lags[partition.topic, partition.partition] = max(0, end - await self._consumer.position(partition))
        return lags


class _Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """Let the batch at hand finish before its partitions go to another."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def on_partitions_revoked(self, revoked: Any) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS), self._source.handling:
                await self._source.commit()
        log.info("partitions_revoked", count=len(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        log.info("partitions_assigned", count=len(assigned))
        self._source.reassigned()


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
            listener=_Drain(source) if group is not None else None,
            fetch_min_bytes=GATHERED_BYTES if gather_ms else 1,
            fetch_max_wait_ms=gather_ms or FETCH_WAIT_MS,
            persistent=False,  # one that is closed is forgotten
        )
        await source.open(subscriber)
        return source
