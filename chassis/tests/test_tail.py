"""A tail fetches for those who listen, and goes on doing so when it has to begin anew."""

import asyncio
from typing import Any, cast

from chassis.broker import Broker
from chassis.tail import Tail


class Source:
    """Stands for a consumer of a topic on which nothing happens; notes whether it fetches."""

    fetches = True

    def rest(self) -> None:
        self.fetches = False

    async def follow(self) -> None:
        self.fetches = True

    async def poll(self, *_: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None: ...


class Sources:
    """Stands for a broker, and remembers what it gave."""

    def __init__(self) -> None:
        self.given: list[Source] = []

    async def subscribe(self, *_: Any, **__: Any) -> Source:
        self.given.append(Source())
        return self.given[-1]


async def test_a_tail_that_begins_anew_fetches_only_for_those_who_listen() -> None:
    sources = Sources()
    tail = Tail(cast("Broker", sources), "order.events")
    await tail.start()
    assert not sources.given[0].fetches
    async with tail.changes("a key"):
        assert sources.given[0].fetches
        await tail.stop()
        assert not tail.alive
        await tail.start()
        assert (tail.alive, sources.given[1].fetches) == (True, True)
    assert not sources.given[1].fetches
    await tail.stop()
