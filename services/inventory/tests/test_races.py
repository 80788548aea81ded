"""What two transactions that meet must not get wrong: each race is staged, so that it is lost where nobody looks again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.batch import Batcher, Function, Item
from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import MORNING, eventually, perform, told
from contracts import Event
from contracts.inventory import BackorderAllocated, StockReservationFailed, StockReserved, StockSoldOut
from inventory.handlers import adjust_stock, release_stock, reserve_stock, set_routing_rules
from inventory.model import AdjustStock, RankedRule, SetRoutingRules, VersionMismatchError
from inventory.store import Queries, StockRoom

from .books import allocate, answers, assert_books_agree, offered, opened, received, waiting
from .facts import cancelled, placed
from .stockroom import parcels

pytestmark = pytest.mark.database


@asynccontextmanager
async def uncommitted(database: Database, function: Any, message: Any) -> AsyncIterator[None]:
    """Have a function's changes written, and not yet committed."""
    async with database.transaction() as transaction:
        room = StockRoom(transaction)
        await room.fetch([message])
        function(message, room, Cause("test", MORNING))
        await room.flush()
        yield


def begun(database: Database, function: Any, event: Event) -> "asyncio.Task[Any]":
    """Begin to handle an event as the running service does, which tries again where others came in between."""
    cause = Cause("test", database.clock(), new_id(), event.key)
    return asyncio.create_task(Batcher(database).submit(Item(event, Function.of(function), cause, cause.event_id, event.type)))


async def held_up(database: Database, task: "asyncio.Task[Any]") -> bool:
    """Wait until a task waits for another transaction; False: it was done without."""

    async def waits() -> bool:
        async with database.transaction() as transaction:
            query = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            return task.done() or bool(await transaction.fetch(query))

    await eventually(waits, "the other transaction waits or is done")
    return not task.done()


async def test_an_order_does_not_take_what_someone_just_began_to_wait_for(database: Database) -> None:
    """A bundle waits for its other component: what there is of this one is kept for it, also from who came a moment later."""
    await opened(database, "berlin")
    for sku in ("tea", "cup"):
        await offered(database, sku)
    await offered(database, "set", ("tea", 2), ("cup", 1), backorder=True)
    await received(database, "tea", berlin=2)
    older = placed(("set", 1))
    async with uncommitted(database, reserve_stock, older):
        task = begun(database, reserve_stock, placed(("tea", 1)))
        assert await held_up(database, task)
    (refused,) = answers(await task)
    assert isinstance(refused, StockReservationFailed)
    assert [(one.requested, one.available) for one in refused.shortages] == [(1, 0)]
    await received(database, "cup", berlin=1)
    await allocate(database)
    (got,) = [one for one in await told(database, older.order_id) if isinstance(one, BackorderAllocated)]
    assert parcels(got) == {"berlin": {"set": 1}}
    await assert_books_agree(database)


async def test_an_order_is_not_refused_for_the_sake_of_one_who_just_gave_up(database: Database) -> None:
    await opened(database, "berlin")
    await offered(database, "tea", backorder=True)
    await received(database, "tea", berlin=1)
    older = placed(("tea", 4))
    await perform(database, reserve_stock, older)
    await received(database, "tea", berlin=3)  # and the worker has not come yet
    async with uncommitted(database, release_stock, cancelled(older.order_id)):
        task = begun(database, reserve_stock, placed(("tea", 4)))
        assert await held_up(database, task)
    (answer, *_) = answers(await task)
    assert isinstance(answer, StockReserved)
    assert (parcels(answer), answer.backordered) == ({"berlin": {"tea": 4}}, [])
    await assert_books_agree(database)


async def test_nothing_is_told_sold_out_that_just_came_into_another_warehouse(database: Database) -> None:
    await opened(database, "berlin", "lyon")
    await offered(database, "tea")
    await received(database, "tea", berlin=1)
    async with uncommitted(database, adjust_stock, AdjustStock("tea", "lyon", 5, "delivery")):
        task = begun(database, reserve_stock, placed(("tea", 1)))
        assert await held_up(database, task)
    assert [type(answer) for answer in answers(await task)] == [StockReserved]
    assert [event for event in await told(database, "tea") if isinstance(event, StockSoldOut)] == []
    await assert_books_agree(database)


async def test_the_very_first_units_reach_who_began_to_wait_while_they_came_in(database: Database) -> None:
    """There is no stock row yet to meet at: neither sees the other, and still one of them has the worker look after both."""
    await opened(database, "lyon")
    await offered(database, "tea", backorder=True)
    event = placed(("tea", 2))
    async with uncommitted(database, adjust_stock, AdjustStock("tea", "lyon", 5, "delivery")):
        task = begun(database, reserve_stock, event)
        if not await held_up(database, task):
            await allocate(database)
    await task
    await allocate(database)
    got = [one for one in await told(database, event.order_id) if isinstance(one, BackorderAllocated | StockReserved)]
    assert sum(n for one in got for parcel in parcels(one).values() for n in parcel.values()) == 2
    assert await waiting(database) == []
    await assert_books_agree(database)


async def test_who_began_to_wait_first_is_seen_by_the_units_that_come_in_first(database: Database) -> None:
    await opened(database, "lyon")
    await offered(database, "tea", backorder=True)
    event = placed(("tea", 2))
    async with uncommitted(database, reserve_stock, event):
        task = asyncio.create_task(perform(database, adjust_stock, AdjustStock("tea", "lyon", 5, "delivery")))
        if not await held_up(database, task):
            await allocate(database)
    await task
    await allocate(database)
    assert await waiting(database) == []
    await assert_books_agree(database)


async def test_of_several_who_change_the_rules_they_saw_one_does(database: Database) -> None:
    wishes = [SetRoutingRules([RankedRule("nearest", {}, active=True)] * n, frozenset({1})) for n in range(1, 6)]
    outcomes = await asyncio.gather(*(perform(database, set_routing_rules, wish) for wish in wishes), return_exceptions=True)
    assert sum(isinstance(outcome, VersionMismatchError) for outcome in outcomes) == 4
    (winner,) = [wish for wish, outcome in zip(wishes, outcomes, strict=True) if not isinstance(outcome, BaseException)]
    plan, rules = await Queries(database).routing()
    assert (plan.version, len(rules)) == (2, len(winner.rules))
