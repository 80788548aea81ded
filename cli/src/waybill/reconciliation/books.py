"""What stands in the books of others: payments at the PSP, and messages at the mail and SMS providers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx2

from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.pictures import Capture, Intent
from waybill.reconciliation.sources import Snapshot


async def psp_intents(url: str) -> Mapping[UUID, Sequence[Intent]]:
    """Read the PSP's ledger, by order; raises WaybillError when it is away."""
    intents: dict[UUID, list[Intent]] = defaultdict(list)
    for item in await _items(url):
        captures = [Capture(one["amount"], one["idempotency_key"] or "") for one in item["captures"]]
        intents[UUID(item["order_id"])].append(
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


async def check_messages(sinks: Mapping[str, str], snapshot: Snapshot, findings: Findings) -> None:
    """Check that every message at the providers is that of one delivery: its Message-ID is made of the delivery's id."""
    for channel, url in sinks.items():
        shown = {item["message_id"].strip("<>").partition("@")[0]: item for item in await _items(url)}
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


async def _items(url: str) -> list[dict[str, Any]]:
    try:
        async with httpx2.AsyncClient(timeout=60) as client:
            response = await client.get(url)
            response.raise_for_status()
            items: list[dict[str, Any]] = response.json()["items"]
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise WaybillError(f"{url} cannot be read ({type(error).__name__}): see `./waybill status`") from error
    return items
