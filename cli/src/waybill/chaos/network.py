"""Faults of the links between parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from waybill.chaos.proxy import Manner
from waybill.chaos.world import Hit, World

LATE_SECONDS: Final = 0.3
LOSS: Final = 0.02


@asynccontextmanager
async def cut(world: World, hit: Hit) -> AsyncIterator[None]:
    """Reset what is connected, and refuse new connections."""
    with world.links[hit.target].behaving(Manner(cut=True)):
        yield


@asynccontextmanager
async def mute_there(world: World, hit: Hit) -> AsyncIterator[None]:
    """Keep what the service says from the other part."""
    with world.links[hit.target].behaving(Manner(mute_there=True)):
        yield


@asynccontextmanager
async def mute_back(world: World, hit: Hit) -> AsyncIterator[None]:
    """Keep what the other part answers from the service."""
    with world.links[hit.target].behaving(Manner(mute_back=True)):
        yield


@asynccontextmanager
async def late(world: World, hit: Hit) -> AsyncIterator[None]:
    """Make everything arrive later, both ways."""
    with world.links[hit.target].behaving(Manner(delay=LATE_SECONDS / 2)):
        yield


@asynccontextmanager
async def loss(world: World, hit: Hit) -> AsyncIterator[None]:
    """Lose some of what passes; it is sent again, and comes late."""
    with world.links[hit.target].behaving(Manner(loss=LOSS)):
        yield
