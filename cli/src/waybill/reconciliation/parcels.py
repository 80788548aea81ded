"""The parcels of an order against its lines, and against what the inventory holds, waits for and has sent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from order.model import ChangeState, OrderState, ShipmentState
from waybill.reconciliation.pictures import Picture, Row

GONE: Final = frozenset({ShipmentState.DISPATCHED, ShipmentState.DELIVERED})
OPEN: Final = frozenset({ShipmentState.PLANNED, ShipmentState.HELD, ShipmentState.MOVING})
LIVE: Final = frozenset({"held", "partly_shipped", "shipped"})
"""Where a reservation says what lies in its lines; of one that was released or refused they say what was."""
CUTS: Final = frozenset({"reduction", "rest_cancelled"})

Complaints = Iterator[str]
Document = Mapping[str, Any]


def _is_confirmed(picture: Picture) -> bool:
    return picture.order is not None and picture.order["order_state"] == OrderState.CONFIRMED


# --- the order by itself ----------------------------------------------------------------------------------------------------


def every_unit_once(picture: Picture) -> Complaints:
    """Each unit of a confirmed order is in one parcel or waits for stock; what a change took out is in none."""
    order = picture.order
    if order is None:
        return
    yield from _cuts(order)
    if not _is_confirmed(picture):
        return
    parcels = [one for one in order["shipments"] if one["state"] in GONE | OPEN]
    lines = [line for one in parcels for line in one["lines"]]
    if any(line["quantity"] <= 0 for line in [*lines, *order["backordered"]]):
        yield "a parcel, or what waits for stock, has a line without units"
    # Parcels of a version that knew products only have no item ids.
    by = "item_id" if all("item_id" in line for line in lines) else "product_id"
    packed, waiting, wanted = (_units(found, by) for found in (lines, order["backordered"], order["items"]))
    for key in sorted(packed.keys() | waiting.keys() | wanted.keys()):
        if packed[key] + waiting[key] != wanted[key]:
            named = _named(order, key)
            yield f"has {wanted[key]} of {named}; {packed[key]} are in parcels and {waiting[key]} wait for stock"


def _cuts(order: Row) -> Complaints:
    left: dict[str, int] = {}
    for change in order["changes"]:
        if change["kind"] not in CUTS or change["state"] != ChangeState.APPLIED:
            continue
        for line in change["items"]:
            if line["quantity"] > left.get(line["item_id"], line["quantity"]):
                yield f"change {change['change_id']} left {line['quantity']} of a line that had {left[line['item_id']]}"
            left[line["item_id"]] = line["quantity"]
    now = _units(order["items"], "item_id")
    for item_id, quantity in left.items():
        if now[item_id] != quantity:
            yield f"has {now[item_id]} of {_named(order, item_id)}, and its changes left {quantity}"


def _named(order: Row, key: str) -> str:
    return next((str(item["product_id"]) for item in order["items"] if item["item_id"] == key), key)


def _units(lines: Iterable[Document], by: str) -> Counter[str]:
    units = Counter[str]()
    for line in lines:
        units[line[by]] += line["quantity"]
    return units


# --- the order and the inventory ----------------------------------------------------------------------------------------------


def parcels_are_held(picture: Picture) -> Complaints:
    """Check that what parcels are to take, and have taken, is held for the order, and off the books, in their warehouses.

    While a parcel is being moved, either warehouse may hold it: then the products are compared and not the places.
    """
    order, held = picture.order, picture.reservation
    if order is None or held is None or held["status"] not in LIVE or not _is_confirmed(picture):
        return
    moving = any(one["state"] == ShipmentState.MOVING for one in order["shipments"])
    theirs = [line for line in held["lines"] if not line.get("change_id")]
    for what, states, units in (
        ("to leave", OPEN, [(line, line["quantity"] - line["shipped"]) for line in theirs]),
        ("sent", GONE, [(line, line["shipped"]) for line in theirs]),
    ):
        wanted, found = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for one in order["shipments"]:
            if one["state"] in states:
                for line in one["lines"]:
                    wanted[_place(one["warehouse_id"], moving), line["product_id"]] += line["quantity"]
        for line, quantity in units:
            found[_place(line["warehouse_id"], moving), line["product_id"]] += quantity
        for key in sorted(wanted.keys() | found.keys()):
            if wanted[key] != found[key]:
                place, sku = key
                yield f"its parcels say {wanted[key]} of {sku} {what} from {place}, and the inventory {found[key]}"


def _place(warehouse_id: str, moving: bool) -> str:  # noqa: FBT001 - read beside its one question
    return "any warehouse" if moving else warehouse_id


def posted_once(picture: Picture) -> Complaints:
    """Check that a dispatched parcel's units left the stock of its warehouse once, and those of any other parcel did not."""
    order, held = picture.order, picture.reservation
    if order is None or held is None:
        return
    compositions = _compositions(held)
    posted: dict[str, Counter[tuple[str, str]]] = {}
    for one in held["posted"]:
        posted.setdefault(one["shipment_id"], Counter())[one["warehouse_id"], one["sku"]] += one["units"] or 0
    for shipment in order["shipments"]:
        left = posted.pop(shipment["shipment_id"], Counter[tuple[str, str]]())
        due = _due(shipment, compositions)
        if shipment["state"] not in GONE:
            if left:
                yield f"shipment {shipment['shipment_id']} is {shipment['state']}, and the stock says it left"
        elif due is not None and due != left:
            said = _listed(left) or "nothing"
            yield f"shipment {shipment['shipment_id']} took {_listed(due)}; stock movements for it say {said}"
    for shipment_id in posted:
        yield f"stock left in shipment {shipment_id}, which it does not have"


