"""What stands in the books of others: payments at the PSP, and messages at the mail and SMS providers."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx2

from waybill.errors import WaybillError
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.pictures import Capture, Intent, Row
from waybill.reconciliation.sources import Snapshot

ON_REQUEST: Final = "refund-"
"""How the keys of refunds begin that were asked for; the money of a cancelled order goes back under other keys."""
# A hold that was let go because the card beside it was declined is no payment at all.
_OWN: Final = """
SELECT h.reference, h.order_id, h.psp_reference, h.currency, h.amount, h.captured, h.released, m.moved
FROM own_hold h LEFT JOIN (
    SELECT reference, jsonb_agg(jsonb_build_object('kind', kind, 'key', key, 'amount', amount))
        FILTER (WHERE kind IN ('capture', 'refund') AND amount > 0) AS moved
    FROM own_movement WHERE reference IS NOT NULL GROUP BY reference
) m USING (reference) WHERE h.code IS NULL AND h.paid
"""
# What pays another order was given back, as far as its own order goes; the PSP keeps it until the other order does not need it,
# and has it again when the customer's bank sends it back.
_MOVED: Final = """
SELECT s.order_id, p.psp_reference, s.refund_id, s.payment_id, s.amount - s.paid AS amount
FROM exchange_source s JOIN payment p ON p.order_id = s.order_id AND p.payment_id = s.payment_id WHERE s.amount > s.paid
UNION ALL
SELECT e.order_id, p.psp_reference, e.reference, p.payment_id, e.amount
FROM ledger_entry e JOIN payment p ON p.order_id = e.order_id AND p.payment_id = e.payment_id
WHERE e.entry = 'exchange_paid_undone'
"""
REFUSED: Final = "requires_payment_method"
"""How the PSP says that a card was declined."""
LEDGER_SECONDS: Final = 300.0
"""How long books may take to be shown: a simulator's of a hundred thousand orders are long."""
_DELIVERIES: Final = "SELECT delivery_id, status, attempts, sent_at FROM delivery WHERE channel = $1"
SENT: Final = "sent"


async def psp_intents(url: str, findings: Findings) -> Mapping[UUID, Sequence[Intent]]:
    """Read the PSP's ledger, by order; what names no order is a violation. Raises WaybillError when the PSP is away."""
    intents: dict[UUID, list[Intent]] = defaultdict(list)
    for item in await _items(url):
        order_id = _order_of(item)
        if order_id is None:
            said = f"is for no order ({item['order_id']}), {item['authorised']} {item['currency']} authorised"
            findings.violated(Invariant.PSP_LEDGER, item["payment_intent"], said)
            continue
        captures, refunds = (
            [Capture(one["amount"], one["idempotency_key"] or "") for one in item.get(what, ())]
            for what in ("captures", "refunds")
        )
        intents[order_id].append(
            Intent(
                reference=item["payment_intent"],
                currency=item["currency"],
                authorised=item["authorised"],
                open=item["open"],
                captured=item["captured"],
                refunded=item["refunded"],
                captures=captures,
                refunds=[one for one in refunds if one.idempotency_key.startswith(ON_REQUEST)],
            )
        )
    return intents


async def own_books(snapshot: Snapshot, intents: Mapping[UUID, Sequence[Intent]]) -> Mapping[UUID, Sequence[Intent]]:
    """Add what payment's own means hold, as if the PSP held it: beside a card's part, under the reference of both."""
    found = {order_id: list(mine) for order_id, mine in intents.items()}
    for row in await snapshot.databases["payment"].fetch(_OWN):
        mine = found.setdefault(row["order_id"], [])
        card = next((one for one in mine if one.reference == row["psp_reference"]), None)
        if card is not None:
            mine.remove(card)
        moved = json.loads(row["moved"] or "[]")
        captures, refunds = (
            [Capture(one["amount"], one["key"]) for one in moved if one["kind"] == kind] for kind in ("capture", "refund")
        )
        asked_for = [one for one in refunds if one.idempotency_key.startswith(ON_REQUEST)]
        mine.append(
            Intent(
                reference=f"{row['psp_reference'] or ''}.{row['reference']}",
                currency=row["currency"],
                authorised=row["amount"] + (card.authorised if card is not None else 0),
                open=row["amount"] - row["captured"] - row["released"] + (card.open if card is not None else 0),
                captured=row["captured"] + (card.captured if card is not None else 0),
                refunded=sum(one.amount for one in refunds) + (card.refunded if card is not None else 0),
                captures=_merged(captures, card.captures if card is not None else ()),
                refunds=_merged(asked_for, card.refunds if card is not None else ()),
            )
        )
    for row in await snapshot.databases["payment"].fetch(_MOVED):
        found[row["order_id"]] = [_moved(one, row) for one in found.get(row["order_id"], ())]
    return found


