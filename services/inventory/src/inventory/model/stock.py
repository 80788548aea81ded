"""Stock of a product in a warehouse, and the ledger of every movement of it.

A counter changes only by posting a movement, so the counters can be told again from the ledger at any time. A movement that
would take a warehouse below zero, or below what it holds for orders, is refused before anything changes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from inventory.model.table import Table


class MovementKind(StrEnum):
    """What happened to units: they came, were counted anew, were held for an order, let go, or left in a parcel."""

    RECEIVED = "received"
    ADJUSTED = "adjusted"
    RESERVED = "reserved"
    RELEASED = "released"
    SHIPPED = "shipped"


EFFECT: Final[Mapping[MovementKind, tuple[int, int]]] = {
    MovementKind.RECEIVED: (1, 0),
    MovementKind.ADJUSTED: (1, 0),
    MovementKind.RESERVED: (0, 1),
    MovementKind.RELEASED: (0, -1),
    MovementKind.SHIPPED: (-1, -1),
}
"""What one unit of each movement does to `on_hand` and to `reserved`."""


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


@dataclass(frozen=True, slots=True)
class AdjustStock:
    """The wish to correct a warehouse's stock by `delta` units, or to take in a delivery of them."""

    sku: str
    warehouse_id: str
    delta: int
    reason: str
    kind: MovementKind = MovementKind.ADJUSTED


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
    warehouse_id: str = Field(sa_type=Text)
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


class Shelves:
    """The stock rows at hand, and the journal of what is posted to them; `movements` is to be written to the ledger."""

    def __init__(self, rows: Iterable[Stock], active: Mapping[str, bool], countries: Mapping[str, str]) -> None:
        self._rows: dict[str, dict[str, Stock]] = {}
        for row in rows:
            self._rows.setdefault(row.sku, {})[row.warehouse_id] = row
        self._active = active
        self.countries = countries
        self.movements: list[Posting] = []

    def on_sale(self, sku: str) -> bool:
        """Tell whether the product is in the catalogue and can be ordered."""
        return self._active.get(sku, False)

    def of(self, sku: str) -> Sequence[Stock]:
        """Answer a product's stock, by warehouse."""
        return tuple(self._rows.get(sku, {}).values())

    def available(self, sku: str) -> dict[str, int]:
        """Count the units of a product that can still be promised, by warehouse; those that have none are left out."""
        return {place: units for place, row in self._rows.get(sku, {}).items() if (units := row.available)}

    def hold(self, sku: str, warehouse_id: str, quantity: int, order_id: UUID, cause: Cause) -> None:
        """Promise units to an order; raises InsufficientStockError."""
        self._post(MovementKind.RESERVED, sku, warehouse_id, quantity, cause, order_id=order_id)

    def release(self, sku: str, warehouse_id: str, quantity: int, order_id: UUID, cause: Cause) -> None:
        """Take back units promised to an order; raises InsufficientStockError."""
        self._post(MovementKind.RELEASED, sku, warehouse_id, quantity, cause, order_id=order_id)

    def ship(self, sku: str, warehouse_id: str, quantity: int, order_id: UUID, shipment_id: UUID, cause: Cause) -> None:
        """Let promised units leave in a parcel; raises InsufficientStockError."""
        self._post(MovementKind.SHIPPED, sku, warehouse_id, quantity, cause, order_id=order_id, shipment_id=shipment_id)

    def adjust(self, wish: AdjustStock, cause: Cause) -> Stock:
        """Correct or take in stock; raises InsufficientStockError, UnknownProductError, UnknownWarehouseError."""
        return self._post(wish.kind, wish.sku, wish.warehouse_id, wish.delta, cause, reason=wish.reason)

    def _post(
        self,
        kind: MovementKind,
        sku: str,
        warehouse_id: str,
        units: int,
        cause: Cause,
        *,
        reason: str | None = None,
        order_id: UUID | None = None,
        shipment_id: UUID | None = None,
    ) -> Stock:
        row = self._at(sku, warehouse_id)
        on_hand, reserved = EFFECT[kind]
        movement = Posting(
            movement_id=new_id(),
            sku=sku,
            warehouse_id=warehouse_id,
            kind=kind,
            on_hand_delta=on_hand * units,
            reserved_delta=reserved * units,
            reason=reason,
            order_id=order_id,
            shipment_id=shipment_id,
            actor=cause.actor,
            at=cause.at,
        )
        row.post(movement)
        self.movements.append(movement)
        return row

    def _at(self, sku: str, warehouse_id: str) -> Stock:
        row = self._rows.get(sku, {}).get(warehouse_id)
        if row is not None:
            return row
        if sku not in self._active:
            raise UnknownProductError(f"There is no product {sku}.", errors=[_at_fault("product_id", "no such product")])
        if warehouse_id not in self.countries:
            wrong = _at_fault("warehouse_id", "no such warehouse")
            raise UnknownWarehouseError(f"There is no warehouse {warehouse_id}.", errors=[wrong])
        raise InsufficientStockError(f"{warehouse_id} has no {sku}.", on_hand=0, reserved=0, available=0)


def _at_fault(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message}
