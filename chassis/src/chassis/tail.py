"""What happens to a key, told at once to whoever listens in this process; nothing is fetched while nobody does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from chassis import tasks
from chassis.broker import Broker


class Tail:
    """Follows a topic from now on, outside any group, and tells listeners of a key that something happened to it."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._listeners: dict[str, set[Callable[[], None]]] = {}
        self._switching = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be ready to follow; nothing is fetched while nobody listens, which nobody does at first."""
        self._source = await self._broker.subscribe([self._topic], group=None, latest=True)
        if not self._listeners:
            self._source.rest()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop following."""
        task, self._task = self._task, None
        if task is not None:
            await tasks.cancel([task])
            await self._source.close()

    @property
    def alive(self) -> bool:
        """Whether it follows."""
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        while True:
            for record in await self._source.poll(30.0, 1000):
                if self._listeners and record.key is not None:
                    for listener in tuple(self._listeners.get(record.key.decode(errors="replace"), ())):
                        listener()

    @contextlib.asynccontextmanager
    async def changes(self, key: str) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever a fact about `key` arrives; clear it before looking at the row."""
        changed = asyncio.Event()
        self._listeners.setdefault(key, set()).add(changed.set)
        try:
            async with self._switching:
                await self._source.follow()
            yield changed
        finally:
            self._listeners[key].discard(changed.set)
            if not self._listeners[key]:
                del self._listeners[key]
            if not self._listeners:
                self._source.rest()
