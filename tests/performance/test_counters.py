"""What an order costs, counted: statements of each batch, messages and bytes of each order; the same on every machine.

A count that grows is a cost that every order pays: lower a bound when the work gets cheaper, raise one only for a reason that
is worth it. BEGIN and COMMIT count as statements, since each is a round trip.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from contracts.inventory import StockReserved
from contracts.order import OrderConfirmed, OrderContacts, OrderPlaced
from contracts.payment import PaymentAuthorized

pytestmark = pytest.mark.database

# The most statements a batch may take, however many orders it holds.
BOUNDS: Final = {
    "order accepts": 9,
    "inventory hears OrderPlaced": 7,
    "payment hears OrderContacts": 4,
    "payment hears StockReserved": 5,
    "payment claims authorizations": 4,  # one keeps what was assessed: an order that is claimed again must fare as before
    "payment notes authorizations": 8,
    "order hears StockReserved": 7,
    "order hears PaymentAuthorized": 9,
    "notification hears OrderContacts": 6,
    "notification hears OrderPlaced": 5,
    "notification hears OrderConfirmed": 5,
    "notification claims deliveries": 3,
    "notification notes deliveries": 5,
}
MESSAGES: Final = {
    "order.events": 2,
    "order.contacts": 1,
    "inventory.events": 1,
    "payment.events": 1,
    "notification.events": 2,
}
BYTES_PER_ORDER: Final = 6000
ORDERS: Final = 200


async def happy_path(saga: Any, count: int) -> dict[str, int]:
    """Bring orders from placed to confirmed and told, each step in one batch; answers the statements of each step."""
    spent = {
        "order accepts": await saga.accepts(count),
        "inventory hears OrderPlaced": await saga.hears("inventory", "order", OrderPlaced),
        "payment hears OrderContacts": await saga.hears("payment", "order", OrderContacts),
        "payment hears StockReserved": await saga.hears("payment", "inventory", StockReserved),
    }
    claimed, noted, authorized = await saga.works("payment", "authorize", count)
    spent |= {"payment claims authorizations": claimed, "payment notes authorizations": noted}
    spent |= {
        "order hears StockReserved": await saga.hears("order", "inventory", StockReserved),
        "order hears PaymentAuthorized": await saga.hears("order", "payment", PaymentAuthorized),
        "notification hears OrderContacts": await saga.hears("notification", "order", OrderContacts),
        "notification hears OrderPlaced": await saga.hears("notification", "order", OrderPlaced),
        "notification hears OrderConfirmed": await saga.hears("notification", "order", OrderConfirmed),
    }
    claimed, noted, delivered = await saga.works("notification", "deliver", 2 * count)
    spent |= {"notification claims deliveries": claimed, "notification notes deliveries": noted}
    assert (authorized, delivered) == (count, 2 * count)
    return spent


async def test_a_batch_of_200_costs_the_statements_of_a_batch_of_one(make_saga: Callable[[], Awaitable[Any]]) -> None:
    one = await happy_path(await make_saga(), 1)
    many = await happy_path(await make_saga(), ORDERS)
    assert many == one
    assert {step: count for step, count in many.items() if count > BOUNDS[step]} == {}, f"more than {BOUNDS}"


async def test_an_order_costs_seven_messages(make_saga: Callable[[], Awaitable[Any]]) -> None:
    saga = await make_saga()
    before = {topic: len(sizes) for topic, sizes in (await saga.messages()).items()}
    await happy_path(saga, 10)
    after = await saga.messages()
    told = {topic: (len(sizes) - before.get(topic, 0)) / 10 for topic, sizes in after.items()}
    assert {topic: count for topic, count in told.items() if count} == MESSAGES


async def test_the_messages_of_an_order_stay_small(make_saga: Callable[[], Awaitable[Any]]) -> None:
    saga = await make_saga()
    await happy_path(saga, 10)
    sizes = await saga.messages()
    per_order = sum(sum(found) for topic, found in sizes.items() if topic in MESSAGES) / 10
    assert per_order <= BYTES_PER_ORDER, sizes
