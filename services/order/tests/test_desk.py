"""Staff's lists, counts and files of orders: right, and read through an index however many orders there are behind."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from pydantic_core import from_json
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from chassis.database import Database
from chassis.domain import new_id
from chassis.telemetry import Metrics
from chassis.testing import perform
from contracts.payment import PaymentCaptured, PaymentReviewRequired
from contracts.types import Money
from order.api.desk import _cell
from order.handlers import await_review, note_captured
from order.model import FulfilmentState, Order, OrderState, PaymentState, ReturnState, Status
from order.store import AXES, DeskFilter, OrderLists, OrderQueries, Sort
from order.store.open_work import _COUNT, count_open
from order.store.order_counts import FRESH, STALE, Crowded
from order.store.order_lists import ANEW, MOST_COUNTED, MOST_MATCHING, USUAL, counting, listing
from order.store.search import BY_REFERENCE
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
    "another currency": DeskFilter(currency="USD"),
    "delivered though cancelled": DeskFilter(status=Status.DELIVERED, order_state=OrderState.CANCELLED),
    "paid though cancelled": DeskFilter(payment_state=PaymentState.CAPTURED, fulfilment_state=FulfilmentState.CANCELLED),
    "paid and on its way back": DeskFilter(payment_state=PaymentState.CAPTURED, return_state=ReturnState.REQUESTED),
    "a customer's cancelled": DeskFilter(user_id="user-7", status=Status.CANCELLED),
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


@pytest.mark.parametrize(
    "narrowed",
    [*(DeskFilter(product_id=sku) for sku in ("MUG", "RARE", "GHOST")), DeskFilter(user_id="user-7")],
    ids=["frequent product", "rare product", "no such product", "customer"],
)
async def test_orders_of_a_product_or_a_customer_by_amount_are_the_newest_of_them(past: Database, narrowed: DeskFilter) -> None:
    looked_at, plan = await rows_read(past, listing(narrowed, Sort.HIGHEST, PAGE, None, ranked=300))
    assert looked_at <= MANY / 50, plan
    async with past.reading() as session:
        lists = OrderLists(session)
        newest, _ = await lists.ids(narrowed, Sort.NEWEST, 300, None)
        first, cursor = await lists.ids(narrowed, Sort.HIGHEST, 200, None, ranked=300)
        rest = (await lists.ids(narrowed, Sort.HIGHEST, 200, cursor, ranked=300))[0] if cursor else []
        amounts = {order.order_id: order.total_amount for order in await OrderQueries(session).of([*first, *rest])}
    assert {*first, *rest} == set(newest)
    found = [(amounts[order_id], order_id) for order_id in (*first, *rest)]
    assert found == sorted(found, reverse=True)


async def test_a_reference_is_found_without_a_look_at_all_orders(past: Database) -> None:
    async with past.pool.acquire() as connection:
        reference = await connection.fetchval("SELECT right(order_id::text, 8) FROM orders ORDER BY order_id LIMIT 1")
        query = BY_REFERENCE.replace(":reference", f"'{reference}'").replace(":most", "10")
        answer = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
    assert _looked_at(from_json(answer)[0]["Plan"]) < 10, answer


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
    looked_at, plan = await rows_read(past, counting(DeskFilter(status=Status.DELIVERED), MOST_COUNTED))
    assert looked_at <= 11_000, plan
    async with past.reading() as session:
        found = await OrderLists(session).counts({"many": DeskFilter(status=Status.DELIVERED), **FILTERS})
        (matching,) = (await OrderLists(session).counts({ANEW: DeskFilter(product_id="MUG")})).values()
    assert matching == MOST_MATCHING + 1
    assert found["many"] == 10_001
    assert found["status Pending"] == found["payment pending"] == found["order pending"] == MANY / 1000
    assert found["stuck"] == await stuck_by_hand(past)


async def test_what_is_looked_for_among_the_unusual_is_there(past: Database) -> None:
    """Each two states that no usual order has at once find just those orders that have them."""
    axes = {"status": Status, "order_state": OrderState, "payment_state": PaymentState, "return_state": ReturnState}
    async with past.transaction() as transaction:
        rows = await transaction.fetch(
            f"SELECT order_id, {', '.join(AXES)} FROM orders WHERE return_state <> 'none' OR payment_state LIKE 'partially%'"
        )
    pairs = {(one, other) for row in rows for one in axes for other in axes if one < other}
    asked = {frozenset({(one, row[one]), (other, row[other])}) for row in rows for one, other in pairs}
    found = 0
    for pair in asked:
        states: dict[str, Any] = {axis: axes[axis](value) for axis, value in pair}
        narrowed = DeskFilter(**states)
        if not narrowed.unusual:
            continue
        async with past.reading() as session:
            ids, _ = await OrderLists(session).ids(narrowed, Sort.NEWEST, 10_000, None)
        expected = {row["order_id"] for row in rows if all(row[axis] == value for axis, value in pair)}
        assert expected <= set(ids), pair
        found += len(ids)
    assert found


def test_the_unusual_are_told_by_two_states_at_least() -> None:
    assert not any(DeskFilter.at(axis, value).unusual for axis, values in AXES.items() for value in values if _usual(value))
    assert DeskFilter(status=Status.DELIVERED, order_state=OrderState.PENDING).unusual


def _usual(value: str) -> bool:
    return any(value in row for row in USUAL)


def test_what_was_found_to_be_more_than_is_counted_is_taken_for_it_for_a_while() -> None:
    crowded, views = Crowded(), {"many": DeskFilter(), "vast": DeskFilter(), "few": DeskFilter(), ANEW: DeskFilter()}

    def look(now: datetime, **counts: int) -> set[str]:
        due = crowded.due(views, now)
        found = crowded.complete(views, {name: counts.get(name, MOST_COUNTED + 1) for name in due}, now)
        assert found == {name: counts.get(name, MOST_COUNTED + 1) for name in views}
        return set(due)

    assert look(NOW, few=3) == set(views)
    assert look(NOW + timedelta(seconds=1), few=4) == {"few", ANEW}
    later = NOW + FRESH
    assert look(later, few=3) == {"many", "few", ANEW}, "one at a time"
    assert look(later, few=3) == {"vast", "few", ANEW}
    assert look(later, few=3) == {"few", ANEW}
    assert look(later + STALE, few=3, many=7) == set(views), "nobody has counted for long"
    assert look(later + STALE, few=3, many=8) == {"many", "few", ANEW}, "what has become few is counted each time"


async def test_staff_who_look_again_have_only_the_few_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("order.store.order_counts.MOST_COUNTED", 1)
    asked: list[set[str]] = []
    counts = OrderLists.counts

    async def noted(self: OrderLists, views: Any) -> dict[str, int]:
        asked.append(set(views))
        return await counts(self, views)

    monkeypatch.setattr(OrderLists, "counts", noted)
    for user in ("ada", "bob"):
        await shop.place(user)
    for _ in range(2):
        reply = await shop.ask("GET", "/api/admin/orders/counts", "support", user="sue")
        assert reply.status_code == 200, reply.text
        assert reply.json()["axes"]["status"]["Pending"]["count"] == reply.json()["matching"]["count"] == 2
    assert {"status.Pending", "all"} <= asked[0]
    assert not {"status.Pending", "all"} & asked[1]
    assert "status.Delivered" in asked[1]


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


async def test_cash_at_the_door_is_not_waited_for_before_the_parcel_is_there(shop: Shop) -> None:
    order_id = (await shop.confirmed(payment={"method": "cash_on_delivery"}))["order_id"]
    for status, waits in (("Shipped", []), ("Delivered", ["payment.captured.v1"])):
        moved = await shop.ask("PUT", f"/api/admin/orders/{order_id}/status", "support", json={"status": status})
        assert moved.status_code == 200, moved.text
        shop.clock.forward(hours=1)
        assert await found(shop, stuck=True) == [order_id for _ in waits]
        saga = (await shop.ask("GET", f"/api/admin/orders/{order_id}/saga", "support")).json()
        assert saga["waits_for"] == waits


async def test_open_sagas_are_counted_without_a_look_at_all_orders(past: Database) -> None:
    looked_at, plan = await rows_read(past, text(_COUNT))
    assert looked_at <= MANY / 50, plan
    metrics = Metrics()
    await count_open(past, metrics)
    assert metrics.registry.get_sample_value("saga_open", {"state": "pending"}) == MANY / 1000


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
        ("cursor", "WzVd"),  # [5]
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
