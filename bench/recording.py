"""Keeps figures for the page of performance: `bench/results.json` holds the last of each kind, with when they were taken.

The page is rendered from that file alone, so it can be written anew without measuring, and tells what was measured, no more.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from waybill.embedded.kafka import DEFAULT_PARTITIONS

PATH: Final = "bench/results.json"
KEPT: Final = (
    "orders",
    "backlog",
    "orders_per_second",
    "accepted_per_second",
    "accept",
    "confirmed",
    "hops_p50_ms",
    "cpu_ms_per_order",
    "cpu_ms_by_part",
    "foreign_cpu_percent",
    "busy_percent",
    "wal_syncs_per_order",
    "wal_bytes_per_order",
    "messages_per_order",
    "wal_bytes_by_service",
    "log_bytes_per_order",
    "database_ms_per_order",
    "statements_per_order",
)
STATEMENTS_KEPT: Final = 10
MACHINE: Final = ("cores", "memory_mb", "system", "python", "file_system", "database")
Results = dict[str, Any]


def record(root: Path, told: Mapping[str, Any]) -> None:
    """Put what a benchmark told into the file of results."""
    file = root / PATH
    results: Results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    taken = {"on": datetime.now(UTC).date().isoformat(), "version": version(root)}
    file.write_text(json.dumps(merged(results, told, taken), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def version(root: Path) -> str:
    """Name the commit that is checked out; empty where git knows of none."""
    command = ["git", "rev-parse", "--short=10", "HEAD"]
    asked = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    return asked.stdout.strip()


def merged(results: Results, told: Mapping[str, Any], taken: Mapping[str, str]) -> Results:
    """Return the results with what was told in the place of what was known of the same kind before."""
    conditions = told["conditions"]
    taken = {**taken, "repeat": conditions.get("repeat", 1)}
    found = dict(results)
    if "cores" in conditions:
        found["machine"] = {name: conditions[name] for name in MACHINE if name in conditions}
    if "start" in told:
        services = told["start"]["service_seconds"].values()
        found["start"] = results.get("start", {}) | {
            "system_seconds": median(told["start"]["system_seconds"]),
            "service_seconds": max(median(took) for took in services),
            "taken": taken,
        }
        return found
    if "peers" in told:
        peers = {system: {name: _kept(one) for name, one in scenarios.items()} for system, scenarios in told["peers"].items()}
        found["peers"] = peers
        found["peers_taken"] = taken
        found["load"] = _loads(results, told["load"])
        return found
    history, replicas = conditions.get("history", 0), conditions.get("replicas", 1)
    partitions = conditions.get("partitions", DEFAULT_PARTITIONS)
    usual = replicas == 1 and partitions == DEFAULT_PARTITIONS
    if not history and usual:
        most = max(conditions["service_mb"].values(), default=None) if "service_mb" in conditions else None
        found["start"] = results.get("start", {}) | ({} if most is None else {"service_mb": most})
        runs = {
            name: _kept(one) | {"statements": _statements(name, told), "taken": taken}
            for name, one in told["scenarios"].items()
        }
        found["runs"] = {**results.get("runs", {}), **runs}
        profiles = {service: _profile(one) | {"taken": taken} for service, one in told.get("profiles", {}).items()}
        found["profiles"] = {**results.get("profiles", {}), **profiles}
        found["load"] = _loads(results, [*({**point, "most": False} for point in told["load"]), *_most(told["scenarios"])])
    if history and usual:
        found["history"] = _replaced(results.get("history", []), told["history"], ("orders",))
    if not history and "max" in told["scenarios"]:
        figures = told["scenarios"]["max"]
        scaled = {"replicas": replicas, "partitions": partitions}
        scaled |= {name: figures[name] for name in ("cpu_ms_per_order", "orders_per_second")}
        found["scaled"] = _replaced(results.get("scaled", []), [scaled], ("replicas", "partitions"))
    return found


def _kept(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in KEPT if name in one}


def _statements(scenario: str, told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write the statements of a scenario's first run on which the database spent most."""
    run = next((one for one in told.get("runs", ()) if one["scenario"] == scenario), None)
    if run is None:
        return []
    return [
        {
            "service": one["service"],
            "text": one["text"],
            "calls_per_order": round(one["calls"] / run["orders"], 3),
            "ms_per_order": round(one["milliseconds"] / run["orders"], 4),
        }
        for one in run["statements"][:STATEMENTS_KEPT]
    ]


def _profile(one: Mapping[str, Any]) -> dict[str, Any]:
    """Write a profile's layers, and the function that is at work most by itself."""
    (name, percent), *_ = one["own"]
    return {**{key: one[key] for key in ("scenario", "samples", "layers")}, "most": name, "most_percent": percent}


def _most(scenarios: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write the point of the maximum, where it was measured."""
    if "max" not in scenarios:
        return []
    one = scenarios["max"]
    point = {"system": "waybill", "rate": one["orders_per_second"], "most": True, "cpu_ms_per_order": one["cpu_ms_per_order"]}
    return [{**point, "p50_ms": one["confirmed"]["p50"], "p99_ms": one["confirmed"]["p99"]}]


def _loads(results: Results, new: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Put points in the place of those at the same rate of the same system; its maximum stands in the place of its maximum."""
    points = {(one["system"], "most" if one["most"] else one["rate"]): one for one in (*results.get("load", []), *new)}
    systems = list(dict.fromkeys(system for system, _ in points))
    return sorted(points.values(), key=lambda one: (systems.index(one["system"]), one["rate"]))


def _replaced(known: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Any]:
    """Put what rows say in the place of what those with the same keys said, in the order of their keys."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in (*known, *new):
        rows.setdefault(tuple(row[key] for key in keys), {}).update(row)
    return [rows[key] for key in sorted(rows)]
