"""Named places where a test can make a process stop for good, to prove that nothing is lost there. Off unless asked for.

`WAYBILL_FAILPOINTS=before_commit:3` kills the process with SIGKILL the third time it reaches that place, and so each time it
is started. `WAYBILL_FAILPOINTS=@FILE` reads the same from a file at each named place, so that a running process can be armed;
the file goes first, so it dies once, and of several replicas one.
"""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Final

NAMES: Final = ("before_commit", "after_commit", "after_publish", "after_psp_ok", "after_smtp_250", "before_offset_commit")


def _parse(text: str) -> dict[str, int]:
    armed = {}
    for part in filter(None, text.strip().split(",")):
        name, _, count = part.partition(":")
        if name not in NAMES:
            raise ValueError(f"WAYBILL_FAILPOINTS: there is no failpoint {name}; there are {', '.join(NAMES)}")
        armed[name] = int(count or 1)
    return armed


_setting: Final = os.environ.get("WAYBILL_FAILPOINTS", "")
_file: Final = Path(_setting[1:]) if _setting.startswith("@") else None
_armed: Final = {} if _file is not None else _parse(_setting)
_reached: Final[Counter[str]] = Counter()


def reach(name: str) -> None:
    """Pass a named place, or die there."""
    if _file is not None:
        _reach_by_file(name, _file)
    elif name in _armed:
        _reached[name] += 1
        if _reached[name] >= _armed[name]:
            os.kill(os.getpid(), signal.SIGKILL)


def _reach_by_file(name: str, file: Path) -> None:
    try:
        text = file.read_text()
        count = _parse(text).get(name)
        if count is None:
            return
        _reached[text] += 1
        if _reached[text] < count:
            return
        file.unlink()
    except FileNotFoundError:
        return  # nobody is to die, or another process has done so
    os.kill(os.getpid(), signal.SIGKILL)
