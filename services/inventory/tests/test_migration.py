"""The newer tables on an older version's rows: what was there stays as it was, and is told where nobody knows it yet."""

import asyncio
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import inventory
from chassis import migrations
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, perform, told, work
from contracts.inventory import WarehousePublished
from inventory.handlers import change_warehouse, jobs
from inventory.model import ChangeWarehouse, rules_of
from inventory.model.routing import USUAL
from inventory.store import Queries

pytestmark = pytest.mark.database

OPEN_AS_BEFORE = "INSERT INTO warehouse (warehouse_id, name, country, region, created_at) VALUES ($1, $1, 'DE', NULL, now())"
OFFER_AS_BEFORE = """
INSERT INTO product (sku, name, description, price_amount, currency, active, version, created_at, updated_at)
VALUES ($1, $1, '', 100, 'EUR', true, 1, now(), now())
"""
HOLD_AS_BEFORE = """
INSERT INTO reservation (order_id, user_id, status, lines, shipments, version, created_at, updated_at)
VALUES ($1, 'anna', 'held', '[]', '[]', 1, now(), now())
"""
POST = """
INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, reason, actor, at)
VALUES ($1, 'tea', 'old', $2, $3, 0, 'why', 'test', now())
"""


async def _bring(url: str, direction: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.folder(inventory)))
    config.attributes["url"] = url
    await asyncio.to_thread(direction, config, revision)


async def _told(database: Database) -> list[str]:
    return [event.warehouse_id for event in await told(database) if isinstance(event, WarehousePublished)]


async def test_warehouses_that_were_there_before_are_told_once(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"inventory_{new_id().hex[-10:]}")
    await _bring(url, command.upgrade, "0001")
    before = await asyncpg.connect(url)
    await before.execute(OPEN_AS_BEFORE, "old")
    await before.execute(OPEN_AS_BEFORE, "older")
    await _bring(url, command.upgrade, "head")
    await before.execute(OPEN_AS_BEFORE, "late")  # by a process of the older version that still runs
    await before.close()
    database = await Database.open("inventory", url)
    try:
        whole = ChangeWarehouse("older", "Older", "DE", None, "Kai 1", "Kiel", "24103")
        await perform(database, change_warehouse, whole)
        assert await _told(database) == ["older"]
        assert await work(database, jobs, {}, "tell_warehouse") == 2
        assert await _told(database) == ["late", "old", "older"]
        assert await work(database, jobs, {}, "tell_warehouse") == 0
        assert await told(database, "old") == [WarehousePublished(warehouse_id="old", name="old", country="DE")]
        async with database.transaction() as transaction:
            assert await jobs.jobs["tell_warehouse"].due.next_due(transaction) is None
    finally:
        await database.close()


async def test_a_warehouse_whose_process_died_is_told_after_the_lease(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"inventory_{new_id().hex[-10:]}")
    await _bring(url, command.upgrade, "head")
    database = await Database.open("inventory", url)
    try:
        async with database.transaction() as transaction:
            await transaction.fetch(OPEN_AS_BEFORE, "old")
        async with database.transaction() as transaction:
            assert len(await jobs.jobs["tell_warehouse"].due.claim(transaction, 10)) == 1
        assert await work(database, jobs, {}, "tell_warehouse") == 0
        async with database.transaction() as transaction:
            await transaction.fetch("UPDATE warehouse SET due_at = due_at - interval '1 minute'")
        assert await work(database, jobs, {}, "tell_warehouse") == 1
        assert await _told(database) == ["old"]
    finally:
        await database.close()


async def test_an_older_version_lives_with_the_newer_tables_and_they_can_be_taken_back(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"inventory_{new_id().hex[-10:]}")
    await _bring(url, command.upgrade, "0001")
    connection = await asyncpg.connect(url)
    await connection.execute(OFFER_AS_BEFORE, "tea")
    await connection.execute(OPEN_AS_BEFORE, "old")
    await connection.execute(HOLD_AS_BEFORE, new_id())
    await _bring(url, command.upgrade, "head")
    await connection.execute(OFFER_AS_BEFORE, "cup")
    await connection.execute(HOLD_AS_BEFORE, new_id())
    rows = await connection.fetch("SELECT weight_grams, tax_class, backorder, low_stock_threshold, components FROM product")
    assert {tuple(row) for row in rows} == {(0, "standard", False, None, "[]")}
    rows = await connection.fetch("SELECT waiting, receipts FROM reservation")
    assert {tuple(row) for row in rows} == {("[]", "[]")}
    for kind, delta in (("received", 5), ("counted", -1), ("returned", 1), ("written_off", -1), ("moved", 2), ("moved", -2)):
        await connection.execute(POST, new_id(), kind, delta)
    for kind, delta in (("received", -1), ("written_off", 1), ("returned", -1), ("counted", 0), ("lent", 1)):
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(POST, new_id(), kind, delta)
    for attempt in ("UPDATE stock_movement SET on_hand_delta = 9", "DELETE FROM stock_movement", "TRUNCATE stock_movement"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await connection.execute(attempt)
    await _bring(url, command.downgrade, "0001")
    assert await connection.fetchval("SELECT count(*) FROM stock_movement") == 6
    await connection.execute(OFFER_AS_BEFORE, "pot")
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(POST, new_id(), "counted", 1)
    await _bring(url, command.upgrade, "head")
    assert await connection.fetchval("SELECT count(*) FROM product") == 3
    await connection.close()


async def test_orders_are_routed_as_before_the_rules_were_data(database: Database) -> None:
    plan, rules = await Queries(database).routing()
    assert (plan.version, [rule.active for rule in rules]) == (1, [True] * 3)
    assert rules_of([{"kind": rule.kind, "parameters": rule.parameters} for rule in rules]) == USUAL
