"""A program that Waybill starts, watches and stops: the same few verbs for PostgreSQL, Kafka, the gateway and every service.

Each program runs in a session of its own, so that a Ctrl-C at the terminal reaches only the supervisor, which then stops
them in order. Ready means that the program has answered a question of its own protocol, not that its port is open. A program
that ends, or does not get ready in time, raises StartError with the last thing it said.
"""

import asyncio
import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from waybill.errors import WaybillError

LOG_LIMIT: Final = 16 * 1024 * 1024
PROBE_INTERVAL: Final = 0.05
SLOW_PROBE_INTERVAL: Final = 0.25


class StartError(WaybillError):
    """A program ended or kept silent while it was to become ready."""


class NotReadyError(Exception):
    """A probe's answer: not yet, and why."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a program is started: arguments, the environment it adds to ours, its folder."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path


class Server(ABC):
    """One program: prepared, launched, probed until ready, stopped. Subclasses say how."""

    stop_signal = signal.SIGTERM
    start_deadline = 60.0
    stop_deadline = 15.0

    def __init__(self, name: str, log_file: Path) -> None:
        self.name = name
        self.log_file = log_file
        self.process: asyncio.subprocess.Process | None = None
        self.launched_at = 0.0
        self.on_launch: Callable[[], None] = lambda: None
        self._holds = 0
        self._may_start = asyncio.Event()
        self._may_start.set()

    @abstractmethod
    async def prepare(self) -> None:
        """Make what the program needs before it starts; harmless when it is there already."""

    @abstractmethod
    def command(self) -> Command:
        """Say how the program is started."""

    @abstractmethod
    async def probe(self) -> None:
        """Ask the program one question; raises NotReadyError with the reason while it cannot answer."""

    @property
    def pid(self) -> int | None:
        """Return the process id while the program runs."""
        return self.process.pid if self.running and self.process is not None else None

    @property
    def stop_note(self) -> str:
        """Say what a stop does besides stopping, when it takes long for that reason."""
        return ""

    @property
    def running(self) -> bool:
        """Tell whether the program was launched and has not ended."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Prepare, launch and wait until ready; raises StartError, and then nothing is left running."""
        await self._may_start.wait()
        await self.prepare()
        await self.launch()
        try:
            await self.ready()
        except BaseException:
            await self.kill()
            raise

    def hold(self) -> None:
        """Have whoever starts the program from now on wait until `release`, once for each hold; one that runs goes on."""
        self._holds += 1
        self._may_start.clear()

    def release(self) -> None:
        """Let the program be started again, unless others hold it too."""
        self._holds -= 1
        if not self._holds:
            self._may_start.set()

    async def launch(self) -> None:
        """Start the process and return at once."""
        command = self.command()
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        turn_over(self.log_file)
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **command.env},
                cwd=command.folder,
                start_new_session=True,
            )
        self.launched_at = time.time()
        self.on_launch()

    async def ready(self) -> None:
        """Wait until the program answers; raises StartError when it ends before or the deadline passes."""
        deadline = time.monotonic() + self.start_deadline
        interval = PROBE_INTERVAL
        reason = "it was not asked yet"
        while time.monotonic() < deadline:
            if not self.running:
                raise StartError(f"{self.name} ended while it started: {last_words(self.log_file)} (see {self.log_file})")
            try:
                await self.probe()
            except NotReadyError as error:
                reason = str(error)
            else:
                return
            await self._ended_within(interval)
            interval = min(interval * 1.3, SLOW_PROBE_INTERVAL)
        raise StartError(f"{self.name} is not ready after {self.start_deadline:.0f} s: {reason} (see {self.log_file})")

    async def _ended_within(self, seconds: float) -> None:
        if self.process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), seconds)

    async def ended(self) -> int:
        """Wait until the process ends and return its exit code (minus the number of the signal that ended it)."""
        return 0 if self.process is None else await self.process.wait()

    async def stop(self) -> None:
        """Ask the program to end, wait, and end it by force after the deadline."""
        if self.process is None:
            return
        self.send(self.stop_signal)
        try:
            await asyncio.wait_for(self.process.wait(), self.stop_deadline)
        except TimeoutError:
            await self.kill()
        self.process = None

    async def kill(self) -> None:
        """End the program and what it started at once, as a power cut would."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.send(signal.SIGKILL)
        await self.process.wait()
        self.process = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program's process; nothing happens when it has ended."""
        if self.running and self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def turn_over(log_file: Path, limit: int = LOG_LIMIT) -> None:
    """Begin a new log when the old one has grown beyond the limit in bytes; the one before is kept as `.1`."""
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > limit:
            log_file.replace(log_file.with_name(log_file.name + ".1"))


def last_words(log_file: Path) -> str:
    """Return the line of the end of a log that most likely tells what went wrong."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log_file.stat().st_size - 16384))
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return "it wrote nothing"
    telling = [line for line in lines[-40:] if any(word in line for word in ("FATAL", "PANIC", "Error:", "ERROR", "error:"))]
    return (telling or lines or ["it wrote nothing"])[-1][:300]


def started_at(pid: int) -> float | None:
    """Return when the process with this id was created (seconds since the epoch), None when there is none."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None
