"""What came back of an order, receipt by receipt: as the order has noted it, as it was told, and as the inventory booked it."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from contracts.order import Disposition, OrderPlaced, ReturnReceived
from waybill.reconciliation.pictures import Picture, Row

Units = Counter[tuple[str, str, str]]
"""How many units of which product came back to which warehouse, and what became of them."""
Receipts = Mapping[tuple[str, str], Units]
"""What came by return and receipt; a parcel may bring units of several returns."""

RESTOCKED: Final = "restocked"
WRITTEN_OFF: Final = "written off"


def received_as_told(picture: Picture) -> Iterator[str]:
    """Check that each receipt was told as it was noted, and no other."""
    order = picture.order
    if order is None:
        return
    noted, told = _noted(order), _told(order)
    whole = OrderPlaced.type in (order["fact_types"] or ())  # otherwise old facts may be gone
    for name in sorted(noted.keys() | told.keys() if whole else told.keys()):
        if (is_so := noted.get(name, Units())) != (said := told.get(name, Units())):
            yield f"receipt {name[1]} brought {_words(is_so)}, and was told as {_words(said)}"


def received_once(picture: Picture) -> Iterator[str]:
    """Check that each receipt is booked once, in its warehouse, by product and by what became of it; and no other is."""
    order, held = picture.order, picture.reservation
    noted = _noted(order) if order is not None else {}
    booked = _booked(held["receipts"]) if held is not None else {}
    for name in sorted(noted.keys() | booked.keys()):
        if (is_so := noted.get(name, Units())) != (found := booked.get(name, Units())):
            yield f"receipt {name[1]} brought {_words(is_so)}, and the inventory booked {_words(found)}"


def _noted(order: Row) -> Receipts:
    return {
        (one["return_id"], receipt["receipt_id"]): _inspected(receipt)
        for one in order["returns"]
        for receipt in one["receipts"]
    }


def _told(order: Row) -> Receipts:
    facts = zip(order["fact_types"] or (), order["fact_payloads"] or (), strict=True)
    received = [json.loads(payload) for kind, payload in facts if kind == ReturnReceived.type]
    return {(fact["return_id"], fact["receipt_id"]): _inspected(fact) for fact in received}


def _inspected(receipt: Mapping[str, Any]) -> Units:
    units = Units()
    for line in receipt["lines"]:
        fate = RESTOCKED if line["disposition"] == Disposition.RESTOCK else WRITTEN_OFF
        units[receipt["warehouse_id"], line["product_id"], fate] += line["quantity"]
    return units


def _booked(lines: Iterable[Mapping[str, Any]]) -> Receipts:
    receipts: dict[tuple[str, str], Units] = {}
    for line in lines:
        units = receipts.setdefault((line["return_id"], line["receipt_id"]), Units())
        for fate in (RESTOCKED, WRITTEN_OFF):
            if quantity := line[fate.replace(" ", "_")]:
                units[line["warehouse_id"], line["product_id"], fate] += quantity
    return receipts


def _words(units: Units) -> str:
    parts = [f"{number} {sku} to {place} ({fate})" for (place, sku, fate), number in sorted(units.items())]
    return ", ".join(parts) or "nothing"
