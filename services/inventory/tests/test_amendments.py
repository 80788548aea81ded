"""Changes of orders in the model: additions are held whole or refused, what is taken out is given back, parcels move."""

from uuid import UUID

import pytest

from chassis.domain import new_id
from chassis.testing import cause
from contracts.inventory import (
    AdditionRefused,
    AdditionReserved,
    RefusalReason,
    ShipmentMoved,
    ShipmentMoveRefused,
)
from contracts.order import ChangeKind
from inventory.model import (
    AMENDMENT_TRANSITIONS,
    Amendment,
    AmendmentStatus,
    NotHeldError,
    Reservation,
    ReservationStatus,
    Shelves,
)

from .facts import cancelled, changed, dispatched, move, placed, requested, withdrawn
from .stockroom import came_in, counters, parcels, shelves, units

SET = {"set": {"tea": 2, "cup": 1}}


def holding(there: Shelves, *wanted: tuple[str, int]) -> Reservation:
    return Reservation.place(placed(*wanted), there, cause())[0]


def add(
    reservation: Reservation, there: Shelves, *wanted: tuple[str, int]
) -> tuple[Amendment, AdditionReserved | AdditionRefused | None, UUID]:
    event = requested(reservation.order_id, *wanted)
    amendment, answer = Amendment.request(event, reservation, there, cause())
    return amendment, answer, event.change_id


class TestAdditions:
    def test_holds_what_is_added_beside_what_is_held(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "lyon", 1))
        reservation = holding(there, ("tea", 1))
        amendment, answer, change_id = add(reservation, there, ("tea", 2), ("cup", 1))
        assert isinstance(answer, AdditionReserved)
        assert parcels(answer) == {"berlin": {"tea": 2}, "lyon": {"cup": 1}}
        assert (answer.change_id, amendment.status) == (change_id, "held")
        assert counters(there, "tea") == {"berlin": (5, 3)}

    def test_holds_nothing_of_it_when_a_line_is_short(self) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 1))
        reservation = holding(there, ("tea", 1))
        amendment, answer, _ = add(reservation, there, ("tea", 2), ("cup", 2))
        assert isinstance(answer, AdditionRefused)
        assert (answer.reason, units_short(answer)) == (RefusalReason.OUT_OF_STOCK, {"cup": (2, 1)})
        assert (amendment.status, counters(there, "tea")) == ("refused", {"berlin": (5, 1)})
        assert len(reservation.lines) == 1

    def test_may_wait_like_an_order(self) -> None:
        there = shelves(("tea", "berlin", 3), backorder=["tea"])
        reservation = holding(there, ("tea", 2))
        _, answer, _ = add(reservation, there, ("tea", 4))
        assert isinstance(answer, AdditionReserved)
        assert (parcels(answer), units(answer.backordered)) == ({"berlin": {"tea": 1}}, {"tea": 3})
        assert there.waiting("tea") == 3

    def test_does_not_take_what_its_own_order_waits_for(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        reservation = holding(there, ("tea", 3))
        came_in(there, "tea", "berlin", 2)
        _, answer, _ = add(reservation, there, ("tea", 1))
        assert isinstance(answer, AdditionReserved)
        assert units(answer.backordered) == {"tea": 1}

    def test_is_held_after_all_that_was_ordered_before_has_left(self) -> None:
        there = shelves(("tea", "berlin", 3))
        reservation = holding(there, ("tea", 1))
        reservation.ship(dispatched(reservation.order_id, "berlin", ("tea", 1)), there, cause())
        add(reservation, there, ("tea", 1))
        assert reservation.status == ReservationStatus.PARTLY_SHIPPED
        assert counters(there, "tea") == {"berlin": (2, 1)}

    def test_is_given_back_when_it_is_withdrawn(self) -> None:
        there = shelves(("tea", "berlin", 3), ("cup", "berlin", 1), backorder=["cup"])
        reservation = holding(there, ("tea", 1))
        amendment, _, change_id = add(reservation, there, ("tea", 1), ("cup", 3))
        released = amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause())
        assert released is not None
        assert units(released.lines) == {"tea": 1, "cup": 1}
        assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (3, 1)}, {"berlin": (1, 0)})
        assert (there.waiting("cup"), reservation.waiting, amendment.status) == (0, [], "released")
        assert amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause()) is None

    def test_one_that_was_refused_is_answered_when_it_is_withdrawn(self) -> None:
        there = shelves(("tea", "berlin", 1))
        reservation = holding(there, ("tea", 1))
        amendment, _, change_id = add(reservation, there, ("tea", 1))
        released = amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause())
        assert released is not None
        assert released.lines == []

    def test_is_the_orders_once_it_came_about(self) -> None:
        there = shelves(("tea", "berlin", 3))
        reservation = holding(there, ("tea", 1))
        amendment, _, change_id = add(reservation, there, ("tea", 1))
        with pytest.raises(NotHeldError):
            reservation.ship(dispatched(reservation.order_id, "berlin", ("tea", 2)), there, cause())
        amendment.keep(reservation, there, cause())
        amendment.keep(reservation, there, cause())
        assert amendment.status == "kept"
        assert amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause()) is None
        assert reservation.ship(dispatched(reservation.order_id, "berlin", ("tea", 2)), there, cause()) is not None
        assert counters(there, "tea") == {"berlin": (1, 0)}

    def test_the_order_ends_with_its_additions_in_one(self) -> None:
        there = shelves(("tea", "berlin", 3), backorder=["tea"])
        reservation = holding(there, ("tea", 1))
        amendment, _, change_id = add(reservation, there, ("tea", 4))
        assert units(reservation.release(there, cause()).lines) == {"tea": 3}
        assert (counters(there, "tea"), there.waiting("tea")) == ({"berlin": (3, 0)}, 0)
        released = amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause())
        assert released is not None
        assert released.lines == []

    @pytest.mark.parametrize("end", ["cancelled", "barred", "refused"])
    def test_comes_too_late_for_an_order_that_is_over(self, end: str) -> None:
        there = shelves(("tea", "berlin", 3))
        reservation = {
            "cancelled": lambda: holding(there, ("tea", 1)),
            "barred": lambda: Reservation.bar(cancelled(new_id()), cause()),
            "refused": lambda: holding(there, ("tea", 9)),
        }[end]()
        if end == "cancelled":
            reservation.release(there, cause())
        amendment, answer, _ = add(reservation, there, ("tea", 1))
        assert (answer, amendment.status) == (None, "refused")
        assert counters(there, "tea") == {"berlin": (3, 0)}
        amendment.keep(reservation, there, cause())
        assert amendment.status == "refused"
        assert amendment.withdraw(withdrawn(amendment.order_id, amendment.change_id), reservation, there, cause()) is not None

    def test_one_that_came_about_without_being_held_is_a_case_for_a_person(self) -> None:
        there = shelves(("tea", "berlin", 1))
        reservation = holding(there, ("tea", 1))
        amendment, _, _ = add(reservation, there, ("tea", 1))
        with pytest.raises(NotHeldError):
            amendment.keep(reservation, there, cause())


