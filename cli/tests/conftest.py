"""What tests of the CLI share."""

import random
import socket
from pathlib import Path

import pytest

from waybill.embedded.system import LAST_PORT


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Name a data directory of one test."""
    return tmp_path / "data"


@pytest.fixture
def port_base() -> int:
    """Name the first of a run of free ports, below those of the whole-system tests, which run at the same time."""
    room = LAST_PORT + 1
    for _ in range(100):
        base = random.randrange(20000, 26000 - room, room)  # noqa: S311 - no secret
        if all(_free(base + offset) for offset in range(room)):
            return base
    raise AssertionError(f"there are no {room} free ports in a row")


def _free(port: int) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
