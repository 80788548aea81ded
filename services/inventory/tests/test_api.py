"""The service's API over HTTP: who may do what, what is refused and how, and that a repeat is no second time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

import inventory
from chassis import migrations
from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import Issuer, PostgresServer, serving, told
from contracts.inventory import ProductPublished, StockReserved, WarehousePublished
from contracts.order import OrderPlaced
from inventory.handlers import reserve_stock
from inventory.main import create
from inventory.settings import Settings

from .books import hear
from .facts import placed

pytestmark = pytest.mark.database
ISSUER = Issuer()
Json = dict[str, Any]
COUNTED = "product_id,warehouse_id,counted"


@dataclass
class Service:
    """The service under test: its API as a client sees it, and its database."""

    client: httpx2.AsyncClient
    database: Database

    async def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, json=body, headers={**ISSUER.headers("wanda", "warehouse"), **named})

    async def count(self, *lines: str, query: str = "", header: str = COUNTED, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(
            f"/api/admin/stock/stocktakes{query}",
            content="\n".join([header, *lines]).encode(),
            headers={**ISSUER.headers("wanda", "warehouse"), "Content-Type": "text/csv", **named},
        )

    async def read(self, path: str) -> Json:
        response = await self.call("GET", path)
        assert response.status_code == 200, response.text
        answer: Json = response.json()
        return answer

    async def stocked(self, sku: str, units: int) -> None:
        assert (await self.call("POST", "/api/admin/products", product(sku))).status_code == 201
        assert (await self.call("POST", "/api/admin/stock/adjustments", adjustment(sku, units))).status_code == 201


@pytest.fixture(scope="module")
async def service(postgres: PostgresServer) -> AsyncIterator[Service]:
    """Serve the API alone: no broker answers, which must not matter to it."""
    url = await postgres.create_service_database(f"inventory_{new_id().hex[-10:]}")
    await asyncio.to_thread(migrations.migrate, inventory, url)
    settings = Settings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers="127.0.0.1:1",
        auth_issuer=Issuer.url,
        auth_jwks_url=f"{Issuer.url}/jwks",
    )
    app = create(settings)
    async with serving(app, ISSUER) as client:
        opened = Service(client, app.state.database)
        for place, country in (("berlin", "DE"), ("lyon", "FR")):
            body = {"warehouse_id": place, "name": place, "country": country}
            assert (await opened.call("POST", "/api/admin/warehouses", body)).status_code == 201
        yield opened


def product(sku: str, **changes: Any) -> Json:
    return {"product_id": sku, "name": f"The {sku}", "price": {"amount": 1999, "currency": "EUR"}, **changes}


def adjustment(sku: str, delta: Any, /, **changes: Any) -> Json:
    return {"product_id": sku, "warehouse_id": "berlin", "delta": delta, "reason": "opening stock", **changes}


def made_of(*parts: tuple[str, int]) -> list[Json]:
    return [{"product_id": sku, "quantity": quantity} for sku, quantity in parts]


def fields(response: httpx2.Response) -> list[str]:
    assert response.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]


async def hold(service: Service, sku: str, quantity: int) -> OrderPlaced:
    order = placed((sku, quantity))
    held, *_ = await hear(service.database, reserve_stock, order)
    assert isinstance(held, StockReserved)
    return order


class TestShopWindow:
    async def test_shows_products_to_anyone(self, service: Service) -> None:
        await service.stocked("WIN-1", 1)
        response = await service.client.get("/api/products/WIN-1")
        assert response.status_code == 200
        assert response.json() == {
            "product_id": "WIN-1",
            "name": "The WIN-1",
            "description": "",
            "price": {"amount": 1999, "currency": "EUR"},
            "available": True,
            "availability": "in_stock",
            "backorder": False,
            "weight_grams": 0,
            "category": "",
            "image_url": None,
        }
        await hold(service, "WIN-1", 1)
        assert (await service.client.get("/api/products/WIN-1")).json()["available"] is False

    async def test_what_may_wait_can_be_ordered_beyond_the_stock(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("WIN-2", backorder=True, weight_grams=250))
        shown = (await service.client.get("/api/products/WIN-2")).json()
        assert (shown["available"], shown["backorder"], shown["weight_grams"]) == (True, True, 250)

    async def test_what_lies_there_for_those_who_wait_is_not_available(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("WIN-3", backorder=True))
        await hold(service, "WIN-3", 2)
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("WIN-3", 2))
        await service.call("PATCH", "/api/admin/products/WIN-3", {"backorder": False})
        assert (await service.client.get("/api/products/WIN-3")).json()["available"] is False
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("WIN-3", 1))
        assert (await service.client.get("/api/products/WIN-3")).json()["available"] is True

    async def test_a_bundle_is_available_where_one_warehouse_can_make_it(self, service: Service) -> None:
        for sku in ("WIN-4A", "WIN-4B"):
            await service.call("POST", "/api/admin/products", product(sku))
        await service.call("POST", "/api/admin/products", product("WIN-4", components=made_of(("WIN-4A", 2), ("WIN-4B", 1))))

        async def available() -> bool:
            listed = (await service.client.get("/api/products", params={"q": "WIN-4"})).json()["items"]
            there = {item["product_id"]: item["available"] for item in listed}["WIN-4"]
            assert (await service.client.get("/api/products/WIN-4")).json()["available"] is there
            return bool(there)

        assert await available() is False
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("WIN-4A", 2))
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("WIN-4B", 1, warehouse_id="lyon"))
        assert await available() is False
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("WIN-4B", 1))
        assert await available() is True
        await hold(service, "WIN-4A", 1)
        assert await available() is False

    async def test_hides_what_is_not_on_sale(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("HID-1", active=False))
        assert (await service.client.get("/api/products/HID-1")).status_code == 404
        assert (await service.client.get("/api/products", params={"q": "HID-1"})).json() == {"items": [], "next_cursor": None}
        assert (await service.read("/api/admin/products?active=false&q=HID"))["items"][0]["product_id"] == "HID-1"

    async def test_pages_through_all_products_once(self, service: Service) -> None:
        wanted = [f"PAGE-{n}" for n in range(7)]
        for sku in wanted:
            await service.call("POST", "/api/admin/products", product(sku, description="paged"))
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3, "q": "paged"}
        for _ in range(3):
            answer = (await service.client.get("/api/products", params=query)).json()
            seen += [item["product_id"] for item in answer["items"]]
            query["cursor"] = answer["next_cursor"]
        assert (seen, answer["next_cursor"]) == (wanted, None)

    async def test_finds_words_as_they_are_written(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("FIND-1", name="Cotton 100% shirt_blue"))
        for words, found in (("cotton SHIRT_", 1), ("100%", 1), ("cot%shirt", 0), ("shirt-blue", 0)):
            answer = await service.client.get("/api/products", params={"q": words})
            assert len(answer.json()["items"]) == found, words

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "cursor=nonsense",
            "cursor=W10",
            "cursor=WyJcdTAwMDAiXQ",
            "cursor=W0luZmluaXR5LCJYIl0&sort=price",  # [Infinity,"X"]
            "cursor=WzkyMjMzNzIwMzY4NTQ3NzU4MDgsIlgiXQ&sort=price",  # [9223372036854775808,"X"]
            "limit=x",
            "q=%00",
            "q=" + "a" * 101,
        ],
    )
    async def test_refuses_a_broken_query_by_name(self, service: Service, query: str) -> None:
        response = await service.client.get(f"/api/products?{query}")
        assert response.status_code == 422
        assert fields(response) == [query.partition("=")[0]]

    async def test_a_cursor_may_stand_behind_all_prices(self, service: Service) -> None:
        response = await service.client.get("/api/products?cursor=WzQ2MTE2ODYwMTg0MjczODc5MDQsIlgiXQ&sort=price")
        assert (response.status_code, response.json()["items"]) == (200, []), "behind 4611686018427387904 there is nothing"


class TestCatalogue:
    async def test_tells_each_change(self, service: Service) -> None:
        created = await service.call("POST", "/api/admin/products", product("TELL-1"))
        assert created.headers["location"] == "/api/admin/products/TELL-1"
        await service.call("PATCH", "/api/admin/products/TELL-1", {"price": {"amount": 5, "currency": "EUR"}})
        await service.call("PUT", "/api/admin/products/TELL-1", {**product("-"), "product_id": "-"})
        await service.call("PATCH", "/api/admin/products/TELL-1", {"active": False})
        events = await told(service.database, "TELL-1")
        said = [(event.price.amount, event.active) for event in events if isinstance(event, ProductPublished)]
        assert said == [(1999, True), (5, True), (5, False)]

    async def test_refuses_a_product_that_exists(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("TWICE-1"))
        again = await service.call("POST", "/api/admin/products", product("TWICE-1", name="Other"))
        assert (again.status_code, again.json()["type"]) == (409, "urn:waybill:problem:product-exists")

    async def test_changes_only_the_version_that_was_seen(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("VER-1"))
        seen = (await service.call("GET", "/api/admin/products/VER-1")).headers["etag"]
        changed = await service.call("PATCH", "/api/admin/products/VER-1", {"name": "First"}, If_Match=seen)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        whole = {"name": "Second", "price": {"amount": 1, "currency": "EUR"}}
        late = await service.call("PUT", "/api/admin/products/VER-1", whole, If_Match=seen)
        assert (late.status_code, late.json()["version"]) == (412, 2)
        for unknown in ("nonsense", '"9", "8"'):
            late = await service.call("PATCH", "/api/admin/products/VER-1", {"name": "Third"}, If_Match=unknown)
            assert late.status_code == 412
        for known in ("*", '"7", W/"2"'):
            same = await service.call("PATCH", "/api/admin/products/VER-1", {"name": "First"}, If_Match=known)
            assert same.status_code == 200
        assert (await service.read("/api/admin/products/VER-1"))["name"] == "First"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"price": {"amount": 0, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": -1, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": "7", "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": True, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": 10**11, "currency": "EUR"}}, "price.amount"),
            ({"price": {"amount": 7, "currency": "USD"}}, "price.currency"),
            ({"price": {"amount": 7, "currency": "eur"}}, "price.currency"),
            ({"price": {"amount": 7}}, "price.currency"),
            ({"price": 7}, "price"),
            ({"name": ""}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "nul \x00"}, "name"),
            ({"name": "pays 4242 4242 4242 4242"}, "name"),
            ({"description": "x" * 2001}, "description"),
            ({"active": "yes"}, "active"),
            ({"weight_grams": -1}, "weight_grams"),
            ({"weight_grams": 1_000_001}, "weight_grams"),
            ({"weight_grams": 1.5}, "weight_grams"),
            ({"tax_class": "Reduced"}, "tax_class"),
            ({"tax_class": "x" * 33}, "tax_class"),
            ({"backorder": 1}, "backorder"),
            ({"low_stock_threshold": -1}, "low_stock_threshold"),
            ({"low_stock_threshold": "3"}, "low_stock_threshold"),
            ({"components": [{"product_id": "A", "quantity": 0}]}, "components.0.quantity"),
            ({"components": [{"product_id": "a b", "quantity": 1}]}, "components.0.product_id"),
            ({"components": [{"product_id": f"A{n}", "quantity": 1} for n in range(21)]}, "components"),
            ({"status": "new"}, "status"),
        ],
    )
    async def test_refuses_a_bad_field_by_name(self, service: Service, body: Json, field: str) -> None:
        response = await service.call("POST", "/api/admin/products", product("BAD-1", **body))
        assert response.status_code == 422
        assert fields(response) == [field]
        response = await service.call("PATCH", "/api/admin/products/BAD-1", body)
        assert (response.status_code, fields(response)) == (422, [field])
        assert (await service.call("GET", "/api/admin/products/BAD-1")).status_code == 404

    @pytest.mark.parametrize("sku", ["", "-x", "a b", "a" * 65, "ä", "a/b", "a\x00"])
    async def test_refuses_a_bad_sku(self, service: Service, sku: str) -> None:
        response = await service.call("POST", "/api/admin/products", product(sku))
        assert (response.status_code, fields(response)[0]) == (422, "product_id")

    @pytest.mark.parametrize("field", ["name", "weight_grams", "tax_class", "backorder", "components"])
    async def test_leaves_nothing_out_by_null(self, service: Service, field: str) -> None:
        response = await service.call("PATCH", "/api/admin/products/ANY", {field: None})
        assert (response.status_code, fields(response)) == (422, [field])

    async def test_keeps_what_shipping_taxes_and_stock_need(self, service: Service) -> None:
        facts = {"weight_grams": 250, "tax_class": "reduced", "backorder": True, "low_stock_threshold": 3}
        created = await service.call("POST", "/api/admin/products", product("FACT-1", **facts))
        assert {name: created.json()[name] for name in facts} == facts
        patched = await service.call("PATCH", "/api/admin/products/FACT-1", {"low_stock_threshold": None, "weight_grams": 0})
        assert (patched.json()["low_stock_threshold"], patched.json()["weight_grams"]) == (None, 0)
        whole = {"name": "The FACT-1", "price": {"amount": 1999, "currency": "EUR"}}
        replaced = (await service.call("PUT", "/api/admin/products/FACT-1", whole)).json()
        assert (replaced["tax_class"], replaced["backorder"], replaced["components"]) == ("standard", False, [])
        events = await told(service.database, "FACT-1")
        said = [(one.weight_grams, one.tax_class, one.backorder) for one in events if isinstance(one, ProductPublished)]
        assert said == [(250, "reduced", True), (0, "reduced", True), (0, "standard", False)]

    async def test_a_bundle_is_made_of_products_that_are_none(self, service: Service) -> None:
        for sku in ("PART-1", "PART-2"):
            await service.call("POST", "/api/admin/products", product(sku))
        created = await service.call("POST", "/api/admin/products", product("BUN-1", components=made_of(("PART-1", 2))))
        assert (created.status_code, created.json()["components"]) == (201, made_of(("PART-1", 2)))
        (event,) = [one for one in await told(service.database, "BUN-1") if isinstance(one, ProductPublished)]
        assert [(line.product_id, line.quantity) for line in event.components] == [("PART-1", 2)]
        parts = made_of(("PART-1", 1), ("NONE-9", 1), ("BUN-1", 1), ("PART-1", 3), ("BUN-2", 1))
        refused = await service.call("POST", "/api/admin/products", product("BUN-2", components=parts))
        assert (refused.status_code, refused.json()["type"]) == (422, "urn:waybill:problem:invalid-components")
        assert fields(refused) == [f"components.{n}.product_id" for n in (1, 2, 3, 4)]
        nested = await service.call("PATCH", "/api/admin/products/PART-1", {"components": made_of(("PART-2", 1))})
        assert (nested.status_code, fields(nested)) == (422, ["components"])
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("PART-2", 1))
        stocked = await service.call("PATCH", "/api/admin/products/PART-2", {"components": made_of(("PART-1", 1))})
        assert (stocked.status_code, fields(stocked)) == (422, ["components"])
        assert (await service.call("GET", "/api/admin/products/BUN-2")).status_code == 404

    async def test_cannot_change_what_is_not_there(self, service: Service) -> None:
        assert (await service.call("PATCH", "/api/admin/products/NONE-1", {"name": "x"})).status_code == 404

    async def test_refuses_what_is_not_json_or_too_long(self, service: Service) -> None:
        headers = {**ISSUER.headers("wanda", "warehouse"), "Content-Type": "application/json"}
        broken = await service.client.post("/api/admin/products", content=b'{"product_id": ', headers=headers)
        assert (broken.status_code, broken.headers["content-type"]) == (400, "application/problem+json")
        endless = b'{"name": "' + b"x" * 300_000 + b'"}'
        assert (await service.client.post("/api/admin/products", content=endless, headers=headers)).status_code == 413


class TestWarehouses:
    async def test_opens_and_lists_them(self, service: Service) -> None:
        address = {"line1": "Rua do Almada 1", "city": "Porto", "postal_code": "4050-036"}
        body = {"warehouse_id": "porto", "name": "Porto", "country": "PT", "region": "Norte", **address}
        assert (await service.call("POST", "/api/admin/warehouses", body)).json() == body
        assert (await service.call("POST", "/api/admin/warehouses", body)).status_code == 409
        listed = (await service.read("/api/admin/warehouses"))["items"]
        assert [item["warehouse_id"] for item in listed] == ["berlin", "lyon", "porto"]

    async def test_tells_of_one_that_was_opened_and_of_each_change(self, service: Service) -> None:
        body = {"name": "Ghent", "country": "BE"}
        await service.call("POST", "/api/admin/warehouses", {"warehouse_id": "ghent", **body})
        whole = {**body, "city": "Gent", "postal_code": "9000"}
        for _ in range(2):
            changed = await service.call("PUT", "/api/admin/warehouses/ghent", whole)
            assert changed.status_code == 200
        assert changed.json() == {"warehouse_id": "ghent", "region": None, "line1": "", **whole}
        events = await told(service.database, "ghent")
        said = [(event.city, event.postal_code) for event in events if isinstance(event, WarehousePublished)]
        assert said == [("", ""), ("Gent", "9000")]

    async def test_cannot_change_what_is_not_there(self, service: Service) -> None:
        body = {"name": "X", "country": "DE"}
        assert (await service.call("PUT", "/api/admin/warehouses/atlantis", body)).status_code == 404

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"country": "Germany"}, "country"),
            ({"name": ""}, "name"),
            ({"line1": "x" * 201}, "line1"),
            ({"city": "nul \x00"}, "city"),
            ({"postal_code": "1" * 21}, "postal_code"),
            ({"region": ""}, "region"),
            ({"street": "Almada"}, "street"),
        ],
    )
    async def test_refuses_a_bad_field_by_name(self, service: Service, changes: Json, field: str) -> None:
        body = {"name": "X", "country": "DE", **changes}
        assert fields(await service.call("POST", "/api/admin/warehouses", {"warehouse_id": "x", **body})) == [field]
        assert fields(await service.call("PUT", "/api/admin/warehouses/berlin", body)) == [field]


class TestStock:
    async def test_counts_what_comes_in_and_goes(self, service: Service) -> None:
        await service.stocked("STK-1", 5)
        received = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-1", 3, kind="received"))
        assert received.status_code == 201
        order = await hold(service, "STK-1", 2)
        expected = {"product_id": "STK-1", "warehouse_id": "berlin", "on_hand": 8, "reserved": 2, "available": 6}
        assert (await service.read("/api/admin/stock?product_id=STK-1&warehouse_id=berlin"))["items"] == [expected]
        ledger = (await service.read("/api/admin/stock/STK-1/movements"))["items"]
        assert [(line["kind"], line["on_hand_delta"], line["reserved_delta"]) for line in ledger] == [
            ("reserved", 0, 2),
            ("received", 3, 0),
            ("adjusted", 5, 0),
        ]
        assert [line["actor"] for line in ledger] == ["test", "warehouse:wanda", "warehouse:wanda"]
        held = await service.read(f"/api/admin/stock/reservations/{order.order_id}")
        assert (held["status"], held["lines"][0]["quantity"]) == ("held", 2)

    async def test_never_takes_what_is_promised(self, service: Service) -> None:
        await service.stocked("STK-2", 5)
        await hold(service, "STK-2", 4)
        refused = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-2", -2))
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:waybill:problem:insufficient-stock"
        assert (refused.json()["on_hand"], refused.json()["reserved"]) == (5, 4)

    @pytest.mark.parametrize("delta", [0, 1.5, "2", True, 10**9 + 1, -(10**9) - 1, None])
    async def test_refuses_a_bad_delta(self, service: Service, delta: Any) -> None:
        response = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-3", delta))
        assert (response.status_code, fields(response)) == (422, ["delta"])

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"product_id": "UNKNOWN"}, "product_id"),
            ({"warehouse_id": "atlantis"}, "warehouse_id"),
            ({"reason": " "}, "reason"),
            ({"kind": "shipped"}, "kind"),
            ({"kind": "moved"}, "kind"),
            ({"kind": "counted"}, "kind"),
            ({"delta": -1, "kind": "received"}, "kind"),
            ({"delta": -1, "kind": "returned"}, "kind"),
            ({"delta": 1, "kind": "written_off"}, "kind"),
            ({"on_hand": 7}, "on_hand"),
        ],
    )
    async def test_refuses_what_it_does_not_know(self, service: Service, changes: Json, field: str) -> None:
        await service.call("POST", "/api/admin/products", product("STK-4"))
        response = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-4", 1, **changes))
        assert (response.status_code, fields(response)) == (422, [field])
        assert (await service.read("/api/admin/stock?product_id=STK-4"))["items"] == []

    async def test_pages_through_stock_and_movements(self, service: Service) -> None:
        await service.stocked("STK-5", 1)
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-5", 2, warehouse_id="lyon"))
        for path in ("/api/admin/stock?product_id=STK-5&limit=1", "/api/admin/stock/STK-5/movements?limit=1"):
            first = await service.read(path)
            second = await service.read(f"{path}&cursor={first['next_cursor']}")
            assert {page["items"][0]["warehouse_id"] for page in (first, second)} == {"berlin", "lyon"}
            assert second["next_cursor"] is None

    async def test_the_books_agree(self, service: Service) -> None:
        await service.stocked("STK-6", 5)
        await hold(service, "STK-6", 1)
        audit = await service.read("/api/admin/stock/audit")
        assert (audit["consistent"], audit["differences"]) == (True, [])
        came = audit["received"] + audit["adjusted"] + audit["counted"] + audit["returned"]
        assert audit["on_hand"] == came - audit["written_off"] - audit["shipped"]
        assert audit["moved"] == 0

    async def test_takes_back_and_writes_off(self, service: Service) -> None:
        await service.stocked("STK-7", 5)
        before = await service.read("/api/admin/stock/audit")
        for kind, delta in (("returned", 2), ("written_off", -3)):
            answer = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-7", delta, kind=kind))
            assert answer.status_code == 201
        assert answer.json()["on_hand"] == 4
        after = await service.read("/api/admin/stock/audit")
        assert (after["returned"] - before["returned"], after["written_off"] - before["written_off"]) == (2, 3)

    async def test_a_bundle_has_no_stock(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("STK-8A"))
        await service.call("POST", "/api/admin/products", product("STK-8", components=made_of(("STK-8A", 1))))
        refused = await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-8", 1))
        assert (refused.status_code, fields(refused)) == (422, ["product_id"])
        assert refused.json()["type"] == "urn:waybill:problem:bundle-has-no-stock"
        assert (await service.read("/api/admin/stock?product_id=STK-8"))["items"] == []

    async def test_shows_what_an_order_waits_for(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("STK-9", backorder=True))
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("STK-9", 1))
        order = await hold(service, "STK-9", 3)
        shown = await service.read(f"/api/admin/stock/reservations/{order.order_id}")
        assert [(line["product_id"], line["quantity"]) for line in shown["waiting"]] == [("STK-9", 2)]
        assert (await service.read("/api/admin/stock/audit"))["consistent"] is True

    async def test_an_order_never_heard_of_holds_nothing(self, service: Service) -> None:
        assert (await service.call("GET", f"/api/admin/stock/reservations/{new_id()}")).status_code == 404


def transfer(sku: str, quantity: Any, **changes: Any) -> Json:
    return {"product_id": sku, "from": "berlin", "to": "lyon", "quantity": quantity, "reason": "nearer", **changes}


class TestTransfers:
    async def test_carries_units_in_two_postings(self, service: Service) -> None:
        await service.stocked("TRA-1", 5)
        answer = await service.call("POST", "/api/admin/stock/transfers", transfer("TRA-1", 2))
        assert answer.status_code == 201
        assert {side: (body["warehouse_id"], body["on_hand"]) for side, body in answer.json().items()} == {
            "from": ("berlin", 3),
            "to": ("lyon", 2),
        }
        ledger = (await service.read("/api/admin/stock/TRA-1/movements"))["items"]
        moved = {(line["warehouse_id"], line["on_hand_delta"], line["reason"]) for line in ledger if line["kind"] == "moved"}
        assert moved == {("berlin", -2, "nearer"), ("lyon", 2, "nearer")}
        assert (await service.read("/api/admin/stock/audit"))["consistent"] is True

    async def test_never_carries_what_is_promised(self, service: Service) -> None:
        await service.stocked("TRA-2", 5)
        await hold(service, "TRA-2", 4)
        refused = await service.call("POST", "/api/admin/stock/transfers", transfer("TRA-2", 2))
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:insufficient-stock")
        assert (refused.json()["on_hand"], refused.json()["reserved"], refused.json()["available"]) == (5, 4, 1)
        assert [line["kind"] for line in (await service.read("/api/admin/stock/TRA-2/movements"))["items"]] == [
            "reserved",
            "adjusted",
        ]

    async def test_a_repeat_with_its_key_carries_nothing_more(self, service: Service) -> None:
        await service.stocked("TRA-3", 5)
        for _ in range(3):
            answer = await service.call("POST", "/api/admin/stock/transfers", transfer("TRA-3", 2), Idempotency_Key="tra-3")
            assert (answer.status_code, answer.json()["from"]["on_hand"]) == (201, 3)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"product_id": "UNKNOWN"}, "product_id"),
            ({"from": "atlantis"}, "from"),
            ({"to": "atlantis"}, "to"),
            ({"to": "berlin"}, "to"),
            ({"quantity": 0}, "quantity"),
            ({"quantity": -1}, "quantity"),
            ({"quantity": 1.5}, "quantity"),
            ({"quantity": 10**9 + 1}, "quantity"),
            ({"reason": ""}, "reason"),
            ({"source": "berlin"}, "source"),
        ],
    )
    async def test_refuses_what_it_does_not_know(self, service: Service, changes: Json, field: str) -> None:
        await service.call("POST", "/api/admin/products", product("TRA-4"))
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("TRA-4", 5))
        body = {**transfer("TRA-4", 1), **changes}
        response = await service.call("POST", "/api/admin/stock/transfers", body)
        assert (response.status_code, fields(response)) == (422, [field])
        ledger = (await service.read("/api/admin/stock/TRA-4/movements"))["items"]
        assert [line for line in ledger if line["kind"] == "moved"] == []


class TestStocktakes:
    async def test_reports_each_row_and_takes_over_those_that_can_be(self, service: Service) -> None:
        await service.stocked("CNT-1", 5)
        await service.stocked("CNT-2", 5)
        await hold(service, "CNT-2", 3)
        lines = ["CNT-1,berlin,7,found two", "CNT-1,lyon,0,", "CNT-2,berlin,2,", "NOPE,berlin,1,", "CNT-2,berlin,x,"]
        answer = await service.count(*lines, header=f"{COUNTED},note")
        assert answer.status_code == 200
        assert (answer.json()["dry_run"], answer.json()["counts"]) == (
            False,
            {"rows": 5, "counted": 1, "unchanged": 1, "refused": 3},
        )
        first, second, third, fourth, fifth = answer.json()["rows"]
        assert first == {
            "row": 2,
            "product_id": "CNT-1",
            "warehouse_id": "berlin",
            "counted": 7,
            "before": 5,
            "delta": 2,
            "outcome": "counted",
            "problem": None,
        }
        assert (second["outcome"], second["before"], second["delta"]) == ("unchanged", 0, 0)
        assert (third["outcome"], third["problem"], third["delta"]) == ("refused", "3 are reserved for orders", -3)
        assert (fourth["outcome"], fourth["problem"]) == ("refused", "There is no product NOPE.")
        assert (fifth["outcome"], fifth["counted"]) == ("refused", None)
        ledger = (await service.read("/api/admin/stock/CNT-1/movements"))["items"]
        assert [(line["kind"], line["on_hand_delta"], line["reason"], line["actor"]) for line in ledger] == [
            ("counted", 2, "found two", "warehouse:wanda"),
            ("adjusted", 5, "opening stock", "warehouse:wanda"),
        ]
        assert (await service.read("/api/admin/stock/audit"))["consistent"] is True

    async def test_a_dry_run_tells_the_same_and_changes_nothing(self, service: Service) -> None:
        await service.stocked("CNT-3", 5)
        lines = ["CNT-3,berlin,7", "CNT-3,lyon,3", "NOPE,berlin,1"]
        dry = await service.count(*lines, query="?dry_run=true")
        assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
        assert len((await service.read("/api/admin/stock?product_id=CNT-3"))["items"]) == 1
        assert len((await service.read("/api/admin/stock/CNT-3/movements"))["items"]) == 1
        real = (await service.count(*lines)).json()
        assert (real["counts"], real["rows"]) == (dry.json()["counts"], dry.json()["rows"])
        assert (await service.read("/api/admin/stock?product_id=CNT-3&warehouse_id=lyon"))["items"][0]["on_hand"] == 3

    async def test_a_repeat_with_its_key_is_the_first_answer_again(self, service: Service) -> None:
        await service.stocked("CNT-4", 5)
        first = await service.count("CNT-4,berlin,9", Idempotency_Key="cnt-4")
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("CNT-4", -2))
        again = await service.count("CNT-4,berlin,9", Idempotency_Key="cnt-4")
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        assert (await service.read("/api/admin/stock?product_id=CNT-4"))["items"][0]["on_hand"] == 7
        assert (await service.count("CNT-4,berlin,8", Idempotency_Key="cnt-4")).status_code == 422

    async def test_takes_five_thousand_rows_and_no_more(self, service: Service) -> None:
        async with service.database.transaction() as transaction:
            await transaction.fetch(
                """INSERT INTO product (sku, name, description, price_amount, currency, active, version, created_at, updated_at)
                SELECT 'MANY-' || n, 'many', '', 100, 'EUR', true, 1, now(), now() FROM generate_series(1, 2500) AS n"""
            )
        lines = [f"MANY-{n},{place},{n}" for n in range(1, 2501) for place in ("berlin", "lyon")]
        answer = await service.count(*lines)
        assert answer.status_code == 200
        assert answer.json()["counts"] == {"rows": 5000, "counted": 5000, "unchanged": 0, "refused": 0}
        assert (await service.read("/api/admin/stock?product_id=MANY-2500"))["items"][1]["on_hand"] == 2500
        assert (await service.read("/api/admin/stock/audit"))["consistent"] is True
        one_more = await service.count(*lines, "MANY-1,berlin,1")
        assert (one_more.status_code, fields(one_more)) == (422, ["row 5002"])

    @pytest.mark.parametrize("dry_run", ["", "?dry_run=true"])
    async def test_a_broken_file_is_refused_whole_and_names_the_row(self, service: Service, dry_run: str) -> None:
        await service.call("POST", "/api/admin/products", product("CNT-5"))
        for lines, row in ((["CNT-5,berlin,3", "CNT-5,berlin"], "row 3"), (["CNT-5,berlin,3", 'CNT-5,"berlin,3'], "row 3")):
            refused = await service.count(*lines, query=dry_run)
            assert (refused.status_code, fields(refused)) == (422, [row])
        wrong = await service.count("CNT-5;berlin;3", header="product_id;warehouse_id;counted", query=dry_run)
        assert (wrong.status_code, fields(wrong)) == (422, ["row 1"])
        json_sent = await service.call("POST", f"/api/admin/stock/stocktakes{dry_run}", {"rows": []})
        assert (json_sent.status_code, json_sent.json()["type"]) == (415, "urn:waybill:problem:unsupported-media-type")
        assert (await service.read("/api/admin/stock?product_id=CNT-5"))["items"] == []


RULES = "/api/admin/routing-rules"


class TestRouting:
    async def test_are_changed_as_a_whole_by_who_saw_the_version(self, service: Service) -> None:
        shown = await service.call("GET", RULES)
        assert shown.json() == {
            "version": 1,
            "rules": [
                {"kind": "single_warehouse", "parameters": {}, "active": True},
                {"kind": "fewest_splits", "parameters": {}, "active": True},
                {"kind": "nearest", "parameters": {"by": ["country"]}, "active": True},
            ],
        }
        await service.stocked("ROU-1", 5)
        await service.call("POST", "/api/admin/stock/adjustments", adjustment("ROU-1", 5, warehouse_id="lyon"))
        prefer = {"kind": "prefer", "parameters": {"warehouses": ["lyon"], "countries": ["DE"]}, "active": True}
        off = {"kind": "fewest_splits", "parameters": {}, "active": False}
        changed = await service.call("PUT", RULES, {"rules": [prefer, off]}, If_Match=shown.headers["etag"])
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
        assert changed.json() == {"version": 2, "rules": [prefer, off]} == await service.read(RULES)
        order = await hold(service, "ROU-1", 1)
        lines = (await service.read(f"/api/admin/stock/reservations/{order.order_id}"))["lines"]
        assert [line["warehouse_id"] for line in lines] == ["lyon"]
        late = await service.call("PUT", RULES, {"rules": []}, If_Match=shown.headers["etag"])
        assert (late.status_code, late.json()["version"]) == (412, 2)
        tries = (service.call("PUT", RULES, {"rules": shown.json()["rules"]}, If_Match='"2"') for _ in range(5))
        codes = sorted(response.status_code for response in await asyncio.gather(*tries))
        assert codes == [200, 412, 412, 412, 412]
        assert (await service.read(RULES))["rules"] == shown.json()["rules"]

    @pytest.mark.parametrize(
        ("rule", "field"),
        [
            ({"kind": "by_drone"}, "rules.0.kind"),
            ({"kind": "prefer", "parameters": {"warehouses": ["atlantis"]}}, "rules.0.parameters.warehouses.0"),
            ({"kind": "nearest", "parameters": {"by": ["moon"]}}, "rules.0.parameters.by.0"),
            ({"kind": "nearest", "active": "yes"}, "rules.0.active"),
            ({"parameters": {}}, "rules.0.kind"),
            ({"kind": "nearest", "rank": 3}, "rules.0.rank"),
        ],
    )
    async def test_refuses_a_rule_by_name(self, service: Service, rule: Json, field: str) -> None:
        before = await service.read(RULES)
        response = await service.call("PUT", RULES, {"rules": [rule]})
        assert (response.status_code, fields(response)) == (422, [field])
        assert await service.read(RULES) == before


class TestRepeats:
    async def test_fifty_at_once_with_one_key_count_once(self, service: Service) -> None:
        await service.call("POST", "/api/admin/products", product("KEY-1"))
        tries = (
            service.call("POST", "/api/admin/stock/adjustments", adjustment("KEY-1", 5), Idempotency_Key="fifty")
            for _ in range(50)
        )
        codes = [response.status_code for response in await asyncio.gather(*tries)]
        assert set(codes) <= {201, 409}
        again = await service.call("POST", "/api/admin/stock/adjustments", adjustment("KEY-1", 5), Idempotency_Key="fifty")
        assert (again.status_code, again.json()["on_hand"]) == (201, 5)
        assert again.headers["idempotency-replayed"] == "true"
        other = await service.call("POST", "/api/admin/stock/adjustments", adjustment("KEY-1", 6), Idempotency_Key="fifty")
        assert other.status_code == 422


READS = ["/api/admin/products", "/api/admin/warehouses", "/api/admin/stock", "/api/admin/stock/audit"]
RULES_ROLES = (("customer", 403), ("support", 403), ("auditor", 403), ("warehouse", 200), ("admin", 200))
WRITES = [
    ("POST", "/api/admin/products", product("ROLE-1")),
    ("PUT", "/api/admin/products/ROLE-1", {"name": "x", "price": {"amount": 1, "currency": "EUR"}}),
    ("PATCH", "/api/admin/products/ROLE-1", {"name": "x"}),
    ("POST", "/api/admin/warehouses", {"warehouse_id": "w", "name": "W", "country": "DE"}),
    ("PUT", "/api/admin/warehouses/berlin", {"name": "W", "country": "DE"}),
    ("POST", "/api/admin/stock/adjustments", adjustment("ROLE-1", 1)),
    ("POST", "/api/admin/stock/transfers", transfer("ROLE-1", 1)),
    ("POST", "/api/admin/stock/stocktakes", {}),
    ("POST", "/api/admin/stock/stocktakes?dry_run=true", {}),
    ("PUT", RULES, {"rules": []}),
]


class TestRoles:
    async def test_what_runs_out_is_for_staff(self, service: Service) -> None:
        for role, code in (("customer", 403), ("fraud_reviewer", 403), ("support", 200), ("finance", 200), ("auditor", 200)):
            path = "/api/admin/reports/inventory/stock?below=5"
            assert (await service.client.get(path, headers=ISSUER.headers("x", role))).status_code == code, role
        refused = await service.client.get("/api/admin/reports/inventory/stock?below=-1", headers=ISSUER.headers("x", "admin"))
        assert (refused.status_code, fields(refused)) == (422, ["below"])

    @pytest.mark.parametrize("path", READS)
    async def test_who_may_read(self, service: Service, path: str) -> None:
        assert (await service.client.get(path)).status_code == 401
        assert (await service.client.get(path, headers={"Authorization": "Bearer nonsense"})).status_code == 401
        for role, code in (("customer", 403), ("support", 403), ("auditor", 200), ("warehouse", 200), ("admin", 200)):
            response = await service.client.get(path, headers=ISSUER.headers("x", role))
            assert response.status_code == code, role

    async def test_who_may_read_the_routing_rules(self, service: Service) -> None:
        assert (await service.client.get(RULES)).status_code == 401
        for role, code in RULES_ROLES:
            assert (await service.client.get(RULES, headers=ISSUER.headers("x", role))).status_code == code, role

    @pytest.mark.parametrize(("method", "path", "body"), WRITES)
    async def test_who_may_write(self, service: Service, method: str, path: str, body: Json) -> None:
        assert (await service.client.request(method, path, json=body)).status_code == 401
        for role in ("customer", "support", "auditor", "finance"):
            response = await service.client.request(method, path, json=body, headers=ISSUER.headers("x", role))
            assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json"), role
        assert (await service.call("GET", "/api/admin/products/ROLE-1")).status_code == 404


async def test_counts_the_orders_it_holds_stock_for(service: Service) -> None:
    await service.stocked("MET-1", 5)
    await hold(service, "MET-1", 1)
    metrics = (await service.client.get("/metrics")).text
    held = next(line for line in metrics.splitlines() if line.startswith('saga_open{state="stock_held"}'))
    assert float(held.split()[-1]) >= 1


async def test_describes_itself(service: Service) -> None:
    described = (await service.client.get("/openapi.json")).json()
    assert {"/api/products", "/api/admin/products/{sku}", "/api/admin/stock/adjustments"} <= set(described["paths"])
    assert described["openapi"].startswith("3.1")
