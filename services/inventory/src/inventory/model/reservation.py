"""What is held for an order: one row per order, from the order's placement (or an earlier cancellation) on.

The row is the inventory's own memory of the order. It makes a second placement harmless, bars one that comes after the
order's cancellation, and says how much a cancellation gives back and a parcel may take out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts.inventory import (
    RefusalReason,
    Shortage,
    StockDeducted,
    StockReleased,
    StockReservationFailed,
    StockReserved,
)
from contracts.order import OrderCancelled, OrderPlaced, ShipmentDispatched
from contracts.types import Allocation, Line
from inventory.model.routing import split
from inventory.model.stock import Shelves
from inventory.model.table import Table


class ReservationStatus(StrEnum):
    """How it stands with what an order asked for."""

    HELD = "held"
    REFUSED = "refused"
    BARRED = "barred"
    RELEASED = "released"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"


TRANSITIONS: Final[Mapping[ReservationStatus, frozenset[ReservationStatus]]] = {
    ReservationStatus.HELD: frozenset(
        {ReservationStatus.RELEASED, ReservationStatus.PARTLY_SHIPPED, ReservationStatus.SHIPPED}
    ),
    ReservationStatus.PARTLY_SHIPPED: frozenset(
        {ReservationStatus.RELEASED, ReservationStatus.PARTLY_SHIPPED, ReservationStatus.SHIPPED}
    ),
    ReservationStatus.REFUSED: frozenset(),
    ReservationStatus.BARRED: frozenset(),
    ReservationStatus.RELEASED: frozenset(),
    ReservationStatus.SHIPPED: frozenset(),
}
"""Where a reservation can go from where it stands; a status that leads nowhere holds nothing."""


class NotHeldError(Refusal):
    """A parcel takes what is not held for its order: its warehouse and the books disagree, and a person must look."""

    slug = "not-held"
    title = "The parcel holds what was not reserved"


@dataclass(slots=True)
class HeldLine:
    """Units of a product held in a warehouse; `shipped` of them have left."""

    product_id: str
    warehouse_id: str
    quantity: int
    shipped: int = 0

    @property
    def open(self) -> int:
        """Units still held."""
        return self.quantity - self.shipped


class Reservation(Table, table=True):
    """What is held for one order, and the parcels that have taken from it."""

    __tablename__ = "reservation"

    order_id: UUID = Field(primary_key=True)
    user_id: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    lines: list[HeldLine] = Field(sa_column=Column(JSONB, nullable=False))
    shipments: list[str] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def place(cls, event: OrderPlaced, shelves: Shelves, cause: Cause) -> tuple[Self, StockReserved | StockReservationFailed]:
        """Hold every unit of the order, split over warehouses, or nothing at all."""
        wanted = _summed(event.items)
        available = {sku: shelves.available(sku) if shelves.on_sale(sku) else {} for sku in wanted}
        shortages = [
            Shortage(product_id=sku, requested=quantity, available=there)
            for sku, quantity in wanted.items()
            if (there := sum(available[sku].values())) < quantity
        ]
        if shortages:
            refused = cls._of(event.order_id, event.user_id, ReservationStatus.REFUSED, [], cause)
            unknown = not all(shelves.on_sale(sku) for sku in wanted)
            reason = RefusalReason.UNKNOWN_PRODUCT if unknown else RefusalReason.OUT_OF_STOCK
            return refused, StockReservationFailed(
                order_id=event.order_id, user_id=event.user_id, reason=reason, shortages=shortages
            )
        chosen = split(wanted, available, shelves.countries, event.destination.country)
        lines = [
            HeldLine(sku, warehouse_id, quantity) for warehouse_id, parcel in chosen.items() for sku, quantity in parcel.items()
        ]
        for line in lines:
            shelves.hold(line.product_id, line.warehouse_id, line.quantity, event.order_id, cause)
        held = cls._of(event.order_id, event.user_id, ReservationStatus.HELD, lines, cause)
        return held, StockReserved(
            order_id=event.order_id,
            user_id=event.user_id,
            total_amount=event.total_amount,
            allocations=[
                Allocation(warehouse_id=warehouse_id, lines=_as_lines(parcel)) for warehouse_id, parcel in chosen.items()
            ],
        )

    @classmethod
    def bar(cls, event: OrderCancelled, cause: Cause) -> Self:
        """Remember that the order was cancelled before it was heard of: nothing will be held for it."""
        return cls._of(event.order_id, event.user_id, ReservationStatus.BARRED, [], cause)

    def release(self, shelves: Shelves, cause: Cause) -> StockReleased:
        """Give back what is still held; a reservation that holds nothing stays as it is and gives back nothing."""
        returned: dict[str, int] = {}
        if self.is_live:
            for line in self.lines:
                if line.open:
                    shelves.release(line.product_id, line.warehouse_id, line.open, self.order_id, cause)
                    returned[line.product_id] = returned.get(line.product_id, 0) + line.open
            self._become(ReservationStatus.RELEASED, cause)
        return StockReleased(order_id=self.order_id, user_id=self.user_id, lines=_as_lines(returned))

    def ship(self, event: ShipmentDispatched, shelves: Shelves, cause: Cause) -> StockDeducted | None:
        """Take a parcel's units off the books; None where that parcel was taken off before. Raises NotHeldError."""
        if str(event.shipment_id) in self.shipments:
            return None
        packed = _summed(event.lines)
        held = {line.product_id: line for line in self.lines if line.warehouse_id == event.warehouse_id and self.is_live}
        for sku, quantity in packed.items():
            if sku not in held or held[sku].open < quantity:
                raise NotHeldError(
                    f"Parcel {event.shipment_id} takes {quantity} of {sku} out of {event.warehouse_id};"
                    f" held there for the order: {held[sku].open if sku in held else 0}."
                )
        for sku, quantity in packed.items():
            shelves.ship(sku, event.warehouse_id, quantity, self.order_id, event.shipment_id, cause)
            held[sku].shipped += quantity
        self.shipments.append(str(event.shipment_id))
        whole = not any(line.open for line in self.lines)
        self._become(ReservationStatus.SHIPPED if whole else ReservationStatus.PARTLY_SHIPPED, cause)
        return StockDeducted(
            order_id=self.order_id,
            shipment_id=event.shipment_id,
            warehouse_id=event.warehouse_id,
            lines=_as_lines(packed),
        )

    @property
    def is_live(self) -> bool:
        """Whether units are still held."""
        return bool(TRANSITIONS[ReservationStatus(self.status)])

    def _become(self, status: ReservationStatus, cause: Cause) -> None:
        if status not in TRANSITIONS[ReservationStatus(self.status)]:
            raise NotHeldError(f"A reservation that is {self.status} cannot become {status}.")
        self.status = status.value
        self.version += 1
        self.updated_at = cause.at

    @classmethod
    def _of(cls, order_id: UUID, user_id: str, status: ReservationStatus, lines: list[HeldLine], cause: Cause) -> Self:
        return cls(
            order_id=order_id,
            user_id=user_id,
            status=status.value,
            lines=lines,
            shipments=[],
            version=1,
            created_at=cause.at,
            updated_at=cause.at,
        )


def _summed(lines: Iterable[Line]) -> dict[str, int]:
    """Add up the units of each product: an order may name one in several lines."""
    total: dict[str, int] = {}
    for line in lines:
        total[line.product_id] = total.get(line.product_id, 0) + line.quantity
    return total


def _as_lines(units: Mapping[str, int]) -> list[Line]:
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in units.items()]
