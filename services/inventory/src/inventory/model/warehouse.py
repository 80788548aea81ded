"""The warehouses that stock lies in. A warehouse that was opened or changed is told whole, so that readers keep one copy."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlalchemy import Text
from sqlmodel import Field

from chassis.domain import Cause, Refusal
from contracts.inventory import WarehousePublished
from inventory.model.table import Table


class WarehouseExistsError(Refusal):
    """A warehouse of this id is there already."""

    slug = "warehouse-exists"
    title = "The warehouse exists already"


@dataclass(frozen=True, slots=True)
class WarehouseWish:
    """What a warehouse is to be called, and where it is to stand."""

    warehouse_id: str
    name: str
    country: str
    region: str | None
    line1: str = ""
    city: str = ""
    postal_code: str = ""


class OpenWarehouse(WarehouseWish):
    """The wish to ship from one more place."""


class ChangeWarehouse(WarehouseWish):
    """The wish to say anew what a warehouse is called and where it stands."""


class Warehouse(Table, table=True):
    """A place that keeps stock and ships it; `country` (ISO 3166 alpha-2) and `region` decide which orders it is nearest to."""

    __tablename__ = "warehouse"

    warehouse_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    country: str = Field(sa_type=Text)
    region: str | None = Field(default=None, sa_type=Text)
    line1: str = Field(default="", sa_type=Text)
    city: str = Field(default="", sa_type=Text)
    postal_code: str = Field(default="", sa_type=Text)
    created_at: datetime
    due_at: datetime | None = None
    """When it is to be told, where nobody was told yet how it stands."""

    @classmethod
    def open(cls, wish: OpenWarehouse, cause: Cause) -> tuple[Self, WarehousePublished]:
        """Open a warehouse, empty."""
        warehouse = cls(
            warehouse_id=wish.warehouse_id,
            name=wish.name,
            country=wish.country,
            region=wish.region,
            line1=wish.line1,
            city=wish.city,
            postal_code=wish.postal_code,
            created_at=cause.at,
        )
        return warehouse, warehouse.publish()

    def change(self, wish: ChangeWarehouse) -> WarehousePublished | None:
        """Say anew what it is; None where that is how it stands already."""
        wished = {name: getattr(wish, name) for name in ("name", "country", "region", "line1", "city", "postal_code")}
        if all(value == getattr(self, name) for name, value in wished.items()):
            return None
        for name, value in wished.items():
            setattr(self, name, value)
        return self.publish()

    def publish(self) -> WarehousePublished:
        """Tell how it stands; it is no longer due to be told."""
        self.due_at = None
        return WarehousePublished(
            warehouse_id=self.warehouse_id,
            name=self.name,
            country=self.country,
            region=self.region,
            line1=self.line1,
            city=self.city,
            postal_code=self.postal_code,
        )
