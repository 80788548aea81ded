"""The benchmark's past: lives that are moved in time are whole, lie apart from each other, and leave the books right."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from waybill.commands.bench import modules

from .test_bench_checking import Loaded, loaded

pytestmark = pytest.mark.database
assert loaded  # a fixture

(history,) = modules("history")

ORDERS: Final = 400
"""Of each of the four lives a hundred."""


_MORE_STOCK: Final = """
WITH more AS (UPDATE stock SET on_hand = on_hand + 10000 RETURNING sku, warehouse_id)
INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, reason, actor, at)
SELECT gen_random_uuid(), sku, warehouse_id, 'received', 10000, 0, 'more', 'keeper', now() FROM more
"""


async def live_again(loaded: Loaded, orders: int, whole: int | None = None, more: Sequence[Any] = ()) -> None:
    """Write so many orders, which live as the four do; in more sessions than one, if need be."""
    await loaded.sessions["inventory"].execute(_MORE_STOCK)
    lives = [UUID(one.order_id) for one in loaded.outcome.sent]
    long_ago = datetime.now(UTC) - timedelta(days=4000)
    past = history.Past(lives, 0, orders, long_ago, whole or orders)
    await history.write([loaded.databases, *more], past, lambda _: None)


async def rows(old: Loaded, service: str, query: str) -> list[Any]:
    return list(await old.sessions[service].fetch(query))


async def test_of_orders_that_are_not_whole_there_is_what_lists_show(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "AT_ONCE", ORDERS // 10)
    await live_again(loaded, ORDERS, whole=ORDERS // 2, more=[loaded.more])
    counts = {
        table: (await rows(loaded, "order", f"SELECT count(DISTINCT order_id) AS n FROM {table}"))[0]["n"] - 4
        for table in ("orders", "order_items", "order_status_history")
    }
    assert counts == {"orders": ORDERS, "order_items": ORDERS, "order_status_history": ORDERS // 2}
    payments = await rows(loaded, "payment", "SELECT order_id FROM payment")
    assert len(payments) < ORDERS
    assert await loaded.problems() == []


async def _each_life_is_written_as_often_as_the_others_with_all_that_belongs_to_it(old: Loaded) -> None:
    states = "SELECT status, cancel_reason, count(*) AS n FROM orders GROUP BY 1, 2"
    assert {row["n"] for row in await rows(old, "order", states)} == {ORDERS / 4 + 1}
    for service, tables in {
        "order": ("order_items", "order_status_history"),
        "inventory": ("reservation", "stock_movement"),
        "payment": ("payment", "psp_attempt"),
        "notification": ("contact", "delivery"),
    }.items():
        for table in tables:
            counts = await rows(
                old, service, f"SELECT order_id, count(*) AS n FROM {table} WHERE order_id IS NOT NULL GROUP BY 1"
            )
            shapes = Counter(row["n"] for row in counts)
            assert all(times % (ORDERS / 4 + 1) == 0 for times in shapes.values()), (table, shapes)
            assert len(counts) > ORDERS / 2, table


async def _the_past_lies_evenly_over_the_years_before_now_in_the_order_of_its_ids(old: Loaded) -> None:
    dates = [row["order_date"] for row in await rows(old, "order", "SELECT order_date FROM orders ORDER BY order_id")]
    assert dates == sorted(dates)
    assert dates[-1] - dates[0] > timedelta(days=720)
    halfway = dates[0] + (dates[-1] - dates[0]) / 2
    assert sum(date < halfway for date in dates) == pytest.approx(len(dates) / 2, rel=0.05)


async def _what_is_forgotten_after_some_days_is_there_for_those_days_only(old: Loaded) -> None:
    told = await rows(old, "order", "SELECT DISTINCT aggregateid FROM outbox WHERE occurred_at < now() - interval '1 hour'")
    assert 0 < len(told) < ORDERS / 50
    assert len(await rows(old, "order", "SELECT DISTINCT key FROM outbox_sequence")) == ORDERS + 4


async def test_lives_are_whole_and_lie_apart_over_the_years_and_the_books_are_right(loaded: Loaded) -> None:
    await live_again(loaded, ORDERS)
    await _each_life_is_written_as_often_as_the_others_with_all_that_belongs_to_it(loaded)
    await _the_past_lies_evenly_over_the_years_before_now_in_the_order_of_its_ids(loaded)
    await _what_is_forgotten_after_some_days_is_there_for_those_days_only(loaded)
    assert await loaded.problems() == [], "the books are still right, and nothing is left to do"


async def test_indexes_and_triggers_are_as_before(loaded: Loaded) -> None:
    # Without parentheses, of which the server writes fewer for what it has written itself.
    query = """SELECT translate(indexdef, '()', '') AS index FROM pg_indexes
    WHERE schemaname = 'public' AND tablename !~ '_20[0-9]+$' ORDER BY 1"""
    before = await rows(loaded, "order", query)
    await live_again(loaded, 8)
    assert await rows(loaded, "order", query) == before
    with pytest.raises(Exception, match="append-only"):
        await loaded.sessions["payment"].execute("DELETE FROM psp_attempt")
