"""Cash on delivery: as good as held, and taken parcel by parcel when the customer has it, in whatever order they come."""

from collections.abc import AsyncIterator

import pytest

from chassis.database import Database
from chassis.testing import SettableClock
from contracts.order import ShipmentDelivered, ShipmentDispatched
from payment.store import audit

from .shop import Shop
from .test_transfers import Waiting

pytestmark = pytest.mark.database
CASH = "cash_on_delivery"


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Waiting]:
    """Open a shop that takes cash; when its story has come to rest, the books are right."""
    clock = database.clock
    assert isinstance(clock, SettableClock)
    shop = Waiting(database, clock)
    yield shop
    await shop.rests()
    async with database.reading() as session:
        books = await audit(session)
    assert books.violations == [], "the books are right after every story"


def delivered(door: Waiting, parcel: ShipmentDispatched) -> ShipmentDelivered:
    return ShipmentDelivered(**door.order, shipment_id=parcel.shipment_id)


async def test_cash_is_taken_when_the_parcel_is_delivered(door: Waiting) -> None:
    await door.holds(CASH)
    first, second = door.dispatched(1000), door.dispatched(2000)
    await door.hears(first, second)
    await door.rests()
    assert await door.told() == ["PaymentAuthorized 3000"], "nobody has paid yet"
    await door.hears(delivered(door, second), delivered(door, second))
    await door.works()
    assert (await door.told())[1:] == ["PaymentCaptured 2000"]
    await door.hears(delivered(door, first))
    await door.works()
    assert (await door.told())[2:] == ["PaymentCaptured 1000"]
    [*entries] = await door.row("entry || ' ' || amount", "ledger_entry")
    assert {"cash 1000", "cash 2000"} <= set(entries)
    assert door.stub.calls == 0


async def test_a_cancelled_order_takes_nothing(door: Waiting) -> None:
    await door.holds(CASH)
    await door.hears(door.cancelled())
    await door.works()
    assert await door.told() == ["PaymentAuthorized 3000", "PaymentVoided 3000"]


async def test_cash_is_given_back_in_the_books(door: Waiting) -> None:
    await door.holds(CASH)
    parcel = door.dispatched(3000)
    await door.hears(parcel, delivered(door, parcel))
    await door.works()
    await door.hears(door.asked_back(700))
    await door.works()
    assert (await door.told())[1:] == ["PaymentCaptured 3000", "PaymentRefunded 700"]


async def test_a_delivery_of_what_a_card_paid_changes_nothing(shop: Shop) -> None:
    await shop.holds()
    parcel = shop.dispatched(1000)
    await shop.hears(parcel)
    await shop.works()
    await shop.hears(ShipmentDelivered(**shop.order, shipment_id=parcel.shipment_id))
    await shop.works()
    assert await shop.told() == ["PaymentAuthorized 3000", "PaymentCaptured 1000"]
