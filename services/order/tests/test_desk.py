"""Staff's lists, counts and files of orders: right, and read through an index however many orders there are behind."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pydantic_core import from_json
from sqlalchemy.dialects import postgresql

from chassis.database import Database
from chassis.domain import new_id
from chassis.testing import perform
from contracts.payment import PaymentCaptured, PaymentReviewRequired
from contracts.types import Money
from order.api.desk import _cell
from order.handlers import await_review, note_captured
from order.model import FulfilmentState, Order, OrderState, PaymentState, ReturnState, Status
from order.store import DeskFilter, OrderLists, Sort
from order.store.order_lists import counting, listing
from services.order.tests.conftest import Shop
from services.order.tests.many import MANY, NOW

pytestmark = pytest.mark.database

PAGE: Final = 50
STAFF: Final = ("sue", "support")

FILTERS: Final[dict[str, DeskFilter]] = {
    "nothing": DeskFilter(),
    **{f"status {one}": DeskFilter(status=one) for one in Status},
    **{f"order {one}": DeskFilter(order_state=one) for one in OrderState},
    **{f"payment {one}": DeskFilter(payment_state=one) for one in PaymentState},
    **{f"fulfilment {one}": DeskFilter(fulfilment_state=one) for one in FulfilmentState},
    **{f"return {one}": DeskFilter(return_state=one) for one in ReturnState},
    "in review": DeskFilter(hold_reason="in_review"),
    "no such reason": DeskFilter(hold_reason="ghosts"),
    "held": DeskFilter(held=True),
    "risky": DeskFilter(risk_from=90),
    "customer": DeskFilter(user_id="user-7"),
    "nobody": DeskFilter(user_id="nobody"),
    "frequent product": DeskFilter(product_id="MUG"),
    "rare product": DeskFilter(product_id="RARE"),
    "no such product": DeskFilter(product_id="GHOST"),
    "a day long ago": DeskFilter(placed_from=NOW - timedelta(days=300), placed_before=NOW - timedelta(days=299)),
    "expensive": DeskFilter(currency="EUR", amount_from=40_450),
    "too expensive": DeskFilter(currency="EUR", amount_from=10**9),
    "stuck": DeskFilter(stuck_since=NOW - timedelta(hours=1), now=NOW),
}


async def rows_read(database: Database, query: Any) -> tuple[int, str]:
    """Run a query; answers how many rows and index entries were looked at, and the plan."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    text = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    async with database.pool.acquire() as connection:
        answer = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}")
    plan = from_json(answer)[0]["Plan"]
    return _looked_at(plan), answer


def _looked_at(node: dict[str, Any]) -> int:
    rows = 0
    if "Relation Name" in node or "Index Name" in node:
        passed_by = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        rows = round((node["Actual Rows"] + passed_by) * node["Actual Loops"])
    return rows + sum(_looked_at(child) for child in node.get("Plans", ()))


@pytest.mark.parametrize("name", FILTERS)
async def test_a_page_looks_at_few_rows_however_many_there_are(past: Database, name: str) -> None:
    looked_at, plan = await rows_read(past, listing(FILTERS[name], Sort.NEWEST, PAGE + 1, None))
    assert looked_at <= MANY / 50, plan


@pytest.mark.parametrize("sort", Sort)
async def test_each_sort_is_served_by_an_index_on_every_page(past: Database, sort: Sort) -> None:
    first = listing(DeskFilter(currency="EUR"), sort, PAGE, None)
    async with past.reading() as session:
        _, cursor = await OrderLists(session).ids(DeskFilter(currency="EUR"), sort, PAGE, None)
    second = listing(DeskFilter(currency="EUR"), sort, PAGE, cursor)
    for query in (first, second):
        looked_at, plan = await rows_read(past, query)
        assert looked_at <= 4 * PAGE, plan


async def test_the_gate_sees_a_list_without_an_index(past: Database) -> None:
    unserved = listing(DeskFilter(), Sort.NEWEST, PAGE, None).where(Order.payment_method == "cash")
    looked_at, _ = await rows_read(past, unserved)
    assert looked_at > MANY / 50


async def test_counts_are_exact_up_to_their_cap(past: Database) -> None:
    looked_at, plan = await rows_read(past, counting(DeskFilter(status=Status.DELIVERED)))
    assert looked_at <= 11_000, plan
    async with past.reading() as session:
        found = await OrderLists(session).counts({"many": DeskFilter(status=Status.DELIVERED), **FILTERS})
    assert found["many"] == 10_001
    assert found["status Pending"] == found["payment pending"] == found["order pending"] == MANY / 1000
    assert found["stuck"] == await stuck_by_hand(past)


async def stuck_by_hand(database: Database) -> int:
    async with database.transaction() as transaction:
        rows = await transaction.fetch(
            """SELECT count(*) AS n FROM orders WHERE updated_at < $1 AND (
            (status = 'Pending' AND (hold_reason IS DISTINCT FROM 'in_review' OR deadline_at <= $2))
            OR (order_state = 'cancelled' AND (released_at IS NULL OR voided_at IS NULL))
            OR payment_state = 'capture_failed')""",
            NOW - timedelta(hours=1),
            NOW,
        )
    return int(rows[0]["n"])


