"""A service goes by its database's time, whatever somebody has set its machine's clock to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis import clocks, domain
from chassis.clocks import DatabaseTime
from chassis.database import Database
from chassis.testing import MORNING

TEN_MINUTES = timedelta(minutes=10)
A_MOMENT = timedelta(seconds=5)


class SlowAnswer:
    """A database that takes its time to tell the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, takes: float) -> None:
        self.now = 100.0
        self.at = MORNING
        self.takes = takes
        monkeypatch.setattr("chassis.clocks.monotonic", lambda: self.now)

    async def fetchval(self, _: str) -> Any:
        self.now += self.takes
        return self.at


@pytest.fixture
def right_again() -> Iterator[None]:
    """Set the machine's clock right in the end."""
    yield
    domain.mislead(timedelta)


@pytest.fixture
def file(tmp_path: Path, right_again: None) -> Path:  # noqa: ARG001 - it is set right
    """Give the file that says how wrong the machine's clock is."""
    clocks.mislead(f"@{tmp_path / 'clock'}")
    return tmp_path / "clock"


def off_by(seconds: float) -> timedelta:
    return abs(domain.utc_now() - datetime.now(UTC) - timedelta(seconds=seconds))


def test_a_file_makes_the_machines_clock_wrong_while_it_is_there(file: Path) -> None:
    assert off_by(0) < A_MOMENT
    for error in ("-600", "600"):
        file.write_text(error)
        assert off_by(float(error)) < A_MOMENT
    file.write_text("")
    assert off_by(0) < A_MOMENT
    file.unlink()
    assert off_by(0) < A_MOMENT


@pytest.mark.database
@pytest.mark.usefixtures("right_again")
@pytest.mark.parametrize("error", [-600, 600])
async def test_a_service_on_a_machine_with_a_wrong_clock_keeps_its_databases_time(error: int, database: Database) -> None:
    domain.mislead(lambda: timedelta(seconds=error))
    misled = await Database.open("order", database.url, clock=DatabaseTime())
    async with misled.transaction() as transaction:
        (row,) = await transaction.fetch("SELECT clock_timestamp() AS now")
        assert abs(transaction.now - row["now"]) < A_MOMENT
    domain.mislead(lambda: timedelta(seconds=-error))
    assert abs(misled.clock() - row["now"]) < A_MOMENT
    await misled.close()


def test_before_the_database_was_asked_the_machines_time_is_told() -> None:
    assert abs(DatabaseTime()() - datetime.now(UTC)) < A_MOMENT


async def test_time_goes_on_between_two_looks_and_half_an_answers_way_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = SlowAnswer(monkeypatch, takes=0.25)
    clock = DatabaseTime()
    await clock.read(answers)
    assert clock() == MORNING + timedelta(seconds=0.125)
    answers.now += 60
    assert clock() == MORNING + timedelta(seconds=60.125)


async def test_an_answer_that_took_long_leaves_a_clock_that_may_be_right_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = SlowAnswer(monkeypatch, takes=0.0)
    clock = DatabaseTime()
    await clock.read(answers)
    for takes in (0.4, 20.0):
        answers.takes = takes
        before = clock()
        answers.at = before
        await clock.read(answers)
        assert clock() == before + timedelta(seconds=takes)


@pytest.mark.parametrize(("error", "corrected"), [(-60.0, 0.0), (60.0, 0.25)])
async def test_a_clock_that_an_answer_proves_wrong_is_right_again(
    error: float, corrected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = SlowAnswer(monkeypatch, takes=0.0)
    clock = DatabaseTime()
    await clock.read(answers)
    answers.at = MORNING - timedelta(seconds=error)  # a machine that slept, or a database that moved to another one
    answers.takes = 0.25
    await clock.read(answers)
    assert clock() == answers.at + timedelta(seconds=corrected)
