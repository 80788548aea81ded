"""Orders that are exchanged: the two know of each other, and what came back is paid for once, over both of them together.

What the PSP has kept for all orders that are exchanged for one another is what their customer has kept of them: a credit moves
between orders, never to or from the PSP, until what of it nobody needs goes to the customer.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from order.model import ExchangeStage, OrderState
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.pictures import Intent, Row
from waybill.reconciliation.sources import Snapshot

AWAITED: Final = frozenset({"approved", "partially_received"})

_ORDERS: Final = """
SELECT n.order_id, n.order_state, n.shipped_units, n.exchange -> 'for' AS source, o.order_id AS old_id,
    o.exchange -> 'by' AS by_old, r.state AS return_state, r.exchange AS wish,
    greatest(n.updated_at, o.updated_at) AS changed_at,
    (SELECT coalesce(sum(refunded_amount), 0)::bigint FROM order_refund f WHERE f.exchange_order_id = n.order_id) AS moved
FROM orders n LEFT JOIN orders o ON o.order_id = (n.exchange -> 'for' ->> 'order_id')::uuid
LEFT JOIN order_return r ON r.return_id = (n.exchange -> 'for' ->> 'return_id')::uuid AND r.order_id = o.order_id
WHERE n.exchange ? 'for'
"""
_KEPT: Final = "SELECT order_id, captured_amount - refunded_amount AS kept FROM orders WHERE exchange IS NOT NULL"
_STEPS: Final = "SELECT order_id, step, due_at FROM exchange_step WHERE due_at < $1"
_CREDITS: Final = """
SELECT c.order_id, c.granted, c.paid, c.code, c.due_at, h.reference, coalesce(h.amount - h.captured - h.released, 0) AS held,
    coalesce(h.captured, 0) - coalesce(m.back, 0) AS kept,
    (SELECT coalesce(sum(refused), 0)::bigint FROM exchange_source s WHERE s.exchange_order_id = c.order_id) AS refused
FROM exchange_credit c LEFT JOIN own_hold h ON h.order_id = c.order_id AND h.change_id IS NULL AND h.method = 'exchange'
LEFT JOIN LATERAL (
    SELECT sum(amount)::bigint AS back FROM own_movement WHERE reference = h.reference AND kind = 'refund'
) m ON true
"""
_CAME_BACK: Final = """
SELECT order_id, sum(amount)::bigint AS amount FROM ledger_entry WHERE entry = 'exchange_paid_undone' GROUP BY order_id
"""
"""What of a credit was paid out, and sent back by the customer's bank: a person gives it."""
_OWN: Final = """
SELECT h.order_id, (h.captured - coalesce(m.back, 0))::bigint AS kept FROM own_hold h
LEFT JOIN LATERAL (SELECT sum(amount) AS back FROM own_movement WHERE reference = h.reference AND kind = 'refund') m ON true
WHERE h.method <> 'exchange' AND h.order_id = ANY($1::uuid[])
"""


async def check_exchanges(snapshot: Snapshot, intents: Mapping[UUID, Sequence[Intent]] | None, findings: Findings) -> None:
    """Check every exchange; one whose orders changed too lately is left for later. `intents` are the PSP's alone."""
    ours, payment = snapshot.databases["order"], snapshot.databases["payment"]
    pairs = [_read(row) for row in await ours.fetch(_ORDERS)]
    credits_ = {row["order_id"]: row for row in await payment.fetch(_CREDITS)}
    findings.checked(Invariant.EXCHANGES, len(pairs))
    young = {key for one in pairs if one["changed_at"] >= snapshot.settled_before for key in (one["order_id"], one["old_id"])}
    for pair in pairs:
        for said in _alike(pair):
            findings.violated(Invariant.EXCHANGES, pair["order_id"], said)
        if pair["order_id"] not in young:
            for said in [*_decided(pair), *_credited(pair, credits_.get(pair["order_id"]))]:
                findings.violated(Invariant.EXCHANGES, pair["order_id"], said)
    for row in await ours.fetch(_STEPS, snapshot.settled_before):
        findings.violated(Invariant.EXCHANGES, row["order_id"], f"is to be told to {row['step']} since {row['due_at']}")
    if intents is not None:
        families = [family for family in _families(pairs) if not family & young]
        own = await payment.fetch(_OWN, [key for family in families for key in family])
        kept = {row["order_id"]: row["kept"] for row in await ours.fetch(_KEPT)}
        came_back = {row["order_id"]: row["amount"] for row in await payment.fetch(_CAME_BACK)}
        for family in families:
            owed = sum(credits_[key]["held"] + credits_[key]["refused"] for key in family & credits_.keys())
            owed += sum(came_back.get(key, 0) for key in family)
            _compare(family, kept, own, owed, intents, findings)


