"""Keeping warehouses. Each change is told on `catalog.warehouses`."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, StringConstraints

from chassis.commands import Runs
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import Clean, RequestModel, Text
from contracts.types import Country
from inventory.api.forms import REFUSALS, Keeper, Reader, Reads, WarehouseId, WarehousePath
from inventory.handlers import change_warehouse, open_warehouse
from inventory.model import ChangeWarehouse, OpenWarehouse
from inventory.model.views import WarehouseView

router = APIRouter(prefix="/api/admin/warehouses", tags=["stock"], responses=REFUSALS)


Short = Annotated[str, StringConstraints(max_length=100), Clean]


class WholeWarehouse(RequestModel):
    """What a warehouse is called and where it stands; what is left out is not known."""

    name: Text
    country: Country
    region: Annotated[str, StringConstraints(min_length=1, max_length=100), Clean] | None = None
    line1: Annotated[str, StringConstraints(max_length=200), Clean] = ""
    city: Short = ""
    postal_code: Annotated[str, StringConstraints(max_length=20), Clean] = ""


class Identified(RequestModel):
    """Says which warehouse."""

    warehouse_id: WarehouseId


class NewWarehouse(WholeWarehouse, Identified):
    """A warehouse to be opened."""


class Warehouses(BaseModel):
    """A page of warehouses."""

    items: list[WarehouseView]
    next_cursor: str | None


@router.get("")
async def list_warehouses(reads: Reads, _: Reader, limit: Limit = 50, cursor: Cursor = None) -> Warehouses:
    """List warehouses, by id."""
    after = None if cursor is None else read_cursor(cursor, str)[0]
    rows, following = page(await reads.warehouses(after, limit + 1), limit, lambda row: (row.warehouse_id,))
    return Warehouses(items=[WarehouseView.of(warehouse) for warehouse in rows], next_cursor=following)


@router.post("", status_code=201, response_model=WarehouseView, responses={409: {"description": "It exists already"}})
async def create_warehouse(run: Runs, _: Keeper, body: NewWarehouse) -> Response:
    """Open a warehouse."""
    return await run(open_warehouse, OpenWarehouse(**body.model_dump()))


@router.put("/{warehouse_id}", response_model=WarehouseView, responses={404: {"description": "No such warehouse"}})
async def replace_warehouse(run: Runs, _: Keeper, warehouse_id: WarehousePath, body: WholeWarehouse) -> Response:
    """Say anew what a warehouse is called and where it stands."""
    return await run(change_warehouse, ChangeWarehouse(warehouse_id, **body.model_dump()))