def units_short(event: AdditionRefused | ShipmentMoveRefused) -> dict[str, tuple[int, int]]:
    return {one.product_id: (one.requested, one.available) for one in event.shortages}


class TestReductions:
    def test_gives_back_what_it_names(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 4))
        event = changed(reservation.order_id, released={"lyon": {"tea": 1}})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert (reduced.change_id, units(reduced.lines)) == (event.change_id, {"tea": 1})
        assert counters(there, "tea") == {"berlin": (2, 2), "lyon": (2, 1)}
        assert sum(line.quantity for line in reservation.lines) == 3

    def test_the_rest_is_cancelled_and_what_left_has_left(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 4))
        reservation.ship(dispatched(reservation.order_id, "lyon", ("tea", 2)), there, cause())
        event = changed(reservation.order_id, ChangeKind.REST_CANCELLED, released={"berlin": {"tea": 2}})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert units(reduced.lines) == {"tea": 2}
        assert reservation.status == ReservationStatus.SHIPPED
        assert counters(there, "tea") == {"berlin": (2, 0), "lyon": (0, 0)}

    def test_gives_up_waiting_and_that_is_nothing_on_sale(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        reservation = holding(there, ("tea", 4))
        event = changed(reservation.order_id, released_backorders={"tea": 2})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert reduced.lines == []
        assert (there.waiting("tea"), [line.quantity for line in reservation.waiting]) == (1, [1])

    def test_gives_back_what_came_in_while_it_was_given_up(self) -> None:
        """The order gave up waiting for what was being held for it: that unit goes back, not one it still has to get."""
        there = shelves(("tea", "berlin", 1), ("tea", "lyon", 0), backorder=["tea"])
        reservation = holding(there, ("tea", 2))
        came_in(there, "tea", "lyon", 1)
        reservation.arrive(reservation.waiting[0], {"lyon": {"tea": 1}}, there, cause())
        event = changed(reservation.order_id, released_backorders={"tea": 1})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert units(reduced.lines) == {"tea": 1}
        assert counters(there, "tea") == {"berlin": (1, 1), "lyon": (1, 0)}

    def test_gives_back_what_came_in_unseen_and_not_what_was_moved_meanwhile(self) -> None:
        """The order moves a parcel it knows of, while what it gives up waiting for comes in elsewhere."""
        there = shelves(*((("tea", place, 0)) for place in ("berlin", "lyon", "porto")), backorder=["tea"])
        reservation = holding(there, ("tea", 2))
        for place in ("berlin", "lyon"):
            came_in(there, "tea", place, 1)
            reservation.arrive(reservation.waiting[0], {place: {"tea": 1}}, there, cause())
        came_in(there, "tea", "porto", 1)
        parcel = move(reservation.order_id, "berlin", "porto", ("tea", 1))
        assert isinstance(Amendment.move(parcel, reservation, there, cause())[1], ShipmentMoved)
        event = changed(reservation.order_id, released_backorders={"tea": 1})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert units(reduced.lines) == {"tea": 1}
        assert counters(there, "tea") == {"berlin": (1, 0), "lyon": (1, 0), "porto": (1, 1)}
        sent = dispatched(reservation.order_id, "porto", ("tea", 1), shipment_id=parcel.shipment_id)
        assert reservation.ship(sent, there, cause()) is not None

    def test_finds_what_moved_away_meanwhile(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 2))
        Amendment.move(move(reservation.order_id, "berlin", "lyon", ("tea", 2)), reservation, there, cause())
        Amendment.conclude(changed(reservation.order_id, released={"berlin": {"tea": 1}}), reservation, there, cause())
        assert counters(there, "tea") == {"berlin": (2, 0), "lyon": (2, 1)}

    def test_does_not_touch_what_another_change_wants_to_add(self) -> None:
        there = shelves(("tea", "berlin", 4))
        reservation = holding(there, ("tea", 1))
        add(reservation, there, ("tea", 2))
        event = changed(reservation.order_id, released={"berlin": {"tea": 2}})
        with pytest.raises(NotHeldError):
            Amendment.conclude(event, reservation, there, cause())
        assert counters(there, "tea") == {"berlin": (4, 3)}

    @pytest.mark.parametrize(
        ("released", "backorders"),
        [({"lyon": {"tea": 1}}, {}), ({"berlin": {"tea": 3}}, {}), ({"berlin": {"cup": 1}}, {}), ({}, {"tea": 1})],
    )
    def test_changes_nothing_where_it_names_what_is_not_held(
        self, released: dict[str, dict[str, int]], backorders: dict[str, int]
    ) -> None:
        there = shelves(("tea", "berlin", 9), ("tea", "lyon", 9), ("cup", "berlin", 9))
        reservation = holding(there, ("tea", 2))
        event = changed(reservation.order_id, released=released, released_backorders=backorders)
        with pytest.raises(NotHeldError):
            Amendment.conclude(event, reservation, there, cause())
        assert (counters(there, "tea"), reservation.version) == ({"berlin": (9, 2), "lyon": (9, 0)}, 1)

    def test_comes_too_late_for_a_cancelled_order(self) -> None:
        there = shelves(("tea", "berlin", 2))
        reservation = holding(there, ("tea", 2))
        reservation.release(there, cause())
        event = changed(reservation.order_id, released={"berlin": {"tea": 1}})
        _, reduced = Amendment.conclude(event, reservation, there, cause())
        assert reduced.lines == []
        assert counters(there, "tea") == {"berlin": (2, 0)}


