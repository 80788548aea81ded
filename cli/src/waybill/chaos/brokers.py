"""Faults of the broker as a whole: who leads is killed, two of three nodes are down, or all that it stored is lost."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from waybill.chaos.stores import AWAY as DATABASE_AWAY
from waybill.chaos.world import Hit, World
from waybill.commands.republish import list_all
from waybill.embedded.kafka import EmbeddedKafka
from waybill.embedded.server import Server
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError

Done = TypeVar("Done")

AWAY: Final = (OSError, TimeoutError, KafkaError)
ASK_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.2
DOWN_SECONDS: Final = 1.0
"""Who is down for so long was not about to be started."""
READY_SECONDS: Final = 60.0
QUORUM: Final = Path("__cluster_metadata-0") / "quorum-state"
_NOT_MISSED: Final = """
WITH lost AS (
    UPDATE dead_letter SET status = 'discarded', resolved_by = 'chaos', resolved_at = now(), note = 'its topic was lost'
    WHERE status = 'open'
      AND (topic, kafka_partition, kafka_offset) IN (SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[]))
    RETURNING 1
)
SELECT count(*) FROM lost
"""


@asynccontextmanager
async def leader_kill(world: World, hit: Hit) -> AsyncIterator[None]:
    """Kill the node that leads a partition of a topic."""
    _kill(hit, await _leader(world, hit))
    yield


async def _leader(world: World, hit: Hit) -> EmbeddedKafka | None:
    """Find out who leads some partition of the topic that is named behind the target's `@`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.kafka, request_timeout_ms=int(ASK_SECONDS * 1000))
    try:
        async with asyncio.timeout(2 * ASK_SECONDS):
            await admin.start()
            (topic,) = await admin.describe_topics([hit.target.partition("@")[2]])
    except AWAY:
        return None
    finally:
        await admin.close()
    leaders = sorted({partition["leader"] for partition in topic["partitions"]})
    nodes = {node.membership.node: node for node in world.running.system.kafka.nodes}
    return nodes.get(hit.chance.choice(leaders)) if leaders else None


@asynccontextmanager
async def controller_kill(world: World, hit: Hit) -> AsyncIterator[None]:
    """Kill the node that is the controller at this moment."""
    _kill(hit, controller(world.running.system.kafka.nodes))
    yield


def controller(nodes: Sequence[EmbeddedKafka]) -> EmbeddedKafka | None:
    """Find the controller: each node keeps beside its metadata whom it knows for it, since which of the elections."""
    known: list[tuple[int, int]] = []
    for node in nodes:
        with suppress(OSError, ValueError, KeyError):
            state = json.loads((node.data / QUORUM).read_text())
            known.append((state["leaderEpoch"], state["leaderId"]))
    latest = max(known, default=(0, -1))[1]
    return next((node for node in nodes if node.membership.node == latest), None)


@asynccontextmanager
async def two_down(world: World, hit: Hit) -> AsyncIterator[None]:
    """Take two of the nodes away at once and keep them away: one alone must not take a record for stored."""
    nodes = hit.chance.sample(world.running.system.kafka.nodes, 2)
    if not any(node.running for node in nodes):
        hit.miss()
    with world.running.supervisor.keeping_down(*(node.name for node in nodes)):
        yield


def _kill(hit: Hit, node: EmbeddedKafka | None) -> None:
    if node is None or not node.running:
        hit.miss()
    else:
        node.send(signal.SIGKILL)


@asynccontextmanager
async def wiped(world: World, hit: Hit) -> AsyncIterator[None]:  # noqa: ARG001 - all of the broker is hit
    """Lose all that the broker has stored, and do what the operator's page says about it."""
    async with world.topics:
        await _wipe(world)
    yield


async def _wipe(world: World) -> None:
    system, supervisor = world.running.system, world.running.supervisor
    services = [server for service in SERVICES for server in system.services[service]]
    nodes = system.kafka.nodes
    with supervisor.keeping_down(*(server.name for server in services)):
        with supervisor.keeping_down(*(node.name for node in nodes)):
            await asyncio.gather(*map(_ended, [*services, *nodes]))
            await _forgive_poison(world)
            for node in nodes:
                await asyncio.to_thread(shutil.rmtree, node.data, ignore_errors=True)
            await _republished(world)
        await _made_topics(world)


async def _ended(server: Server) -> None:
    """Have a program that is kept down end, also one that was about to start."""
    loop = asyncio.get_running_loop()
    down_since = loop.time()
    while loop.time() - down_since < DOWN_SECONDS:
        if server.running:
            server.send(signal.SIGKILL)
            down_since = loop.time()
        await asyncio.sleep(LOOK_SECONDS)


async def _forgive_poison(world: World) -> None:
    """Of the records that nobody can read, count the dead letters and expect no more: who had not come to them never will."""
    lost, world.poisoned = world.poisoned, []
    columns: tuple[list[Any], ...] = (
        [one.topic for one in lost],
        [one.partition for one in lost],
        [one.offset for one in lost],
    )
    for service in SERVICES:
        world.put_aside += await _insisting(partial(_discard, world, service, columns))


async def _discard(world: World, service: str, columns: Sequence[list[Any]]) -> int:
    connection = await world.database(service)
    try:
        return int(await connection.fetchval(_NOT_MISSED, *columns))
    finally:
        await connection.close()


async def _republished(world: World) -> None:
    urls = {service: world.running.system.postgres.url(service) for service in SERVICES}
    await _insisting(lambda: list_all(urls))


async def _made_topics(world: World) -> None:
    await _insisting(world.running.system.create_topics)


async def _insisting(do: Callable[[], Awaitable[Done]]) -> Done:
    """Do something until it is done: a database may be away, a helper may still run, a node may not be back yet."""
    loop = asyncio.get_running_loop()
    until = loop.time() + READY_SECONDS
    while True:
        try:
            return await do()
        except (*AWAY, *DATABASE_AWAY, WaybillError):
            if loop.time() > until:
                raise
        await asyncio.sleep(LOOK_SECONDS)
