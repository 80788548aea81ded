"""The reactions on a real PostgreSQL: repeated, early, late, all at once, and never more statements for more orders."""

import asyncio
from typing import Any

import asyncpg
import pytest
from pydantic_core import from_json
from sqlalchemy.dialects import postgresql

from chassis.database import TRANSIENT, Database
from chassis.domain import Cause
from chassis.testing import MORNING, hear_again, perform, told
from contracts import Event, Money
from contracts.inventory import (
    ProductPublished,
    RefusalReason,
    StockBack,
    StockLow,
    StockReleased,
    StockReservationFailed,
    StockReserved,
    StockSoldOut,
)
from contracts.order import OrderPlaced, ShipmentDispatched
from contracts.types import Line
from inventory.handlers import (
    adjust_stock,
    change_product,
    deduct_stock,
    offer_product,
    open_warehouse,
    release_stock,
    reserve_stock,
)
from inventory.model import (
    AdjustStock,
    ChangeProduct,
    InsufficientStockError,
    MovementKind,
    NotHeldError,
    OfferProduct,
    OpenWarehouse,
    ProductExistsError,
    WarehouseExistsError,
)
from inventory.store import Queries, StockRoom
from inventory.store.queries import ledger

from . import facts
from .books import assert_books_agree, counters, hear, hear_all, kinds_told, offered, opened, received, status, stocked
from .facts import EURO
from .stockroom import parcels

pytestmark = pytest.mark.database


def placed(sku: str = "tea", quantity: int = 1, *, country: str = "DE", more: tuple[tuple[str, int], ...] = ()) -> OrderPlaced:
    return facts.placed((sku, quantity), *more, country=country)


def cancelled(event: OrderPlaced) -> Event:
    return facts.cancelled(event.order_id)


def dispatched(event: OrderPlaced, warehouse_id: str, sku: str = "tea", quantity: int = 1) -> ShipmentDispatched:
    return facts.dispatched(event.order_id, warehouse_id, (sku, quantity))


async def test_an_order_is_held_shipped_and_off_the_books(database: Database) -> None:
    await stocked(database, berlin=3, lyon=3)
    order = placed(quantity=4, country="FR")
    (held,) = await hear(database, reserve_stock, order)
    assert parcels(held) == {"lyon": {"tea": 3}, "berlin": {"tea": 1}}
    assert await counters(database) == {"berlin": (3, 1), "lyon": (3, 3)}
    await perform(database, deduct_stock, dispatched(order, "lyon", quantity=3))
    assert await status(database, order.order_id) == "partly_shipped"
    await perform(database, deduct_stock, dispatched(order, "berlin", quantity=1))
    assert await status(database, order.order_id) == "shipped"
    assert await counters(database) == {"berlin": (2, 0), "lyon": (0, 0)}
    assert await kinds_told(database, order.order_id) == ["StockReserved", "StockDeducted", "StockDeducted"]
    await assert_books_agree(database)


async def test_a_cancelled_order_gives_back(database: Database) -> None:
    await stocked(database, berlin=3)
    order = placed(quantity=2)
    await perform(database, reserve_stock, order)
    await perform(database, release_stock, cancelled(order))
    assert await counters(database) == {"berlin": (3, 0)}
    assert (await told(database, order.order_id))[-1] == StockReleased(
        order_id=order.order_id, user_id="anna", lines=[Line(product_id="tea", quantity=2)]
    )
    await assert_books_agree(database)


async def test_an_order_cancelled_before_it_is_heard_of_is_barred(database: Database) -> None:
    await stocked(database, berlin=3)
    order = placed()
    nothing = StockReleased(order_id=order.order_id, user_id="anna", lines=[])
    assert await hear(database, release_stock, cancelled(order)) == [nothing]
    assert await hear(database, reserve_stock, order) == []
    assert await status(database, order.order_id) == "barred"
    assert await hear(database, release_stock, cancelled(order)) == [nothing]
    assert await counters(database) == {"berlin": (3, 0)}
    assert await kinds_told(database, order.order_id) == ["StockReleased", "StockReleased"]


@pytest.mark.parametrize("early", [True, False])
async def test_placed_and_cancelled_in_one_batch(database: Database, *, early: bool) -> None:
    await stocked(database, berlin=3)
    order = placed(quantity=2)
    heard = [(release_stock, cancelled(order)), (reserve_stock, order)]
    await hear_all(database, *(heard if early else reversed(heard)))
    assert await counters(database) == {"berlin": (3, 0)}
    assert await status(database, order.order_id) == ("barred" if early else "released")
    await assert_books_agree(database)


