"""The page of performance, rendered from the results that `./waybill bench --record` keeps: measured figures, and nothing else.

What was not measured says so.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from waybill.generate.goals import ABSENT, Goal, Reader, Results, figure, goals, number, whole
from waybill.generate.plots import Line, plot

PAGE: Final = "docs/performance.md"
RESULTS: Final = "bench/results.json"
LOAD_PLOT: Final = "docs/pictures/cost-of-load.svg"
HISTORY_PLOT: Final = "docs/pictures/cost-of-history.svg"
WAYBILL: Final = "waybill"
TITLES: Final = {WAYBILL: "Waybill", "dbos": "DBOS", "plain": "plain design"}

INTRODUCTION: Final = f"""\
Every figure here was measured by `./waybill bench` on the machine below and is kept in [`{RESULTS}`](../{RESULTS}); this page
is rendered from that file by `./waybill generate`. The workload stands in [the benchmark's own page](../bench/README.md):
orders of three lines through the gateway, with token and Idempotency-Key, five durable local steps in four databases, `fsync`
and `synchronous_commit` on. CPU is user and system time of everything that serves (services, gateway, PostgreSQL, Kafka), not
of the load generator. Two cores are shared by all of them and the generator, so cost per order and ratios say more than rates;
and the machine is shared, too: the same code cost between 2.95 and 4.31 ms an order at the maximum within two hours of one day.
How far it grows on more machines: [scaling](scaling.md)."""

PEERS_TEXT: Final = """\
The same workload, machine, generator, account, gateway, token check and PostgreSQL settings, run in turn with this system.
Each peer is built as its documentation advises and does the five steps and no more: no prices from a catalogue, no
cancellation, no audit, no addresses kept apart, no tracing, no administration. An order of theirs counts as confirmed when its
row says so, one of ours when the fact is on its topic. Their code is in `bench/peers`.

- **DBOS**: one program, a durable workflow for each order, five idempotent steps, each noted in its own database.
- **Plain design**: what most teams write. Four services with FastStream and SQLModel's ORM, one message a transaction with
  inbox and outbox, the outbox polled every 100 ms."""

STATEMENT_SHOWN: Final = 90
GOALS_HEAD: Final = """\
| figure | must | goal | measured | reached | limit of the design on two cores |
| --- | --- | --- | --- | --- | --- |"""

LOAD_TEXT: Final = """\
At low load an order pays for its own round trips, wake-ups and commits; the more orders come in, the more of them share these.
The last point of each line is as much as the system can do."""

HISTORY_TEXT: Final = """\
A whole order of the past has all that belongs to it, in all four databases. Of the others there are the order, its lines and
its shipments; no payment, reservation, message, document, history or fact: those tables were no longer than the whole ones."""

LAYERS_TEXT: Final = """\
CPU-ms an order, from samples of each service's stacks; a sample belongs to the layer of the innermost function that has one."""

COMMANDS_TEXT: Final = """\
`--record` keeps the medians in the file of results and writes this page anew; without it they are only printed. The peers need
`.venv/bin/python -m uv pip install -r bench/peers/requirements.txt`, profiles need `py-spy`."""


def documents(root: Path) -> dict[str, str]:
    """Render the page and its plots."""
    file = root / RESULTS
    return render(json.loads(file.read_text(encoding="utf-8")) if file.exists() else {})


def render(results: Results) -> dict[str, str]:
    """Render results."""
    plots = {path: drawn for path, drawn in ((LOAD_PLOT, load_plot(results)), (HISTORY_PLOT, history_plot(results))) if drawn}
    goals_ = goals(results)
    parts = [
        "# Performance",
        INTRODUCTION,
        "## Goals",
        "\n".join([GOALS_HEAD, *(goal.row() for goal in goals_)]),
        "## Beside other designs",
        PEERS_TEXT,
        _peers(results),
        "## Cost against load",
        LOAD_TEXT,
        _picture(LOAD_PLOT, plots, "CPU per order against orders a second"),
        _load(results),
        "## Cost against history",
        _picture(HISTORY_PLOT, plots, "Cost of placing an order, and pages, against orders in the databases"),
        _history(results),
        "## Where an order's CPU goes",
        _by_part(results),
        "### By layer of a service",
        LAYERS_TEXT,
        _layers(results),
        "### By statement",
        _statements(results),
        "## The machine",
        _machine(results),
        "## To measure again",
        _commands(goals_),
    ]
    return {PAGE: "\n\n".join(parts) + "\n", **plots}


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


RATES: Final = {"20/s": 20.0, "low": 50.0}
BEARABLE: Final = 0.9
"""A peer is given so much of its own maximum at most; beyond that it would only queue."""
PEER_ROWS: Final = (
    ("orders per second, at most", "max", "orders_per_second", True),
    ("CPU-ms per order, at most", "max", "cpu_ms_per_order", False),
    ("WAL syncs per order, at most", "max", "wal_syncs_per_order", False),
    ("CPU-ms per order at 20 a second", "20/s", "cpu_ms_per_order", False),
    ("placed → confirmed p50 ms at 20 a second", "20/s", "confirmed.p50", False),
    ("placed → confirmed p99 ms at 20 a second", "20/s", "confirmed.p99", False),
    ("CPU-ms per order at 50 a second", "low", "cpu_ms_per_order", False),
    ("placed → confirmed p50 ms at 50 a second", "low", "confirmed.p50", False),
    ("placed → confirmed p99 ms at 50 a second", "low", "confirmed.p99", False),
)


def _peers(results: Results) -> str:
    systems: Mapping[str, Any] = results.get("peers", {})
    if not systems:
        return f"Peers: {ABSENT}."
    others = [name for name in systems if name != WAYBILL]
    head = ["median", *(TITLES.get(name, name) for name in systems), *(f"{TITLES.get(name, name)}, ratio" for name in others)]
    rows = []
    for label, scenario, path, more in PEER_ROWS:
        values = {name: figure(one.get(scenario), path) for name, one in systems.items()}
        cells = [number(value) if value is not None else _absent(systems[name], scenario) for name, value in values.items()]
        rows.append([label, *cells, *(_ratio(values[WAYBILL], values[name], more=more) for name in others)])
    taken = results.get("peers_taken", {})
    note = (
        f"Taken {taken.get('on', '')} at `{taken.get('version', '')}`, {taken.get('repeat', 1)} runs of each in turn. A ratio"
    )
    return f"{_table(head, rows)}\n\n{note} above 1 is in favour of Waybill."


def _absent(system: Mapping[str, Any], scenario: str) -> str:
    most = figure(system.get("max"), "orders_per_second")
    return "beyond its maximum" if most is not None and most * BEARABLE < RATES.get(scenario, 0.0) else ABSENT


def _ratio(ours: float | None, theirs: float | None, *, more: bool) -> str:
    if not ours or not theirs:
        return "-"
    return f"{number(ours / theirs if more else theirs / ours)}x"


def _picture(path: str, plots: Mapping[str, str], alternative: str) -> str:
    return f"![{alternative}]({path.removeprefix('docs/')})" if path in plots else f"{alternative}: {ABSENT}."


def load_plot(results: Results) -> str:
    """Draw what an order costs at each load of each system; empty where nothing was measured."""
    lines = []
    for system in dict.fromkeys(point["system"] for point in results.get("load", [])):
        points = sorted((one["rate"], one["cpu_ms_per_order"]) for one in results["load"] if one["system"] == system)
        lines.append(Line(TITLES.get(system, system), points))
    return plot("CPU per order against load", "orders per second", "CPU-ms per order", lines) if lines else ""


def history_plot(results: Results) -> str:
    """Draw cost and pages against the orders that lie in the databases; empty where less than two histories were measured."""
    rows = Reader(results).history()
    lines = [
        Line(name, [(one["orders"], one[key]) for one in rows if one.get(key)])
        for name, key in (
            ("placing, CPU-ms", "cpu_ms_per_order"),
            ("own list, p99 ms", "own_list_p99_ms"),
            ("admin page, p99 ms", "admin_page_p99_ms"),
        )
    ]
    drawn = [line for line in lines if len(line.points) > 1]
    return plot("Placing and reading against history", "orders in the databases", "ms", drawn) if drawn else ""


def _load(results: Results) -> str:
    rows = [
        [
            TITLES.get(one["system"], one["system"]),
            f"{number(one['rate'])}{' (at most)' if one.get('most') else ''}",
            *(number(one[key]) for key in ("cpu_ms_per_order", "p50_ms", "p99_ms")),
        ]
        for one in results.get("load", [])
    ]
    head = ["system", "orders per second", "CPU-ms per order", "confirmed p50 ms", "confirmed p99 ms"]
    return _table(head, rows) if rows else f"Cost against load: {ABSENT}."


def _history(results: Results) -> str:
    keys = ("cpu_ms_per_order", "own_list_p99_ms", "admin_page_p99_ms")
    rows = [
        [f"{one['orders']:,}", f"{one.get('whole', one['orders']):,}", *(number(one.get(key)) for key in keys)]
        for one in Reader(results).history()
    ]
    head = ["past orders", "of them whole", "CPU-ms per order placed", "own list p99 ms", "admin page p99 ms"]
    return f"{HISTORY_TEXT}\n\n{_table(head, rows)}" if rows else f"Cost against history: {ABSENT}."


def _by_part(results: Results) -> str:
    runs = {name: results.get("runs", {}).get(name) for name in ("max", "low")}
    known = {name: one for name, one in runs.items() if one is not None}
    if not known:
        return f"CPU by part: {ABSENT}."
    titles = {"max": "CPU-ms at the maximum", "low": "CPU-ms at 50 a second"}
    parts = dict.fromkeys(part for one in known.values() for part in one["cpu_ms_by_part"])
    rows = [[part, *(number(one["cpu_ms_by_part"].get(part)) for one in known.values())] for part in parts]
    rows.append(["all", *(number(one["cpu_ms_per_order"]) for one in known.values())])
    return _table(["part", *(titles[name] for name in known)], rows)


def _layers(results: Results) -> str:
    """Tell how a service's CPU for an order is spread over its layers: its own part of the account, by shares of samples."""
    profiles: Mapping[str, Any] = results.get("profiles", {})
    spent: dict[str, dict[str, float]] = {}
    for service, one in profiles.items():
        cost = figure(results.get("runs", {}).get(one["scenario"]), f"cpu_ms_by_part.{service}")
        if cost is not None:
            spent[service] = {layer: cost * percent / 100 for layer, percent in one["layers"].items()}
    if not spent:
        return f"Profiles: {ABSENT}."
    together: Counter[str] = Counter()
    for layers in spent.values():
        together.update(layers)
    rows = [[layer, *(number(layers.get(layer, 0.0)) for layers in spent.values())] for layer, _ in together.most_common()]
    rows.append(["all", *(number(sum(layers.values())) for layers in spent.values())])
    service, alone = max(((name, profiles[name]) for name in spent), key=lambda pair: pair[1]["most_percent"])
    note = f"No function takes more by itself than {number(alone['most_percent'])} % ({service}: `{alone['most']}`)."
    return f"{_table(['layer', *(_titled(name, profiles[name]) for name in spent)], rows)}\n\n{note}"


def _titled(service: str, profile: Mapping[str, Any]) -> str:
    return f"{service}, {profile['scenario']} ({profile['samples']:,} samples)"


def _statements(results: Results) -> str:
    """List the statements that cost the database most at the maximum."""
    found = results.get("runs", {}).get("max", {}).get("statements", [])
    if not found:
        return f"Statements: {ABSENT}."
    rows = [
        [f"{one['service']}: `{_begun(one['text'])}`", *(number(one[key]) for key in ("calls_per_order", "ms_per_order"))]
        for one in found
    ]
    return _table(["statement, at the maximum", "calls an order", "ms an order"], rows)


def _begun(text: str) -> str:
    """Give the beginning of a statement, in a cell of a table."""
    shown = text.replace("|", "/").replace("`", "'")
    return shown if len(shown) <= STATEMENT_SHOWN else f"{shown[:STATEMENT_SHOWN].rstrip()} …"


def _machine(results: Results) -> str:
    machine: Mapping[str, Any] = results.get("machine", {})
    if not machine:
        return f"Machine: {ABSENT}."
    settings = ", ".join(f"{name} {value}" for name, value in sorted(machine.get("database", {}).items()))
    rows = [
        ["processors", whole(machine.get("cores", 0))],
        ["memory", f"{machine.get('memory_mb', 0) / 1024:.0f} GB"],
        ["system", machine.get("system", "")],
        ["Python", machine.get("python", "")],
        ["file system of the data", machine.get("file_system", "")],
        ["PostgreSQL", settings],
    ]
    lines = ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)]
    return "\n".join([*lines, "", _taken(results)])


def _taken(results: Results) -> str:
    """Tell of each scenario when it was measured, how often, and what else the machine did meanwhile."""
    rows = [
        [name, str(one["taken"].get("repeat", 1)), one["taken"]["on"], f"`{one['taken']['version']}`", _foreign(one)]
        for name, one in sorted(results.get("runs", {}).items())
    ]
    return _table(["scenario", "runs", "on", "version", "foreign CPU"], rows) if rows else ""


def _foreign(one: Mapping[str, Any]) -> str:
    return f"{number(one.get('foreign_cpu_percent'))} %"


def _commands(goals_: Sequence[Goal]) -> str:
    rows: dict[str, list[str]] = {}
    for goal in goals_:
        rows.setdefault(goal.command, []).append(goal.figure)
    rows["./waybill bench --peers --repeat 5 --record"] = ["other designs; cost against load"]
    rows["./waybill bench --profile order --profile payment --record --scenario max"] = ["where its CPU goes, by layer"]
    lines = [f"| `{command}` | {'; '.join(figures)} |" for command, figures in rows.items()]
    return "\n".join(["| command | figures |", "| --- | --- |", *lines, "", COMMANDS_TEXT])
