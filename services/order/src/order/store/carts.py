"""Carts and the service's copy of the catalogue, for a whole batch at once."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from contracts.inventory import ProductPublished
from order.model import Cart, Product

_LOCK_CARTS: Final = "SELECT * FROM cart WHERE user_id = ANY($1::text[]) ORDER BY user_id FOR UPDATE"
_UPSERT_CARTS: Final = """
INSERT INTO cart (user_id, items, version, updated_at)
SELECT * FROM unnest($1::text[], $2::jsonb[], $3::int[], $4::timestamptz[])
ON CONFLICT (user_id) DO UPDATE SET items = excluded.items, version = excluded.version, updated_at = excluded.updated_at
"""
_PRODUCTS: Final = "SELECT * FROM product WHERE sku = ANY($1::text[])"
_PRODUCTS_IN_CARTS: Final = """
SELECT * FROM product
WHERE sku IN (SELECT jsonb_object_keys(items) FROM cart WHERE user_id = ANY($1::text[])) OR sku = ANY($2::text[])
"""
_UPSERT_PRODUCTS: Final = """
INSERT INTO product AS p (sku, name, price, currency, active, sequence)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bool[], $6::int[])
ON CONFLICT (sku) DO UPDATE SET name = excluded.name, price = excluded.price, currency = excluded.currency,
    active = excluded.active, sequence = excluded.sequence
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

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load the products."""
        facts = {message.sku for message in messages if isinstance(message, ProductPublished)}
        commands = [message for message in messages if not isinstance(message, ProductPublished)]
        skus = sorted(facts | {sku for command in commands for sku in command.skus})
        users = sorted({command.cart_of for command in commands if command.cart_of is not None})
        if users:
            rows = await self._transaction.fetch(_PRODUCTS_IN_CARTS, users, skus)
        elif facts:
            rows = await self._transaction.fetch(f"{_PRODUCTS} ORDER BY sku FOR UPDATE", skus)
        else:
            rows = await self._transaction.fetch(_PRODUCTS, skus)
        self._products = {row["sku"]: Product.stored(row) for row in rows}

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
            )
