"""Named places where a test can make a process stop for good, to prove that nothing is lost there. Off unless asked for.

`WAYBILL_FAILPOINTS=before_commit:3` kills the process with SIGKILL the third time it reaches that place.
"""

import os
import signal
from typing import Final

NAMES: Final = ("before_commit", "after_commit", "after_publish", "after_psp_ok", "after_smtp_250", "before_offset_commit")


def _parse(text: str) -> dict[str, int]:
    armed = {}
    for part in filter(None, text.split(",")):
        name, _, count = part.partition(":")
        if name not in NAMES:
            raise ValueError(f"WAYBILL_FAILPOINTS: there is no failpoint {name}; there are {', '.join(NAMES)}")
        armed[name] = int(count or 1)
    return armed


_armed = _parse(os.environ.get("WAYBILL_FAILPOINTS", ""))


def reach(name: str) -> None:
    """Pass a named place, or die there."""
    if not _armed or name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
