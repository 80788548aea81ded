"""The desk of staff: all orders by any axis, how many there are of each, and the same list as a file."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from chassis.auth import Caller, staff
from chassis.pages import Cursor, Limit
from chassis.requests import Clean
from order.api.views import OrderPage, order_page
from order.model import FulfilmentState, Order, OrderState, PaymentState, ReturnState, Status
from order.model.order import IN_REVIEW
from order.model.waiting import PATIENCE
from order.store import ANEW, AXES, Crowded, DeskFilter, OrderLists, OrderQueries, Sort, most_counted

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=200), Clean]
Amount = Annotated[int, Field(ge=0, le=10**12, description="In minor units of `currency`.")]
Score = Annotated[int, Field(ge=0, le=100, description="Of the risk; only orders that a person looked at have one.")]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]

COLUMNS: Final = (
    "order_id",
    "order_date",
    "user_id",
    "status",
    "order_state",
    "payment_state",
    "fulfilment_state",
    "return_state",
    "hold_reason",
    "cancel_reason",
    "risk_score",
    "currency",
    "total_amount",
    "shipping_amount",
    "tax_amount",
    "captured_amount",
    "refunded_amount",
    "units",
    "shipped_units",
    "delivered_units",
    "payment_method",
    "shipping_method",
    "country",
    "decided_at",
    "shipped_at",
    "updated_at",
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class DeskQuery(BaseModel):
    """What the orders are narrowed to; what is absent does not narrow."""

    model_config = ConfigDict(extra="forbid")

    status: Status | None = None
    order_state: OrderState | None = None
    payment_state: PaymentState | None = None
    fulfilment_state: FulfilmentState | None = None
    return_state: ReturnState | None = None
    hold_reason: Annotated[Key | None, Field(description="`in_review`, `capture_failed`, `disputed`, …")] = None
    held: Annotated[bool, Field(description="A person must look at it, whatever the reason.")] = False
    risk_from: Score | None = None
    risk_to: Score | None = None
    user_id: Key | None = None
    product_id: Annotated[Key | None, Field(description="The SKU of one of its lines.")] = None
    placed_from: Moment | None = None
    placed_before: Moment | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    amount_from: Amount | None = None
    amount_to: Amount | None = None
    stuck: Annotated[bool, Field(description="Waits for a fact longer than a minute, or `stuck_for_seconds`.")] = False
    stuck_for_seconds: Annotated[int | None, Field(ge=0, le=10**8, description="Waits for a fact, and for so long.")] = None

    def narrowed(self, now: datetime, currency: str, sort: Sort = Sort.NEWEST) -> DeskFilter:
        """Say it as the store takes it; an amount is one of the shop's currency unless another is named."""
        chosen = {name: getattr(self, name) for name in type(self).model_fields if name in DeskFilter.__dataclass_fields__}
        by_amount = self.amount_from is not None or self.amount_to is not None or sort in {Sort.HIGHEST, Sort.LOWEST}
        if by_amount and self.currency is None:
            chosen["currency"] = currency
        patience = PATIENCE if self.stuck_for_seconds is None else timedelta(seconds=self.stuck_for_seconds)
        if self.stuck or self.stuck_for_seconds is not None:
            chosen["stuck_since"] = now - patience
        return DeskFilter(**chosen, now=now)


class ListQuery(DeskQuery):
    """A page of the list."""

    sort: Sort = Sort.NEWEST
    limit: Limit = 50
    cursor: Cursor = None


class ExportQuery(DeskQuery):
    """The whole list."""

    sort: Sort = Sort.NEWEST


class Count(BaseModel):
    """How many there are; `capped`: at least so many, and nobody has counted further."""

    count: int
    capped: bool

    @classmethod
    def of(cls, found: int, most: int) -> "Count":
        """Say what was counted, up to so many."""
        return cls(count=min(found, most), capped=found > most)


class OrderCounts(BaseModel):
    """How many orders match the filter, and how many of all there are in each state and each view that is often looked at."""

    matching: Count
    axes: dict[str, dict[str, Count]]
    views: dict[str, Count]


@router.get("", response_model=OrderPage)
async def list_all_orders(request: Request, _: Reader, query: Annotated[ListQuery, Query()]) -> Response:
    """List all orders, newest first unless `sort` says otherwise, narrowed by any axis.

    Those of a product or a customer by amount are the newest 500 of them.
    """
    database = request.app.state.database
    narrowed = query.narrowed(database.clock(), request.app.state.settings.currency, query.sort)
    async with database.reading() as session:
        ids, following = await OrderLists(session).ids(narrowed, query.sort, query.limit, query.cursor)
        orders = await OrderQueries(session).of(ids)
    return Response(order_page(orders, following), media_type="application/json")


@router.get("/counts")
async def count_all_orders(request: Request, _: Reader, query: Annotated[DeskQuery, Query()]) -> OrderCounts:
    """Count the orders in each state, exactly up to 10,000, and those that match the filter, up to 1,000."""
    database = request.app.state.database
    now = database.clock()
    axes = {f"{axis}.{value}": DeskFilter.at(axis, value) for axis, values in AXES.items() for value in values}
    views = {f"views.{name}": view for name, view in _views(now).items()}
    matching = query.narrowed(now, request.app.state.settings.currency)
    # Without a filter all orders match, and how many those are can be remembered; else the next one asks for others.
    match = "all" if matching == DeskFilter(now=now) else ANEW
    wanted = {match: matching, **axes, **views}
    crowded = database.remembered.setdefault(Crowded, Crowded())
    async with database.reading() as session:
        found = await OrderLists(session).counts(crowded.due(wanted, now))
    counted = {name: Count.of(number, most_counted(name)) for name, number in crowded.complete(wanted, found, now).items()}
    return OrderCounts(
        matching=counted[match],
        axes={axis: {str(value): counted[f"{axis}.{value}"] for value in values} for axis, values in AXES.items()},
        views={name.removeprefix("views."): counted[name] for name in views},
    )


def _views(now: datetime) -> dict[str, DeskFilter]:
    """Name the views that staff open first thing in the morning."""
    return {
        "held": DeskFilter(held=True),
        "in_review": DeskFilter(hold_reason=IN_REVIEW),
        "capture_failed": DeskFilter(payment_state=PaymentState.CAPTURE_FAILED),
        "to_ship": DeskFilter(fulfilment_state=FulfilmentState.PLANNED),
        "returns_requested": DeskFilter(return_state=ReturnState.REQUESTED),
        "stuck": DeskFilter(stuck_since=now - PATIENCE, now=now),
    }


@router.get("/export", response_class=StreamingResponse)
async def export_orders(request: Request, _: Reader, query: Annotated[ExportQuery, Query()]) -> Response:
    """Write all orders of a list as CSV (RFC 4180), as they are read; amounts are in minor units.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    database = request.app.state.database
    narrowed = query.narrowed(database.clock(), request.app.state.settings.currency, query.sort)

    async def lines() -> AsyncIterator[str]:
        yield _csv([COLUMNS])
        async with database.reading() as session:
            async for orders in OrderLists(session).exported(narrowed, query.sort):
                yield _csv([_row(order) for order in orders])

    name = f"orders-{database.clock():%Y%m%d-%H%M%S}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8; header=present", headers=headers)


def _row(order: Order) -> list[Any]:
    facts = {**order.__dict__, "country": order.shipping_address.get("country")}
    return [facts[name] for name in COLUMNS]


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows([[_cell(value) for value in row] for row in rows])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
