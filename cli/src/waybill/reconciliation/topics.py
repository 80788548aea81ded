"""What lies on the topics: whether every service has heard it, and whether it is what the outboxes say."""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts import TOPICS
from contracts.event import Envelope, EnvelopeError
from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import KEPT_SINCE, Snapshot, kept_from

POLL_MS: Final = 1000
TOMBSTONES_ARE_KEPT_FOR: Final = timedelta(days=1)
WHILE_READ: Final = timedelta(hours=1)
"""What is nearly as old as a topic keeps may go while the topics are read."""
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
MARK_BYTES: Final = 8
# A mark tells a fact from any other: its id, its type and all that it says.
_TOLD: Final = f"""
SELECT aggregatetype, aggregateid, array_agg(sequence ORDER BY sequence) AS numbers,
    string_agg(substr(sha256(convert_to(concat_ws(' ', id, type, payload), 'UTF8')), 1, {MARK_BYTES}), '' ORDER BY sequence)
        AS marks,
    array_agg(sequence ORDER BY sequence) FILTER (WHERE occurred_at < $1 AND occurred_at > k.since) AS wanted,
    (array_agg(payload IS NULL ORDER BY sequence DESC))[1] AS erased,
    (array_agg(occurred_at ORDER BY sequence DESC))[1] < $2 AS long_ago
FROM outbox JOIN unnest($3::text[], $4::timestamptz[]) AS k(topic, since) ON k.topic = aggregatetype
GROUP BY aggregatetype, aggregateid
"""
Place = tuple[str, str]
"""A topic and a key."""


async def check_lag(bootstrap_servers: str, groups: Iterable[str], findings: Findings) -> None:
    """Check that each service's group has handled all there is on the topics it has ever committed to."""
    for (group, partition), unheard in (await behind(bootstrap_servers, groups)).items():
        findings.checked(Invariant.CONSUMER_LAG)
        if unheard > 0:
            where = f"{partition.topic}-{partition.partition}"
            findings.violated(Invariant.CONSUMER_LAG, group, f"has {unheard} records of {where} to hear")


async def behind(bootstrap_servers: str, groups: Iterable[str]) -> Mapping[tuple[str, TopicPartition], int]:
    """Count what each group has to hear of each partition it has ever committed to; raises WaybillError."""
    found: dict[tuple[str, TopicPartition], int] = {}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        await consumer.start()
        for group in groups:
            committed = await admin.list_consumer_group_offsets(group)
            ends = await consumer.end_offsets(list(committed)) if committed else {}
            found |= {(group, one): max(0, ends[one] - offset.offset) for one, offset in committed.items()}
    except KafkaError as error:
        raise WaybillError(f"the broker cannot be read ({type(error).__name__}): see `./waybill status`") from error
    finally:
        await consumer.stop()
        await admin.close()
    return found


@dataclass(slots=True)
class Facts:
    """The facts of a key: the numbers and marks that its outbox has, the numbers that must be on the topic, and those that are.

    There are as many of these as orders, and more: marks are one string.
    """

    numbers: Sequence[int] = ()
    marks: bytes = b""
    wanted: Sequence[int] = ()
    lying: list[int] = field(default_factory=list)

    def mark(self, number: int) -> bytes | None:
        """Give the mark of a fact, nothing where it was erased; None where it was never committed, or is not kept."""
        at = bisect_left(self.numbers, number)
        if at == len(self.numbers) or self.numbers[at] != number:
            return None
        return self.marks[at * MARK_BYTES : (at + 1) * MARK_BYTES]


