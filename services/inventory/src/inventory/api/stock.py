"""Keeping stock: what lies where, what moved and why, and whether the books agree."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from chassis.commands import Runs
from chassis.domain import NotFoundError
from chassis.pages import Cursor, Limit, page, read_cursor
from chassis.requests import RequestModel, Text
from inventory.api.forms import REFUSALS, Keeper, Reader, Reads, Sku, SkuPath, SkuQuery, WarehouseId, WarehouseQuery
from inventory.handlers import adjust_stock, transfer_stock
from inventory.model import INCOMING, MOST_UNITS, OUTGOING, AdjustStock, MovementKind, TransferStock
from inventory.model.views import AuditView, Difference, MovementView, ReservationView, StockView, Transferred

router = APIRouter(prefix="/api/admin/stock", tags=["stock"], responses=REFUSALS)


class Adjustment(RequestModel):
    """Units that came in (`received`, `returned`), were `written_off` or are set right (`adjusted`).

    `delta` is what changes on hand.
    """

    product_id: Sku
    warehouse_id: WarehouseId
    delta: Annotated[int, Field(strict=True, ge=-MOST_UNITS, le=MOST_UNITS)]
    reason: Text
    kind: Literal["received", "adjusted", "returned", "written_off"] = "adjusted"

    @field_validator("delta")
    @classmethod
    def _moves_something(cls, delta: int) -> int:
        if delta == 0:
            raise ValueError("must not be 0")
        return delta

    @field_validator("kind")
    @classmethod
    def _fits_the_delta(cls, kind: str, info: ValidationInfo) -> str:
        delta = info.data.get("delta")
        if delta is not None and kind in INCOMING and delta < 0:
            raise ValueError(f"what is {kind} has a delta above 0")
        if delta is not None and kind in OUTGOING and delta > 0:
            raise ValueError("what is written off has a delta below 0")
        return kind


class Transfer(RequestModel):
    """Units that are carried from one warehouse to another."""

    product_id: Sku
    source: WarehouseId = Field(alias="from")
    target: WarehouseId = Field(alias="to")
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_UNITS)]
    reason: Text

    @field_validator("target")
    @classmethod
    def _is_another(cls, target: str, info: ValidationInfo) -> str:
        if target == info.data.get("source"):
            raise ValueError("must be another warehouse")
        return target


class Stocks(BaseModel):
    """A page of stock."""

    items: list[StockView]
    next_cursor: str | None


class Movements(BaseModel):
    """A page of movements."""

    items: list[MovementView]
    next_cursor: str | None


@router.get("")
async def list_stock(
    reads: Reads,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    product_id: SkuQuery = None,
    warehouse_id: WarehouseQuery = None,
) -> Stocks:
    """List stock, by product and warehouse."""
    after = None if cursor is None else read_cursor(cursor, str, str)
    found = await reads.stock(product_id, warehouse_id, None if after is None else (after[0], after[1]), limit + 1)
    rows, following = page(found, limit, lambda row: (row.sku, row.warehouse_id))
    return Stocks(items=[StockView.of(row) for row in rows], next_cursor=following)


@router.post(
    "/adjustments",
    status_code=201,
    response_model=StockView,
    responses={409: {"description": "Less would be left than is reserved for orders"}},
)
async def create_adjustment(run: Runs, _: Keeper, body: Adjustment) -> Response:
    """Correct a warehouse's stock, take in a delivery or a return, or write units off; answers the stock after it."""
    kind = MovementKind(body.kind)
    return await run(adjust_stock, AdjustStock(body.product_id, body.warehouse_id, body.delta, body.reason, kind))


@router.post(
    "/transfers",
    status_code=201,
    response_model=Transferred,
    responses={409: {"description": "Less is there than is to be carried, or the rest is reserved for orders"}},
)
async def create_transfer(run: Runs, _: Keeper, body: Transfer) -> Response:
    """Carry units from one warehouse to another; answers both stocks after it."""
    return await run(transfer_stock, TransferStock(body.product_id, body.source, body.target, body.quantity, body.reason))


@router.get("/audit")
async def audit_stock(reads: Reads, _: Reader) -> AuditView:
    """Compare each stock's counters with what its ledger adds up to, and what is reserved with what orders hold."""
    rows = await reads.audit()
    differences = [
        Difference(**{name: row[name] for name in Difference.model_fields})
        for row in rows
        if row["on_hand"] != row["ledger_on_hand"]
        or not row["reserved"] == row["ledger_reserved"] == row["held"]
        or row["waiting"] != row["queued"]
    ]
    sums = {name: sum(row[name] for row in rows) for name in AuditView.model_fields if name in rows[0]} if rows else {}
    return AuditView(consistent=not differences, checked=len(rows), differences=differences, **sums)


@router.get("/reservations/{order_id}")
async def get_reservation(reads: Reads, _: Reader, order_id: UUID) -> ReservationView:
    """Show what is held for an order, and where."""
    reservation = await reads.reservation(order_id)
    if reservation is None:
        raise NotFoundError(f"Nothing was ever held for order {order_id}.")
    return ReservationView.of(reservation)


@router.get("/{sku}/movements")
async def list_movements(
    reads: Reads, _: Reader, sku: SkuPath, limit: Limit = 50, cursor: Cursor = None, warehouse_id: WarehouseQuery = None
) -> Movements:
    """List a product's movements, newest first."""
    before = None if cursor is None else read_cursor(cursor, UUID)[0]
    rows, following = page(await reads.movements(sku, warehouse_id, before, limit + 1), limit, lambda row: (row.movement_id,))
    return Movements(items=[MovementView.of(row) for row in rows], next_cursor=following)