def _compositions(held: Row) -> Mapping[str, list[Document]]:
    """Tell of what each product held was made, when it was."""
    found: dict[str, list[Document]] = {}
    for line in held["lines"]:
        parts = line.get("components") or {line["product_id"]: 1}
        if parts not in found.setdefault(line["product_id"], []):
            found[line["product_id"]].append(parts)
    return found


def _due(shipment: Document, compositions: Mapping[str, list[Document]]) -> Counter[tuple[str, str]] | None:
    """Count what a parcel takes out of the stock; None: a bundle is made of other things meanwhile, so no one can say."""
    due = Counter[tuple[str, str]]()
    for line in shipment["lines"]:
        known = compositions.get(line["product_id"]) or [{line["product_id"]: 1}]
        if len(known) > 1:
            return None
        for part, each in known[0].items():
            due[shipment["warehouse_id"], part] += each * line["quantity"]
    return due


def _listed(units: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{number} {sku} from {place}" for (place, sku), number in sorted(units.items()))


def backorders_agree(picture: Picture) -> Complaints:
    """Check that what an order waits for is what the inventory has waiting for it."""
    order, held = picture.order, picture.reservation
    if order is None or not _is_confirmed(picture):
        return
    live = held is not None and held["status"] in LIVE
    found = [line for line in held["waiting"] if not line.get("change_id")] if held is not None and live else []
    ours, theirs = _units(order["backordered"], "product_id"), _units(found, "product_id")
    for sku in sorted(ours.keys() | theirs.keys()):
        if ours[sku] != theirs[sku]:
            yield f"waits for {ours[sku]} of {sku}, and in the inventory for {theirs[sku]}"


def reservation(picture: Picture) -> Complaints:
    """Stock is held for open orders and for no others, as much as they have to get."""
    held, order = picture.reservation, picture.order
    if held is None or (held["status"] is None and not held["posted"] and not held["ledger_reserved"]):
        if order is not None and order["order_state"] == OrderState.CONFIRMED:
            yield f"is {order['status']} and has no reservation"
        return
    if held["status"] is None:
        yield "stock moved for it, and it has no reservation"
        return
    live = held["status"] in {"held", "partly_shipped"}
    open_units = _in_stock(held, "open") if live else 0
    shipped = _in_stock(held, "shipped")
    if (held["ledger_reserved"], held["ledger_shipped"] or 0) != (open_units, shipped):
        yield (
            f"its reservation holds {open_units} units with {shipped} shipped;"
            f" stock movements say {held['ledger_reserved']} and {held['ledger_shipped'] or 0}"
        )
    if order is None:
        if live:
            yield f"{open_units} units are held for it, and there is no such order"
        return
    if order["order_state"] == OrderState.CANCELLED and live:
        yield f"is cancelled, and {open_units} units are held for it"
    if order["order_state"] == OrderState.CONFIRMED:
        yield from _reservation_of_confirmed(held, order)


def _in_stock(held: Row, what: str) -> int:
    """Count units as the stock does: those of a bundle are its components."""
    return sum(
        (line["shipped"] if what == "shipped" else line["quantity"] - line["shipped"])
        * sum((line.get("components") or {"": 1}).values())
        for line in held["lines"]
    )


def _reservation_of_confirmed(held: Row, order: Row) -> Complaints:
    gone = {
        shipment_id
        for shipment_id, state in zip(order["shipment_ids"] or (), order["shipment_states"] or (), strict=True)
        if state in GONE
    }
    settled = [line for line in held["lines"] if not line.get("change_id")]
    undecided = len(settled) < len(held["lines"]) or any(line.get("change_id") for line in held["waiting"])
    complete = order["shipped_units"] == order["units"] and not undecided
    wanted = "held" if not gone else "shipped" if complete else "partly_shipped"
    units = sum(line["quantity"] for line in [*settled, *held["waiting"]] if not line.get("change_id"))
    if held["status"] != wanted:
        yield f"is {order['status']} with {order['shipped_units']} units shipped, and its reservation is {held['status']}"
    elif units != order["units"]:
        yield f"is {order['units']} units, and {units} are reserved or waited for"
    if set(held["shipments"] or ()) != gone:
        taken = len(held["shipments"] or ())
        yield f"has {len(gone)} shipments dispatched, and stock was taken for {taken} of its own or others"
