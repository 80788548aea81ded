"""Sagas over fresh databases, and services on a broker whose topics are empty."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from chassis.testing import PostgresServer, SettableClock, service_database

from .carrying import PACKAGES, Saga

MakeSaga = Callable[[], Awaitable[Saga]]


@pytest.fixture
async def make_saga(postgres: PostgresServer) -> AsyncIterator[MakeSaga]:
    """Give a maker of sagas over fresh databases with a stocked catalogue."""
    async with AsyncExitStack() as stack:

        async def make() -> Saga:
            clock = SettableClock()
            databases = {
                name: await stack.enter_async_context(service_database(postgres, package, clock))
                for name, package in PACKAGES.items()
            }
            saga = Saga(databases, clock)
            await saga.stock_up()
            return saga

        yield make


@pytest.fixture
async def saga(make_saga: MakeSaga) -> Saga:
    return await make_saga()
