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
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from waybill.checks.pytest_progress import PIPE_VARIABLE
from waybill.checks.steps import Step

STOP_SECONDS: Final = 30.0
LONG_SECONDS: Final = 60.0
NOTHING_SELECTED: Final = 5
"""The exit code by which pytest says that there was no test to run."""
SUMMARY: Final = re.compile(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+ in .+?|no tests ran in .+?)\s*=*$")
COUNT: Final = re.compile(r"(\d+) ([a-z]+)")
WORDS: Final = ("failed", "passed", "skipped", "deselected", "xfailed", "xpassed", "warning", "error")
"""In the order in which pytest counts them."""


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
    def empty(self) -> bool:
        """Whether it was a run of tests in which none was selected."""
        return self.step.tests and self.exit_code == NOTHING_SELECTED

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


def all_in_all(results: Sequence[Result], seconds: float) -> str:
    """Close several runs of pytest as pytest would have closed a single one; a run without a closing line is an error.

    Where there is one run, its own line is repeated as it stands.
    """
    runs = [result for result in results if result.step.tests]
    if len(runs) == 1:
        return runs[0].summary or "the tests ended without a summary"
    counts: Counter[str] = Counter()
    for one in runs:
        counts.update({word.removesuffix("s"): int(count) for count, word in COUNT.findall(one.summary.partition(" in ")[0])})
        counts["error"] += not one.summary
    told = [f"{counts[word]} {_plural(word, counts[word])}" for word in WORDS if counts[word]]
    took = f"{seconds:.2f}s" + (f" ({timedelta(seconds=int(seconds))})" if seconds >= LONG_SECONDS else "")
    return f"{', '.join(told) or 'no tests ran'} in {took}"


def _plural(word: str, count: int) -> str:
    return f"{word}s" if count > 1 and word in {"warning", "error"} else word


Listener = Callable[[dict[str, Any]], None]


async def run(step: Step, root: Path, logs: Path, listener: Listener | None = None) -> Result:
    """Run a step to its end; `listener` hears the facts of `pytest_progress`. A cancelled run stops its program first."""
    result = Result(step, logs / f"{step.name.replace(' ', '-')}.log")
    began = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.pop(PIPE_VARIABLE, None)  # of whoever runs this run: a program of ours does not have that pipe
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
            preexec_fn=_heeds_interrupts,
        )
        try:
            result.exit_code = await process.wait()
        except asyncio.CancelledError:
            await _stop(process)
            raise
    result.seconds = time.monotonic() - began
    result.finished = True
    return result


def _heeds_interrupts() -> None:
    """Have the program stop at SIGINT also where the shell has started us in the background, deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
