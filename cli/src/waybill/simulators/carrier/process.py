"""The carriers' process: open the books, carry parcels and deliver webhooks in the background, answer requests."""

import asyncio
import contextlib
from pathlib import Path

from waybill.simulators.carrier.api import CarrierApi
from waybill.simulators.carrier.ledger import Ledger
from waybill.simulators.carrier.webhooks import Webhooks
from waybill.simulators.serving import address, listen, serve


async def run_carrier(
    host: str, port: int, *, ledger: Path, webhook_url: str, webhook_secret: str, api_key: str, pace_seconds: float
) -> None:
    """Run the carriers until they are told to stop. Raises OSError when the port is taken."""
    listener = listen(host, port)
    books = Ledger(ledger)
    webhooks = Webhooks(books, webhook_url, webhook_secret)
    api = CarrierApi(books, webhooks, api_key=api_key, pace_seconds=pace_seconds)
    background = [asyncio.create_task(webhooks.deliver()), asyncio.create_task(api.journeys.walk())]
    try:
        await serve(api.app(), listener, f"ready carrier http=http://{address(listener)}")
    finally:
        for task in background:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*background)
        books.close()
