"""Products with their price, and the warehouses they lie in. A changed product is told whole, so that readers keep one copy."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts import Money
from contracts.inventory import ProductPublished
from inventory.model.table import Table


class ProductExistsError(Refusal):
    """A product of this SKU is in the catalogue already."""

    slug = "product-exists"
    title = "The product exists already"


class WarehouseExistsError(Refusal):
    """A warehouse of this id is there already."""

    slug = "warehouse-exists"
    title = "The warehouse exists already"


class VersionMismatchError(Refusal):
    """Someone changed the product since the caller read it; nothing was written over."""

    slug = "version-mismatch"
    title = "The product has changed meanwhile"
    status = 412


@dataclass(frozen=True, slots=True)
class OfferProduct:
    """The wish to put a product into the catalogue."""

    sku: str
    name: str
    description: str
    price: Money
    active: bool


@dataclass(frozen=True, slots=True)
class ChangeProduct:
    """The wish to change a product; None leaves a fact as it is, and `expected` are the versions the caller may have seen."""

    sku: str
    name: str | None = None
    description: str | None = None
    price: Money | None = None
    active: bool | None = None
    expected: Container[int] | None = None


@dataclass(frozen=True, slots=True)
class OpenWarehouse:
    """The wish to ship from one more place."""

    warehouse_id: str
    name: str
    country: str
    region: str | None


class Product(Table, table=True):
    """Something that can be ordered while it is `active`; `price_amount` is in minor units of `currency`."""

    __tablename__ = "product"

    sku: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    description: str = Field(sa_type=Text)
    price_amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def offer(cls, wish: OfferProduct, cause: Cause) -> tuple[Self, ProductPublished]:
        """Put a new product into the catalogue."""
        product = cls(
            sku=wish.sku,
            name=wish.name,
            description=wish.description,
            price_amount=wish.price.amount,
            currency=wish.price.currency,
            active=wish.active,
            version=1,
            created_at=cause.at,
            updated_at=cause.at,
        )
        return product, product._published()

    def change(self, wish: ChangeProduct, cause: Cause) -> ProductPublished | None:
        """Change what is asked for; None where that is how it stands already. Raises VersionMismatchError."""
        if wish.expected is not None and self.version not in wish.expected:
            raise VersionMismatchError(f"The product is at version {self.version}.", version=self.version)
        wished = {
            "name": wish.name,
            "description": wish.description,
            "price_amount": wish.price and wish.price.amount,
            "currency": wish.price and wish.price.currency,
            "active": wish.active,
        }
        changes = {name: value for name, value in wished.items() if value is not None and value != getattr(self, name)}
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
            sku=self.sku, name=self.name, description=self.description, price=self.price, active=self.active
        )


class Warehouse(Table, table=True):
    """A place that keeps stock and ships it; `country` (ISO 3166 alpha-2) decides which orders it is nearest to."""

    __tablename__ = "warehouse"

    warehouse_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    country: str = Field(sa_type=Text)
    region: str | None = Field(default=None, sa_type=Text)
    created_at: datetime

    @classmethod
    def open(cls, wish: OpenWarehouse, cause: Cause) -> Self:
        """Open a warehouse, empty."""
        return cls(
            warehouse_id=wish.warehouse_id, name=wish.name, country=wish.country, region=wish.region, created_at=cause.at
        )
