"""The search of staff: what has a name is found by it or its beginning, through an index, and nothing else is."""

from typing import Final

import pytest
from pydantic_core import from_json

from chassis.database import Database
from order.store import search
from services.order.tests.conftest import Shop
from services.order.tests.test_documents_api import sold

pytestmark = pytest.mark.database

TRACKED: Final = {"carrier": "DHL", "tracking_number": "JD014600"}


async def kinds(shop: Shop, wanted: str, role: str = "support") -> list[tuple[str, str | None]]:
    reply = await shop.ask("GET", "/api/admin/search", role, params={"q": wanted})
    assert reply.status_code == 200, reply.text
    return [(one["kind"], one["order_id"]) for one in reply.json()["items"]]


async def test_an_order_is_found_by_all_that_names_it(shop: Shop) -> None:
    order_id = await sold(shop)
    parcels = (await shop.ask("GET", f"/api/admin/orders/{order_id}/shipments", "support")).json()["items"]
    invoice = (await shop.ask("GET", f"/api/orders/{order_id}/invoice")).json()["number"]
    assert ("order", order_id) in await kinds(shop, order_id)
    assert ("order", order_id) in await kinds(shop, order_id[:20])
    assert ("order", order_id) in await kinds(shop, order_id[-8:].upper())
    assert await kinds(shop, parcels[0]["shipment_id"]) == [("shipment", order_id)]
    assert await kinds(shop, invoice.lower()) == [("document", order_id)]
    assert await kinds(shop, "inv-2026") == [("document", order_id)] * 2
    assert await kinds(shop, "ada") == [("customer", None)]


async def test_a_parcel_and_a_product_are_found_by_how_they_begin(shop: Shop) -> None:
    order = await shop.confirmed()
    parcel = f"/api/admin/orders/{order['order_id']}/shipments/{order['shipments'][0]['shipment_id']}"
    await shop.ask("POST", f"{parcel}/dispatch", "warehouse", json=TRACKED)
    assert await kinds(shop, "jd0146") == [("shipment", order["order_id"])]
    assert await kinds(shop, "JD0_46") == []
    assert await kinds(shop, "%%%%") == []
    async with shop.database.transaction() as transaction:
        await transaction.fetch("INSERT INTO product VALUES ('TEA-GREEN', 'Green tea', 1, 'EUR', true, 1)")
    assert await kinds(shop, "tea-") == [("product", None)]


async def test_payment_is_named_where_it_does_not_answer(shop: Shop) -> None:
    found = (await shop.ask("GET", "/api/admin/search", "support", params={"q": "pi_123"})).json()
    assert found == {"items": [], "missing_services": ["payment"]}


@pytest.mark.parametrize("wanted", ["", " ", "a\x00b", "x" * 101, "4111111111111111"])
async def test_what_nothing_can_be_called_is_refused(shop: Shop, wanted: str) -> None:
    reply = await shop.ask("GET", "/api/admin/search", "support", params={"q": wanted})
    assert (reply.status_code, reply.json()["errors"][0]["field"].split(".")[-1]) == (422, "q")


QUERIES: Final = {**search.BY_ID, "reference": search.BY_REFERENCE, **{f"{k} by name": q for k, q in search.BY_NAME.items()}}
VALUES: Final[dict[str, str]] = {
    ":first": "'01990000-0000-0000-0000-000000000000'",
    ":last": "'01990000-ffff-ffff-ffff-ffffffffffff'",
    ":reference": "'00000000'",
    ":whole": "'TEA'",
    ":past_upper": "'TEB'",
    ":past": "'TEB'",
    ":upper": "'TEA'",
    ":most": "10",
}


async def plan_of(database: Database, query: str) -> str:
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")  # the tables are empty: every plan costs the same
        return str(from_json(await connection.fetchval(f"EXPLAIN (FORMAT JSON) {query}"))[0]["Plan"])


@pytest.mark.parametrize("name", QUERIES)
async def test_each_question_is_answered_by_an_index(database: Database, name: str) -> None:
    query = QUERIES[name]
    for parameter, value in VALUES.items():
        query = query.replace(parameter, value)
    assert "Index Cond" in await plan_of(database, query)


async def test_the_gate_sees_a_question_without_an_index(database: Database) -> None:
    assert "Index Cond" not in await plan_of(database, "SELECT sku FROM product WHERE name ~>=~ 'Tea'")
