"""Carts, and what they cost at the shop's prices of the moment."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Self

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Refusal
from order.model.table import Table

MOST_LINES: Final = 100
MOST_OF_ONE: Final = 999


class UnknownProductError(Refusal):
    """A line names a product that cannot be ordered."""

    slug = "unknown-product"
    title = "No such product"
    status = 422


class EmptyCartError(Refusal):
    """There is nothing in the cart to order."""

    slug = "empty-cart"
    title = "The cart is empty"
    status = 422


class CartFullError(Refusal):
    """The cart holds as much as one order can."""

    slug = "cart-full"
    title = "The cart is full"
    status = 422


class Product(Table, table=True):
    """What the order service knows of a product: its own copy of the catalogue, fed by `catalog.products`.

    `sequence` is the fact this copy comes from; an older fact never overwrites a newer one. `price` is in minor units.
    """

    __tablename__ = "product"

    sku: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    price: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    active: bool
    sequence: int
    weight_grams: int = 0
    tax_class: str = Field(default="standard", sa_type=Text)


class PricedLine:
    """A line at the price of the moment."""

    __slots__ = ("product", "quantity")

    def __init__(self, product: Product, quantity: int) -> None:
        self.product = product
        self.quantity = quantity

    @property
    def subtotal(self) -> int:
        """Give the price of the line (minor units)."""
        return self.product.price * self.quantity


def price_lines(lines: Iterable[tuple[str, int]], products: Mapping[str, Product], currency: str) -> list[PricedLine]:
    """Price lines of (SKU, quantity); several lines of one product become one. Raises UnknownProductError naming the line."""
    quantities: dict[str, int] = {}
    for position, (sku, quantity) in enumerate(lines):
        product = products.get(sku)
        if product is None or not product.active or product.currency != currency:
            field = f"items.{position}.product_id"
            raise UnknownProductError(
                f"{field}: there is no product {sku} on sale.", errors=[{"field": field, "message": "is not on sale"}]
            )
        quantities[sku] = quantities.get(sku, 0) + quantity
    return [PricedLine(products[sku], quantity) for sku, quantity in quantities.items()]


class Cart(Table, table=True):
    """What a customer means to buy; prices are looked up whenever it is shown or ordered."""

    __tablename__ = "cart"

    user_id: str = Field(primary_key=True, sa_type=Text)
    items: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))

    @classmethod
    def empty(cls, user_id: str, at: datetime) -> Self:
        """Start a cart."""
        return cls(user_id=user_id, items={}, version=0, updated_at=at)

    def replace(self, items: Mapping[str, int], at: datetime) -> None:
        """Put exactly these products in the cart; raises CartFullError."""
        self._change(dict(items), at)

    def add(self, sku: str, quantity: int, at: datetime) -> None:
        """Put more of a product in the cart; raises CartFullError."""
        self._change({**self.items, sku: self.items.get(sku, 0) + quantity}, at)

    def set_quantity(self, sku: str, quantity: int, at: datetime) -> None:
        """Change how much of a product is in the cart; 0 takes it out."""
        items = {**self.items, sku: quantity}
        if quantity == 0:
            del items[sku]
        self._change(items, at)

    def clear(self, at: datetime) -> None:
        """Empty the cart."""
        self._change({}, at)

    def _change(self, items: dict[str, int], at: datetime) -> None:
        if len(items) > MOST_LINES:
            raise CartFullError(f"items: a cart holds at most {MOST_LINES} products.", most=MOST_LINES)
        for sku, quantity in items.items():
            if quantity > MOST_OF_ONE:
                raise CartFullError(f"quantity: a cart holds at most {MOST_OF_ONE} of {sku}.", most=MOST_OF_ONE)
        self.items = items
        self.version += 1
        self.updated_at = at


def lines_of(cart: Cart) -> list[tuple[str, int]]:
    """List a cart's lines as (SKU, quantity)."""
    if not cart.items:
        raise EmptyCartError("Put something in the cart first, or send `items`.")
    return list(cart.items.items())
