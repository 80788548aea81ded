"""What runs, written down: one JSON file in the data directory, replaced whole on every change.

It is how `status`, `logs`, `down` and `token` know from another shell, and how the next `up` or `down` finds what a supervisor
that was killed has left behind. A process is named by its id **and** the moment it was created, so that a process that
merely got the same id later is never taken for ours.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import psutil

from waybill.embedded.server import started_at
from waybill.errors import WaybillError

FILE_NAME: Final = "state.json"
LOCK_NAME: Final = "lock"
VERSION: Final = 1
SAME_MOMENT_SECONDS: Final = 1.0


class Phase(StrEnum):
    """Where a part is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class AlreadyRunningError(WaybillError):
    """Another supervisor has this data directory."""


@dataclass(slots=True)
class ProcessId:
    """A process for good: its id and when it was created (seconds since the epoch)."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """Name the process with this id, None when there is none."""
        created = started_at(pid)
        return None if created is None else cls(pid, created)

    @property
    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        created = started_at(self.pid)
        return created is not None and abs(created - self.created) < SAME_MOMENT_SECONDS


@dataclass(slots=True)
class PartState:
    """One part as seen from outside; `since` is when it entered its phase (seconds since the epoch)."""

    name: str
    kind: str
    address: str
    log: str
    phase: Phase = Phase.WAITING
    process: ProcessId | None = None
    restarts: int = 0
    since: float = 0.0
    message: str = ""


@dataclass(slots=True)
class State:
    """The whole of one run: its supervisor, its parts, whether all of it is ready, and why it ended if it failed."""

    data_dir: str
    port_base: int
    supervisor: ProcessId | None = None
    started_at: float = 0.0
    ready_at: float = 0.0
    stopping: bool = False
    failure: str = ""
    activity: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, PartState] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Tell whether the supervisor of this run lives."""
        return self.supervisor is not None and self.supervisor.alive

    @property
    def ready(self) -> bool:
        """Tell whether the system takes orders: the start is complete and every part is ready."""
        return self.ready_at > 0 and not self.stopping and all(part.phase is Phase.READY for part in self.parts.values())

    def save(self) -> None:
        """Replace the file."""
        path = Path(self.data_dir) / FILE_NAME
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"version": VERSION, "saved_at": time.time(), **asdict(self)}, indent=1))
        part.replace(path)

    @classmethod
    def load(cls, data_dir: Path) -> "State | None":
        """Read the file; None when nothing ever ran here. Raises WaybillError when it was written by another version."""
        path = data_dir / FILE_NAME
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise WaybillError(f"{path} cannot be read ({error}): stop what runs there by hand and remove it") from error
        if found.pop("version", None) != VERSION:
            raise WaybillError(f"{path} is of another version of Waybill: run `./waybill down` with that version first")
        found.pop("saved_at", None)
        found["supervisor"] = _process(found["supervisor"])
        found["parts"] = {name: _part(part) for name, part in found["parts"].items()}
        return cls(**found)


def _process(found: dict[str, Any] | None) -> ProcessId | None:
    return None if found is None else ProcessId(**found)


def _part(found: dict[str, Any]) -> PartState:
    return PartState(**{**found, "phase": Phase(found["phase"]), "process": _process(found["process"])})


@contextmanager
def data_dir_lock(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for one supervisor; the system lets go of it when the holder dies. Raises AlreadyRunningError."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / LOCK_NAME).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "?"
            raise AlreadyRunningError(
                f"Waybill already runs on {data_dir} (pid {holder}): `./waybill status` shows it, `./waybill down` stops it, "
                "another --data-dir and --port-base run beside it"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def memory_of(process: ProcessId) -> int:
    """Return the bytes of memory a process and its children hold; what the children share with it counts once."""
    try:
        parent = psutil.Process(process.pid)
        total = int(parent.memory_info().rss)
        for child in parent.children(recursive=True):
            held = child.memory_info()
            total += int(held.rss) - int(getattr(held, "shared", 0))
    except psutil.NoSuchProcess:
        return 0
    return total
