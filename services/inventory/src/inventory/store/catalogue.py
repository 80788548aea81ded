"""Products and warehouses, loaded and written for a batch of changes."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from pydantic_core import to_json

from chassis.database import Transaction
from chassis.domain import NotFoundError
from contracts.types import Line
from inventory.model import (
    ChangeProduct,
    ChangeWarehouse,
    OfferProduct,
    OpenWarehouse,
    Product,
    ProductExistsError,
    Warehouse,
    WarehouseExistsError,
)
from inventory.store.due import WarehouseDue

_PRODUCT_COLUMNS: Final = (
    "sku, name, description, price_amount, currency, active, weight_grams, tax_class, backorder, low_stock_threshold,"
    " components, category, image_url, version, created_at, updated_at"
)

_LOCK_PRODUCTS: Final = f"SELECT {_PRODUCT_COLUMNS} FROM product WHERE sku = ANY($1::text[]) ORDER BY sku FOR NO KEY UPDATE"

_WRITE_PRODUCTS: Final = f"""
INSERT INTO product ({_PRODUCT_COLUMNS})
SELECT sku, name, description, price_amount, currency, active, weight_grams, tax_class, backorder, low_stock_threshold,
    components::jsonb, category, image_url, version, created_at, updated_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::int[], $8::text[], $9::boolean[],
            $10::bigint[], $11::text[], $12::text[], $13::text[], $14::int[], $15::timestamptz[],
            $16::timestamptz[]) AS c({_PRODUCT_COLUMNS})
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, description = excluded.description, price_amount = excluded.price_amount,
    currency = excluded.currency, active = excluded.active, weight_grams = excluded.weight_grams,
    tax_class = excluded.tax_class, backorder = excluded.backorder, low_stock_threshold = excluded.low_stock_threshold,
    components = excluded.components, category = excluded.category, image_url = excluded.image_url,
    version = excluded.version, updated_at = excluded.updated_at
"""

# Of products that are to be bundles: which are components of another, and which lie in a warehouse or are waited for.
_LOOK_AROUND: Final = """
SELECT p.sku, EXISTS (
    SELECT FROM product b
    WHERE b.components <> '[]' AND b.components @> jsonb_build_array(jsonb_build_object('product_id', p.sku))
) AS contained, EXISTS (SELECT FROM stock s WHERE s.sku = p.sku AND s.on_hand > 0)
    OR EXISTS (SELECT FROM backorder b WHERE b.part = p.sku) AS stocked
FROM product p WHERE p.sku = ANY($1::text[])
"""

_WAREHOUSE_COLUMNS: Final = "warehouse_id, name, country, region, line1, city, postal_code, created_at, due_at"

_LOCK_WAREHOUSES: Final = (
    f"SELECT {_WAREHOUSE_COLUMNS} FROM warehouse WHERE warehouse_id = ANY($1::text[]) ORDER BY warehouse_id FOR NO KEY UPDATE"
)

_WRITE_WAREHOUSES: Final = f"""
INSERT INTO warehouse ({_WAREHOUSE_COLUMNS})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
                     $9::timestamptz[])
ON CONFLICT (warehouse_id) DO UPDATE SET name = excluded.name, country = excluded.country, region = excluded.region,
    line1 = excluded.line1, city = excluded.city, postal_code = excluded.postal_code, due_at = excluded.due_at
"""

_CATALOGUE_LOCK: Final = 7_242_101


class Catalogue:
    """Products and warehouses under change. Changes are rare and take turns, which makes 'exists already' a safe answer."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._products: dict[str, Product] = {}
        self._versions: dict[str, int] = {}
        self._components: set[str] = set()
        self._stocked: set[str] = set()
        self._warehouses: dict[str, Warehouse] = {}
        self._changed: dict[str, Warehouse] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Take the turn, then load the products and warehouses that the messages name."""
        await self._transaction.fetch("SELECT pg_advisory_xact_lock($1)", _CATALOGUE_LOCK)
        wishes = [message for message in messages if isinstance(message, OfferProduct | ChangeProduct)]
        if wishes:
            await self._load_products(
                {wish.sku for wish in wishes} | {line.product_id for one in wishes for line in _parts(one)}
            )
        bundles = [wish.sku for wish in wishes if wish.components]
        if bundles:
            for row in await self._transaction.fetch(_LOOK_AROUND, bundles):
                self._components.update([row["sku"]] if row["contained"] else [])
                self._stocked.update([row["sku"]] if row["stocked"] else [])
        named = [one.warehouse_id for one in messages if isinstance(one, OpenWarehouse | ChangeWarehouse | WarehouseDue)]
        if named:
            for row in await self._transaction.fetch(_LOCK_WAREHOUSES, named):
                self._warehouses[row["warehouse_id"]] = Warehouse.stored(dict(row))

    async def _load_products(self, skus: set[str]) -> None:
        for row in await self._transaction.fetch(_LOCK_PRODUCTS, list(skus)):
            components = [Line(**line) for line in row["components"]]
            self._products[row["sku"]] = Product.stored({**row, "components": components})
            self._versions[row["sku"]] = row["version"]

    def product(self, sku: str) -> Product | None:
        """Answer a product; None where there is none."""
        return self._products.get(sku)

    def is_component(self, sku: str) -> bool:
        """Tell whether a bundle is made of this product."""
        made_of_it = (line.product_id == sku for one in self._products.values() for line in one.components)
        return sku in self._components or any(made_of_it)

    def is_stocked(self, sku: str) -> bool:
        """Tell whether units of this product lie anywhere, or are waited for."""
        return sku in self._stocked

    def add_product(self, product: Product) -> None:
        """Take up a new product; raises ProductExistsError."""
        if product.sku in self._products:
            raise ProductExistsError(f"There is a product {product.sku} already.", product_id=product.sku)
        self._products[product.sku] = product

    def warehouse(self, warehouse_id: str) -> Warehouse:
        """Answer a warehouse that is to be changed; raises NotFoundError."""
        found = self._warehouses.get(warehouse_id)
        if found is None:
            raise NotFoundError(f"There is no warehouse {warehouse_id}.")
        self._changed[warehouse_id] = found
        return found

    def add_warehouse(self, warehouse: Warehouse) -> None:
        """Take up a new warehouse; raises WarehouseExistsError."""
        if warehouse.warehouse_id in self._warehouses:
            detail = f"There is a warehouse {warehouse.warehouse_id} already."
            raise WarehouseExistsError(detail, warehouse_id=warehouse.warehouse_id)
        self._warehouses[warehouse.warehouse_id] = self._changed[warehouse.warehouse_id] = warehouse

    async def flush(self) -> None:
        """Write new and changed products and warehouses."""
        changed = [one for one in self._products.values() if one.version != self._versions.get(one.sku)]
        if changed:
            columns = {name: [getattr(one, name) for one in changed] for name in _PRODUCT_COLUMNS.split(", ")}
            columns["components"] = [to_json(one.components).decode() for one in changed]
            await self._transaction.fetch(_WRITE_PRODUCTS, *columns.values())
        if self._changed:
            rows = self._changed.values()
            columns = {name: [getattr(one, name) for one in rows] for name in _WAREHOUSE_COLUMNS.split(", ")}
            await self._transaction.fetch(_WRITE_WAREHOUSES, *columns.values())


def _parts(wish: OfferProduct | ChangeProduct) -> Sequence[Line]:
    return wish.components or ()
