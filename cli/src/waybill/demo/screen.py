"""Shows a demo as it goes: a live view on a terminal, a line every few seconds anywhere else."""

import asyncio
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from waybill.demo.tally import Followed, Tally, milliseconds

FRAMES_PER_SECOND: Final = 8
LINE_SECONDS: Final = 5.0
COLOURS: Final = {
    "Pending": "yellow",
    "Processing": "cyan",
    "Shipped": "blue",
    "Delivered": "green",
    "Cancelled": "red",
    "Refunded": "magenta",
}


async def show(tally: Tally, console: Console) -> None:
    """Show a demo until this is cancelled."""
    if not console.is_terminal:
        while True:
            await asyncio.sleep(LINE_SECONDS)
            console.print(line(tally), highlight=False, soft_wrap=True)
    with Live(picture(tally), console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(1 / FRAMES_PER_SECOND)
            live.update(picture(tally), refresh=True)


def line(tally: Tally) -> str:
    """Tell in one line how it goes."""
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(tally.statuses.items()))
    troubles = tally.refused.total() + tally.errors.total()
    return (
        f"{tally.seconds:6.1f} s  {tally.placed} orders, {tally.rate:.1f}/s: {statuses or 'none decided yet'};"
        f" confirmed in {_times(tally)}{f'; {troubles} failed' if troubles else ''}"
    )


def picture(tally: Tally) -> RenderableType:
    """Draw the counters and the latest orders."""
    counters = Text(f"{tally.placed} orders placed, {tally.rate:.1f}/s, confirmed in {_times(tally)}   ")
    for status, count in sorted(tally.statuses.items()):
        counters.append(f"{count} {status}  ", style=COLOURS.get(status, ""))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("order", "customer", "amount", "path", "confirmed after"):
        table.add_column(column, no_wrap=True, justify="right" if column in {"amount", "confirmed after"} else "left")
    for order in tally.latest:
        after = milliseconds(order.decided_after)
        table.add_row(order.order_id, order.customer, order.amount, _path(order), f"{after} ms" if after else "")
    troubles = [Text(f"{count} x {reason}", style="red") for reason, count in [*tally.errors.items(), *tally.refused.items()]]
    return Group(counters, Text(), table, *troubles, Text("Ctrl-C ends it.", style="dim"))


def _path(order: Followed) -> Text:
    path = Text()
    for status in order.path:
        path.append(f"{' → ' if path else ''}")
        path.append(status, style=COLOURS.get(status, ""))
    return path


def _times(tally: Tally) -> str:
    half, most = milliseconds(tally.percentile(0.50)), milliseconds(tally.percentile(0.99))
    return "…" if half is None else f"{half:.0f} ms (p50), {most:.0f} ms (p99)"
