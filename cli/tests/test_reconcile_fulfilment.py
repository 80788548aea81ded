"""Reconciliation over parcels, labels, changes and backorders, as four real services made them: each planted fault is named."""

import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from chassis.domain import new_id
from chassis.testing import PostgresServer, SettableClock, perform, service_database
from contracts.order import TrackingStatus
from contracts.types import Line, Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse
from order.api.changes import AdditionOrder, AddToOrder, ReduceItem, add_to_order, reduce_item
from order.api.fulfilment import (
    DeliverShipment,
    DispatchShipment,
    ShipmentCommand,
    deliver_shipment,
    dispatch_shipment,
    plan_shipment,
)
from order.api.orders import OrderBody, PlaceOrder, place_order
from order.gateway import CarrierGateway, StubCarriers
from order.handlers.carrying import ParcelSeen, note_seen
from tests.saga.carrying import DEADLINE, PACKAGES, Saga
from waybill.commands.reconcile import look
from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings
from waybill.reconciliation.labels import Sold, compare_with_carriers, labels_sold
from waybill.reconciliation.sources import Sources, snapshot
from waybill.simulators.carrier.ledger import Ledger, Shipment
from waybill.simulators.carrier.statement import statement

from .answering import answering

pytestmark = pytest.mark.database

SECOND = timedelta(seconds=1)


@dataclass
class Shop:
    """The services with a few orders that have come to rest, and the carriers' books."""

    saga: Saga
    carriers: StubCarriers = field(default_factory=StubCarriers)
    orders: dict[str, UUID] = field(default_factory=dict)

    async def rows(self, service: str, query: str, *values: object) -> list[Any]:
        async with self.saga.databases[service].transaction() as transaction:
            return await transaction.fetch(query, *values)

    async def stock(self, sku: str, warehouse_id: str, quantity: int) -> None:
        await perform(self.saga.databases["inventory"], adjust_stock, AdjustStock(sku, warehouse_id, quantity, "delivery"))
        await self.saga.settle()

    async def place(self, user: str, token: str = "tok_ok", **items: int) -> None:  # noqa: S107 - a simulator's token
        """Place an order of products by their SKUs, and let it be decided."""
        body = OrderBody.model_validate(
            {
                "items": [{"product_id": sku, "quantity": quantity} for sku, quantity in items.items()],
                "shipping_address": {
                    "name": "Ada Lovelace",
                    "line1": "Hauptstraße 1",
                    "city": "Berlin",
                    "postal_code": "10115",
                    "country": "DE",
                },
                "contact": {"email": "ada@example.com", "phone": "+4930123456"},
                "payment": {"method": "card", "token": token},
            }
        )
        await perform(self.saga.databases["order"], place_order, PlaceOrder(user, body, "EUR", DEADLINE))
        (row,) = await self.rows("order", "SELECT order_id FROM orders WHERE user_id = $1", user)
        self.orders[user] = row["order_id"]
        await self.saga.settle()

    async def plan(self, user: str, act: Callable[[Any, Any], Any]) -> None:
        """Do something to an order's parcels."""
        await perform(self.saga.databases["order"], plan_shipment, ShipmentCommand(self.orders[user], act))
        await self.saga.settle()

    async def parcels(self, user: str) -> dict[str, UUID]:
        """Name an order's open parcels by their warehouse."""
        query = "SELECT warehouse_id, shipment_id FROM shipments WHERE order_id = $1 AND state IN ('planned', 'held')"
        return {row["warehouse_id"]: row["shipment_id"] for row in await self.rows("order", query, self.orders[user])}

    async def send(self, user: str, shipment_id: UUID) -> None:
        """Have a label bought, and the carrier scan the parcel."""
        await self.plan(user, lambda order, cause: order.want_label(shipment_id, None, None, cause))
        await self.see(user, shipment_id, TrackingStatus.IN_TRANSIT)

    async def see(self, user: str, shipment_id: UUID, *statuses: TrackingStatus) -> None:
        """Have the carrier tell how a parcel came further."""
        query = "SELECT tracking_number FROM shipments WHERE shipment_id = $1"
        (row,) = await self.rows("order", query, shipment_id)
        for status in statuses:
            self.saga.clock.forward(minutes=1)
            update = self.carriers.advance(row["tracking_number"], status)
            seen = ParcelSeen(self.orders[user], shipment_id, [update])
            await perform(self.saga.databases["order"], note_seen, seen)
        await self.saga.settle()

    async def reduce(self, user: str, sku: str, quantity: int) -> None:
        query = "SELECT item_id FROM order_items WHERE order_id = $1 AND product_id = $2"
        (row,) = await self.rows("order", query, self.orders[user], sku)
        wish = ReduceItem(self.orders[user], user, row["item_id"], quantity, None)
        await perform(self.saga.databases["order"], reduce_item, wish)
        await self.saga.settle()

    async def add(self, user: str, sku: str, quantity: int, token: str = "tok_ok") -> None:  # noqa: S107 - a simulator's token
        (row,) = await self.rows("order", "SELECT version FROM orders WHERE order_id = $1", self.orders[user])
        body = AdditionOrder.model_validate(
            {"items": [{"product_id": sku, "quantity": quantity}], "payment": {"method": "card", "token": token}}
        )
        wish = AddToOrder(self.orders[user], user, body, timedelta(minutes=15), row["version"])
        await perform(self.saga.databases["order"], add_to_order, wish)
        await self.saga.settle()

    def sold(self) -> list[Sold]:
        """Show the carriers' books as their ledger does."""
        return [
            Sold(
                shipment=label.bought.reference,
                reference=key,
                tracking_number=label.bought.tracking_number,
                cost=label.bought.cost.amount,
                currency=label.bought.cost.currency,
                live=not label.voided,
                handed_over=label.way[-1].status is not TrackingStatus.PRE_TRANSIT,
                changed_at=self.saga.clock(),
            )
            for key, label in self.carriers.books.items()
        ]


