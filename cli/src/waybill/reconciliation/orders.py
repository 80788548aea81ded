"""What must be true of each order across the services: each check looks at one picture and names what is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from order.model import OrderState, ShipmentState, public_status
from waybill.reconciliation.changes import changes_at_rest, changes_decided_alike
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.labels import labels_at_rest, one_live_label, sent_under_its_label
from waybill.reconciliation.money import capture_once, money_kept, open_authorisation, order_money, psp_ledger
from waybill.reconciliation.parcels import (
    GONE,
    backorders_agree,
    every_unit_once,
    parcels_are_held,
    posted_once,
    reservation,
)
from waybill.reconciliation.pictures import Intent, Picture, Row, pictures
from waybill.reconciliation.retold import same_from_its_facts
from waybill.reconciliation.returned import received_as_told, received_once
from waybill.reconciliation.shares import captured_by_share, shares_add_up, total_adds_up
from waybill.reconciliation.sources import Snapshot
from waybill.reconciliation.told import customer_told, deliveries_at_rest, tried_in_vain

Complaints = Iterator[str]
Check = Callable[[Picture], Complaints]


def status(picture: Picture) -> Complaints:
    """Check that the public status is a pure function of the axes."""
    order = picture.order
    if order is not None:
        derived = public_status(
            OrderState(order["order_state"]),
            units=order["units"],
            shipped=order["shipped_units"],
            delivered=order["delivered_units"],
            captured=order["captured_amount"],
            refunded=order["refunded_amount"],
        )
        if derived != order["status"]:
            yield f"is {order['status']}, and its axes say {derived}"


def counters(picture: Picture) -> Complaints:
    """Check that the counters are the sums of the shipments, and that of a cancelled order nothing is left."""
    order = picture.order
    if order is None:
        return
    shipments = list(zip(order["shipment_states"] or (), order["shipment_units"] or (), strict=True))
    shipped = sum(units for state, units in shipments if state in GONE)
    delivered = sum(units for state, units in shipments if state == ShipmentState.DELIVERED)
    if (order["shipped_units"], order["delivered_units"]) != (shipped, delivered):
        yield (
            f"counts {order['shipped_units']} units shipped, {order['delivered_units']} delivered;"
            f" its shipments say {shipped}, {delivered}"
        )
    states = sorted(state for state, _ in shipments)
    if order["order_state"] == OrderState.CANCELLED and (order["units"] or set(states) - {ShipmentState.CANCELLED}):
        yield f"is cancelled with {order['units']} units and shipments {states}"


def at_rest(picture: Picture) -> Complaints:
    """Whatever was begun has ended, unless a person must act: one of the staff, or the customer within the time given."""
    order, payment = picture.order, picture.payment
    awaited = order is not None and bool(order["customer_acts"])
    if order is not None and order["hold_reason"] is None and not awaited:
        yield from _order_at_rest(order)
    if payment is not None:
        for one in payment["payments"]:
            if one["due_at"] is not None and not (awaited and one["change_id"] is None and one["status"] == "pending"):
                addition = f" of change {one['change_id']}" if one["change_id"] is not None else ""
                yield f"its payment{addition} is {one['status']} with {one['action']} due at {one['due_at']}"
        for shipment_id, state in zip(payment["capture_shipments"] or (), payment["capture_states"] or (), strict=True):
            if state == "due":
                yield f"the capture for shipment {shipment_id} is due"


def _order_at_rest(order: Row) -> Complaints:
    if order["order_state"] == OrderState.PENDING:
        yield f"is pending since {order['updated_at']} (payment {order['payment_state']}, {order['fulfilment_state']})"
    if order["order_state"] == OrderState.CANCELLED:
        if order["released_at"] is None:
            yield f"is cancelled, and its stock is not said to be released since {order['updated_at']}"
        if order["voided_at"] is None and order["payment_state"] != "refunded":
            yield f"is cancelled, and its payment is not said to be released since {order['updated_at']}"
    for shipment in order["shipments"]:
        if shipment["state"] == ShipmentState.MOVING:
            yield f"shipment {shipment['shipment_id']} is to leave from {shipment['moving_to']}, which does not answer"


ALWAYS: Final[Mapping[Invariant, tuple[Check, ...]]] = {
    Invariant.STATUS: (status,),
    Invariant.RETOLD: (same_from_its_facts,),
    Invariant.ORDER_SUMS: (total_adds_up, counters),
    Invariant.PARCELS: (every_unit_once,),
    Invariant.SHARES: (shares_add_up,),
    Invariant.LABELS: (one_live_label, sent_under_its_label),
    Invariant.RETURNED_STOCK: (received_as_told,),
}
"""Written in one transaction, so true at every moment."""

SETTLED: Final[Mapping[Invariant, tuple[Check, ...]]] = {
    Invariant.AT_REST: (at_rest, labels_at_rest, deliveries_at_rest),
    Invariant.CHANGES: (changes_at_rest, changes_decided_alike),
    Invariant.ORDER_MONEY: (order_money,),
    Invariant.MONEY_KEPT: (money_kept, captured_by_share),
    Invariant.RESERVATION: (reservation,),
    Invariant.PARCEL_STOCK: (parcels_are_held, posted_once),
    Invariant.BACKORDERS: (backorders_agree,),
    Invariant.RETURNED_STOCK: (received_once,),
    Invariant.CUSTOMER_TOLD: (customer_told, tried_in_vain),
}
"""True once the facts have been heard everywhere."""

AT_PSP: Final[Mapping[Invariant, tuple[Check, ...]]] = {
    Invariant.PSP_LEDGER: (psp_ledger,),
    Invariant.OPEN_AUTHORISATION: (open_authorisation,),
    Invariant.CAPTURE_ONCE: (capture_once,),
}
"""True once settled too, where the PSP's books can be read."""


async def check_orders(snapshot: Snapshot, intents: Mapping[UUID, Sequence[Intent]] | None, findings: Findings) -> None:
    """Check every order that anybody knows; one that changed too lately is counted as in flight and left for later."""
    async for picture in pictures(snapshot, intents or {}):
        findings.orders += picture.order is not None
        _look(ALWAYS, picture, findings)
        changed = picture.changed_at()
        if changed is not None and changed >= snapshot.settled_before:
            findings.in_flight += 1
            continue
        _look(SETTLED, picture, findings)
        if intents is not None:
            _look(AT_PSP, picture, findings)


def _look(checks: Mapping[Invariant, tuple[Check, ...]], picture: Picture, findings: Findings) -> None:
    for invariant, functions in checks.items():
        findings.checked(invariant)
        for check in functions:
            for complaint in check(picture):
                findings.violated(invariant, picture.order_id, complaint)