async def check_topics(bootstrap_servers: str, snapshot: Snapshot, findings: Findings) -> None:
    """Check every record: each key's facts in the order of their numbers, all that were told and no others.

    A fact may lie there twice; what counts is its first appearance. A compacted topic keeps the last ones only. What was
    told lately may not have arrived, and what arrived lately may have been committed after the snapshot. Old facts are gone
    from the outboxes, or from the topics: nobody misses them there.
    """
    places = await _told(snapshot)
    kept = {service: kept_from(await database.fetchval(KEPT_SINCE)) for service, database in snapshot.databases.items()}
    settled_ms = snapshot.settled_before.timestamp() * 1000
    stray, other = defaultdict[Place, set[int]](set), defaultdict[Place, set[int]](set)
    async for record in _records(bootstrap_servers):
        envelope = _read(record)
        if envelope is None:
            findings.unreadable += 1
            continue
        place = (record.topic, record.key.decode())
        facts = places.setdefault(place, Facts())
        if envelope.sequence not in facts.lying:
            facts.lying.append(envelope.sequence)
        mark = facts.mark(envelope.sequence)
        if mark and mark != _mark(envelope, record.value):
            other[place].add(envelope.sequence)
        elif mark is None and record.timestamp < settled_ms and envelope.event_id >= kept[TOPICS[record.topic].publisher]:
            stray[place].add(envelope.sequence)
    for place, facts in sorted(places.items()):
        findings.checked(Invariant.TOPICS)
        says = {
            "are missing": set(facts.wanted) - set(facts.lying),
            "are not what was committed": other.get(place, ()),
            "were never committed": stray.get(place, ()),
        }
        if facts.lying != sorted(facts.lying):
            findings.violated(Invariant.TOPICS, " ".join(place), f"lies there in the order {facts.lying[:10]}")
        for what, numbers in says.items():
            if numbers:
                findings.violated(Invariant.TOPICS, " ".join(place), f"facts {sorted(numbers)[:10]} {what}")


async def _told(snapshot: Snapshot) -> dict[Place, Facts]:
    """Read which facts were committed, and which of them must lie on their topics: told long enough ago, and not too long."""
    since = {
        topic.name: EVER
        if topic.retention_seconds is None
        else snapshot.at - timedelta(seconds=topic.retention_seconds) + WHILE_READ
        for topic in TOPICS.values()
    }
    tombstones_before = snapshot.at - TOMBSTONES_ARE_KEPT_FOR + WHILE_READ
    places: dict[Place, Facts] = {}
    for connection in snapshot.databases.values():
        values = (snapshot.settled_before, tombstones_before, list(since), list(since.values()))
        for row in await connection.fetch(_TOLD, *values):
            topic, wanted = row["aggregatetype"], row["wanted"] or []
            if TOPICS[topic].compacted:
                wanted = [] if row["erased"] and row["long_ago"] else wanted[-1:]
            # What is to be forgotten is taken out of the outbox at once, and lies on the topic until that is compacted.
            places[topic, row["aggregateid"]] = Facts(row["numbers"], b"" if row["erased"] else row["marks"], wanted)
    return places


def _read(record: Any) -> Envelope | None:
    """Read who says what a record is; None where none of our services can have written it."""
    try:
        record.key.decode()
        return Envelope.read(record.headers)
    except (AttributeError, EnvelopeError, UnicodeDecodeError):  # a record without a key, say
        return None


def _mark(envelope: Envelope, value: bytes | None) -> bytes:
    parts = (str(envelope.event_id).encode(), envelope.type.encode(), value)
    return hashlib.sha256(b" ".join(part for part in parts if part is not None)).digest()[:MARK_BYTES]


async def _records(bootstrap_servers: str) -> AsyncIterator[Any]:
    """Read all topics from their beginnings to their ends; raises WaybillError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    try:
        await admin.start()
        await consumer.start()
        described = await admin.describe_topics(list(TOPICS))
        partitions = [TopicPartition(topic["topic"], one["partition"]) for topic in described for one in topic["partitions"]]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    yield record
    except KafkaError as error:
        raise WaybillError(f"the topics cannot be read ({type(error).__name__}): see `./waybill status`") from error
    finally:
        await consumer.stop()
        await admin.close()
