"""Exchanges through the API and by facts: another order is placed with a return, and each follows what becomes of the other."""

from typing import Any

import pytest

from chassis.testing import eventually, hear_again, perform, told
from contracts.order import (
    OrderCancelled,
    OrderContacts,
    OrderPlaced,
    OrderRefunded,
    RefundRequested,
    ReturnApproved,
)
from order.api.returns import ReturnView
from order.api.views import OrderView
from order.handlers import note_refund
from services.order.tests.conftest import Shop
from services.order.tests.test_returns_api import (
    Body,
    decide,
    delivered,
    euros,
    facts,
    give_back,
    lines,
    paid_back,
    policy,
    seen,
)

pytestmark = pytest.mark.database

CARD = {"method": "card", "token": "tok_ok"}


def wish(order: Body, *quantities: int, **exchange: Any) -> Body:
    return {"lines": lines(order, *quantities, reason="does_not_fit"), "exchange": exchange}


def pens(quantity: int, **more: Any) -> Body:
    return {"items": [{"product_id": "PEN", "quantity": quantity}], **more}


async def exchanged(shop: Shop, order: Body, body: Body) -> tuple[Body, Body]:
    """Ask for an exchange under a policy that agrees; answers the return, and the order placed in exchange."""
    await policy(shop, auto_approve=True)
    reply = await give_back(shop, order, body)
    assert reply.status_code == 201, reply.text
    back: Body = reply.json()
    other = await shop.ask("GET", f"/api/orders/{back['exchange']['order_id']}")
    assert other.status_code == 200
    return back, other.json()


async def received(shop: Shop, order: Body, back: Body, *quantities: int) -> Body:
    inspected = [one | {"disposition": "restock"} for one in lines(order, *quantities)]
    reply = await decide(shop, order, back, "receive", "warehouse", body={"warehouse_id": "berlin", "lines": inspected})
    assert reply.status_code == 200, reply.text
    found: Body = reply.json()
    return found


async def followed(shop: Shop) -> None:
    """Wait until each of the two orders knows of the other: the process does it by itself."""

    async def probe() -> bool:
        async with shop.database.transaction() as transaction:
            return not await transaction.fetch("SELECT 1 FROM exchange_step")

    await eventually(probe, "all steps of exchanges are taken")


async def test_what_is_wanted_instead_is_placed_with_the_agreement(shop: Shop) -> None:
    order = await delivered(shop)
    back, other = await exchanged(shop, order, wish(order, 2, **pens(20, payment=CARD)))
    assert ReturnView.model_validate(back).model_dump(mode="json") == back
    assert (
        OrderView.model_validate(other).model_dump(mode="json", exclude={"shipping_address", "billing_address"})
        | {name: other[name] for name in ("shipping_address", "billing_address")}
        == other
    )
    exchange = back["exchange"]
    assert (exchange["stage"], exchange["credit"], exchange["difference"]) == (
        "placed",
        euros(2500).model_dump(),
        euros(1480).model_dump(),
    )
    link = {"order_id": order["order_id"], "return_id": back["return_id"], "credit": euros(2500).model_dump(), "waits": True}
    assert (other["exchange"]["exchange_for"], other["total_amount"]["amount"], other["user_id"]) == (link, 3980, "ada")
    assert (await seen(shop, order))["exchange"] == {
        "exchange_for": None,
        "exchanged_by": [{"order_id": other["order_id"], "return_id": back["return_id"]}],
    }
    (approved,) = await facts(shop, order, ReturnApproved)
    assert str(approved.exchange_order_id) == other["order_id"]
    placed, contacts = sorted(await told(shop.database, other["order_id"]), key=lambda fact: type(fact).__name__, reverse=True)
    assert isinstance(placed, OrderPlaced)
    assert (str(placed.exchange_for), placed.credit) == (order["order_id"], euros(2500))
    assert isinstance(contacts, OrderContacts)
    assert (contacts.payment.token, contacts.payment.credit) == ("tok_ok", euros(2500))
    async with shop.database.transaction() as transaction:
        (row,) = await transaction.fetch("SELECT exchange FROM order_return")
    assert row["exchange"]["payment"] is None, "how it is paid is kept no longer than until it is decided"