def _moved(intent: Intent, moved: Row) -> Intent:
    if intent.reference != moved["psp_reference"]:
        return intent
    key = f"{ON_REQUEST}{moved['refund_id']}-{moved['payment_id']}"
    refunds = [*intent.refunds, Capture(moved["amount"], key)]
    return replace(intent, refunded=intent.refunded + moved["amount"], refunds=refunds)


def _merged(own: Sequence[Capture], theirs: Sequence[Capture]) -> list[Capture]:
    """Take for one what both did under the same key; what the PSP did twice stays twice."""
    left = {one.idempotency_key: one.amount for one in own}
    both = [Capture(one.amount + left.pop(one.idempotency_key, 0), one.idempotency_key) for one in theirs]
    return both + [Capture(amount, key) for key, amount in left.items()]


async def refused_at_psp(url: str) -> Mapping[UUID, str]:
    """Read why the PSP refused payments, by order; what a change would have added is left out. Raises WaybillError."""
    refused = await _items(url, status=REFUSED)
    return {
        order_id: item["decline_code"]
        for item in refused
        if "change_id" not in item["metadata"] and (order_id := _order_of(item)) is not None
    }


def _order_of(item: Mapping[str, Any]) -> UUID | None:
    try:
        return UUID(item["order_id"] or "")
    except ValueError:
        return None


async def check_messages(sinks: Mapping[str, str], snapshot: Snapshot, findings: Findings) -> None:
    """Check that each message that was sent has come to its provider, as often as it was handed over at the most.

    A Message-ID is made of the delivery's id: what came under any other is no delivery's. A provider knows of what came since
    its box was emptied, and of what came after the snapshot too.
    """
    for channel, url in sinks.items():
        since, came = await _came(url)
        findings.checked(Invariant.MESSAGE_ONCE, len(came))
        async for row in snapshot.databases["notification"].cursor(_DELIVERIES, channel):
            times, _ = came.pop(str(row["delivery_id"]), (0, ""))
            if row["status"] != SENT:
                continue
            if not times and row["sent_at"] >= since:
                says = f"is sent by {channel} since {row['sent_at']}, and never came to the provider"
                findings.violated(Invariant.MESSAGE_ONCE, row["delivery_id"], says)
            if times > row["attempts"]:
                says = f"came {times} times by {channel}, and was handed over {row['attempts']} times"
                findings.violated(Invariant.MESSAGE_ONCE, row["delivery_id"], says)
        for message_id, (_, received_at) in came.items():
            if received_at < snapshot.settled_before.isoformat():
                findings.violated(Invariant.MESSAGE_ONCE, message_id, f"was sent by {channel} and is no delivery's")


async def _came(url: str) -> tuple[datetime, dict[str, tuple[int, str]]]:
    """Read how often each message has come to a provider, and when first; and since when all of them are counted."""
    found: dict[str, tuple[int, str]] = {}
    page: Mapping[str, Any] = {"next_cursor": "0"}
    while page["next_cursor"] is not None:
        page = await _read(url, after=page["next_cursor"])
        for item in page["items"]:
            found[item["message_id"].strip("<>").partition("@")[0]] = (item["count"], item["received_at"])
    return datetime.fromisoformat(page["since"]), found


async def _items(url: str, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await _read(url, **query))["items"]
    return items


async def _read(url: str, **query: str) -> Mapping[str, Any]:
    try:
        async with httpx2.AsyncClient(timeout=LEDGER_SECONDS) as client:
            response = await client.get(url, params=query)
            response.raise_for_status()
            page: Mapping[str, Any] = response.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise WaybillError(f"{url} cannot be read ({type(error).__name__}): see `./waybill status`") from error
    if "items" not in page:
        raise WaybillError(f"{url} shows no items: see `./waybill status`")
    return page
