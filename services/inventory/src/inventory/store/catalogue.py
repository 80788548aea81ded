"""Products and warehouses, loaded and written for a batch of changes."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from inventory.model import (
    ChangeProduct,
    OfferProduct,
    OpenWarehouse,
    Product,
    ProductExistsError,
    Warehouse,
    WarehouseExistsError,
)

_PRODUCT_COLUMNS: Final = "sku, name, description, price_amount, currency, active, version, created_at, updated_at"

_WRITE_PRODUCTS: Final = f"""
INSERT INTO product ({_PRODUCT_COLUMNS})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::boolean[], $7::int[], $8::timestamptz[],
                     $9::timestamptz[])
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, description = excluded.description, price_amount = excluded.price_amount,
    currency = excluded.currency, active = excluded.active, version = excluded.version, updated_at = excluded.updated_at
"""

_CATALOGUE_LOCK: Final = 7_242_101


class Catalogue:
    """Products and warehouses under change. Changes are rare and take turns, which makes 'exists already' a safe answer."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._products: dict[str, Product] = {}
        self._versions: dict[str, int] = {}
        self._warehouses: set[str] = set()
        self._opened: list[Warehouse] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Take the turn, then load the products and warehouses that the messages name."""
        await self._transaction.fetch("SELECT pg_advisory_xact_lock($1)", _CATALOGUE_LOCK)
        skus = [message.sku for message in messages if isinstance(message, OfferProduct | ChangeProduct)]
        if skus:
            sql = f"SELECT {_PRODUCT_COLUMNS} FROM product WHERE sku = ANY($1::text[]) ORDER BY sku FOR NO KEY UPDATE"
            for row in await self._transaction.fetch(sql, skus):
                self._products[row["sku"]] = Product.stored(dict(row))
                self._versions[row["sku"]] = row["version"]
        places = [message.warehouse_id for message in messages if isinstance(message, OpenWarehouse)]
        if places:
            sql = "SELECT warehouse_id FROM warehouse WHERE warehouse_id = ANY($1::text[])"
            self._warehouses = {row["warehouse_id"] for row in await self._transaction.fetch(sql, places)}

    def product(self, sku: str) -> Product | None:
        """Answer a product; None where there is none."""
        return self._products.get(sku)

    def add_product(self, product: Product) -> None:
        """Take up a new product; raises ProductExistsError."""
        if product.sku in self._products:
            raise ProductExistsError(f"There is a product {product.sku} already.", product_id=product.sku)
        self._products[product.sku] = product

    def add_warehouse(self, warehouse: Warehouse) -> None:
        """Take up a new warehouse; raises WarehouseExistsError."""
        if warehouse.warehouse_id in self._warehouses:
            detail = f"There is a warehouse {warehouse.warehouse_id} already."
            raise WarehouseExistsError(detail, warehouse_id=warehouse.warehouse_id)
        self._warehouses.add(warehouse.warehouse_id)
        self._opened.append(warehouse)

    async def flush(self) -> None:
        """Write new and changed products, and new warehouses."""
        changed = [one for one in self._products.values() if one.version != self._versions.get(one.sku)]
        if changed:
            columns = _PRODUCT_COLUMNS.split(", ")
            await self._transaction.fetch(_WRITE_PRODUCTS, *([getattr(one, name) for one in changed] for name in columns))
        if self._opened:
            columns = ["warehouse_id", "name", "country", "region", "created_at"]
            await self._transaction.fetch(
                """INSERT INTO warehouse (warehouse_id, name, country, region, created_at)
                SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])""",
                *([getattr(one, name) for one in self._opened] for name in columns),
            )
