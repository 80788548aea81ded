"""The figures of the stock for the dashboard."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from chassis.auth import Caller, staff
from chassis.pages import Limit
from inventory.api.forms import REFUSALS
from inventory.model import MOST_UNITS
from inventory.store import running_out

router = APIRouter(prefix="/api/admin/reports/inventory", tags=["reports"], responses=REFUSALS)

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "auditor")]
Below = Annotated[
    int | None, Query(ge=0, le=MOST_UNITS, description="At most so many units; absent: each product's threshold.")
]


class RunningOutView(BaseModel):
    """A product of which little is left; `available` counts those who wait, so it may be below zero.

    `sold_per_day` is an estimate from the last two weeks; `days_left` is null where nothing was sold.
    """

    product_id: str
    name: str
    backorder: bool
    low_stock_threshold: int | None
    on_hand: int
    reserved: int
    waiting: int
    available: int
    sold_per_day: float
    days_left: float | None


class StockReport(BaseModel):
    """The products that are about to run out, the soonest gone first."""

    items: list[RunningOutView]


@router.get("/stock")
async def report_stock(request: Request, _: Reader, below: Below = None, limit: Limit = 50) -> StockReport:
    """Report which products are about to run out, and in how many days; bundles run out with what they are made of."""
    found = await running_out(request.app.state.database, below, limit)
    return StockReport(items=[RunningOutView(**asdict(one)) for one in found])
