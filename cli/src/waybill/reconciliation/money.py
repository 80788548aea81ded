"""Money across the services and the PSP's books, order by order; amounts are minor units.

An order has a payment for what was placed, and one for each change that added to it; each is one payment at the PSP. What an
order costs is held by those that came about, less what changes took out.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from order.model import ChangeState, OrderState
from waybill.reconciliation.pictures import Intent, Picture, Row

GONE: Final = frozenset({"dispatched", "delivered"})
COLLECTED: Final = frozenset({"delivered"})
"""Where the money of a parcel is due that is paid in cash."""
AT_THE_DOOR: Final = ".cash_"
LET_GO: Final = frozenset({"voided", "declined", "refunded", "lapsed"})
FAILED: Final = "capture_failed"
REFUSALS: Final = re.compile(r"(?<=^.{80})-\d+$")
"""What the key of a refund ends in that the PSP had refused before: after `refund-`, two UUIDs and what is between them."""
Complaints = Iterator[str]
Part = Mapping[str, Any]
Books = tuple[int, int, int, int]
"""Authorised, open, captured, refunded."""


def _known(picture: Picture) -> Row | None:
    """Give what payment knows of the order; a capture alone is no payment."""
    return picture.payment if picture.payment is not None and picture.payment["known"] else None


def _parts(picture: Picture) -> Sequence[Part]:
    """List the order's payments, the main one first."""
    payment = _known(picture)
    parts: Sequence[Part] = payment["payments"] if payment is not None else ()
    return parts


def _name(part: Part) -> str:
    of = "change" if part["renews"] is None else "renewal"
    return "its payment" if part["change_id"] is None else f"its payment for {of} {part['change_id']}"


def order_money(picture: Picture) -> Complaints:
    """Check that the order's view of its money is the payments'."""
    order, payment = picture.order, _known(picture)
    if order is None:
        if payment is not None:
            yield f"has a payment of {payment['amount']} {payment['currency']} ({payment['status']}) and is no order"
        return
    if payment is None:
        if order["order_state"] == OrderState.CONFIRMED:
            yield f"is {order['status']} and has no payment"
        return
    yield from _cost(order, payment, _parts(picture))
    for what in ("captured_amount", "refunded_amount"):
        back = payment["bounced_amount"] if what == "refunded_amount" else 0  # it was given, and its bank sent it back
        if order[what] != payment[what] + back:
            yield f"says {what.replace('_amount', '')} {order[what]}, and its payment says {payment[what]}"
    for part in _parts(picture):
        if order["order_state"] == OrderState.CANCELLED and part["status"] not in LET_GO:
            yield f"is cancelled, and {_name(part)} is {part['status']}"
        elif part["withdrawn"] and _ours(part)[1]:
            yield f"{_name(part)} is withdrawn, and {_ours(part)[1]} is held of it"


def _cost(order: Row, payment: Row, parts: Sequence[Part]) -> Complaints:
    applied = {change["change_id"] for change in order["changes"] if change["state"] == ChangeState.APPLIED}
    agreed = [part for part in parts if part["change_id"] is None or part["change_id"] in applied]
    less = sum(reduction["amount"] for reduction in payment["reductions"])
    cost, held = (sum(part[name] for part in agreed) - less for name in ("amount", "authorized"))
    if (cost, payment["currency"]) != (order["total_amount"], order["currency"]):
        yield f"costs {order['total_amount']} {order['currency']}, and its payment is of {cost} {payment['currency']}"
    if order["order_state"] == OrderState.CONFIRMED and held != order["total_amount"]:
        yield f"is {order['status']}, and its payment is {payment['status']} with {held} authorised"


def money_kept(picture: Picture) -> Complaints:
    """Check that what was captured and not given back unasked is what was shipped; less only where a person must act."""
    order, payment = picture.order, _known(picture)
    if order is None:
        return
    due = COLLECTED if any(str(part["psp_reference"]).startswith(AT_THE_DOOR) for part in _parts(picture)) else GONE
    shipped = sum(
        amount
        for state, amount in zip(order["shipment_states"] or (), order["shipment_amounts"] or (), strict=True)
        if state in due
    )
    intents = picture.intents
    returned = sum(part["returned"] for part in _parts(picture))
    kept = payment["captured_amount"] - payment["refunded_amount"] + returned if payment is not None else 0
    at_psp = sum(intent.captured - intent.refunded + _returned(intent) for intent in intents) if intents else kept
    for where, amount in (("its payment", kept), ("the PSP", at_psp)):
        if amount > shipped:
            yield f"shipped {shipped}, and {where} has taken {amount}"
        elif amount < shipped and not _has_failed(order):
            yield f"shipped {shipped}, and {where} has taken only {amount}"


