"""Backorders on a real PostgreSQL: what comes in, by whatever movement, goes to those who wait, the oldest order first."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from chassis.batch import Batcher, Function, Item
from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import MORNING, Hands, perform, told
from contracts import Event
from contracts.inventory import BackorderAllocated, StockBack, StockReserved, StockSoldOut
from contracts.order import ChangeKind, OrderPlaced
from contracts.types import Line
from inventory.handlers import (
    adjust_stock,
    allocate_backorders,
    change_product,
    reduce_reservation,
    release_addition,
    release_stock,
    reserve_addition,
    reserve_stock,
    take_stock,
    transfer_stock,
)
from inventory.model import (
    AdjustStock,
    ChangeProduct,
    CountedRow,
    InvalidComponentsError,
    MovementKind,
    TakeStock,
    TransferStock,
)
from inventory.store import RestockDue, Wanted, Window
from inventory.store.room import PAGE

from .books import allocate, assert_books_agree, counters, hear, offered, opened, received, reservation, waiting
from .facts import cancelled, changed, placed, requested, withdrawn
from .stockroom import parcels, units

pytestmark = pytest.mark.database


async def shop(database: Database, **there: int) -> None:
    await opened(database, "berlin", "lyon")
    await offered(database, "tea", backorder=True)
    await offered(database, "cup")
    await received(database, "tea", **there)


def order(quantity: int = 1, minute: int = 0, sku: str = "tea", country: str = "DE") -> OrderPlaced:
    return placed((sku, quantity), at=MORNING + timedelta(minutes=minute), country=country)


async def due(database: Database) -> list[str]:
    async with database.transaction() as transaction:
        return [row["sku"] for row in await transaction.fetch("SELECT sku FROM restock ORDER BY sku")]


async def allocated(database: Database, event: OrderPlaced) -> list[BackorderAllocated]:
    return [one for one in await told(database, event.order_id) if isinstance(one, BackorderAllocated)]


async def submit(database: Database, batcher: Batcher, function: Any, message: Any) -> Any:
    """Have a message handled as the running service does: with its neighbours, again where others came in between."""
    is_event = isinstance(message, Event)
    cause = Cause("test", database.clock(), new_id() if is_event else None, message.key if is_event else None)
    return await batcher.submit(Item(message, Function.of(function), cause, cause.event_id, message.type if is_event else ""))


async def test_the_part_in_stock_is_held_and_the_rest_comes_to_the_oldest_first(database: Database) -> None:
    await shop(database, berlin=1)
    young, old = order(2, minute=9), order(3, minute=1)
    (first,) = [one for one in await hear(database, reserve_stock, young) if isinstance(one, StockReserved)]
    assert (parcels(first), units(first.backordered)) == ({"berlin": {"tea": 1}}, {"tea": 1})
    (second,) = [one for one in await hear(database, reserve_stock, old) if isinstance(one, StockReserved)]
    assert (second.allocations, units(second.backordered)) == ([], {"tea": 3})
    assert await waiting(database) == [(old.order_id, "tea", 3), (young.order_id, "tea", 1)]
    await received(database, "tea", lyon=2)
    await allocate(database)
    await received(database, "tea", berlin=2)
    await allocate(database)
    for_old = [(parcels(one), units(one.waiting)) for one in await allocated(database, old)]
    assert for_old == [({"lyon": {"tea": 2}}, {"tea": 1}), ({"berlin": {"tea": 1}}, {})]
    assert [(parcels(one), units(one.waiting)) for one in await allocated(database, young)] == [({"berlin": {"tea": 1}}, {})]
    assert (await waiting(database), await due(database)) == ([], [])
    assert await counters(database) == {"berlin": (3, 3), "lyon": (2, 2)}
    await assert_books_agree(database)


async def test_nobody_is_looked_for_where_nobody_waits(database: Database) -> None:
    await shop(database, berlin=5)
    await allocate(database)
    hands = database.workforce = Hands()
    await perform(database, reserve_stock, order(2))
    await received(database, "tea", berlin=1)
    assert (await due(database), hands.woken) == ([], [])


async def test_the_workers_are_woken_by_the_transaction_that_brings_it(database: Database) -> None:
    await shop(database, berlin=1)
    await allocate(database)
    hands = database.workforce = Hands()
    await perform(database, reserve_stock, order(2))
    assert (await due(database), hands.woken) == ([], [])
    await received(database, "tea", berlin=1)
    assert (await due(database), hands.woken) == (["tea"], ["allocate_backorders"])


@pytest.mark.parametrize("how", ["received", "returned", "adjusted", "counted", "released", "reduced", "withdrawn"])
async def test_by_whatever_movement_it_comes_in(database: Database, how: str) -> None:
    await shop(database, berlin=2)
    before, event = order(1), order(4, minute=5)
    await perform(database, reserve_stock, before)
    fact = requested(before.order_id, ("tea", 1))
    await perform(database, reserve_addition, fact)
    await perform(database, reserve_stock, event)
    if how == "released":
        await perform(database, release_stock, cancelled(before.order_id))
    elif how == "reduced":
        await perform(database, reduce_reservation, changed(before.order_id, released={"berlin": {"tea": 1}}))
    elif how == "withdrawn":
        await perform(database, release_addition, withdrawn(before.order_id, fact.change_id))
    elif how == "counted":
        await perform(database, take_stock, TakeStock([CountedRow(2, "tea", "berlin", 3)]))
    else:
        await perform(database, adjust_stock, AdjustStock("tea", "berlin", 1, "came in", MovementKind(how)))
    assert await allocate(database) > 0
    (got,) = await allocated(database, event)
    assert sum(parcel["tea"] for parcel in parcels(got).values()) == (2 if how == "released" else 1)
    await assert_books_agree(database)


async def test_what_is_carried_where_a_bundle_can_be_made_goes_to_who_waits_for_it(database: Database) -> None:
    await shop(database, berlin=2)
    await received(database, "cup", lyon=1)
    await offered(database, "set", ("tea", 2), ("cup", 1), backorder=True)
    event = order(1, sku="set")
    (held, *_) = await hear(database, reserve_stock, event)
    assert units(held.backordered) == {"set": 1}  # type: ignore[attr-defined]
    await perform(database, transfer_stock, TransferStock("tea", "berlin", "lyon", 2, "nearer"))
    assert await allocate(database) > 0
    assert [parcels(one) for one in await allocated(database, event)] == [{"lyon": {"set": 1}}]
    assert (await counters(database), await counters(database, "cup")) == ({"berlin": (0, 0), "lyon": (2, 2)}, {"lyon": (1, 1)})
    assert (await reservation(database, event.order_id)).lines[0].components == {"tea": 2, "cup": 1}
    await assert_books_agree(database)


async def test_what_comes_in_for_the_very_first_time_reaches_those_who_wait(database: Database) -> None:
    await shop(database)
    event = order(2)
    await perform(database, reserve_stock, event)
    await allocate(database)
    assert await due(database) == []
    await received(database, "tea", lyon=5)
    assert await allocate(database) == 1
    assert [parcels(one) for one in await allocated(database, event)] == [{"lyon": {"tea": 2}}]
    assert [type(one) for one in await told(database, "tea")][-1] is StockBack
    await assert_books_agree(database)


async def test_a_new_order_gets_nothing_that_others_wait_for_also_before_the_worker_came(database: Database) -> None:
    await shop(database, lyon=1)
    old, new = order(4), order(2, minute=5)
    await perform(database, reserve_stock, old)
    await received(database, "tea", berlin=4)
    (answer, *_) = await hear(database, reserve_stock, new)
    assert isinstance(answer, StockReserved)
    assert (parcels(answer), units(answer.backordered)) == ({"berlin": {"tea": 1}}, {"tea": 1})
    await allocate(database)
    assert await waiting(database) == [(new.order_id, "tea", 1)]
    await assert_books_agree(database)


@pytest.mark.parametrize("early", [True, False])
async def test_a_cancelled_order_waits_no_more(database: Database, *, early: bool) -> None:
    await shop(database, berlin=1)
    first, second = order(3), order(1, minute=5)
    await perform(database, reserve_stock, first, second)
    if early:
        await perform(database, release_stock, cancelled(first.order_id))
        await received(database, "tea", berlin=1)
    else:
        await received(database, "tea", berlin=1)
        await perform(database, release_stock, cancelled(first.order_id))
    await allocate(database)
    assert await waiting(database) == []
    assert (await allocated(database, first), len(await allocated(database, second))) == ([], 1)
    assert await counters(database) == {"berlin": (2, 1)}
    await assert_books_agree(database)


async def test_a_reduction_gives_up_waiting(database: Database) -> None:
    await shop(database, berlin=1)
    event = order(4)
    await perform(database, reserve_stock, event)
    await perform(database, reduce_reservation, changed(event.order_id, released_backorders={"tea": 2}))
    assert await waiting(database) == [(event.order_id, "tea", 1)]
    await perform(database, reduce_reservation, changed(event.order_id, released_backorders={"tea": 1}))
    assert await waiting(database) == []
    await assert_books_agree(database)


async def test_more_than_a_page_of_those_who_wait_is_served_to_the_end(database: Database) -> None:
    await shop(database)
    events = [order(1, minute=n) for n in range(2 * PAGE + 10)]
    await perform(database, reserve_stock, *events)
    await received(database, "tea", berlin=2 * PAGE + 5)
    await allocate(database)
    assert [order_id for order_id, _, _ in await waiting(database)] == [one.order_id for one in events[-5:]]
    assert await due(database) == []
    await assert_books_agree(database)


async def test_what_an_undecided_addition_keeps_is_kept_on_every_page(database: Database) -> None:
    await shop(database, berlin=1)
    now = database.clock()
    first, *others = (placed(("tea", 1), at=now + timedelta(minutes=n)) for n in range(PAGE + 10))
    fact = requested(first.order_id, ("tea", 2))
    await perform(database, reserve_stock, first)
    await perform(database, reserve_addition, fact)
    await perform(database, reserve_stock, *others)
    await received(database, "tea", berlin=PAGE + 3)
    await allocate(database)
    unserved = [first, *others[PAGE + 1 :]]
    assert [order_id for order_id, _, _ in await waiting(database)] == [one.order_id for one in unserved]
    await perform(database, reduce_reservation, changed(first.order_id, ChangeKind.ADDITION, change_id=fact.change_id))
    await allocate(database)
    assert [order_id for order_id, _, _ in await waiting(database)] == [one.order_id for one in unserved[1:]]
    assert (await counters(database), await due(database)) == ({"berlin": (PAGE + 4, PAGE + 4)}, [])
    await assert_books_agree(database)


async def test_what_came_in_while_it_was_looked_at_is_looked_at_again(database: Database) -> None:
    await shop(database, berlin=1)
    await perform(database, reserve_stock, order(5))
    await received(database, "tea", berlin=1)
    async with database.transaction() as transaction:
        (claimed,) = await RestockDue.claim(transaction, 10)
        assert await RestockDue.claim(transaction, 10) == []
    await received(database, "tea", berlin=1)
    await perform(database, allocate_backorders, claimed)
    assert await due(database) == ["tea"]
    await allocate(database)
    assert (await due(database), await counters(database)) == ([], {"berlin": (3, 3)})
    await assert_books_agree(database)


async def test_a_look_that_is_taken_twice_gives_nothing_twice(database: Database) -> None:
    await shop(database, berlin=1)
    event = order(3)
    await perform(database, reserve_stock, event)
    await received(database, "tea", berlin=5)
    async with database.transaction() as transaction:
        (claimed,) = await RestockDue.claim(transaction, 10)
    for _ in range(2):
        await perform(database, allocate_backorders, claimed)
    assert len(await allocated(database, event)) == 1
    assert await counters(database) == {"berlin": (6, 3)}
    await assert_books_agree(database)


async def test_two_hundred_who_wait_cost_the_statements_of_one(database: Database) -> None:
    await shop(database, berlin=1)
    spent = []
    for count in (1, PAGE - 1):
        await perform(database, reserve_stock, *(order(2) for _ in range(count)))
        before = database.statements
        await received(database, "tea", berlin=2 * count)
        await allocate(database)
        spent.append(database.statements - before)
    assert (spent[0] == spent[1], await waiting(database)) == (True, [])


async def test_receipts_against_new_orders_the_oldest_win(database: Database) -> None:
    """Deliveries, orders and the worker all at once: no younger order has a unit that an older one still waits for."""
    await shop(database, lyon=1)
    batchers = [Batcher(database) for _ in range(3)]
    olds = [order(2, minute=n) for n in range(20)]
    await perform(database, reserve_stock, *olds)
    news = [order(1, minute=100 + n, country="FR" if n % 2 else "DE") for n in range(60)]
    deliveries = [AdjustStock("tea", "berlin" if n % 2 else "lyon", 2, "delivery", MovementKind.RECEIVED) for n in range(25)]

    async def worker() -> None:
        for _ in range(30):
            async with database.transaction() as transaction:
                claimed = await RestockDue.claim(transaction, 10)
            for one in claimed:
                await submit(database, batchers[2], allocate_backorders, one)

    await asyncio.gather(
        *(submit(database, batchers[n % 2], reserve_stock, one) for n, one in enumerate(news)),
        *(submit(database, batchers[n % 2], adjust_stock, one) for n, one in enumerate(deliveries)),
        worker(),
    )
    await allocate(database)
    got = await units_held(database, [*olds, *news])
    assert sum(got.values()) == 51, "all that came in is given to someone"
    assert [got[one.order_id] for one in olds] == [2] * 20, "the oldest have all they wait for"
    waits = dict.fromkeys((order_id for order_id, _, _ in await waiting(database)), 1)
    assert len(waits) == 60 - 11
    assert Counter(type(one) for one in await told(database, "tea"))[StockBack] <= 1
    await assert_books_agree(database)


async def units_held(database: Database, events: Sequence[OrderPlaced]) -> Counter[Any]:
    held: Counter[Any] = Counter()
    for one in events:
        held[one.order_id] = sum(line.quantity for line in (await reservation(database, one.order_id)).lines)
    return held


async def test_many_may_begin_to_wait_at_once(database: Database) -> None:
    """None of them knows of the others yet; what was there is given once, and all that is missing is waited for."""
    await shop(database, berlin=3)
    batchers = [Batcher(database) for _ in range(4)]
    events = [order(2, minute=n) for n in range(40)]
    await asyncio.gather(*(submit(database, batchers[n % 4], reserve_stock, one) for n, one in enumerate(events)))
    assert sum(quantity for _, _, quantity in await waiting(database)) == 80 - 3
    assert await counters(database) == {"berlin": (3, 3)}
    assert [type(one) for one in await told(database, "tea")].count(StockSoldOut) == 1
    await assert_books_agree(database)


async def test_shoppers_see_what_is_left_beyond_what_others_wait_for(database: Database) -> None:
    await shop(database)
    await offered(database, "set", ("tea", 1))
    await perform(database, reserve_stock, order(3))
    await perform(database, change_product, ChangeProduct("tea", backorder=False))
    for lying, seen in ((3, "out"), (4, "in_stock")):
        await received(database, "tea", berlin=lying - (await counters(database)).get("berlin", (0, 0))[0])
        shown = [await Window(database).offer(sku) for sku in ("tea", "set")]
        assert [offer[1] for offer in shown if offer is not None] == [seen, seen]
        listed, _ = await Window(database).offers(Wanted(), 10, None)
        assert [there for _, there in listed] == ["out", seen, seen]  # cup, set, tea


async def test_what_someone_waits_for_cannot_become_a_bundle(database: Database) -> None:
    await shop(database)
    await perform(database, reserve_stock, order(1))
    with pytest.raises(InvalidComponentsError, match="someone waits for it"):
        await perform(database, change_product, ChangeProduct("tea", components=[Line(product_id="cup", quantity=1)]))
