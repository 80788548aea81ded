"""Which warehouse ships what: in one parcel where one warehouse can, otherwise in few.

Warehouses are taken in turn, each time the one that covers most of what is still open; among equals the one in the
destination's country, then the first by name, so that the same stock always gives the same split.
"""

from collections.abc import Mapping

Split = dict[str, dict[str, int]]
"""Units per product, per warehouse."""


def split(
    wanted: Mapping[str, int], available: Mapping[str, Mapping[str, int]], countries: Mapping[str, str], country: str
) -> Split:
    """Spread the units `wanted` of each product over the warehouses where they are `available`.

    `available` holds units per warehouse, per product, and the caller has seen that there are enough of each; `countries` says
    where each warehouse stands, `country` where the order goes.
    """
    stocked: Split = {}
    for sku in wanted:
        for warehouse_id, units in available[sku].items():
            stocked.setdefault(warehouse_id, {})[sku] = units
    remaining = dict(wanted)
    chosen: Split = {}
    while remaining:
        best = min(
            (-_covered(there, remaining), countries[warehouse_id] != country, warehouse_id)
            for warehouse_id, there in stocked.items()
        )[-1]
        there = stocked.pop(best)
        parcel = {sku: min(there[sku], quantity) for sku, quantity in remaining.items() if sku in there}
        if parcel:
            chosen[best] = parcel
        remaining = {sku: left for sku, quantity in remaining.items() if (left := quantity - parcel.get(sku, 0))}
    return chosen


def _covered(there: Mapping[str, int], remaining: Mapping[str, int]) -> int:
    return sum([min(there[sku], quantity) for sku, quantity in remaining.items() if sku in there])
