"""`waybill test`: every check of the project, in one command."""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from waybill.checks.running import Result, all_in_all, run
from waybill.checks.steps import Step, absolute, runs_of_tests, static_steps
from waybill.checks.telling import Telling, document, show_failures, show_summary
from waybill.embedded.places import project_root
from waybill.progress import console as plain_or_terminal

RUNS_KEPT: Final = 10
MOST_AT_ONCE: Final = 4
"""A container that may use two processors is often told of all that its host has; and each lane has servers of its own."""


def run_checks(
    paths: Annotated[list[str] | None, typer.Argument(help="Files or folders of tests (default: all).")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Without the tests that start all of Waybill.")] = False,  # noqa: FBT002
    select: Annotated[str | None, typer.Option("-k", help="Only tests whose names match, as pytest reads it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,  # noqa: FBT002
) -> int:
    """Run all checks: lint, format, types, imports, generated files, tests; exit code 1 when one fails."""
    root = project_root()
    tests = runs_of_tests(root, absolute(paths or [], Path.cwd()), quick=quick, select=select)
    console = Console(stderr=True) if as_json else plain_or_terminal()
    began = time.monotonic()
    results = asyncio.run(run_all(static_steps(root), tests, root, console))
    took = time.monotonic() - began
    if as_json:
        typer.echo(json.dumps(document(results, took), indent=2))
    else:
        show_failures(console, results)
        show_summary(console, results)
        console.out(all_in_all(results, took), highlight=False)
    return 0 if all(result.passed for result in results) else 1


async def run_all(static: Sequence[Step], tests: Sequence[Step], root: Path, console: Console) -> list[Result]:
    """Run the steps beside each other, as many as there are processors: the longest first, then the static ones."""
    logs = _folder_for_logs(root / ".waybill" / "test")
    turn = asyncio.Semaphore(min(os.cpu_count() or 1, MOST_AT_ONCE))
    me = asyncio.current_task()
    if me is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    with Telling(console) as telling:

        async def check(step: Step) -> Result:
            async with turn:
                telling.begins(step)
                result = await run(step, root, logs, (lambda fact: telling.hears(step, fact)) if step.tests else None)
                telling.ends(result)
                return result

        first, *others = tests
        async with asyncio.TaskGroup() as steps:  # a cancelled group waits until each of its programs has been stopped
            tasks = [steps.create_task(check(step)) for step in (first, *static, *others)]
        results = [task.result() for task in tasks]
    settle(results)
    return sorted(results, key=lambda result: result.step.tests)


def settle(results: Sequence[Result]) -> None:
    """Forgive a run of tests that none of them was in it, where others had some."""
    runs = [result for result in results if result.step.tests]
    if not all(result.empty for result in runs):
        for result in runs:
            result.exit_code = 0 if result.empty else result.exit_code


def _folder_for_logs(place: Path) -> Path:
    """Make a folder of this run's own, since several may run in one checkout; those of the last few runs are kept."""
    logs = place / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    logs.mkdir(parents=True)
    for old in sorted(place.iterdir())[:-RUNS_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return logs
