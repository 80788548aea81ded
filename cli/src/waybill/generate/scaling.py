"""The arithmetic of growth: what 100,000 orders a second would take, worked out from what one order was measured to cost.

The formulas stand in the page beside their results, and are computed here from the file of results, so new figures are put in
by measuring again. What is assumed of larger machines stands in the page too. The text around the tables is written by people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from waybill.generate.files import between_markers
from waybill.generate.goals import ABSENT, number
from waybill.generate.performance import RESULTS
from waybill.generate.system import System

PAGE: Final = "docs/scaling.md"
TARGET: Final = 100_000
SERVICES: Final = ("order", "inventory", "payment", "notification")
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed of machines larger than the one that was measured."""

    used: float = 0.6
    """How much of a processor is used at the peak; the rest is for spikes and the loss of a machine."""
    server_cores: int = 32
    wal_mb: float = 250.0
    """WAL a PostgreSQL server writes per second for hours, on local NVMe with a replica."""
    broker_mb: float = 250.0
    """What a broker writes to its disks per second."""
    network_mb: float = 600.0
    """What a machine sends or receives per second: half of 10 Gbit/s."""
    copies: int = 3
    kept_days: int = 7

    def told(self) -> list[tuple[str, str, str]]:
        """List them with their letters."""
        return [
            ("u", "use of a processor at the peak", f"{self.used:g}"),
            ("C", "processors of a database server", str(self.server_cores)),
            ("W", "WAL a database server writes", f"{self.wal_mb:g} MB/s"),
            ("D", "what a broker writes to disk", f"{self.broker_mb:g} MB/s"),
            ("N", "network of a machine, each way", f"{self.network_mb:g} MB/s"),
            ("k", "copies of a topic", str(self.copies)),
            ("K", "days that topics are kept", str(self.kept_days)),
        ]


@dataclass(frozen=True, slots=True)
class Costs:
    """What an order costs: CPU-ms of each part, CPU-ms and WAL bytes in each database, bytes on each topic; who reads which."""

    cpu: Mapping[str, float]
    database_cpu: Mapping[str, float]
    wal: Mapping[str, float]
    topics: Mapping[str, float]
    readers: Mapping[str, Sequence[str]]
    hot_per_second: float | None = None

    @classmethod
    def of(cls, results: Mapping[str, Any], readers: Mapping[str, Sequence[str]]) -> "Costs | None":
        """Take them from results; None where the maximum was not measured with all of them."""
        runs = results.get("runs", {})
        most = runs.get("max", {})
        if not {"cpu_ms_by_part", "database_ms_per_order", "wal_bytes_by_service", "log_bytes_per_order"} <= most.keys():
            return None
        return cls(
            cpu=most["cpu_ms_by_part"],
            database_cpu=_shared(most["cpu_ms_by_part"]["postgres"], most["database_ms_per_order"]),
            wal=_shared(most["wal_bytes_per_order"], most["wal_bytes_by_service"]),
            topics={name: size for name, size in most["log_bytes_per_order"].items() if size >= 1},
            readers=readers,
            hot_per_second=runs.get("hot", {}).get("orders_per_second"),
        )

    @property
    def bytes(self) -> float:
        """What an order adds to all topics."""
        return sum(self.topics.values())

    @property
    def bytes_read(self) -> float:
        """What services read of an order from all topics."""
        return sum(size * len(self.readers.get(name, ())) for name, size in self.topics.items())


def _shared(whole: float, parts: Mapping[str, float]) -> dict[str, float]:
    """Divide a whole among the services as parts of it were booked to them."""
    booked = sum(parts.get(service, 0.0) for service in SERVICES) or 1.0
    return {service: whole * parts.get(service, 0.0) / booked for service in SERVICES}


def documents(root: Path, system: System) -> dict[str, str]:
    """Render the page, with its tables renewed."""
    page, file = root / PAGE, root / RESULTS
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return {PAGE: between_markers(text, tables(Costs.of(results, readers(system))), title="# Scaling")}


def readers(system: System) -> dict[str, list[str]]:
    """List the services that read each topic."""
    found: dict[str, list[str]] = {}
    for service in system.services:
        for topic in dict.fromkeys(event.topic.name for event in service.heard()):
            found.setdefault(topic, []).append(service.name)
    return found


def tables(costs: Costs | None, assumed: Assumed | None = None) -> str:
    """Render the arithmetic."""
    if costs is None:
        return f"What an order costs at the maximum: {ABSENT}. Run `./waybill bench --scenario max --scenario hot --record`."
    given = assumed or Assumed()
    parts = [
        "### What an order costs",
        _costs(costs),
        "### What is assumed",
        _table(("", "what", "value"), given.told()),
        f"### What {TARGET:,} orders a second take",
        _needs(costs, given),
        "### What breaks first",
        "What one unit of each kind bears, the weakest first.",
        _limits(costs, given),
    ]
    return "\n\n".join(parts)