async def test_a_refused_order_is_answered_when_it_is_cancelled(database: Database) -> None:
    await stocked(database, berlin=1)
    order = placed(quantity=2)
    (refused,) = await hear(database, reserve_stock, order)
    assert isinstance(refused, StockReservationFailed)
    (released,) = await hear(database, release_stock, cancelled(order))
    assert isinstance(released, StockReleased)
    assert released.lines == []
    assert await status(database, order.order_id) == "refused"


@pytest.mark.parametrize("sku", ["salt", "old"])
async def test_what_is_not_on_sale_is_unknown(database: Database, sku: str) -> None:
    await stocked(database, berlin=1)
    await perform(database, offer_product, OfferProduct("old", "old", "", EURO, active=True))
    await perform(database, adjust_stock, AdjustStock("old", "berlin", 5, "opening stock"))
    await perform(database, change_product, ChangeProduct("old", active=False))
    (refused,) = await hear(database, reserve_stock, placed(sku))
    assert isinstance(refused, StockReservationFailed)
    assert refused.reason is RefusalReason.UNKNOWN_PRODUCT


async def test_what_was_never_stocked_is_out_of_stock(database: Database) -> None:
    await stocked(database, berlin=1)
    (refused,) = await hear(database, reserve_stock, placed("cup"))
    assert isinstance(refused, StockReservationFailed)
    assert refused.reason is RefusalReason.OUT_OF_STOCK


async def test_an_event_heard_three_times_works_once(database: Database) -> None:
    await stocked(database, berlin=5)
    order = placed(quantity=2)
    parcel = dispatched(order, "berlin")
    assert await hear_again(database, reserve_stock, order, times=3) == [1, 0, 0]
    assert await hear_again(database, deduct_stock, parcel, times=3) == [1, 0, 0]
    assert await hear_again(database, release_stock, cancelled(order), times=3) == [1, 0, 0]
    assert await counters(database) == {"berlin": (4, 0)}
    assert await kinds_told(database, order.order_id) == ["StockReserved", "StockDeducted", "StockReleased"]


async def test_the_same_facts_under_new_ids_change_nothing_more(database: Database) -> None:
    """The inbox forgets in time; the reservation does not."""
    await stocked(database, berlin=5)
    order = placed(quantity=2)
    parcel = dispatched(order, "berlin")
    for _ in range(2):
        await perform(database, reserve_stock, order)
    for _ in range(2):
        await perform(database, deduct_stock, parcel)
    assert await counters(database) == {"berlin": (4, 1)}
    for _ in range(2):
        await perform(database, release_stock, cancelled(order))
    assert await counters(database) == {"berlin": (4, 0)}
    await assert_books_agree(database)


async def test_a_parcel_of_what_is_not_held_changes_nothing(database: Database) -> None:
    await stocked(database, berlin=5, lyon=5)
    order = placed(quantity=2)
    with pytest.raises(NotHeldError):
        await perform(database, deduct_stock, dispatched(order, "berlin"))
    await perform(database, reserve_stock, order)
    for parcel in (dispatched(order, "lyon"), dispatched(order, "berlin", quantity=3)):
        with pytest.raises(NotHeldError):
            await perform(database, deduct_stock, parcel)
    assert await counters(database) == {"berlin": (5, 2), "lyon": (5, 0)}
    await assert_books_agree(database)


async def test_one_unit_and_two_hundred_buyers_in_one_batch(database: Database) -> None:
    await stocked(database, lyon=1)
    kinds = [type(answer) for answer in await hear(database, reserve_stock, *(placed() for _ in range(200)))]
    assert kinds.count(StockReserved) == 1
    assert kinds.count(StockReservationFailed) == 199
    assert kinds.count(StockSoldOut) == 1
    assert await counters(database) == {"lyon": (1, 1)}
    await assert_books_agree(database)


async def test_one_unit_and_two_hundred_buyers_of_two_replicas(database: Database) -> None:
    await stocked(database, lyon=1)
    orders = [placed() for _ in range(200)]
    halves = await asyncio.gather(*(hear(database, reserve_stock, *orders[half::2]) for half in (0, 1)))
    kinds = [type(answer) for half in halves for answer in half]
    assert kinds.count(StockReserved) == 1
    assert kinds.count(StockReservationFailed) == 199
    assert kinds.count(StockSoldOut) == 1
    winner = next(answer for half in halves for answer in half if isinstance(answer, StockReserved))
    await perform(database, release_stock, *(cancelled(order) for order in orders if order.order_id != winner.order_id))
    assert await counters(database) == {"lyon": (1, 1)}
    await assert_books_agree(database)


