"""What comes back: once for each receipt, never more than was sent, what cannot be sold again in and out at once."""

import asyncio
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.database import Database
from chassis.testing import cause, hear_again, perform, told
from contracts.inventory import BackorderAllocated, StockBack, StockReturned, StockSoldOut
from contracts.order import Disposition
from contracts.types import Line
from inventory.handlers import deduct_stock, release_stock, reserve_stock, take_back_stock
from inventory.model import NotHeldError, NotShippedError, Reservation, Shelves, UnknownWarehouseError
from inventory.model.views import ReservationView
from inventory.store import Queries

from .books import (
    allocate,
    assert_books_agree,
    counters,
    hear,
    hear_all,
    offered,
    opened,
    received,
    reservation,
    stocked,
    waiting,
)
from .facts import came_back, cancelled, dispatched, placed, requested
from .stockroom import counters as on_shelf
from .stockroom import parcels, shelves, units

RESTOCK, DAMAGED, WRITE_OFF = Disposition
SET = {"set": {"tea": 2, "cup": 1}}


def sent(there: Shelves, place: str, *wanted: tuple[str, int]) -> Reservation:
    """Have an order held and sent."""
    order, _ = Reservation.place(placed(*wanted), there, cause())
    order.ship(dispatched(order.order_id, place, *wanted), there, cause())
    return order