def _read(row: Row) -> dict[str, Any]:
    return {**row, **{name: json.loads(row[name] or "null") for name in ("source", "by_old", "wish")}}


def _alike(pair: Row) -> list[str]:
    """Compare what the two orders say of each other; written in one transaction, so true at every moment."""
    source, wish, order_id = pair["source"], pair["wish"], str(pair["order_id"])
    if wish is None:
        return [f"is exchanged for return {source['return_id']} of {source['order_id']}, which has no exchange"]
    told = []
    if (wish["order_id"], wish["credit"]) != (order_id, source["credit"]):
        told.append(f"is credited {source['credit']}, and its return says {wish['credit']} for {wish['order_id']}")
    if {"order_id": order_id, "return_id": source["return_id"]} not in (pair["by_old"] or ()):
        told.append(f"is exchanged for {source['order_id']}, which does not say so")
    if pair["shipped_units"] and wish["stage"] != ExchangeStage.SETTLED:
        told.append(f"has left, and what it is exchanged for is {pair['return_state']}")
    return told


def _decided(pair: Row) -> list[str]:
    """Tell where one of the two orders has not followed the other."""
    wish, cancelled = pair["wish"] or {"stage": None}, pair["order_state"] == OrderState.CANCELLED
    if wish["stage"] == ExchangeStage.ENDED and not cancelled:
        return [f"is {pair['order_state']}, and what it was to be exchanged for is {pair['return_state']}"]
    if wish["stage"] == ExchangeStage.PLACED and (cancelled or pair["return_state"] not in AWAITED):
        return [f"is {pair['order_state']}, its return is {pair['return_state']}, and the exchange is not decided"]
    if wish["stage"] == ExchangeStage.SETTLED and pair["moved"] == pair["source"]["credit"] and pair["source"]["waits"]:
        return ["is paid by what came back, and waits still"]
    return []


def _credited(pair: Row, credit: Row | None) -> list[str]:
    """Compare what the old order moved with what payment made of it."""
    granted = credit["granted"] if credit is not None else 0
    told = []
    if granted != pair["moved"]:
        told.append(f"{pair['moved']} was moved to it, and payment has granted {granted}")
    if pair["moved"] > pair["source"]["credit"]:
        told.append(f"{pair['moved']} was moved to it, and its credit is {pair['source']['credit']}")
    if credit is not None and granted != sum(credit[part] for part in ("paid", "kept", "held", "refused")):
        code = f" ({credit['code']})" if credit["code"] else ""
        told.append(
            f"of {granted} granted it has {credit['kept']}, {credit['held']} is held for it, {credit['paid']} was paid out and"
            f" {credit['refused']} refused{code}"
        )
    return told


def _families(pairs: Sequence[Row]) -> list[frozenset[UUID]]:
    """Group orders that are exchanged for one another, directly or by others."""
    families: dict[UUID, frozenset[UUID]] = {}
    for pair in pairs:
        one, other = pair["order_id"], pair["old_id"]
        if other is not None:
            together = families.get(one, frozenset({one})) | families.get(other, frozenset({other}))
            families.update(dict.fromkeys(together, together))
    return list(dict.fromkeys(families.values()))


def _compare(
    family: frozenset[UUID],
    kept: Mapping[UUID, int],
    own: Sequence[Row],
    owed: int,
    intents: Mapping[UUID, Sequence[Intent]],
    findings: Findings,
) -> None:
    """Compare what the PSP, and other means than exchanges, have kept for a family with what its orders have, or are owed."""
    at_psp = sum(intent.captured - intent.refunded for key in family for intent in intents.get(key, ()))
    by_us = sum(row["kept"] for row in own if row["order_id"] in family)
    worth = sum(kept.get(key, 0) for key in family)
    if at_psp + by_us != worth + owed:
        others = ", ".join(sorted(map(str, family))[1:])
        says = (
            f"with {others}, its customer has kept {worth} and is to get {owed} more for it; {at_psp + by_us} was kept of them"
        )
        findings.violated(Invariant.EXCHANGES, min(family), says)