async def test_each_crossing_is_told_once_however_many_replicas_cross_it(database: Database) -> None:
    await opened(database, "berlin", "lyon")
    await offered(database, "tea", low_stock_threshold=10)
    await received(database, "tea", berlin=20, lyon=20)
    orders = [placed() for _ in range(60)]
    parts = await asyncio.gather(*(hear(database, reserve_stock, *orders[part::4]) for part in range(4)))
    answers = [answer for part in parts for answer in part]
    held = [answer.order_id for answer in answers if isinstance(answer, StockReserved)]
    assert len(held) == 40
    told_levels = [event for event in await told(database, "tea") if isinstance(event, StockLow | StockSoldOut | StockBack)]
    assert [type(event) for event in told_levels] == [StockBack, StockLow, StockSoldOut]
    await asyncio.gather(*(hear(database, release_stock, facts.cancelled(order_id)) for order_id in held[:8]))
    await perform(database, adjust_stock, AdjustStock("tea", "berlin", 10, "found"))
    await perform(database, adjust_stock, AdjustStock("tea", "berlin", -8, "broken", MovementKind.WRITTEN_OFF))
    later = [event for event in await told(database, "tea") if isinstance(event, StockLow | StockSoldOut | StockBack)][3:]
    assert later == [StockBack(sku="tea", available=1), StockLow(sku="tea", available=10, threshold=10)]
    await assert_books_agree(database)


async def test_many_batches_at_once_on_crossing_products(database: Database) -> None:
    """Locks are taken in one order, so nobody waits for each other; nothing is oversold."""
    await stocked(database, berlin=20, lyon=20)
    await perform(database, adjust_stock, AdjustStock("cup", "berlin", 20, "opening stock"))
    orders = [placed("tea", 1, more=(("cup", 1),)) if n % 2 else placed("cup", 1, more=(("tea", 2),)) for n in range(60)]
    batches = [hear(database, reserve_stock, *orders[start : start + 10]) for start in range(0, 60, 10)]
    answers = [answer for batch in await asyncio.gather(*batches) for answer in batch]
    held = [answer for answer in answers if isinstance(answer, StockReserved)]
    assert len(held) == 20  # as many as there are cups
    assert (await counters(database, "cup")) == {"berlin": (20, 20)}
    await assert_books_agree(database)


async def statements_of(database: Database, function: Any, *events: Event) -> int:
    before = database.statements
    await perform(database, function, *events)
    return database.statements - before


async def test_two_hundred_orders_cost_the_statements_of_one(database: Database) -> None:
    await stocked(database, berlin=500, lyon=500)
    one, many = placed(), [placed() for _ in range(200)]
    assert await statements_of(database, reserve_stock, one) == await statements_of(database, reserve_stock, *many) <= 7
    parcels = [dispatched(order, "berlin") for order in many]
    first = await statements_of(database, deduct_stock, dispatched(one, "berlin"))
    assert first == await statements_of(database, deduct_stock, *parcels) <= 7
    more = [placed() for _ in range(201)]
    await perform(database, reserve_stock, *more)
    first = await statements_of(database, release_stock, cancelled(more[0]))
    assert first == await statements_of(database, release_stock, *(cancelled(order) for order in more[1:])) <= 7
    await assert_books_agree(database)


async def test_a_reservation_written_by_another_process_meanwhile_is_not_written_over(database: Database) -> None:
    """A process that lost its partition and does not know yet: its batch is undone and tried again, and finds the row."""
    await stocked(database, berlin=5)
    order = placed()

    async def hear_it_slowly() -> None:
        async with database.transaction() as transaction:
            room = StockRoom(transaction)
            await room.fetch([order])
            await perform(database, release_stock, cancelled(order))
            reserve_stock(order, room, Cause("order", MORNING))
            await room.flush()

    with pytest.raises(TRANSIENT):
        await hear_it_slowly()
    assert await status(database, order.order_id) == "barred"
    assert await counters(database) == {"berlin": (5, 0)}
    await assert_books_agree(database)


