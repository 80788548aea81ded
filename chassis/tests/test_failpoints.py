"""Failpoints: off unless asked for, counted, and sprung once where a file arms a running process."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PASSES = "from chassis import failpoints\nfor _ in range({times}): failpoints.reach('after_commit')\nprint('survived')"


def run(setting: str, times: int = 5) -> "subprocess.CompletedProcess[str]":
    """Pass a failpoint some times in a process of its own."""
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PASSES.format(times=times)],
        env={"WAYBILL_FAILPOINTS": setting},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("setting", ["", "before_commit:1", "after_commit:6", "@/nowhere"])
def test_a_process_that_is_not_armed_passes(setting: str) -> None:
    assert run(setting).stdout == "survived\n"


@pytest.mark.parametrize("setting", ["after_commit", "after_commit:5", "before_commit:1,after_commit:2"])
def test_an_armed_process_dies_at_once(setting: str) -> None:
    done = run(setting)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_a_file_arms_one_process_once(tmp_path: Path) -> None:
    file = tmp_path / "failpoints"
    file.write_text("after_commit:3")
    assert run(f"@{file}", times=2).stdout == "survived\n"
    assert file.exists()
    assert run(f"@{file}", times=3).returncode == -signal.SIGKILL
    assert not file.exists()
    assert run(f"@{file}").stdout == "survived\n"


def test_a_name_that_does_not_exist_is_refused() -> None:
    done = run("after_lunch:1")
    assert done.returncode == 1
    assert "there is no failpoint after_lunch" in done.stderr