class TestMoves:
    def test_holds_it_there_instead(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 2))
        event = move(reservation.order_id, "berlin", "lyon", ("tea", 2))
        amendment, answer = Amendment.move(event, reservation, there, cause())
        assert isinstance(answer, ShipmentMoved)
        assert (answer.move_id, answer.warehouse_id, amendment.status) == (event.move_id, "lyon", "done")
        assert counters(there, "tea") == {"berlin": (2, 0), "lyon": (2, 2)}
        assert reservation.ship(dispatched(reservation.order_id, "lyon", ("tea", 2)), there, cause()) is not None

    def test_moves_all_or_nothing(self) -> None:
        there = shelves(("tea", "berlin", 2), ("cup", "berlin", 2), ("tea", "lyon", 1), ("cup", "lyon", 2))
        reservation = holding(there, ("tea", 2), ("cup", 2))
        amendment, answer = Amendment.move(
            move(reservation.order_id, "berlin", "lyon", ("tea", 2), ("cup", 2)), reservation, there, cause()
        )
        assert isinstance(answer, ShipmentMoveRefused)
        assert (units_short(answer), amendment.status) == ({"tea": (2, 1)}, "refused")
        assert (counters(there, "tea"), reservation.version) == ({"berlin": (2, 2), "lyon": (1, 0)}, 1)

    def test_moves_bundles_with_all_they_are_made_of(self) -> None:
        rows = [(sku, place, 4) for sku in ("tea", "cup") for place in ("berlin", "lyon")]
        there = shelves(*rows, bundles=SET)
        reservation = holding(there, ("set", 2))
        event = move(reservation.order_id, "berlin", "lyon", ("set", 1))
        assert isinstance(Amendment.move(event, reservation, there, cause())[1], ShipmentMoved)
        assert counters(there, "tea") == {"berlin": (4, 2), "lyon": (4, 2)}
        assert counters(there, "cup") == {"berlin": (4, 1), "lyon": (4, 1)}
        three = move(reservation.order_id, "berlin", "porto", ("set", 1))
        answer = Amendment.move(three, reservation, there, cause())[1]
        assert isinstance(answer, ShipmentMoveRefused)
        assert units_short(answer) == {"set": (1, 0)}

    @pytest.mark.parametrize("why", ["not held there", "left already", "cancelled"])
    def test_refuses_what_cannot_move(self, why: str) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 2))
        event = move(reservation.order_id, "lyon" if why == "not held there" else "berlin", "porto", ("tea", 1))
        if why == "left already":
            parcel = dispatched(reservation.order_id, "berlin", ("tea", 1), shipment_id=event.shipment_id)
            reservation.ship(parcel, there, cause())
        if why == "cancelled":
            reservation.release(there, cause())
        before = counters(there, "tea")
        assert isinstance(Amendment.move(event, reservation, there, cause())[1], ShipmentMoveRefused)
        assert counters(there, "tea") == before

    def test_a_parcel_that_crossed_its_move_leaves_from_where_it_was(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 2))
        event = move(reservation.order_id, "berlin", "lyon", ("tea", 2))
        Amendment.move(event, reservation, there, cause())
        parcel = dispatched(reservation.order_id, "berlin", ("tea", 2), shipment_id=event.shipment_id)
        assert reservation.ship(parcel, there, cause()) is not None
        assert counters(there, "tea") == {"berlin": (0, 0), "lyon": (2, 0)}
        assert reservation.status == ReservationStatus.SHIPPED

    def test_one_whose_units_were_promised_to_another_meanwhile_is_a_case_for_a_person(self) -> None:
        there = shelves(("tea", "berlin", 2), ("tea", "lyon", 2))
        reservation = holding(there, ("tea", 2))
        event = move(reservation.order_id, "berlin", "lyon", ("tea", 2))
        Amendment.move(event, reservation, there, cause())
        holding(there, ("tea", 1))
        parcel = dispatched(reservation.order_id, "berlin", ("tea", 2), shipment_id=event.shipment_id)
        with pytest.raises(NotHeldError):
            reservation.ship(parcel, there, cause())
        assert counters(there, "tea") == {"berlin": (2, 1), "lyon": (2, 2)}


