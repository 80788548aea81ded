"""A database of the payment service, and an order in it whose books must be right when its story ends."""

from collections.abc import AsyncIterator

import pytest

import payment
from chassis.database import Database
from chassis.testing import PostgresServer, SettableClock, service_database
from payment.store import audit

from .shop import Shop


@pytest.fixture(scope="module")
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """Open a fresh database for the tests of a module, with a clock that stands still."""
    async with service_database(postgres, payment, SettableClock()) as database:
        yield database


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """Open an order; when its story has come to rest, the books are right."""
    clock = database.clock
    assert isinstance(clock, SettableClock)
    shop = Shop(database, clock)
    yield shop
    await shop.rests()
    async with database.reading() as session:
        books = await audit(session)
    assert books.violations == [], "the books are right after every story"
