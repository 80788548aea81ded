"""`waybill test`: what fails is told, what is told is true, and nothing stays behind."""

import asyncio
import io
import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chassis.testing import eventually
from waybill.checks.running import Result, all_in_all, run
from waybill.checks.steps import WHOLE, Step, absolute, lanes, pytest_step, runs_of_tests
from waybill.checks.telling import document, telling_lines
from waybill.commands import test as command
from waybill.embedded.places import project_root
from waybill.embedded.server import started_at
from waybill.errors import WaybillError
from waybill.main import run as waybill

PYTHON = sys.executable


def script(name: str, source: str) -> Step:
    return Step(name, (PYTHON, "-c", source))


def lane(name: str) -> Step:
    return Step(name, (), tests=True)


def finished(step: Step, log: Path, *lines: str, exit_code: int = 0) -> Result:
    log.write_text("\n".join(lines))
    return Result(step, log, seconds=1.26, exit_code=exit_code, finished=True)


async def test_a_step_is_known_by_its_exit_code_and_its_output(tmp_path: Path) -> None:
    good = await run(script("good", "print('fine')"), tmp_path, tmp_path)
    bad = await run(script("bad one", "import sys; print('why', file=sys.stderr); sys.exit(3)"), tmp_path, tmp_path)
    assert (good.passed, good.exit_code, good.output) == (True, 0, ["fine"])
    assert (bad.passed, bad.exit_code, bad.output) == (False, 3, ["why"])
    assert bad.log.name == "bad-one.log"


async def test_a_cancelled_step_leaves_no_process(tmp_path: Path) -> None:
    source = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    task = asyncio.create_task(run(script("endless", source), tmp_path, tmp_path))

    async def pid() -> int:
        file = tmp_path / "pid"
        return int(file.read_text() or 0) if file.exists() else 0

    process = await eventually(pid, "the program runs")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started_at(process) is None


def stems(folder: Path) -> set[str]:
    return {file.stem for file in folder.glob("*.pid")}


async def test_a_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "ends").mkdir()
    source = """
import os, time
from pathlib import Path

Path(f"{os.getpid()}.pid").touch()
try:
    time.sleep(60)
finally:
    time.sleep(0.5)
    Path(f"ends/{os.getpid()}").touch()
"""
    steps = [script(f"endless {number}", source) for number in range(2 * command.MOST_AT_ONCE)]
    task = asyncio.create_task(command.run_all(steps[1:], steps[:1], tmp_path, Console(file=io.StringIO())))

    async def begun() -> set[str]:
        return stems(tmp_path)

    await eventually(begun, "the first programs run")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    ended = {file.name for file in (tmp_path / "ends").iterdir()}
    assert ended
    assert [pid for pid in stems(tmp_path) if started_at(int(pid)) is not None] == [], "each had the time it needs to end well"


LANES = {"services/stock/tests/test_a.py": "test_part", "cli/test_b.py": "test_other", "tests/e2e/test_c.py": "test_whole"}

