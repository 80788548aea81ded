"""What an order costs, and how that is divided over its parcels and taken for each of them; amounts are minor units."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from order.model import Charge, OrderState
from waybill.reconciliation.parcels import GONE, OPEN
from waybill.reconciliation.pictures import Picture, Row

FAILED: Final = "capture_failed"
Complaints = Iterator[str]


def total_adds_up(picture: Picture) -> Complaints:
    """Lines and shipping make the total, and their taxes its tax; each line is priced by the one rule, gross or net."""
    order = picture.order
    if order is None:
        return
    items = order["items"]
    lines = sum(item["total"] for item in items)
    if lines + order["shipping_amount"] != order["total_amount"]:
        shipping = f" and its shipping {order['shipping_amount']}" if order["shipping_amount"] else ""
        yield f"costs {order['total_amount']}, and its items cost {lines}{shipping}"
    tax = sum(item["tax"] for item in items) + order["shipping_tax_amount"]
    if tax != order["tax_amount"]:
        yield f"has {order['tax_amount']} of taxes in it, and its lines and shipping {tax}"
    for item in items:
        charge = Charge.of(item["subtotal"] - item["discount"], item["rate"], included=order["prices_include_tax"])
        if (item["total"], item["tax"]) != (charge.total, charge.tax):
            yield (
                f"{item['quantity']} of {item['product_id']} cost {item['total']} with {item['tax']} of taxes;"
                f" by the order's rule {charge.total} with {charge.tax}"
            )


def shares_add_up(picture: Picture) -> Complaints:
    """Check that the parcels of a confirmed order make its units and its total: each line's money, and shipping, is in one.

    What waits for stock keeps its part back until it is planned.
    """
    order = picture.order
    if order is None or order["order_state"] != OrderState.CONFIRMED:
        return
    parcels = [one for one in order["shipments"] if one["state"] in GONE | OPEN]
    waiting = sum(line["quantity"] for line in order["backordered"])
    units = sum(line["quantity"] for one in parcels for line in one["lines"])
    amount = sum(one["amount"] for one in parcels)
    if units + waiting != order["units"] or not _fits(amount, order["total_amount"], partly=bool(waiting)):
        wait = f", with {waiting} units that wait for stock" if waiting else ""
        yield f"is {order['units']} units for {order['total_amount']}; its shipments are {units} for {amount}{wait}"
    if not all("amount" in line and "item_id" in line for one in parcels for line in one["lines"]):
        return  # planned by a version that did not divide lines
    for one in parcels:
        share = sum(line["amount"] for line in one["lines"]) + one["shipping"]
        if one["amount"] != share:
            yield f"shipment {one['shipment_id']} is worth {one['amount']}, and its lines and shipping {share}"
    yield from _lines(order)
    shipping = sum(one["shipping"] for one in parcels)
    if not _fits(shipping, order["shipping_amount"], partly=bool(waiting)):
        yield f"its shipping costs {order['shipping_amount']}, and its shipments bear {shipping} of it"


def _lines(order: Row) -> Complaints:
    parcels = [one for one in order["shipments"] if one["state"] in GONE | OPEN]
    shared, waiting = Counter[str](), {line["item_id"] for line in order["backordered"]}
    for line in (line for one in parcels for line in one["lines"]):
        shared[line["item_id"]] += line["amount"]
    for item in order["items"]:
        if not _fits(shared[item["item_id"]], item["total"], partly=item["item_id"] in waiting):
            yield f"its {item['product_id']} cost {item['total']}, and its shipments bear {shared[item['item_id']]} of it"


def _fits(part: int, whole: int, *, partly: bool) -> bool:
    return 0 <= part <= whole if partly else part == whole


def captured_by_share(picture: Picture) -> Complaints:
    """For each dispatched parcel its share is taken, and for no other; all of them together are the order's total."""
    order, payment = picture.order, picture.payment
    if order is None or order["order_state"] != OrderState.CONFIRMED:
        return
    gone = {one["shipment_id"]: one["amount"] for one in order["shipments"] if one["state"] in GONE}
    captures = {}
    if payment is not None and payment["capture_shipments"] is not None:
        found = zip(payment["capture_shipments"], payment["capture_states"], payment["capture_amounts"], strict=True)
        captures = {str(shipment_id): (state, amount) for shipment_id, state, amount in found}
    for shipment_id, share in gone.items():
        state, amount = captures.pop(shipment_id, ("missing", share))
        excused = FAILED in {order["payment_state"], order["hold_reason"]}
        if amount != share:
            yield f"shipment {shipment_id} is worth {share}, and {amount} is taken for it"
        elif state == "missing" and share:
            yield f"shipment {shipment_id} has left, and nothing is taken for it"
        elif state == "failed" and not excused and share:
            yield f"the money for shipment {shipment_id} could not be taken, and the order does not say so"
    for shipment_id, (_, amount) in captures.items():
        yield f"{amount} is taken for {shipment_id}, which is no dispatched shipment of it"
    if order["shipped_units"] == order["units"] and sum(gone.values()) != order["total_amount"]:
        yield f"all of it has left for {sum(gone.values())}, and it costs {order['total_amount']}"
