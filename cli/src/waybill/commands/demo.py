"""`waybill demo`: orders at a chosen rate, and their saga live in the terminal."""

import asyncio
import json
import signal
from typing import Annotated

import typer
from rich.console import Console

from waybill.api_client import Deployment, deployment
from waybill.demo.mix import Mix
from waybill.demo.screen import line, show
from waybill.demo.shop import Shop, open_for_trade
from waybill.demo.tally import Tally
from waybill.options import DataDir
from waybill.progress import console as plain_or_terminal


def demo(
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="Orders a second.")] = 5.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long orders are placed.")] = 60.0,
    mix: Annotated[
        str | None, typer.Option(help="Of a hundred orders (default: cancel=10,decline=10,ship=20,deliver=40).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Chooses what is ordered and what becomes of it.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Only the summary, for programs.")] = False,  # noqa: FBT002
    data_dir: DataDir = None,
) -> int:
    """Place orders as demo customers, cancel, ship and deliver some, and show the saga live; Ctrl-C ends it with a summary."""
    chosen = Mix.read(mix, seed)
    place = deployment(data_dir)
    console = Console(stderr=True) if as_json else plain_or_terminal()
    tally = asyncio.run(_run(place, chosen, rate, seconds, console))
    if as_json:
        typer.echo(json.dumps(tally.summary(), indent=2))
    else:
        console.print(line(tally), highlight=False, soft_wrap=True)
        for reason, count in [*tally.errors.items(), *((f"answer {status}", n) for status, n in tally.refused.items())]:
            console.print(f"{count} x {reason}", highlight=False, soft_wrap=True, markup=False)
    return 1 if tally.errors else 0


async def _run(place: Deployment, mix: Mix, rate: float, seconds: float, console: Console) -> Tally:
    tally = Tally()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    me = asyncio.current_task()

    def end() -> None:
        """Stop placing orders; asked again, stop at once."""
        if stop.is_set() and me is not None:
            me.cancel()
        stop.set()

    for wish in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wish, end)

    async def trade(shop: Shop) -> None:
        tally.restart()
        showing = asyncio.create_task(show(tally, console))
        try:
            await shop.trade(rate, seconds, stop)
        finally:
            showing.cancel()
            await asyncio.wait({showing})

    await open_for_trade(place, mix, tally, trade)
    return tally
