"""Changes of orders and moves of shipments on a real PostgreSQL: repeated, late, overtaken, all at once."""

import asyncio
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from chassis.batch import Batcher, Function, Item
from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import hear_again, perform
from contracts import Event
from contracts.inventory import (
    AdditionRefused,
    AdditionReleased,
    AdditionReserved,
    ReservationReduced,
    ShipmentMoved,
    ShipmentMoveRefused,
    StockBack,
    StockDeducted,
    StockLow,
    StockReleased,
    StockReserved,
    StockSoldOut,
)
from contracts.order import ChangeKind, OrderPlaced
from inventory.handlers import (
    deduct_stock,
    move_shipment,
    reduce_reservation,
    release_addition,
    release_stock,
    reserve_addition,
    reserve_stock,
)
from inventory.model import NotHeldError

from .books import (
    allocate,
    answers,
    assert_books_agree,
    counters,
    hear,
    hear_all,
    kinds_told,
    offered,
    opened,
    received,
    reservation,
    stocked,
    waiting,
)
from .facts import cancelled, changed, dispatched, move, placed, requested, withdrawn
from .stockroom import parcels, units

pytestmark = pytest.mark.database
LEVELS = (StockLow, StockSoldOut, StockBack)


async def held(database: Database, *wanted: tuple[str, int]) -> OrderPlaced:
    event = placed(*(wanted or [("tea", 2)]))
    (answer, *_) = await hear(database, reserve_stock, event)
    assert isinstance(answer, StockReserved)
    return event


async def amendments(database: Database) -> list[tuple[str, str]]:
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT kind, status FROM amendment ORDER BY kind, change_id")
    return [(row["kind"], row["status"]) for row in rows]


class TestAdditions:
    async def test_are_held_kept_and_shipped(self, database: Database) -> None:
        await stocked(database, berlin=5)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 2))
        (answer,) = await hear(database, reserve_addition, fact)
        assert isinstance(answer, AdditionReserved)
        assert (parcels(answer), answer.difference) == ({"berlin": {"tea": 2}}, fact.difference)
        assert await amendments(database) == [("addition", "held")]
        kept = changed(order.order_id, ChangeKind.ADDITION, change_id=fact.change_id)
        assert await hear(database, reduce_reservation, kept) == []
        assert await amendments(database) == [("addition", "kept")]
        await perform(database, deduct_stock, dispatched(order.order_id, "berlin", ("tea", 4)))
        assert await counters(database) == {"berlin": (1, 0)}
        await assert_books_agree(database)

    async def test_are_refused_whole_and_the_order_stands(self, database: Database) -> None:
        await stocked(database, berlin=3)
        order = await held(database)
        (answer,) = await hear(database, reserve_addition, requested(order.order_id, ("tea", 1), ("cup", 1)))
        assert isinstance(answer, AdditionRefused)
        assert [(one.product_id, one.requested, one.available) for one in answer.shortages] == [("cup", 1, 0)]
        assert (await counters(database), await amendments(database)) == ({"berlin": (3, 2)}, [("addition", "refused")])
        await assert_books_agree(database)

    async def test_each_fact_heard_again_works_once(self, database: Database) -> None:
        await stocked(database, berlin=5)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 1))
        gone = withdrawn(order.order_id, fact.change_id)
        assert await hear_again(database, reserve_addition, fact, times=3) == [1, 0, 0]
        assert await hear(database, reserve_addition, fact) == []  # under a new id
        assert await hear_again(database, release_addition, gone, times=3) == [1, 0, 0]
        assert await hear(database, release_addition, gone) == []
        assert await hear(database, reserve_addition, fact) == []
        assert await counters(database) == {"berlin": (5, 2)}
        assert await kinds_told(database, order.order_id) == ["StockReserved", "AdditionReserved", "AdditionReleased"]
        await assert_books_agree(database)

    async def test_one_that_was_kept_is_not_withdrawn(self, database: Database) -> None:
        await stocked(database, berlin=5)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 1))
        kept = changed(order.order_id, ChangeKind.ADDITION, change_id=fact.change_id)
        await hear_all(database, (reserve_addition, fact), (reduce_reservation, kept), (reduce_reservation, kept))
        assert await hear(database, release_addition, withdrawn(order.order_id, fact.change_id)) == []
        assert await counters(database) == {"berlin": (5, 3)}
        await assert_books_agree(database)

    async def test_withdrawn_before_it_is_heard_of_bars_it(self, database: Database) -> None:
        await stocked(database, berlin=5)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 1))
        (released,) = await hear(database, release_addition, withdrawn(order.order_id, fact.change_id))
        assert isinstance(released, AdditionReleased)
        assert released.lines == []
        assert await hear(database, reserve_addition, fact) == []
        assert (await counters(database), await amendments(database)) == ({"berlin": (5, 2)}, [("addition", "barred")])

    async def test_of_an_order_that_was_never_heard_of_is_a_fault(self, database: Database) -> None:
        await stocked(database, berlin=5)
        with pytest.raises(NotHeldError):
            await perform(database, reserve_addition, requested(new_id(), ("tea", 1)))
        assert (await counters(database), await amendments(database)) == ({"berlin": (5, 0)}, [])

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("order_of_arrival", list(permutations(("request", "withdrawal", "cancellation"))))
    async def test_commute_with_withdrawal_and_cancellation(
        self, database: Database, order_of_arrival: Sequence[str], *, at_once: bool
    ) -> None:
        await opened(database, "berlin")
        await offered(database, "tea", backorder=True)
        await received(database, "tea", berlin=3)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 3))
        facts: dict[str, tuple[Any, Event]] = {
            "request": (reserve_addition, fact),
            "withdrawal": (release_addition, withdrawn(order.order_id, fact.change_id)),
            "cancellation": (release_stock, cancelled(order.order_id)),
        }
        heard = [facts[name] for name in order_of_arrival]
        if at_once:
            await hear_all(database, *heard)
        else:
            for one in heard:
                await hear_all(database, one)
        assert (await counters(database), await waiting(database)) == ({"berlin": (3, 0)}, [])
        told = await kinds_told(database, order.order_id)
        assert (told.count("StockReleased"), told.count("AdditionReleased")) == (1, 1)
        assert told.count("AdditionReserved") == (order_of_arrival[0] == "request")
        await assert_books_agree(database)

    async def test_a_cancellation_gives_all_back_in_one(self, database: Database) -> None:
        await opened(database, "berlin")
        await offered(database, "tea", backorder=True)
        await received(database, "tea", berlin=3)
        order = await held(database)
        fact = requested(order.order_id, ("tea", 3))
        await perform(database, reserve_addition, fact)
        assert await waiting(database) == [(order.order_id, "tea", 2)]
        (released, back) = await hear(database, release_stock, cancelled(order.order_id))
        assert isinstance(released, StockReleased)
        assert (units(released.lines), type(back)) == ({"tea": 3}, StockBack)
        kept = changed(order.order_id, ChangeKind.ADDITION, change_id=fact.change_id)
        assert await hear(database, reduce_reservation, kept) == []  # decided before the cancellation, heard after it
        assert (await counters(database), await waiting(database)) == ({"berlin": (3, 0)}, [])
        await assert_books_agree(database)


