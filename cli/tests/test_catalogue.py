"""The demo catalogue: large enough, valid by the contracts, and harmless to put in twice."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import Any

import httpx2
import pytest
from pydantic import TypeAdapter

from contracts import Money
from contracts.types import Sku
from waybill import catalogue
from waybill.catalogue import WAREHOUSES, calls, products, seed
from waybill.errors import WaybillError

PARTS = [product for product in products() if not product.components]
BUNDLES = [product for product in products() if product.components]


def test_there_is_something_to_order() -> None:
    assert len(products()) >= 40
    assert len({product.sku for product in products()}) == len(products())
    sku = TypeAdapter(Sku)
    for product in products():
        assert sku.validate_python(product.sku) == product.sku
        assert Money(amount=product.cents, currency="EUR").amount > 0
        assert product.name
        assert product.description
        assert product.category
        assert 0 < product.weight_grams <= 2_000
        assert product.tax_class in {"standard", "reduced"}
        assert all(units > 0 for units in product.stock.values())


def test_two_warehouses_have_all_of_it() -> None:
    assert [(warehouse.warehouse_id, warehouse.country) for warehouse in WAREHOUSES] == [("berlin", "DE"), ("lyon", "FR")]
    assert all(warehouse.line1 and warehouse.city and warehouse.postal_code for warehouse in WAREHOUSES)
    assert all(set(product.stock) == {"berlin", "lyon"} for product in PARTS)


def test_two_bundles_are_made_of_what_is_sold_alone() -> None:
    weights = {product.sku: product.weight_grams for product in PARTS}
    assert len(BUNDLES) == 2
    for bundle in BUNDLES:
        assert set(bundle.components) <= weights.keys()
        assert len(set(bundle.components)) == len(bundle.components)
        assert bundle.stock == {}
        assert bundle.weight_grams >= sum(weights[part] for part in bundle.components)
        assert bundle.cents < sum(part.cents for part in PARTS if part.sku in bundle.components)


def test_there_is_something_of_each_kind() -> None:
    assert Counter(product.backorder for product in products())[True] == 3
    watched = [product for product in products() if product.low_stock_threshold is not None]
    assert len(watched) >= 5
    assert all(0 < (product.low_stock_threshold or 0) < sum(product.stock.values()) for product in watched)
    assert {product.tax_class for product in products()} == {"standard", "reduced"}


def test_each_call_has_a_key_of_its_own_that_never_changes() -> None:
    first, second = (list(chain.from_iterable(calls(products()))) for _ in range(2))
    assert len({call.key for call in first}) == len(first) == 2 + 3 * len(PARTS) + len(BUNDLES)
    assert [call.key for call in first] == [call.key for call in second]
    assert all(len(call.key) <= 100 for call in first)


def test_who_says_something_else_of_a_product_has_another_key() -> None:
    tea = products()[0]
    (_, (said,), _, stocked), (_, (other,), _, same) = calls([tea]), calls([replace(tea, weight_grams=1)])
    assert said.key != other.key
    assert [call.key for call in stocked] == [call.key for call in same]


class Inventory:
    """Stands for the inventory: takes each key once, knows what exists, and counts stock."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[Any, int]] = {}
        self.bodies: dict[str, dict[str, Any]] = {}
        self.stock: Counter[str] = Counter()
        self.refuses: Callable[[str], bool] = lambda _: False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "GET":
            return httpx2.Response(200, json={"items": [{"product_id": sku} for sku in self.bodies], "next_cursor": None})
        key, body = request.headers["idempotency-key"], json.loads(request.content)
        if self.refuses(key):
            return httpx2.Response(503, text="away")
        if key in self.answers:
            known, status = self.answers[key]
            return httpx2.Response(status if known == body else 422)
        self.answers[key] = (body, self._take(request.url.path, body))
        return httpx2.Response(self.answers[key][1])

    def _take(self, path: str, body: dict[str, Any]) -> int:
        if path.endswith("/adjustments"):
            assert body["product_id"] in self.bodies
            self.stock[body["product_id"]] += body["delta"]
            return 201
        name = body.get("product_id")
        if name in self.bodies:
            return 409
        if name is not None:
            assert all(part["product_id"] in self.bodies for part in body["components"])
            self.bodies[name] = body
        return 201


OPENING = {product.sku: sum(product.stock.values()) for product in PARTS}


@pytest.fixture
def inventory(monkeypatch: pytest.MonkeyPatch) -> Inventory:
    stand_in = Inventory()
    transport, client = httpx2.MockTransport(stand_in), httpx2.AsyncClient
    monkeypatch.setattr(catalogue, "token", lambda *_: "token")
    monkeypatch.setattr(httpx2, "AsyncClient", lambda **options: client(transport=transport, **options))
    return stand_in


async def fill() -> None:
    await seed("http://gateway.test", "http://issuer.test")


async def test_filling_it_twice_counts_once(inventory: Inventory) -> None:
    for _ in range(2):
        await fill()
        assert inventory.bodies.keys() == {product.sku for product in products()}
        assert inventory.stock == OPENING


@pytest.mark.parametrize("broken_at", ["demo-product-TRAY", "demo-product-BOX", "demo-stock-TEA-MINT"])
async def test_one_that_was_interrupted_is_completed(inventory: Inventory, broken_at: str) -> None:
    inventory.refuses = lambda key: key.startswith(broken_at)
    with pytest.raises(WaybillError, match="cannot be filled"):
        await fill()
    inventory.refuses = lambda _: False
    await fill()
    assert inventory.bodies.keys() == {product.sku for product in products()}
    assert inventory.stock == OPENING


async def test_one_that_a_version_before_began_is_completed(inventory: Inventory) -> None:
    tea = PARTS[0]
    before = {"product_id": tea.sku, "name": tea.name, "description": "", "price": {"amount": 1, "currency": "EUR"}}
    inventory.answers[f"demo-product-{tea.sku}"] = (before, 201)
    inventory.bodies[tea.sku] = before
    await fill()
    assert inventory.bodies[tea.sku] == before
    assert inventory.stock == OPENING


async def test_a_catalogue_of_others_is_left_alone(inventory: Inventory) -> None:
    inventory.bodies["OTHER-1"] = {}
    await fill()
    assert (inventory.bodies, inventory.answers) == ({"OTHER-1": {}}, {})
