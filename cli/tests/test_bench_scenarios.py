"""What is pure in the benchmark's scenarios: lives moved in time, pages to look at, a backlog and what comes in meanwhile."""

import asyncio
import random
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chassis.testing import eventually
from waybill.commands.bench import bench, modules
from waybill.errors import WaybillError

from .test_bench import BUSY, CREATED, figures, plan, shop

accounting, bench_figures, draining, generator, history, loading, measuring, pages, reading, report, scenarios = modules(
    "accounting",
    "figures",
    "draining",
    "generator",
    "history",
    "loading",
    "measuring",
    "pages",
    "reading",
    "report",
    "scenarios",
)
Percentiles = measuring.Percentiles
NOW = datetime(2026, 11, 20, tzinfo=UTC)
PAGE = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"items":[]}'


def chance() -> random.Random:
    return random.Random(1)  # noqa: S311


def known() -> Any:
    orders = [(number, uuid.UUID(int=number << 96)) for number in range(64)]
    return pages.Known(orders, [order_id for _, order_id in orders[::2]], ["T1"], ["INV-1"], NOW - timedelta(days=700), NOW)


def test_every_kind_of_page_comes_up_in_turn_and_asks_for_what_there_is() -> None:
    turn = pages.in_turn()
    found = list(islice(pages.pages(known(), chance()), 2 * len(turn)))
    assert [one.kind for one in found] == 2 * turn
    assert {kind: turn.count(kind) for kind in pages.KINDS} == {
        kind: pages.OFTEN if kind.startswith("own") else 1 for kind in pages.KINDS
    }
    by_kind = {one.kind: one for one in found}
    assert by_kind["own order"].path.startswith("/api/orders/00000")
    assert by_kind["own order"].customer is not None
    assert by_kind["admin search by document"].path == "/api/admin/search?q=INV-1"
    assert {one.customer is None for one in found if one.kind.startswith("admin")} == {True}
    assert {one.customer is None for one in found if one.kind.startswith("own")} == {False}
    assert all(" " not in one.path for one in found)
    paid = by_kind["admin payments of an order"].path.removeprefix("/api/admin/payments/")
    assert uuid.UUID(paid) in known().whole


def test_pages_can_be_made_up_where_nothing_was_sent_yet() -> None:
    bare = pages.Known(known().orders, known().whole, [], [], NOW, NOW)
    assert {one.kind for one in islice(pages.pages(bare, chance()), len(pages.in_turn()))} == set(pages.KINDS)


async def test_a_reader_asks_at_its_rate_and_tells_how_long_each_kind_took() -> None:
    async with shop(lambda _: PAGE, pause=0.002) as port:
        reader = reading.Reader("127.0.0.1", port, ["t"] * 64, "m", known(), 2000.0, 1)
        async with reader.working():
            await eventually(lambda: _true(all(kind in reader.seconds for kind in pages.KINDS)), "each kind was asked for")
    assert reader.check.passed, reader.check.problem
    assert set(reader.took) == {*pages.KINDS, *reading.ALL}
    assert 2.0 <= reader.took[pages.ADMIN_PAGES].p50 < 1000.0


async def test_a_page_that_is_refused_or_never_asked_for_counts_against_the_run() -> None:
    async with shop(lambda _: BUSY) as port:
        reader = reading.Reader("127.0.0.1", port, ["t"] * 64, "m", known(), 500.0, 1)
        async with reader.working():
            await eventually(lambda: _true(reader.refused.total() > 0), "a page was refused")
    assert "answered 503" in reader.check.problem
    assert not reading.Reader("127.0.0.1", port, [], "", None, 0.0, 1).check.passed


async def _true(value: bool) -> bool:  # noqa: FBT001
    return value


@pytest.mark.parametrize("rate", [0.0, 200.0], ids=["closed loop", "open loop"])
async def test_a_load_that_is_told_enough_ends_before_its_time(rate: float) -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        return CREATED

    async with shop(answer, pause=0.005) as port, loading.Generator(plan(port, rate=rate, count=10_000, seconds=500.0)) as load:
        running = asyncio.create_task(load.run())
        await eventually(lambda: _true(len(heard) > 20), "orders are being sent")
        await load.enough()
        outcome = await running
    assert 20 < len(outcome.sent) < 10_000
    assert not outcome.failures


def test_a_backlog_and_what_comes_in_meanwhile_are_one_outcome_of_the_drain() -> None:
    def outcome(name: str, began: float) -> Any:
        return generator.Outcome(began, began + 1.0, [generator.Sent(name, "confirmed", began, 0.1)], {"429: slow": 1}, 0.5)

    both = draining.together(outcome("first", 0.0), outcome("second", 10.0), began_at=9.5)
    assert [one.order_id for one in both.sent] == ["first", "second"]
    assert (both.began_at, both.ended_at, both.failures, both.cpu_seconds) == (9.5, 11.0, {"429: slow": 2}, 0.5)


