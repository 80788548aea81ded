"""Bugs that are planted to see that the tests find them: each is a patch that names the check which catches it.

Every patch applies and names a test that exists: that is looked at always. `pytest -m planted tests/planted` plants one after
the other in a copy of the tree and runs its check, which must pass without the bug and fail with it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from waybill.embedded.places import cache_dir, project_root

HERE: Final = Path(__file__).parent
ROOT: Final = project_root()
PACKAGES: Final = (
    "contracts",
    "chassis",
    "cli",
    "services/order",
    "services/payment",
    "services/inventory",
    "services/notification",
)
COPIED: Final = (
    *{package.partition("/")[0] for package in PACKAGES},
    "tests",
    "deploy",
    "docs",
    "conftest.py",
    "pyproject.toml",
)
CHECK_SECONDS: Final = 240
FAILED: Final = 1


@dataclass(frozen=True)
class Bug:
    """A patch: what it does wrong in a sentence, and the test that catches it."""

    file: Path
    what: str
    check: str

    @classmethod
    def read(cls, file: Path) -> "Bug":
        head = file.read_text().partition("diff --git")[0]
        what, check = (part.strip() for part in head.split("Check:"))
        return cls(file, what, check)


BUGS: Final = {file.stem: Bug.read(file) for file in sorted(HERE.glob("*.patch"))}


def apply(bug: Bug, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own patches
        ["git", "apply", *options, str(bug.file)],  # noqa: S607 - git is what everybody has
        cwd=folder,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_dozen_bugs_are_planted() -> None:
    assert len(BUGS) >= 12
    assert len({bug.what for bug in BUGS.values()}) == len(BUGS)


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_can_be_planted_and_names_its_check(name: str) -> None:
    bug = BUGS[name]
    applied = apply(bug, ROOT, "--check")
    assert applied.returncode == 0, f"{bug.file.name} does not apply any more: {applied.stderr}"
    file, _, test = bug.check.partition("::")
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), f"there is no {bug.check}"
    assert len(bug.what.split()) > 4


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("planted") / "waybill"
    folder.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache"))
        else:
            shutil.copy(source, folder / name)
    yield folder
    shutil.rmtree(folder)


def run(folder: Path, check: str) -> "subprocess.CompletedProcess[str]":
    """Run a check on a copy of the tree, whose packages come before those that are installed."""
    paths = os.pathsep.join(str(folder / package / "src") for package in PACKAGES)
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--color=no", check],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "WAYBILL_CACHE": str(cache_dir())},
        capture_output=True,
        text=True,
        check=False,
        timeout=CHECK_SECONDS,
    )


@pytest.mark.planted
@pytest.mark.timeout(3 * CHECK_SECONDS)
@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught(name: str, tree: Path) -> None:
    bug = BUGS[name]
    sound = run(tree, bug.check)
    assert sound.returncode == 0, sound.stdout + sound.stderr
    planted = apply(bug, tree)
    assert planted.returncode == 0, planted.stderr
    try:
        caught = run(tree, bug.check)
    finally:
        removed = apply(bug, tree, "--reverse")
    assert removed.returncode == 0, removed.stderr
    assert caught.returncode == FAILED, f"{name} was not caught: {caught.stdout[-2000:]}"
    assert re.search(r"^FAILED ", caught.stdout, re.MULTILINE), caught.stdout[-2000:]
    assert "ImportError" not in caught.stdout, caught.stdout[-2000:]
