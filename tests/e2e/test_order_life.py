"""The main story, as a customer and an operator live it, and what must be true of every part afterwards."""

import json
import time
from typing import Any

import pytest

from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import PRICE, SHIPPING, Shop, order_body
from waybill.generate import system as declared_system

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SECONDS_TO_CONFIRM = 5.0


async def test_from_cart_to_delivery(shop: Shop, waybill: Waybill) -> None:
    # From the cart to Processing.
    cart = {"items": [{"product_id": shop.sku, "quantity": 2}]}
    filled = await shop.customer.do("PUT", "/api/cart", cart)
    assert filled["total_amount"] == {"amount": 2 * PRICE, "currency": "EUR"}
    wish = order_body(shop.sku, email="grace@example.com", phone="+4930123456") | {"items": None}
    began = time.monotonic()
    first = await shop.customer.do("POST", "/api/orders", {k: v for k, v in wish.items() if v is not None}, expect=201)
    assert first["status"] == "Pending"
    assert (await shop.customer.get("/api/cart"))["items"] == []
    confirmed = await shop.reaches(first["order_id"], "Processing")
    took = time.monotonic() - began
    print(f"placed to Processing: {took * 1000:.0f} ms")  # noqa: T201 - the report of the story
    assert took < SECONDS_TO_CONFIRM
    assert [one["warehouse_id"] for one in confirmed["shipments"]] == ["berlin"]

    # Another is cancelled: money and stock come back.
    second = (await shop.place(3, Prefer="wait=5"))["order_id"]
    assert await shop.stock() == {"on_hand": 10_000, "reserved": 5, "available": 9_995}
    (held,) = await shop.ledger(second)
    assert (held["open"], held["captured"]) == (3 * PRICE + SHIPPING, 0)
    cancelled = await shop.customer.do("POST", f"/api/orders/{second}/cancel")
    assert (cancelled["status"], cancelled["cancel_reason"]) == ("Cancelled", "customer")
    await _money_is(shop, second, authorised=3 * PRICE + SHIPPING, open=0, captured=0)
    await _stock_is(shop, on_hand=10_000, reserved=2, available=9_998)

    # The first is shipped and delivered.
    path = f"/api/admin/orders/{first['order_id']}/status"
    assert (await shop.operator.do("PUT", path, {"status": "Shipped"}))["status"] == "Shipped"
    await _money_is(shop, first["order_id"], authorised=2 * PRICE + SHIPPING, open=0, captured=2 * PRICE + SHIPPING)
    await _stock_is(shop, on_hand=9_998, reserved=0, available=9_998)
    assert (await shop.operator.do("PUT", path, {"status": "Delivered"}))["status"] == "Delivered"
    tracking = await shop.customer.get(f"/api/orders/{first['order_id']}/tracking")
    assert [one["status"] for one in tracking["shipments"]] == ["delivered"]
    history = (await shop.customer.get(f"/api/orders/{first['order_id']}/history"))["items"]
    assert list(dict.fromkeys(one["status"] for one in history)) == ["Pending", "Processing", "Shipped", "Delivered"]

    # The customer was told, by mail and by SMS.
    await _is_told(shop, first["order_id"])

    # The saga is the one that the code declares, and nothing is left undone.
    await _saga_is_as_declared(shop, first["order_id"])
    await waybill.reconciled()
    told = await waybill.command("reconcile", "--json")
    assert (told.returncode, json.loads(told.stdout)["clean"]) == (0, True), told.stdout + told.stderr
    drawn = await waybill.command("saga", first["order_id"])
    assert drawn.returncode == 0, drawn.stderr
    for fact in ("order placed", "stock reserved", "payment authorized", "order confirmed", "payment captured"):
        assert fact in drawn.stdout


async def _money_is(shop: Shop, order_id: str, **amounts: int) -> None:
    async def probe() -> bool:
        entries = await shop.ledger(order_id)
        return [{name: one[name] for name in amounts} for one in entries] == [amounts]

    await eventually(probe, f"the PSP's books show {amounts} for order {order_id}")


async def _stock_is(shop: Shop, **stock: int) -> None:
    async def probe() -> bool:
        return await shop.stock() == stock

    await eventually(probe, f"the stock is {stock}")


async def _is_told(shop: Shop, order_id: str) -> None:
    seen: dict[str, list[str]] = {}

    async def probe() -> bool:
        seen["mail"] = [one["subject"] for one in reversed(await shop.mails(order_id))]
        seen["sms"] = [one["body"] for one in await shop.texts(order_id)]
        return len(seen["mail"]) == 5 and len(seen["sms"]) >= 2

    await eventually(probe, "five mails and the SMS are in the sinks", seen=lambda: seen)
    for words in ("have your order", "confirmed", "on its way", "Invoice INV-", "delivered"):
        assert [words in subject for subject in seen["mail"]].count(True) == 1, seen["mail"]
    mails = await shop.mails(order_id)
    assert all(mail["to"] == ["grace@example.com"] and mail["count"] == 1 for mail in mails)


async def _saga_is_as_declared(shop: Shop, order_id: str) -> None:
    wanted = {
        "order.placed.v1",
        "order.contacts.v1",
        "inventory.stock_reserved.v1",
        "payment.authorized.v1",
        "order.confirmed.v1",
        "order.shipment_dispatched.v1",
        "order.shipped.v1",
        "inventory.stock_deducted.v1",
        "payment.captured.v1",
        "order.invoice_issued.v1",
        "order.shipment_delivered.v1",
        "order.delivered.v1",
        "notification.sent.v1",
    }

    async def complete() -> Any:
        saga = await shop.operator.get(f"/api/admin/orders/{order_id}/saga")
        facts = saga["facts"]
        mails = [one for one in facts if one["type"] == "notification.sent.v1" and one["data"]["channel"] == "email"]
        whole = wanted == {one["type"] for one in facts} and len(mails) == 5
        return saga if whole and not any(one["unpublished"] for one in facts) else None

    saga = await eventually(complete, "the saga view shows every fact, published")
    assert saga["missing_services"] == []
    assert saga["waits_for"] == []
    types = {fact["event_id"]: fact["type"] for fact in saga["facts"]}
    causes = [(types.get(fact["causation_id"]), fact) for fact in saga["facts"]]
    assert all(cause is not None or fact["causation_id"] is None for cause, fact in causes), "a cause is missing"
    roots = {fact["type"] for cause, fact in causes if cause is None}
    assert roots <= {event.type for step in declared_system.load().steps if step.kind == "command" for event in step.tells}
    observed = {(cause, fact["source"], fact["type"]) for cause, fact in causes if cause is not None}
    assert observed <= _declared_edges()
    assert ("order.placed.v1", "inventory", "inventory.stock_reserved.v1") in observed
    assert ("payment.authorized.v1", "order", "order.confirmed.v1") in observed


def _declared_edges() -> set[tuple[str, str, str]]:
    """Answer which fact may follow on which in which service, by the signatures of reactions and of the jobs they leave."""
    edges = set()
    for service in declared_system.load().services:
        reactions = {step.name: step for step in service.steps if step.hears is not None}
        for step in service.steps:
            hears = [step.hears] if step.hears is not None else [reactions[name].hears for name in step.serves]
            edges |= {(heard.type, service.name, told.type) for heard in hears if heard is not None for told in step.tells}
    return edges
