"""People come first: they, and the links, are no part of the machine that is tried, so the system gives way to them.

Dozens of processes share few processors here. If customers had to queue among them, they would ask less and less the more the
system has to do, and what is measured were their own waiting. A process that starts is told to give way within a second; where
the kernel shares out processors by sessions first, its session is, too. Nothing of this needs a privilege.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

import psutil

LOOK_SECONDS: Final = 1.0
NICENESS: Final = 5
"""So much nicer than we are: a third of the weight."""


async def give_way(spared: Collection[int]) -> None:
    """Have all processes that descend from this one give way to it, except those that are spared; until cancelled."""
    polite: set[int] = set()
    while True:
        with contextlib.suppress(psutil.Error):  # a process ended while its children were looked for: they are found next time
            found = {process.pid for process in psutil.Process().children(recursive=True)}
            polite = (polite & found) | {pid for pid in found - polite - set(spared) if _be_nice(pid)}
        await asyncio.sleep(LOOK_SECONDS)


def _be_nice(pid: int) -> bool:
    """Tell a process and its session to give way; answers whether nothing is left to tell it."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        session = Path(f"/proc/{pid}/autogroup")
        if session.exists():
            session.write_text(str(NICENESS))
    except ProcessLookupError:
        return True
    except OSError:  # the kernel takes such wishes only so often from one user: again at the next look
        return False
    return True
