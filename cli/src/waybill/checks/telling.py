"""Tells how a run of the checks goes and how it ended: live on a terminal, line by line anywhere else.

The last line of a run is a summary as pytest writes it, so that programs which look for it find it.
"""

import time
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from waybill.checks.running import Result, all_in_all
from waybill.checks.steps import Step

LINES_OF_A_FAILURE: Final = 400
PLAIN_PAUSE_SECONDS: Final = 15.0
FAILURES: Final = ("= FAILURES =", "= ERRORS =", "short test summary info")


class Telling:
    """Follows the steps of a run; use as a context."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._told_at = self._began
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._ended: dict[str, set[str]] = {}
        self._failed: set[str] = set()
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:28}"),
            BarColumn(24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begins(self, step: Step) -> None:
        """Show that a step runs."""
        if self._progress is not None:
            self._tasks[step.name] = self._progress.add_task(step.name, total=None, now="")

    def ends(self, result: Result) -> None:
        """Show how a step ended."""
        word = "passed" if result.passed else "has none of the tests" if result.empty else "FAILED"
        if self._progress is not None:
            self._progress.update(self._tasks[result.step.name], total=1, completed=1, now=word)
            self._progress.stop_task(self._tasks[result.step.name])
        else:
            self._line(f"{result.step.name} {word} after {result.seconds:.1f} s")

    def hears(self, step: Step, fact: dict[str, Any]) -> None:
        """Show what a run of tests tells of itself."""
        all_ended = self._ended.setdefault(step.name, set())
        self._totals[step.name] = fact.get("total", self._totals.get(step.name, 0))
        if (ended := fact.get("ended")) is not None:
            all_ended.add(ended)
            if fact["outcome"] == "failed" and ended not in self._failed:
                self._failed.add(ended)
                self._line(f"FAILED {ended}")
        if self._progress is not None:
            now = f"{len(all_ended)} of {self._totals[step.name]}  {fact.get('test', '')[-70:]}"
            self._progress.update(self._tasks[step.name], total=self._totals[step.name], completed=len(all_ended), now=now)
        elif time.monotonic() - self._told_at > PLAIN_PAUSE_SECONDS:
            done = sum(len(one) for one in self._ended.values())
            begun = sum(self._totals.values())
            self._line(f"tests: {done} of the first {begun}, {len(self._failed)} failed; now {fact.get('test', '')}")

    def _line(self, text: str) -> None:
        self._told_at = time.monotonic()
        self.console.print(f"{self._told_at - self._began:5.1f} s  {text}", highlight=False, soft_wrap=True, markup=False)


def show_failures(console: Console, results: list[Result]) -> None:
    """Print what the failed steps said, plainly, and where all of it is."""
    for result in results:
        if not result.passed:
            console.print(Text(f"--- {result.step.name} failed ---", style="bold red"))
            for line in telling_lines(result):
                console.out(line, highlight=False)
            console.out(f"(all of it: {result.log})", highlight=False)


def telling_lines(result: Result) -> list[str]:
    """Choose the lines of a failed step that tell why: pytest's report where there is one, the last ones otherwise."""
    lines = result.output
    start = next((at for at, line in enumerate(lines) if line.startswith("=") and any(mark in line for mark in FAILURES)), 0)
    return lines[start:][-LINES_OF_A_FAILURE:] or ["(it said nothing)"]


def show_summary(console: Console, results: list[Result]) -> None:
    """Print one line for each step."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("step", no_wrap=True)
    table.add_column("seconds", justify="right")
    table.add_column("result", no_wrap=True)
    for result in results:
        passed = Text("passed", style="green") if result.passed else Text("FAILED", style="bold red")
        table.add_row(result.step.name, f"{result.seconds:.1f}", passed)
    console.print(table)


def document(results: list[Result], seconds: float) -> dict[str, Any]:
    """Return the outcome for programs: times in seconds."""
    return {
        "passed": all(result.passed for result in results),
        "seconds": round(seconds, 1),
        "summary": all_in_all(results, seconds),
        "steps": [
            {
                "name": result.step.name,
                "passed": result.passed,
                "seconds": round(result.seconds, 1),
                "exit_code": result.exit_code,
                "log": str(result.log),
            }
            for result in results
        ],
    }
