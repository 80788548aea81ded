"""A service made of next to nothing, to try the chassis on: it hears its own facts and counts them."""

from collections.abc import AsyncIterator

import pytest

from chassis.broker import Broker
from chassis.database import Database
from chassis.domain import new_id
from chassis.schema import TABLES, maintain_partitions, statements
from chassis.testing import KafkaServer, PostgresServer, SettableClock


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def database(postgres: PostgresServer, clock: SettableClock) -> AsyncIterator[Database]:
    """Make a database with nothing but the chassis's own tables."""
    name = f"chassis_{new_id().hex[-12:]}"
    url = await postgres.create_service_database(name)
    database = await Database.open("order", url, clock=clock)
    async with database.pool.acquire() as connection:
        for statement in statements(TABLES):
            await connection.execute(statement)
        await maintain_partitions(connection, clock().date(), 8)
    yield database
    await database.close()
    await postgres.drop_database(name)


@pytest.fixture
async def broker(kafka: KafkaServer) -> AsyncIterator[Broker]:
    """Connect to Kafka."""
    broker = Broker(kafka.bootstrap_servers, "tests")
    await broker.start()
    yield broker
    await broker.stop()