def _costs(costs: Costs) -> str:
    rows = [
        (name, f"{costs.cpu[name]:.2f}", f"{costs.database_cpu[name]:.2f}", f"{costs.wal[name] / 1000:.1f}")
        for name in SERVICES
    ]
    others = ", ".join(f"{name} {costs.cpu[name]:.2f}" for name in ("gateway", "postgres", "kafka"))
    topics = ", ".join(f"`{name}` {size:,.0f}" for name, size in costs.topics.items())
    table = _table(("service", "c: CPU-ms", "d: CPU-ms in its database", "w: kB of WAL"), rows)
    return (
        f"{table}\n\nOther parts, CPU-ms: {others}. Bytes on topics, b: {topics}; {costs.bytes:,.0f} in all, and"
        f" {costs.bytes_read:,.0f} read by services. As they lie in the broker's files."
    )


def processes(cost: float, rate: float, given: Assumed) -> int:
    """Tell how many processes of one processor each a rate takes."""
    return ceil(rate * cost / 1000 / given.used)


def servers(costs: Costs, service: str, rate: float, given: Assumed) -> tuple[int, int]:
    """Tell how many database servers a service needs for its WAL, and how many for its CPU."""
    for_wal = ceil(rate * costs.wal[service] / 1e6 / given.wal_mb)
    return for_wal, ceil(processes(costs.database_cpu[service], rate, given) / given.server_cores)


def brokers(costs: Costs, rate: float, given: Assumed) -> tuple[int, int]:
    """Tell how many brokers are needed for the disks, and how many for the network (out: to readers and copies)."""
    for_disk = ceil(rate * costs.bytes * given.copies / 1e6 / given.broker_mb)
    out = costs.bytes_read + costs.bytes * (given.copies - 1)
    return for_disk, ceil(rate * out / 1e6 / given.network_mb)


def _needs(costs: Costs, given: Assumed) -> str:
    rows: list[tuple[str, str, str]] = [
        (f"processes of {name}", "R c / 1000 u", f"{processes(costs.cpu[name], TARGET, given):,}") for name in SERVICES
    ]
    readers_ = {name for names in costs.readers.values() for name in names}
    widest = max(processes(costs.cpu[name], TARGET, given) for name in SERVICES if name in readers_ or not readers_)
    rows.append(("partitions of each topic", "the most processes of a service that reads it", f"{widest:,}"))
    rows.append(("processors of gateways", "R c / 1000 u", f"{processes(costs.cpu['gateway'], TARGET, given):,}"))
    for name in SERVICES:
        for_wal, for_cpu = servers(costs, name, TARGET, given)
        why = f"max(R w / W, R d / 1000 u C) = max({for_wal}, {for_cpu})"
        rows.append((f"database servers of {name}", why, f"{max(for_wal, for_cpu)}"))
    for_disk, for_network = brokers(costs, TARGET, given)
    why = f"max(R b k / D, (R read + R b (k - 1)) / N) = max({for_disk}, {for_network})"
    rows.append(("brokers", why, f"{max(for_disk, for_network, given.copies)}"))
    rows.append(("processors of brokers", "R c / 1000 u", f"{processes(costs.cpu['kafka'], TARGET, given):,}"))
    kept = TARGET * costs.bytes * given.copies * given.kept_days * DAY_SECONDS / 1e12
    rows.append(("disk of brokers", "R b k K 86,400", f"{kept:,.0f} TB, were the peak to last"))
    wal = TARGET * sum(costs.wal.values()) / 1e9
    rows.append(("WAL of all databases", "R w", f"{wal:.1f} GB/s"))
    return _table(("what", "formula (R = orders a second)", "number"), rows)


def limits(costs: Costs, given: Assumed) -> list[tuple[str, float, str]]:
    """List what one unit of each kind bears in orders a second, the weakest first, and what is done then."""
    core = 1000 * given.used
    found = [
        (f"a process of {name}, or a partition read by it", core / costs.cpu[name], "more processes, more partitions")
        for name in SERVICES
    ]
    for name in SERVICES:
        by_wal = given.wal_mb * 1e6 / costs.wal[name] if costs.wal[name] else float("inf")
        by_cpu = core * given.server_cores / costs.database_cpu[name] if costs.database_cpu[name] else float("inf")
        what = "WAL" if by_wal < by_cpu else "CPU"
        found.append((f"the database of {name} on a server of its own ({what})", min(by_wal, by_cpu), "cells"))
    disk = given.broker_mb * 1e6 / costs.bytes
    found.append((f"{given.copies} brokers (disk)", disk, "more brokers"))
    found.append(("a gateway of 8 processors", core * 8 / costs.cpu["gateway"], "more gateways"))
    if costs.hot_per_second:
        found.append(("one product in every order, on the machine measured", costs.hot_per_second, "stock in parts"))
    return sorted(found, key=lambda one: one[1])


def _limits(costs: Costs, given: Assumed) -> str:
    rows = [(what, number(most), then) for what, most, then in limits(costs, given)]
    return _table(("what", "orders a second", "then"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
