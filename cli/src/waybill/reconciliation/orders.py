"""What must be true of each order across the services: each check looks at one picture and names what is wrong."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

from notification.model import CHANNELS, Template
from order.model import OrderState, public_status
from waybill.reconciliation.findings import Findings, Invariant
from waybill.reconciliation.money import capture_once, money_kept, open_authorisation, order_money, psp_ledger
from waybill.reconciliation.pictures import Intent, Picture, Row, pictures
from waybill.reconciliation.sources import Snapshot

GONE: Final = frozenset({"dispatched", "delivered"})
LIVE: Final = frozenset({"held", "partly_shipped"})
SKIPPED: Final = "skipped"
"""A message that was kept for a contact who turned out to have no phone."""
UNDER_WAY: Final = frozenset({"waiting_for_contact", "queued", "sending"})
TOLD_BY: Final[Mapping[str, Template]] = {
    "order.placed.v1": Template.RECEIVED,
    "order.confirmed.v1": Template.CONFIRMED,
    "order.cancelled.v1": Template.CANCELLED,
    "order.shipment_dispatched.v1": Template.SHIPPED,
    "order.shipment_delivered.v1": Template.DELIVERED,
}
"""What a customer is told of which fact."""

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


def order_sums(picture: Picture) -> Complaints:
    """Items make the total; shipments make the order; counters are the sums of their shipments."""
    order = picture.order
    if order is None:
        return
    if order["items_total"] != order["total_amount"]:
        yield f"costs {order['total_amount']}, and its items cost {order['items_total']}"
    shipments = _shipments(order)
    shipped = sum(units for state, _, units in shipments if state in GONE)
    delivered = sum(units for state, _, units in shipments if state == "delivered")
    if (order["shipped_units"], order["delivered_units"]) != (shipped, delivered):
        yield (
            f"counts {order['shipped_units']} units shipped, {order['delivered_units']} delivered;"
            f" its shipments say {shipped}, {delivered}"
        )
    if order["order_state"] == OrderState.CONFIRMED:
        units = sum(units for _, _, units in shipments)
        amount = sum(amount for _, amount, _ in shipments)
        if (units, amount) != (order["units"], order["total_amount"]):
            yield f"is {order['units']} units for {order['total_amount']}; its shipments are {units} for {amount}"
    if order["order_state"] == OrderState.CANCELLED and (
        order["units"] or any(state != "cancelled" for state, _, _ in shipments)
    ):
        yield f"is cancelled with {order['units']} units and shipments {sorted(state for state, _, _ in shipments)}"


def _shipments(order: Row) -> list[tuple[str, int, int]]:
    return list(
        zip(order["shipment_states"] or (), order["shipment_amounts"] or (), order["shipment_units"] or (), strict=True)
    )


def at_rest(picture: Picture) -> Complaints:
    """Whatever was begun has ended, unless a person must act."""
    order, payment = picture.order, picture.payment
    if order is not None and order["hold_reason"] is None:
        if order["order_state"] == OrderState.PENDING:
            yield f"is pending since {order['updated_at']} (payment {order['payment_state']}, {order['fulfilment_state']})"
        if order["order_state"] == OrderState.CANCELLED:
            if order["released_at"] is None:
                yield f"is cancelled, and its stock is not said to be released since {order['updated_at']}"
            if order["voided_at"] is None and order["payment_state"] != "refunded":
                yield f"is cancelled, and its payment is not said to be released since {order['updated_at']}"
    if payment is not None:
        if payment["due_at"] is not None:
            yield f"its payment is {payment['status']} with {payment['action']} due at {payment['due_at']}"
        for shipment_id, state in zip(payment["capture_shipments"] or (), payment["capture_states"] or (), strict=True):
            if state == "due":
                yield f"the capture for shipment {shipment_id} is due"


def reservation(picture: Picture) -> Complaints:
    """Stock is held for open orders and for no others, as much as they have to get."""
    held, order = picture.reservation, picture.order
    if held is None:
        if order is not None and order["order_state"] == OrderState.CONFIRMED:
            yield f"is {order['status']} and has no reservation"
        return
    if held["status"] is None:
        yield "stock moved for it, and it has no reservation"
        return
    live = held["status"] in LIVE
    open_units = held["units"] - held["shipped"] if live else 0
    if (held["ledger_reserved"], held["ledger_shipped"]) != (open_units, held["shipped"]):
        yield (
            f"its reservation holds {open_units} units with {held['shipped']} shipped;"
            f" stock movements say {held['ledger_reserved']} and {held['ledger_shipped']}"
        )
    if order is None:
        if live:
            yield f"{open_units} units are held for it, and there is no such order"
        return
    if order["order_state"] == OrderState.CANCELLED and live:
        yield f"is cancelled, and {open_units} units are held for it"
    if order["order_state"] == OrderState.CONFIRMED:
        yield from _reservation_of_confirmed(held, order)


def _reservation_of_confirmed(held: Row, order: Row) -> Complaints:
    gone = {
        shipment_id
        for shipment_id, state in zip(order["shipment_ids"] or (), order["shipment_states"] or (), strict=True)
        if state in GONE
    }
    wanted = "shipped" if order["shipped_units"] == order["units"] else "partly_shipped" if gone else "held"
    if held["status"] != wanted:
        yield f"is {order['status']} with {order['shipped_units']} units shipped, and its reservation is {held['status']}"
    elif held["units"] != order["units"]:
        yield f"is {order['units']} units, and {held['units']} are reserved"
    if set(held["shipments"] or ()) != gone:
        taken = len(held["shipments"] or ())
        yield f"has {len(gone)} shipments dispatched, and stock was taken for {taken} of its own or others"


def customer_told(picture: Picture) -> Complaints:
    """For each fact a customer cares about there is a delivery by each channel; and none tells of anything else."""
    order, known = picture.order, picture.deliveries
    if order is None or order["fact_ids"] is None or (known is not None and known["state"] == "erased"):
        return
    told = set[tuple[object, str]]()
    if known is not None and known["events"] is not None:
        told = {
            (event_id, channel)
            for event_id, channel, state in zip(known["events"], known["channels"], known["states"], strict=True)
            if state != SKIPPED
        }
    wanted = set[tuple[object, str]]()
    for event_id, event_type in zip(order["fact_ids"], order["fact_types"], strict=True):
        template = TOLD_BY.get(event_type)
        for channel in CHANNELS[template] if template is not None else ():
            if channel == "email" or order["has_phone"]:
                wanted.add((event_id, str(channel)))
                if (event_id, channel) not in told:
                    yield f"its customer is not told by {channel} of {event_type} ({event_id})"
    for event_id, by in told - wanted:
        yield f"its customer is told by {by} of {event_id}, which was never told as a fact"


def deliveries_at_rest(picture: Picture) -> Complaints:
    """No message waits for long."""
    known = picture.deliveries
    if known is not None and known["events"] is not None:
        for template, channel, state, since in zip(
            known["templates"], known["channels"], known["states"], known["times"], strict=True
        ):
            if state in UNDER_WAY:
                yield f"its message {template} by {channel} is {state} since {since}"


ALWAYS: Final[Mapping[Invariant, tuple[Check, ...]]] = {
    Invariant.STATUS: (status,),
    Invariant.ORDER_SUMS: (order_sums,),
}
"""Written in one transaction, so true at every moment."""

SETTLED: Final[Mapping[Invariant, tuple[Check, ...]]] = {
    Invariant.AT_REST: (at_rest, deliveries_at_rest),
    Invariant.ORDER_MONEY: (order_money,),
    Invariant.MONEY_KEPT: (money_kept,),
    Invariant.RESERVATION: (reservation,),
    Invariant.CUSTOMER_TOLD: (customer_told,),
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
