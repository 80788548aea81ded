"""The rules of stock and reservations, without a database: whatever is asked in whatever order, the books stay right."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.domain import new_id
from chassis.testing import cause
from contracts.inventory import RefusalReason, StockReservationFailed, StockReserved
from contracts.types import Allocation, Line
from inventory.model import (
    LIVE,
    TRANSITIONS,
    AdjustStock,
    ChangeProduct,
    InsufficientStockError,
    InvalidComponentsError,
    MovementKind,
    NotHeldError,
    OfferProduct,
    Product,
    Reservation,
    ReservationStatus,
    Shelves,
    TransferStock,
    UnknownProductError,
    UnknownWarehouseError,
    VersionMismatchError,
)

from .facts import EURO, cancelled, dispatched, placed
from .stockroom import PLACES, counters, parcels, shelves


class TestPlacing:
    def test_holds_every_line_and_says_so(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 3))
        reservation, event = Reservation.place(placed(("tea", 2), ("cup", 3)), there, cause())
        assert parcels(event) == {"berlin": {"tea": 2, "cup": 3}}
        assert reservation.status == ReservationStatus.HELD
        assert counters(there, "tea") == {"berlin": (5, 2)}
        assert [(one.kind, one.reserved_delta) for one in there.movements] == [("reserved", 2), ("reserved", 3)]

    def test_holds_nothing_when_one_line_is_short(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 2))
        reservation, event = Reservation.place(placed(("tea", 2), ("cup", 3)), there, cause())
        assert isinstance(event, StockReservationFailed)
        assert event.reason is RefusalReason.OUT_OF_STOCK
        assert [(one.product_id, one.requested, one.available) for one in event.shortages] == [("cup", 3, 2)]
        assert reservation.status == ReservationStatus.REFUSED
        assert there.movements == []
        assert counters(there, "tea") == {"berlin": (5, 0)}

    def test_adds_up_lines_of_one_product(self) -> None:
        there = shelves(("tea", "berlin", 5))
        _, event = Reservation.place(placed(("tea", 3), ("tea", 3)), there, cause())
        assert isinstance(event, StockReservationFailed)
        assert [(one.requested, one.available) for one in event.shortages] == [(6, 5)]

    @pytest.mark.parametrize("sku", ["gone", "never"])
    def test_knows_a_product_that_cannot_be_ordered(self, sku: str) -> None:
        there = shelves(("tea", "berlin", 5), ("gone", "berlin", 5), inactive=["gone"])
        _, event = Reservation.place(placed(("tea", 9), (sku, 1)), there, cause())
        assert isinstance(event, StockReservationFailed)
        assert event.reason is RefusalReason.UNKNOWN_PRODUCT
        assert {one.product_id: one.available for one in event.shortages} == {"tea": 5, sku: 0}

    def test_refuses_a_quantity_beyond_any_number(self) -> None:
        there = shelves(("tea", "berlin", 5))
        _, event = Reservation.place(placed(("tea", 10**30)), there, cause())
        assert isinstance(event, StockReservationFailed)


class TestRouting:
    def test_ships_from_the_destinations_country(self) -> None:
        there = shelves(("tea", "berlin", 5), ("tea", "lyon", 5))
        assert parcels(Reservation.place(placed(("tea", 1), country="FR"), there, cause())[1]) == {"lyon": {"tea": 1}}

    def test_prefers_one_parcel_to_a_near_one(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 5), ("tea", "lyon", 5))
        event = Reservation.place(placed(("tea", 1), ("cup", 1), country="FR"), there, cause())[1]
        assert parcels(event) == {"berlin": {"tea": 1, "cup": 1}}

    def test_takes_the_first_by_name_where_none_is_near(self) -> None:
        there = shelves(("tea", "porto", 5), ("tea", "lyon", 5))
        assert list(parcels(Reservation.place(placed(("tea", 1), country="SE"), there, cause())[1])) == ["lyon"]

    def test_splits_into_few_parcels(self) -> None:
        there = shelves(("tea", "berlin", 4), ("tea", "lyon", 3), ("tea", "porto", 2), ("cup", "porto", 1))
        event = Reservation.place(placed(("tea", 6), ("cup", 1), country="SE"), there, cause())[1]
        assert parcels(event) == {"berlin": {"tea": 4}, "porto": {"tea": 2, "cup": 1}}

    @given(
        stock=st.dictionaries(
            st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(PLACES))), st.integers(0, 5), min_size=1
        ),
        wanted=st.dictionaries(st.sampled_from("abc"), st.integers(1, 8), min_size=1),
        country=st.sampled_from(["DE", "FR", "SE"]),
    )
    def test_sends_exactly_what_was_ordered_and_never_more_than_is_there(
        self, stock: dict[tuple[str, str], int], wanted: dict[str, int], country: str
    ) -> None:
        there = shelves(*((sku, place, units) for (sku, place), units in stock.items()))
        _, event = Reservation.place(placed(*wanted.items(), country=country), there, cause())
        enough = all(sum(units for (one, _), units in stock.items() if one == sku) >= n for sku, n in wanted.items())
        assert isinstance(event, StockReserved) == enough
        if enough:
            sent = parcels(event)
            assert {sku: sum(part.get(sku, 0) for part in sent.values()) for sku in wanted} == wanted
            assert all(units <= stock[sku, place] for place, part in sent.items() for sku, units in part.items())
            alone = [p for p in PLACES if all(stock.get((sku, p), 0) >= n for sku, n in wanted.items())]
            near = [place for place in alone if PLACES[place].country == country]
            if alone:
                assert list(sent) == [min(near or alone)]


class TestReleasing:
    def test_gives_back_what_was_held(self) -> None:
        there = shelves(("tea", "berlin", 4), ("tea", "lyon", 4))
        reservation, _ = Reservation.place(placed(("tea", 6)), there, cause())
        event = reservation.release(there, cause())
        assert event.lines == [Line(product_id="tea", quantity=6)]
        assert reservation.status == ReservationStatus.RELEASED
        assert counters(there, "tea") == {"berlin": (4, 0), "lyon": (4, 0)}

    def test_gives_back_once(self) -> None:
        there = shelves(("tea", "berlin", 4))
        reservation, _ = Reservation.place(placed(("tea", 4)), there, cause())
        reservation.release(there, cause())
        assert reservation.release(there, cause()).lines == []
        assert counters(there, "tea") == {"berlin": (4, 0)}

    def test_keeps_what_has_left(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        event = placed(("tea", 4))
        reservation, _ = Reservation.place(event, there, cause())
        reservation.ship(dispatched(event.order_id, "berlin", ("tea", 2)), there, cause())
        assert reservation.release(there, cause()).lines == [Line(product_id="tea", quantity=2)]
        assert counters(there, "tea") == {"berlin": (0, 0), "lyon": (2, 0)}

    def test_answers_for_an_order_never_heard_of(self) -> None:
        order_id = new_id()
        reservation = Reservation.bar(cancelled(order_id), cause())
        assert reservation.status == ReservationStatus.BARRED
        assert reservation.release(shelves(), cause()).lines == []


class TestShipping:
    def test_takes_units_off_the_books(self) -> None:
        there = shelves(("tea", "berlin", 5))
        event = placed(("tea", 3))
        reservation, _ = Reservation.place(event, there, cause())
        deducted = reservation.ship(dispatched(event.order_id, "berlin", ("tea", 3)), there, cause())
        assert deducted is not None
        assert deducted.lines == [Line(product_id="tea", quantity=3)]
        assert counters(there, "tea") == {"berlin": (2, 0)}
        assert reservation.status == ReservationStatus.SHIPPED
        assert reservation.release(there, cause()).lines == []

    def test_takes_a_parcel_off_once(self) -> None:
        there = shelves(("tea", "berlin", 5))
        event = placed(("tea", 3))
        reservation, _ = Reservation.place(event, there, cause())
        parcel = dispatched(event.order_id, "berlin", ("tea", 1))
        assert reservation.ship(parcel, there, cause()) is not None
        assert reservation.ship(parcel, there, cause()) is None
        assert reservation.status == ReservationStatus.PARTLY_SHIPPED
        assert counters(there, "tea") == {"berlin": (4, 2)}

    @pytest.mark.parametrize(
        ("place", "lines"),
        [("lyon", [("tea", 1)]), ("berlin", [("tea", 4)]), ("berlin", [("cup", 1)]), ("berlin", [("tea", 1), ("tea", 3)])],
    )
    def test_refuses_a_parcel_of_what_is_not_held(self, place: str, lines: list[tuple[str, int]]) -> None:
        there = shelves(("tea", "berlin", 9), ("tea", "lyon", 9), ("cup", "berlin", 9))
        event = placed(("tea", 3))
        reservation, _ = Reservation.place(event, there, cause())
        with pytest.raises(NotHeldError):
            reservation.ship(dispatched(event.order_id, place, *lines), there, cause())
        assert counters(there, "tea") == {"berlin": (9, 3), "lyon": (9, 0)}
        assert reservation.shipments == []

    def test_refuses_a_parcel_of_a_cancelled_order(self) -> None:
        there = shelves(("tea", "berlin", 9))
        event = placed(("tea", 3))
        reservation, _ = Reservation.place(event, there, cause())
        reservation.release(there, cause())
        with pytest.raises(NotHeldError):
            reservation.ship(dispatched(event.order_id, "berlin", ("tea", 3)), there, cause())


class TestAdjusting:
    def test_never_takes_what_is_promised(self) -> None:
        there = shelves(("tea", "berlin", 5))
        Reservation.place(placed(("tea", 3)), there, cause())
        with pytest.raises(InsufficientStockError) as refused:
            there.adjust(AdjustStock("tea", "berlin", -3, "broken"), cause())
        assert refused.value.facts == {"on_hand": 5, "reserved": 3, "available": 2}
        assert there.adjust(AdjustStock("tea", "berlin", -2, "broken"), cause()).on_hand == 3
        assert [one.kind for one in there.movements] == ["reserved", "adjusted"]

    def test_names_what_it_does_not_know(self) -> None:
        there = shelves(("tea", "berlin", 5))
        with pytest.raises(UnknownProductError):
            there.adjust(AdjustStock("salt", "berlin", 1, "found"), cause())
        with pytest.raises(UnknownWarehouseError):
            there.adjust(AdjustStock("tea", "atlantis", 1, "found"), cause())
        with pytest.raises(InsufficientStockError):
            there.adjust(AdjustStock("tea", "porto", -1, "lost"), cause())

    def test_carries_what_is_promised_to_no_one(self) -> None:
        there = shelves(("tea", "berlin", 5), ("tea", "lyon", 0))
        Reservation.place(placed(("tea", 3)), there, cause())
        with pytest.raises(InsufficientStockError):
            there.transfer(TransferStock("tea", "berlin", "lyon", 3, "nearer"), cause())
        assert counters(there, "tea") == {"berlin": (5, 3), "lyon": (0, 0)}
        there.transfer(TransferStock("tea", "berlin", "lyon", 2, "nearer"), cause())
        assert counters(there, "tea") == {"berlin": (3, 3), "lyon": (2, 0)}
        assert [(one.kind, one.on_hand_delta) for one in there.movements[1:]] == [
            (MovementKind.MOVED, -2),
            (MovementKind.MOVED, 2),
        ]


def released(one: Reservation, there: Shelves) -> None:
    one.release(there, cause())


def partly_shipped(one: Reservation, there: Shelves) -> None:
    if one.status == ReservationStatus.SHIPPED:
        one.add({"tea": 1}, new_id(), placed().destination, there, cause())
    else:
        one.ship(dispatched(one.order_id, "berlin", ("tea", 1)), there, cause())


def shipped(one: Reservation, there: Shelves) -> None:
    one.ship(dispatched(one.order_id, "berlin", ("tea", 2)), there, cause())


WISHES: dict[ReservationStatus, Callable[[Reservation, Shelves], None]] = {
    ReservationStatus.RELEASED: released,
    ReservationStatus.PARTLY_SHIPPED: partly_shipped,
    ReservationStatus.SHIPPED: shipped,
}


def in_status(status: ReservationStatus, units: int, there: Shelves) -> Reservation:
    """Bring an order to a status as it comes about."""
    event = placed(("tea", units))
    match status:
        case ReservationStatus.REFUSED:
            return Reservation.place(placed(("tea", 99)), there, cause())[0]
        case ReservationStatus.BARRED:
            return Reservation.bar(cancelled(new_id()), cause())
        case ReservationStatus.PARTLY_SHIPPED:
            reservation, _ = Reservation.place(placed(("tea", units + 1), order_id=event.order_id), there, cause())
            partly_shipped(reservation, there)
        case ReservationStatus.SHIPPED:
            reservation, _ = Reservation.place(placed(("tea", 2), order_id=event.order_id), there, cause())
            shipped(reservation, there)
        case _:
            reservation, _ = Reservation.place(event, there, cause())
            if status is ReservationStatus.RELEASED:
                released(reservation, there)
    assert reservation.status == status
    return reservation


@pytest.mark.parametrize("wish", list(WISHES))
@pytest.mark.parametrize("status", list(ReservationStatus))
def test_every_pair_of_statuses(status: ReservationStatus, wish: ReservationStatus) -> None:
    there = shelves(("tea", "berlin", 9))
    reservation = in_status(status, 3 if wish is ReservationStatus.PARTLY_SHIPPED else 2, there)
    before = counters(there, "tea")
    if wish in TRANSITIONS[status]:
        WISHES[wish](reservation, there)
        assert reservation.status == wish
        assert (counters(there, "tea") != before) == (status in LIVE or wish is not ReservationStatus.RELEASED)
        return
    if wish is ReservationStatus.RELEASED:
        WISHES[wish](reservation, there)
    else:
        with pytest.raises(NotHeldError):
            WISHES[wish](reservation, there)
    assert reservation.status == status
    assert counters(there, "tea") == before


def test_whatever_may_still_hold_something_can_be_given_back() -> None:
    assert {status for status, ways in TRANSITIONS.items() if ReservationStatus.RELEASED in ways} == {
        status for status, ways in TRANSITIONS.items() if ways
    }


class Shop:
    """The rest of a catalogue."""

    def __init__(self, *products: Product, stocked: str = "") -> None:
        self._products = {product.sku: product for product in products}
        self._stocked = stocked

    def product(self, sku: str) -> Product | None:
        return self._products.get(sku)

    def is_component(self, sku: str) -> bool:
        return any(line.product_id == sku for product in self._products.values() for line in product.components)

    def is_stocked(self, sku: str) -> bool:
        return sku == self._stocked


def offered(sku: str = "tea", *parts: tuple[str, int], among: Shop | None = None) -> Product:
    wish = OfferProduct(sku, "Tea", "Green", EURO, active=True, components=made_of(*parts))
    return Product.offer(wish, among or Shop(), cause())[0]


def made_of(*parts: tuple[str, int]) -> list[Line]:
    return [Line(product_id=sku, quantity=quantity) for sku, quantity in parts]


class TestProduct:
    def test_tells_all_of_itself(self) -> None:
        wish = OfferProduct(
            "tea", "Tea", "Green", EURO, active=True, weight_grams=250, tax_class="food", backorder=True, low_stock_threshold=3
        )
        product, event = Product.offer(wish, Shop(), cause())
        assert (event.sku, event.name, event.description, event.price, event.active) == ("tea", "Tea", "Green", EURO, True)
        assert (event.weight_grams, event.tax_class, event.backorder, event.components) == (250, "food", True, [])
        assert (product.version, product.low_stock_threshold) == (1, 3)

    def test_changes_what_is_said_and_keeps_the_rest(self) -> None:
        product = offered()
        event = product.change(ChangeProduct("tea", active=False, backorder=True), Shop(), cause())
        assert event is not None
        assert (event.active, event.backorder, event.price, product.version) == (False, True, EURO, 2)

    def test_says_nothing_where_nothing_changes(self) -> None:
        product = offered()
        same = ChangeProduct("tea", name="Tea", price=EURO, low_stock_threshold=None, components=[])
        assert product.change(same, Shop(), cause()) is None
        assert product.version == 1

    def test_keeps_its_threshold_where_none_is_said_and_drops_it_where_it_is_null(self) -> None:
        product = offered()
        product.change(ChangeProduct("tea", low_stock_threshold=5), Shop(), cause())
        product.change(ChangeProduct("tea", name="Green tea"), Shop(), cause())
        assert product.low_stock_threshold == 5
        product.change(ChangeProduct("tea", low_stock_threshold=None), Shop(), cause())
        assert product.low_stock_threshold is None

    def test_refuses_a_change_of_another_version(self) -> None:
        product = offered()
        with pytest.raises(VersionMismatchError):
            product.change(ChangeProduct("tea", name="Black tea", expected=frozenset({7})), Shop(), cause())
        assert (product.name, product.version) == ("Tea", 1)

    def test_is_made_of_products_that_are_none_themselves(self) -> None:
        shop = Shop(offered("tea"), offered("cup"))
        _, event = Product.offer(
            OfferProduct("set", "Set", "", EURO, active=True, components=made_of(("tea", 2), ("cup", 1))), shop, cause()
        )
        assert event.components == made_of(("tea", 2), ("cup", 1))

    @pytest.mark.parametrize(
        ("parts", "field"),
        [
            ([("salt", 1)], "components.0.product_id"),
            ([("tea", 1), ("tea", 2)], "components.1.product_id"),
            ([("tea", 1), ("new", 1)], "components.1.product_id"),
            ([("tea", 1), ("cup", 1), ("set", 1)], "components.2.product_id"),
        ],
    )
    def test_refuses_components_by_name(self, parts: list[tuple[str, int]], field: str) -> None:
        pair = Shop(offered("tea"), offered("cup"))
        shop = Shop(offered("tea"), offered("cup"), offered("set", ("tea", 1), ("cup", 1), among=pair))
        with pytest.raises(InvalidComponentsError) as refused:
            offered("new", *parts, among=shop)
        assert [error["field"] for error in refused.value.facts["errors"]] == [field]

    @pytest.mark.parametrize("sku", ["tea", "lid"])
    def test_what_is_a_component_or_lies_in_stock_becomes_no_bundle(self, sku: str) -> None:
        tea, cup, lid = offered("tea"), offered("cup"), offered("lid")
        shop = Shop(tea, cup, lid, offered("set", ("tea", 1), among=Shop(tea)), stocked="lid")
        product = {"tea": tea, "lid": lid}[sku]
        with pytest.raises(InvalidComponentsError) as refused:
            product.change(ChangeProduct(sku, components=made_of(("cup", 1))), shop, cause())
        assert [error["field"] for error in refused.value.facts["errors"]] == ["components"]
        assert product.components == []


def test_cancelling_and_placing_commute() -> None:
    """Whichever comes first, nothing is held at the end."""
    for cancel_first in (True, False):
        there = shelves(("tea", "berlin", 4))
        event = placed(("tea", 4))
        if cancel_first:
            reservation = Reservation.bar(cancelled(event.order_id), cause())
        else:
            reservation, _ = Reservation.place(event, there, cause())
        reservation.release(there, cause())
        assert counters(there, "tea") == {"berlin": (4, 0)}
        assert not reservation.is_live


def test_allocations_of_the_event_are_the_lines_held() -> None:
    there = shelves(("tea", "berlin", 1), ("tea", "lyon", 1))
    reservation, event = Reservation.place(placed(("tea", 2), country="FR"), there, cause())
    assert isinstance(event, StockReserved)
    assert event.allocations == [
        Allocation(warehouse_id="lyon", lines=[Line(product_id="tea", quantity=1)]),
        Allocation(warehouse_id="berlin", lines=[Line(product_id="tea", quantity=1)]),
    ]
    assert [(line.warehouse_id, line.quantity) for line in reservation.lines] == [("lyon", 1), ("berlin", 1)]
