"""The report: medians over the repetitions, as a table for people and as one JSON object for programs."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.accounting import SERVING
from bench.figures import Measured
from bench.pages import ADMIN_PAGES, OWN_LISTS
from bench.profiling import Profile
from bench.scenarios import Name

# Which scenario a headline is taken from where it was run; else from the first that was.
HEADLINES: Final = {
    "orders_per_second": (Name.MAX, "orders_per_second"),
    "cpu_ms_per_order": (Name.MAX, "cpu_ms_per_order"),
    "accept_p50_ms": (Name.ACCEPT, "accept.p50"),
    "accept_p99_ms": (Name.ACCEPT, "accept.p99"),
    "confirmed_p50_ms": (Name.LOW, "confirmed.p50"),
    "confirmed_p99_ms": (Name.LOW, "confirmed.p99"),
}
TOGETHER: Final = {"own_list": OWN_LISTS, "admin_page": ADMIN_PAGES}
SLOWEST_SHOWN: Final = 10
STATEMENTS_SHOWN: Final = 25
FUNCTIONS_SHOWN: Final = 25

Value = float | str | None | dict[str, Any] | list[Any]


def as_json(measured: Sequence[Measured], conditions: dict[str, Any], profiles: Sequence[Profile]) -> dict[str, Any]:
    """Write the report for programs: the headlines, where each is from, the medians and every single run."""
    by_scenario = grouped(measured)
    first = next(iter(by_scenario))
    sources = {key: wanted if wanted in by_scenario else first for key, (wanted, _) in HEADLINES.items()}
    headlines = {key: median(by_scenario[sources[key]], path) for key, (_, path) in HEADLINES.items()}
    return {
        **headlines,
        **_curves(by_scenario, conditions),
        "passed": all(one.passed for one in measured),
        "sources": sources,
        "conditions": conditions,
        "scenarios": {name: combined([plain(run) for run in runs]) for name, runs in by_scenario.items()},
        "runs": [plain(run) | {"statements": [asdict(one) for one in run.statements[:STATEMENTS_SHOWN]]} for run in measured],
        "profiles": {
            profile.service: {
                "scenario": first,
                "samples": profile.samples,
                "layers": dict(profile.top(profile.layers, len(profile.layers))),
                "own": profile.top(profile.own, FUNCTIONS_SHOWN),
                "total": profile.top(profile.total, FUNCTIONS_SHOWN),
            }
            for profile in profiles
        },
    }


def _curves(by_scenario: Mapping[str, Sequence[Measured]], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Write the points of two curves: cost and latency against the load, and against how much past there is."""
    open_loops = {Name.LOW: 50.0} | {name: float(name[:-2]) for name in by_scenario if name.endswith("/s")}
    load = [
        {
            "system": "waybill",
            "rate": rate,
            "cpu_ms_per_order": median(by_scenario[name], "cpu_ms_per_order"),
            "p50_ms": median(by_scenario[name], "confirmed.p50"),
            "p99_ms": median(by_scenario[name], "confirmed.p99"),
        }
        for name, rate in open_loops.items()
        if name in by_scenario
    ]
    past: dict[str, Any] = {"orders": conditions.get("history", 0), "whole": conditions.get("history_whole", 0)}
    if Name.MAX in by_scenario:
        past["cpu_ms_per_order"] = median(by_scenario[Name.MAX], "cpu_ms_per_order")
    if Name.READ in by_scenario:
        runs = by_scenario[Name.READ]
        past |= {f"{name}_p99_ms": median(runs, f"reads.{kind}.p99") for name, kind in TOGETHER.items()}
    return {"load": load, "history": [past]}


def grouped(measured: Sequence[Measured]) -> dict[str, list[Measured]]:
    """Sort runs by scenario, in the order in which they were first run."""
    found: dict[str, list[Measured]] = {}
    for run in measured:
        found.setdefault(run.scenario, []).append(run)
    return found


def median(runs: Sequence[Measured], path: str) -> float | None:
    """Take the median of one figure, named by its path."""
    found: Any = combined([plain(run) for run in runs])
    for name in path.split("."):
        found = found[name]
    return None if found is None else float(found)


def plain(run: Measured) -> dict[str, Any]:
    """Write a run for programs, without its statements."""
    written = asdict(run)
    del written["statements"]
    written["checks"] = {one.what: one.problem or "ok" for one in run.checks}
    return written


