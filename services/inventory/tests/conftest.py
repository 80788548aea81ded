"""A fresh database of the inventory service for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest

import inventory
from chassis.database import Database
from chassis.testing import PostgresServer, service_database


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with service_database(postgres, inventory) as opened:
        yield opened
