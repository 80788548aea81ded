"""A process's clock: right unless a file says how wrong it is, and right again when the file is gone."""

from datetime import timedelta
from pathlib import Path

import pytest

from chassis import clocks
from chassis.testing import MORNING, SettableClock


def test_a_clock_is_right_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYBILL_CLOCK", raising=False)
    clock = SettableClock()
    assert clocks.of_process(clock) is clock


def test_a_file_makes_a_clock_wrong_while_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "clock"
    monkeypatch.setenv("WAYBILL_CLOCK", f"@{file}")
    clock = clocks.of_process(SettableClock())
    assert clock() == MORNING
    file.write_text("-600")
    assert clock() == MORNING - timedelta(minutes=10)
    file.write_text("")
    assert clock() == MORNING
    file.unlink()
    assert clock() == MORNING
