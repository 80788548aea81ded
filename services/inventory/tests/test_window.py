"""The shop window and what is about to run out: sorted, searched, badged without numbers, and read through an index."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from pydantic_core import from_json
from sqlalchemy.dialects import postgresql

import inventory
from chassis.database import Database
from chassis.testing import PostgresServer, SettableClock, perform, service_database
from contracts.types import Money
from inventory.handlers import adjust_stock, offer_product, open_warehouse, reserve_stock
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse
from inventory.model.views import OfferView
from inventory.store import Wanted, Window, WindowSort, running_out
from inventory.store.window import offering

from .facts import placed

pytestmark = pytest.mark.database

MANY: Final = 5_000
PAGE: Final = 20


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def database(postgres: PostgresServer, clock: SettableClock) -> AsyncIterator[Database]:
    async with service_database(postgres, inventory, clock) as database:
        await perform(database, open_warehouse, OpenWarehouse("berlin", "Berlin", "DE", None))
        yield database


async def offer(database: Database, sku: str, cents: int = 100, units: int = 0, **facts: Any) -> None:
    wish = OfferProduct(sku, facts.pop("name", sku.title()), "", Money(amount=cents, currency="EUR"), active=True, **facts)
    await perform(database, offer_product, wish)
    if units:
        await perform(database, adjust_stock, AdjustStock(sku, "berlin", units, "opening stock"))


async def shown(database: Database, **wanted: Any) -> list[str]:
    """List the SKUs of all pages, two at a time."""
    seen, cursor = [], None
    while True:
        rows, cursor = await Window(database).offers(Wanted(**wanted), 2, cursor)
        seen += [product.sku for product, _ in rows]
        if cursor is None:
            return seen


async def test_each_sort_shows_everything_once(database: Database) -> None:
    for sku, name, cents in (("A", "Zebra", 300), ("B", "Ant", 100), ("C", "Ant", 300), ("D", "Mole", 200), ("E", "Cat", 100)):
        await offer(database, sku, cents, name=name)
    assert await shown(database) == ["A", "B", "C", "D", "E"]
    assert await shown(database, sort=WindowSort.NAME) == ["B", "C", "E", "D", "A"]
    assert await shown(database, sort=WindowSort.PRICE) == ["B", "E", "D", "A", "C"]
    assert await shown(database, sort=WindowSort.PRICE_FALLING) == ["C", "A", "D", "E", "B"]


async def test_the_badge_tells_no_number(database: Database) -> None:
    await offer(database, "PLENTY", units=10, low_stock_threshold=3)
    await offer(database, "FEW", units=3, low_stock_threshold=3)
    await offer(database, "NONE")
    await offer(database, "LATER", backorder=True)
    rows, _ = await Window(database).offers(Wanted(), 50, None)
    views = {product.sku: OfferView.of(product, there) for product, there in rows}
    badges = {sku: (str(view.availability), view.available) for sku, view in views.items()}
    assert badges == {
        "PLENTY": ("in_stock", True),
        "FEW": ("low", True),
        "NONE": ("out", False),
        "LATER": ("backorder", True),
    }
    assert not {"on_hand", "units", "low_stock_threshold"} & set(OfferView.model_fields)
    assert await shown(database, in_stock=True) == ["FEW", "PLENTY"]


async def test_words_and_categories_narrow_the_window(database: Database) -> None:
    await offer(database, "TEA-1", name="Green tea", category="Tea")
    await offer(database, "POT-1", name="Pot for green tea", category="Pots", image_url="/images/pot.jpg")
    assert await shown(database, words="gree TEA") == ["POT-1", "TEA-1"]
    assert await shown(database, words="pots") == ["POT-1"]
    assert await shown(database, category="Tea") == ["TEA-1"]
    assert await shown(database, words="g%n") == []
    found = await Window(database).offer("POT-1")
    assert found is not None
    assert (OfferView.of(*found).category, OfferView.of(*found).image_url) == ("Pots", "/images/pot.jpg")


@pytest.fixture(scope="module")
async def full(postgres: PostgresServer) -> AsyncIterator[Database]:
    async with service_database(postgres, inventory, SettableClock()) as database:
        async with database.transaction() as transaction:
            await transaction.fetch(
                """INSERT INTO product (sku, name, description, price_amount, currency, active, category, version, created_at,
                updated_at) SELECT 'SKU-' || n, 'Thing ' || md5(n::text), '', 1 + n % 997, 'EUR', true, 'c' || n % 50, 1,
                now(), now() FROM generate_series(1, $1::int) AS n""",
                MANY,
            )
        async with database.pool.acquire() as connection:
            await connection.execute("VACUUM ANALYZE product")
        yield database


@pytest.mark.parametrize(
    "wanted",
    [
        *(Wanted(sort=sort) for sort in WindowSort),
        Wanted(words="c4ca4238a0b92382"),
        Wanted(words="nothing-like-it"),
        Wanted(category="c7"),
    ],
    ids=str,
)
async def test_a_page_of_the_window_reads_few_products(full: Database, wanted: Wanted) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    query = str(offering(wanted, PAGE, None).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    async with full.pool.acquire() as connection:
        plan = from_json(await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}"))[0]["Plan"]
    assert products_read(plan) <= MANY / 20, plan


def products_read(node: dict[str, Any]) -> int:
    rows = 0
    if node.get("Relation Name") == "product":
        rows = round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    return rows + sum(products_read(child) for child in node.get("Plans", ()))


async def test_what_runs_out_soonest_comes_first(database: Database, clock: SettableClock) -> None:
    await offer(database, "SLOW", units=5)
    await offer(database, "FAST", units=20)
    await offer(database, "STILL", units=1)
    await offer(database, "PLENTY", units=1000)
    await perform(database, reserve_stock, placed(("FAST", 14)), placed(("SLOW", 1)))
    clock.forward(days=1)
    found = await running_out(database, 10, 50)
    assert [(one.product_id, one.available, one.sold_per_day, one.days_left) for one in found] == [
        ("FAST", 6, 1.0, 6.0),
        ("SLOW", 4, 0.071, 56.0),
        ("STILL", 1, 0.0, None),
    ]
    clock.forward(days=20)
    assert [one.days_left for one in await running_out(database, 10, 50)] == [None] * 3
    assert await running_out(database, None, 50) == []


async def test_the_threshold_of_a_product_is_its_own_limit(database: Database) -> None:
    await offer(database, "LOW", units=3, low_stock_threshold=5)
    await offer(database, "FINE", units=3)
    assert [one.product_id for one in await running_out(database, None, 50)] == ["LOW"]
    assert await running_out(database, 2, 50) == []