async def found(shop: Shop, **params: Any) -> list[str]:
    reply = await shop.ask("GET", "/api/admin/orders", "support", user="sue", params=params)
    assert reply.status_code == 200, reply.text
    return [one["order_id"] for one in reply.json()["items"]]


async def test_staff_narrow_the_list_by_risk_amount_date_and_returns(shop: Shop) -> None:
    shop.clock.now = datetime.now(UTC)
    cheap = (await shop.place("ada", items=[{"product_id": "PEN", "quantity": 1}])).json()["order_id"]
    dear = (await shop.place("bob")).json()["order_id"]
    deadline = shop.clock() + timedelta(hours=1)
    facts = {"order_id": dear, "user_id": "bob"}
    await perform(shop.database, await_review, PaymentReviewRequired(**facts, score=80, facts=["new"], deadline_at=deadline))
    assert await found(shop, hold_reason="in_review") == await found(shop, held=True) == [dear]
    assert await found(shop, risk_from=80, risk_to=90) == [dear]
    assert await found(shop, risk_from=81) == []
    assert await found(shop, amount_from=199, amount_to=200) == [cheap]
    assert await found(shop, amount_from=199, currency="USD") == []
    assert await found(shop, sort="lowest") == await found(shop, sort="oldest") == [cheap, dear]
    assert await found(shop, sort="highest") == await found(shop, sort="newest") == [dear, cheap]
    assert await found(shop, return_state="none", product_id="MUG") == [dear]
    moment = shop.clock().isoformat()
    assert await found(shop, placed_from=moment) == [dear, cheap]
    assert await found(shop, placed_before=moment) == []


async def test_who_has_time_left_is_not_stuck(shop: Shop) -> None:
    waiting = (await shop.place("ada")).json()["order_id"]
    reviewed = (await shop.place("bob")).json()["order_id"]
    facts = {"order_id": reviewed, "user_id": "bob"}
    deadline = shop.clock() + timedelta(hours=5)
    await perform(shop.database, await_review, PaymentReviewRequired(**facts, score=80, facts=["new"], deadline_at=deadline))
    assert await found(shop, stuck=True) == []
    shop.clock.forward(hours=1)
    assert await found(shop, stuck=True) == [waiting]
    assert await found(shop, stuck_for_seconds=7200) == []
    shop.clock.forward(hours=5)
    assert await found(shop, stuck=True) == [reviewed, waiting]
    counts = (await shop.ask("GET", "/api/admin/orders/counts", *STAFF[1:], params={"user_id": "bob"})).json()
    assert counts["matching"] == {"count": 1, "capped": False}
    assert counts["views"]["stuck"] == {"count": 2, "capped": False}
    assert counts["axes"]["payment_state"]["pending"]["count"] == 2


async def test_a_parcel_that_left_and_was_not_paid_for_is_stuck(shop: Shop) -> None:
    order_id = (await shop.confirmed())["order_id"]
    total = Money(amount=3097, currency="EUR")
    await shop.ask("PUT", f"/api/admin/orders/{order_id}/status", "warehouse", json={"status": "Shipped"})
    shop.clock.forward(hours=1)
    assert await found(shop, stuck=True) == [order_id]
    captured = PaymentCaptured(
        order_id=order_id, user_id="ada", payment_id=new_id(), shipment_id=new_id(), amount=total, captured=total
    )
    await perform(shop.database, note_captured, captured)
    assert await found(shop, stuck=True) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("statsu", "Pending"),
        ("status", "pending"),
        ("payment_state", "ghost"),
        ("amount_from", "-1"),
        ("currency", "euro"),
        ("placed_from", "2026-01-01T00:00:00"),
        ("placed_before", "9999-12-31T23:59:59Z"),
        ("user_id", "a\x00b"),
        ("risk_from", "101"),
        ("sort", "best"),
        ("limit", "0"),
        ("cursor", "nonsense"),
    ],
)
async def test_a_filter_that_is_none_is_named(shop: Shop, field: str, value: str) -> None:
    reply = await shop.ask("GET", "/api/admin/orders", "support", params={field: value})
    assert reply.status_code == 422
    assert [error["field"].split(".")[-1] for error in reply.json()["errors"]] == [field]


async def test_the_file_holds_the_list_and_no_formula(shop: Shop) -> None:
    first = (await shop.place("=cmd|' /C calc'!A0")).json()["order_id"]
    second = (await shop.place('bob, the "builder"')).json()["order_id"]
    reply = await shop.ask("GET", "/api/admin/orders/export", "auditor", params={"sort": "oldest"})
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.text, newline="")))
    assert [row["order_id"] for row in rows] == [first, second]
    assert [row["user_id"] for row in rows] == ["'=cmd|' /C calc'!A0", 'bob, the "builder"']
    assert rows[0]["total_amount"] == "3097"
    assert "\r\n" in reply.text
    assert "example.com" not in reply.text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_is_only_text(text: str) -> None:
    assert _cell(text) == f"'{text}"


async def test_a_long_file_is_written_piece_by_piece(past: Database) -> None:
    sizes = []
    async with past.reading() as session:
        async for orders in OrderLists(session).exported(DeskFilter(fulfilment_state=FulfilmentState.SHIPPED), Sort.NEWEST):
            sizes.append(len(orders))
            assert len(session.identity_map) <= 1000
    assert sum(sizes) == MANY / 100
