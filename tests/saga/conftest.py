"""Sagas over fresh databases, and services on a broker whose topics are empty."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from chassis.testing import PostgresServer, SettableClock, service_database

from .carrying import PACKAGES, Saga

MakeSaga = Callable[[], Awaitable[Saga]]


@pytest.fixture
async def make_empty_saga(postgres: PostgresServer) -> AsyncIterator[MakeSaga]:
    """Give a maker of sagas over fresh, empty databases."""
    async with AsyncExitStack() as stack:

        async def make() -> Saga:
            clock = SettableClock()
            databases = {
                name: await stack.enter_async_context(service_database(postgres, package, clock))
                for name, package in PACKAGES.items()
            }
            return Saga(databases, clock)

        yield make


@pytest.fixture
def make_saga(make_empty_saga: MakeSaga) -> MakeSaga:
    """Give a maker of sagas with a stocked catalogue."""

    async def make() -> Saga:
        saga = await make_empty_saga()
        await saga.stock_up()
        return saga

    return make


@pytest.fixture
async def saga(make_saga: MakeSaga) -> Saga:
    return await make_saga()
