"""A return with an exchange, over all services: stock held from the approval on, each cent and unit moved once."""

import random

import pytest

from chassis.domain import Refusal

from .agreement import disagreements
from .carrying import PRICE, STOCK, Saga
from .exchanging import Exchanging

pytestmark = pytest.mark.database


def story(saga: Saga, seed: int | None) -> Exchanging:
    """Have facts carried in order (None), or in an order of chance, each several times."""
    chance = random.Random(seed)  # noqa: S311 - it can be repeated

    async def stumble() -> None:
        await saga.stumble(chance)
        saga.clock.forward(seconds=61)
        await saga.stumble(chance)

    return Exchanging(saga, saga.settle if seed is None else stumble)


async def stock(saga: Saga) -> tuple[int, int]:
    (row,) = await saga.rows("inventory", "SELECT on_hand, reserved FROM stock")
    return row["on_hand"], row["reserved"]


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("quantity", [1, 3])
async def test_what_came_back_pays_the_other_order_and_only_the_difference_moves(
    saga: Saga, quantity: int, seed: int | None
) -> None:
    shop = story(saga, seed)
    await shop.buy()
    await shop.exchange(quantity)
    await shop.carry()
    assert await stock(saga) == (STOCK - 2, quantity), "held from the approval on"
    assert (await shop.order(shop.new))["status"] == "Processing"
    with pytest.raises(Refusal):
        await shop.send()
    await shop.take_in()
    await shop.carry()
    difference = (quantity - 2) * PRICE
    assert shop.at_psp(shop.old) == (0, 2 * PRICE, max(0, -difference))
    assert shop.at_psp(shop.new) == (max(0, difference), 0, 0)
    await shop.send()
    await shop.carry()
    assert shop.at_psp(shop.new) == (0, max(0, difference), 0)
    assert await stock(saga) == (STOCK - quantity, 0)
    old, new = await shop.order(shop.old), await shop.order(shop.new)
    assert (old["captured_amount"], old["refunded_amount"], old["payment_state"]) == (2 * PRICE, 2 * PRICE, "refunded")
    assert (new["captured_amount"], new["payment_state"], new["status"]) == (quantity * PRICE, "captured", "Shipped")
    papers = await saga.rows("order", "SELECT kind, order_id, total_amount FROM document ORDER BY issued_at, document_id")
    assert sum(one["total_amount"] for one in papers if one["order_id"] == shop.old) == 0, "invoiced, and credited"
    assert sum(one["total_amount"] for one in papers if one["order_id"] == shop.new) == quantity * PRICE
    assert await disagreements(saga) == []


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("when", ["declined", "before", "meanwhile", "after"])
async def test_whatever_ends_the_other_order_the_customer_has_the_money_once(saga: Saga, when: str, seed: int | None) -> None:
    shop = story(saga, seed)
    await shop.buy()
    await shop.exchange(3, "tok_declined" if when == "declined" else "tok_ok")
    if when == "before":
        await saga.cancel(shop.new, "ada")
    await shop.carry()
    await shop.take_in()
    if when == "after":
        await shop.carry()
    if when in {"meanwhile", "after"}:
        await saga.cancel(shop.new, "ada")
    await shop.carry()
    assert shop.at_psp(shop.old) == (0, 2 * PRICE, 2 * PRICE)
    assert shop.at_psp(shop.new)[:2] == (0, 0)
    assert await stock(saga) == (STOCK, 0)
    assert (await shop.order(shop.old))["refunded_amount"] == 2 * PRICE
    assert await disagreements(saga) == []


async def test_what_does_not_come_back_in_time_leaves_nothing_held(saga: Saga) -> None:
    shop = story(saga, None)
    await shop.buy()
    await shop.exchange(3)
    await shop.carry()
    saga.clock.forward(seconds=31 * 86400)
    await shop.carry()
    assert ((await shop.order(shop.new))["cancel_reason"], shop.at_psp(shop.new)) == ("deadline", (0, 0, 0))
    assert (shop.at_psp(shop.old), await stock(saga)) == ((0, 2 * PRICE, 0), (STOCK - 2, 0))
    assert await disagreements(saga) == []
