"""Stock levels: told once per crossing, by whichever function moved stock, and counted less what others wait for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import cause
from contracts.inventory import StockBack, StockLow, StockSoldOut
from inventory.model import AdjustStock, MovementKind, Reservation, Shelves, TransferStock, serve_backlog

from .facts import dispatched, move, placed
from .stockroom import came_in, shelves


def told(there: Shelves) -> list[Any]:
    return [*there.fallen(), *there.risen()]


def take(there: Shelves, quantity: int) -> Reservation:
    return Reservation.place(placed(("tea", quantity)), there, cause())[0]


def test_falls_to_the_threshold_once() -> None:
    there = shelves(("tea", "berlin", 6), ("tea", "lyon", 4), thresholds={"tea": 5})
    take(there, 4)
    assert told(there) == []
    take(there, 1)
    assert told(there) == [StockLow(sku="tea", available=5, threshold=5)]
    take(there, 2)
    assert told(there) == []


def test_past_the_threshold_to_nothing_in_one_is_both() -> None:
    there = shelves(("tea", "berlin", 6), thresholds={"tea": 5})
    take(there, 6)
    assert told(there) == [StockLow(sku="tea", available=0, threshold=5), StockSoldOut(sku="tea")]


def test_an_order_over_two_warehouses_crosses_once() -> None:
    there = shelves(("tea", "berlin", 4), ("tea", "lyon", 4), thresholds={"tea": 5})
    take(there, 6)
    assert told(there) == [StockLow(sku="tea", available=2, threshold=5)]


def test_nothing_of_a_product_without_a_threshold_but_that_it_is_sold_out() -> None:
    there = shelves(("tea", "berlin", 6))
    take(there, 5)
    assert told(there) == []
    reservation = take(there, 1)
    assert told(there) == [StockSoldOut(sku="tea")]
    reservation.release(there, cause())
    assert told(there) == [StockBack(sku="tea", available=1)]


def test_what_is_sent_or_moved_was_promised_already() -> None:
    there = shelves(("tea", "berlin", 3), ("tea", "lyon", 2), thresholds={"tea": 2})
    reservation = take(there, 2)
    assert told(there) == []
    assert reservation.move(move(reservation.order_id, "berlin", "lyon", ("tea", 2)), there, cause()) == []
    assert told(there) == []
    reservation.ship(dispatched(reservation.order_id, "lyon", ("tea", 2)), there, cause())
    there.transfer(TransferStock("tea", "berlin", "lyon", 1, "nearer"), cause())
    assert told(there) == []


def test_what_is_written_off_counts_too() -> None:
    there = shelves(("tea", "berlin", 2), thresholds={"tea": 1})
    there.adjust(AdjustStock("tea", "berlin", -1, "broken", MovementKind.WRITTEN_OFF), cause())
    assert told(there) == [StockLow(sku="tea", available=1, threshold=1)]


def test_what_others_wait_for_is_not_back() -> None:
    there = shelves(("tea", "berlin", 1), backorder=["tea"])
    reservation = take(there, 3)
    assert told(there) == [StockSoldOut(sku="tea")]
    came_in(there, "tea", "berlin", 2)
    assert told(there) == []
    serve_backlog("tea", [reservation], there, {}, cause())
    assert told(there) == []
    came_in(there, "tea", "berlin", 1)
    assert told(there) == [StockBack(sku="tea", available=1)]


def test_a_bundle_tells_of_its_components() -> None:
    there = shelves(("tea", "berlin", 2), ("cup", "berlin", 2), bundles={"set": {"tea": 2, "cup": 1}}, thresholds={"cup": 1})
    Reservation.place(placed(("set", 1)), there, cause())
    assert told(there) == [StockSoldOut(sku="tea"), StockLow(sku="cup", available=1, threshold=1)]


@given(steps=st.lists(st.integers(-4, 4).filter(bool), max_size=30), threshold=st.integers(0, 4))
def test_as_many_facts_as_crossings(steps: list[int], threshold: int) -> None:
    there = shelves(("tea", "berlin", 3), thresholds={"tea": threshold})
    level, low, out, back = 3, 0, 0, 0
    events: list[Any] = []
    for step in steps:
        if level + step < 0:
            continue
        there.adjust(AdjustStock("tea", "berlin", step, "count"), cause())
        events += told(there)
        low += level > threshold >= level + step
        out += level > 0 == level + step
        back += level == 0 < level + step
        level += step
    kinds = [type(event) for event in events]
    assert (kinds.count(StockLow), kinds.count(StockSoldOut), kinds.count(StockBack)) == (low, out, back)