def combined(values: Sequence[Any]) -> Any:
    """Combine equally shaped figures: numbers by their median, words by what differs first from the usual."""
    found = [value for value in values if value is not None]
    if not found:
        return None
    if isinstance(found[0], dict):
        names = dict.fromkeys(name for value in found for name in value)
        return {name: combined([value.get(name) for value in found]) for name in names}
    if isinstance(found[0], str):
        return next((value for value in found if value != "ok"), found[0])
    middle = statistics.median(found)
    return round(middle, 3)


def show(console: Console, measured: Sequence[Measured], profiles: Sequence[Profile]) -> None:
    """Draw the report."""
    by_runs = grouped(measured)
    by_scenario = {name: (combined([plain(run) for run in runs]), len(runs)) for name, runs in by_runs.items()}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("median of the runs")
    for name, (_, count) in by_scenario.items():
        table.add_column(f"{name} ({count})", justify="right")
    figures = [figure for figure, _ in by_scenario.values()]
    for label, path in _ROWS:
        table.add_row(label, *(_shown(figure, path) for figure in figures))
    for part in SERVING:
        table.add_row(f"  {part}", *(_shown(figure, f"cpu_ms_by_part.{part}") for figure in figures))
    for topic in dict.fromkeys(name for figure in figures for name in figure["messages_per_order"]):
        table.add_row(f"messages on {topic}", *(_shown(figure, f"messages_per_order/{topic}") for figure in figures))
    console.print(table)
    for runs in by_runs.values():
        if runs[0].reads:
            console.print(_pages(runs))
    show_wrong(console, measured)
    for profile in profiles:
        console.print(_functions(profile))


_ROWS: Final = (
    ("orders", "orders"),
    ("orders/s end to end", "orders_per_second"),
    ("orders/s accepted", "accepted_per_second"),
    ("accept p50 ms", "accept.p50"),
    ("accept p99 ms", "accept.p99"),
    ("confirmed p50 ms", "confirmed.p50"),
    ("confirmed p99 ms", "confirmed.p99"),
    ("WAL syncs / order", "wal_syncs_per_order"),
    ("WAL bytes / order", "wal_bytes_per_order"),
    ("machine busy %", "busy_percent"),
    ("of that, foreign %", "foreign_cpu_percent"),
    ("generator CPU ms / order", "generator_cpu_ms_per_order"),
    ("CPU ms / order", "cpu_ms_per_order"),
)


def _shown(figures: dict[str, Any], path: str) -> str:
    found: Any = figures
    for name in path.split("/") if "/" in path else path.split("."):
        found = found.get(name) if found is not None else None
    if found is None:
        return "-"
    return f"{found:,.0f}" if float(found).is_integer() else f"{found:,.2f}"


def show_wrong(console: Console, measured: Sequence[Measured]) -> None:
    """Tell which results are wrong."""
    for run in measured:
        for check in run.checks:
            if not check.passed:
                console.print(f"WRONG RESULTS in {run.scenario}: not true that {check.what}: {check.problem}", style="bold red")


def _pages(runs: Sequence[Measured]) -> Table:
    """Show how soon pages are answered: all of a kind together, then the slowest."""
    kinds = combined([{kind: asdict(took) for kind, took in run.reads.items()} for run in runs])
    slowest = sorted(kinds.keys() - set(TOGETHER.values()), key=lambda kind: -kinds[kind]["p99"])[:SLOWEST_SHOWN]
    table = Table(title=f"pages in {runs[0].scenario}, and the slowest of them", box=None, pad_edge=False, title_justify="left")
    for column in ("page", "p50 ms", "p99 ms"):
        table.add_column(column, justify="left" if column == "page" else "right")
    for kind in (*TOGETHER.values(), *slowest):
        table.add_row(kind, f"{kinds[kind]['p50']:.1f}", f"{kinds[kind]['p99']:.1f}")
    return table


def _functions(profile: Profile) -> Table:
    table = Table(title=f"{profile.service}: {profile.samples} samples", box=None, pad_edge=False, title_justify="left")
    for column in ("own %", "function", "total %", "function"):
        table.add_column(column, justify="right" if "%" in column else "left", overflow="fold")
    own, total = profile.top(profile.own, FUNCTIONS_SHOWN), profile.top(profile.total, FUNCTIONS_SHOWN)
    for (own_name, own_share), (total_name, total_share) in zip(own, total, strict=False):
        table.add_row(str(own_share), own_name, str(total_share), total_name)
    return table
