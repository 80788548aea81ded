"""`waybill status`: what runs where."""

import json
import time
from typing import Annotated, Any

import typer

from waybill.embedded.orphans import orphans
from waybill.embedded.state import PartState, Phase, State, memory_of
from waybill.errors import WaybillError
from waybill.options import DataDir, data_dir_of
from waybill.progress import console, table


def status(
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> int:
    """Show every part with its address and state; exit code 0 when the system is ready, 1 when it is not."""
    place = data_dir_of(data_dir)
    state = State.load(place)
    if state is None:
        raise WaybillError(f"nothing ever ran on {place}: start it with `./waybill up`")
    settle(state)
    ready = state.running and state.ready
    if as_json:
        typer.echo(json.dumps(document(state, ready=ready), indent=2))
    else:
        out = console()
        out.print(table(state))
        out.print(_summary(state, ready=ready), highlight=False, soft_wrap=True, markup=False)
    return 0 if ready else 1


def settle(state: State) -> None:
    """Correct what a supervisor could not write any more because it was killed."""
    for part in state.parts.values():
        if part.process is not None and not part.process.alive:
            part.process = None
            if part.phase in {Phase.READY, Phase.STARTING}:
                part.phase = Phase.RESTARTING if state.running else Phase.STOPPED
        elif part.process is None and not state.running:
            part.phase = Phase.STOPPED


def _summary(state: State, *, ready: bool) -> str:
    if ready:
        return f"\nWaybill is ready: {state.parts['gateway'].address}"
    if state.running:
        return f"\nWaybill is {'stopping' if state.stopping else 'not ready'}. {state.activity}"
    if left := orphans(state):
        return f"\nThe supervisor was killed; {len(left)} parts still run. `./waybill up` or `./waybill down` cleans up."
    return f"\nWaybill is stopped.{f' The last start failed: {state.failure}' if state.failure else ''}"


def document(state: State, *, ready: bool) -> dict[str, Any]:
    """Return the status as JSON for programs: times in seconds, memory in bytes."""
    return {
        "ready": ready,
        "running": state.running,
        "data_dir": state.data_dir,
        "port_base": state.port_base,
        "supervisor_pid": state.supervisor.pid if state.supervisor is not None else None,
        "uptime_seconds": round(time.time() - state.started_at, 1) if state.running else 0.0,
        "failure": state.failure,
        "parts": [_part(part) for part in state.parts.values()],
    }


def _part(part: PartState) -> dict[str, Any]:
    process = part.process
    return {
        "name": part.name,
        "kind": part.kind,
        "state": str(part.phase),
        "pid": process.pid if process else None,
        "address": part.address,
        "uptime_seconds": round(time.time() - process.created, 1) if process else 0.0,
        "restarts": part.restarts,
        "rss_bytes": memory_of(process) if process else 0,
        "message": part.message,
        "log": part.log,
    }
