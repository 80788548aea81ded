"""Where a service spends its CPU: samples of its stacks while it is loaded, added up by function and by layer.

Samples are taken by py-spy from outside the process; it is a tool of developers and not needed for anything else.
"""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from waybill.errors import WaybillError

SAMPLES_PER_SECOND: Final = 100
LONGEST_SECONDS: Final = 3600
STOP_SECONDS: Final = 30.0
LAYERS: Final[Mapping[str, Sequence[str]]] = {
    "models, reactions, stores, routes": ("order", "payment", "inventory", "notification", "contracts"),
    "chassis": ("chassis",),
    "HTTP, tokens": ("uvicorn", "starlette", "fastapi", "anyio", "httptools", "jwt", "cryptography", "httpx2", "httpcore2"),
    "validation, JSON": ("pydantic", "pydantic_core", "sqlmodel"),
    "database driver": ("asyncpg", "sqlalchemy"),
    "broker's client": ("aiokafka", "faststream"),
    "mail": ("aiosmtplib", "email", "jinja2"),
    "event loop": ("asyncio", "uvloop"),
    "metrics, logs, traces": ("prometheus_client", "structlog", "logging", "opentelemetry"),
}
"""Which packages belong together. What the standard library does elsewhere belongs to whom it does it for."""
OTHER: Final = "other"
WAITING: Final = frozenset({"wait (threading.py)", "Condition.wait (threading.py)", "get (queue.py)", "Queue.get (queue.py)"})
"""Where threads stand that have nothing to do; the sampler takes some of them for busy."""
_LAYER_OF: Final = {package: layer for layer, packages in LAYERS.items() for package in packages}
_LINE: Final = re.compile(r"^(?P<stack>.*) (?P<count>\d+)$")


@dataclass(slots=True)
class Profile:
    """Samples by function: `own` where it was at work itself, `total` where it was on the stack; by layer; all together."""

    service: str
    samples: int = 0
    own: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    layers: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, service: str, lines: Iterable[str]) -> "Profile":
        """Add up collapsed stacks: frames from the outermost, separated by `;`, then a blank and the number of samples."""
        profile = cls(service)
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            count = int(match["count"])
            frames = [_without_line(frame) for frame in match["stack"].split(";")]
            if frames[-1] in WAITING:
                continue
            profile.samples += count
            profile.own[frames[-1]] += count
            profile.layers[_layer(frames)] += count
            for frame in set(frames):
                profile.total[frame] += count
        return profile

    def top(self, counts: Counter[str], most: int) -> list[tuple[str, float]]:
        """List the functions with most samples and their share in percent."""
        return [(name, round(count / max(1, self.samples) * 100, 1)) for name, count in counts.most_common(most)]


def _layer(frames: Sequence[str]) -> str:
    """Name the layer at work: of the innermost function that belongs to one."""
    for frame in reversed(frames):
        package = frame.rpartition(" (")[2].partition("/")[0].removesuffix(")").removesuffix(".py")
        if package in _LAYER_OF:
            return _LAYER_OF[package]
    return OTHER


def _without_line(frame: str) -> str:
    """Name a function by module and name, without the number of the line that was at work."""
    name, _, place = frame.partition(" (")
    return f"{name} ({place.rpartition(':')[0] or place.rstrip(')')})" if place else name


def sampler() -> str:
    """Return the program that samples; raises WaybillError where it is not installed."""
    beside = Path(sys.executable).with_name("py-spy")
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise WaybillError("--profile needs py-spy: install it with `.venv/bin/python -m uv pip install py-spy`")
    return found


@contextlib.asynccontextmanager
async def profiled(processes: dict[str, int], folder: Path) -> AsyncIterator[dict[str, Path]]:
    """Sample processes, by service, while the block runs; gives the files that hold their stacks afterwards."""
    program = sampler()
    files = {service: folder / f"{service}.stacks" for service in processes}
    started = [await _sample(program, pid, files[service]) for service, pid in processes.items()]
    try:
        yield files
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
        for process in started:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)


async def _sample(program: str, pid: int, file: Path) -> asyncio.subprocess.Process:
    how = ["--format", "raw", "--rate", str(SAMPLES_PER_SECOND), "--duration", str(LONGEST_SECONDS), "--nonblocking"]
    return await asyncio.create_subprocess_exec(
        program, "record", "--pid", str(pid), "--output", str(file), *how, stdout=asyncio.subprocess.DEVNULL
    )
