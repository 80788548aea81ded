"""Faults of databases: locks of others, sessions ended or refused, nothing written for a while."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from chassis.database import TRANSIENT
from waybill.chaos.world import Hit, World

PATIENCE_SECONDS: Final = 20.0
_END: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1"
AWAY: Final = TRANSIENT


@asynccontextmanager
async def lock(world: World, hit: Hit) -> AsyncIterator[None]:
    """Hold a table so that nobody writes to it."""
    service, _, table = hit.target.partition(".")
    connection = None
    try:
        connection = await world.database(service)
        await connection.execute("SET lock_timeout = '2s'")
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE")
    except AWAY:
        hit.miss()
    try:
        yield
    finally:
        if connection is not None:
            connection.terminate()


@asynccontextmanager
async def end_sessions(world: World, hit: Hit) -> AsyncIterator[None]:
    """End all sessions of a service at once."""
    await _hurt(world, hit, (_END, hit.target))
    yield


@asynccontextmanager
async def refuse_sessions(world: World, hit: Hit) -> AsyncIterator[None]:
    """Leave a service two sessions, fewer than it needs."""
    await _hurt(world, hit, (f'ALTER ROLE "{hit.target}" CONNECTION LIMIT 2',), (_END, hit.target))
    try:
        yield
    finally:
        await _insist(world, hit.target, (f'ALTER ROLE "{hit.target}" CONNECTION LIMIT -1',))


@asynccontextmanager
async def read_only(world: World, hit: Hit) -> AsyncIterator[None]:
    """Refuse all writing to a service's database, as a standby does."""
    setting = f'ALTER DATABASE "{hit.target}" SET default_transaction_read_only = '
    await _hurt(world, hit, (f"{setting}on",), (_END, hit.target))
    try:
        yield
    finally:
        reset = f'ALTER DATABASE "{hit.target}" RESET default_transaction_read_only'
        await _insist(world, hit.target, ("SET default_transaction_read_only = off",), (reset,), (_END, hit.target))


async def _hurt(world: World, hit: Hit, *statements: tuple[Any, ...]) -> None:
    """Run statements in the database that is hit; one that is away already cannot be hurt."""
    if not await _tell(world, hit.target, *statements):
        hit.miss()


async def _tell(world: World, service: str, *statements: tuple[Any, ...]) -> bool:
    """Run statements, and tell whether the database was there."""
    try:
        connection = await world.database(service)
        try:
            for statement, *values in statements:
                await (connection.fetch(statement, *values) if values else connection.execute(statement))
        finally:
            connection.terminate()
    except AWAY:
        return False
    return True


async def _insist(world: World, service: str, *statements: tuple[Any, ...]) -> None:
    """Run statements that undo something, as soon as the database is back."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while True:
        if await _tell(world, service, *statements) or loop.time() > until:
            return
        await asyncio.sleep(0.2)
