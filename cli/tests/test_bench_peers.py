"""The comparison with other designs: what is missing is told at once, figures of all are set side by side."""

import asyncio
import importlib.util
from typing import Any

import pytest

from waybill.commands.bench import bench, modules
from waybill.errors import WaybillError

comparing, peer_report, run, scenarios, system, tables = modules(
    "peers.comparing", "peers.report", "run", "scenarios", "peers.system", "peers.tables"
)
SOME = {"p50": 10.0, "p99": 20.0}
FIGURES: dict[str, dict[str, Any]] = {
    "waybill": {
        "max": {"orders_per_second": 1500.0, "cpu_ms_per_order": 1.2, "confirmed": SOME},
        "20/s": {"orders_per_second": 20.1, "cpu_ms_per_order": 14.0, "confirmed": SOME},
    },
    "plain": {"max": {"orders_per_second": 40.0, "cpu_ms_per_order": 30.0, "confirmed": SOME}},
}


def test_a_missing_package_of_a_peer_is_told_with_what_to_install_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def started(*_: Any) -> None:
        pytest.fail("something was started")

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(run, "run", started)
    with pytest.raises(WaybillError, match=r"needs dbos: install it with .*uv pip install -r bench/peers/requirements\.txt"):
        bench(peers=True)


def test_a_peer_that_does_not_exist_is_told() -> None:
    with pytest.raises(WaybillError, match="no peer kafka: choose from dbos, plain"):
        bench(peer=["kafka"])


def test_a_ratio_above_one_is_in_favour_of_this_system_whatever_is_better() -> None:
    assert peer_report.ratios(FIGURES, "max", "orders_per_second", more=True) == {"plain": 37.5}
    assert peer_report.ratios(FIGURES, "max", "cpu_ms_per_order", more=False) == {"plain": 25.0}
    assert peer_report.ratios(FIGURES, "20/s", "cpu_ms_per_order", more=False) == {"plain": None}


def test_the_points_of_cost_against_load_end_with_what_each_can_do() -> None:
    points = [(one["system"], one["rate"], one["most"]) for one in peer_report.load(FIGURES)]
    assert points == [("waybill", 20.0, False), ("waybill", 1500.0, True), ("plain", 40.0, True)]


def test_every_topic_of_a_peer_is_made() -> None:
    assert system.PEERS["plain"].topics == tables.TOPICS
    assert system.PEERS["dbos"].topics == ()


def test_systems_run_in_turn_as_often_as_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, int]] = []

    async def ours(wanted: Any, _: Any) -> Any:
        ran.append(("waybill", wanted.seed))
        return run.Results(conditions={"cores": 2, "repeat": 1})

    async def theirs(peer: Any, wanted: Any, _: Any) -> Any:
        ran.append((peer.name, wanted.seed))
        return run.Results(conditions={"cores": 2})

    monkeypatch.setattr(run, "run", ours)
    monkeypatch.setattr(comparing, "run_peer", theirs)
    _, conditions = asyncio.run(comparing.compare(run.Wanted(repeat=2), ["plain"], lambda _: None))
    assert ran == [("waybill", 1), ("plain", 1), ("waybill", 2), ("plain", 2)]
    assert conditions["repeat"] == 2


def test_a_share_of_the_maximum_needs_the_maximum() -> None:
    wanted = run.Wanted(scenarios=[scenarios.Name.BUSY])
    with pytest.raises(WaybillError, match="ask for --scenario max before it"):
        list(run.scenarios(wanted))


def test_a_share_of_the_maximum_is_a_rate_once_that_is_known() -> None:
    busy = scenarios.SCENARIOS[scenarios.Name.BUSY].at_share(1000.0).limited(None, 10.0)
    assert (busy.name, busy.rate, busy.orders) == ("busy", 700.0, 7000)
