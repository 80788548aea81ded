"""A stocked database, and how tests look into it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.batch import Function, Item, run
from chassis.database import Database
from chassis.domain import Cause, new_id
from chassis.testing import MORNING, perform, told, work
from contracts import Event
from contracts.types import Line
from inventory.handlers import adjust_stock, jobs, offer_product, open_warehouse
from inventory.model import AdjustStock, OfferProduct, OpenWarehouse, Reservation
from inventory.store import Queries

from .facts import EURO

PLACES = {"berlin": "DE", "lyon": "FR", "porto": "PT"}


async def opened(database: Database, *places: str) -> None:
    await perform(database, open_warehouse, *(OpenWarehouse(place, place, PLACES[place], None) for place in places))


async def offered(database: Database, sku: str, *components: tuple[str, int], **facts: Any) -> None:
    made_of = [Line(product_id=part, quantity=each) for part, each in components]
    await perform(database, offer_product, OfferProduct(sku, sku, "", EURO, active=True, components=made_of, **facts))


async def received(database: Database, sku: str, **units: int) -> None:
    await perform(database, adjust_stock, *(AdjustStock(sku, place, n, "delivery") for place, n in units.items()))


async def stocked(database: Database, **units: int) -> None:
    """Offer tea and cups, and lay in tea by warehouse."""
    await opened(database, "berlin", "lyon")
    for sku in ("tea", "cup"):
        await offered(database, sku)
    await received(database, "tea", **units)


async def hear(database: Database, function: Any, *events: Event) -> list[Event]:
    """Have events handled in one batch; answers all that was told, in order."""
    results = await perform(database, function, *events)
    return [event for result in results for event in answers(result)]


def answers(result: Any) -> Sequence[Event]:
    if result is None:
        return ()
    return (result,) if isinstance(result, Event) else result


async def hear_all(database: Database, *heard: tuple[Any, Event]) -> None:
    """Handle events of several kinds in one batch, as the consumer does."""
    items = [
        Item(
            event, Function.of(function), Cause("order", MORNING, new_id(), event.key), event_id=new_id(), event_type=event.type
        )
        for function, event in heard
    ]
    await run(database, items)


async def allocate(database: Database) -> int:
    """Give what came in to those who wait, as the workers do; answers how many products were looked at."""
    return await work(database, jobs, {}, "allocate_backorders")


async def counters(database: Database, sku: str = "tea") -> dict[str, tuple[int, int]]:
    rows = await Queries(database).stock(sku, None, None, 100)
    return {row.warehouse_id: (row.on_hand, row.reserved) for row in rows}


async def reservation(database: Database, order_id: UUID) -> Reservation:
    found = await Queries(database).reservation(order_id)
    assert found is not None
    return found


async def status(database: Database, order_id: UUID) -> str | None:
    found = await Queries(database).reservation(order_id)
    return None if found is None else found.status


async def waiting(database: Database) -> list[tuple[UUID, str, int]]:
    """Answer who waits for what, oldest first."""
    async with database.transaction() as transaction:
        rows = await transaction.fetch("SELECT * FROM backorder ORDER BY since, order_id, sku, part")
    return [(row["order_id"], row["sku"], row["quantity"]) for row in rows]


async def kinds_told(database: Database, key: object) -> list[str]:
    return [type(event).__name__ for event in await told(database, key)]


async def assert_books_agree(database: Database) -> None:
    for row in await Queries(database).audit():
        assert row["on_hand"] == row["ledger_on_hand"], row
        assert row["reserved"] == row["ledger_reserved"] == row["held"], row
        assert row["waiting"] == row["queued"], row
