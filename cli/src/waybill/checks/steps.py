"""The steps of `waybill test`, each a program of the project's own environment, and what they find is put together.

The tests are several runs of pytest, one for each lane: a few folders with servers of their own. The lane of the whole system
waits more than it works, so it comes first, and all else runs beside it, as many steps at a time as there are processors.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waybill.errors import WaybillError

TYPED: Final = ("contracts", "chassis", "services", "cli", "tests", "bench", "deploy")
TESTS: Final = "tests"
WHOLE: Final = ("tests/e2e", "tests/faults", "tests/browser")
"""Where nothing but tests of the whole system is; they share one, so they are one lane."""
POLITELY: Final = ("nice", "-n", "5")
"""What runs beside the whole system leaves the processors to it when both want them: its deadlines are real ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """A check: its name and the program that makes it; exit code 0 is success. `tests`: it is a run of pytest."""

    name: str
    argv: tuple[str, ...]
    tests: bool = False


def static_steps(root: Path) -> list[Step]:
    """List the checks that only read the sources."""
    python = sys.executable
    typed = [folder for folder in TYPED if any((root / folder).rglob("*.py"))]
    return [
        Step("types", (*POLITELY, python, "-m", "mypy", "--strict", "--no-color-output", *typed, "conftest.py")),
        Step("generated files", (*POLITELY, python, "-m", "waybill", "generate", "--check")),
        Step("imports", (*POLITELY, str(Path(python).parent / "lint-imports"), "--no-logo")),
        Step("web", (*POLITELY, python, "-m", "waybill.checks.web")),
        Step("lint", (*POLITELY, python, "-m", "ruff", "check", "--output-format", "concise")),
        Step("format", (*POLITELY, python, "-m", "ruff", "format", "--check")),
    ]


def lanes(root: Path) -> list[tuple[str, ...]]:
    """Divide the folders of tests into lanes: the whole system, the command line, each service, and all else."""
    services = [f"services/{folder.name}" for folder in sorted((root / "services").iterdir()) if (folder / "tests").is_dir()]
    others = [f"tests/{folder.name}" for folder in sorted((root / "tests").iterdir()) if any(folder.glob("test_*.py"))]
    rest = ("contracts", "chassis", *(folder for folder in others if folder not in WHOLE))
    return [WHOLE, ("cli",), rest, *((service,) for service in services)]


def runs_of_tests(root: Path, paths: Sequence[str], *, quick: bool, select: str | None) -> list[Step]:
    """Return the runs of the tests: one for each lane, or a single one for those under `paths` (absolute)."""
    if paths:
        return [pytest_step(paths, quick=quick, select=select)]
    chosen = [lane for lane in lanes(root) if not (quick and lane == WHOLE)]
    return [
        pytest_step(lane, quick=quick, select=select, name=_name(lane), politely=() if lane == WHOLE else POLITELY)
        for lane in chosen
    ]


def _name(lane: tuple[str, ...]) -> str:
    if lane == WHOLE:
        return f"{TESTS} of the whole system"
    return f"{TESTS} of {lane[0].rpartition('/')[2] if len(lane) == 1 else 'the rest'}"


def pytest_step(
    paths: Sequence[str], *, quick: bool, select: str | None, name: str = TESTS, politely: Sequence[str] = ()
) -> Step:
    """Return one run of pytest over `paths`, none for all; quick leaves out the tests of the whole system."""
    chosen = ["-m", "not system"] if quick else []
    named = ["-k", select] if select else []
    plugin = "waybill.checks.pytest_progress"
    pytest = (sys.executable, "-m", "pytest", "-q", "--color=no", "-p", plugin)
    return Step(name, (*politely, *pytest, *chosen, *named, *paths), tests=True)


def absolute(paths: Sequence[str], folder: Path) -> list[str]:
    """Make test paths (`file`, `file::test`) absolute, as seen from `folder`; raises WaybillError when one does not exist."""
    found = []
    for path in paths:
        file, colons, test = path.partition("::")
        whole = (folder / file).resolve()
        if not whole.exists():
            raise WaybillError(f"there is no {file}: name files or folders of tests, as seen from {folder}")
        found.append(f"{whole}{colons}{test}")
    return found
