"""The PSP's process: open the books, deliver webhooks and let holds lapse in the background, answer requests."""

import asyncio
import contextlib
from pathlib import Path

from waybill.simulators.psp.api import PspApi
from waybill.simulators.psp.ledger import Ledger
from waybill.simulators.psp.webhooks import Webhooks
from waybill.simulators.serving import address, listen, serve


async def run_psp(host: str, port: int, *, ledger: Path, webhook_url: str, webhook_secret: str, api_key: str) -> None:
    """Run the PSP until it is told to stop. Raises OSError when the port is taken."""
    listener = listen(host, port)
    books = Ledger(ledger)
    webhooks = Webhooks(books, webhook_url, webhook_secret)
    delivery = asyncio.create_task(webhooks.deliver())
    api = PspApi(books, webhooks, api_key)
    lapsing = asyncio.create_task(api.lapse_in_time())
    try:
        await serve(api.app(), listener, f"ready psp http=http://{address(listener)}")
    finally:
        for task in (delivery, lapsing):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        books.close()