class TestReductions:
    async def test_give_back_what_they_name_once(self, database: Database) -> None:
        await stocked(database, berlin=2)
        order = await held(database)
        fact = changed(order.order_id, released={"berlin": {"tea": 1}})
        (reduced, back) = await hear(database, reduce_reservation, fact)
        assert isinstance(reduced, ReservationReduced)
        assert (reduced.change_id, units(reduced.lines), type(back)) == (fact.change_id, {"tea": 1}, StockBack)
        assert await hear_again(database, reduce_reservation, fact) == [1, 0]
        assert await kinds_told(database, order.order_id) == ["StockReserved", "ReservationReduced"]
        assert await counters(database) == {"berlin": (2, 1)}
        await assert_books_agree(database)

    async def test_an_address_changes_nothing_here(self, database: Database) -> None:
        await stocked(database, berlin=2)
        order = await held(database)
        assert await hear(database, reduce_reservation, changed(order.order_id, ChangeKind.ADDRESS)) == []
        assert await amendments(database) == []

    @pytest.mark.parametrize("first", ["cancellation", "reduction"])
    async def test_commute_with_the_cancellation(self, database: Database, first: str) -> None:
        await stocked(database, berlin=3)
        order = await held(database)
        heard = [
            (release_stock, cancelled(order.order_id)),
            (reduce_reservation, changed(order.order_id, released={"berlin": {"tea": 1}})),
        ]
        for one in heard if first == "cancellation" else reversed(heard):
            await hear_all(database, one)
        assert await counters(database) == {"berlin": (3, 0)}
        assert sorted(await kinds_told(database, order.order_id)) == ["ReservationReduced", "StockReleased", "StockReserved"]
        await assert_books_agree(database)

    async def test_the_rest_of_a_partly_shipped_order_is_given_back(self, database: Database) -> None:
        await stocked(database, berlin=1, lyon=1)
        order = await held(database)
        await perform(database, deduct_stock, dispatched(order.order_id, "lyon", ("tea", 1)))
        rest = changed(order.order_id, ChangeKind.REST_CANCELLED, released={"berlin": {"tea": 1}})
        (reduced, _) = await hear(database, reduce_reservation, rest)
        assert units(reduced.lines) == {"tea": 1}  # type: ignore[attr-defined]
        assert (await reservation(database, order.order_id)).status == "shipped"
        assert await counters(database) == {"berlin": (1, 0), "lyon": (0, 0)}
        await assert_books_agree(database)

    async def test_what_is_not_held_is_a_fault_and_changes_nothing(self, database: Database) -> None:
        await stocked(database, berlin=5)
        order = await held(database)
        with pytest.raises(NotHeldError):
            await perform(database, reduce_reservation, changed(order.order_id, released={"berlin": {"tea": 3}}))
        assert (await counters(database), await amendments(database)) == ({"berlin": (5, 2)}, [])

    async def test_giving_up_what_came_in_meanwhile_gives_that_back(self, database: Database) -> None:
        await opened(database, "berlin")
        await offered(database, "tea", backorder=True)
        await received(database, "tea", berlin=1)
        order = await held(database)
        await received(database, "tea", berlin=1)
        await allocate(database)
        (reduced, *_) = await hear(database, reduce_reservation, changed(order.order_id, released_backorders={"tea": 1}))
        assert units(reduced.lines) == {"tea": 1}  # type: ignore[attr-defined]
        assert (await counters(database), await waiting(database)) == ({"berlin": (2, 1)}, [])
        await assert_books_agree(database)