def psp_ledger(picture: Picture) -> Complaints:
    """Check that the payments are what the PSP's books say, each by itself and all together, and that there are no others."""
    payment, intents, parts = _known(picture), picture.intents, _parts(picture)
    if payment is None:
        if any(intent.authorised for intent in intents):
            yield f"the PSP has {', '.join(intent.reference for intent in intents)}, and there is no payment"
        return
    ours, theirs = _sum(_ours(part) for part in parts), _sum(_theirs(intent) for intent in intents)
    if ours != theirs:
        yield f"authorised, open, captured, refunded: {_list(ours)} in payments, {_list(theirs)} at the PSP"
    known = {intent.reference: intent for intent in intents}
    for part in parts:
        yield from _booked(part, known.pop(part["psp_reference"], None))
    for intent in known.values():
        if intent.authorised:
            yield f"the PSP authorised {intent.authorised} by {intent.reference}, which is none of its payments"


def _booked(part: Part, intent: Intent | None) -> Complaints:
    if intent is None:
        if part["authorized"]:
            yield f"is paid by {part['psp_reference']}, which the PSP does not know"
        return
    if intent.currency != part["currency"]:
        yield f"is paid in {part['currency']}, at the PSP in {intent.currency}"
    if part["returned"] != _returned(intent):
        yield f"{part['returned']} of {_name(part)} was given back on request, and at the PSP {_returned(intent)}"
    times = Counter(REFUSALS.sub("", refund.idempotency_key) for refund in intent.refunds)
    for key, count in times.items():
        if count > 1:
            yield f"the PSP gave back {count} times for {key} of {intent.reference}"
    if _ours(part) != _theirs(intent):
        yield f"{_name(part)} is {_list(_ours(part))}, and at the PSP {_list(_theirs(intent))} ({intent.reference})"


def _returned(intent: Intent) -> int:
    return sum(refund.amount for refund in intent.refunds)


def _ours(part: Part) -> Books:
    """Tell how the PSP's books should stand: what a standing hold need not pay any more goes with its last capture."""
    let_go = 0 if part["status"] == "authorized" else part["released"]
    return part["authorized"], part["authorized"] - part["captured"] - let_go, part["captured"], part["refunded"]


def _theirs(intent: Intent) -> Books:
    return intent.authorised, intent.open, intent.captured, intent.refunded


def _sum(books: Iterator[Books]) -> Books:
    authorised, still_open, captured, refunded = (sum(column) for column in zip((0, 0, 0, 0), *books, strict=True))
    return authorised, still_open, captured, refunded


def _list(amounts: Books) -> str:
    return "/".join(map(str, amounts))


def open_authorisation(picture: Picture) -> Complaints:
    """Nothing is held at the PSP for an order that is cancelled or is none, by a payment that is let go, or twice for one."""
    held = sum(intent.open for intent in picture.intents)
    if held and (picture.order is None or picture.order["order_state"] == OrderState.CANCELLED):
        yield f"{'is cancelled' if picture.order is not None else 'is no order'}, and the PSP holds {held} for it"
    opened = {intent.reference: intent.open for intent in picture.intents if intent.open}
    for part in _parts(picture):
        if part["psp_reference"] in opened and (part["status"] in LET_GO or part["withdrawn"] or part["replaced"]):
            says = "withdrawn" if part["withdrawn"] else "held anew" if part["replaced"] else part["status"]
            yield f"{_name(part)} is {says}, and the PSP holds {opened[part['psp_reference']]} of it"


def capture_once(picture: Picture) -> Complaints:
    """Each capture at the PSP is for one dispatched shipment; a shipment has one at the most of each payment, of its amount."""
    order = picture.order
    due = {}
    if order is not None:
        shipments = zip(
            order["shipment_ids"] or (), order["shipment_states"] or (), order["shipment_amounts"] or (), strict=True
        )
        due = {str(shipment_id): amount for shipment_id, state, amount in shipments if state in GONE}
    taken = defaultdict[str, int](int)
    for intent in picture.intents:
        if order is not None and order["order_state"] == OrderState.CANCELLED and intent.captured == intent.refunded:
            continue  # taken too late, and given back
        times = Counter(_shipment(capture.idempotency_key) for capture in intent.captures)
        for shipment_id, count in times.items():
            if count > 1:
                yield f"the PSP captured {count} times for shipment {shipment_id} of {intent.reference}"
        for capture in intent.captures:
            taken[_shipment(capture.idempotency_key)] += capture.amount
    for shipment_id, amount in taken.items():
        if shipment_id not in due:
            yield f"the PSP captured {amount} for {shipment_id}, which is no dispatched shipment of it"
        elif amount > due[shipment_id] or (amount < due[shipment_id] and order is not None and not _has_failed(order)):
            yield f"the PSP captured {amount} for shipment {shipment_id}, whose amount is {due[shipment_id]}"


def _shipment(idempotency_key: str) -> str:
    """Name the shipment that a capture is for: the last part of its key."""
    return idempotency_key.rpartition(":")[2]


def _has_failed(order: Row) -> bool:
    return FAILED in {order["payment_state"], order["hold_reason"]}
