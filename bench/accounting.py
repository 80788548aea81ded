"""The account: CPU of the parts of a running system, read from the operating system; the benchmark's own is never in it.

CPU is user plus system time of a part's process with all that it started, living and ended. What the benchmark's own database
sessions cost PostgreSQL is left out by their process ids. Foreign CPU is what the machine did for nobody in the account: it
tells how far a figure can be trusted.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import psutil

SERVING: Final = ("order", "inventory", "payment", "notification", "gateway", "postgres", "kafka")
"""The parts that serve orders; all others (identity provider, idle simulators) are told apart."""


@dataclass(frozen=True, slots=True)
class Account:
    """CPU seconds so far, by part; those of the whole machine; the moment (s, monotonic)."""

    parts: Mapping[str, float]
    machine: float
    at: float


def read(roots: Mapping[str, Collection[int]], left_out: Collection[int] = ()) -> Account:
    """Read the CPU of parts, given by the ids of their processes; without the processes in `left_out`."""
    parts = {name: sum(_tree(pid, left_out) for pid in pids) for name, pids in roots.items()}
    machine = psutil.cpu_times()
    return Account(parts, machine.user + machine.nice + machine.system + getattr(machine, "softirq", 0.0), time.monotonic())


def _tree(pid: int, left_out: Collection[int]) -> float:
    """Add up a process, what it started, and what of that has ended (which the system books to the parent)."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_used(process) for process in family if process.pid not in left_out)


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def cores() -> int:
    """Return how many processors the machine has."""
    return psutil.cpu_count() or 1


def service_of(part: str) -> str:
    """Return the service of a replica's part: payment-2 is payment."""
    return part.partition("-")[0]
