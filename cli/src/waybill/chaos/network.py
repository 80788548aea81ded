"""Faults of the links between parts."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Final

from waybill.chaos.proxy import Manner
from waybill.chaos.world import Hit, World

LATE_SECONDS: Final = 0.3
LOSS: Final = 0.02
USED_BY: Final = {"psp": "payment", "carrier": "order", "smtp": "notification", "sms": "notification", "webhooks": "psp"}
"""Who uses the links to partners; the others are named after their service."""


@contextmanager
def _behaving(world: World, hit: Hit, manner: Manner) -> Iterator[None]:
    """Have a link behave in a manner; one to the broker is a link to each of its nodes. It is missed where nobody uses it."""
    name = hit.target
    service = USED_BY.get(name, name.partition("-")[0])
    if not any(world.running.pid(process) for process in world.running.replicas(service)):
        hit.miss()
    with ExitStack() as stack:
        for link in world.links.values():
            if link.name == name or link.name.startswith(f"{name}-"):
                stack.enter_context(link.behaving(manner))
        yield


@asynccontextmanager
async def cut(world: World, hit: Hit) -> AsyncIterator[None]:
    """Reset what is connected, and refuse new connections."""
    with _behaving(world, hit, Manner(cut=True)):
        yield


@asynccontextmanager
async def mute_there(world: World, hit: Hit) -> AsyncIterator[None]:
    """Keep what the service says from the other part."""
    with _behaving(world, hit, Manner(mute_there=True)):
        yield


@asynccontextmanager
async def mute_back(world: World, hit: Hit) -> AsyncIterator[None]:
    """Keep what the other part answers from the service."""
    with _behaving(world, hit, Manner(mute_back=True)):
        yield


@asynccontextmanager
async def late(world: World, hit: Hit) -> AsyncIterator[None]:
    """Make everything arrive later, both ways."""
    with _behaving(world, hit, Manner(delay=LATE_SECONDS / 2)):
        yield


@asynccontextmanager
async def loss(world: World, hit: Hit) -> AsyncIterator[None]:
    """Lose some of what passes; it is sent again, and comes late."""
    with _behaving(world, hit, Manner(loss=LOSS)):
        yield
