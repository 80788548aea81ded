"""Orders that an older version has written, and goes on writing: the newer one reads, ships and changes them to the cent."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import order
from chassis import migrations
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import PostgresServer, perform, told
from contracts.order import OrderChanged, OrderShipped, RefundRequested, ShipmentDispatched
from contracts.payment import PaymentCaptured
from order.api.admin import SetStatus, set_status
from order.api.changes import ReduceItem, reduce_item
from order.api.refunds import AskRefund, RefundBody, ask_refund
from order.api.views import OrderView, order_body
from order.handlers import note_captured
from order.model import Status
from order.store import OrderQueries

pytestmark = pytest.mark.database

ADDRESS = json.dumps({"name": "Ada", "line1": "Weg 1", "city": "Berlin", "postal_code": "10115", "country": "DE"})
ORDER = """
INSERT INTO orders (order_id, user_id, order_date, total_amount, currency, payment_method, shipping_address, billing_address,
    contact, status, order_state, payment_state, fulfilment_state, return_state, captured_amount, refunded_amount, units,
    shipped_units, delivered_units, allocation, version, updated_at)
VALUES ($1, 'ada', now(), 3097, 'EUR', 'card', $2, $2, '{"email": "ada@example.com"}', 'Processing', 'confirmed', 'authorized',
    'planned', 'none', 0, 0, 5, 0, 0, NULL, 3, now())
"""
ITEM = """
INSERT INTO order_items (item_id, order_id, position, product_id, name, quantity, price, subtotal)
VALUES ($1, $2, $3, $4, $4, $5, $6, $7)
"""
SHIPMENT = """
INSERT INTO shipments (shipment_id, order_id, warehouse_id, state, lines, amount) VALUES ($1, $2, $3, 'planned', $4, $5)
"""


async def _bring(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.folder(order)))
    config.attributes["url"] = url
    await asyncio.to_thread(command.upgrade, config, revision)


@dataclass(frozen=True, slots=True)
class Before:
    """An order of two mugs from Berlin and three pens from Lyon, as the older version wrote it."""

    order_id: UUID
    pens: UUID


async def write_as_before(connection: Any) -> Before:
    order_id = new_id()
    await connection.execute(ORDER, order_id, ADDRESS)
    items = [("MUG", 2, 1250, "berlin"), ("PEN", 3, 199, "lyon")]
    pens = order_id
    for position, (sku, quantity, price, warehouse) in enumerate(items):
        pens = new_id()
        await connection.execute(ITEM, pens, order_id, position, sku, quantity, price, quantity * price)
        lines = json.dumps([{"product_id": sku, "quantity": quantity}])
        await connection.execute(SHIPMENT, new_id(), order_id, warehouse, lines, quantity * price)
    return Before(order_id, pens)


@dataclass(frozen=True, slots=True)
class Shop:
    """A database brought to the newest schema, with an order from before and one written since by the older version."""

    database: Database
    orders: tuple[Before, Before]


@pytest.fixture
async def shop(postgres: PostgresServer) -> AsyncIterator[Shop]:
    url = await postgres.create_service_database(f"order_{new_id().hex[-10:]}")
    await _bring(url, "0001")
    older = await asyncpg.connect(url)
    early = await write_as_before(older)
    await _bring(url, "head")
    late = await write_as_before(older)
    await older.close()
    database = await Database.open("order", url)
    yield Shop(database, (early, late))
    await database.close()


async def test_orders_from_before_are_shown_shipped_and_changed(shop: Shop) -> None:
    for before in shop.orders:
        async with shop.database.reading() as session:
            shown = OrderView.model_validate_json(order_body(await OrderQueries(session).order(before.order_id, "ada")))
        assert (shown.total_amount.amount, shown.shipping.total_amount.amount if shown.shipping else 0) == (3097, 0)
        assert [item.total_amount.amount for item in shown.items] == [2500, 597]

        await perform(shop.database, reduce_item, ReduceItem(before.order_id, "ada", before.pens, 1, None))
        await perform(shop.database, set_status, SetStatus(before.order_id, Status.SHIPPED, "", None))
        facts = await told(shop.database, str(before.order_id))
        (changed,) = [fact for fact in facts if isinstance(fact, OrderChanged)]
        assert (changed.previous_total.amount, changed.total_amount.amount) == (3097, 2699)
        assert sorted(fact.amount.amount for fact in facts if isinstance(fact, ShipmentDispatched)) == [199, 2500]
        assert sum(isinstance(fact, OrderShipped) for fact in facts) == 1

        await perform(shop.database, set_status, SetStatus(before.order_id, Status.DELIVERED, "", None))
        captured = PaymentCaptured(
            order_id=before.order_id,
            user_id="ada",
            payment_id=new_id(),
            shipment_id=shown.shipments[0].shipment_id,
            amount=shown.total_amount,
            captured=changed.total_amount,
        )
        await perform(shop.database, note_captured, captured)
        wish = RefundBody.model_validate({"reason": "lost", "lines": [{"item_id": before.pens, "quantity": 1}]})
        await perform(shop.database, ask_refund, AskRefund(before.order_id, wish, 10_000))
        (asked,) = [fact for fact in await told(shop.database, str(before.order_id)) if isinstance(fact, RefundRequested)]
        assert asked.amount.amount == 199


async def test_what_is_paid_in_full_says_so(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"order_{new_id().hex[-10:]}")
    await _bring(url, "0009")
    older = await asyncpg.connect(url)
    paid, owing = [(await write_as_before(older)).order_id for _ in range(2)]
    await older.execute("UPDATE orders SET payment_state = 'partially_captured', captured_amount = 2500")
    await older.execute("UPDATE orders SET total_amount = 2500 WHERE order_id = $1", paid)
    await _bring(url, "head")
    states = {row["order_id"]: row["payment_state"] for row in await older.fetch("SELECT * FROM orders")}
    await older.close()
    assert states == {paid: "captured", owing: "partially_captured"}


INVOICE = """
WITH series AS (INSERT INTO document_series VALUES ('R', 'invoice', 1, repeat('0', 64), now()))
INSERT INTO document (document_id, kind, order_id, user_id, subject, shipment_id, series, position, number, issued_at,
    issued_on, supplied_on, currency, locale, total_amount, tax_amount, content, previous_hash, hash)
