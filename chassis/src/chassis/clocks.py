"""What time it is: the database's, so that a machine whose clock is wrong neither claims for too long nor gives up too soon.

Every due time, lease and deadline stands in the database and is compared with what other processes wrote there. So a service
asks its database now and then, and counts on with the clock that only runs forward; the machine's own time of day, which
somebody may set, decides nothing. `WAYBILL_CLOCK=@FILE` makes that one wrong by the seconds that the file names, from one
reading to the next, to prove it.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from chassis import domain
from chassis.domain import Clock as Clock  # noqa: PLC0414 - who takes a clock finds both here

IMPRECISE_SECONDS: Final = 0.5
"""An answer that took longer than this tells too little about the time in which it arrived."""


def mislead(setting: str | None = None) -> None:
    """Have the machine's time be wrong where the environment asks for it."""
    setting = os.environ.get("WAYBILL_CLOCK", "") if setting is None else setting
    if setting.startswith("@"):
        file = Path(setting[1:])
        domain.mislead(lambda: _error(file))


def _error(file: Path) -> timedelta:
    try:
        return timedelta(seconds=float(file.read_text()))
    except (FileNotFoundError, ValueError):  # nobody is to be misled, or the file is being written
        return timedelta()


class DatabaseTime:
    """A clock that goes by the database, once it was asked."""

    def __init__(self) -> None:
        self._read: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """Tell the time."""
        if self._read is None:
            return domain.utc_now()
        at, then = self._read
        return at + timedelta(seconds=monotonic() - then)

    async def read(self, connection: Any) -> None:
        """Ask the database what time it is; an answer that took long is not believed where an earlier one is known."""
        asked = monotonic()
        at = await connection.fetchval("SELECT clock_timestamp()")
        took = monotonic() - asked
        if self._read is None or took <= IMPRECISE_SECONDS:
            self._read = at, asked + took / 2
