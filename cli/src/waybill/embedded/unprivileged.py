"""Runs a program as an ordinary user although root started it: `python -I unprivileged.py UID GID COMMAND ARGUMENTS…`.

PostgreSQL refuses to run as root. When the folders above its files are closed to others (a checkout in /root, a temporary
directory), the program keeps one capability of root, to pass through them; nothing is opened, copied or moved. It stands alone,
on the standard library only, because it is run with nothing else on its path.
"""

import ctypes
import os
import struct
import sys
from pathlib import Path

CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_SECUREBITS = 28
NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


def reachable(path: Path) -> bool:
    """Tell whether every folder on the way to the path lets other users pass."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def keep_passage(libc: ctypes.CDLL) -> None:
    """Keep the capability to pass closed folders over the change of user and the exec; raises OSError when it is not ours."""
    header = ctypes.create_string_buffer(struct.pack("Ii", CAPABILITY_VERSION_3, 0))
    bit = 1 << CAP_DAC_OVERRIDE
    data = ctypes.create_string_buffer(struct.pack("6I", bit, bit, bit, 0, 0, 0))
    refused = libc.capset(header, data) or libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)
    if refused:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(uid: int, gid: int, command: list[str]) -> None:
    """Change to the user and become the command."""
    closed = [path for path in (Path(word) for word in command if word.startswith("/")) if not reachable(path)]
    libc = ctypes.CDLL(None, use_errno=True)
    if closed:
        # The change of user is to leave capabilities to us, and access(2) is to count them: initdb asks it for its siblings.
        libc.prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.umask(0o077)
    if closed:
        try:
            keep_passage(libc)
        except (OSError, AttributeError):
            sys.exit(f"error: root starts this as user {uid}, who cannot reach {closed[0]}: use another --data-dir or user")
    os.execv(command[0], command)  # noqa: S606 - becoming that program is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
