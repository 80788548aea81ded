"""The order as its facts tell it: who replays them from the first on comes to the state that its rows say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from order.model import ChangeState, LabelState, OrderState
from waybill.reconciliation.parcels import GONE
from waybill.reconciliation.pictures import Picture, Row

PLACED, CHANGED = "order.placed.v1", "order.changed.v1"
DISPATCHED, DELIVERED = "order.shipment_dispatched.v1", "order.shipment_delivered.v1"
CONFIRMED, CANCELLED = "order.confirmed.v1", "order.cancelled.v1"
REQUESTED, WITHDRAWN = "order.change_requested.v1", "order.change_withdrawn.v1"
BOUGHT, VOIDED = "order.label_bought.v1", "order.label_voided.v1"
TRACKED: Final = "order.shipment_tracked.v1"

Complaints = Iterator[str]
Facts = Mapping[str, Sequence[Mapping[str, Any]]]


def same_from_its_facts(picture: Picture) -> Complaints:
    """Check an order whose facts are all still kept."""
    order = picture.order
    facts = _facts(order) if order is not None else {}
    if order is None or "items" not in next(iter(facts.get(PLACED, ())), ()):
        return
    yield from _lines(order, facts)
    yield from _parcels(order, facts)
    yield from _changes(order, facts)
    yield from _labels(order, facts)
    for kind, state, others in (
        (CONFIRMED, OrderState.CONFIRMED, {OrderState.CANCELLED}),
        (CANCELLED, OrderState.CANCELLED, set[OrderState]()),
    ):
        told, is_so = kind in facts, order["order_state"] == state
        if told != is_so and not (told and order["order_state"] in others):
            yield f"is {order['order_state']}, and {kind} was {'' if told else 'never '}told"


def _facts(order: Row) -> Facts:
    facts: dict[str, list[Mapping[str, Any]]] = {}
    for kind, payload in zip(order["fact_types"] or (), order["fact_payloads"] or (), strict=True):
        facts.setdefault(kind, []).append(json.loads(payload))
    return facts


def _lines(order: Row, facts: Facts) -> Complaints:
    last = [*facts[PLACED], *facts.get(CHANGED, ())][-1]
    told = {line["item_id"]: line["quantity"] for line in last["items"]}
    rows = {item["item_id"]: item["quantity"] for item in order["items"] if item["quantity"]}
    if (told, last["total_amount"]["amount"]) != (rows, order["total_amount"]):
        yield (
            f"is {sum(rows.values())} units for {order['total_amount']};"
            f" its facts make it {sum(told.values())} units for {last['total_amount']['amount']}, or other lines"
        )


def _parcels(order: Row, facts: Facts) -> Complaints:
    shipments = {one["shipment_id"]: one for one in order["shipments"]}
    sent = {fact["shipment_id"]: fact for fact in facts.get(DISPATCHED, ())}
    arrived = {fact["shipment_id"] for fact in facts.get(DELIVERED, ())}
    for what, told, rows in (
        ("dispatched", set(sent), {key for key, one in shipments.items() if one["state"] in GONE}),
        ("delivered", arrived, {key for key, one in shipments.items() if one["state"] == "delivered"}),
    ):
        for shipment_id in sorted(told ^ rows):
            said = "told and not so" if shipment_id in told else "so and never told"
            yield f"that shipment {shipment_id} is {what} is {said}"
    for shipment_id, fact in sent.items():
        shipment = shipments.get(shipment_id)
        if shipment is None:
            continue
        told_as = (fact["warehouse_id"], fact["amount"]["amount"], fact.get("tracking_number"))
        is_as = (shipment["warehouse_id"], shipment["amount"], shipment["tracking_number"])
        if told_as != is_as:
            yield f"shipment {shipment_id} was told as {_words(told_as)}, and is {_words(is_as)}"
    seen = {fact["shipment_id"]: fact["status"] for fact in facts.get(TRACKED, ())}
    for shipment_id, status in seen.items():
        shipment = shipments.get(shipment_id)
        if shipment is not None and shipment["state"] in GONE and shipment["tracking_status"] != status:
            yield f"shipment {shipment_id} was last told as {status}, and is {shipment['tracking_status']}"


def _changes(order: Row, facts: Facts) -> Complaints:
    applied = {fact["change_id"] for fact in facts.get(CHANGED, ())}
    withdrawn = {fact["change_id"] for fact in facts.get(WITHDRAWN, ())}
    asked = {fact["change_id"] for fact in facts.get(REQUESTED, ())}
    for change in order["changes"]:
        change_id, state = change["change_id"], change["state"]
        told = "applied" if change_id in applied else "withdrawn" if change_id in withdrawn else "requested"
        fell = state == ChangeState.WITHDRAWN and change["reason"] == "order_cancelled"
        if told != state and not (fell and told == "requested"):
            yield f"change {change_id} is {state}, and its facts say {told}"
    for change_id in sorted((applied | withdrawn | asked) - {change["change_id"] for change in order["changes"]}):
        yield f"change {change_id} was told, and there is none"


def _labels(order: Row, facts: Facts) -> Complaints:
    bought = {fact["tracking_number"] for fact in facts.get(BOUGHT, ())}
    voided = {fact["tracking_number"] for fact in facts.get(VOIDED, ())}
    for label in order["labels"]:
        number = label["tracking_number"]
        if label["state"] == LabelState.BOUGHT and (number not in bought or number in voided):
            yield f"label {number} is bought, and its facts say {'given back' if number in voided else 'nothing of it'}"
        if label["state"] == LabelState.VOIDED and number in bought - voided:
            yield f"label {number} is given back, and that was never told"


def _words(values: tuple[Any, ...]) -> str:
    return " ".join(str(value) for value in values)
