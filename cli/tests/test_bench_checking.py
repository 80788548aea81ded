"""What the benchmark checks after a load: orders that ended as they should pass, each fault that is planted does not."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from chassis.testing import PostgresServer, SettableClock, service_database
from tests.saga.carrying import PACKAGES, Saga
from waybill.commands.bench import modules

from .test_reconcile_fulfilment import Shop, open_shop, superuser

pytestmark = pytest.mark.database

checking, databases_, generator, workload = modules("checking", "databases", "generator", "workload")


@dataclass
class Loaded:
    """A system after a load, and sessions with its databases."""

    databases: Any
    sessions: dict[str, Any]
    outcome: Any
    more: Any
    """Other sessions with the order service's database."""

    async def problems(self) -> list[str]:
        return [one.problem for one in await checking.check(self.databases, self.outcome) if not one.passed]


@pytest.fixture
async def loaded(postgres: PostgresServer) -> AsyncIterator[Loaded]:
    """Have one order of each kind come to its end: kept, cancelled by its customer, declined, out of stock."""
    async with AsyncExitStack() as stack:
        clock = SettableClock()
        databases = {
            name: await stack.enter_async_context(service_database(postgres, package, clock))
            for name, package in PACKAGES.items()
        }
        shop = Shop(Saga(databases, clock))
        await open_shop(shop)
        await shop.place("confirmed", SET=1, MUG=5)
        await shop.place("cancelled", SPOON=1)
        await shop.saga.cancel(shop.orders["cancelled"], "cancelled")
        await shop.place("declined", "tok_declined", MUG=1)
        await shop.place("short", MUG=99)
        await shop.saga.settle()
        sessions = {name: await asyncpg.connect(superuser(postgres, database.url)) for name, database in databases.items()}
        more = await asyncpg.connect(superuser(postgres, databases["order"].url))
        for session in (*sessions.values(), more):
            stack.push_async_callback(session.close)
        sent = [generator.Sent(str(order_id), kind, 0.0, 0.0) for kind, order_id in shop.orders.items()]
        outcome = generator.Outcome(0.0, 1.0, sent, {}, 0.0)
        yield Loaded(databases_.Databases(sessions), sessions, outcome, databases_.Databases({"order": more}))


async def test_orders_that_ended_as_they_should_pass(loaded: Loaded) -> None:
    assert {one.kind for one in loaded.outcome.sent} == {str(kind) for kind in workload.Kind}
    assert await loaded.problems() == []
    assert await loaded.databases.undone() == {}


ASKED_FOR = """
INSERT INTO order_change (change_id, order_id, kind, state, items, previous_total, new_total, actor, deadline_at, created_at)
SELECT order_id, order_id, 'addition', 'requested', '[]', 0, 0, 'test', now(), now() FROM orders LIMIT 1
"""
PAID_AGAIN = """
INSERT INTO further_payment (order_id, payment_id, change_id, user_id, amount, currency, status, authorized_amount,
    captured_amount, released_amount, refunded_amount, attempts, actor, created_at, updated_at)
SELECT order_id, order_id, order_id, user_id, 1, 'EUR', 'pending', 0, 0, 0, 0, 0, 'test', now(), now()
FROM payment WHERE status = 'authorized'
"""
PLANTED = {
    "a parcel lost": ("order", "DELETE FROM shipments", "has parcels that do not make its units and its total"),
    "a parcel too dear": ("order", "UPDATE shipments SET amount = amount + 1", "has parcels that do not make its units"),
    "a parcel of a cancelled order": (
        "order",
        "UPDATE shipments SET state = 'planned' WHERE state = 'cancelled'",
        "has parcels that do not make its units",
    ),
    "a unit not held": (
        "inventory",
        "UPDATE reservation SET lines = jsonb_set(lines, '{0,quantity}', '9') WHERE status = 'held'",
        "units are reserved and",
    ),
    "a payment too many": ("payment", PAID_AGAIN, "has a payment that is authorized, pending"),
    "a change not decided": ("order", ASKED_FOR, "1 changes undecided"),
    "stock to give out": ("inventory", "INSERT INTO restock (sku, due_at) VALUES ('MUG', now())", "1 products to give out"),
}


@pytest.mark.parametrize(("service", "statement", "says"), PLANTED.values(), ids=PLANTED)
async def test_a_planted_fault_does_not_pass(loaded: Loaded, service: str, statement: str, says: str) -> None:
    await loaded.sessions[service].execute("SET session_replication_role = replica")
    done = await loaded.sessions[service].execute(statement)
    assert not done.endswith(" 0")
    assert [one for one in await loaded.problems() if says in one], await loaded.problems()
