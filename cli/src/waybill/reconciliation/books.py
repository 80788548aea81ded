"""What stands in the books of others: payments at the PSP, and messages at the mail and SMS providers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import httpx2

from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.pictures import Capture, Intent
from waybill.reconciliation.sources import Snapshot

MOST_SHOWN: Final = 1000
"""A mailbox shows so many messages at once, the latest."""


async def psp_intents(url: str, findings: Findings) -> Mapping[UUID, Sequence[Intent]]:
    """Read the PSP's ledger, by order; what names no order is a violation. Raises WaybillError when the PSP is away."""
    intents: dict[UUID, list[Intent]] = defaultdict(list)
    for item in await _items(url):
        order_id = _order_of(item)
        if order_id is None:
            said = f"is for no order ({item['order_id']}), {item['authorised']} {item['currency']} authorised"
            findings.violated(Invariant.PSP_LEDGER, item["payment_intent"], said)
            continue
        captures = [Capture(one["amount"], one["idempotency_key"] or "") for one in item["captures"]]
        intents[order_id].append(
            Intent(
                reference=item["payment_intent"],
                currency=item["currency"],
                authorised=item["authorised"],
                open=item["open"],
                captured=item["captured"],
                refunded=item["refunded"],
                captures=captures,
            )
        )
    return intents


def _order_of(item: Mapping[str, Any]) -> UUID | None:
    try:
        return UUID(item["order_id"] or "")
    except ValueError:
        return None


async def check_messages(sinks: Mapping[str, str], snapshot: Snapshot, findings: Findings) -> None:
    """Check that the latest messages at the providers are one delivery's each: a Message-ID is made of the delivery's id."""
    for channel, url in sinks.items():
        shown = {item["message_id"].strip("<>").partition("@")[0]: item for item in await _items(url, limit=MOST_SHOWN)}
        rows = await snapshot.databases["notification"].fetch(
            "SELECT delivery_id::text AS id FROM delivery WHERE channel = $1 AND delivery_id::text = ANY($2::text[])",
            channel,
            list(shown),
        )
        known = {row["id"] for row in rows}
        findings.checked(Invariant.MESSAGE_ONCE, len(shown))
        for message_id, item in shown.items():
            if message_id not in known and _is_settled(item, snapshot):
                findings.violated(Invariant.MESSAGE_ONCE, message_id, f"was sent by {channel} and is no delivery's")


def _is_settled(item: Mapping[str, Any], snapshot: Snapshot) -> bool:
    return str(item["received_at"]) < snapshot.settled_before.isoformat()


async def _items(url: str, **query: int) -> list[dict[str, Any]]:
    try:
        async with httpx2.AsyncClient(timeout=60) as client:
            response = await client.get(url, params=query)
            response.raise_for_status()
            items: list[dict[str, Any]] = response.json()["items"]
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise WaybillError(f"{url} cannot be read ({type(error).__name__}): see `./waybill status`") from error
    return items