class TestReceipts:
    def test_what_is_as_new_lies_on_the_shelf_again_and_the_rest_is_written_off(self) -> None:
        there = shelves(("tea", "berlin", 5), ("tea", "lyon", 0))
        order = sent(there, "berlin", ("tea", 4))
        event = came_back(order.order_id, "lyon", ("tea", 1, RESTOCK), ("tea", 1, DAMAGED), ("tea", 1, WRITE_OFF))
        answer = order.take_back(event, there, cause())
        assert answer == StockReturned(
            order_id=order.order_id,
            user_id="anna",
            return_id=event.return_id,
            receipt_id=event.receipt_id,
            warehouse_id="lyon",
            restocked=[Line(product_id="tea", quantity=1)],
            written_off=[Line(product_id="tea", quantity=2)],
        )
        assert on_shelf(there, "tea") == {"berlin": (1, 0), "lyon": (1, 0)}
        ledger = [(one.kind, one.on_hand_delta, one.order_id, one.reason) for one in there.movements[-2:]]
        why = f"return {event.return_id}"
        assert ledger == [("returned", 3, order.order_id, why), ("written_off", -2, order.order_id, why)]

    def test_a_receipt_is_booked_once(self) -> None:
        there = shelves(("tea", "berlin", 5))
        order = sent(there, "berlin", ("tea", 4))
        event = came_back(order.order_id, "berlin", ("tea", 1, RESTOCK))
        assert order.take_back(event, there, cause()) is not None
        before = (order.version, len(there.movements))
        assert order.take_back(event, there, cause()) is None
        assert (order.version, len(there.movements)) == before
        assert on_shelf(there, "tea") == {"berlin": (2, 0)}

    def test_a_parcel_with_units_of_two_returns_is_a_receipt_of_each(self) -> None:
        there = shelves(("tea", "berlin", 5))
        order = sent(there, "berlin", ("tea", 4))
        first = came_back(order.order_id, "berlin", ("tea", 1, RESTOCK))
        second = came_back(order.order_id, "berlin", ("tea", 1, RESTOCK), receipt_id=first.receipt_id)
        for event in (first, second, first, second):
            order.take_back(event, there, cause())
        assert on_shelf(there, "tea") == {"berlin": (3, 0)}

    @pytest.mark.parametrize("excess", [("tea", 2, RESTOCK), ("tea", 2, DAMAGED), ("cup", 1, RESTOCK), ("cup", 1, WRITE_OFF)])
    def test_more_than_was_sent_is_a_fault_and_changes_nothing(self, excess: tuple[str, int, Disposition]) -> None:
        there = shelves(("tea", "berlin", 5), ("cup", "berlin", 5))
        order, _ = Reservation.place(placed(("tea", 3), ("cup", 1)), there, cause())
        order.ship(dispatched(order.order_id, "berlin", ("tea", 2)), there, cause())
        order.take_back(came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)), there, cause())
        before = (order.version, len(there.movements), list(order.receipts))
        with pytest.raises(NotShippedError, match="1 of"):
            order.take_back(came_back(order.order_id, "berlin", excess), there, cause())
        assert (order.version, len(there.movements), order.receipts) == before

    def test_a_bundle_comes_back_as_what_it_was_made_of(self) -> None:
        there = shelves(("tea", "berlin", 9), ("cup", "berlin", 9), bundles=SET)
        order = sent(there, "berlin", ("set", 3))
        now = shelves(("tea", "lyon", 0), ("cup", "lyon", 0), ("pot", "lyon", 0), bundles={"set": {"pot": 1}})
        event = came_back(order.order_id, "lyon", ("set", 1, RESTOCK), ("set", 1, DAMAGED))
        answer = order.take_back(event, now, cause())
        assert answer is not None
        assert (units(answer.restocked), units(answer.written_off)) == ({"set": 1}, {"set": 1})
        assert [on_shelf(now, sku) for sku in ("tea", "cup", "pot")] == [{"lyon": (2, 0)}, {"lyon": (1, 0)}, {"lyon": (0, 0)}]
        assert order.receipts[0].document() == {
            "return_id": str(event.return_id),
            "receipt_id": str(event.receipt_id),
            "warehouse_id": "lyon",
            "product_id": "set",
            "restocked": 1,
            "written_off": 1,
            "components": {"tea": 2, "cup": 1},
        }

    def test_a_bundle_of_two_recipes_comes_back_by_both(self) -> None:
        there = shelves(("tea", "berlin", 9), ("cup", "berlin", 9), bundles=SET)
        order = sent(there, "berlin", ("set", 1))
        plain = shelves(("tea", "berlin", 9), ("cup", "berlin", 9), bundles={"set": {"tea": 1}})
        change = requested(order.order_id, ("set", 1))
        order.add({"set": 1}, change.change_id, change.destination, plain, cause())
        order.keep(change.change_id, plain, cause())
        order.ship(dispatched(order.order_id, "berlin", ("set", 1)), plain, cause())
        now = shelves(("tea", "berlin", 0), ("cup", "berlin", 0))
        order.take_back(came_back(order.order_id, "berlin", ("set", 2, RESTOCK)), now, cause())
        assert [on_shelf(now, sku)["berlin"] for sku in ("tea", "cup")] == [(3, 0), (1, 0)]

    def test_what_left_before_the_rest_was_cancelled_can_come_back(self) -> None:
        there = shelves(("tea", "berlin", 5))
        order, _ = Reservation.place(placed(("tea", 3)), there, cause())
        order.ship(dispatched(order.order_id, "berlin", ("tea", 1)), there, cause())
        order.release(there, cause())
        assert order.take_back(came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)), there, cause()) is not None
        assert (on_shelf(there, "tea"), order.status) == ({"berlin": (5, 0)}, "released")

    def test_a_warehouse_that_is_not_known_changes_nothing(self) -> None:
        there = shelves(("tea", "berlin", 5))
        order = sent(there, "berlin", ("tea", 1))
        posted = len(there.movements)
        with pytest.raises(UnknownWarehouseError):
            order.take_back(came_back(order.order_id, "atlantis", ("tea", 1, RESTOCK)), there, cause())
        assert (len(there.movements), order.receipts) == (posted, [])

    def test_only_what_can_be_sold_again_is_told_as_back(self) -> None:
        there = shelves(("tea", "berlin", 2))
        order = sent(there, "berlin", ("tea", 2))
        assert there.fallen() == [StockSoldOut(sku="tea")]
        order.take_back(came_back(order.order_id, "berlin", ("tea", 1, DAMAGED)), there, cause())
        assert (there.risen(), there.fallen()) == ([], [])
        order.take_back(came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)), there, cause())
        assert there.risen() == [StockBack(sku="tea", available=1)]

    @given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(Disposition)), max_size=8))
    def test_receipts_of_any_sizes_never_bring_back_more_than_was_sent(self, back: list[tuple[int, Disposition]]) -> None:
        there = shelves(("tea", "berlin", 6))
        order = sent(there, "berlin", ("tea", 6))
        taken, good = 0, 0
        for n, kind in back:
            try:
                order.take_back(came_back(order.order_id, "berlin", ("tea", n, kind)), there, cause())
            except NotShippedError:
                assert taken + n > 6
            else:
                taken, good = taken + n, good + n * (kind is RESTOCK)
        assert on_shelf(there, "tea") == {"berlin": (good, 0)}
        assert sum(one.units for one in order.receipts) == taken <= 6