PROJECT = """
import pytest

@pytest.mark.system
def test_whole(): pass

def test_part(): pass

@pytest.fixture
def broken(): raise RuntimeError("no server")

def test_needs(broken): pass

def test_wrong(): assert 1 == 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = system: all of it\n")
    (tmp_path / "test_it.py").write_text(PROJECT)
    return tmp_path


async def test_tests_tell_their_progress_and_the_whole_system_comes_last(project: Path) -> None:
    heard: list[dict[str, Any]] = []
    result = await run(pytest_step([], quick=False, select=None), project, project, heard.append)
    assert not result.passed
    assert result.summary.startswith("1 failed, 2 passed, 1 error in ")
    assert heard[0] == {"total": 4}
    begun = [fact["test"].partition("::")[2] for fact in heard if "test" in fact]
    assert begun == ["test_part", "test_needs", "test_wrong", "test_whole"]
    ended = {fact["ended"].partition("::")[2]: fact["outcome"] for fact in heard if "ended" in fact}
    assert ended == {"test_part": "passed", "test_needs": "failed", "test_wrong": "failed", "test_whole": "passed"}


async def test_quick_leaves_out_the_whole_system(project: Path) -> None:
    result = await run(pytest_step(["test_it.py"], quick=True, select="part or whole"), project, project)
    assert (result.passed, result.summary.split(" in ")[0]) == (True, "1 passed, 3 deselected")


def test_a_failure_is_told_from_pytests_report_on(tmp_path: Path) -> None:
    lines = ["....F", "=========== FAILURES ===========", "assert 1 == 2", "1 failed, 4 passed in 65.21s (0:01:05)"]
    result = finished(Step("tests", ()), tmp_path / "log", *lines, exit_code=1)
    assert telling_lines(result) == lines[1:]
    assert result.summary == "1 failed, 4 passed in 65.21s (0:01:05)"
    silent = finished(Step("types", ()), tmp_path / "silent", exit_code=1)
    assert telling_lines(silent) == ["(it said nothing)"]


def test_the_outcome_for_programs(tmp_path: Path) -> None:
    lint = finished(Step("lint", ()), tmp_path / "lint.log", "E501", exit_code=1)
    tests = finished(lane("tests"), tmp_path / "tests.log", "== 3 passed in 0.50s ==")
    told = document([lint, tests], 2.04)
    assert (told["passed"], told["seconds"], told["summary"]) == (False, 2.0, "== 3 passed in 0.50s ==")
    assert told["steps"][0] == {"name": "lint", "passed": False, "seconds": 1.3, "exit_code": 1, "log": str(lint.log)}


def test_several_runs_are_closed_as_one(tmp_path: Path) -> None:
    one = finished(lane("one"), tmp_path / "one", "1 failed, 2 passed, 3 deselected, 1 warning in 3.50s", exit_code=1)
    two = finished(lane("two"), tmp_path / "two", "7 passed, 1 skipped, 2 warnings, 2 errors in 65.21s (0:01:05)", exit_code=1)
    none = finished(lane("none"), tmp_path / "none", "9 deselected in 0.12s", exit_code=5)
    static = finished(Step("lint", ()), tmp_path / "lint", "8 failed in 1.00s")
    told = "1 failed, 9 passed, 1 skipped, 12 deselected, 3 warnings, 2 errors in 70.00s (0:01:10)"
    assert all_in_all([static, one, two, none], 70.0) == told
    cut_off = finished(lane("cut off"), tmp_path / "cut", "....", exit_code=-9)
    assert all_in_all([cut_off, none], 5.0) == "9 deselected, 1 error in 5.00s"
    assert all_in_all([cut_off], 5.0) == "the tests ended without a summary"


def test_a_lane_without_tests_is_no_fault_unless_all_are(tmp_path: Path) -> None:
    some = finished(lane("some"), tmp_path / "some", "1 passed, 8 deselected in 0.12s")
    none = finished(lane("none"), tmp_path / "none", "9 deselected in 0.12s", exit_code=5)
    other = finished(lane("other"), tmp_path / "other", "2 deselected in 0.12s", exit_code=5)
    command.settle([none, other])
    assert [one.passed for one in (none, other)] == [False, False]
    command.settle([some, none, other])
    assert [one.passed for one in (some, none, other)] == [True, True, True]


def test_every_test_is_in_one_lane() -> None:
    root = project_root()
    divided = [file for folders in lanes(root) for folder in folders for file in (root / folder).rglob("test_*.py")]
    places = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    assert sorted(divided) == sorted(file for place in places for file in (root / place).rglob("test_*.py"))


def test_quick_leaves_out_a_lane_in_which_all_is_of_the_whole_system() -> None:
    root = project_root()
    named = {step.name for step in runs_of_tests(root, [], quick=False, select=None)}
    left_out = named - {step.name for step in runs_of_tests(root, [], quick=True, select=None)}
    assert left_out == {"tests of the whole system"}
    for folder in WHOLE:
        for file in (root / folder).glob("test_*.py"):
            assert re.search(r"^pytestmark = .*pytest\.mark\.system", file.read_text(), re.MULTILINE), file


def test_paths_are_those_of_the_callers_folder(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").touch()
    assert absolute(["test_x.py::test_one"], tmp_path) == [f"{tmp_path / 'test_x.py'}::test_one"]
    with pytest.raises(WaybillError, match=r"there is no test_y\.py"):
        absolute(["test_y.py"], tmp_path)


def outcome_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        waybill(["test", *arguments])
    return int(str(ended.value.code))


def test_the_command_runs_all_checks_and_closes_with_pytests_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    static = [script("lint", "raise SystemExit('line too long')"), script("format", "print('as it should be')")]
    monkeypatch.setattr(command, "project_root", lambda: project)
    monkeypatch.setattr(command, "static_steps", lambda _: static)

    tests = str(project / "test_it.py")
    assert outcome_of(tests, "-k", "part") == 1
    out = capsys.readouterr().out.splitlines()
    assert "line too long" in out
    assert "as it should be" not in out
    assert out[-1].startswith("1 passed, 3 deselected in ")
    assert [line.split()[-1] for line in out if line.startswith(("lint  ", "format  ", "tests  "))] == [
        "FAILED",
        "passed",
        "passed",
    ]

    monkeypatch.setattr(command, "static_steps", lambda _: static[1:])
    assert outcome_of(tests, "-k", "part", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], [step["name"] for step in told["steps"]]) == (True, ["format", "tests"])


def test_lanes_run_beside_each_other_and_are_told_of_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    for folder in ("contracts", "chassis", *WHOLE):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for file, name in LANES.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(f"def {name}(): pass")
    monkeypatch.setattr(command, "project_root", lambda: tmp_path)
    monkeypatch.setattr(command, "static_steps", lambda _: [])

    assert outcome_of("-k", "part or whole") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 passed, 1 deselected in ")
    assert outcome_of("-k", "nothing") == 1
    (tmp_path / "cli/test_b.py").write_text("def test_other(): assert 1 == 2")
    capsys.readouterr()
    assert outcome_of("--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["summary"].startswith("1 failed, 2 passed in ")
    assert {step["name"] for step in told["steps"] if not step["passed"]} == {"tests of cli"}
