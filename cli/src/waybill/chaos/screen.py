"""Shows a run as it goes: a live view on a terminal, a line every few seconds anywhere else."""

import asyncio
import logging
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from waybill.chaos.course import Course, Hurt

FRAMES_PER_SECOND: Final = 4
LINE_SECONDS: Final = 5.0
SHOWN: Final = 12

# Its client prints a line each time that the broker is away, as it shall be: the view is broken by them.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


async def show(course: Course, console: Console) -> None:
    """Show a run until this is cancelled."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            console.print(line(course), highlight=False, soft_wrap=True)
    with Live(picture(course), console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(1 / FRAMES_PER_SECOND)
            live.update(picture(course), refresh=True)


def line(course: Course) -> str:
    """Tell in one line how it goes."""
    books = course.books
    open_ones = ", ".join(hurt.fault.name for hurt in course.hurts if hurt.healed is None)
    return (
        f"{books.seconds:6.1f} s  {course.now}: {len(books.orders)} orders placed, {books.under_way} under way,"
        f" {len(course.hurts)} of {len(course.plan.faults)} faults"
        f"{f' (now {open_ones})' if open_ones else ''}{_left(course)}"
    )


def picture(course: Course) -> RenderableType:
    """Draw how far it is, and the latest faults."""
    books = course.books
    head = Text.assemble((f"{books.seconds:6.1f} s  ", "dim"), (course.now, "bold"), _left(course))
    bars = Table(box=None, pad_edge=False, show_header=False)
    orders, faults = len(course.plan.wishes), len(course.plan.faults)
    bars.add_row("orders placed", ProgressBar(orders, len(books.orders), width=40), f"{len(books.orders)} of {orders}")
    bars.add_row("at their end", ProgressBar(orders, books.finished, width=40), f"{books.under_way} under way")
    bars.add_row("faults", ProgressBar(faults, len(course.hurts), width=40), f"{len(course.hurts)} of {faults}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("at", "fault", "state"):
        table.add_column(column, no_wrap=True, justify="right" if column == "at" else "left")
    for hurt in course.hurts[-SHOWN:]:
        table.add_row(f"{hurt.began:.0f} s", hurt.fault.name, _state(hurt, books.seconds))
    complaints = [Text(f"{subject}: {says}", style="red") for subject, says in books.complaints[-SHOWN:]]
    return Group(head, bars, Text(), table, *complaints, Text(f"seed {course.plan.seed}; Ctrl-C ends it.", style="dim"))


def _left(course: Course) -> str:
    open_ones = ", ".join(f"{count} in {service}" for service, count in course.left.items() if count)
    return f"; still open: {open_ones}" if open_ones else ""


def _state(hurt: Hurt, now: float) -> Text:
    if hurt.error:
        return Text(f"could not be done: {hurt.error[:60]}", style="red")
    if hurt.missed:
        return Text("found nothing to hurt", style="dim")
    if hurt.healed is None:
        return Text(f"for {now - hurt.began:.0f} s", style="yellow")
    if hurt.recovered is None:
        return Text(f"over, recovering for {now - hurt.healed:.0f} s", style="cyan")
    return Text(f"recovered in {hurt.recovery:.1f} s", style="green")
