"""A whole Waybill as the tests use it: started by the command line, looked at and hurt from outside.

Every part is real and listens on free ports; data lie in a folder of the run's own. Services trace every request to a collector
of the test, and can be armed to die at a named failpoint while they run.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psutil

from chassis.testing import eventually, quick_folder
from waybill.commands.reconcile import look
from waybill.embedded.state import PartState, Phase, State
from waybill.embedded.supervisor import QUICK_DEATH_SECONDS
from waybill.embedded.system import LAST_PORT, SERVICES
from waybill.reconciliation.findings import Invariant
from waybill.reconciliation.sources import Sources
from waybill.tokens import token

PORT_BASES: Final = range(26_000, 32_000, LAST_PORT + 1)
"""Below the ports that systems hand out by themselves, above those of the command line's tests, which run at the same time."""
START_SECONDS: Final = 120
READY_SECONDS: Final = 60.0
RECONCILED_SECONDS: Final = 60.0
RECONCILED_GRACE: Final = timedelta(seconds=5)


class Waybill:
    """A running system, by its data directory."""

    def __init__(self, data_dir: Path, port_base: int) -> None:
        self.data_dir = data_dir
        self.gateway = f"http://127.0.0.1:{port_base}"
        self._tokens: dict[tuple[str, tuple[str, ...]], str] = {}

    async def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of the command line to its end."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "waybill", *arguments],
            env={**os.environ, "WAYBILL_DATA_DIR": str(self.data_dir)},
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )

    @property
    def state(self) -> State:
        """Tell what runs, as the supervisor has written it down."""
        state = State.load(self.data_dir)
        assert state is not None, f"nothing runs on {self.data_dir}"
        return state

    def part(self, name: str) -> PartState:
        """Tell how one part is."""
        return self.state.parts[name]

    def replicas(self, service: str) -> list[str]:
        """Name the processes of a service."""
        return [name for name in self.state.parts if name == service or name.startswith(f"{service}-")]

    def pid(self, name: str) -> int:
        """Answer the process id of a part that runs."""
        process = self.part(name).process
        assert process is not None, f"{name} does not run"
        return process.pid

    def log(self, name: str) -> str:
        """Read what a part wrote."""
        return Path(self.part(name).log).read_text(errors="replace")

    def token(self, user: str, *roles: str) -> str:
        """Get a token of the development identity provider."""
        if (user, roles) not in self._tokens:
            self._tokens[user, roles] = token(self.part("identity").address, user, roles)
        return self._tokens[user, roles]

    def sign_in_anew(self) -> None:
        """Forget all tokens: those of an identity provider that was restarted may be good no more."""
        self._tokens.clear()

    async def ready(self) -> None:
        """Wait until every part is ready, and every service has all its parts at work."""

        async def probe() -> bool:
            return self.state.ready

        await eventually(probe, "every part of the system is ready", within=READY_SECONDS, every=0.1, seen=self._troubles)

    def _troubles(self) -> Mapping[str, str]:
        return {name: f"{part.phase}: {part.message}" for name, part in self.state.parts.items() if part.phase != Phase.READY}

    def kill(self, *names: str) -> None:
        """Kill parts without warning, all at once."""
        for pid in [self.pid(name) for name in names]:
            os.kill(pid, signal.SIGKILL)

    async def restarted(self, before: Mapping[str, int]) -> None:
        """Wait until parts were started again more often than `before` says, and all is ready."""

        async def probe() -> bool:
            return all(self.part(name).restarts > count for name, count in before.items())

        await eventually(probe, f"{', '.join(before)} died and was started again", within=READY_SECONDS, every=0.1)
        await self.ready()

    def restarts(self, *names: str) -> dict[str, int]:
        """Count how often parts were started again."""
        return {name: self.part(name).restarts for name in names}

    async def settled(self, *names: str) -> None:
        """Wait until parts have run for so long that their next death is not one of several quick ones in a row."""

        async def probe() -> bool:
            return all(time.time() - self.started_at(name) > QUICK_DEATH_SECONDS for name in names)

        await eventually(probe, f"{', '.join(names)} ran for a while", within=QUICK_DEATH_SECONDS + 10, every=0.5)

    def started_at(self, name: str) -> float:
        """Tell when the process of a part was started (seconds since the epoch)."""
        return psutil.Process(self.pid(name)).create_time()

    def arm(self, service: str, failpoint: str, count: int) -> Callable[[], bool]:
        """Have one process of a service die when it reaches a failpoint for the `count`th time; answers who tells whether."""
        file = failpoints_file(self.data_dir, service)
        part = file.with_suffix(".part")
        part.write_text(f"{failpoint}:{count}")
        part.replace(file)
        return lambda: not file.exists()

    async def reconciled(self, *, messages_may_wait: bool = False) -> None:
        """Wait until what `waybill reconcile` checks holds in all respects; fails with the violations it still names.

        It looks from here: the command, which one story runs, takes longer to start than to look. `messages_may_wait`: what is
        not at rest yet is left out, since a message whose sender died waits for its lease.
        """
        left_out = {Invariant.AT_REST} if messages_may_wait else set()
        found: list[str] = []

        async def probe() -> bool:
            findings = await look(Sources.running(self.data_dir), RECONCILED_GRACE, topics=False)
            checks = [check for name, check in findings.of.items() if name not in left_out]
            found[:] = [f"{check.invariant}: {one.subject} {one.says}" for check in checks for one in check.violations]
            return not any(check.count for check in checks)

        await eventually(probe, "reconciliation is clean", within=RECONCILED_SECONDS, every=0.5, seen=lambda: found[:20])


def failpoints_file(data_dir: Path, service: str) -> Path:
    """Name the file that arms a service."""
    return data_dir / f"failpoints-{service}"


@asynccontextmanager
async def running(*options: str, service_env: Sequence[str] = ()) -> AsyncIterator[Waybill]:
    """Start a system with `up --detach` and stop it afterwards with `down`."""
    with tempfile.TemporaryDirectory(prefix="waybill-test-", dir=quick_folder(), ignore_cleanup_errors=True) as folder:
        port_base = _free_port_base()
        system = Waybill(Path(folder) / "data", port_base)
        armed = [f"{name}:WAYBILL_FAILPOINTS=@{failpoints_file(system.data_dir, name)}" for name in SERVICES]
        settings = [argument for one in (*armed, *service_env) for argument in ("--service-env", one)]
        try:
            done = await system.command("up", "--detach", "--port-base", str(port_base), *options, *settings)
            assert done.returncode == 0, done.stderr + done.stdout
            yield system
        finally:
            stopped = await system.command("down")
            assert stopped.returncode == 0, stopped.stderr


def _free_port_base() -> int:
    for base in random.sample(PORT_BASES, len(PORT_BASES)):
        if all(_free(base + offset) for offset in range(LAST_PORT + 1)):
            return base
    raise AssertionError("there are no free ports in a row")


def _free(port: int) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def traced(endpoint: str) -> list[str]:
    """Return the settings that have every service trace every request to `endpoint`."""
    named = {"OTLP_ENDPOINT": endpoint, "TRACE_SAMPLE_RATIO": "1"}
    return [f"{service}:{service.upper()}_{name}={value}" for service in SERVICES for name, value in named.items()]


def documents(answer: Any) -> list[dict[str, Any]]:
    """Read the items of a list that the API answered."""
    return list(answer.json()["items"])
