"""Money across the services and the PSP's books, order by order; amounts are minor units."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from order.model import OrderState
from waybill.reconciliation.pictures import Picture, Row

GONE: Final = frozenset({"dispatched", "delivered"})
LET_GO: Final = frozenset({"voided", "declined", "refunded", "lapsed"})
Complaints = Iterator[str]


def _known(picture: Picture) -> Row | None:
    """Give the payment's row; a capture alone is no payment."""
    return picture.payment if picture.payment is not None and picture.payment["known"] else None


def order_money(picture: Picture) -> Complaints:
    """Check that the order's view of its money is the payment's."""
    order, payment = picture.order, _known(picture)
    if order is None:
        if payment is not None:
            yield f"has a payment of {payment['amount']} {payment['currency']} ({payment['status']}) and is no order"
        return
    if payment is None:
        if order["order_state"] == OrderState.CONFIRMED:
            yield f"is {order['status']} and has no payment"
        return
    if (payment["amount"], payment["currency"]) != (order["total_amount"], order["currency"]):
        yield (
            f"costs {order['total_amount']} {order['currency']}, and its payment is of"
            f" {payment['amount']} {payment['currency']}"
        )
    for what in ("captured_amount", "refunded_amount"):
        if order[what] != payment[what]:
            yield f"says {what.replace('_amount', '')} {order[what]}, and its payment says {payment[what]}"
    if order["order_state"] == OrderState.CONFIRMED and payment["authorized_amount"] != order["total_amount"]:
        yield f"is {order['status']}, and its payment is {payment['status']} with {payment['authorized_amount']} authorised"
    if order["order_state"] == OrderState.CANCELLED and payment["status"] not in LET_GO:
        yield f"is cancelled, and its payment is {payment['status']}"


def money_kept(picture: Picture) -> Complaints:
    """Check that what was captured and not refunded is what was shipped; less only where a person must act."""
    order, payment = picture.order, _known(picture)
    if order is None:
        return
    shipped = sum(
        amount
        for state, amount in zip(order["shipment_states"] or (), order["shipment_amounts"] or (), strict=True)
        if state in GONE
    )
    intents = picture.intents
    kept = payment["captured_amount"] - payment["refunded_amount"] if payment is not None else 0
    at_psp = sum(intent.captured - intent.refunded for intent in intents) if intents else kept
    for where, amount in (("its payment", kept), ("the PSP", at_psp)):
        if amount > shipped:
            yield f"shipped {shipped}, and {where} has taken {amount}"
        elif amount < shipped and order["payment_state"] != "capture_failed":
            yield f"shipped {shipped}, and {where} has taken only {amount}"


def psp_ledger(picture: Picture) -> Complaints:
    """Check that the payment is what the PSP's books say, and there is one hold at the most."""
    payment, intents = _known(picture), picture.intents
    if payment is None:
        if any(intent.authorised for intent in intents):
            yield f"the PSP has {', '.join(intent.reference for intent in intents)}, and there is no payment"
        return
    if sum(1 for intent in intents if intent.authorised) > 1:
        yield f"the PSP authorised {sum(1 for intent in intents if intent.authorised)} times"
    open_amount = payment["authorized_amount"] - payment["captured_amount"] - payment["released_amount"]
    ours = (payment["authorized_amount"], open_amount, payment["captured_amount"], payment["refunded_amount"])
    theirs = (
        sum(intent.authorised for intent in intents),
        sum(intent.open for intent in intents),
        sum(intent.captured for intent in intents),
        sum(intent.refunded for intent in intents),
    )
    if ours != theirs:
        yield f"authorised, open, captured, refunded: {_list(ours)} in payments, {_list(theirs)} at the PSP"
    if payment["authorized_amount"]:
        if payment["psp_reference"] not in {intent.reference for intent in intents}:
            yield f"is paid by {payment['psp_reference']}, which the PSP does not know"
        if any(intent.currency != payment["currency"] for intent in intents):
            yield f"is paid in {payment['currency']}, at the PSP in {', '.join(intent.currency for intent in intents)}"


def _list(amounts: tuple[int, ...]) -> str:
    return "/".join(map(str, amounts))


def open_authorisation(picture: Picture) -> Complaints:
    """Nothing is held at the PSP for an order that is cancelled, or is none."""
    held = sum(intent.open for intent in picture.intents)
    if held and (picture.order is None or picture.order["order_state"] == OrderState.CANCELLED):
        yield f"{'is cancelled' if picture.order is not None else 'is no order'}, and the PSP holds {held} for it"


def capture_once(picture: Picture) -> Complaints:
    """Each capture at the PSP is for one dispatched shipment, and each shipment has one at the most, of its amount."""
    order = picture.order
    due = {}
    if order is not None:
        shipments = zip(
            order["shipment_ids"] or (), order["shipment_states"] or (), order["shipment_amounts"] or (), strict=True
        )
        due = {str(shipment_id): amount for shipment_id, state, amount in shipments if state in GONE}
    captures = [capture for intent in picture.intents for capture in intent.captures]
    for key, times in Counter(capture.idempotency_key.rpartition(":")[2] for capture in captures).items():
        if times > 1:
            yield f"the PSP captured {times} times for shipment {key}"
    for capture in captures:
        shipment_id = capture.idempotency_key.rpartition(":")[2]
        if shipment_id not in due:
            yield f"the PSP captured {capture.amount} for {shipment_id}, which is no dispatched shipment of it"
        elif due[shipment_id] != capture.amount:
            yield f"the PSP captured {capture.amount} for shipment {shipment_id}, whose amount is {due[shipment_id]}"
