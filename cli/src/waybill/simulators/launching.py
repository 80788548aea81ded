"""Start a simulator from a test or another program and wait until it answers.

The simulator is a process of its own, so that killing it proves what killing it in earnest would do.
"""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_START_SECONDS = 20.0
_STOP_SECONDS = 5.0


@dataclass
class Simulator:
    """A running simulator and where it listens, by protocol: ``{"http": "http://127.0.0.1:8101"}``."""

    process: "subprocess.Popen[bytes]"
    addresses: dict[str, str]

    def kill(self) -> None:
        """Kill it without warning."""
        self.process.kill()
        self.process.wait(_STOP_SECONDS)


@contextlib.contextmanager
def launched(*arguments: str) -> Iterator[Simulator]:
    """Run ``python -m waybill.simulators ARGUMENTS`` for the length of the block. Raises RuntimeError when it fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "waybill.simulators", *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield Simulator(process, _addresses(process, arguments))
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _addresses(process: "subprocess.Popen[bytes]", arguments: tuple[str, ...]) -> dict[str, str]:
    if process.stdout is None:
        raise RuntimeError("a simulator's output must be piped")
    # The line is written with one flush, so what is readable holds all of it.
    if not select.select([process.stdout], [], [], _START_SECONDS)[0]:
        raise RuntimeError(f"the simulator {' '.join(arguments)} did not answer within {_START_SECONDS:.0f} s")
    words = process.stdout.readline().decode().split()
    if not words or words[0] != "ready":
        raise RuntimeError(f"the simulator {' '.join(arguments)} ended before it answered, see its standard error")
    return dict(word.split("=", 1) for word in words[2:])
