"""Stock of a product in a warehouse, and the ledger of every movement of it.

A counter changes only by posting a movement, so the counters can be told again from the ledger at any time. A movement that
would take a warehouse below zero, or below what it holds for orders, is refused before anything changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Refusal
from inventory.model.table import Table

MOST_UNITS: Final = 10**9
"""The most units of anything: more is a slip of the keyboard."""


class MovementKind(StrEnum):
    """What happened to units: they came in, left, were counted anew, or were held for an order or let go."""

    RECEIVED = "received"
    ADJUSTED = "adjusted"
    COUNTED = "counted"
    RETURNED = "returned"
    WRITTEN_OFF = "written_off"
    MOVED = "moved"
    RESERVED = "reserved"
    RELEASED = "released"
    SHIPPED = "shipped"


EFFECT: Final[Mapping[MovementKind, tuple[int, int]]] = {
    MovementKind.RECEIVED: (1, 0),
    MovementKind.ADJUSTED: (1, 0),
    MovementKind.COUNTED: (1, 0),
    MovementKind.RETURNED: (1, 0),
    MovementKind.WRITTEN_OFF: (1, 0),
    MovementKind.MOVED: (1, 0),
    MovementKind.RESERVED: (0, 1),
    MovementKind.RELEASED: (0, -1),
    MovementKind.SHIPPED: (-1, -1),
}
"""What one unit of each movement does to `on_hand` and to `reserved`; units that leave by another way are counted below 0."""

INCOMING: Final = frozenset({MovementKind.RECEIVED, MovementKind.RETURNED})
OUTGOING: Final = frozenset({MovementKind.WRITTEN_OFF})


class InsufficientStockError(Refusal):
    """Less is there than the movement takes; what is held for orders cannot be taken away from them."""

    slug = "insufficient-stock"
    title = "Not enough stock"


class UnknownProductError(Refusal):
    """The catalogue has no such product."""

    slug = "unknown-product"
    title = "No such product"
    status = 422


class UnknownWarehouseError(Refusal):
    """There is no such warehouse."""

    slug = "unknown-warehouse"
    title = "No such warehouse"
    status = 422


class BundleHasNoStockError(Refusal):
    """A bundle is made of its components when it is sent; only they can be taken in."""

    slug = "bundle-has-no-stock"
    title = "A bundle has no stock of its own"
    status = 422


class StockPlace(NamedTuple):
    """A product in a warehouse."""

    sku: str
    warehouse_id: str


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """The wish to correct a warehouse's stock by `delta` units, to take in a delivery or a return, or to write units off."""

    sku: str
    warehouse_id: str
    delta: int
    reason: str
    kind: MovementKind = MovementKind.ADJUSTED

    @property
    def places(self) -> Sequence[StockPlace]:
        """Where units are to come in or to leave."""
        return (StockPlace(self.sku, self.warehouse_id),)

    @property
    def filled(self) -> Sequence[StockPlace]:
        """Where units are to come in."""
        return self.places if self.delta > 0 else ()


@dataclass(frozen=True, slots=True)
class TransferStock:
    """The wish to carry units from one warehouse to another."""

    sku: str
    source: str
    target: str
    quantity: int
    reason: str

    @property
    def places(self) -> Sequence[StockPlace]:
        """Where units are to come in or to leave."""
        return (StockPlace(self.sku, self.source), StockPlace(self.sku, self.target))

    @property
    def filled(self) -> Sequence[StockPlace]:
        """Where units are to come in."""
        return (StockPlace(self.sku, self.target),)


class Posting(NamedTuple):
    """A movement on its way into the ledger: its columns, in the ledger's order. Deltas are units."""

    movement_id: UUID
    sku: str
    warehouse_id: str
    kind: MovementKind
    on_hand_delta: int
    reserved_delta: int
    reason: str | None
    order_id: UUID | None
    shipment_id: UUID | None
    actor: str
    at: datetime


class Movement(Table, table=True):
    """A line of the ledger as it is read: never changed, never deleted."""

    __tablename__ = "stock_movement"

    movement_id: UUID = Field(primary_key=True)
    sku: str = Field(primary_key=True, sa_type=Text)
    warehouse_id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    on_hand_delta: int = Field(sa_type=BigInteger)
    reserved_delta: int = Field(sa_type=BigInteger)
    reason: str | None = Field(default=None, sa_type=Text)
    order_id: UUID | None = Field(default=None)
    shipment_id: UUID | None = Field(default=None)
    actor: str = Field(sa_type=Text)
    at: datetime


class Stock(Table, table=True):
    """Units of a product in a warehouse: `on_hand` lie there, `reserved` of them are promised to orders."""

    __tablename__ = "stock"

    sku: str = Field(primary_key=True, sa_type=Text)
    warehouse_id: str = Field(primary_key=True, sa_type=Text)
    on_hand: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)

    @property
    def available(self) -> int:
        """Units that can still be promised."""
        return self.on_hand - self.reserved

    def post(self, movement: Posting) -> None:
        """Apply a movement; raises InsufficientStockError, and then nothing has changed."""
        on_hand = self.on_hand + movement.on_hand_delta
        reserved = self.reserved + movement.reserved_delta
        if not 0 <= reserved <= on_hand:
            raise InsufficientStockError(
                f"{self.warehouse_id} has {self.on_hand} of {self.sku}, {self.reserved} of them reserved.",
                on_hand=self.on_hand,
                reserved=self.reserved,
                available=self.available,
            )
        self.on_hand = on_hand
        self.reserved = reserved
