"""Carts, the terms of sale, and the service's copy of the catalogue and the warehouses, for a whole batch at once."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.inventory import ProductPublished
from order.model import Cart, Product, Terms, Warehouse

_LOCK_CARTS: Final = "SELECT * FROM cart WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR UPDATE"
_UPSERT_CARTS: Final = """
INSERT INTO cart (user_id, items, version, updated_at)
SELECT * FROM unnest($1::text[], $2::jsonb[], $3::int[], $4::timestamptz[])
ON CONFLICT (user_id) DO UPDATE SET items = excluded.items, version = excluded.version, updated_at = excluded.updated_at
"""
_COLUMNS: Final = "p.sku, p.name, p.price, p.currency, p.active, p.sequence, p.weight_grams, p.tax_class, t.version"
_PRODUCTS: Final = f"SELECT {_COLUMNS} FROM product p CROSS JOIN terms t WHERE p.sku = ANY($1::text[])"
_PRODUCTS_IN_CARTS: Final = f"""
SELECT {_COLUMNS} FROM product p CROSS JOIN terms t
WHERE p.sku IN (SELECT jsonb_object_keys(items) FROM cart WHERE user_id = ANY($1::text[])) OR p.sku = ANY($2::text[])
"""
_UPSERT_PRODUCTS: Final = """
INSERT INTO product AS p (sku, name, price, currency, active, sequence, weight_grams, tax_class)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bool[], $6::int[], $7::int[], $8::text[])
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price = excluded.price, currency = excluded.currency,
    active = excluded.active, sequence = excluded.sequence, weight_grams = excluded.weight_grams,
    tax_class = excluded.tax_class
"""
_TERMS: Final = "SELECT version, shipping_methods, tax_rates FROM terms"
_LOCK_TERMS: Final = f"{_TERMS} FOR UPDATE"
_WRITE_TERMS: Final = """
UPDATE terms SET version = $1, shipping_methods = $2, tax_rates = $3, changed_by = $4, changed_at = $5
"""
_UPSERT_WAREHOUSES: Final = """
INSERT INTO warehouse AS w (warehouse_id, name, country, region, line1, city, postal_code, sequence)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[])
ON CONFLICT (warehouse_id) DO UPDATE SET name = excluded.name, country = excluded.country, region = excluded.region,
    line1 = excluded.line1, city = excluded.city, postal_code = excluded.postal_code, sequence = excluded.sequence
