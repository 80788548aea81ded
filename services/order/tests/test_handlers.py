"""What the order service does with facts from the others, on a real PostgreSQL."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.domain import NotFoundError, new_id
from chassis.testing import SettableClock, hear_again, perform, told
from contracts import Event
from contracts.inventory import RefusalReason, Shortage, StockReleased, StockReservationFailed, StockReserved
from contracts.order import CancelReason, OrderCancelled, OrderConfirmed, OrderContacts, OrderPlaced
from contracts.payment import PaymentAuthorized, PaymentDeclined, PaymentVoided
from contracts.types import Allocation, Line, Money
from order.api.orders import OrderBody, PlaceOrder, place_order
from order.handlers import (
    cancel_declined,
    cancel_expired,
    cancel_out_of_stock,
    confirm_order,
    note_allocation,
    note_released,
    note_voided,
)
from order.model import Order
from order.store import ExpiredOrder, OrderQueries
from services.order.tests.conftest import order_body

pytestmark = pytest.mark.database

TOTAL = Money(amount=3097, currency="EUR")
DEADLINE = timedelta(minutes=30)


async def place(database: Database, count: int = 1) -> list[UUID]:
    commands = [PlaceOrder("ada", OrderBody.model_validate(order_body()), "EUR", DEADLINE) for _ in range(count)]
    answers = await perform(database, place_order, *commands, actor="customer:ada")
    return [answer.events[0].order_id for answer in answers]


async def stored(database: Database, order_id: UUID) -> Order:
    async with database.reading() as session:
        return await OrderQueries(session).order(order_id, None)


def reserved(order_id: UUID) -> StockReserved:
    lines = [Line(product_id="MUG", quantity=2), Line(product_id="PEN", quantity=3)]
    allocations = [Allocation(warehouse_id="berlin", lines=lines)]
    return StockReserved(order_id=order_id, user_id="ada", total_amount=TOTAL, allocations=allocations)


def authorized(order_id: UUID) -> PaymentAuthorized:
    return PaymentAuthorized(order_id=order_id, user_id="ada", payment_id=new_id(), amount=TOTAL)


async def test_placing_tells_the_order_and_in_confidence_the_contact(database: Database) -> None:
    (order_id,) = await place(database)
    contacts, placed = await told(database, order_id)
    assert isinstance(placed, OrderPlaced)
    assert placed.total_amount == TOTAL
    assert "example.com" not in placed.model_dump_json()
    assert isinstance(contacts, OrderContacts)
    assert contacts.contact.phone == "+4930123456"
    assert contacts.payment.token == "tok_ok"


@pytest.mark.parametrize("stock_first", [True, False])
async def test_confirmed_in_either_order_of_the_facts(database: Database, stock_first: bool) -> None:  # noqa: FBT001
    (order_id,) = await place(database)
    steps: list[tuple[Callable[..., Any], Event]] = [
        (note_allocation, reserved(order_id)),
        (confirm_order, authorized(order_id)),
    ]
    for function, event in steps if stock_first else reversed(steps):
        await perform(database, function, event)
    order = await stored(database, order_id)
    assert order.status == "Processing"
    assert [one.warehouse_id for one in order.shipments] == ["berlin"]
    confirmed = [fact for fact in await told(database, order_id) if isinstance(fact, OrderConfirmed)]
    assert len(confirmed) == 1


async def test_the_same_fact_three_times_is_one(database: Database) -> None:
    (order_id,) = await place(database)
    await perform(database, note_allocation, reserved(order_id))
    assert await hear_again(database, confirm_order, authorized(order_id), times=3) == [1, 0, 0]
    assert sum(isinstance(fact, OrderConfirmed) for fact in await told(database, order_id)) == 1


async def test_out_of_stock_cancels_and_says_of_what(database: Database) -> None:
    (order_id,) = await place(database)
    shortages = [Shortage(product_id="MUG", requested=2, available=1)]
    refused = StockReservationFailed(order_id=order_id, user_id="ada", reason=RefusalReason.OUT_OF_STOCK, shortages=shortages)
    await perform(database, cancel_out_of_stock, refused)
    order = await stored(database, order_id)
    assert (order.status, order.cancel_reason) == ("Cancelled", CancelReason.OUT_OF_STOCK)
    async with database.reading() as session:
        assert (await OrderQueries(session).history(order_id, staff=True))[-1].notes == "Out of stock: MUG"


async def test_declined_then_released_and_voided_comes_to_rest(database: Database) -> None:
    (order_id,) = await place(database)
    await perform(database, note_allocation, reserved(order_id))
    declined = PaymentDeclined(order_id=order_id, user_id="ada", payment_id=new_id(), amount=TOTAL, code="card_declined")
    await perform(database, cancel_declined, declined)
    await perform(database, note_released, StockReleased(order_id=order_id, user_id="ada", lines=[]))
    await perform(
        database, note_voided, PaymentVoided(order_id=order_id, user_id="ada", amount=Money(amount=0, currency="EUR"))
    )
    order = await stored(database, order_id)
    assert (order.status, order.payment_state) == ("Cancelled", "declined")
    assert order.released_at is not None
    assert order.voided_at is not None


async def test_the_deadline_cancels_what_still_waits(database: Database, clock: SettableClock) -> None:
    waiting, decided = await place(database, 2)
    await perform(database, note_allocation, reserved(decided))
    await perform(database, confirm_order, authorized(decided))
    async with database.transaction() as transaction:
        assert await ExpiredOrder.claim(transaction, 10) == []
        assert await ExpiredOrder.next_due(transaction) == clock.now + DEADLINE
    clock.forward(minutes=31)
    async with database.transaction() as transaction:
        due = await ExpiredOrder.claim(transaction, 10)
        assert await ExpiredOrder.claim(transaction, 10) == []
    assert [one.order_id for one in due] == [waiting]
    await perform(database, cancel_expired, *due)
    order = await stored(database, waiting)
    assert (order.status, order.cancel_reason) == ("Cancelled", "deadline")
    assert isinstance((await told(database, waiting))[-1], OrderCancelled)


async def test_a_fact_about_an_unknown_order_is_a_fault(database: Database) -> None:
    with pytest.raises(NotFoundError):
        await perform(database, confirm_order, authorized(new_id()))


async def test_a_batch_costs_as_many_statements_as_one_event(database: Database) -> None:
    await place(database)  # the terms of sale are read once
    costs = []
    for size in (1, 200):
        before = database.statements
        order_ids = await place(database, size)
        await perform(database, note_allocation, *(reserved(one) for one in order_ids))
        await perform(database, confirm_order, *(authorized(one) for one in order_ids))
        costs.append(database.statements - before)
    assert costs[0] == costs[1]
    assert costs[0] <= 25
