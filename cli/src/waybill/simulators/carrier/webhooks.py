"""Delivery of the carriers' notices: signed, at least once, never in the way of the API.

The queue is part of the books, so a notice outlives the process. A parcel's notices leave in their order as long as the
receiver takes them; one that has to be sent again comes after the others. Duplicates, delays, forgeries and replays are made
here, when a mode asks for them.
"""

import asyncio
import contextlib
import copy
import hashlib
import hmac
import itertools
import json
import time
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit

import httpx2

from waybill.simulators.carrier import objects
from waybill.simulators.carrier.faults import CarrierSetting
from waybill.simulators.carrier.identifiers import new_id
from waybill.simulators.carrier.ledger import DueWebhook, Ledger, Shipment

_BATCH = 32
_TIMEOUT_SECONDS = 5.0
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
_ATTEMPTS = 20
_STALE_SECONDS = 3_600.0
_APART_SECONDS = 0.05
_FORGERS_SECRET = "whsec_of_somebody_else"  # noqa: S105 - the point is that it is wrong


def headers(payload: str, secret: str, path: str, moment: float) -> dict[str, str]:
    """Sign a payload that is sent to ``path`` at ``moment``, in seconds of the epoch, as EasyPost does."""
    stamp = formatdate(moment)
    whole = hmac.new(secret.encode(), f"{stamp}POST{path}{payload}".encode(), hashlib.sha256).hexdigest()
    body = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "EasyPost/Webhook (simulated)",
        "X-Timestamp": stamp,
        "X-Path": path,
        "X-Hmac-Signature-V2": f"hmac-sha256-hex={whole}",
        "X-Hmac-Signature": f"hmac-sha256-hex={body}",
    }


class Webhooks:
    """Enters notices into the queue and delivers them in the background."""

    def __init__(self, ledger: Ledger, url: str, secret: str) -> None:
        self._ledger = ledger
        self._url = url
        self._secret = secret
        self._news = asyncio.Event()
        self._collected_until = 0.0
        self._collected = 0

    def enqueue(self, kind: str, shipment: Shipment, before: str | None, setting: CarrierSetting) -> None:
        """Keep a notice of a tracker for delivery; called inside the transaction that makes it true."""
        if not self._url or setting.webhooks == "off" or shipment.tracking_code is None:
            return
        event = objects.event(kind, objects.tracker_object(shipment, self._ledger.scans(shipment)), before)
        payload, number, now = json.dumps(event), shipment.tracking_code, time.time()
        if setting.webhooks == "forged":
            self._ledger.enqueue_webhook(number, json.dumps(_forgery(event)), now, "forged")
        elif setting.webhooks == "stale":
            self._ledger.enqueue_webhook(number, payload, now, "stale")
        due = self._due(setting, now)
        self._ledger.enqueue_webhook(number, payload, due)
        if setting.webhooks == "duplicate":
            self._ledger.enqueue_webhook(number, payload, due)
        self._news.set()

    def _due(self, setting: CarrierSetting, now: float) -> float:
        """Say when a notice leaves; those that are collected for turning their order leave the youngest first."""
        if setting.webhooks == "late":
            return now + setting.webhook_delay_seconds
        if setting.webhooks != "out_of_order":
            return now
        if now >= self._collected_until:
            self._collected_until, self._collected = now + setting.webhook_delay_seconds, 0
        self._collected += 1
        return self._collected_until + 1 - self._collected * _APART_SECONDS

    async def deliver(self) -> None:
        """Deliver until cancelled."""
        if not self._url:
            return
        # Straight to the receiver: a proxy of the environment has no business with a loopback address.
        async with httpx2.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while True:
                self._news.clear()
                due = sorted(self._ledger.due_webhooks(time.time(), _BATCH), key=lambda each: each.tracking_code)
                parcels = itertools.groupby(due, key=lambda each: each.tracking_code)
                if due:
                    await asyncio.gather(*(self._send_all(client, list(notices)) for _, notices in parcels))
                else:
                    await self._wait()

    async def _wait(self) -> None:
        following = self._ledger.next_webhook_due()
        timeout = None if following is None else max(0.0, following - time.time())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout)

    async def _send_all(self, client: httpx2.AsyncClient, notices: list[DueWebhook]) -> None:
        """Send one parcel's notices one after the other."""
        for notice in notices:
            await self._send(client, notice)

    async def _send(self, client: httpx2.AsyncClient, notice: DueWebhook) -> None:
        secret = _FORGERS_SECRET if notice.kind == "forged" else self._secret
        moment = time.time() - (_STALE_SECONDS if notice.kind == "stale" else 0.0)
        signed = headers(notice.payload, secret, urlsplit(self._url).path, moment)
        try:
            response = await client.post(self._url, content=notice.payload.encode(), headers=signed)
            delivered = response.is_success
        except httpx2.HTTPError:
            delivered = False
        if delivered or notice.kind != "genuine" or notice.attempts + 1 >= _ATTEMPTS:
            self._ledger.webhook_done(notice.seq)
        else:
            delay = min(_FIRST_DELAY_SECONDS * 2**notice.attempts, _LONGEST_DELAY_SECONDS)
            self._ledger.webhook_again(notice.seq, time.time() + delay)


def _forgery(event: dict[str, Any]) -> dict[str, Any]:
    """Make the lie that would do most harm: that the parcel was delivered."""
    lie = copy.deepcopy(event)
    lie["id"] = new_id("evt")
    lie["result"] |= {"status": "delivered", "status_detail": "arrived_at_destination"}
    for detail in lie["result"]["tracking_details"][-1:]:
        detail |= {"status": "delivered", "status_detail": "arrived_at_destination"}
    return lie
