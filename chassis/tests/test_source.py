"""Records in: what is fetched, and what is left alone while nobody listens."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from chassis.source import Source


class Fetching:
    """A client of Kafka with one partition, which finds the end of it when the test lets it."""

    def __init__(self) -> None:
        self.paused = False
        self.seeking = asyncio.Event()
        self.found = asyncio.Event()
        self.away = False

    def assignment(self) -> list[str]:
        return ["its partition"]

    def pause(self, *_: str) -> None:
        self.paused = True

    def resume(self, *_: str) -> None:
        self.paused = False

    async def seek_to_end(self) -> None:
        self.seeking.set()
        if self.away:
            raise KafkaConnectionError("away")
        await self.found.wait()


@pytest.fixture
def fetching() -> Fetching:
    return Fetching()


@pytest.fixture
def source(fetching: Fetching) -> Source:
    source = Source(in_group=False)
    consumer: Any = fetching
    source._consumer = consumer  # noqa: SLF001 - a real one needs a broker
    source.rest()
    return source


async def test_who_leaves_before_it_follows_keeps_nobody_else_from_following(source: Source, fetching: Fetching) -> None:
    leaves = asyncio.create_task(source.follow())
    await fetching.seeking.wait()
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    fetching.found.set()
    await source.follow()
    assert not fetching.paused


async def test_without_the_end_it_follows_all_the_same(source: Source, fetching: Fetching) -> None:
    fetching.away = True
    await source.follow()
    assert not fetching.paused
