"""`waybill down`: stop everything on a data directory, also what a killed supervisor has left."""

import os
import signal
import time
from typing import Final

import typer

from waybill.embedded import orphans
from waybill.embedded.state import State
from waybill.errors import WaybillError
from waybill.options import DataDir, data_dir_of

DEADLINE_SECONDS: Final = 120.0


def down(data_dir: DataDir = None) -> None:
    """Stop everything, also after a crash; data stay."""
    place = data_dir_of(data_dir)
    state = State.load(place)
    if state is None:
        raise WaybillError(f"nothing runs on {place}: nothing to stop")
    stopped = _stop_supervisor(state)
    left = orphans.orphans(State.load(place) or state)
    if left:
        names = ", ".join(part.name for part in left)
        typer.echo(f"stopping what an earlier run has left: {names}")
        orphans.end(left)
    typer.echo("Waybill is stopped." if stopped or left else f"Nothing runs on {place}.")


def _stop_supervisor(state: State) -> bool:
    """Ask the supervisor to end and wait; by force after the deadline. False when there was none."""
    supervisor = state.supervisor
    if supervisor is None or not supervisor.alive:
        return False
    typer.echo("stopping …")
    try:
        os.kill(supervisor.pid, signal.SIGTERM)
    except PermissionError as error:
        raise WaybillError(f"pid {supervisor.pid} is another user's: run this as the user who started it") from error
    until = time.monotonic() + DEADLINE_SECONDS
    while supervisor.alive:
        if time.monotonic() > until:
            os.kill(supervisor.pid, signal.SIGKILL)
        time.sleep(0.05)
    return True