async def test_support_may_agree_to_an_exchange_later_or_to_the_return_alone(shop: Shop) -> None:
    order = await delivered(shop)
    first, second = [
        (await give_back(shop, order, wish(order, 1, **pens(7, payment=CARD) if number else pens(5)))).json()
        for number in range(2)
    ]
    assert (first["exchange"]["stage"], first["exchange"]["order_id"]) == ("wanted", None)
    reply = (await decide(shop, order, first, "approve", "support")).json()
    assert (reply["exchange"]["stage"], reply["exchange"]["credit"]["amount"]) == ("placed", 995)
    reply = (await decide(shop, order, second, "approve", "support", body={"exchange": False})).json()
    assert (reply["state"], reply["exchange"]["stage"], reply["exchange"]["order_id"]) == ("approved", "ended", None)
    assert len((await seen(shop, order))["exchange"]["exchanged_by"]) == 1


@pytest.mark.parametrize(
    ("exchange", "status", "field"),
    [
        (pens(0), 422, "exchange.items.0.quantity"),
        ({"items": []}, 422, "exchange.items"),
        (pens(20), 422, "exchange.payment"),
        (pens(20, payment={"method": "bank_transfer"}), 422, "exchange.payment.method"),
        ({"items": [{"product_id": "OLD", "quantity": 1}]}, 422, "items.0.product_id"),
    ],
)
async def test_a_bad_wish_changes_nothing(shop: Shop, exchange: Body, status: int, field: str) -> None:
    order = await delivered(shop)
    await policy(shop, auto_approve=True)
    reply = await give_back(shop, order, wish(order, 2, **exchange))
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert any(one["field"].endswith(field) for one in reply.json()["errors"]), reply.text
    assert (await shop.ask("GET", f"/api/orders/{order['order_id']}/returns")).json()["items"] == []
    assert (await give_back(shop, order, wish(order, 2, **pens(1)), user="eve")).status_code == 404


async def test_what_came_back_pays_the_other_order_which_then_may_leave(shop: Shop) -> None:
    order = await delivered(shop)
    back, other = await exchanged(shop, order, wish(order, 2, **pens(5)))
    await received(shop, order, back, 1)
    assert await facts(shop, order, RefundRequested) == []
    ended = await received(shop, order, back, 1)
    assert (ended["state"], ended["exchange"]["stage"]) == ("received", "settled")
    moved, rest = await facts(shop, order, RefundRequested)
    assert (str(moved.exchange_order_id), moved.amount, rest.exchange_order_id, rest.amount) == (
        other["order_id"],
        euros(995),
        None,
        euros(1505),
    )
    paid = paid_back(order, {"refund_id": str(moved.refund_id), "amount": moved.amount.model_dump()}, 995)
    assert await hear_again(shop.database, note_refund, paid) == [1, 0]
    await perform(shop.database, note_refund, paid)
    await followed(shop)
    (refunded,) = await facts(shop, order, OrderRefunded)
    assert str(refunded.exchange_order_id) == other["order_id"]
    reply = (await shop.ask("GET", f"/api/orders/{other['order_id']}")).json()
    assert (reply["exchange"]["exchange_for"]["waits"], reply["status"]) == (False, "Pending")
    history = (await shop.ask("GET", f"/api/orders/{other['order_id']}/history")).json()["items"]
    said = [entry["notes"] for entry in history]
    assert said.count("What it is exchanged for has come back and pays it") == 1, "told once, however often it was heard"


async def test_each_of_the_two_orders_follows_the_end_of_the_other(shop: Shop) -> None:
    order = await delivered(shop)
    back, other = await exchanged(shop, order, wish(order, 1, **pens(5)))
    assert (await shop.ask("DELETE", f"/api/orders/{order['order_id']}/returns/{back['return_id']}")).status_code == 200
    await followed(shop)
    (cancelled,) = await facts(shop, other, OrderCancelled)
    assert cancelled.reason == "customer"
    back, other = await exchanged(shop, order, wish(order, 2, **pens(5)))
    await received(shop, order, back, 1)
    assert (await shop.ask("POST", f"/api/orders/{other['order_id']}/cancel")).status_code == 200
    await followed(shop)
    (refund,) = await facts(shop, order, RefundRequested)
    assert (refund.reason, refund.amount) == ("return", euros(1250))
    reply = (await shop.ask("GET", f"/api/orders/{order['order_id']}/returns/{back['return_id']}")).json()
    assert (reply["state"], reply["exchange"]["stage"]) == ("partially_received", "ended")
    entry = (await shop.ask("GET", f"/api/orders/{order['order_id']}/history")).json()["items"][-1]
    assert entry["actor"] == "customer:ada", "who cancelled the other order is its cause"
