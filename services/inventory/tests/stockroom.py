"""Shelves without a database, and how tests look at them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chassis.testing import cause
from inventory.model import AdjustStock, Article, MovementKind, Place, Rule, Shelves, Stock
from inventory.model.routing import USUAL

PLACES = {"berlin": Place("DE", "Berlin"), "lyon": Place("FR"), "porto": Place("PT", "Norte")}
Row = tuple[str, str, int]


def shelves(
    *rows: Row,
    inactive: Sequence[str] = (),
    backorder: Sequence[str] = (),
    thresholds: Mapping[str, int] | None = None,
    bundles: Mapping[str, Mapping[str, int]] | None = None,
    waiting: Mapping[str, int] | None = None,
    rules: Sequence[Rule] = USUAL,
) -> Shelves:
    stock = [Stock(sku=sku, warehouse_id=place, on_hand=units, reserved=0) for sku, place, units in rows]
    made_of = bundles or {}
    skus = dict.fromkeys([*(sku for sku, _, _ in rows), *made_of, *backorder, *inactive])
    articles = {
        sku: Article(
            active=sku not in inactive,
            backorder=sku in backorder,
            threshold=(thresholds or {}).get(sku),
            components=made_of.get(sku),
        )
        for sku in skus
    }
    return Shelves(stock, articles, PLACES, rules=rules, waiting=waiting)


def counters(there: Shelves, sku: str) -> dict[str, tuple[int, int]]:
    return {row.warehouse_id: (row.on_hand, row.reserved) for row in there.of(sku)}


def parcels(event: object) -> dict[str, dict[str, int]]:
    """Answer what is held where, of an event that tells it."""
    allocations = getattr(event, "allocations", None)
    assert allocations is not None, event
    return {part.warehouse_id: {line.product_id: line.quantity for line in part.lines} for part in allocations}


def units(lines: Iterable[Any]) -> dict[str, int]:
    return {line.product_id: line.quantity for line in lines}


def came_in(there: Shelves, sku: str, place: str, quantity: int) -> None:
    there.adjust(AdjustStock(sku, place, quantity, "delivery", MovementKind.RECEIVED), cause())
