"""What lies on the topics: how many records an order costs, and when each fact about it was told.

A record's time is when its publisher gave it to the broker, right after the commit: the first moment anyone else can know.
"""

import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts import TOPICS
from waybill.embedded.system import SERVICES

POLL_MILLISECONDS: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """A fact on a topic: its type, what it is about, when it was told (s since the epoch)."""

    type: str
    key: str
    at: float


Offsets = dict[TopicPartition, int]


class Topics:
    """A reader of all topics that is in no consumer group."""

    def __init__(self, consumer: Any, admin: Any) -> None:
        self._consumer = consumer
        self._admin = admin

    @classmethod
    @asynccontextmanager
    async def of(cls, bootstrap_servers: str) -> AsyncIterator[Self]:
        """Connect to the broker."""
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False, fetch_max_bytes=32 * 2**20)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await consumer.start()
        await admin.start()
        try:
            yield cls(consumer, admin)
        finally:
            await admin.close()
            await consumer.stop()

    async def ends(self) -> Offsets:
        """Tell where each partition ends."""
        descriptions = await self._admin.describe_topics(list(TOPICS))
        places = [TopicPartition(one["topic"], part["partition"]) for one in descriptions for part in one["partitions"]]
        ends: Offsets = await self._consumer.end_offsets(places)
        return ends

    async def lag(self) -> int:
        """Count the records that a service has not noted as handled; a partition it never touched does not count."""
        ends = await self.ends()
        behind = 0
        for service in SERVICES:
            committed = await self._admin.list_consumer_group_offsets(service)
            behind += sum(max(0, ends[place] - noted.offset) for place, noted in committed.items() if place in ends)
        return behind

    async def read(self, topics: set[str], begin: Offsets, end: Offsets) -> dict[str, list[Told]]:
        """Read the facts between two places, by topic, in the order of their time."""
        places = [place for place in end if place.topic in topics and end[place] > begin[place]]
        found: dict[str, list[Told]] = defaultdict(list)
        if not places:
            return found
        self._consumer.assign(places)
        for place in places:
            self._consumer.seek(place, begin[place])
        left = set(places)
        while left:
            for place, records in (await self._consumer.getmany(*left, timeout_ms=POLL_MILLISECONDS)).items():
                found[place.topic] += [_told(record) for record in records if record.offset < end[place]]
            for place in tuple(left):
                if await self._consumer.position(place) >= end[place]:
                    left.discard(place)
        for told in found.values():
            told.sort(key=lambda one: one.at)
        return found


def _told(record: Any) -> Told:
    headers = dict(record.headers)
    return Told(headers.get("ce_type", b"").decode(), (record.key or b"").decode(), record.timestamp / 1000)


def counted(begin: Offsets, end: Offsets) -> dict[str, int]:
    """Count the records between two places, by topic."""
    counts: dict[str, int] = defaultdict(int)
    for place, offset in end.items():
        counts[place.topic] += offset - begin.get(place, 0)
    return dict(counts)


def log_bytes(data: Path) -> dict[str, int]:
    """Tell how many bytes each topic takes in a broker's data directory."""
    sizes: dict[str, int] = defaultdict(int)
    for segment in data.glob("*-*/*.log"):
        with contextlib.suppress(FileNotFoundError):  # it was compacted away meanwhile
            sizes[segment.parent.name.rpartition("-")[0]] += segment.stat().st_size
    return dict(sizes)