async def test_the_ledger_cannot_be_rewritten(database: Database) -> None:
    await stocked(database, berlin=5)
    for attempt in ("UPDATE stock_movement SET on_hand_delta = 9", "DELETE FROM stock_movement", "TRUNCATE stock_movement"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            async with database.transaction() as transaction:
                await transaction.fetch(attempt)
    await assert_books_agree(database)


async def test_a_warehouses_movements_are_read_without_those_of_the_others(database: Database) -> None:
    await stocked(database, lyon=1)
    await perform(database, adjust_stock, *(AdjustStock("tea", "berlin", 1, "delivery") for _ in range(2000)))
    await received(database, "tea", lyon=2)
    await received(database, "cup", lyon=3)
    queries = Queries(database)
    newest, first = await queries.movements("tea", "lyon", None, 51)
    assert [one.on_hand_delta for one in (newest, first)] == [2, 1]
    assert await queries.movements("tea", "lyon", newest.movement_id, 51) == [first]
    everywhere = await queries.movements("tea", None, None, 3000)
    assert [one.movement_id for one in everywhere] == sorted((one.movement_id for one in everywhere), reverse=True)
    assert (len(everywhere), everywhere[0], everywhere[-1]) == (2002, newest, first)
    assert await queries.movements("tea", None, everywhere[0].movement_id, 2) == everywhere[1:3]
    async with database.pool.acquire() as connection:
        await connection.execute("ANALYZE stock_movement")
        for place in ("lyon", None):
            query = ledger("tea", place, None, 51).compile(
                dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
                compile_kwargs={"literal_binds": True},
            )
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}")
            assert _looked_at(from_json(plan)[0]["Plan"]) <= 2 * 51, plan


def _looked_at(node: dict[str, Any]) -> int:
    """Count the movements that a plan reads."""
    passed_by = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows = round((node["Actual Rows"] + passed_by) * node["Actual Loops"]) if node.get("Alias") == "stock_movement" else 0
    return rows + sum(_looked_at(child) for child in node.get("Plans", ()))


async def test_the_database_itself_keeps_stock_above_zero(database: Database) -> None:
    await stocked(database, berlin=5)
    for wrong in ("on_hand = -1", "reserved = -1", "reserved = 6"):
        with pytest.raises(asyncpg.CheckViolationError, match="stock_never_negative"):
            async with database.transaction() as transaction:
                await transaction.fetch(f"UPDATE stock SET {wrong}")
    assert await counters(database) == {"berlin": (5, 0)}


async def test_the_audit_finds_counters_that_are_not_the_ledgers(database: Database) -> None:
    await stocked(database, berlin=5)
    async with database.transaction() as transaction:
        await transaction.fetch("UPDATE stock SET on_hand = 7, reserved = 1")
    row = next(row for row in await Queries(database).audit() if row["warehouse_id"])
    assert (row["on_hand"], row["ledger_on_hand"], row["reserved"], row["ledger_reserved"], row["held"]) == (7, 5, 1, 0, 0)


async def test_each_change_of_a_product_is_told_under_its_sku(database: Database) -> None:
    await stocked(database)
    await perform(database, change_product, ChangeProduct("tea", price=Money(amount=150, currency="EUR")))
    await perform(database, change_product, ChangeProduct("tea", name="tea"))
    events = await told(database, "tea")
    assert [event.price.amount for event in events if isinstance(event, ProductPublished)] == [100, 150]


async def test_a_thing_that_exists_is_refused_also_twice_in_a_batch(database: Database) -> None:
    await stocked(database)
    with pytest.raises(ProductExistsError):
        await perform(database, offer_product, OfferProduct("tea", "other", "", EURO, active=True))
    with pytest.raises(ProductExistsError):
        await perform(database, offer_product, *(OfferProduct("new", "new", "", EURO, active=True) for _ in range(2)))
    with pytest.raises(WarehouseExistsError):
        await perform(database, open_warehouse, OpenWarehouse("lyon", "again", "FR", None))
    tries = (perform(database, offer_product, OfferProduct("race", "race", "", EURO, active=True)) for _ in range(5))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, ProductExistsError) for outcome in outcomes) == 4


async def test_stock_taken_away_at_once_stays_above_zero(database: Database) -> None:
    await stocked(database, berlin=5)
    tries = (perform(database, adjust_stock, AdjustStock("tea", "berlin", -2, "broken")) for _ in range(4))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, InsufficientStockError) for outcome in outcomes) == 2
    assert await counters(database) == {"berlin": (1, 0)}
    await assert_books_agree(database)
