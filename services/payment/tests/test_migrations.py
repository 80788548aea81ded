"""Several payments on the rows of a version that knew one: they are the main payments, and that version runs on beside."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import payment
from chassis import migrations
from chassis.database import TRANSIENT, Database
from chassis.domain import new_id
from chassis.testing import MORNING, PostgresServer, SettableClock
from payment.store import audit

from .shop import Shop

pytestmark = pytest.mark.database

HOLD_AS_BEFORE = """
INSERT INTO payment (order_id, payment_id, user_id, amount, currency, status, authorized_amount, captured_amount,
    released_amount, refunded_amount, psp_reference, attempts, actor, created_at, updated_at)
VALUES ($1, $2, 'alice', 3000, 'EUR', 'authorized', 3000, 0, 0, 0, 'pi_1', 1, 'test', $3, $3)
ON CONFLICT (order_id) DO NOTHING RETURNING order_id
"""
POST_AS_BEFORE = """
INSERT INTO ledger_entry (order_id, entry, reference, debit, credit, amount, currency, at)
VALUES ($1, $2, $3, $4, $5, $6, 'EUR', $7)
"""
READ_AS_BEFORE = "SELECT * FROM payment WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
CHANGE_AS_BEFORE = """
UPDATE payment AS t SET payment_id = n.payment_id, captured_amount = n.captured_amount
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n(order_id, payment_id, captured_amount) WHERE t.order_id = n.order_id
"""
CAPTURED_AS_BEFORE = """
INSERT INTO capture (order_id, shipment_id, capture_id, amount, currency, status, attempts, sent_at, actor, created_at)
VALUES ($1, $2, $2, 1000, 'EUR', 'captured', 1, $3, 'test', $3)
"""


async def _bring(url: str, direction: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.folder(payment)))
    config.attributes["url"] = url
    await asyncio.to_thread(direction, config, revision)


async def _hold(connection: Any, order_id: UUID, payment_id: UUID) -> None:
    assert await connection.fetchval(HOLD_AS_BEFORE, order_id, payment_id, MORNING) == order_id
    await connection.execute(POST_AS_BEFORE, order_id, "hold", payment_id, "authorized", "authorized_contra", 3000, MORNING)


async def _capture(connection: Any, order_id: UUID, payment_id: UUID) -> None:
    """Take 10.00 of a payment as the version before did."""
    shipment_id = new_id()
    await connection.fetch(CHANGE_AS_BEFORE, [order_id], [payment_id], [1000])
    await connection.execute(CAPTURED_AS_BEFORE, order_id, shipment_id, MORNING)
    for entry, debit, credit in (
        ("capture_release", "authorized_contra", "authorized"),
        ("capture", "psp_receivable", "customer_receivable"),
    ):
        await connection.execute(POST_AS_BEFORE, order_id, entry, shipment_id, debit, credit, 1000, MORNING)


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    url = await postgres.create_service_database(f"payment_{new_id().hex[-10:]}")
    await _bring(url, command.upgrade, "0001")
    return url


async def test_payments_that_were_there_are_the_main_payments(url: str) -> None:
    connection = await asyncpg.connect(url)
    held, taken = (new_id(), new_id()), (new_id(), new_id())
    await _hold(connection, *held)
    await _hold(connection, *taken)
    await _capture(connection, *taken)
    await _bring(url, command.upgrade, "head")
    database = await Database.open("payment", url, clock=SettableClock())
    shop = Shop(database, SettableClock())
    for shop.order_id in (held[0], taken[0]):
        await shop.holds_more(500)
        assert await shop.row("change_id IS NULL, amount") == ((True, 3000), (False, 500))
        await shop.hears(shop.changed(700, before=3500))
    await shop.works()
    assert await shop.row("status, captured_amount, released_amount") == (("authorized", 1000, 200), ("voided", 0, 500))
    async with database.reading() as session:
        assert (await audit(session)).violations == []
    await database.close()
    await connection.close()


async def test_the_version_before_runs_on_beside(url: str) -> None:
    await _bring(url, command.upgrade, "head")
    connection = await asyncpg.connect(url)
    order_id, payment_id = new_id(), new_id()
    await _hold(connection, order_id, payment_id)
    assert await connection.fetchval(HOLD_AS_BEFORE, order_id, new_id(), MORNING) is None
    await _capture(connection, order_id, payment_id)
    assert [row["payment_id"] for row in await connection.fetch(READ_AS_BEFORE, [order_id])] == [payment_id]
    database = await Database.open("payment", url, clock=SettableClock())
    async with database.reading() as session:
        assert (await audit(session)).violations == [], "what it writes has no payment in it and is the main payment's"
    shop = Shop(database, SettableClock())
    shop.order_id = order_id
    await shop.hears(shop.dispatched(2000))
    assert await shop.row("amount, payment_id", "draw") == ((2000, payment_id),)
    await database.close()
    await connection.close()


async def test_the_version_before_waits_where_an_order_has_several_payments(url: str) -> None:
    await _bring(url, command.upgrade, "head")
    connection = await asyncpg.connect(url)
    order_id, payment_id = new_id(), new_id()
    await _hold(connection, order_id, payment_id)
    database = await Database.open("payment", url, clock=SettableClock())
    shop = Shop(database, SettableClock())
    shop.order_id = order_id
    await shop.holds_more(500)
    before = await shop.row("*")
    with pytest.raises(asyncpg.LockNotAvailableError) as refused:
        await connection.fetch(CHANGE_AS_BEFORE, [order_id], [payment_id], [1000])
    assert isinstance(refused.value, TRANSIENT), "it tries again, until it is replaced"
    assert await shop.row("*") == before
    await database.close()
    await connection.close()


async def test_connections_of_the_version_before_are_ended_so_that_they_prepare_anew(url: str) -> None:
    old = await asyncpg.connect(url, server_settings={"application_name": "payment"})
    other = await asyncpg.connect(url, server_settings={"application_name": "reconcile"})
    prepared = await old.prepare(READ_AS_BEFORE)
    await prepared.fetch([new_id()])
    await _bring(url, command.upgrade, "head")
    with pytest.raises(TRANSIENT):  # every version waits out a lost connection, and opens another
        await prepared.fetch([new_id()])
    assert await other.fetchval("SELECT 1") == 1
    await other.close()


async def test_it_can_be_taken_back(url: str) -> None:
    connection = await asyncpg.connect(url)
    order_id, payment_id = new_id(), new_id()
    await _hold(connection, order_id, payment_id)
    await _bring(url, command.upgrade, "head")
    await _bring(url, command.downgrade, "0001")
    assert await connection.fetchval(HOLD_AS_BEFORE, order_id, new_id(), MORNING) is None
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute("UPDATE payment SET status = 'captured' WHERE order_id = $1", order_id)
    await _bring(url, command.upgrade, "head")
    assert await connection.fetchval("SELECT payment_id FROM payment WHERE order_id = $1", order_id) == payment_id
    await connection.close()
