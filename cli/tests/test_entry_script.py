"""The entry script: finds an interpreter, installs once, and says in one line why it cannot.

The script runs in a small copy of a project with interpreters that only pretend: they write down what they were asked to do.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from waybill.embedded.places import project_root

TOOLS = ("awk", "cat", "cksum", "cut", "dirname", "grep", "head", "mkdir", "mv", "readlink", "rm", "sh", "tail", "tr")

# Pretends to be Python: answers the script's questions by its name, and runs what needs a real one with a real one.
INTERPRETER = """#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
*version_info*) [ "${0##*/}" != old ] ;;
*ensurepip,\\ venv*) [ "${0##*/}" != bare ] ;;
"-m venv"*) sleep 0.3; for last; do :; done; mkdir -p "$last/bin"; cp "$0" "$last/bin/python" ;;
*fcntl*) exec REAL "$@" ;;
*perf_counter*) [ ! -f "$0.pace" ] || cat "$0.pace" ;;
*"uv pip sync"*) [ -z "${SYNC_FAILS:-}" ] || { echo "$SYNC_FAILS"; exit 1; } ;;
"-m waybill"*) echo "ran $*" ;;
esac
"""


class Project:
    """A small copy of a checkout with pretended interpreters on its path."""

    def __init__(self, root: Path, real_python: str) -> None:
        self.root = root
        self.tools = root / "tools"
        self.calls_file = root / "calls"
        self.real_python = real_python
        self.tools.mkdir(parents=True)
        for name in (*TOOLS, "basename", "cp", "sleep"):
            (self.tools / name).symlink_to(str(shutil.which(name)))
        shutil.copy(project_root() / "waybill", root / "waybill")
        (root / "requirements.lock").write_text("uv==1.0 \\\n    --hash=sha256:00\nother==2.0\n")
        for package in ("contracts", "chassis", "services/order", "cli"):
            (root / package).mkdir(parents=True)
            (root / package / "pyproject.toml").write_text(f"# {package}\n")

    def interpreter(self, name: str) -> None:
        """Put an interpreter of this name on the path."""
        path = self.tools / name
        path.write_text(INTERPRETER.replace("REAL", self.real_python))
        path.chmod(0o755)

    def takes(self, name: str, microseconds: int) -> None:
        """Have an interpreter take so long for the script's small task."""
        (self.tools / f"{name}.pace").write_text(str(microseconds))

    def start(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        environment = {"PATH": str(self.tools), "HOME": str(self.root), "CALLS": str(self.calls_file), **env}
        command = [str(self.root / "waybill"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def calls(self, word: str) -> list[str]:
        """Return what the interpreters were asked that contains a word."""
        return [line for line in self.calls_file.read_text().splitlines() if word in line] if self.calls_file.exists() else []


@pytest.fixture
def project(tmp_path: Path) -> Project:
    import sys  # noqa: PLC0415

    return Project(tmp_path / "project", os.path.realpath(sys.executable))


def test_the_first_start_installs_and_the_second_does_not(project: Project) -> None:
    project.interpreter("python3")
    first = project.start("token", "--user", "a b")
    assert (first.returncode, first.stdout) == (0, "ran -m waybill token --user a b\n")
    assert len(project.calls("-m venv")) == len(project.calls("uv pip sync")) == 1
    assert "--require-hashes" in project.calls("uv pip sync")[0]
    assert "--no-deps" in project.calls("uv pip install")[0]
    project.calls_file.unlink()
    second = project.start("status")
    assert second.stderr == ""
    assert project.calls("") == ["python -m waybill status"]


@pytest.mark.parametrize(
    ("file", "syncs"), [("requirements.lock", 1), ("services/order/pyproject.toml", 0), ("cli/pyproject.toml", 0)]
)
def test_a_change_is_installed(project: Project, file: str, syncs: int) -> None:
    project.interpreter("python3")
    project.start()
    project.calls_file.unlink()
    with (project.root / file).open("a") as changed:
        changed.write("# changed\n")
    assert project.start().returncode == 0
    assert len(project.calls("uv pip sync")) == syncs
    assert len(project.calls("uv pip install")) == 1
    assert project.calls("-m venv") == []


def test_two_first_starts_install_once(project: Project) -> None:
    project.interpreter("python3")
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: project.start("status"), range(3)))
    assert [one.returncode for one in done] == [0, 0, 0]
    assert {one.stdout for one in done} == {"ran -m waybill status\n"}
    assert len(project.calls("uv pip sync")) == 1
    assert any("waiting for it" in one.stderr for one in done)


def old_only(project: Project) -> None:
    project.interpreter("old")
    (project.tools / "python3").symlink_to("old")


def test_it_takes_the_first_interpreter_that_will_do(project: Project) -> None:
    project.interpreter("python3.12")
    assert project.start().returncode == 0
    assert project.calls("-m venv")[0].startswith("python3.12 ")


@pytest.mark.parametrize(("other", "chosen"), [(8_000, "python3.11"), (9_500, "python3"), (20_000, "python3")])
def test_a_clearly_faster_interpreter_is_taken_instead(project: Project, other: int, chosen: str) -> None:
    for name, microseconds in (("python3", 10_000), ("python3.11", other)):
        project.interpreter(name)
        project.takes(name, microseconds)
    assert project.start().returncode == 0
    assert project.calls("-m venv")[0].split()[0] == chosen


def test_the_named_interpreter_is_taken_whatever_others_are_there(project: Project) -> None:
    for name, microseconds in (("python3", 1_000), ("mine", 10_000)):
        project.interpreter(name)
        project.takes(name, microseconds)
    assert project.start(WAYBILL_PYTHON="mine").returncode == 0
    assert project.calls("-m venv")[0].split()[0] == "mine"


def without_any(_: Project) -> None:
    """Leave the path without an interpreter."""


def without_venv(project: Project) -> None:
    project.interpreter("bare")


@pytest.mark.parametrize(
    ("prepare", "named", "expected"),
    [
        (without_any, "", "Python 3.11 or later is needed and none was found"),
        (old_only, "old", "Python 3.11 or later is needed and none was found"),
        (without_venv, "bare", "bare has no venv module: install it"),
    ],
)
def test_without_a_fit_interpreter_it_says_what_to_install(
    project: Project, prepare: Callable[[Project], None], named: str, expected: str
) -> None:
    prepare(project)
    done = project.start("up", **({"WAYBILL_PYTHON": named} if named else {}))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"waybill: {expected}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("error: Failed to fetch: dns error", "the package index cannot be reached: check the network"),
        ("error: invalid peer certificate: UnknownIssuer", "name your certificates in SSL_CERT_FILE"),
        ("error: failed to write: No space left on device (os error 28)", "the disk is full: make room"),
        ("error: Hash mismatch for `other==2.0`", "installing packages failed: error: Hash mismatch for `other==2.0`"),
    ],
)
def test_a_failed_installation_is_one_line_and_is_tried_again(project: Project, output: str, expected: str) -> None:
    project.interpreter("python3")
    failed = project.start("up", SYNC_FAILS=output)
    assert failed.returncode == 1
    assert expected in failed.stderr.splitlines()[-1]
    assert project.start("status").stdout == "ran -m waybill status\n"
    assert len(project.calls("uv pip sync")) == 2


def test_it_works_through_a_link_and_from_anywhere(project: Project, tmp_path: Path) -> None:
    project.interpreter("python3")
    link = tmp_path / "bin" / "waybill"
    link.parent.mkdir()
    link.symlink_to(project.root / "waybill")
    environment = {"PATH": str(project.tools), "HOME": str(tmp_path), "CALLS": str(project.calls_file)}
    done = subprocess.run([str(link), "status"], env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.stdout == "ran -m waybill status\n"


def test_the_pinned_installer_is_read_with_its_hashes(project: Project) -> None:
    project.interpreter("python3")
    project.start()
    script = (project.root / "waybill").read_text()
    program = script.split("awk '", 1)[1].split("'", 1)[0]
    lock = project_root() / "requirements.lock"
    lines = subprocess.run(["awk", program, str(lock)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 5
    assert all("--hash=sha256:" in line for line in lines[1:])
