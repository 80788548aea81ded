"""Where things lie: the project, the data directory, the cache shared by all data directories, short paths for sockets."""

import hashlib
import os
import socket
import stat
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from waybill.errors import WaybillError

# sockaddr_un holds 108 bytes with the closing zero on Linux, 104 elsewhere.
SOCKET_PATH_LIMIT: Final = 107 if sys.platform == "linux" else 103


def project_root() -> Path:
    """Return the folder of the checkout this code runs from, or the current one when it is installed elsewhere."""
    folder = Path(__file__).resolve().parents[4]
    return folder if (folder / "requirements.lock").exists() else Path.cwd()


def default_data_dir() -> Path:
    """Return the data directory that is used unless another is named."""
    return project_root() / ".waybill"


def cache_dir() -> Path:
    """Return where downloads are kept for all data directories (`WAYBILL_CACHE` names another place)."""
    named = os.environ.get("WAYBILL_CACHE")
    folder = Path(named).expanduser().resolve() if named else default_data_dir() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def socket_directory(directory: Path, longest_name: str) -> Path:
    """Return a directory for Unix sockets: this one, or a short private one where the path would be too long."""
    if len(os.fsencode(directory / longest_name)) <= SOCKET_PATH_LIMIT:
        directory.mkdir(parents=True, exist_ok=True)
        return directory
    mark = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    short = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"waybill-{os.getuid()}-{mark}"
    if len(os.fsencode(short / longest_name)) > SOCKET_PATH_LIMIT:
        short = Path("/tmp") / short.name  # noqa: S108 - checked below: ours alone, or refused
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise WaybillError(f"{short} is open to other users: remove it, or set XDG_RUNTIME_DIR to a short private directory")
    return short


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on at this moment."""
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports.append(int(listener.getsockname()[1]))
    return ports