@pytest.mark.database
class TestOnTheBooks:
    async def sent(self, database: Database, n: int, **more: Any) -> Any:
        order = placed(("tea", n), **more)
        await perform(database, reserve_stock, order)
        await perform(database, deduct_stock, dispatched(order.order_id, "berlin", ("tea", n)))
        return order

    async def test_a_return_into_a_warehouse_that_never_had_the_product(self, database: Database) -> None:
        await stocked(database, berlin=3)
        order = await self.sent(database, 3)
        receipt = came_back(order.order_id, "lyon", ("tea", 2, RESTOCK), ("tea", 1, DAMAGED))
        answered = await hear(database, take_back_stock, receipt)
        assert [type(one) for one in answered] == [StockReturned, StockBack]
        assert await counters(database) == {"berlin": (0, 0), "lyon": (2, 0)}
        held = await reservation(database, order.order_id)
        assert [(one.product_id, one.restocked, one.written_off) for one in held.receipts] == [("tea", 2, 1)]
        assert ReservationView.of(held).receipts == held.receipts
        (row,) = [row for row in await Queries(database).audit() if row["warehouse_id"] == "lyon"]
        assert (row["returned"], row["written_off"]) == (3, 1)
        await assert_books_agree(database)

    async def test_a_bundle_comes_back_as_its_components(self, database: Database) -> None:
        await opened(database, "berlin", "lyon")
        for sku in ("tea", "cup"):
            await offered(database, sku)
            await received(database, sku, berlin=4)
        await offered(database, "set", ("tea", 2), ("cup", 1))
        order = placed(("set", 2))
        await perform(database, reserve_stock, order)
        await perform(database, deduct_stock, dispatched(order.order_id, "berlin", ("set", 2)))
        await perform(database, take_back_stock, came_back(order.order_id, "lyon", ("set", 1, RESTOCK), ("set", 1, WRITE_OFF)))
        assert await counters(database, "tea") == {"berlin": (0, 0), "lyon": (2, 0)}
        assert await counters(database, "cup") == {"berlin": (2, 0), "lyon": (1, 0)}
        await assert_books_agree(database)

    async def test_who_waits_gets_what_came_back_before_anyone_else(self, database: Database) -> None:
        await opened(database, "berlin")
        await offered(database, "tea", backorder=True)
        await received(database, "tea", berlin=2)
        order = await self.sent(database, 2)
        patient = placed(("tea", 1))
        await perform(database, reserve_stock, patient)
        receipt = came_back(order.order_id, "berlin", ("tea", 2, RESTOCK))
        answered = await hear(database, take_back_stock, receipt)
        assert [one.available for one in answered if isinstance(one, StockBack)] == [1]
        assert await allocate(database) == 1
        (got,) = [one for one in await told(database, patient.order_id) if isinstance(one, BackorderAllocated)]
        assert (parcels(got), await waiting(database)) == ({"berlin": {"tea": 1}}, [])
        assert await counters(database) == {"berlin": (2, 1)}
        await assert_books_agree(database)

    async def test_a_receipt_heard_again_is_booked_once(self, database: Database) -> None:
        await stocked(database, berlin=3)
        order = await self.sent(database, 3)
        receipt = came_back(order.order_id, "berlin", ("tea", 1, RESTOCK))
        assert await hear_again(database, take_back_stock, receipt, times=3) == [1, 0, 0]
        await perform(database, take_back_stock, receipt, receipt)  # under new ids: the inbox has forgotten it
        assert await counters(database) == {"berlin": (1, 0)}
        assert len([one for one in await told(database, order.order_id) if isinstance(one, StockReturned)]) == 1
        await assert_books_agree(database)

    async def test_a_return_that_nothing_was_sent_for_changes_nothing(self, database: Database) -> None:
        await stocked(database, berlin=3)
        order = placed(("tea", 1))
        with pytest.raises(NotHeldError):
            await perform(database, take_back_stock, came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)))
        await perform(database, reserve_stock, order)
        with pytest.raises(NotShippedError):
            await perform(database, take_back_stock, came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)))
        assert await counters(database) == {"berlin": (3, 1)}
        await assert_books_agree(database)

    @pytest.mark.parametrize("order_of", list(permutations(range(3))))
    async def test_receipts_and_the_end_of_the_rest_commute(self, database: Database, order_of: tuple[int, ...]) -> None:
        await stocked(database, berlin=5)
        order = placed(("tea", 5))
        await perform(database, reserve_stock, order)
        await perform(database, deduct_stock, dispatched(order.order_id, "berlin", ("tea", 3)))
        steps = [
            (take_back_stock, came_back(order.order_id, "berlin", ("tea", 1, RESTOCK))),
            (take_back_stock, came_back(order.order_id, "berlin", ("tea", 1, DAMAGED))),
            (release_stock, cancelled(order.order_id)),
        ]
        await hear_all(database, *(steps[step] for step in order_of))
        assert await counters(database) == {"berlin": (3, 0)}
        await assert_books_agree(database)

    async def test_of_many_receipts_at_once_no_more_is_booked_than_was_sent(self, database: Database) -> None:
        """20 receipts of one unit each, every one of them twice, of which 10 units were sent: 10 are booked, once each."""
        await stocked(database, berlin=10)
        order = await self.sent(database, 10)
        receipts = [came_back(order.order_id, "berlin", ("tea", 1, RESTOCK if n % 2 else DAMAGED)) for n in range(20)] * 2
        outcomes = await asyncio.gather(*(perform(database, take_back_stock, one) for one in receipts), return_exceptions=True)
        failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        assert failed
        assert all(isinstance(one, NotShippedError) for one in failed), failed
        held = await reservation(database, order.order_id)
        assert sum(one.units for one in held.receipts) == len({one.receipt_id for one in held.receipts}) == 10
        back = [one for one in await told(database, order.order_id) if isinstance(one, StockReturned)]
        assert sorted(str(one.receipt_id) for one in back) == sorted(one.receipt_id for one in held.receipts)
        assert await counters(database) == {"berlin": (sum(one.restocked for one in held.receipts), 0)}
        await assert_books_agree(database)

    @pytest.mark.parametrize("size", [1, 100])
    async def test_a_batch_costs_the_same_statements_whatever_its_size(self, database: Database, size: int) -> None:
        await stocked(database, berlin=size)
        orders = [placed(("tea", 1)) for _ in range(size)]
        await hear(database, reserve_stock, *orders)
        await hear(database, deduct_stock, *(dispatched(order.order_id, "berlin", ("tea", 1)) for order in orders))
        before = database.statements
        await hear(database, take_back_stock, *(came_back(order.order_id, "berlin", ("tea", 1, RESTOCK)) for order in orders))
        # begin, commit, inbox, reservations, room on the shelves, stock, all that is written, outbox
        assert database.statements - before == 8