class TestMoves:
    async def test_hold_it_there_instead_once(self, database: Database) -> None:
        await stocked(database, berlin=2, lyon=2)
        order = await held(database)
        fact = move(order.order_id, "berlin", "lyon", ("tea", 2))
        (answer,) = await hear(database, move_shipment, fact)
        assert isinstance(answer, ShipmentMoved)
        assert (answer.move_id, answer.warehouse_id) == (fact.move_id, "lyon")
        assert await hear(database, move_shipment, fact) == []
        assert await hear_again(database, move_shipment, fact) == [1, 0]
        assert await counters(database) == {"berlin": (2, 0), "lyon": (2, 2)}
        assert await kinds_told(database, order.order_id) == ["StockReserved", "ShipmentMoved"]
        await assert_books_agree(database)

    @pytest.mark.parametrize("target", ["lyon", "atlantis"])
    async def test_are_refused_where_it_is_not(self, database: Database, target: str) -> None:
        await stocked(database, berlin=2, lyon=1)
        order = placed(("tea", 2))
        await perform(database, reserve_stock, order)
        (answer,) = await hear(database, move_shipment, move(order.order_id, "berlin", target, ("tea", 2)))
        assert isinstance(answer, ShipmentMoveRefused)
        assert [(one.requested, one.available) for one in answer.shortages] == [(2, 1 if target == "lyon" else 0)]
        assert await counters(database) == {"berlin": (2, 2), "lyon": (1, 0)}
        await assert_books_agree(database)

    @pytest.mark.parametrize("first", ["cancellation", "move"])
    async def test_commute_with_the_cancellation(self, database: Database, first: str) -> None:
        await stocked(database, berlin=2, lyon=2)
        order = await held(database)
        heard = [
            (release_stock, cancelled(order.order_id)),
            (move_shipment, move(order.order_id, "berlin", "lyon", ("tea", 2))),
        ]
        for one in heard if first == "cancellation" else reversed(heard):
            await hear_all(database, one)
        assert await counters(database) == {"berlin": (2, 0), "lyon": (2, 0)}
        answer = "ShipmentMoveRefused" if first == "cancellation" else "ShipmentMoved"
        assert sorted(await kinds_told(database, order.order_id)) == sorted(["StockReserved", "StockReleased", answer])
        await assert_books_agree(database)

    async def test_against_dispatches_each_parcel_leaves_once_and_the_books_agree(self, database: Database) -> None:
        """A parcel that is moved while it leaves: whichever comes first, its units leave the warehouse that it names."""
        await stocked(database, berlin=60, lyon=60)
        orders = [await held(database) for _ in range(30)]
        batchers = [Batcher(database), Batcher(database)]
        messages: list[tuple[int, Any, Event]] = []
        for n, order in enumerate(orders):
            shipment_id = new_id()
            parcel = dispatched(order.order_id, "berlin", ("tea", 2), shipment_id=shipment_id)
            wish = move(order.order_id, "berlin", "lyon", ("tea", 2), shipment_id=shipment_id)
            pair = [(0, deduct_stock, parcel), (1, move_shipment, wish)]
            messages += pair if n % 2 else reversed(pair)
        results = await asyncio.gather(*(submit(database, batchers[lane], function, fact) for lane, function, fact in messages))
        told = [type(one) for result in results for one in answers(result)]
        assert told.count(StockDeducted) == 30
        assert told.count(ShipmentMoved) + told.count(ShipmentMoveRefused) == 30
        assert await counters(database) == {"berlin": (0, 0), "lyon": (60, 0)}
        await assert_books_agree(database)


