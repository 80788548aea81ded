"""The comparison: each system's medians, how many times better Waybill does, as a table for people and JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.figures import Measured
from bench.peers.system import PEERS
from bench.report import combined, grouped, plain, show_wrong
from bench.scenarios import SCENARIOS, Name

WAYBILL: Final = "waybill"
ROWS: Final = (
    ("orders/s end to end, at most", Name.MAX, "orders_per_second", True),
    ("CPU ms / order, at most", Name.MAX, "cpu_ms_per_order", False),
    ("WAL syncs / order, at most", Name.MAX, "wal_syncs_per_order", False),
    ("CPU ms / order at 20/s", "20/s", "cpu_ms_per_order", False),
    ("accept p50 ms at 20/s", "20/s", "accept.p50", False),
    ("accept p99 ms at 20/s", "20/s", "accept.p99", False),
    ("confirmed p50 ms at 20/s", "20/s", "confirmed.p50", False),
    ("confirmed p99 ms at 20/s", "20/s", "confirmed.p99", False),
    ("CPU ms / order at 50/s", Name.LOW, "cpu_ms_per_order", False),
    ("confirmed p50 ms at 50/s", Name.LOW, "confirmed.p50", False),
    ("confirmed p99 ms at 50/s", Name.LOW, "confirmed.p99", False),
)
"""What is set side by side: label, scenario, figure, whether more is better."""

Figures = Mapping[str, Mapping[str, Any]]
"""Medians by system and scenario."""


def as_json(found: Mapping[str, Sequence[Measured]], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Write the comparison for programs: medians, ratios, points of cost against load, every single run."""
    figures = medians(found)
    return {
        "passed": all(one.passed for runs in found.values() for one in runs),
        "conditions": conditions,
        "peers": figures,
        "ratios": {label: ratios(figures, scenario, path, more=more) for label, scenario, path, more in ROWS},
        "load": load(figures),
        "runs": {system: [plain(one) for one in runs] for system, runs in found.items()},
    }


def medians(found: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, Any]]:
    """Combine the runs of each system by scenario."""
    return {
        system: {name: combined([plain(one) for one in runs]) for name, runs in grouped(measured).items()}
        for system, measured in found.items()
    }


def ratios(figures: Figures, scenario: str, path: str, *, more: bool) -> dict[str, float | None]:
    """Tell how many times better Waybill does than each peer; None where one of both was not measured."""
    ours = value(figures, WAYBILL, scenario, path)
    found: dict[str, float | None] = {}
    for peer in figures:
        theirs = value(figures, peer, scenario, path)
        if peer != WAYBILL:
            found[peer] = round(ours / theirs if more else theirs / ours, 1) if ours and theirs else None
    return found


def value(figures: Figures, system: str, scenario: str, path: str) -> float | None:
    """Look a figure up."""
    found: Any = figures.get(system, {}).get(scenario)
    for name in path.split("."):
        found = found.get(name) if found is not None else None
    return None if found is None else float(found)


def load(figures: Figures) -> list[dict[str, Any]]:
    """List what an order costs and how soon it is confirmed at each load of each system; `max` is as much as it can do."""
    points = []
    for system, scenarios in figures.items():
        for name, one in scenarios.items():
            rate = SCENARIOS[Name(name)].rate if name in SCENARIOS else float(name.removesuffix("/s"))
            point = {"system": system, "rate": rate or one["orders_per_second"], "most": not rate}
            point |= {"cpu_ms_per_order": one["cpu_ms_per_order"], "p50_ms": one["confirmed"]["p50"]}
            points.append(point | {"p99_ms": one["confirmed"]["p99"]})
    return sorted(points, key=lambda point: (list(figures).index(point["system"]), point["rate"]))


def show(console: Console, found: Mapping[str, Sequence[Measured]]) -> None:
    """Draw the comparison."""
    figures = medians(found)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("median of the runs")
    for system in figures:
        table.add_column(system, justify="right")
    for peer in figures:
        if peer != WAYBILL:
            table.add_column(f"than {peer}", justify="right")
    for label, scenario, path, more in ROWS:
        values = [value(figures, system, scenario, path) for system in figures]
        better = ratios(figures, scenario, path, more=more)
        if any(one is not None for one in values):
            cells = ["-" if one is None else f"{one:,.2f}" for one in values]
            table.add_row(label, *cells, *("-" if one is None else f"{one:g}x" for one in better.values()))
    console.print(table)
    for name in figures:
        console.print(f"{name}: {PEERS[name].title}" if name in PEERS else f"{name}: this system", style="dim")
    for runs in found.values():
        show_wrong(console, runs)
