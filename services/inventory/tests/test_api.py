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
from chassis.testing import MORNING, Issuer, PostgresServer, perform, serving, told
from contracts import Money
from contracts.inventory import ProductPublished, StockReserved
from contracts.order import OrderPlaced
from contracts.types import Destination, OrderLine
from inventory.handlers import reserve_stock
from inventory.main import create
from inventory.settings import Settings

pytestmark = pytest.mark.database
ISSUER = Issuer()
Json = dict[str, Any]


@dataclass
class Service:
    """The service under test: its API as a client sees it, and its database."""

    client: httpx2.AsyncClient
    database: Database

    async def call(self, method: str, path: str, body: Json | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, json=body, headers={**ISSUER.headers("wanda", "warehouse"), **named})

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


def fields(response: httpx2.Response) -> list[str]:
    assert response.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]


async def hold(service: Service, sku: str, quantity: int) -> OrderPlaced:
    price = Money(amount=1999, currency="EUR")
    order = OrderPlaced(
        order_id=new_id(),
        user_id="anna",
        order_date=MORNING,
        items=[OrderLine(product_id=sku, quantity=quantity, item_id=new_id(), price=price, subtotal=price)],
        total_amount=price,
        destination=Destination(country="DE"),
    )
    (held,) = await perform(service.database, reserve_stock, order)
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
        }
        await hold(service, "WIN-1", 1)
        assert (await service.client.get("/api/products/WIN-1")).json()["available"] is False

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
            "limit=x",
            "q=%00",
            "q=" + "a" * 101,
        ],
    )
    async def test_refuses_a_broken_query_by_name(self, service: Service, query: str) -> None:
        response = await service.client.get(f"/api/products?{query}")
        assert response.status_code == 422
        assert fields(response) == [query.partition("=")[0]]


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

    async def test_leaves_nothing_out_by_null(self, service: Service) -> None:
        response = await service.call("PATCH", "/api/admin/products/ANY", {"name": None})
        assert (response.status_code, fields(response)) == (422, ["name"])

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
        body = {"warehouse_id": "porto", "name": "Porto", "country": "PT", "region": "Norte"}
        assert (await service.call("POST", "/api/admin/warehouses", body)).json() == body
        assert (await service.call("POST", "/api/admin/warehouses", body)).status_code == 409
        listed = (await service.read("/api/admin/warehouses"))["items"]
        assert [item["warehouse_id"] for item in listed] == ["berlin", "lyon", "porto"]

    async def test_refuses_a_bad_country(self, service: Service) -> None:
        body = {"warehouse_id": "x", "name": "X", "country": "Germany"}
        assert fields(await service.call("POST", "/api/admin/warehouses", body)) == ["country"]


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
            ({"delta": -1, "kind": "received"}, "kind"),
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
        assert audit["on_hand"] == audit["received"] + audit["adjusted"] - audit["shipped"]

    async def test_an_order_never_heard_of_holds_nothing(self, service: Service) -> None:
        assert (await service.call("GET", f"/api/admin/stock/reservations/{new_id()}")).status_code == 404


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
WRITES = [
    ("POST", "/api/admin/products", product("ROLE-1")),
    ("PUT", "/api/admin/products/ROLE-1", {"name": "x", "price": {"amount": 1, "currency": "EUR"}}),
    ("PATCH", "/api/admin/products/ROLE-1", {"name": "x"}),
    ("POST", "/api/admin/warehouses", {"warehouse_id": "w", "name": "W", "country": "DE"}),
    ("POST", "/api/admin/stock/adjustments", adjustment("ROLE-1", 1)),
]


class TestRoles:
    @pytest.mark.parametrize("path", READS)
    async def test_who_may_read(self, service: Service, path: str) -> None:
        assert (await service.client.get(path)).status_code == 401
        assert (await service.client.get(path, headers={"Authorization": "Bearer nonsense"})).status_code == 401
        for role, code in (("customer", 403), ("support", 403), ("auditor", 200), ("warehouse", 200), ("admin", 200)):
            response = await service.client.get(path, headers=ISSUER.headers("x", role))
            assert response.status_code == code, role

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
