"""The figures of the shop for the dashboard: orders and money by day, why orders fail, what goes back, how long it takes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from chassis.auth import Caller, staff
from chassis.problems import invalid
from order.store import Figures, order_days, seconds_at

router = APIRouter(prefix="/api/admin/reports/order", tags=["reports"])

Reader = Annotated[Caller, staff("support", "finance", "auditor")]
LONGEST: Final = timedelta(days=366)
EARLIEST: Final = date(2000, 1, 1)


class Took(BaseModel):
    """How long orders took, in seconds; null where none has got there."""

    median_seconds: float | None
    p95_seconds: float | None


class FiguresView(BaseModel):
    """What orders come to in one currency; amounts in minor units. `revenue` is captured less refunded.

    `cancel_reasons` counts why orders were cancelled, `refund_rate` is refunded over captured, `pending` how long orders were
    Pending that were not cancelled, `to_shipped` until all of an order had left.
    """

    currency: str
    orders: int
    total_amount: int
    captured_amount: int
    refunded_amount: int
    revenue: int
    refunded_orders: int
    refund_rate: float
    statuses: dict[str, int]
    cancel_reasons: dict[str, int]
    pending: Took
    to_shipped: Took

    @classmethod
    def of(cls, currency: str, figures: Figures) -> "FiguresView":
        """Show them."""
        return cls(
            currency=currency,
            orders=figures.orders,
            total_amount=figures.total,
            captured_amount=figures.captured,
            refunded_amount=figures.refunded,
            revenue=figures.captured - figures.refunded,
            refunded_orders=figures.refunds,
            refund_rate=round(figures.refunded / figures.captured, 4) if figures.captured else 0.0,
            statuses=dict(figures.statuses),
            cancel_reasons=dict(figures.reasons),
            pending=_took(figures.pending),
            to_shipped=_took(figures.to_shipped),
        )


def _took(times: Mapping[int, int]) -> Took:
    return Took(median_seconds=seconds_at(times, 0.5), p95_seconds=seconds_at(times, 0.95))


class DayView(FiguresView):
    """The orders that were placed on a day (UTC) in one currency."""

    day: date


class OrderReport(BaseModel):
    """The orders that were placed on some days, by day and in all; the figures are from `as_of` or later."""

    first_day: date
    last_day: date
    as_of: datetime
    days: list[DayView]
    totals: list[FiguresView]


@router.get("/orders")
async def report_orders(
    request: Request,
    _: Reader,
    first: Annotated[date | None, Query(alias="from", description="The first day (UTC); absent: 30 days ago.")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day (UTC); absent: today.")] = None,
) -> OrderReport:
    """Report the orders that were placed on up to 366 days, as they are now."""
    database = request.app.state.database
    today = database.clock().astimezone(UTC).date()
    last = min(last or today, today)
    if last < EARLIEST:
        raise invalid("to", f"must be a day from {EARLIEST} on")
    first = first or max(EARLIEST, last - timedelta(days=30))
    if not EARLIEST <= first <= last:
        raise invalid("from", f"must be a day from {EARLIEST} on, and not after `to` or today")
    if last - first >= LONGEST:
        raise invalid("from", f"at most {LONGEST.days} days are reported at once")
    found = await order_days(database, first, last)
    totals: dict[str, Figures] = {}
    days = []
    for one in found:
        for currency, figures in sorted(one.by_currency.items()):
            totals.setdefault(currency, Figures()).add(figures)
            days.append(DayView(day=one.day, **FiguresView.of(currency, figures).model_dump()))
    return OrderReport(
        first_day=first,
        last_day=last,
        as_of=min((one.computed_at for one in found), default=database.clock()),
        days=days,
        totals=[FiguresView.of(currency, figures) for currency, figures in sorted(totals.items())],
    )
