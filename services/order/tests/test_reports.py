"""The figures of the shop: right to the unit, kept as long as they may be, and counted over the asked days only."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.database import Database
from order.store.reports import FRESH, SELDOM, Figures, order_days, seconds_at
from services.order.tests.conftest import Shop
from services.order.tests.many import MANY, NOW

pytestmark = pytest.mark.database


async def report(shop: Shop, **params: Any) -> dict[str, Any]:
    reply = await shop.ask("GET", "/api/admin/reports/order/orders", "finance", params=params)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_what_happens_to_orders_is_in_the_figures(shop: Shop) -> None:
    shop.clock.now = datetime.now(UTC)
    waiting = (await shop.place("ada")).json()["order_id"]
    await shop.confirmed("bob")
    [day] = (await report(shop))["days"]
    assert (day["orders"], day["total_amount"], day["statuses"]) == (2, 6194, {"Pending": 1, "Processing": 1})
    assert day["pending"]["median_seconds"] == pytest.approx(0.001, rel=0.1)
    await shop.ask("POST", f"/api/orders/{waiting}/cancel")
    assert (await report(shop))["days"] == [day], "figures half a minute old will do"
    shop.clock.forward(seconds=31)
    found = await report(shop)
    assert found["totals"][0]["statuses"] == {"Cancelled": 1, "Processing": 1}
    assert found["totals"][0]["cancel_reasons"] == {"customer": 1}


async def test_the_figures_are_those_of_the_orders(past: Database) -> None:
    first, last = NOW.date() - timedelta(days=40), NOW.date() - timedelta(days=11)
    days = await order_days(past, first, last)
    assert [one.day for one in days] == [first + timedelta(days=number) for number in range(30)]
    total = Figures()
    for one in days:
        total.add(one.by_currency["EUR"])
    async with past.transaction() as transaction:
        [truth] = await transaction.fetch(
            """SELECT count(*) AS n, sum(total_amount)::bigint AS total, sum(refunded_amount)::bigint AS refunded,
            count(*) FILTER (WHERE cancel_reason = 'out_of_stock') AS short FROM orders
            WHERE order_date >= $1 AND order_date < $2""",
            datetime(first.year, first.month, first.day, tzinfo=UTC),
            datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1),
        )
    counted = (total.orders, total.total, total.refunded, total.reasons["out_of_stock"])
    assert counted == (truth["n"], truth["total"], truth["refunded"], truth["short"])
    assert truth["n"] == pytest.approx(MANY * 30 / 365, rel=0.01)
    assert seconds_at(total.pending, 0.5) == pytest.approx(2, rel=0.1)
    assert seconds_at(total.to_shipped, 0.95) == pytest.approx(86_400, rel=0.1)


async def test_kept_figures_are_read_in_one_statement(past: Database) -> None:
    first = NOW.date() - timedelta(days=90)
    await order_days(past, first, NOW.date())
    before = past.statements
    assert len(await order_days(past, first, NOW.date())) == 91
    assert past.statements - before == 1


def test_times_add_up() -> None:
    assert seconds_at({}, 0.5) is None
    assert seconds_at({40: 1, 0: 99}, 0.95) == pytest.approx(0.001, rel=0.1)
    assert seconds_at({40: 6, 0: 94}, 0.95) == pytest.approx(1.0, rel=0.2)
    assert [fresh for _, fresh in FRESH] == sorted(fresh for _, fresh in FRESH)
    assert max(fresh for _, fresh in FRESH) < SELDOM


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"from": "2026-01-01", "to": "2025-01-01"}, "from"),
        ({"from": "1999-12-31"}, "from"),
        ({"from": "2025-01-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": (date(2026, 3, 2) + timedelta(days=1)).isoformat()}, "from"),
        ({"to": "0001-01-15"}, "to"),
        ({"from": "1999-12-31", "to": "1999-12-31"}, "to"),
    ],
)
async def test_days_that_are_none_are_named(shop: Shop, params: dict[str, str], field: str) -> None:
    reply = await shop.ask("GET", "/api/admin/reports/order/orders", "finance", params=params)
    assert reply.status_code == 422
    assert [error["field"].split(".")[-1] for error in reply.json()["errors"]] == [field]


async def test_the_first_days_that_are_reported_are_fewer(shop: Shop) -> None:
    report = (await shop.ask("GET", "/api/admin/reports/order/orders", "finance", params={"to": "2000-01-05"})).json()
    assert (report["first_day"], report["last_day"]) == ("2000-01-01", "2000-01-05")


async def test_the_service_tells_how_it_keeps_up(shop: Shop) -> None:
    await shop.place()
    health = (await shop.ask("GET", "/api/admin/reports/order/health", "auditor")).json()
    assert health["ready"] is False
    assert health["parts"]["database"] == "ok"
    assert health["outbox"]["pending"] == 2
    assert health["consumer_lag"] is None
    assert health["dead_letters"] == {"open": 0, "capped": False, "oldest_seconds": 0.0}
    assert health["open"]["pending"] == 1
    assert {"job": "cancel_expired", "late_seconds": 0.0} in health["due"]
    assert (await shop.ask("GET", "/api/admin/reports/order/health", "customer")).status_code == 403
