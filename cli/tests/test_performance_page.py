"""The page of performance says what the file of results holds, and of the rest that it was not measured."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from waybill.commands.bench import modules
from waybill.generate import performance
from waybill.generate.goals import Reader, Value, goals
from waybill.generate.plots import Axis, Line, plot

(recording,) = modules("recording")
TAKEN = {"on": "2026-01-01", "version": "0123456789"}


def scenario(**changed: Any) -> dict[str, Any]:
    parts = dict.fromkeys(("order", "inventory", "payment", "notification", "gateway", "postgres", "kafka"), 0.2)
    some = {"p50": 6.5, "p99": 18.0, "most": 30.0}
    figures: dict[str, Any] = {
        "orders_per_second": 1600.0,
        "cpu_ms_per_order": 1.1,
        "cpu_ms_by_part": parts,
        "wal_syncs_per_order": 0.2,
    }
    figures["foreign_cpu_percent"] = 1.4
    return {**figures, "orders": 9000, "accept": some, "confirmed": some, "statements": ["left out"], **changed}


def told(conditions: dict[str, Any] | None = None, **scenarios: dict[str, Any]) -> dict[str, Any]:
    usual = {
        "cores": 2,
        "memory_mb": 8192,
        "database": {"fsync": "on"},
        "repeat": 5,
        "replicas": 1,
        "partitions": 4,
        "history": 0,
    }
    return {"conditions": usual | (conditions or {}), "scenarios": scenarios, "load": [], "history": [{"orders": 0}]}


def past(orders: int, cost: float, **more: Any) -> dict[str, Any]:
    answer = told({"history": orders}, max=scenario())
    figures = {"orders": orders, "cpu_ms_per_order": cost, "own_list_p99_ms": 4.0, "admin_page_p99_ms": 9.0}
    return answer | {"history": [figures | more]}


def compared(**systems: dict[str, Any]) -> dict[str, Any]:
    load = [
        {"system": system, "rate": 20.0, "most": False, "cpu_ms_per_order": 12.0, "p50_ms": 8.0, "p99_ms": 9.0}
        for system in systems
    ]
    return {"conditions": told()["conditions"], "peers": systems, "load": load}


def row(page: str, beginning: str) -> list[str]:
    """Find a table's row and give its cells."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {beginning}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_without_results_every_goal_says_that_it_was_not_measured() -> None:
    page = performance.render({})[performance.PAGE]
    for goal in goals({}):
        assert row(page, goal.figure.split(",")[0])[3] == "not measured"
    assert list(performance.render({})) == [performance.PAGE]
    assert "Peers: not measured." in page


def test_a_profile_shares_the_account_of_its_service_among_layers_and_the_dearest_statements_are_listed() -> None:
    statement = {"service": "order", "calls": 4500, "milliseconds": 900.0, "text": f"SELECT a | b {'x' * 200}", "rows": 1}
    profile = {"scenario": "max", "samples": 1000, "layers": {"chassis": 25.0, "other": 75.0}, "own": [["f (a.py)", 4.5]]}
    runs = [{"scenario": "max", "orders": 9000, "statements": [statement]}]
    results = recording.merged({}, told(max=scenario()) | {"profiles": {"order": profile}, "runs": runs}, TAKEN)
    page = performance.render(results)[performance.PAGE]
    assert row(page, "layer") == ["layer", "order, max (1,000 samples)"]
    assert [row(page, "chassis")[1], row(page, "other |")[1]] == ["0.05", "0.15"]
    assert "than 4.50 % (order: `f (a.py)`)" in page
    (shown,) = (line for line in page.splitlines() if "SELECT a" in line)
    assert "`SELECT a / b xx" in shown
    assert shown.endswith("x …` | 0.50 | 0.10 |")
    again = recording.merged(results, told(low=scenario()), TAKEN)
    assert again["profiles"] == results["profiles"]
    assert again["runs"]["max"] == results["runs"]["max"]


def test_a_run_fills_its_rows_and_keeps_those_of_other_runs() -> None:
    results = recording.merged({}, told(low=scenario(cpu_ms_per_order=12.0)), TAKEN)
    results = recording.merged(results, told(max=scenario()), TAKEN)
    page = performance.render(results)[performance.PAGE]
    assert row(page, "orders per second, end to end")[1:5] == ["600", "1,500", "1,600", "**goal**"]
    assert row(page, "CPU per order at 50 orders")[3:5] == ["12 ms", "must"]
    assert row(page, "rate with one hot product")[3] == "not measured"
    assert row(page, "max |") == ["max", "5", "2026-01-01", "`0123456789`", "1.40 %"]
    assert results["runs"]["max"]["statements"] == []
    assert results["runs"]["max"]["taken"] == TAKEN | {"repeat": 5}


@pytest.mark.parametrize(
    ("value", "reached"),
    [
        (Value(1500, 600, 1500, more=True), "goal"),
        (Value(599, 600, 1500, more=True), "neither"),
        (Value(20, 20, 10), "must"),
        (Value(20.1, 20, 10), "neither"),
        (Value(None, 20, 10), "not measured"),
    ],
)
def test_a_value_reaches_its_goal_its_must_or_neither(value: Value, reached: str) -> None:
    assert value.reached == reached


