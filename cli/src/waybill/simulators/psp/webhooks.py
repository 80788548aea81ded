"""Delivery of the PSP's notifications: signed, at least once, in no promised order, never in the way of the API.

The queue is part of the books, so a notification outlives the process. Duplicates, delays and forgeries are made here, when a
mode asks for them.
"""

import asyncio
import copy
import hashlib
import hmac
import json
import time
from typing import Any

import httpx2

from waybill.simulators.psp import objects
from waybill.simulators.psp.faults import PspSetting
from waybill.simulators.psp.ledger import DueWebhook, Ledger

_BATCH = 16
_TIMEOUT_SECONDS = 5.0
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_ATTEMPTS = 20
_FORGERS_SECRET = "whsec_of_somebody_else"  # noqa: S105 - the point is that it is wrong


def signature(payload: str, secret: str, moment: int) -> str:
    """Return the ``Stripe-Signature`` header of a payload sent at ``moment``, in seconds of the epoch."""
    mac = hmac.new(secret.encode(), f"{moment}.{payload}".encode(), hashlib.sha256)
    return f"t={moment},v1={mac.hexdigest()}"


class Webhooks:
    """Enters notifications into the queue and delivers them in the background."""

    def __init__(self, ledger: Ledger, url: str, secret: str) -> None:
        self._ledger = ledger
        self._url = url
        self._secret = secret
        self._news = asyncio.Event()

    def enqueue(self, event: dict[str, Any], setting: PspSetting) -> None:
        """Keep an event for delivery; called inside the transaction that makes it true."""
        if not self._url or setting.webhooks == "off":
            return
        now = time.time()
        due = now + setting.webhook_delay_seconds if setting.webhooks == "late" else now
        payload = json.dumps(event)
        if setting.webhooks == "forged":
            self._ledger.enqueue_webhook(json.dumps(_forgery(event)), now, forged=True)
        self._ledger.enqueue_webhook(payload, due)
        if setting.webhooks == "duplicate":
            self._ledger.enqueue_webhook(payload, due)
        self._news.set()

    async def deliver(self) -> None:
        """Deliver until cancelled."""
        if not self._url:
            return
        # Straight to the receiver: a proxy of the environment has no business with a loopback address.
        async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while True:
                self._news.clear()
                due = self._ledger.due_webhooks(time.time(), _BATCH)
                if due:
                    await asyncio.gather(*(self._send(client, each) for each in due))
                else:
                    await self._wait()

    async def _wait(self) -> None:
        following = self._ledger.next_webhook_due()
        timeout = None if following is None else max(0.0, following - time.time())
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return

    async def _send(self, client: httpx2.AsyncClient, webhook: DueWebhook) -> None:
        secret = _FORGERS_SECRET if webhook.forged else self._secret
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(webhook.payload, secret, int(time.time())),
            "User-Agent": "Stripe/1.0 (simulated)",
        }
        try:
            response = await client.post(self._url, content=webhook.payload, headers=headers)
            delivered = response.is_success
        except httpx2.HTTPError:
            delivered = False
        if delivered or webhook.forged or webhook.attempts + 1 >= _ATTEMPTS:
            self._ledger.webhook_done(webhook.seq)
        else:
            delay = min(_FIRST_DELAY_SECONDS * 2**webhook.attempts, _LONGEST_DELAY_SECONDS)
            self._ledger.webhook_again(webhook.seq, time.time() + delay)


def _forgery(event: dict[str, Any]) -> dict[str, Any]:
    """Make the lie that would do most harm: that the payment in question was canceled."""
    lie = copy.deepcopy(event)
    lie |= {"id": objects.new_id("evt"), "type": "payment_intent.canceled"}
    lie["data"]["object"] |= {"object": "payment_intent", "status": "canceled", "amount_capturable": 0}
    if "payment_intent" in lie["data"]["object"]:
        lie["data"]["object"]["id"] = lie["data"]["object"]["payment_intent"]
    return lie