def superuser(server: PostgresServer, database: str) -> str:
    """Answer the superuser's URL of a database, named or by its owner's URL."""
    name = urlsplit(database).path.strip("/")
    return urlsplit(server.url())._replace(path=f"/{name}").geturl()


@dataclass(frozen=True)
class Closed:
    """The databases of a shop that has closed; faults are planted in copies of them."""

    server: PostgresServer
    urls: dict[str, str]
    orders: dict[str, UUID]
    sold: list[Sold]

    async def faulty(self, service: str, *statements: str) -> Sources:
        """Copy a service's database and run statements there, past all its defences; answers the sources with the copy."""
        name = f"faulty_{new_id().hex[-12:]}"
        await self._run(self.server.url(), f'CREATE DATABASE "{name}" TEMPLATE "{urlsplit(self.urls[service]).path[1:]}"')
        copy = superuser(self.server, name)
        await self._run(copy, "SET session_replication_role = replica", *statements)
        return Sources({**self.urls, service: copy})

    async def _run(self, url: str, *statements: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                done = await connection.execute(statement)
                assert not done.endswith(" 0"), f"changes nothing: {statement}"
        finally:
            await connection.close()


@pytest.fixture(scope="module")
async def closed(postgres: PostgresServer) -> Closed:
    """Open a shop with two warehouses, have four customers buy, and close it when all is at rest.

    ada: two sets (a mug and a spoon each) and ten mugs from two places; a mug cut, a spoon added, an addition declined; the
    parcel from berlin sent by label and delivered, that from munich labelled and kept back. ben: three lamps, of which one came
    and two are awaited. cleo: a spoon, cancelled with its label. dora: two spoons, one delivered and the other cancelled.
    """
    async with AsyncExitStack() as stack:
        clock = SettableClock()
        databases = {
            name: await stack.enter_async_context(service_database(postgres, package, clock, kept=True))
            for name, package in PACKAGES.items()
        }
        saga, carriers = Saga(databases, clock), StubCarriers(clock)
        saga._gateways[CarrierGateway] = carriers  # noqa: SLF001 - the saga of other tests knows no carriers
        shop = Shop(saga, carriers)
        await open_shop(shop)
        await sell(shop)
    return Closed(postgres, {name: database.url for name, database in databases.items()}, shop.orders, shop.sold())


async def open_shop(shop: Shop) -> None:
    inventory = shop.saga.databases["inventory"]
    for place in ("berlin", "munich"):
        name = place.title()
        await perform(inventory, open_warehouse, OpenWarehouse(place, name, "DE", None, "Weg 1", name, "10117"))
    for sku, price, more in (
        ("MUG", 1250, {}),
        ("SPOON", 333, {}),
        ("LAMP", 4999, {"backorder": True}),
        ("SET", 1500, {"components": (Line(product_id="MUG", quantity=1), Line(product_id="SPOON", quantity=1))}),
    ):
        wish = OfferProduct(sku, sku, "", Money(amount=price, currency="EUR"), active=True, weight_grams=100, **more)
        await perform(inventory, offer_product, wish)
    await shop.saga.settle()
    for sku, place, quantity in (("MUG", "berlin", 4), ("MUG", "munich", 9), ("SPOON", "munich", 9)):
        await shop.stock(sku, place, quantity)


async def sell(shop: Shop) -> None:
    await shop.place("ada", SET=2, MUG=10)
    parcels = await shop.parcels("ada")
    await shop.reduce("ada", "MUG", 9)
    await shop.add("ada", "SPOON", 1)
    await shop.add("ada", "SPOON", 1, "tok_declined")
    await shop.send("ada", parcels["berlin"])
    await shop.see("ada", parcels["berlin"], TrackingStatus.OUT_FOR_DELIVERY, TrackingStatus.DELIVERED)
    await shop.plan("ada", lambda order, cause: order.want_label(parcels["munich"], None, None, cause))
    await shop.plan("ada", lambda order, cause: order.hold_shipment(parcels["munich"], "wrong box", cause))
    await shop.place("ben", LAMP=3)
    await shop.stock("LAMP", "munich", 1)
    await shop.place("cleo", SPOON=1)
    place = (await shop.parcels("cleo"))["munich"]
    await shop.plan("cleo", lambda order, cause: order.want_label(place, None, None, cause))
    await shop.saga.cancel(shop.orders["cleo"], "cleo")
    await shop.place("dora", SPOON=2)
    whole = (await shop.parcels("dora"))["munich"]
    await shop.plan("dora", lambda order, cause: order.split_shipment(whole, {order.items[0].item_id: 1}, cause))
    database = shop.saga.databases["order"]
    await perform(database, dispatch_shipment, DispatchShipment(shop.orders["dora"], whole, None, None))
    await perform(database, deliver_shipment, DeliverShipment(shop.orders["dora"], whole))
    await shop.saga.cancel(shop.orders["dora"], "dora")
    await shop.saga.settle()


def named(findings: Findings) -> list[str]:
    return [f"{one.invariant} {each.subject}: {each.says}" for one in findings.of.values() for each in one.violations]


async def compare(sources: Sources, sold: list[Sold]) -> list[str]:
    """Compare the labels with the carriers' books; answers what is wrong, with what it is about."""
    async with snapshot(sources, SECOND) as taken:
        return [f"{one.subject}: {one.says}" for one in await compare_with_carriers(taken, sold)]


async def test_what_four_services_made_of_parcels_labels_changes_and_backorders_is_clean(closed: Closed) -> None:
    sources = Sources(closed.urls)
    findings = await look(sources, SECOND, topics=False)
    assert named(findings) == []
    assert (findings.orders, findings.in_flight) == (4, 0)
    assert await compare(sources, closed.sold) == []
    assert [one.live for one in closed.sold] == [True, True, False]


ADA = "WHERE order_id = (SELECT order_id FROM orders WHERE user_id = 'ada')"
BEN = "WHERE order_id = (SELECT order_id FROM orders WHERE user_id = 'ben')"
OF_ADA = "WHERE order_id = (SELECT order_id FROM reservation WHERE user_id = 'ada')"
OF_BEN = "WHERE order_id = (SELECT order_id FROM reservation WHERE user_id = 'ben')"
PAID_BY_ADA = "order_id = (SELECT order_id FROM payment WHERE user_id = 'ada' LIMIT 1)"
MORE = """jsonb_set(lines, '{0,quantity}', ((lines -> 0 ->> 'quantity')::int + 1)::text::jsonb)"""

PLANTED: dict[str, tuple[str, str, str, str]] = {
    # lines and parcels
    "a unit in two parcels": (
        "ada",
        "order",
        f"UPDATE shipments SET lines = {MORE} {ADA} AND state = 'held'",
        "are in parcels",
    ),
    "a unit in no parcel": ("ada", "order", f"DELETE FROM shipments {ADA} AND state = 'planned'", "has 1 of SPOON; 0 are in"),
    "a unit that waits twice": (
        "ben",
        "order",
        f"UPDATE orders SET backordered = {MORE.replace('lines', 'backordered')} {BEN}",
        "has 3 of LAMP; 1 are in parcels and 3 wait for stock",
    ),
    "a cut undone": (
        "ada",
        "order",
        f"UPDATE order_items SET quantity = 10, subtotal = price * 10 {ADA} AND product_id = 'MUG'",
        "has 10 of MUG, and its changes left 9",
    ),
    # the total and its shares
    "a total without its tax": ("ada", "order", f"UPDATE orders SET tax_amount = 5 {ADA}", "has 5 of taxes in it"),
    "a total without its shipping": (
        "ada",
        "order",
        f"UPDATE orders SET shipping_amount = 490 {ADA}",
        "and its shipping 490",
    ),
    "a price that is no rule's": (
        "ada",
        "order",
        f"UPDATE order_items SET tax_rate_ppm = 190000 {ADA} AND product_id = 'MUG'",
        "by the order's rule 11250 with 1796",
    ),
    "a share too large": (
        "ada",
        "order",
        f"UPDATE shipments SET amount = amount + 7 {ADA} AND state = 'planned'",
        "is worth 340, and its lines and shipping 333",
    ),
    "a share taken in part": (
        "ada",
        "payment",
        f"UPDATE capture SET amount = amount - 1 WHERE {PAID_BY_ADA}",
        "is taken for it",
    ),
    "a share not taken": (
        "ada",
        "payment",
        f"DELETE FROM capture WHERE {PAID_BY_ADA}",
        "has left, and nothing is taken for it",
    ),
    "a share of nothing": (
        "ada",
        "payment",
        f"UPDATE capture SET shipment_id = payment_id FROM payment p WHERE p.order_id = capture.order_id AND p.{PAID_BY_ADA}",
        "which is no dispatched shipment of it",
    ),
    "a draw of another amount": (
        "ada",
        "payment",
        f"UPDATE draw SET amount = amount - 1 WHERE {PAID_BY_ADA}",
        "and of its payments",
    ),
    # parcels and stock
    "a parcel held elsewhere": (
        "ada",
        "order",
        f"UPDATE shipments SET warehouse_id = 'berlin' {ADA} AND state = 'planned'",
        "its parcels say 1 of SPOON to leave from berlin, and the inventory 0",
    ),
    "a held parcel that left": (
        "ada",
        "inventory",
        f"""INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, order_id,
        shipment_id, actor, at) SELECT gen_random_uuid(), 'MUG', 'munich', 'shipped', -1, -1, order_id,
        '{{held}}', 'test', updated_at FROM reservation {OF_ADA}""",
        "is held, and the stock says it left",
    ),
    "a parcel posted twice": (
        "ada",
        "inventory",
        f"""INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, order_id,
        shipment_id, actor, at) SELECT gen_random_uuid(), sku, warehouse_id, kind, on_hand_delta, reserved_delta, order_id,
        shipment_id, actor, at FROM stock_movement {OF_ADA} AND kind = 'shipped'""",
        "stock movements for it say",
    ),
    "a parcel never posted": (
        "ada",
        "inventory",
        f"DELETE FROM stock_movement {OF_ADA} AND kind = 'shipped'",
        "stock movements for it say nothing",
    ),
    "a bundle counted as one": (
        "ada",
        "inventory",
        f"UPDATE stock_movement SET reserved_delta = reserved_delta + 1 {OF_ADA} AND kind = 'reserved' AND sku = 'SPOON'",
        "stock movements say",
    ),
    # backorders
    "a backorder forgotten": (
        "ben",
        "inventory",
        f"UPDATE reservation SET waiting = '[]' {OF_BEN}",
        "waits for 2 of LAMP, and in the inventory for 0",
    ),
    "a queue of others": (
        "ben",
        "inventory",
        "UPDATE backorder SET units = 5",
        "the queue has it wait for 2 of LAMP (5 of LAMP)",
    ),
    "a backorder that waits in vain": (
        "ben",
        "inventory",
        "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'LAMP'",
        "waits for 2 of LAMP since 2026-03-02",
    ),
    "a bundle that waits in vain": (
        "ben",
        "inventory",
        f"""UPDATE reservation SET waiting = jsonb_set(waiting, '{{0,components}}', '{{"SPOON": 2}}') {OF_BEN}""",
        "and munich has 2 of it free",
    ),
    # changes
    "a change past its deadline": (
        "ada",
        "order",
        f"UPDATE order_change SET state = 'requested', deadline_at = created_at {ADA} AND state = 'withdrawn'",
        "is open past its deadline",
    ),
    "a change that stock has not followed": (
        "ada",
        "order",
        f"UPDATE order_change SET stock_at = NULL {ADA} AND kind = 'reduction'",
        "stock is not said to have followed",
    ),
    "an addition that stock let go": (
        "ada",
        "inventory",
        f"UPDATE amendment SET status = 'released' {OF_ADA} AND status = 'kept'",
        "is applied, and in the inventory it is released",
    ),
    "an addition that nobody paid": (
        "ada",
        "payment",
        "UPDATE payment SET authorized_amount = 0, captured_amount = 0 WHERE status <> 'declined' AND change_id IS NOT NULL",
        "costs 333 more, and its payment is authorized with 0 of 333 authorised",
    ),
    "a withdrawn addition that is held": (
        "ada",
        "inventory",
        f"UPDATE amendment SET status = 'held' {OF_ADA} AND status = 'released'",
        "is withdrawn, and in the inventory it is held",
    ),
    "a withdrawn addition that is held apart": (
        "ada",
        "inventory",
        f"""UPDATE reservation SET lines = jsonb_set(lines, '{{0,change_id}}', (SELECT to_jsonb(change_id) FROM amendment
        {OF_ADA} AND status = 'released')) {OF_ADA}""",
        "are held or waited for apart for it",
    ),
    "a withdrawn addition that is paid": (
        "ada",
        "payment",
        "UPDATE payment SET authorized_amount = amount, psp_reference = 'pi_9' WHERE status = 'declined'",
        "is withdrawn, and its payment is declined with 333 of 333 authorised",
    ),
    "a cut that payment kept": ("ada", "payment", "DELETE FROM reduction", "and payment has not let go of it"),
    "a cut of another amount": ("ada", "payment", "UPDATE reduction SET amount = 1", "change {cut} let go of 1"),
    "a change of nobody": (
        "ada",
        "inventory",
        f"UPDATE amendment SET change_id = gen_random_uuid() {OF_ADA} AND kind = 'reduction'",
        "and it has no such change",
    ),
    # labels
    "two labels for a parcel": (
        "ada",
        "order",
        f"""INSERT INTO shipment_label (label_id, order_id, shipment_id, state, created_at)
        SELECT gen_random_uuid(), order_id, shipment_id, 'wanted', created_at FROM shipment_label {ADA} LIMIT 1""",
        "has 2 labels that are, or will be, paid for",
    ),
    "a label of no parcel": (
        "ada",
        "order",
        f"UPDATE shipments SET label_id = NULL {ADA} AND state = 'held'",
        "which does not have it",
    ),
    "another label's parcel": (
        "ada",
        "order",
        f"UPDATE shipments SET label_id = gen_random_uuid() {ADA} AND state = 'delivered'",
        "which is none of its own",
    ),
    "a parcel under another number": (
        "ada",
        "order",
        f"UPDATE shipments SET tracking_number = 'XX1' {ADA} AND state = 'delivered'",
        "travels as XX1",
    ),
    "a cancelled order with a label": (
        "cleo",
        "order",
        "UPDATE shipment_label SET state = 'bought' WHERE state = 'voided'",
        "is cancelled, and label",
    ),
    "a label that nobody buys": (
        "ada",
        "order",
        f"UPDATE shipment_label SET state = 'wanted' {ADA} AND shipment_id = '{{held}}'",
        "is to be bought since",
    ),
    # facts and messages
    "a step that no change explains": (
        "ben",
        "order",
        f"""UPDATE order_status_history SET status = 'Delivered'
        {BEN} AND history_id = (SELECT max(history_id::text)::uuid FROM order_status_history {BEN})""",
        "went from Processing to Delivered",
    ),
    "a parcel that another warehouse is silent about": (
        "ada",
        "order",
        f"UPDATE shipments SET state = 'moving', moving_to = 'berlin' {ADA} AND state = 'planned'",
        "is to leave from berlin, which does not answer",
    ),
    "facts of another total": (
        "ada",
        "order",
        "UPDATE outbox SET payload = replace(payload, '\"quantity\":9', '\"quantity\":8') WHERE type = 'order.changed.v1'",
        "its facts make it",
    ),
    "a parcel that was never told": (
        "ada",
        "order",
        "DELETE FROM outbox WHERE type = 'order.shipment_dispatched.v1'",
        "is dispatched is so and never told",
    ),
    "a label that was never told": (
        "ada",
        "order",
        """DELETE FROM outbox WHERE type = 'order.label_bought.v1'
        AND aggregateid = (SELECT order_id::text FROM orders WHERE user_id = 'ada')""",
        "is bought, and its facts say nothing of it",
    ),
    "a change that was never told": (
        "ada",
        "order",
        "DELETE FROM outbox WHERE type = 'order.change_withdrawn.v1'",
        "is withdrawn, and its facts say requested",
    ),
    # documents
    "a number that is left out": (
        "ada",
        "order",
        f"UPDATE document SET position = position + 100 {ADA}",
        "follows on number",
    ),
    "an invoice over less": ("ada", "order", f"UPDATE document SET total_amount = 1 {ADA}", "and its documents come to"),
    "an invoice that is another": (
        "ada",
        "order",
        f"UPDATE document SET previous_hash = repeat('1', 64) {ADA}",
        "does not carry the hash of the document before",
    ),
    "a change that the customer does not hear of": (
        "ada",
        "notification",
        "DELETE FROM delivery WHERE template = 'changed'",
        "its customer is not told by email of order.changed.v1",
    ),
    "a step that the customer does not hear of": (
        "ada",
        "notification",
        "DELETE FROM delivery WHERE template = 'tracking' AND channel = 'sms'",
        "its customer is not told by sms of order.shipment_tracked.v1",
    ),
}


@pytest.mark.parametrize(("user", "service", "statement", "says"), PLANTED.values(), ids=PLANTED)
async def test_a_planted_fault_is_named_with_its_order(
    closed: Closed, user: str, service: str, statement: str, says: str
) -> None:
    shop = await names(closed)
    sources = await closed.faulty(service, statement.replace("{held}", shop["held"]))
    findings = await look(sources, SECOND, topics=False)
    wanted = f"{closed.orders[user]}: "
    says = says.replace("{cut}", shop["cut"])
    assert [one for one in named(findings) if wanted in one and says in one], named(findings)


async def test_what_a_change_waits_for_may_lie_free_until_it_is_decided(closed: Closed) -> None:
    sources = await closed.faulty(
        "inventory",
        "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'LAMP'",
        f"UPDATE reservation SET waiting = jsonb_set(waiting, '{{0,change_id}}', to_jsonb(order_id)) {OF_BEN}",
    )
    assert [one for one in named(await look(sources, SECOND, topics=False)) if "of it free" in one] == []


async def names(closed: Closed) -> dict[str, str]:
    """Name the parcel that is kept back, and the change that cut a mug."""
    connection = await asyncpg.connect(closed.urls["order"])
    try:
        return {
            "held": str(await connection.fetchval("SELECT shipment_id FROM shipments WHERE state = 'held'")),
            "cut": str(await connection.fetchval("SELECT change_id FROM order_change WHERE kind = 'reduction'")),
        }
    finally:
        await connection.close()


# --- the carriers' books ----------------------------------------------------------------------------------------------------


def again(sold: list[Sold]) -> list[Sold]:
    return [*sold, replace(sold[0], shipment="shp_2", tracking_number="XX2")]


def never(sold: list[Sold]) -> list[Sold]:
    return sold[1:]


def given_back(sold: list[Sold]) -> list[Sold]:
    return [replace(sold[0], live=False), *sold[1:]]


def dearer(sold: list[Sold]) -> list[Sold]:
    return [replace(sold[0], cost=sold[0].cost + 1), *sold[1:]]


def numbered_anew(sold: list[Sold]) -> list[Sold]:
    return [replace(sold[0], tracking_number="XX3"), *sold[1:]]


def kept(sold: list[Sold]) -> list[Sold]:
    return [*sold[:2], replace(sold[2], live=True)]


def for_nobody(sold: list[Sold]) -> list[Sold]:
    return [*sold, replace(sold[0], reference="somebody-else", tracking_number="XX4")]


BOOKS: list[tuple[Callable[[list[Sold]], list[Sold]], str, str]] = [
    (again, "ada", "was sold 2 times"),
    (never, "ada", "which the carrier does not know"),
    (given_back, "ada", "is bought, and the carrier took"),
    (dearer, "ada", "and with the carrier"),
    (numbered_anew, "ada", "with the carrier XX3"),
    (kept, "cleo", "is voided, and"),
    (for_nobody, "", "XX4: was sold as somebody-else for 390 EUR, and is no label"),
]


@pytest.mark.parametrize(("plant", "user", "says"), BOOKS, ids=[plant.__name__ for plant, _, _ in BOOKS])
async def test_a_fault_in_the_carriers_books_is_named(
    closed: Closed, plant: Callable[[list[Sold]], list[Sold]], user: str, says: str
) -> None:
    found = await compare(Sources(closed.urls), plant(closed.sold))
    assert [one for one in found if says in one and str(closed.orders.get(user, "")) in one], found


async def test_what_the_carrier_did_a_moment_ago_is_left_for_later(closed: Closed) -> None:
    lately = [replace(one, live=not one.live, changed_at=datetime.now(UTC)) for one in closed.sold]
    assert await compare(Sources(closed.urls), lately) == []


async def test_the_carriers_ledger_is_read_as_the_simulator_writes_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "carrier.db")
    shipment = Shipment("shp_1", "waybill-label-1", {}, [], [], carrier="Courio", service="Standard", cost=570, currency="EUR")
    shipment.tracking_code, shipment.bought, shipment.voided = "CO1", 1_000_000.0, 1_000_100.0
    ledger.insert(shipment)
    with answering() as gateway:
        gateway.answers["GET /ledger"] = json.loads("".join(statement(ledger, {})))
        (sold,) = await labels_sold(f"{gateway.url}/ledger")
    ledger.close()
    at = datetime.fromtimestamp(1_000_100, UTC)
    assert sold == Sold("shp_1", "waybill-label-1", "CO1", 570, "EUR", live=False, handed_over=False, changed_at=at)


@pytest.mark.parametrize("answer", [(503, {}), {"items": [{}]}, {}, []], ids=["away", "strange", "empty", "a list"])
async def test_a_ledger_that_cannot_be_read_is_one_line(answer: object) -> None:
    with answering() as gateway:
        gateway.answers["GET /ledger"] = answer
        with pytest.raises(WaybillError) as raised:
            await labels_sold(f"{gateway.url}/ledger")
    assert "\n" not in str(raised.value)
    assert "cannot be read" in str(raised.value)
