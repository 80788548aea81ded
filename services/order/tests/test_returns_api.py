"""Returns and refunds through the API and by facts: who may ask what, and what the others hear of it."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import pytest

from chassis.domain import new_id
from chassis.testing import eventually, hear_again, perform, told, work
from contracts import Event
from contracts.order import (
    OrderRefunded,
    RefundRequested,
    ReturnApproved,
    ReturnClosed,
    ReturnDeclined,
    ReturnReceived,
    ReturnRequested,
)
from contracts.payment import PaymentCaptured, PaymentCaptureFailed, PaymentRefunded, RefundFailed
from contracts.types import Money
from order.api.refunds import RefundView
from order.api.returns import ReturnView
from order.gateway import CarrierGateway, StubCarriers
from order.handlers import jobs, note_capture_failed, note_captured, note_refund, note_refund_failed
from services.order.tests.conftest import Shop

pytestmark = pytest.mark.database

Fact = TypeVar("Fact", bound=Event)
Body = dict[str, Any]


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


async def delivered(shop: Shop, user: str = "ada", **changes: Any) -> Body:
    """Place an order that arrives and is paid."""
    order = await arrived(shop, user, **changes)
    captured = 0
    for parcel in order["shipments"]:
        captured += parcel["amount"]["amount"]
        await perform(shop.database, note_captured, PaymentCaptured(**due(order, parcel), captured=euros(captured)))
    return order


async def arrived(shop: Shop, user: str = "ada", *places: str, **changes: Any) -> Body:
    """Place an order that arrives, each line of it from one of these places."""
    order = await shop.confirmed(user, *places, **changes)
    for status in ("Shipped", "Delivered"):
        path = f"/api/admin/orders/{order['order_id']}/status"
        order = (await shop.ask("PUT", path, "warehouse", json={"status": status})).json()
    return order


def due(order: Body, parcel: Body) -> Body:
    """Tell what is due for a parcel, as the payment service tells what became of it."""
    amount = Money.model_validate(parcel["amount"])
    facts_ = {"order_id": order["order_id"], "user_id": order["user_id"], "payment_id": new_id()}
    return {**facts_, "shipment_id": parcel["shipment_id"], "amount": amount}


def lines(order: Body, *quantities: int, **more: Any) -> list[Body]:
    items = zip(order["items"], quantities, strict=False)
    return [{"item_id": item["item_id"], "quantity": quantity, **more} for item, quantity in items if quantity]


async def facts(shop: Shop, order: Body, kind: type[Fact]) -> list[Fact]:
    return [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, kind)]


async def refund(shop: Shop, order: Body, *roles: str, user: str = "sue", **body: Any) -> httpx2.Response:
    path = f"/api/admin/orders/{order['order_id']}/refunds"
    return await shop.ask("POST", path, *(roles or ("support",)), user=user, json={"reason": "damaged"} | body)


async def decide(
    shop: Shop, order: Body, what: Body, action: str, role: str, user: str = "fay", body: Any = None
) -> httpx2.Response:
    kind = "refunds" if "refund_id" in what else "returns"
    key = what.get("refund_id") or what["return_id"]
    return await shop.ask("POST", f"/api/admin/orders/{order['order_id']}/{kind}/{key}/{action}", role, user=user, json=body)


async def give_back(shop: Shop, order: Body, body: Any, user: str = "ada") -> httpx2.Response:
    return await shop.ask("POST", f"/api/orders/{order['order_id']}/returns", user=user, json=body)


async def asked(shop: Shop, order: Body, *quantities: int) -> Body:
    reply = await give_back(shop, order, {"lines": lines(order, *(quantities or (2,)), reason="does_not_fit")})
    assert reply.status_code == 201, reply.text
    found: Body = reply.json()
    return found


async def approved(shop: Shop, order: Body, *quantities: int) -> Body:
    reply = await decide(shop, order, await asked(shop, order, *quantities), "approve", "support", "sue")
    found: Body = reply.json()
    assert (reply.status_code, found["state"]) == (200, "approved")
    return found


async def policy(shop: Shop, **rules: Any) -> None:
    reply = await shop.ask("PUT", "/api/admin/return-policy", "finance", user="fay", json=rules)
    assert reply.status_code == 200, reply.text


async def seen(shop: Shop, order: Body) -> Body:
    found: Body = (await shop.ask("GET", f"/api/orders/{order['order_id']}", user=order["user_id"])).json()
    return found


def paid_back(order: Body, one: Body, total: int) -> PaymentRefunded:
    return PaymentRefunded(
        order_id=order["order_id"],
        user_id="ada",
        payment_id=new_id(),
        amount=Money.model_validate(one["amount"]),
        refunded=euros(total),
        refund_id=one["refund_id"],
    )


# --- refunds -----------------------------------------------------------------------------------------------------------------


async def test_all_of_an_order_is_given_back_and_it_is_refunded(shop: Shop) -> None:
    order = await delivered(shop)
    reply = await refund(shop, order, lines=lines(order, 2, 3), notes="all of it was wet")
    one = reply.json()
    assert (reply.status_code, one["state"], one["amount"]["amount"]) == (201, "requested", 3097)
    assert RefundView.model_validate(one).model_dump(mode="json") == one
    (fact,) = await facts(shop, order, RefundRequested)
    assert (str(fact.refund_id), fact.amount) == (one["refund_id"], euros(3097))
    assert await hear_again(shop.database, note_refund, paid_back(order, one, 3097)) == [1, 0]
    await perform(shop.database, note_refund, paid_back(order, one, 3097))
    (refunded,) = await facts(shop, order, OrderRefunded)
    assert refunded.complete
    order = await seen(shop, order)
    assert (order["status"], order["payment_state"], order["refunded_amount"]["amount"]) == ("Refunded", "refunded", 3097)
    listed = (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/refunds", "auditor")).json()["items"]
    assert [(item["state"], item["notes"]) for item in listed] == [("refunded", "all of it was wet")]
    history = (await shop.ask("GET", f"/api/orders/{order['order_id']}/history")).json()["items"]
    assert [(entry["actor"], entry["notes"]) for entry in history[-2:]] == [
        ("support:sue", "Refund of 3097 EUR asked for: damaged"),
        ("test", "Refunded: 3097 EUR so far"),
    ]


async def test_for_a_parcel_that_was_never_paid_nothing_goes_back(shop: Shop) -> None:
    order = await arrived(shop, "ada", "berlin", "lyon")
    mugs, pens = sorted(order["shipments"], key=lambda one: one["warehouse_id"])
    failed = PaymentCaptureFailed(**due(order, mugs), code="card_declined")
    await perform(shop.database, note_capture_failed, failed)
    await perform(shop.database, note_captured, PaymentCaptured(**due(order, pens), captured=euros(597)))
    order = await seen(shop, order)
    assert (order["payment_state"], order["captured_amount"]["amount"]) == ("capture_failed", 597)
    reply = await refund(shop, order, lines=lines(order, 1))
    assert (reply.status_code, [one["field"] for one in reply.json()["errors"]]) == (422, ["lines"])
    back = await approved(shop, order, 2, 3)
    assert back["refund_amount"]["amount"] == 597
    inspected = [one | {"disposition": "restock"} for one in lines(order, 2, 3)]
    body = {"warehouse_id": "berlin", "lines": inspected}
    assert (await decide(shop, order, back, "receive", "warehouse", body=body)).status_code == 200
    (asked_for,) = await facts(shop, order, RefundRequested)
    assert asked_for.amount == euros(597)


async def test_money_that_came_after_a_cancellation_is_told_to_have_gone_back(shop: Shop) -> None:
    order = await shop.confirmed()
    await shop.ask("POST", f"/api/orders/{order['order_id']}/cancel")
    fact = PaymentRefunded(
        order_id=order["order_id"], user_id="ada", payment_id=new_id(), amount=euros(3097), refunded=euros(3097)
    )
    await perform(shop.database, note_refund, fact, fact)
    (refunded,) = await facts(shop, order, OrderRefunded)
    assert (refunded.refund_id, refunded.complete) == (None, True)
    order = await seen(shop, order)
    assert (order["status"], order["payment_state"]) == ("Cancelled", "refunded")
    assert (await refund(shop, order, amount={"amount": 1, "currency": "EUR"})).status_code == 409


async def test_twenty_at_once_give_back_no_more_than_was_taken(shop: Shop, replica: Shop) -> None:
    order = await delivered(shop, items=[{"product_id": "MUG", "quantity": 8}])
    tenth = {"amount": 1000, "currency": "EUR"}
    replies = await asyncio.gather(
        *(refund((shop, replica)[number % 2], order, amount=tenth, user=f"sue{number}") for number in range(20))
    )
    codes = sorted(reply.status_code for reply in replies)
    assert codes == [201] * 10 + [409] * 10
    refused = next(reply.json() for reply in replies if reply.status_code == 409)
    assert (refused["type"], refused["refundable"]["amount"]) == ("urn:waybill:problem:refund-exceeds", 0)
    assert sum(fact.amount.amount for fact in await facts(shop, order, RefundRequested)) == 10_000


async def test_above_the_limit_a_second_person_agrees(shop: Shop) -> None:
    order = await delivered(shop, items=[{"product_id": "MUG", "quantity": 50}])
    one = (await refund(shop, order, "finance", user="fay", lines=lines(order, 41))).json()
    assert (one["state"], await facts(shop, order, RefundRequested)) == ("awaiting_approval", [])
    same = await decide(shop, order, one, "approve", "finance", "fay")
    assert (same.status_code, same.json()["type"]) == (403, "urn:waybill:problem:second-person-needed")
    assert (same.json()["requested_by"], await facts(shop, order, RefundRequested)) == ("finance:fay", [])
    agreed = await decide(shop, order, one, "approve", "finance", "finn")
    assert (agreed.status_code, agreed.json()["state"], agreed.json()["decided_by"]) == (200, "requested", "finance:finn")
    again = await decide(shop, order, one, "approve", "finance", "finn")
    assert (again.status_code, again.json()["type"]) == (409, "urn:waybill:problem:refund-state")
    assert len(await facts(shop, order, RefundRequested)) == 1
    another = (await refund(shop, order, amount={"amount": 11_000, "currency": "EUR"})).json()
    assert another["state"] == "requested"


async def test_those_who_approve_find_what_waits_for_them(shop: Shop) -> None:
    orders = [await delivered(shop, items=[{"product_id": "MUG", "quantity": 50}]) for _ in range(3)]
    keys = [(await refund(shop, order, lines=lines(order, 50))).json()["refund_id"] for order in orders]
    await decide(shop, orders[1], {"refund_id": keys[1]}, "approve", "finance", "fay")

    async def listed(**params: str) -> tuple[list[str], str | None]:
        page = (await shop.ask("GET", "/api/admin/refunds", "finance", user="fay", params=params)).json()
        assert {one["user_id"] for one in page["items"]} <= {"ada"}
        return [one["refund_id"] for one in page["items"]], page["next_cursor"]

    assert (await listed(state="awaiting_approval"))[0] == [keys[0], keys[2]]
    first, cursor = await listed(limit="2")
    assert cursor is not None
    assert (first, await listed(limit="2", cursor=cursor)) == (keys[:2], (keys[2:], None))


async def test_a_refund_that_is_declined_frees_its_money(shop: Shop) -> None:
    order = await delivered(shop, items=[{"product_id": "MUG", "quantity": 50}])
    one = (await refund(shop, order, lines=lines(order, 50))).json()
    assert (await refund(shop, order, lines=lines(order, 1))).status_code == 422
    assert (await decide(shop, order, one, "decline", "finance")).json()["state"] == "declined"
    assert (await refund(shop, order, lines=lines(order, 1))).status_code == 201


async def test_a_refund_that_failed_is_shown_and_asked_for_anew(shop: Shop) -> None:
    order = await delivered(shop)
    one = (await refund(shop, order, lines=lines(order, 1))).json()
    failed = RefundFailed(
        order_id=order["order_id"], user_id="ada", refund_id=one["refund_id"], amount=euros(1250), code="expired_card"
    )
    await perform(shop.database, note_refund_failed, failed, failed)
    assert (await seen(shop, order))["hold_reason"] == "refund_failed"
    again = (await decide(shop, order, one, "retry", "support", "sue")).json()
    assert again["refund_id"] != one["refund_id"]
    assert (await seen(shop, order))["hold_reason"] is None
    assert [str(fact.refund_id) for fact in await facts(shop, order, RefundRequested)] == [one["refund_id"], again["refund_id"]]
    assert (await decide(shop, order, one, "retry", "support", "sue")).status_code == 409


BAD_REFUNDS: list[tuple[str, Body, int, str]] = [
    ("above the remainder", {"amount": {"amount": 3098, "currency": "EUR"}}, 409, "amount"),
    ("unknown currency", {"amount": {"amount": 1, "currency": "ABC"}}, 422, "amount.currency"),
    ("no currency at all", {"amount": {"amount": 1, "currency": "euro"}}, 422, "amount.currency"),
    ("nothing", {"amount": {"amount": 0, "currency": "EUR"}}, 422, "body"),
    ("less than nothing", {"amount": {"amount": -1, "currency": "EUR"}}, 422, "amount.amount"),
    ("amount and shipping", {"amount": {"amount": 1, "currency": "EUR"}, "shipping": True}, 422, "body"),
    ("neither", {}, 422, "body"),
    ("free shipping", {"shipping": True}, 422, "shipping"),
    ("more units than were sent", {"lines": [{"quantity": 3}]}, 422, "lines"),
    ("no units", {"lines": [{"quantity": 0}]}, 422, "lines.0.quantity"),
    ("half a unit", {"lines": [{"quantity": 0.5}]}, 422, "lines.0.quantity"),
    ("another's item", {"lines": [{"item_id": str(uuid4()), "quantity": 1}]}, 422, "lines"),
    ("no reason of ours", {"lines": [{"quantity": 1}], "reason": "mood"}, 422, "reason"),
    ("own state", {"lines": [{"quantity": 1}], "state": "refunded"}, 422, "state"),
    ("card number", {"lines": [{"quantity": 1}], "notes": "to 4111 1111 1111 1111"}, 422, "notes"),
]


@pytest.mark.parametrize(("what", "body", "status", "field"), BAD_REFUNDS, ids=[bad[0] for bad in BAD_REFUNDS])
async def test_a_bad_refund_is_refused_by_field_and_changes_nothing(
    shop: Shop, what: str, body: Body, status: int, field: str
) -> None:
    order = await delivered(shop)
    before = len(await told(shop.database, order["order_id"]))
    if "lines" in body:
        body = body | {"lines": [{"item_id": order["items"][0]["item_id"]} | line for line in body["lines"]]}
    reply = await refund(shop, order, **body)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), what
    assert field in [error["field"] for error in reply.json()["errors"]]
    assert len(await told(shop.database, order["order_id"])) == before
    assert (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/refunds", "support")).json()["items"] == []


async def test_what_is_refused_is_counted_by_its_name(shop: Shop) -> None:
    order = await delivered(shop)
    for amount in (5000, 6000):
        await refund(shop, order, amount={"amount": amount, "currency": "EUR"})
    await refund(shop, order, amount={"amount": -1, "currency": "EUR"})
    metrics = (await shop.http.get("/metrics")).text
    assert 'requests_refused_total{problem="refund-exceeds"} 2.0' in metrics
    assert 'requests_refused_total{problem="invalid-request"} 1.0' in metrics


async def test_a_repeated_request_is_one_refund_and_a_stale_one_none(shop: Shop) -> None:
    order = await delivered(shop)
    path, body = (
        f"/api/admin/orders/{order['order_id']}/refunds",
        {"reason": "price", "amount": {"amount": 100, "currency": "EUR"}},
    )
    key = {"Idempotency-Key": "refund-1"}
    replies = [await shop.ask("POST", path, "support", user="sue", json=body, headers=key) for _ in range(2)]
    assert replies[0].json() == replies[1].json()
    stale = await shop.ask("POST", path, "support", user="sue", json=body, headers={"If-Match": '"1"'})
    assert (stale.status_code, len(await facts(shop, order, RefundRequested))) == (412, 1)


# --- returns -----------------------------------------------------------------------------------------------------------------


async def test_a_customer_returns_two_mugs_of_which_one_is_damaged(shop: Shop) -> None:
    order = await delivered(shop)
    reply = await give_back(shop, order, {"lines": lines(order, 2, reason="does_not_fit"), "note": "too small"})
    back = reply.json()
    assert (reply.status_code, back["state"]) == (201, "requested")
    assert reply.headers["location"] == f"/api/orders/{order['order_id']}/returns/{back['return_id']}"
    assert ReturnView.model_validate(back).model_dump(mode="json") == back
    assert (await seen(shop, order))["return_state"] == "requested"
    assert (await decide(shop, order, back, "approve", "support", "sue", {"notes": "of course"})).json()["state"] == "approved"
    for disposition in ("restock", "damaged"):
        receipt = {
            "receipt_id": str(uuid4()),
            "warehouse_id": "lyon",
            "lines": lines(order, 1, disposition=disposition),
        }
        replies = [await decide(shop, order, back, "receive", "warehouse", "wim", receipt) for _ in range(3)]
        assert {one.status_code for one in replies} == {200}
        assert replies[0].json()["receipts"] == replies[2].json()["receipts"]
    kinds: list[type[Event]] = [ReturnRequested, ReturnApproved, ReturnReceived, RefundRequested, ReturnClosed]
    assert [len(await facts(shop, order, kind)) for kind in kinds] == [1, 1, 2, 2, 1]
    received = await facts(shop, order, ReturnReceived)
    assert [(one.warehouse_id, one.lines[0].disposition, one.lines[0].quantity) for one in received] == [
        ("lyon", "restock", 1),
        ("lyon", "damaged", 1),
    ]
    shown = (await shop.ask("GET", f"/api/orders/{order['order_id']}/returns")).json()["items"]
    assert [(one["state"], one["lines"][0]["received"], one["decision_notes"]) for one in shown] == [
        ("received", 2, "of course")
    ]
    refunds = (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/refunds", "finance")).json()["items"]
    total = 0
    for one in refunds:
        total += one["amount"]["amount"]
        await perform(shop.database, note_refund, paid_back(order, one, total))
    order = await seen(shop, order)
    assert (order["return_state"], order["refunded_amount"]["amount"], order["status"]) == ("received", 2500, "Delivered")


async def test_the_same_receipt_at_once_is_taken_in_once(shop: Shop, replica: Shop) -> None:
    order = await delivered(shop)
    back = await approved(shop, order)
    receipt = {"receipt_id": str(uuid4()), "warehouse_id": "berlin", "lines": lines(order, 1, disposition="restock")}
    replies = await asyncio.gather(
        *(decide((shop, replica)[number % 2], order, back, "receive", "warehouse", "wim", receipt) for number in range(10))
    )
    assert {reply.status_code for reply in replies} == {200}
    assert [len(await facts(shop, order, kind)) for kind in (ReturnReceived, RefundRequested)] == [1, 1]


async def test_the_policy_agrees_refuses_and_is_changed_by_those_who_may(shop: Shop) -> None:
    await policy(shop, window_days={"default": 14}, auto_approve=True, final_sale=["PEN"], fees={"does_not_fit": 390})
    order = await delivered(shop)
    refused = await give_back(shop, order, {"lines": [lines(order, 0, 1, reason="other")[0]]})
    assert (refused.status_code, refused.json()["reason"]) == (409, "final_sale")
    back = await asked(shop, order, 1)
    assert (back["state"], back["refund_amount"]["amount"], back["fee_amount"]["amount"]) == ("approved", 860, 390)
    shop.clock.forward(days=15)
    late = await give_back(shop, order, {"lines": lines(order, 1, reason="other")})
    assert (late.status_code, late.json()["type"], late.json()["reason"]) == (
        409,
        "urn:waybill:problem:return-refused",
        "window_over",
    )
    assert len(await facts(shop, order, ReturnRequested)) == 1
    now = await shop.ask("GET", "/api/admin/return-policy", "support")
    assert (now.headers["etag"], now.json()["window_days"], now.json()["receive_days"]) == ('"1"', {"default": 14}, 30)
    stale = await shop.ask("PUT", "/api/admin/return-policy", "finance", json=now.json(), headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    fresh = await shop.ask("PUT", "/api/admin/return-policy", "finance", json=now.json(), headers={"If-Match": '"1"'})
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"2"')


BAD_POLICIES: list[tuple[Body, str]] = [
    ({"window_days": {"default": -1}}, "window_days.default"),
    ({"window_days": {"default": 1.5}}, "window_days.default"),
    ({"window_days": {"Not A Slug": 1}}, "window_days.Not A Slug"),
    ({"final_sale": ["no sku!"]}, "final_sale.0"),
    ({"fees": {"mood": 1}}, "fees.mood"),
    ({"fees": {"other": -1}}, "fees.other"),
    ({"auto_approve": "yes"}, "auto_approve"),
    ({"receive_days": 0}, "receive_days"),
    ({"version": 7}, "version"),
]


@pytest.mark.parametrize(("rules", "field"), BAD_POLICIES)
async def test_a_bad_policy_is_refused_by_field(shop: Shop, rules: Body, field: str) -> None:
    reply = await shop.ask("PUT", "/api/admin/return-policy", "finance", json=rules)
    assert reply.status_code == 422
    assert any(error["field"].startswith(field) for error in reply.json()["errors"]), reply.text
    assert (await shop.ask("GET", "/api/admin/return-policy", "finance")).headers["etag"] == '"0"'


BAD_RETURNS: list[tuple[str, Body, str]] = [
    ("never delivered", {"lines": [{"quantity": 3}]}, "lines"),
    ("another's item", {"lines": [{"item_id": str(uuid4())}]}, "lines"),
    ("no lines", {"lines": []}, "lines"),
    ("no units", {"lines": [{"quantity": 0}]}, "lines.0.quantity"),
    ("units as text", {"lines": [{"quantity": "1"}]}, "lines.0.quantity"),
    ("no reason of ours", {"lines": [{"reason": "mood"}]}, "lines.0.reason"),
    ("no id", {"lines": [{"item_id": "mug"}]}, "lines.0.item_id"),
    ("own amount", {"lines": [{"amount": 1}]}, "lines.0.amount"),
    ("NUL", {"lines": [{}], "note": "a\x00b"}, "note"),
    ("endless", {"lines": [{}], "note": "x" * 3000}, "note"),
]


@pytest.mark.parametrize(("what", "body", "field"), BAD_RETURNS, ids=[bad[0] for bad in BAD_RETURNS])
async def test_a_bad_return_is_refused_by_field_and_changes_nothing(shop: Shop, what: str, body: Body, field: str) -> None:
    order = await delivered(shop)
    good = lines(order, 1, reason="other")[0]
    reply = await give_back(shop, order, body | {"lines": [good | line for line in body["lines"]]})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json"), what
    assert field in [error["field"] for error in reply.json()["errors"]]
    assert await facts(shop, order, ReturnRequested) == []


BAD_RECEIPTS: list[tuple[str, Body, str]] = [
    ("more than agreed", {"lines": [{"quantity": 3}]}, "lines"),
    ("what was not agreed", {"lines": [{"item_id": str(uuid4())}]}, "lines"),
    ("no such warehouse", {"warehouse_id": "atlantis", "lines": [{}]}, "warehouse_id"),
    ("no disposition", {"lines": [{"disposition": "eaten"}]}, "lines.0.disposition"),
    ("no units", {"lines": [{"quantity": 0}]}, "lines.0.quantity"),
    ("no lines", {"lines": []}, "lines"),
]


@pytest.mark.parametrize(("what", "body", "field"), BAD_RECEIPTS, ids=[bad[0] for bad in BAD_RECEIPTS])
async def test_a_bad_receipt_is_refused_by_field_and_changes_nothing(shop: Shop, what: str, body: Body, field: str) -> None:
    order = await delivered(shop)
    back = await approved(shop, order)
    good = lines(order, 1, disposition="restock")[0]
    receipt = {"warehouse_id": "berlin"} | body | {"lines": [good | line for line in body["lines"]]}
    reply = await decide(shop, order, back, "receive", "warehouse", "wim", receipt)
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json"), what
    assert field in [error["field"] for error in reply.json()["errors"]]
    assert (await facts(shop, order, ReturnReceived), await facts(shop, order, RefundRequested)) == ([], [])


async def test_another_customers_return_does_not_exist(shop: Shop) -> None:
    order = await delivered(shop)
    back = await asked(shop, order)
    path = f"/api/orders/{order['order_id']}/returns"
    for method, where in [("GET", path), ("GET", f"{path}/{back['return_id']}"), ("DELETE", f"{path}/{back['return_id']}")]:
        assert (await shop.ask(method, where, user="eve")).status_code == 404, where
    assert (await shop.ask("GET", f"{path}/{back['return_id']}/label", user="eve")).status_code == 404
    assert (await give_back(shop, order, {"lines": lines(order, 1, reason="other")}, user="eve")).status_code == 404
    assert (await shop.ask("GET", f"{path}/{back['return_id']}")).json()["state"] == "requested"


async def test_the_customer_withdraws_and_support_does_not_do_so_for_them(shop: Shop) -> None:
    order = await delivered(shop)
    back = await asked(shop, order)
    forged = await decide(shop, order, back, "decline", "support", "sue", {"reason": "customer"})
    assert (forged.status_code, forged.json()["errors"][0]["field"]) == (422, "reason")
    path = f"/api/orders/{order['order_id']}/returns/{back['return_id']}"
    assert (await shop.ask("DELETE", path)).json()["reason"] == "customer"
    assert (await shop.ask("DELETE", path)).json()["type"] == "urn:waybill:problem:return-state"
    assert [fact.reason for fact in await facts(shop, order, ReturnDeclined)] == ["customer"]
    another = await asked(shop, order)
    declined = await decide(shop, order, another, "decline", "support", "sue", {"reason": "staff", "notes": "worn"})
    assert (declined.json()["state"], declined.json()["decision_notes"]) == ("declined", "worn")


async def test_staff_work_through_the_queue(shop: Shop) -> None:
    orders = [await delivered(shop, user) for user in ("ada", "bob", "cyd")]
    backs = []
    for order in orders:
        reply = await give_back(shop, order, {"lines": lines(order, 1, reason="other")}, user=order["user_id"])
        backs.append(reply.json()["return_id"])
    await decide(shop, orders[1], {"return_id": backs[1]}, "approve", "support", "sue")

    async def listed(**params: str) -> tuple[list[str], str | None]:
        page = (await shop.ask("GET", "/api/admin/returns", "support", user="sue", params=params)).json()
        return [one["return_id"] for one in page["items"]], page["next_cursor"]

    assert (await listed())[0] == backs
    assert (await listed(state="requested"))[0] == [backs[0], backs[2]]
    first, cursor = await listed(limit="2")
    assert cursor is not None
    assert (first, await listed(limit="2", cursor=cursor)) == (backs[:2], (backs[2:], None))


async def test_a_return_that_does_not_come_ends_by_itself(shop: Shop) -> None:
    order = await delivered(shop)
    await approved(shop, order)
    assert await work(shop.database, jobs, {}, "end_return") == 0
    shop.clock.forward(days=31)
    assert await work(shop.database, jobs, {}, "end_return") == 1
    assert [fact.reason for fact in await facts(shop, order, ReturnDeclined)] == ["not_received"]
    assert (await seen(shop, order))["return_state"] == "none"
    shop.clock.forward(days=31)
    assert await work(shop.database, jobs, {}, "end_return") == 0


# --- labels ------------------------------------------------------------------------------------------------------------------


async def label_states(shop: Shop) -> Sequence[str]:
    async with shop.database.transaction() as transaction:
        rows = await transaction.fetch("SELECT state FROM return_label ORDER BY label_id")
    return [row["state"] for row in rows]


async def test_the_shop_provides_a_label_for_the_owner_and_staff(shop: Shop) -> None:
    await policy(shop, label=True, auto_approve=True)
    order = await delivered(shop)
    back = await asked(shop, order)
    path = f"/api/orders/{order['order_id']}/returns/{back['return_id']}"

    async def bought() -> Body | None:
        label: Body = (await shop.ask("GET", path)).json()["label"]
        return label if label["state"] == "bought" else None

    label: Body = await eventually(bought, "a label for the return")
    pdf = await shop.ask("GET", f"{path}/label")
    assert (pdf.status_code, pdf.headers["content-type"], pdf.content[:4]) == (200, "application/pdf", b"%PDF")
    assert label["tracking_number"]
    assert (await shop.ask("GET", f"{path}/label", "support", user="sue")).status_code == 200
    assert (await shop.ask("GET", f"{path}/label", "auditor", user="ann")).status_code == 403
    assert (await shop.ask("DELETE", path)).status_code == 200

    async def voided() -> bool:
        return await label_states(shop) == ["voided"]

    await eventually(voided, "the label given back")
    assert (await shop.ask("GET", f"{path}/label")).status_code == 404


@pytest.mark.parametrize("fault", ["timeout_done", "timeout_lost", "error"])
async def test_whatever_the_carrier_leaves_open_a_return_has_one_label(shop: Shop, fault: Any) -> None:
    shop.carriers.misbehave("error", 100)  # this process's workers get nothing done: the test does their work
    await policy(shop, label=True, auto_approve=True)
    order = await delivered(shop)
    carriers = StubCarriers(shop.clock)
    carriers.misbehave(fault)
    await asked(shop, order)
    for _ in range(3):
        shop.clock.forward(minutes=15)
        await work(shop.database, jobs, {CarrierGateway: carriers}, "buy_return_label")
    assert (await label_states(shop), len(carriers.books)) == (["bought"], 1)
    back = (await shop.ask("GET", f"/api/orders/{order['order_id']}/returns")).json()["items"][0]
    await decide(shop, order, back, "decline", "support", "sue")
    carriers.misbehave(fault)
    for _ in range(3):
        shop.clock.forward(minutes=15)
        await work(shop.database, jobs, {CarrierGateway: carriers}, "void_return_label")
    assert (await label_states(shop), all(one.voided for one in carriers.books.values())) == (["voided"], True)
