"""A clock that can be told to be wrong, to prove that a machine with another time loses nothing. Off unless asked for.

`WAYBILL_CLOCK=@FILE` adds the seconds that the file names to the time, from one reading to the next; without the file the time
is right.
"""

import os
from datetime import timedelta
from pathlib import Path

from chassis.domain import Clock


def of_process(clock: Clock) -> Clock:
    """Give the clock of this process: `clock` itself, or a wrong one where the environment asks for it."""
    setting = os.environ.get("WAYBILL_CLOCK", "")
    if not setting.startswith("@"):
        return clock
    file = Path(setting[1:])
    return lambda: clock() + timedelta(seconds=_error(file))


def _error(file: Path) -> float:
    try:
        return float(file.read_text())
    except (FileNotFoundError, ValueError):  # nobody is to be misled, or the file is being written
        return 0.0
