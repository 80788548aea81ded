"""The rules of stock and reservations, without a database: whatever is asked in whatever order, the books stay right."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from chassis.domain import new_id
from chassis.testing import MORNING, cause
from contracts import Money
from contracts.inventory import RefusalReason, StockReservationFailed, StockReserved
from contracts.order import CancelReason, OrderCancelled, OrderPlaced, ShipmentDispatched
from contracts.types import Allocation, Destination, Line, OrderLine
from inventory.model import (
    TRANSITIONS,
    AdjustStock,
    ChangeProduct,
    InsufficientStockError,
    MovementKind,
    NotHeldError,
    OfferProduct,
    Product,
    Reservation,
    ReservationStatus,
    Shelves,
    Stock,
    UnknownProductError,
    UnknownWarehouseError,
    VersionMismatchError,
)

EURO = Money(amount=100, currency="EUR")
COUNTRIES = {"berlin": "DE", "lyon": "FR", "porto": "PT"}
Row = tuple[str, str, int]


def shelves(*rows: Row, inactive: Sequence[str] = ()) -> Shelves:
    stock = [Stock(sku=sku, warehouse_id=place, on_hand=units, reserved=0) for sku, place, units in rows]
    return Shelves(stock, {sku: sku not in inactive for sku, _, _ in rows}, COUNTRIES)


def placed(*lines: tuple[str, int], country: str = "DE", order_id: UUID | None = None) -> OrderPlaced:
    items = [
        OrderLine(product_id=sku, quantity=quantity, item_id=new_id(), price=EURO, subtotal=EURO) for sku, quantity in lines
    ]
    return OrderPlaced(
        order_id=order_id or new_id(),
        user_id="anna",
        order_date=MORNING,
        items=items,
        total_amount=EURO,
        destination=Destination(country=country),
    )


def cancelled(order_id: UUID) -> OrderCancelled:
    return OrderCancelled(order_id=order_id, user_id="anna", reason=CancelReason.CUSTOMER, total_amount=EURO)


def dispatched(order_id: UUID, warehouse_id: str, *lines: tuple[str, int]) -> ShipmentDispatched:
    return ShipmentDispatched(
        order_id=order_id,
        user_id="anna",
        shipment_id=new_id(),
        warehouse_id=warehouse_id,
        lines=[Line(product_id=sku, quantity=quantity) for sku, quantity in lines],
        amount=EURO,
    )


def parcels(event: StockReserved | StockReservationFailed) -> dict[str, dict[str, int]]:
    assert isinstance(event, StockReserved), event
    return {part.warehouse_id: {line.product_id: line.quantity for line in part.lines} for part in event.allocations}


def counters(there: Shelves, sku: str) -> dict[str, tuple[int, int]]:
    return {row.warehouse_id: (row.on_hand, row.reserved) for row in there.of(sku)}


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
            st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(COUNTRIES))), st.integers(0, 5), min_size=1
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
            alone = [p for p in COUNTRIES if all(stock.get((sku, p), 0) >= n for sku, n in wanted.items())]
            near = [place for place in alone if COUNTRIES[place] == country]
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


WISHES = {
    ReservationStatus.RELEASED: lambda one, there: one.release(there, cause()),
    ReservationStatus.PARTLY_SHIPPED: lambda one, there: one.ship(
        dispatched(one.order_id, "berlin", ("tea", 1)), there, cause()
    ),
    ReservationStatus.SHIPPED: lambda one, there: one.ship(dispatched(one.order_id, "berlin", ("tea", 2)), there, cause()),
}


@pytest.mark.parametrize("wish", list(WISHES))
@pytest.mark.parametrize("status", list(ReservationStatus))
def test_every_pair_of_statuses(status: ReservationStatus, wish: ReservationStatus) -> None:
    there = shelves(("tea", "berlin", 9))
    reservation, _ = Reservation.place(placed(("tea", 3 if wish is ReservationStatus.PARTLY_SHIPPED else 2)), there, cause())
    reservation.status = status.value
    before = counters(there, "tea")
    if wish in TRANSITIONS[status]:
        WISHES[wish](reservation, there)
        assert reservation.status == wish
        assert counters(there, "tea") != before
    else:
        if wish is ReservationStatus.RELEASED:
            WISHES[wish](reservation, there)
        else:
            with pytest.raises(NotHeldError):
                WISHES[wish](reservation, there)
        assert reservation.status == status
        assert counters(there, "tea") == before


class TestProduct:
    def offer(self) -> Product:
        return Product.offer(OfferProduct("tea", "Tea", "Green", EURO, active=True), cause())[0]

    def test_tells_all_of_itself(self) -> None:
        product, event = Product.offer(OfferProduct("tea", "Tea", "Green", EURO, active=True), cause())
        assert (event.sku, event.name, event.description, event.price, event.active) == ("tea", "Tea", "Green", EURO, True)
        assert product.version == 1

    def test_changes_what_is_said_and_keeps_the_rest(self) -> None:
        product = self.offer()
        event = product.change(ChangeProduct("tea", active=False), cause())
        assert event is not None
        assert (event.active, event.price, product.version) == (False, EURO, 2)

    def test_says_nothing_where_nothing_changes(self) -> None:
        product = self.offer()
        assert product.change(ChangeProduct("tea", name="Tea", price=EURO), cause()) is None
        assert product.version == 1

    def test_refuses_a_change_of_another_version(self) -> None:
        product = self.offer()
        with pytest.raises(VersionMismatchError):
            product.change(ChangeProduct("tea", name="Black tea", expected=frozenset({7})), cause())
        assert (product.name, product.version) == ("Tea", 1)


class Books(RuleBasedStateMachine):
    """Places, cancels (sometimes first), ships and adjusts in any order, each event up to twice."""

    orders: Bundle[OrderPlaced] = Bundle("orders")
    waiting: Bundle[OrderPlaced] = Bundle("waiting")

    def __init__(self) -> None:
        super().__init__()
        self.shelves = shelves(*((sku, place, 4) for sku in "ab" for place in COUNTRIES))
        self.opening = {(sku, place): 4 for sku in "ab" for place in COUNTRIES}
        self.reservations: dict[UUID, Reservation] = {}
        self.barred: set[UUID] = set()

    def hear_placed(self, event: OrderPlaced) -> None:
        if event.order_id not in self.reservations:
            self.reservations[event.order_id], _ = Reservation.place(event, self.shelves, cause())

    @rule(
        target=orders,
        lines=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), min_size=1, max_size=3),
        country=st.sampled_from(["DE", "FR", "SE"]),
    )
    def place(self, lines: list[tuple[str, int]], country: str) -> OrderPlaced:
        event = placed(*lines, country=country)
        self.hear_placed(event)
        return event

    @rule(target=waiting, lines=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), min_size=1, max_size=2))
    def cancel_before_it_is_placed(self, lines: list[tuple[str, int]]) -> OrderPlaced:
        event = placed(*lines)
        self.barred.add(event.order_id)
        self.reservations[event.order_id] = Reservation.bar(cancelled(event.order_id), cause())
        assert self.reservations[event.order_id].release(self.shelves, cause()).lines == []
        return event

    @rule(target=orders, event=consumes(waiting))
    def place_late(self, event: OrderPlaced) -> OrderPlaced:
        self.hear_placed(event)
        return event

    @rule(event=orders)
    def place_again(self, event: OrderPlaced) -> None:
        self.hear_placed(event)

    @rule(event=orders)
    def cancel(self, event: OrderPlaced) -> None:
        reservation = self.reservations[event.order_id]
        held = sum(line.open for line in reservation.lines) if reservation.is_live else 0
        assert sum(line.quantity for line in reservation.release(self.shelves, cause()).lines) == held

    @rule(event=orders, data=st.data())
    def ship(self, event: OrderPlaced, data: st.DataObject) -> None:
        reservation = self.reservations[event.order_id]
        live = [line for line in reservation.lines if line.open and reservation.is_live]
        if live:
            line = data.draw(st.sampled_from(live))
            units = data.draw(st.integers(1, line.open))
            parcel = dispatched(event.order_id, line.warehouse_id, (line.product_id, units))
            assert reservation.ship(parcel, self.shelves, cause()) is not None
            assert reservation.ship(parcel, self.shelves, cause()) is None

    @rule(sku=st.sampled_from("ab"), place=st.sampled_from(sorted(COUNTRIES)), delta=st.integers(-5, 5).filter(bool))
    def adjust(self, sku: str, place: str, delta: int) -> None:
        before = counters(self.shelves, sku)[place]
        try:
            self.shelves.adjust(AdjustStock(sku, place, delta, "count", MovementKind.ADJUSTED), cause())
        except InsufficientStockError:
            assert before[0] + delta < before[1]
            assert counters(self.shelves, sku)[place] == before

    @invariant()
    def counters_are_what_the_ledger_adds_up_to(self) -> None:
        for sku in "ab":
            for row in self.shelves.of(sku):
                posted = [m for m in self.shelves.movements if (m.sku, m.warehouse_id) == (sku, row.warehouse_id)]
                opening = self.opening[sku, row.warehouse_id]
                assert row.on_hand == opening + sum(m.on_hand_delta for m in posted)
                assert row.reserved == sum(m.reserved_delta for m in posted)
                assert 0 <= row.reserved <= row.on_hand

    @invariant()
    def what_is_reserved_is_what_live_orders_hold(self) -> None:
        for sku in "ab":
            for row in self.shelves.of(sku):
                assert row.reserved == sum(
                    line.open
                    for one in self.reservations.values()
                    if one.is_live
                    for line in one.lines
                    if (line.product_id, line.warehouse_id) == (sku, row.warehouse_id)
                )

    @invariant()
    def a_barred_order_never_holds_anything(self) -> None:
        assert all(self.reservations[one].lines == [] for one in self.barred)


TestBooks = Books.TestCase


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
