"""Products: what they are called, cost and weigh, and what a bundle is made of.

A changed product is told whole, so that readers keep one copy. A bundle is made of products that are no bundles themselves; it
has no stock of its own, and is there as long as one warehouse has all of its components.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, Protocol, Self

from sqlalchemy import BigInteger, Column, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts import Money
from contracts.inventory import ProductPublished
from contracts.types import Line
from inventory.model.table import Table


class ProductExistsError(Refusal):
    """A product of this SKU is in the catalogue already."""

    slug = "product-exists"
    title = "The product exists already"


class VersionMismatchError(Refusal):
    """Someone changed it since the caller read it; nothing was written over."""

    slug = "version-mismatch"
    title = "It has changed meanwhile"
    status = 412


class InvalidComponentsError(Refusal):
    """A bundle cannot be made of what it names; `errors` says why, component by component."""

    slug = "invalid-components"
    title = "A bundle cannot be made of these"
    status = 422


class Unsaid(Enum):
    """Stands where None would mean something."""

    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class OfferProduct:
    """The wish to put a product into the catalogue."""

    sku: str
    name: str
    description: str
    price: Money
    active: bool
    weight_grams: int = 0
    tax_class: str = "standard"
    backorder: bool = False
    low_stock_threshold: int | None = None
    components: Sequence[Line] = ()
    category: str = ""
    image_url: str = ""


@dataclass(frozen=True, slots=True)
class ChangeProduct:
    """The wish to change a product; None leaves a fact as it is, and `expected` are the versions the caller may have seen."""

    sku: str
    name: str | None = None
    description: str | None = None
    price: Money | None = None
    active: bool | None = None
    expected: Container[int] | None = None
    weight_grams: int | None = None
    tax_class: str | None = None
    backorder: bool | None = None
    low_stock_threshold: int | Literal[Unsaid.UNSAID] | None = Unsaid.UNSAID
    components: Sequence[Line] | None = None
    category: str | None = None
    image_url: str | None = None


class Others(Protocol):
    """The rest of the catalogue, as far as a bundle must know it."""

    def product(self, sku: str) -> "Product | None":
        """Answer a product; None where there is none."""
        ...

    def is_component(self, sku: str) -> bool:
        """Tell whether a bundle is made of this product."""
        ...

    def is_stocked(self, sku: str) -> bool:
        """Tell whether units of this product lie anywhere, or are waited for."""
        ...


class Product(Table, table=True):
    """Something that can be ordered while it is `active`; `price_amount` is in minor units of `currency`."""

    __tablename__ = "product"

    sku: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    price_amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    active: bool
    weight_grams: int
    """What one unit weighs, packed."""
    tax_class: str = Field(sa_type=Text)
    backorder: bool
    """Whether it can be ordered beyond what is in stock."""
    low_stock_threshold: int | None = Field(default=None, sa_type=BigInteger)
    """Stock is low when no more than so many units can still be ordered; None: never."""
    components: list[Line] = Field(sa_column=Column(JSONB, nullable=False))
    """What one unit of a bundle is made of; empty: it is no bundle."""
    category: str = Field(default="", sa_type=Text)
    image_url: str = Field(default="", sa_type=Text)
    """Where its picture is; empty: it has none."""
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def offer(cls, wish: OfferProduct, others: Others, cause: Cause) -> tuple[Self, ProductPublished]:
        """Put a new product into the catalogue; raises InvalidComponentsError."""
        _check_components(wish.sku, wish.components, others)
        product = cls(
            sku=wish.sku,
            name=wish.name,
            description=wish.description,
            price_amount=wish.price.amount,
            currency=wish.price.currency,
            active=wish.active,
            weight_grams=wish.weight_grams,
            tax_class=wish.tax_class,
            backorder=wish.backorder,
            low_stock_threshold=wish.low_stock_threshold,
            components=list(wish.components),
            category=wish.category,
            image_url=wish.image_url,
            version=1,
            created_at=cause.at,
            updated_at=cause.at,
        )
        return product, product._published()

    def change(self, wish: ChangeProduct, others: Others, cause: Cause) -> ProductPublished | None:
        """Change what is asked for; None where that is how it stands already.

        Raises VersionMismatchError, InvalidComponentsError.
        """
        if wish.expected is not None and self.version not in wish.expected:
            raise VersionMismatchError(f"The product is at version {self.version}.", version=self.version)
        changes = {name: value for name, value in _wished(wish).items() if value != getattr(self, name)}
        if changes.get("components"):
            _check_components(self.sku, changes["components"], others)
        if not changes:
            return None
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        self.updated_at = cause.at
        return self._published()

    @property
    def price(self) -> Money:
        """The price of one unit."""
        return Money(amount=self.price_amount, currency=self.currency)

    def _published(self) -> ProductPublished:
        return ProductPublished(
            sku=self.sku,
            name=self.name,
            description=self.description,
            price=self.price,
            active=self.active,
            weight_grams=self.weight_grams,
            tax_class=self.tax_class,
            backorder=self.backorder,
            components=self.components,
        )


def _wished(wish: ChangeProduct) -> Mapping[str, Any]:
    """Name the columns that a wish speaks of, with what they are to be."""
    wished: dict[str, Any] = {
        "name": wish.name,
        "description": wish.description,
        "category": wish.category,
        "image_url": wish.image_url,
        "price_amount": wish.price and wish.price.amount,
        "currency": wish.price and wish.price.currency,
        "active": wish.active,
        "weight_grams": wish.weight_grams,
        "tax_class": wish.tax_class,
        "backorder": wish.backorder,
        "components": None if wish.components is None else list(wish.components),
    }
    said = {name: value for name, value in wished.items() if value is not None}
    if wish.low_stock_threshold is not Unsaid.UNSAID:
        said["low_stock_threshold"] = wish.low_stock_threshold
    return said


def _check_components(sku: str, components: Sequence[Line], others: Others) -> None:
    """See that a bundle can be made of these; raises InvalidComponentsError."""
    if not components:
        return
    errors = list(_wrong_with(sku, components, others))
    if others.is_component(sku):
        errors.append(("components", "a bundle is made of this product, so it cannot be one itself"))
    if others.is_stocked(sku):
        errors.append(
            ("components", "there is stock of this product, or someone waits for it, and a bundle has none of its own")
        )
    if errors:
        facts = [{"field": field, "message": message} for field, message in errors]
        raise InvalidComponentsError("; ".join(f"{field}: {message}" for field, message in errors[:5]), errors=facts)


def _wrong_with(sku: str, components: Iterable[Line], others: Others) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for place, line in enumerate(components):
        field = f"components.{place}.product_id"
        part = others.product(line.product_id)
        if line.product_id == sku:
            yield field, "a bundle cannot be made of itself"
        elif line.product_id in seen:
            yield field, "this product is named already"
        elif part is None:
            yield field, "no such product"
        elif part.components:
            yield field, "this product is a bundle itself"
        seen.add(line.product_id)
