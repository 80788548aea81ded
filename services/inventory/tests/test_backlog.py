"""Backorders in the model: the part in stock is held, the rest waits; what comes in goes to the oldest order first."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chassis.testing import MORNING, cause
from contracts.inventory import BackorderAllocated, StockReservationFailed, StockReserved
from inventory.model import Amendment, Reservation, Shelves, serve_backlog
from inventory.model.routing import Nearest

from .facts import placed, requested, withdrawn
from .stockroom import came_in, counters, parcels, shelves, units

SET = {"set": {"tea": 2, "cup": 1}}


def order(there: Shelves, *wanted: tuple[str, int], minute: int = 0, country: str = "DE") -> tuple[Reservation, StockReserved]:
    event = placed(*wanted, at=MORNING + timedelta(minutes=minute), country=country)
    reservation, answer = Reservation.place(event, there, cause())
    assert isinstance(answer, StockReserved)
    return reservation, answer


def serve(there: Shelves, sku: str, *waiting: Reservation) -> Sequence[BackorderAllocated]:
    return serve_backlog(sku, waiting, there, {}, cause())


class TestWaiting:
    def test_holds_what_is_there_and_waits_for_the_rest(self) -> None:
        there = shelves(("tea", "berlin", 3), ("tea", "lyon", 1), backorder=["tea"])
        reservation, event = order(there, ("tea", 6))
        assert parcels(event) == {"berlin": {"tea": 3}, "lyon": {"tea": 1}}
        assert units(event.backordered) == {"tea": 2}
        assert (there.free("tea"), there.waiting("tea")) == (0, 2)
        assert [line.document() for line in reservation.waiting] == [
            {"product_id": "tea", "quantity": 2, "since": MORNING.isoformat(), "country": "DE"}
        ]

    def test_may_wait_for_all_of_it_also_where_there_was_never_any(self) -> None:
        there = shelves(backorder=["tea"])
        reservation, event = order(there, ("tea", 2))
        assert (event.allocations, units(event.backordered)) == ([], {"tea": 2})
        assert (reservation.status, there.due) == ("held", {"tea"})

    def test_one_line_that_cannot_wait_refuses_the_order(self) -> None:
        there = shelves(("cup", "berlin", 1), backorder=["tea"])
        _, event = Reservation.place(placed(("tea", 2), ("cup", 2)), there, cause())
        assert isinstance(event, StockReservationFailed)
        assert [(one.product_id, one.available) for one in event.shortages] == [("cup", 1)]
        assert there.waiting("tea") == 0

    def test_nobody_waits_for_more_than_there_can_be(self) -> None:
        _, event = Reservation.place(placed(("tea", 10**30)), shelves(backorder=["tea"]), cause())
        assert isinstance(event, StockReservationFailed)

    def test_a_new_order_does_not_get_what_others_wait_for(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        order(there, ("tea", 3))
        came_in(there, "tea", "berlin", 3)
        _, event = order(there, ("tea", 2), minute=1)
        assert (parcels(event), units(event.backordered)) == ({"berlin": {"tea": 1}}, {"tea": 1})

    def test_a_product_that_no_longer_may_wait_is_kept_for_those_who_do(self) -> None:
        there = shelves(("tea", "berlin", 3), waiting={"tea": 2})
        _, event = Reservation.place(placed(("tea", 2)), there, cause())
        assert isinstance(event, StockReservationFailed)
        assert event.shortages[0].available == 1

    def test_a_cancelled_order_waits_no_more(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        reservation, _ = order(there, ("tea", 3))
        assert units(reservation.release(there, cause()).lines) == {"tea": 1}
        assert (reservation.waiting, there.waiting("tea"), there.free("tea")) == ([], 0, 1)


class TestServing:
    def test_the_oldest_order_is_served_first(self) -> None:
        there = shelves(("tea", "berlin", 0), backorder=["tea"])
        young, _ = order(there, ("tea", 2), minute=5)
        old, _ = order(there, ("tea", 2), minute=1)
        came_in(there, "tea", "berlin", 3)
        events = serve(there, "tea", young, old)
        assert {event.order_id: (parcels(event), units(event.waiting)) for event in events} == {
            old.order_id: ({"berlin": {"tea": 2}}, {}),
            young.order_id: ({"berlin": {"tea": 1}}, {"tea": 1}),
        }
        assert there.waiting("tea") == 1

    def test_in_part_and_from_several_warehouses(self) -> None:
        there = shelves(("tea", "berlin", 0), ("tea", "lyon", 0), backorder=["tea"])
        reservation, _ = order(there, ("tea", 5))
        came_in(there, "tea", "berlin", 1)
        came_in(there, "tea", "lyon", 2)
        (event,) = serve(there, "tea", reservation)
        assert (parcels(event), units(event.waiting)) == ({"lyon": {"tea": 2}, "berlin": {"tea": 1}}, {"tea": 2})
        assert counters(there, "tea") == {"berlin": (1, 1), "lyon": (2, 2)}
        assert all(line.arrived for line in reservation.lines)

    def test_by_the_rules_for_where_the_order_goes(self) -> None:
        there = shelves(("tea", "berlin", 0), ("tea", "lyon", 0), backorder=["tea"], rules=[Nearest()])
        reservation, _ = order(there, ("tea", 1), country="FR")
        came_in(there, "tea", "berlin", 5)
        came_in(there, "tea", "lyon", 5)
        (event,) = serve(there, "tea", reservation)
        assert parcels(event) == {"lyon": {"tea": 1}}

    def test_nothing_is_told_where_nothing_came(self) -> None:
        there = shelves(("tea", "berlin", 0), backorder=["tea"])
        reservation, _ = order(there, ("tea", 1))
        assert serve(there, "tea", reservation) == []
        assert reservation.version == 1

    def test_a_bundle_gets_all_of_its_components_or_lets_others_pass(self) -> None:
        there = shelves(("tea", "berlin", 0), ("cup", "berlin", 0), bundles=SET, backorder=["set", "tea"])
        bundle, _ = order(there, ("set", 1), minute=0)
        alone, _ = order(there, ("tea", 1), minute=1)
        came_in(there, "tea", "berlin", 3)
        (event,) = serve(there, "tea", bundle, alone)
        assert (event.order_id, parcels(event)) == (alone.order_id, {"berlin": {"tea": 1}})
        came_in(there, "cup", "berlin", 1)
        (event,) = serve(there, "cup", bundle, alone)
        assert (event.order_id, parcels(event)) == (bundle.order_id, {"berlin": {"set": 1}})
        assert (counters(there, "tea"), counters(there, "cup")) == ({"berlin": (3, 3)}, {"berlin": (1, 1)})
        assert there.waiting("tea") == there.waiting("cup") == 0

    def test_a_withdrawn_product_still_reaches_those_who_wait(self) -> None:
        there = shelves(("tea", "berlin", 0), backorder=["tea"])
        reservation, _ = order(there, ("tea", 1))
        gone = shelves(("tea", "berlin", 1), inactive=["tea"], waiting={"tea": 1})
        assert len(serve(gone, "tea", reservation)) == 1

    def test_a_change_that_is_not_decided_keeps_its_place_and_its_units(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        older, _ = order(there, ("tea", 1))
        fact = requested(older.order_id, ("tea", 2))
        amendment, _ = Amendment.request(fact, older, there, cause())
        younger, _ = order(there, ("tea", 2), minute=9)
        came_in(there, "tea", "berlin", 3)
        (event,) = serve(there, "tea", older, younger)
        assert (event.order_id, parcels(event)) == (younger.order_id, {"berlin": {"tea": 1}})
        amendment.keep(older, there, cause())
        assert there.due == {"tea"}
        (event,) = serve(there, "tea", older, younger)
        assert (event.order_id, parcels(event)) == (older.order_id, {"berlin": {"tea": 2}})

    def test_a_withdrawn_change_makes_room_for_those_behind_it(self) -> None:
        there = shelves(("tea", "berlin", 1), backorder=["tea"])
        older, _ = order(there, ("tea", 1))
        fact = requested(older.order_id, ("tea", 2))
        amendment, _ = Amendment.request(fact, older, there, cause())
        younger, _ = order(there, ("tea", 1), minute=9)
        came_in(there, "tea", "berlin", 1)
        assert serve(there, "tea", older, younger) == []
        there.came_in.clear()
        amendment.withdraw(withdrawn(older.order_id, fact.change_id), older, there, cause())
        assert there.came_in == {"tea"}
        assert [event.order_id for event in serve(there, "tea", older, younger)] == [younger.order_id]

    def test_one_that_an_older_version_cancelled_gives_up_its_place(self) -> None:
        there = shelves(("tea", "berlin", 0), backorder=["tea"])
        reservation, _ = order(there, ("tea", 2))
        reservation.status = "released"
        came_in(there, "tea", "berlin", 2)
        assert serve(there, "tea", reservation) == []
        assert (reservation.waiting, there.waiting("tea")) == ([], 0)
        assert [event.available for event in there.risen()] == [2]

    @given(
        wanted=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), min_size=1, max_size=8),
        deliveries=st.lists(st.tuples(st.sampled_from(["berlin", "lyon"]), st.integers(1, 5)), max_size=6),
    )
    def test_no_younger_order_has_what_an_older_one_waits_for(
        self, wanted: list[tuple[int, int]], deliveries: list[tuple[str, int]]
    ) -> None:
        there = shelves(("tea", "berlin", 0), ("tea", "lyon", 0), backorder=["tea"])
        orders = [order(there, ("tea", quantity), minute=minute)[0] for minute, quantity in wanted]
        queue = sorted(orders, key=lambda one: (one.waiting[0].since, one.order_id))
        for place, quantity in deliveries:
            came_in(there, "tea", place, quantity)
            serve(there, "tea", *orders)
            open_ = [sum(line.quantity for line in one.waiting) for one in queue]
            served = [sum(line.quantity for line in one.lines) for one in queue]
            first = next((n for n, units in enumerate(open_) if units), len(queue))
            assert not any(served[first + 1 :])
            assert there.total("tea") == 0 or first == len(queue)
