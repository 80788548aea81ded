"""Shows a start, and what runs where: a live table on a terminal, plain lines anywhere else. It draws from the state alone."""

import sys
import time
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from waybill.embedded.state import PartState, Phase, State, memory_of

COLOURS: Final = {
    Phase.WAITING: "dim",
    Phase.STARTING: "yellow",
    Phase.READY: "green",
    Phase.RESTARTING: "yellow",
    Phase.STOPPING: "yellow",
    Phase.STOPPED: "dim",
    Phase.FAILED: "bold red",
}
MEGABYTE: Final = 1024 * 1024
MINUTE: Final = 60
HOUR: Final = 3600
PLAIN_WIDTH: Final = 200


def console() -> Console:
    """Return where to write: as wide as the terminal, or wide enough for anything that is not read on one."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)


class Progress:
    """Shows a state as it changes; use as a context."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._phases: dict[str, Phase] = {}
        self._activity = ""
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the live table; what follows is told line by line."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, state: State) -> None:
        """Show what has changed."""
        if self._live is not None:
            self._live.update(Group(table(state, memory=False), Text(state.activity, style="dim")), refresh=True)
            self._remember(state)
            return
        for part in state.parts.values():
            if part.phase is not self._phases.get(part.name, Phase.WAITING):
                self._line(f"{part.name} {part.phase}{f': {part.message}' if part.message else ''}")
        if state.activity and state.activity != self._activity:
            self._line(state.activity)
        self._remember(state)

    def _remember(self, state: State) -> None:
        self._phases = {part.name: part.phase for part in state.parts.values()}
        self._activity = state.activity

    def _line(self, text: str) -> None:
        self.console.print(f"{time.monotonic() - self._began:5.1f} s  {text}", highlight=False, soft_wrap=True, markup=False)


def table(state: State, *, memory: bool = True) -> Group:
    """Draw the parts of a run."""
    grid = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in ("part", "state", "address", "pid", "up", "restarts", *(["memory"] if memory else [])):
        justify: JustifyMethod = "right" if column in {"pid", "up", "restarts", "memory"} else "left"
        grid.add_column(column, justify=justify, no_wrap=True)
    notes = []
    for part in state.parts.values():
        grid.add_row(*_row(part, memory=memory))
        if part.message:
            notes.append(Text(f"{part.name}: {part.message}", style=COLOURS[part.phase]))
    return Group(grid, *notes)


def _row(part: PartState, *, memory: bool) -> list[Any]:
    alive = part.process is not None
    row: list[Any] = [
        part.name,
        Text(str(part.phase), style=COLOURS[part.phase]),
        part.address,
        str(part.process.pid) if part.process else "",
        duration(time.time() - part.process.created) if part.process else "",
        str(part.restarts or ""),
    ]
    if memory:
        row.append(f"{memory_of(part.process) / MEGABYTE:.0f} MB" if alive and part.process else "")
    return row


def duration(seconds: float) -> str:
    """Write a duration the short way: 12 s, 3 min, 5 h."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    return f"{seconds / MINUTE:.0f} min" if seconds < HOUR else f"{seconds / HOUR:.1f} h"


def next_steps(state: State, data_dir_option: str) -> str:
    """Tell what to try once everything runs."""
    gateway = state.parts["gateway"].address
    return f"""
Waybill is ready: {gateway}

  shop      {gateway}
  admin     {gateway}/admin
  mails     {gateway}/sim/mail/

  token     TOKEN=$(./waybill token --user alice --role customer{data_dir_option})
  products  curl -s {gateway}/api/products
  order     curl -s {gateway}/api/orders -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $(date +%s%N)" \\
              -H "Content-Type: application/json" -H "Prefer: wait=5" -d '{{
              "items": [{{"product_id": "TEA-ASSAM-250", "quantity": 2}}],
              "shipping_address": {{"name": "Alice", "line1": "Linden 1", "city": "Berlin",
                "postal_code": "10117", "country": "DE"}},
              "contact": {{"email": "alice@example.com", "phone": "+4930123456"}},
              "payment": {{"method": "card", "token": "tok_ok"}}}}'
  demo      ./waybill demo{data_dir_option}
  stop      ./waybill down{data_dir_option}
"""
