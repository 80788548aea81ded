"""Keeping warehouses."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, StringConstraints

from chassis.commands import Runs
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import Clean, RequestModel, Text
from contracts.types import Country
from inventory.api.forms import REFUSALS, Keeper, Reader, Reads, WarehouseId
from inventory.handlers import open_warehouse
from inventory.model import OpenWarehouse
from inventory.model.views import WarehouseView

router = APIRouter(prefix="/api/admin/warehouses", tags=["stock"], responses=REFUSALS)


class NewWarehouse(RequestModel):
    """A warehouse to be opened."""

    warehouse_id: WarehouseId
    name: Text
    country: Country
    region: Annotated[str, StringConstraints(min_length=1, max_length=100), Clean] | None = None


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
    return await run(open_warehouse, OpenWarehouse(body.warehouse_id, body.name, body.country, body.region))