WHERE w.sequence < excluded.sequence
"""


class CartStore:
    """The carts that the messages name by `cart_of` (a user id; None: no cart is needed)."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._carts: dict[str, Cart] = {}
        self._versions: dict[str, int] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the carts."""
        users = sorted({message.cart_of for message in messages if message.cart_of is not None})
        if users:
            for row in await self._transaction.fetch(_LOCK_CARTS, users):
                cart = self._carts[row["user_id"]] = Cart.stored(row)
                self._versions[cart.user_id] = cart.version

    def get(self, user_id: str) -> Cart:
        """Answer the cart of a customer, an empty one where there is none yet."""
        if user_id not in self._carts:
            self._carts[user_id] = Cart.empty(user_id, self._transaction.now)
            self._versions[user_id] = 0
        return self._carts[user_id]

    async def flush(self) -> None:
        """Write the carts that changed."""
        changed = [cart for user, cart in sorted(self._carts.items()) if cart.version != self._versions[user]]
        if changed:
            await self._transaction.fetch(
                _UPSERT_CARTS,
                [cart.user_id for cart in changed],
                [cart.items for cart in changed],
                [cart.version for cart in changed],
                [cart.updated_at for cart in changed],
            )


class ProductStore:
    """The products that the messages name: by `skus`, in the cart of `cart_of`, or as a fact about one."""

    lock_rank: ClassVar[int] = 30

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._products: dict[str, Product] = {}
        self._changed: dict[str, Product] = {}
        self.terms = Terms()
        """The terms of sale as they are now."""

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load the products."""
        facts = {message.sku for message in messages if isinstance(message, ProductPublished)}
        commands = [message for message in messages if not isinstance(message, ProductPublished)]
        skus = sorted(facts | {sku for command in commands for sku in command.skus})
        users = sorted({command.cart_of for command in commands if command.cart_of is not None})
        if users:
            rows = await self._transaction.fetch(_PRODUCTS_IN_CARTS, users, skus)
        elif facts:
            rows = await self._transaction.fetch(f"{_PRODUCTS} ORDER BY p.sku FOR UPDATE OF p", skus)
        else:
            rows = await self._transaction.fetch(_PRODUCTS, skus)
        self._products = {row["sku"]: Product.stored(row) for row in rows}
        if rows and not facts:
            self.terms = await _terms(self._transaction, rows[0]["version"])

    @property
    def all(self) -> Mapping[str, Product]:
        """The products at hand, by SKU."""
        return self._products

    def learn(self, product: Product) -> None:
        """Take over what the catalogue tells, unless something newer is known."""
        known = self._products.get(product.sku)
        if known is None or known.sequence < product.sequence:
            self._products[product.sku] = self._changed[product.sku] = product

    async def flush(self) -> None:
        """Write what was learned."""
        if self._changed:
            learned = [product for _, product in sorted(self._changed.items())]
            await self._transaction.fetch(
                _UPSERT_PRODUCTS,
                [product.sku for product in learned],
                [product.name for product in learned],
                [product.price for product in learned],
                [product.currency for product in learned],
                [product.active for product in learned],
                [product.sequence for product in learned],
                [product.weight_grams for product in learned],
                [product.tax_class for product in learned],
            )


async def _terms(transaction: Transaction, version: int) -> Terms:
    """Answer the terms of a version: they never change under it, so a process reads each version once."""
    known: Terms | None = transaction.remembered.get(("terms", version))
    if known is None:
        (row,) = await transaction.fetch(_TERMS)
        known = transaction.remembered["terms", row["version"]] = Terms.model_validate(dict(row))
    return known


class TermsStore:
    """The terms of sale, to be changed."""

    lock_rank: ClassVar[int] = 40

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._changed: tuple[Terms, Cause] | None = None

    async def fetch(self, _: Sequence[Any]) -> None:
        """Load and lock them."""
        (row,) = await self._transaction.fetch(_LOCK_TERMS)
        self.terms = Terms.model_validate(dict(row))

    def change(self, terms: Terms, cause: Cause) -> None:
        """Keep other terms, and who made them."""
        self.terms = terms
        self._changed = terms, cause

    async def flush(self) -> None:
        """Write them, if they changed."""
        if self._changed is not None:
            terms, cause = self._changed
            whole = terms.model_dump(mode="json")
            values = (terms.version, whole["shipping_methods"], whole["tax_rates"], cause.actor, cause.at)
            await self._transaction.fetch(_WRITE_TERMS, *values)


class WarehouseStore:
    """The copy of the warehouses."""

    lock_rank: ClassVar[int] = 50

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._learned: dict[str, Warehouse] = {}

    async def fetch(self, _: Sequence[Any]) -> None:
        """Nothing is read: what is newer wins when it is written."""

    def learn(self, warehouse: Warehouse) -> None:
        """Take over what is told of a warehouse, unless something newer is known."""
        known = self._learned.get(warehouse.warehouse_id)
        if known is None or known.sequence < warehouse.sequence:
            self._learned[warehouse.warehouse_id] = warehouse

    async def flush(self) -> None:
        """Write what was learned."""
        if self._learned:
            learned = [warehouse for _, warehouse in sorted(self._learned.items())]
            names = ("warehouse_id", "name", "country", "region", "line1", "city", "postal_code", "sequence")
            columns = [[getattr(one, name) for one in learned] for name in names]
            await self._transaction.fetch(_UPSERT_WAREHOUSES, *columns)