SELECT shipment_id, 'invoice', order_id, 'ada', shipment_id::text, shipment_id, 'R', 1, 'R1', now(), now(), now(), 'EUR', 'en',
    amount, 0, '{}', repeat('0', 64), repeat('0', 64)
FROM shipments WHERE order_id = $1 AND warehouse_id = 'berlin'
"""


async def test_a_parcel_says_that_it_was_never_paid_where_its_order_tells(postgres: PostgresServer) -> None:
    url = await postgres.create_service_database(f"order_{new_id().hex[-10:]}")
    await _bring(url, "0010")
    older = await asyncpg.connect(url)
    nothing, half, unknown, paid = [(await write_as_before(older)).order_id for _ in range(4)]
    await older.execute("UPDATE shipments SET state = 'dispatched', dispatched_at = now()")
    await older.execute("UPDATE orders SET payment_state = 'capture_failed', hold_reason = 'capture_failed'")
    await older.execute("UPDATE orders SET captured_amount = 2500 WHERE order_id = ANY($1)", [half, unknown])
    await older.execute("UPDATE orders SET payment_state = 'partially_captured' WHERE order_id = $1", half)
    await older.execute("UPDATE orders SET payment_state = 'captured', hold_reason = NULL WHERE order_id = $1", paid)
    await older.execute(INVOICE, half)
    await _bring(url, "head")
    unpaid = await older.fetch("SELECT order_id, untaken_amount FROM shipments WHERE untaken_amount > 0 ORDER BY 1, 2")
    states = {row["order_id"]: row["payment_state"] for row in await older.fetch("SELECT * FROM orders")}
    await older.close()
    assert [tuple(row) for row in unpaid] == [(nothing, 597), (nothing, 2500), (half, 597)]
    assert states == {**dict.fromkeys((nothing, half, unknown), "capture_failed"), paid: "captured"}


async def test_an_order_that_left_before_is_still_shown(shop: Shop) -> None:
    before = shop.orders[0]
    async with shop.database.transaction() as transaction:
        await transaction.fetch("UPDATE shipments SET state = 'dispatched', dispatched_at = now() WHERE warehouse_id = 'lyon'")
    async with shop.database.reading() as session:
        shown = OrderView.model_validate_json(order_body(await OrderQueries(session).order(before.order_id, "ada")))
    assert [[line.amount.amount for line in one.lines] for one in shown.shipments] == [[2500], [597]]
