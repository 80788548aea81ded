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
from typing import Any

from chassis import domain
from chassis.domain import Clock as Clock  # noqa: PLC0414 - who takes a clock finds both here


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
        return domain.utc_now() if self._read is None else self._told(self._read, monotonic())

    async def read(self, connection: Any) -> None:
        """Ask the database what time it is, and be corrected as far as its answer proves the clock wrong.

        The database looked at its clock at some point while it was asked: an answer that took long proves little, and a clock
        that was set to the middle of it could go back by half of that time.
        """
        asked = monotonic()
        at: datetime = await connection.fetchval("SELECT clock_timestamp()")
        arrived = monotonic()
        took = timedelta(seconds=arrived - asked)
        told = at + took / 2 if self._read is None else min(max(self._told(self._read, arrived), at), at + took)
        self._read = told, arrived

    @staticmethod
    def _told(read: tuple[datetime, float], now: float) -> datetime:
        at, then = read
        return at + timedelta(seconds=now - then)
