"""Shipments: the parcels of an order, one per warehouse of the split."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import NotFoundError
from contracts.types import Line
from order.model.table import Table


class ShipmentState(StrEnum):
    """Where a parcel is."""

    PLANNED = "planned"
    DISPATCHED = "dispatched"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


SHIPMENT_TRANSITIONS: Final[Mapping[ShipmentState, frozenset[ShipmentState]]] = {
    ShipmentState.PLANNED: frozenset({ShipmentState.DISPATCHED, ShipmentState.CANCELLED}),
    ShipmentState.DISPATCHED: frozenset({ShipmentState.DELIVERED}),
    ShipmentState.DELIVERED: frozenset(),
    ShipmentState.CANCELLED: frozenset(),
}


class ShipmentNotFoundError(NotFoundError):
    """The order has no such shipment."""

    slug = "shipment-not-found"
    title = "No such shipment"


class Shipment(Table, table=True):
    """A parcel: what one warehouse sends, and what it is worth (`amount`, minor units of the order's currency)."""

    __tablename__ = "shipments"

    shipment_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    warehouse_id: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    amount: int
    carrier: str | None = Field(default=None, sa_type=Text)
    tracking_number: str | None = Field(default=None, sa_type=Text)
    dispatched_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    delivered_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    @property
    def units(self) -> int:
        """Count the units in the parcel."""
        return sum(line["quantity"] for line in self.lines)

    @property
    def contents(self) -> list[Line]:
        """List the parcel's lines as events carry them."""
        return [Line(product_id=line["product_id"], quantity=line["quantity"]) for line in self.lines]

    def may_become(self, state: ShipmentState) -> bool:
        """Tell whether the parcel can go on to `state`."""
        return state in SHIPMENT_TRANSITIONS[ShipmentState(self.state)]
