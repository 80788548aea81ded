"""What lies on the topics: whether every service has heard it, and whether it is what the outboxes say."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts import TOPICS
from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.sources import Snapshot

POLL_MS: Final = 1000
Sequences = dict[tuple[str, str], list[int]]


async def check_lag(bootstrap_servers: str, groups: Mapping[str, Any], findings: Findings) -> None:
    """Check that each service's group has handled all there is on the topics it has ever committed to."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        await consumer.start()
        for group in groups:
            committed = await admin.list_consumer_group_offsets(group)
            ends = await consumer.end_offsets(list(committed)) if committed else {}
            for partition, offset in committed.items():
                findings.checked(Invariant.CONSUMER_LAG)
                behind = ends[partition] - offset.offset
                if behind > 0:
                    where = f"{partition.topic}-{partition.partition}"
                    findings.violated(Invariant.CONSUMER_LAG, group, f"has {behind} records of {where} to hear")
    except KafkaError as error:
        raise WaybillError(f"the broker cannot be read ({type(error).__name__}): see `./waybill status`") from error
    finally:
        await consumer.stop()
        await admin.close()


async def check_topics(bootstrap_servers: str, snapshot: Snapshot, findings: Findings) -> None:
    """Check every record: each key's facts in the order of their numbers, all that were told and no others.

    A fact may lie there twice; what counts is its first appearance. A compacted topic keeps the last ones only. What was
    told lately may not have arrived, and what arrived lately may have been committed after the snapshot.
    """
    told, settled = await _told(snapshot)
    lying, late = await _lying(bootstrap_servers, snapshot.settled_before)
    for place in sorted(told.keys() | lying.keys()):
        findings.checked(Invariant.TOPICS)
        topic, key = place
        numbers, kept = settled.get(place, []), lying.get(place, [])
        if kept != sorted(kept):
            findings.violated(Invariant.TOPICS, f"{topic} {key}", f"lies there in the order {kept[:10]}")
        stray = set(kept) - set(told.get(place, ())) - late.get(place, set())
        if stray:
            findings.violated(Invariant.TOPICS, f"{topic} {key}", f"facts {sorted(stray)[:10]} were never committed")
        missing = set(numbers[-1:] if TOPICS[topic].compacted else numbers) - set(kept)
        if missing:
            findings.violated(Invariant.TOPICS, f"{topic} {key}", f"facts {sorted(missing)[:10]} are missing")


async def _told(snapshot: Snapshot) -> tuple[Sequences, Sequences]:
    """Read which facts were committed, and which of them long enough ago to have arrived."""
    told, settled = Sequences(), Sequences()
    for connection in snapshot.databases.values():
        rows = await connection.fetch(
            """SELECT aggregatetype, aggregateid, array_agg(sequence ORDER BY sequence) AS numbers,
            array_agg(sequence ORDER BY sequence) FILTER (WHERE occurred_at < $1) AS settled
            FROM outbox GROUP BY aggregatetype, aggregateid""",
            snapshot.settled_before,
        )
        for row in rows:
            place = (row["aggregatetype"], row["aggregateid"])
            told[place], settled[place] = row["numbers"], row["settled"] or []
    return told, settled


async def _lying(bootstrap_servers: str, settled_before: datetime) -> tuple[Sequences, Mapping[tuple[str, str], set[int]]]:
    """Read which facts lie on the topics, in their order, and which of them arrived only after a moment."""
    lying: Sequences = defaultdict(list)
    late: dict[tuple[str, str], set[int]] = defaultdict(set)
    settled_ms = settled_before.timestamp() * 1000
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
                    headers = dict(record.headers)
                    if record.key is not None and "ce_sequence" in headers:
                        place = (record.topic, record.key.decode())
                        sequence = int(headers["ce_sequence"])
                        if sequence not in lying[place]:
                            lying[place].append(sequence)
                            if record.timestamp >= settled_ms:
                                late[place].add(sequence)
    except KafkaError as error:
        raise WaybillError(f"the topics cannot be read ({type(error).__name__}): see `./waybill status`") from error
    finally:
        await consumer.stop()
        await admin.close()
    return lying, late