def test_an_amendment_goes_only_where_its_table_says() -> None:
    for status, ways in AMENDMENT_TRANSITIONS.items():
        there = shelves(("tea", "berlin", 3))
        reservation = holding(there, ("tea", 1))
        amendment, _, change_id = add(reservation, there, ("tea", 1))
        amendment.status = status.value
        answered = amendment.withdraw(withdrawn(reservation.order_id, change_id), reservation, there, cause())
        assert (answered is not None) == (AmendmentStatus.RELEASED in ways)
        assert (amendment.status != status) == (AmendmentStatus.RELEASED in ways)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_request_withdrawal_and_cancellation_commute(order: tuple[int, int, int]) -> None:
    """In every order of arrival nothing is held in the end, and everything that was held went back on sale."""
    there = shelves(("tea", "berlin", 3), backorder=["tea"])
    reservation = holding(there, ("tea", 1))
    event = requested(reservation.order_id, ("tea", 4))
    amendments: list[Amendment] = []

    def request() -> None:
        if not amendments:
            amendments.append(Amendment.request(event, reservation, there, cause())[0])

    def withdraw() -> None:
        fact = withdrawn(reservation.order_id, event.change_id)
        if amendments:
            amendments[0].withdraw(fact, reservation, there, cause())
        else:
            amendments.append(Amendment.bar(fact, cause())[0])

    def cancel() -> None:
        reservation.release(there, cause())

    steps = [request, withdraw, cancel]
    for step in order:
        steps[step]()
    assert (counters(there, "tea"), there.waiting("tea")) == ({"berlin": (3, 0)}, 0)
    assert reservation.waiting == []