def test_a_backlog_is_worked_off_as_fast_as_its_own_orders_are_and_not_those_that_come_meanwhile() -> None:
    account = accounting.Account(at=0.0, parts=dict.fromkeys(accounting.SERVING, 0.0), machine=0.0)
    after = accounting.Account(at=20.0, parts=dict.fromkeys(accounting.SERVING, 1.0), machine=10.0)
    sent = [generator.Sent(f"{number}", "confirmed", 0.0, 0.1) for number in range(30)]
    facts = {one.order_id: {"order.confirmed.v1": 10.0} for one in sent}
    seen = bench_figures.Observed(
        scenario="drain",
        outcome=generator.Outcome(0.0, 10.0, sent, {}, 0.5),
        watched=sent,
        accepted_per_second=9.0,
        before=account,
        after=after,
        story=bench_figures.Story({}, facts, 10.0),
        messages={},
        statements=[],
        checks=[],
        wal_bytes=0,
        wal_syncs=0,
        reads={},
        backlog=20,
    )
    measured = bench_figures.figures(seen)
    assert (measured.orders, measured.backlog, measured.orders_per_second) == (30, 20, 2.0)
    assert bench_figures.figures(replace(seen, backlog=0)).orders_per_second == 3.0


def test_a_backlog_is_as_long_as_is_asked_for() -> None:
    drain = scenarios.SCENARIOS[scenarios.Name.DRAIN]
    assert drain.limited(None, None).orders == 100_000
    assert drain.limited(500, None).orders == 500


def test_a_sweep_has_a_scenario_for_each_rate_and_tells_the_points_of_the_curve() -> None:
    slow = scenarios.at_rate(50.0).limited(None, None)
    assert (slow.name, slow.rate, slow.orders, slow.seconds) == ("50/s", 50.0, 1000, 20.0)
    found = report.as_json(
        [figures("50/s", 50.0), figures("200/s", 200.0), figures("max", 900.0)], {"history": 10_000, "history_whole": 9_000}, []
    )
    assert [(point["system"], point["rate"], point["cpu_ms_per_order"]) for point in found["load"]] == [
        ("waybill", 50.0, 1.0),
        ("waybill", 200.0, 1.0),
    ]
    assert {"rate", "cpu_ms_per_order", "p50_ms", "p99_ms"} < found["load"][0].keys()
    assert found["history"] == [{"orders": 10_000, "whole": 9_000, "cpu_ms_per_order": 1.0}]


def test_pages_that_were_looked_at_are_told_beside_how_much_past_there_is() -> None:
    took = {kind: Percentiles.of([0.001, 0.009]) for kind in (pages.OWN_LISTS, pages.ADMIN_PAGES, "own order")}
    read = replace(figures("read", 50.0), reads=took)
    found = report.as_json([read], {"history": 10**6, "history_whole": 10**6}, [])
    assert found["history"] == [{"orders": 10**6, "whole": 10**6, "own_list_p99_ms": 9.0, "admin_page_p99_ms": 9.0}]
    assert found["scenarios"]["read"]["reads"]["own order"]["p50"] == 1.0
    console = Console(width=120, record=True, file=StringIO())
    report.show(console, [read], [])
    assert "admin pages together" in console.export_text()


@pytest.mark.parametrize("rates", ["fast", "0", "-1,50", "inf"])
def test_rates_that_are_none_are_told_in_one_line(rates: str) -> None:
    with pytest.raises(WaybillError, match="--rates"):
        bench(rates=rates)


@pytest.mark.parametrize(
    ("column", "becomes"),
    [
        (("orders", "order_id", "uuid"), "m.order_id"),
        (("orders", "user_id", "text"), "m.user_id"),
        (("orders", "deadline_at", "timestamp with time zone"), "t.deadline_at + m.shift"),
        (("document", "issued_on", "date"), "(t.issued_on + m.shift)::date"),
        (("document", "position", "bigint"), "m.n + 1"),
        (("shipments", "shipment_id", "uuid"), "pg_temp.later(t.shipment_id, m.ms, m.salt)"),
        (("order_items", "item_id", "uuid"), "t.item_id"),
        (("shipments", "tracking_number", "text"), "t.tracking_number || '-' || m.n"),
        (("orders", "status", "text"), "t.status"),
    ],
    ids=lambda value: ".".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_what_is_an_order_s_own_is_another_in_each_life_and_all_else_the_same(column: Any, becomes: str) -> None:
    assert history.moved(history.Column(*column), frozenset({"shipment_id"})) == becomes


def test_a_data_directory_remembers_the_past_that_lies_in_it(tmp_path: Path) -> None:
    assert history.loaded(tmp_path) == (0, 0)
    (tmp_path / history.MARK).write_text("4000 400")
    assert history.loaded(tmp_path) == (4000, 400)
