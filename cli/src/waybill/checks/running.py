"""Runs steps: output to a log file each, progress to whoever shows it, and nothing left running when the run is ended early.

Every step is a session of its own, so that Ctrl-C reaches it exactly once, from here, and tests can stop their servers.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from waybill.checks.pytest_progress import PIPE_VARIABLE
from waybill.checks.steps import Step

STOP_SECONDS: Final = 30.0
SUMMARY: Final = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+ in .+?|no tests ran in .+?)\s*=*$")


@dataclass(slots=True)
class Result:
    """What became of a step; `seconds` is how long it took, `log` the file with all it said."""

    step: Step
    log: Path
    seconds: float = 0.0
    exit_code: int = 0
    finished: bool = False
    failed_tests: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the step ended well."""
        return self.finished and self.exit_code == 0

    @property
    def output(self) -> list[str]:
        """The lines the step wrote."""
        try:
            return self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    @property
    def summary(self) -> str:
        """The closing line of pytest, as pytest wrote it; empty when there is none."""
        lines = (line.strip() for line in reversed(self.output))
        return next((line for line in lines if SUMMARY.match(line)), "")


Listener = Callable[[dict[str, Any]], None]


async def run(step: Step, root: Path, logs: Path, listener: Listener | None = None) -> Result:
    """Run a step to its end; `listener` hears the facts of `pytest_progress`. A cancelled run stops its program first."""
    result = Result(step, logs / f"{step.name.replace(' ', '-')}.log")
    began = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    async with contextlib.AsyncExitStack() as stack:
        output = stack.enter_context(result.log.open("wb"))
        inherited: tuple[int, ...] = ()
        if listener is not None:
            pipe = await stack.enter_async_context(_listening(listener))
            environment[PIPE_VARIABLE] = str(pipe)
            inherited = (pipe,)
        process = await asyncio.create_subprocess_exec(
            *step.argv,
            cwd=root,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=inherited,
        )
        try:
            result.exit_code = await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
    result.seconds = time.monotonic() - began
    result.finished = True
    return result


@contextlib.asynccontextmanager
async def _listening(listener: Listener) -> AsyncIterator[int]:
    """Give the writing end of a pipe whose lines of JSON the listener hears; all of them have been heard at the end."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )

    async def hear() -> None:
        async for line in stream:
            listener(json.loads(line))

    hearing = asyncio.create_task(hear())
    try:
        yield writing
    finally:
        os.close(writing)
        # A server that a test left running may still hold the other end: what was said is heard, then we go.
        await asyncio.wait({hearing}, timeout=1.0)
        hearing.cancel()
        transport.close()


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), STOP_SECONDS)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
