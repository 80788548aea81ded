"""Where parcels leave from: the order service's own copy of the inventory's warehouses, fed by `catalog.warehouses`."""

from sqlalchemy import Text
from sqlmodel import Field

from order.model.table import Table


class Warehouse(Table, table=True):
    """A warehouse; `sequence` is the fact this copy comes from, and an older fact never overwrites a newer one."""

    __tablename__ = "warehouse"

    warehouse_id: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    country: str = Field(sa_type=Text)
    region: str | None = Field(default=None, sa_type=Text)
    line1: str = Field(default="", sa_type=Text)
    city: str = Field(default="", sa_type=Text)
    postal_code: str = Field(default="", sa_type=Text)
    sequence: int
