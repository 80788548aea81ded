"""What a fault has at hand: the running system, its links, databases and broker, and the books of what it has done itself."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from waybill.chaos.links import FarLink
from waybill.chaos.system import HELPER_PORTS, Running
from waybill.embedded.web import get

SIM_SECONDS: Final = 5.0
OK: Final = 200
CALM_SECONDS: Final = 5.0


@dataclass(slots=True)
class Hit:
    """A fault as it is done: whom it hits, for how long, and the chance that decides the rest.

    It is `missed` where there was nothing to hurt: it met a part that was away already, say, or nobody came where it waited.
    """

    target: str
    lasts: float
    chance: random.Random
    missed: bool = False

    def miss(self) -> None:
        """Note that there was nothing to hurt."""
        self.missed = True


@dataclass(frozen=True, slots=True, order=True)
class Poison:
    """Where a record lies that nobody can read."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class World:
    """The system to be hurt; `poisoned` lists the records that must end as dead letters, and no others.

    `put_aside` counts the dead letters of records that were lost with their topic and are expected no more.
    `topics` is held by who lays records there, and by who takes all away: what was read before must not come again after that.
    """

    running: Running
    poisoned: list[Poison] = field(default_factory=list)
    put_aside: int = 0
    topics: asyncio.Lock = field(default_factory=asyncio.Lock)
    _helpers: int = 0

    @property
    def links(self) -> Mapping[str, FarLink]:
        """The links between parts, by name."""
        return self.running.links

    @property
    def kafka(self) -> str:
        """Where Kafka is reached without a link."""
        return self.running.system.kafka.bootstrap_servers

    async def database(self, service: str) -> Any:
        """Open a connection as the superuser to a service's database."""
        return await self.running.system.postgres.connect(service)

    async def answers(self, name: str) -> bool:
        """Tell whether all parts of a process do their work."""
        part = self.running.state.parts[name]
        try:
            status, _ = await get("127.0.0.1", int(part.address.rpartition(":")[2]), "/readyz")
        except (OSError, TimeoutError):
            return False
        return status == OK

    async def answers_all(self) -> bool:
        """Tell whether every service does its work in all its processes."""
        services = [name for name, part in self.running.state.parts.items() if part.kind == "service"]
        return all(await asyncio.gather(*map(self.answers, services)))

    async def calm(self) -> None:
        """Wait until all parts have run for so long that what a start costs is over, and every service does its work."""
        parts = self.running.state.parts
        while True:
            youngest = max(part.process.created if part.process is not None else time.time() for part in parts.values())
            if time.time() - youngest > CALM_SECONDS and await self.answers_all():
                return
            await asyncio.sleep(1.0)

    async def simulate(self, name: str, mode: dict[str, Any] | None) -> bool:
        """Set a simulator's mode, or have it behave (None); one that was killed behaves when it is back. Tells if it heard."""
        url = f"http://127.0.0.1:{self.running.system.options.port(name)}/sim/{name}/mode"
        try:
            async with httpx2.AsyncClient(timeout=SIM_SECONDS, trust_env=False) as client:
                answer = await (client.delete(url) if mode is None else client.put(url, json=mode))
        except httpx2.HTTPError:
            return False
        answer.raise_for_status()
        return True

    def next_helper(self) -> int:
        """Give a number to a process that is going to come and go."""
        self._helpers += 1
        return self._helpers % HELPER_PORTS
