"""Ends what a killed supervisor has left running: only processes that the state file names, by id and moment of creation."""

import contextlib
import signal
import time
from collections.abc import Iterable
from typing import Final

import psutil

from waybill.embedded.state import PartState, State
from waybill.errors import WaybillError

FAST_SHUTDOWN: Final = {"postgres": signal.SIGINT}
# Who depends on others goes first; the store and the log go last, so that the others can still write.
ORDER: Final = ("gateway", "service", "simulator", "identity", "broker", "database")
DEADLINE_SECONDS: Final = 20.0


def orphans(state: State) -> list[PartState]:
    """Return the parts of a run whose processes still live, in the order in which they are to be stopped."""
    living = [part for part in state.parts.values() if part.process is not None and part.process.alive]
    return sorted(living, key=lambda part: ORDER.index(part.kind))


def end(parts: Iterable[PartState], deadline: float = DEADLINE_SECONDS) -> None:
    """Stop the parts, kind by kind, by force after the deadline in seconds; raises WaybillError when one cannot be stopped."""
    remaining = list(parts)
    for kind in ORDER:
        group = [part for part in remaining if part.kind == kind and part.process is not None and part.process.alive]
        for part in group:
            _send(part, FAST_SHUTDOWN.get(part.name, signal.SIGTERM))
        if not _gone(group, deadline):
            for part in group:
                _send(part, signal.SIGKILL)
            if not _gone(group, deadline):
                stuck = next(part for part in group if part.process is not None and part.process.alive)
                pid = stuck.process.pid if stuck.process else 0
                raise WaybillError(f"{stuck.name} (pid {pid}) does not end: end it by hand, then run `./waybill down` again")


def _send(part: PartState, number: signal.Signals) -> None:
    if part.process is None or not part.process.alive:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        try:
            psutil.Process(part.process.pid).send_signal(number)
        except psutil.AccessDenied as error:
            message = f"{part.name} (pid {part.process.pid}) is another user's: run this as the user who started it"
            raise WaybillError(message) from error


def _gone(parts: list[PartState], deadline: float) -> bool:
    until = time.monotonic() + deadline
    while any(part.process is not None and part.process.alive for part in parts):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
