"""The steps of `waybill test`, each a program of the project's own environment.

The static ones read the sources only, so they run beside each other; the tests come after them, with the machine to themselves.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from waybill.errors import WaybillError

TYPED: Final = ("contracts", "chassis", "services", "cli", "tests", "bench", "deploy")
TESTS: Final = "tests"


@dataclass(frozen=True, slots=True)
class Step:
    """A check: its name and the program that makes it; exit code 0 is success."""

    name: str
    argv: tuple[str, ...]


def static_steps(root: Path) -> list[Step]:
    """List the checks that only read the sources."""
    python = sys.executable
    typed = [folder for folder in TYPED if any((root / folder).rglob("*.py"))]
    return [
        Step("types", (python, "-m", "mypy", "--strict", "--no-color-output", *typed, "conftest.py")),
        Step("generated files", (python, "-m", "waybill", "generate", "--check")),
        Step("imports", (str(Path(python).parent / "lint-imports"), "--no-logo")),
        Step("web", (python, "-m", "waybill.checks.web")),
        Step("lint", (python, "-m", "ruff", "check", "--output-format", "concise")),
        Step("format", (python, "-m", "ruff", "format", "--check")),
    ]


def pytest_step(paths: Sequence[str], *, quick: bool, select: str | None) -> Step:
    """Return the run of the tests: all of them, or those under `paths` (absolute); quick leaves out the whole-system ones."""
    chosen = ["-m", "not system"] if quick else []
    named = ["-k", select] if select else []
    plugin = "waybill.checks.pytest_progress"
    return Step(TESTS, (sys.executable, "-m", "pytest", "-q", "--color=no", "-p", plugin, *chosen, *named, *paths))


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
