"""Bundles in orders: whole bundles are told, their components are held, and no component is promised twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import cause
from contracts.inventory import RefusalReason, StockReservationFailed, StockReserved
from contracts.types import Line
from inventory.model import AdjustStock, Article, BundleHasNoStockError, Reservation, Shelves, TransferStock

from .facts import dispatched, placed
from .stockroom import counters, parcels, shelves, units

SET = {"set": {"tea": 2, "cup": 1}}


def shop(*rows: tuple[str, str, int], **more: object) -> Shelves:
    return shelves(*rows, bundles=SET, **more)  # type: ignore[arg-type]


def place(there: Shelves, *wanted: tuple[str, int]) -> tuple[Reservation, StockReserved | StockReservationFailed]:
    return Reservation.place(placed(*wanted), there, cause())


def test_an_order_holds_the_components_and_tells_of_the_bundle() -> None:
    there = shop(("tea", "berlin", 9), ("cup", "berlin", 9))
    reservation, event = place(there, ("set", 2))
    assert parcels(event) == {"berlin": {"set": 2}}
    assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (9, 4)}, {"berlin": (9, 2)})
    assert [(one.sku, one.kind, one.reserved_delta) for one in there.movements] == [
        ("tea", "reserved", 4),
        ("cup", "reserved", 2),
    ]
    assert reservation.lines[0].document() == {
        "product_id": "set",
        "warehouse_id": "berlin",
        "quantity": 2,
        "shipped": 0,
        "components": {"tea": 2, "cup": 1},
    }


def test_a_bundle_is_not_made_of_two_warehouses() -> None:
    there = shop(("tea", "berlin", 9), ("cup", "lyon", 9))
    _, event = place(there, ("set", 1))
    assert isinstance(event, StockReservationFailed)
    assert (event.reason, event.shortages[0].available) == (RefusalReason.OUT_OF_STOCK, 0)


def test_an_order_of_a_bundle_and_its_component_shares_what_there_is() -> None:
    there = shop(("tea", "berlin", 3), ("cup", "berlin", 1))
    _, event = place(there, ("tea", 2), ("set", 1))
    assert isinstance(event, StockReservationFailed)
    assert [(one.product_id, one.requested, one.available) for one in event.shortages] == [("tea", 2, 1)]
    _, event = place(there, ("tea", 1), ("set", 1))
    assert parcels(event) == {"berlin": {"tea": 1, "set": 1}}
    assert counters(there, "tea") == {"berlin": (3, 3)}


def test_gives_back_and_sends_the_components() -> None:
    there = shop(("tea", "berlin", 9), ("cup", "berlin", 9))
    reservation, _ = place(there, ("set", 3))
    deducted = reservation.ship(dispatched(reservation.order_id, "berlin", ("set", 2)), there, cause())
    assert deducted is not None
    assert deducted.lines == [Line(product_id="set", quantity=2)]
    assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (5, 2)}, {"berlin": (7, 1)})
    assert units(reservation.release(there, cause()).lines) == {"set": 1}
    assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (5, 0)}, {"berlin": (7, 0)})


def test_what_was_held_is_given_back_whatever_the_bundle_is_made_of_by_then() -> None:
    there = shop(("tea", "berlin", 9), ("cup", "berlin", 9))
    reservation, _ = place(there, ("set", 1))
    rows = [row for sku in ("tea", "cup") for row in there.of(sku)]
    now = Shelves(rows, {"set": Article(active=True, components={"cup": 5})}, there.places)
    reservation.release(now, cause())
    assert (counters(now, "tea"), counters(now, "cup")) == ({"berlin": (9, 0)}, {"berlin": (9, 0)})


def test_bundles_that_compete_for_a_component_are_all_held_where_there_is_enough() -> None:
    """The rules would have the fullest warehouse make both; only one of them can be made elsewhere."""
    bundles = {"duo": {"tea": 1, "cup": 1}, "trio": {"tea": 1, "lid": 1}}
    rows = [("tea", "berlin", 1), ("cup", "berlin", 1), ("lid", "berlin", 1), ("tea", "lyon", 1), ("lid", "lyon", 1)]
    there = shelves(*rows, bundles=bundles)
    _, event = Reservation.place(placed(("duo", 1), ("trio", 1)), there, cause())
    assert parcels(event) == {"berlin": {"duo": 1}, "lyon": {"trio": 1}}


def test_what_cannot_wait_is_held_before_what_can() -> None:
    there = shop(("tea", "berlin", 2), ("cup", "berlin", 1), backorder=["set"])
    _, event = place(there, ("set", 1), ("cup", 1))
    assert isinstance(event, StockReserved)
    assert parcels(event) == {"berlin": {"cup": 1}}
    assert units(event.backordered) == {"set": 1}


def test_a_bundle_that_is_not_on_sale_is_unknown_and_one_of_withdrawn_components_is_not() -> None:
    rows = [("tea", "berlin", 9), ("cup", "berlin", 9)]
    _, event = place(shop(*rows, inactive=["set"]), ("set", 1))
    assert isinstance(event, StockReservationFailed)
    assert event.reason is RefusalReason.UNKNOWN_PRODUCT
    assert isinstance(place(shop(*rows, inactive=["tea"]), ("set", 1))[1], StockReserved)


def test_a_bundle_is_not_taken_in() -> None:
    there = shop(("tea", "berlin", 1))
    with pytest.raises(BundleHasNoStockError):
        there.adjust(AdjustStock("set", "berlin", 1, "delivery"), cause())
    with pytest.raises(BundleHasNoStockError):
        there.transfer(TransferStock("set", "berlin", "lyon", 1, "nearer"), cause())


PLACES = ["berlin", "lyon", "porto"]


@given(
    stock=st.dictionaries(st.tuples(st.sampled_from(["tea", "cup", "lid"]), st.sampled_from(PLACES)), st.integers(0, 6)),
    wanted=st.dictionaries(st.sampled_from(["tea", "cup", "set", "box"]), st.integers(1, 4), min_size=1),
    patient=st.sets(st.sampled_from(["tea", "cup", "set", "box"])),
)
def test_never_promises_a_unit_twice_and_always_all_or_nothing(
    stock: dict[tuple[str, str], int], wanted: dict[str, int], patient: set[str]
) -> None:
    bundles = {**SET, "box": {"cup": 1, "lid": 2}}
    known = {("tea", "berlin"): 0, ("cup", "berlin"): 0}
    there = shelves(
        *((sku, place, n) for (sku, place), n in {**known, **stock}.items()),
        bundles=bundles,
        backorder=sorted(patient),
    )
    reservation, event = Reservation.place(placed(*wanted.items()), there, cause())
    for sku in ("tea", "cup", "lid"):
        assert all(0 <= held <= on_hand for on_hand, held in counters(there, sku).values())
    if isinstance(event, StockReservationFailed):
        assert there.movements == []
        assert all(one.product_id not in patient and one.available < one.requested for one in event.shortages)
        return
    told: dict[str, int] = dict(units(event.backordered))
    assert set(told) <= patient
    for parcel in parcels(event).values():
        for sku, n in parcel.items():
            told[sku] = told.get(sku, 0) + n
    assert told == wanted
    held = {sku: sum(one[1] for one in counters(there, sku).values()) for sku in ("tea", "cup", "lid")}
    assert held == {
        sku: sum(line.quantity * line.parts.get(sku, 0) for line in reservation.lines) for sku in ("tea", "cup", "lid")
    }