def test_histories_replicas_and_partitions_are_ratios_of_runs_that_differ_in_nothing_else() -> None:
    results: dict[str, Any] = {}
    for orders, cost in ((10**7, 1.2), (10**4, 1.0)):
        results = recording.merged(results, past(orders, cost), TAKEN)
    for replicas, partitions, cost in ((1, 4, 1.0), (4, 4, 1.2), (4, 12, 1.8), (1, 12, 1.5), (1, 1, 1.2)):
        run = told({"replicas": replicas, "partitions": partitions}, max=scenario(cpu_ms_per_order=cost))
        results = recording.merged(results, run, TAKEN)
    at = Reader(results)
    assert at.growth("cpu_ms_per_order") == pytest.approx(1.2)
    assert at.scaled("replicas", 4) == pytest.approx(1.2)
    assert at.scaled("partitions", 12) == pytest.approx(1.25)
    assert results["runs"]["max"]["cpu_ms_per_order"] == 1.0
    assert performance.HISTORY_PLOT in performance.render(results)


def test_a_past_says_how_much_of_it_was_whole() -> None:
    results: dict[str, Any] = {}
    for orders, whole in ((10**7, 10**5), (10**4, 10**4)):
        results = recording.merged(results, past(orders, 1.0, whole=whole), TAKEN)
    page = performance.render(results)[performance.PAGE]
    assert row(page, "10,000,000")[:2] == ["10,000,000", "100,000"]
    assert row(page, "10,000 ")[:2] == ["10,000", "10,000"]
    assert row(page, "from 10^4 to 10^7")[0] == "from 10^4 to 10^7 past orders (100,000 of them whole): cost of placing"
    page = performance.render(recording.merged(results, past(10**7, 1.0, whole=10**7), TAKEN))[performance.PAGE]
    assert row(page, "from 10^4")[0] == "from 10^4 to 10^7 past orders: cost of placing"


def test_peers_stand_beside_this_system_with_ratios_in_its_favour() -> None:
    ours, theirs = {"max": scenario(), "20/s": scenario()}, {"max": scenario(orders_per_second=40.0, cpu_ms_per_order=33.0)}
    results = recording.merged({}, compared(waybill=ours, plain=theirs), TAKEN)
    page = performance.render(results)[performance.PAGE]
    assert row(page, "orders per second, at most")[1:] == ["1,600", "40", "40x"]
    assert row(page, "CPU-ms per order, at most")[1:] == ["1.10", "33", "30x"]
    assert row(page, "CPU-ms per order at 20 a second")[1:] == ["1.10", "not measured", "-"]
    assert row(page, "CPU-ms per order at 50 a second")[1:] == ["not measured", "beyond its maximum", "-"]


def test_points_of_a_load_are_replaced_one_by_one_and_the_maximum_by_the_maximum() -> None:
    point = {"system": "waybill", "rate": 100.0, "cpu_ms_per_order": 7.0, "p50_ms": 8.0, "p99_ms": 9.0}
    results = recording.merged({}, compared(waybill={}, plain={}), TAKEN)
    results = recording.merged(results, told(max=scenario(orders_per_second=900.0)) | {"load": [point]}, TAKEN)
    results = recording.merged(results, told(max=scenario(orders_per_second=1600.0)), TAKEN)
    found = [(one["system"], one["rate"]) for one in results["load"]]
    assert found == [("waybill", 20.0), ("waybill", 100.0), ("waybill", 1600.0), ("plain", 20.0)]


def test_a_recorded_run_lies_in_the_file_that_the_page_is_rendered_from(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    recording.record(tmp_path, told(max=scenario(orders_per_second=1234.0)))
    assert json.loads((tmp_path / performance.RESULTS).read_text())["runs"]["max"]["orders_per_second"] == 1234.0
    assert "1,234" in performance.documents(tmp_path)[performance.PAGE]


def test_a_plot_is_well_formed_names_its_lines_and_says_in_words_what_it_shows() -> None:
    drawn = plot(
        "Cost & load", "orders per second", "CPU-ms", [Line("ours", [(20, 9), (1500, 1)]), Line("<theirs>", [(20, 30)])]
    )
    tree = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert tree.get("aria-label") == "Cost & load: ours 9 at 20, 1 at 1,500; <theirs> 30 at 20"
    assert "prefers-color-scheme:dark" in drawn
    assert [node.text for node in tree.iter() if node.get("class", "").startswith("name")] == ["ours", "<theirs>"]
    places = [float(x) for x in re.findall(r'c[xy]="([\d.]+)"', drawn)]
    assert all(0 <= place <= 720 for place in places)


def test_an_axis_ends_in_round_values_around_all_that_it_shows() -> None:
    axis = Axis.over([20, 1500], 0, 100)
    assert (axis.low, axis.high) == (20, 2000)
    assert axis.place(200) == pytest.approx(50)
    assert axis.ticks() == [20, 50, 100, 200, 500, 1000, 2000]
