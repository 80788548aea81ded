"""Stock that came in goes to those who wait for it, oldest order first.

Each takes what it can have now, in part where there is not enough; a bundle that no warehouse can make yet lets those behind it
pass, and keeps its place. What a change wants to add keeps its place too, and its units, until the change is decided.
"""

from collections.abc import Sequence
from uuid import UUID

from chassis.domain import Cause
from contracts.inventory import BackorderAllocated
from contracts.types import Line
from inventory.model.lines import as_lines
from inventory.model.promise import served
from inventory.model.reservation import Reservation, allocations
from inventory.model.routing import Split
from inventory.model.shelves import Shelves


def serve_backlog(
    sku: str, waiting: Sequence[Reservation], shelves: Shelves, ahead: dict[str, int], cause: Cause
) -> list[BackorderAllocated]:
    """Give what there is of a product to the reservations that wait for it, or for a bundle with it.

    `ahead` are the units of each product that are kept for those before them; what is kept for some of them is added to it.
    """
    for reservation in waiting:
        if reservation.waiting and not reservation.is_live:
            reservation.wait_no_more(shelves, cause)
    got: dict[UUID, Split] = {}
    queue = [(line.since, one.order_id, one, line) for one in waiting for line in one.waiting if sku in line.parts]
    for _, order_id, reservation, line in sorted(queue, key=lambda place: place[:2]):
        parcels = served(line.product_id, line.quantity, line.components, shelves, line.destination, ahead)
        if line.change_id is not None:
            units = sum(parcel[line.product_id] for parcel in parcels.values())
            for part, each in line.parts.items():
                ahead[part] = ahead.get(part, 0) + each * units
        elif parcels:
            reservation.arrive(line, parcels, shelves, cause)
            _add(parcels, got.setdefault(order_id, {}))
    return [
        BackorderAllocated(
            order_id=one.order_id, user_id=one.user_id, allocations=allocations(got[one.order_id]), waiting=_awaited(one)
        )
        for one in waiting
        if one.order_id in got
    ]


def _add(parcels: Split, to: Split) -> None:
    for place, parcel in parcels.items():
        there = to.setdefault(place, {})
        for sku, units in parcel.items():
            there[sku] = there.get(sku, 0) + units


def _awaited(reservation: Reservation) -> list[Line]:
    """Add up what an order waits for; what a change wants to add is not the order's yet."""
    awaited: dict[str, int] = {}
    for line in reservation.waiting:
        if line.change_id is None:
            awaited[line.product_id] = awaited.get(line.product_id, 0) + line.quantity
    return as_lines(awaited)
