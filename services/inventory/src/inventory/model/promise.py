"""What of an order can be held now, what would wait, and what is short.

An order may hold a bundle and a component of it: lines are counted off one after the other, so that no unit is promised twice.
Lines that cannot wait come before those that can, and bundles before what is sold alone, since all of a bundle must lie in one
warehouse.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field

from contracts.inventory import Shortage
from contracts.types import Destination
from inventory.model.routing import Components, Split, makeable
from inventory.model.shelves import Shelves
from inventory.model.stock import MOST_UNITS


@dataclass(slots=True)
class Promise:
    """`parcels` can be held in warehouses, `waiting` is for later; with `shortages` nothing of it comes about."""

    parcels: Split
    waiting: dict[str, int] = field(default_factory=dict)
    shortages: list[Shortage] = field(default_factory=list)


def promise(wanted: Mapping[str, int], shelves: Shelves, to: Destination) -> Promise:
    """See what of the units wanted of each product a new order can have, after all who wait already."""
    articles = {sku: shelves.article(sku) for sku in wanted}
    bundles = {sku: article.components for sku, article in articles.items() if article.components is not None}
    orderable = {sku: quantity for sku, quantity in wanted.items() if articles[sku].active}
    patient = {sku for sku, quantity in orderable.items() if articles[sku].backorder and quantity <= MOST_UNITS}
    now, made = _countable(orderable, bundles, patient, shelves, shelves.free)
    for sku in wanted:  # also where no one waits: someone may have begun to, for a bundle with it, in this very moment
        shelves.doubtful.update(bundles.get(sku, (sku,)))
    short = {sku: open_ for sku, quantity in wanted.items() if (open_ := quantity - now.get(sku, 0))}
    shortages = [
        Shortage(product_id=sku, requested=wanted[sku], available=now.get(sku, 0)) for sku in short if sku not in patient
    ]
    if shortages:
        return Promise({}, shortages=shortages)
    return Promise(_parcels(now, bundles, made, shelves, to), waiting=short)


def served(
    sku: str, quantity: int, components: Components | None, shelves: Shelves, to: Destination, ahead: Mapping[str, int]
) -> Split:
    """See what of the units that an order waits for it can have now, where others are `ahead` of it for some."""
    bundles = {} if components is None else {sku: components}

    def left(part: str) -> int:
        return max(0, shelves.total(part) - ahead.get(part, 0))

    now, made = _countable({sku: quantity}, bundles, (), shelves, left)
    return _parcels(now, bundles, made, shelves, to)


def _countable(
    wanted: Mapping[str, int],
    bundles: Mapping[str, Components],
    patient: Container[str],
    shelves: Shelves,
    free: Callable[[str], int],
) -> tuple[dict[str, int], Split]:
    """Count what can be had of each product beside the others, and where its bundles could be made."""
    if not bundles:
        return {sku: min(free(sku), quantity) for sku, quantity in wanted.items()}, {}
    parts = {part for components in bundles.values() for part in components}
    left = {sku: free(sku) for sku in {*wanted, *parts}}
    room = shelves.room(parts)
    now: dict[str, int] = {}
    made: Split = {}
    for sku in sorted(wanted, key=lambda sku: (sku in patient, sku not in bundles)):
        components = bundles.get(sku, {sku: 1})
        units = min(wanted[sku], makeable(components, left))
        if sku in bundles:
            units = _make(sku, units, components, room, made)
        for part, each in components.items():
            left[part] -= each * units
        now[sku] = units
    return now, made


def _make(sku: str, wanted: int, components: Components, room: Split, made: Split) -> int:
    """Take the components of bundles out of the warehouses that can make most of them; answers how many were made."""
    open_ = wanted
    for place in sorted(room, key=lambda place: (-makeable(components, room[place]), place)):
        units = min(open_, makeable(components, room[place]))
        if units:
            for part, each in components.items():
                room[place][part] -= each * units
            made.setdefault(place, {})[sku] = units
            open_ -= units
    return wanted - open_


def _parcels(
    now: Mapping[str, int], bundles: Mapping[str, Components], made: Split, shelves: Shelves, to: Destination
) -> Split:
    """Route what can be had."""
    wanted = {sku: units for sku, units in now.items() if units}
    room = shelves.room({part for sku in wanted for part in bundles.get(sku, (sku,))})
    parcels = shelves.router.split(wanted, room, to, bundles)
    if len(bundles) > 1 and sum(sum(parcel.values()) for parcel in parcels.values()) < sum(wanted.values()):
        return _as_made(wanted, bundles, made, room, shelves, to)
    return parcels


def _as_made(
    wanted: Mapping[str, int],
    bundles: Mapping[str, Components],
    made: Split,
    room: Mapping[str, Mapping[str, int]],
    shelves: Shelves,
    to: Destination,
) -> Split:
    """Leave bundles that compete for a component where there was enough for all of them, and route the rest."""
    left = {place: dict(there) for place, there in room.items()}
    for place, parcel in made.items():
        for sku, units in parcel.items():
            for part, each in bundles[sku].items():
                left[place][part] -= each * units
    rest = {sku: units for sku, units in wanted.items() if sku not in bundles}
    parcels = {place: dict(parcel) for place, parcel in made.items()}
    for place, parcel in shelves.router.split(rest, left, to, {}).items():
        parcels.setdefault(place, {}).update(parcel)
    return parcels
