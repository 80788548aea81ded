"""What a consumer of Kafka reads: raw records in, offsets committed after the work.

Records are taken raw from the consumer of FastStream's subscriber: its parser drops a record with a null or non-UTF-8 header
without a word, and its batch subscriber sleeps after an empty poll. A record over which the client itself stumbles comes as a
blank. While the broker is away nothing is handled and nothing is lost.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from chassis.records import Blank, Record

DRAIN_SECONDS: Final = 20
RETRY_SECONDS: Final = 1.0
READY_SECONDS: Final = 0.2
READY_TRIES: Final = 20
BLANK_BATCH: Final = 200
FOLLOW_SECONDS: Final = 2.0
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


class Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets the batch at hand finish before its partitions go to another."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Wait for the batch, and commit what is handled."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS), self._source.handling:
                await self._source.commit()
        log.info("partitions_revoked", count=len(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Begin with what is ours now."""
        log.info("partitions_assigned", count=len(assigned))
        self._source.reassigned()