async def submit(database: Database, batcher: Batcher, function: Any, fact: Event) -> Any:
    cause = Cause("test", database.clock(), new_id(), fact.key)
    return await batcher.submit(Item(fact, Function.of(function), cause, cause.event_id, fact.type))


async def test_changes_of_two_hundred_orders_cost_the_statements_of_one(database: Database) -> None:
    await stocked(database, berlin=2000, lyon=2000)
    spent = []
    for count in (1, 200):
        orders = [placed(("tea", 2)) for _ in range(count)]
        await perform(database, reserve_stock, *orders)
        additions = [requested(one.order_id, ("tea", 1)) for one in orders]
        before = database.statements
        await perform(database, reserve_addition, *additions)
        await perform(database, release_addition, *(withdrawn(one.order_id, one.change_id) for one in additions))
        await perform(database, move_shipment, *(move(one.order_id, "berlin", "lyon", ("tea", 1)) for one in orders))
        await perform(database, reduce_reservation, *(changed(one.order_id, released={"lyon": {"tea": 1}}) for one in orders))
        spent.append(database.statements - before)
    assert spent[0] == spent[1] <= 4 * 9
    await assert_books_agree(database)


async def test_bundles_are_moved_reduced_and_sent_with_their_components(database: Database) -> None:
    await opened(database, "berlin", "lyon")
    for sku in ("tea", "cup"):
        await offered(database, sku)
        await received(database, sku, berlin=6, lyon=6)
    await offered(database, "set", ("tea", 2), ("cup", 1))
    order = await held(database, ("set", 3), ("tea", 1))
    assert [await counters(database, sku) for sku in ("tea", "cup")] == [
        {"berlin": (6, 6), "lyon": (6, 1)},
        {"berlin": (6, 3), "lyon": (6, 0)},
    ]
    (moved,) = await hear(database, move_shipment, move(order.order_id, "berlin", "lyon", ("set", 2)))
    assert isinstance(moved, ShipmentMoved)
    (reduced, *_) = await hear(database, reduce_reservation, changed(order.order_id, released={"lyon": {"set": 1}}))
    assert units(reduced.lines) == {"set": 1}  # type: ignore[attr-defined]
    (deducted,) = await hear(database, deduct_stock, dispatched(order.order_id, "lyon", ("set", 1), ("tea", 1)))
    assert units(deducted.lines) == {"set": 1, "tea": 1}  # type: ignore[attr-defined]
    assert [await counters(database, sku) for sku in ("tea", "cup")] == [
        {"berlin": (6, 2), "lyon": (3, 0)},
        {"berlin": (6, 1), "lyon": (5, 0)},
    ]
    await assert_books_agree(database)


async def test_a_bundle_and_its_component_share_what_there_is_also_at_once(database: Database) -> None:
    """Buyers of the bundle, of its component and of both, in many batches: no unit is promised twice."""
    await opened(database, "berlin", "lyon")
    for sku in ("tea", "cup"):
        await offered(database, sku)
        await received(database, sku, berlin=10, lyon=10)
    await offered(database, "set", ("tea", 2), ("cup", 1))
    wishes: list[list[tuple[str, int]]] = [[("set", 1)], [("tea", 1)], [("set", 1), ("cup", 1)]]
    batchers = [Batcher(database) for _ in range(3)]
    orders = [placed(*wishes[n % 3]) for n in range(60)]
    results = await asyncio.gather(
        *(submit(database, batchers[n // 3 % 3], reserve_stock, one) for n, one in enumerate(orders))
    )
    told = [one for result in results for one in answers(result)]
    taken = sum(
        n for one in told if isinstance(one, StockReserved) for parcel in parcels(one).values() for n in parcel.values()
    )
    tea, cup = await counters(database), await counters(database, "cup")
    assert taken > 0
    assert all(0 <= reserved <= on_hand for on_hand, reserved in [*tea.values(), *cup.values()])
    assert sum(reserved for _, reserved in tea.values()) == 20, "tea is what is short: all of it is sold"
    assert [type(one) for one in told if isinstance(one, LEVELS)].count(StockSoldOut) == 1
    await assert_books_agree(database)
