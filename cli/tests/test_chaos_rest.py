"""A system is at rest when no database has anything to do and no record is unheard."""

import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, service_database
from waybill.chaos import rest
from waybill.chaos.rest import under_way
from waybill.embedded.system import SERVICES
from waybill.errors import WaybillError

pytestmark = pytest.mark.database


class World:
    """Four databases, and records that were not heard."""

    kafka = "nowhere"

    def __init__(self, databases: dict[str, Database]) -> None:
        self.databases = databases
        self.unheard: list[int | None] = [0]

    async def database(self, service: str) -> Any:
        return await asyncpg.connect(self.databases[service].url)

    async def behind(self, bootstrap_servers: str, groups: tuple[str, ...]) -> dict[str, int]:
        assert (bootstrap_servers, groups) == (self.kafka, SERVICES)
        unheard = self.unheard.pop(0) if len(self.unheard) > 1 else self.unheard[0]
        if unheard is None:
            raise WaybillError("the broker cannot be read")
        return {"order": unheard}

    async def run(self, service: str, statement: str, *values: object) -> None:
        async with self.databases[service].transaction() as transaction:
            await transaction.fetch(statement, *values)


@pytest.fixture
async def world(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        databases = {}
        for name in SERVICES:
            databases[name] = await stack.enter_async_context(service_database(postgres, importlib.import_module(name)))
        found = World(databases)
        monkeypatch.setattr(rest, "behind", found.behind)
        await found.run("inventory", "UPDATE warehouse SET due_at = NULL")
        yield found


DUE = {
    "exchange_step": (
        "order",
        """INSERT INTO exchange_step (step_id, order_id, return_id, step, actor, due_at)
        VALUES ($1, $1, $1, 'release', 'system', now() + interval '30 seconds')""",
    ),
    "restock": ("inventory", "INSERT INTO restock (sku, due_at) VALUES ($1::uuid::text, now())"),
    "warehouse": (
        "inventory",
        """INSERT INTO warehouse (warehouse_id, name, country, due_at, created_at)
        VALUES ($1::uuid::text, 'Berlin', 'DE', now(), now())""",
    ),
    "exchange_credit": (
        "payment",
        "INSERT INTO exchange_credit (order_id, currency, due_at, created_at) VALUES ($1, 'EUR', now(), now())",
    ),
    "review": (
        "payment",
        """INSERT INTO review (order_id, payment_id, user_id, score, facts, state, opened_at, deadline_at, due_at)
        VALUES ($1, $1, 'ada', 60, '{}', 'pending', now(), now() + interval '4 hours', now() + interval '4 hours')""",
    ),
}


async def test_nothing_is_under_way_where_nothing_was_begun(world: Any) -> None:
    assert await under_way(world) == dict.fromkeys(SERVICES, 0)


@pytest.mark.parametrize("what", DUE)
async def test_whatever_is_due_is_under_way(world: Any, what: str) -> None:
    service, statement = DUE[what]
    await world.run(service, statement, new_id())
    assert await under_way(world) == dict.fromkeys(SERVICES, 0) | {service: 1}


async def test_what_nobody_has_heard_is_under_way(world: Any) -> None:
    world.unheard = [3]
    assert await under_way(world) == dict.fromkeys(SERVICES, 0) | {"topics": 3}
    world.unheard = [None]
    assert await under_way(world) is None, "nobody knows while the broker is away"


async def test_what_was_heard_last_is_waited_for_too(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def behind(*_: object) -> dict[str, int]:
        service, statement = DUE["restock"]
        await world.run(service, statement, new_id())
        return {"inventory": 0}

    monkeypatch.setattr(rest, "behind", behind)
    assert await under_way(world) == dict.fromkeys(SERVICES, 0) | {"inventory": 1}


async def test_rest_is_waited_for_and_what_was_open_is_forgotten(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LOOK_SECONDS", 0.0)
    world.unheard = [3, 0]
    left: dict[str, int] = {}
    assert await rest.at_rest(world, 30.0, left)
    assert left == dict.fromkeys(SERVICES, 0)
    world.unheard = [3]
    assert not await rest.at_rest(world, 0.0, left)
    assert left["topics"] == 3
