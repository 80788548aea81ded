"""What a client is shown of products, warehouses and stock: the JSON of the API."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from contracts import Money
from inventory.model.catalogue import Product, Warehouse
from inventory.model.reservation import HeldLine, Reservation
from inventory.model.stock import Movement, Stock


class OfferView(BaseModel):
    """A product as a shopper sees it; `available` tells whether any of it can be ordered now."""

    product_id: str
    name: str
    description: str
    price: Money
    available: bool

    @classmethod
    def of(cls, product: Product, *, available: bool) -> Self:
        """Show a product."""
        return cls(
            product_id=product.sku,
            name=product.name,
            description=product.description,
            price=product.price,
            available=available,
        )


class ProductView(BaseModel):
    """A product as its keepers see it; `version` is what If-Match compares."""

    product_id: str
    name: str
    description: str
    price: Money
    active: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, product: Product) -> Self:
        """Show a product."""
        return cls(
            product_id=product.sku,
            name=product.name,
            description=product.description,
            price=product.price,
            active=product.active,
            version=product.version,
            created_at=product.created_at,
            updated_at=product.updated_at,
        )


class WarehouseView(BaseModel):
    """A warehouse."""

    warehouse_id: str
    name: str
    country: str
    region: str | None

    @classmethod
    def of(cls, warehouse: Warehouse) -> Self:
        """Show a warehouse."""
        return cls(warehouse_id=warehouse.warehouse_id, name=warehouse.name, country=warehouse.country, region=warehouse.region)


class StockView(BaseModel):
    """Units of a product in a warehouse; `available` is `on_hand` less `reserved`."""

    product_id: str
    warehouse_id: str
    on_hand: int
    reserved: int
    available: int

    @classmethod
    def of(cls, stock: Stock) -> Self:
        """Show a stock."""
        return cls(
            product_id=stock.sku,
            warehouse_id=stock.warehouse_id,
            on_hand=stock.on_hand,
            reserved=stock.reserved,
            available=stock.available,
        )


class MovementView(BaseModel):
    """A line of the stock ledger."""

    movement_id: UUID
    product_id: str
    warehouse_id: str
    kind: str
    on_hand_delta: int
    reserved_delta: int
    reason: str | None
    order_id: UUID | None
    shipment_id: UUID | None
    actor: str
    at: datetime

    @classmethod
    def of(cls, movement: Movement) -> Self:
        """Show a movement."""
        return cls(
            product_id=movement.sku, **{name: getattr(movement, name) for name in cls.model_fields if name != "product_id"}
        )


class ReservationView(BaseModel):
    """What is held for an order."""

    order_id: UUID
    status: str
    lines: list[HeldLine]
    shipments: list[UUID]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, reservation: Reservation) -> Self:
        """Show a reservation."""
        return cls.model_validate(reservation, from_attributes=True)


class Difference(BaseModel):
    """A stock whose counters are not what the ledger adds up to, or whose `reserved` is not what is held for orders."""

    product_id: str
    warehouse_id: str
    on_hand: int
    reserved: int
    ledger_on_hand: int
    ledger_reserved: int
    held: int


class AuditView(BaseModel):
    """The counters against the ledger and the reservations; sums are units over all products and warehouses."""

    consistent: bool
    checked: int
    on_hand: int
    reserved: int
    received: int
    adjusted: int
    shipped: int
    differences: list[Difference]
