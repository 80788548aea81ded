"""Root's programs run as an ordinary user, who gets through the folders that root's own files lie in, and no further."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from waybill.embedded import unprivileged

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Make a file that its owner alone may read, in a folder that is closed to others."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    file = closed / "file"
    file.write_text("found\n")
    file.chmod(0o600)
    return file


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-I", "-S", unprivileged.__file__, str(NOBODY), str(NOBODY), *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")


def test_it_becomes_the_user() -> None:
    done = run("/usr/bin/id", "-u")
    assert done.stdout == f"{NOBODY}\n"


def test_it_passes_closed_folders_that_the_command_names(secret: Path) -> None:
    assert run("/bin/cat", str(secret)).stdout == "found\n"
    # initdb looks for its siblings with access(2), which asks about the real user.
    assert run("/usr/bin/test", "-r", str(secret)).returncode == 0


def test_it_keeps_that_one_capability_and_only_when_it_is_needed(secret: Path) -> None:
    needed = run("/bin/grep", "-h", "CapEff", "/proc/self/status", str(secret))
    assert needed.stdout.split() == ["CapEff:", f"{1 << unprivileged.CAP_DAC_OVERRIDE:016x}"]
    ordinary = run("/bin/grep", "CapEff", "/proc/self/status")
    assert ordinary.stdout.split() == ["CapEff:", "0" * 16]
