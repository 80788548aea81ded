"""The order service's API: what customers and staff may ask, and what they are told when they may not."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import pytest

from chassis.testing import perform, told
from contracts.order import OrderCancelled, OrderContacts, OrderPlaced, ShipmentDispatched
from order.api.views import OrderView
from order.handlers import confirm_order, note_allocation
from services.order.tests.conftest import Shop, order_body
from services.order.tests.test_handlers import authorized, reserved

pytestmark = pytest.mark.database


async def confirmed(shop: Shop, user: str = "ada") -> dict[str, Any]:
    order: dict[str, Any] = (await shop.place(user)).json()
    await perform(shop.database, note_allocation, reserved(order["order_id"]))
    await perform(shop.database, confirm_order, authorized(order["order_id"]))
    return order


async def test_an_order_is_placed_at_the_shops_prices(shop: Shop) -> None:
    reply = await shop.place()
    assert reply.status_code == 201
    order = reply.json()
    assert reply.headers["location"] == f"/api/orders/{order['order_id']}"
    assert order["status"] == "Pending"
    assert order["total_amount"] == {"amount": 3097, "currency": "EUR"}
    assert [item["subtotal"]["amount"] for item in order["items"]] == [2500, 597]
    assert order["billing_address"] == order["shipping_address"]
    assert "tok_ok" not in reply.text


async def test_an_order_looks_as_documented(shop: Shop) -> None:
    order = await confirmed(shop)
    seen = (await shop.http.get(f"/api/orders/{order['order_id']}", headers=shop.of("ada"))).json()
    assert OrderView.model_validate(seen).model_dump(mode="json") == seen


async def test_an_order_is_placed_from_the_cart_and_empties_it(shop: Shop) -> None:
    ada = shop.of("ada")
    reply = await shop.http.post("/api/cart/items", json={"product_id": "MUG", "quantity": 2}, headers=ada)
    assert reply.json()["total_amount"]["amount"] == 2500
    await shop.http.patch("/api/cart/items/MUG", json={"quantity": 3}, headers=ada)
    body = order_body()
    del body["items"]
    order = (await shop.http.post("/api/orders", json=body, headers=ada)).json()
    assert order["total_amount"]["amount"] == 3750
    assert (await shop.http.get("/api/cart", headers=ada)).json()["items"] == []
    assert (await shop.http.post("/api/orders", json=body, headers=ada)).json()["type"].endswith("empty-cart")


async def test_the_cart_refuses_a_stale_change(shop: Shop) -> None:
    ada = shop.of("ada")
    put = await shop.http.put("/api/cart", json={"items": [{"product_id": "MUG", "quantity": 1}]}, headers=ada)
    stale = await shop.http.put("/api/cart", json={"items": []}, headers=ada | {"If-Match": '"0"'})
    fresh = await shop.http.put("/api/cart", json={"items": []}, headers=ada | {"If-Match": put.headers["etag"]})
    assert (stale.status_code, fresh.status_code) == (412, 200)


def changed(**changes: Any) -> dict[str, Any]:
    return order_body(**changes)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("unknown product", changed(items=[{"product_id": "GHOST", "quantity": 1}]), "items.0.product_id"),
    ("not on sale", changed(items=[{"product_id": "OLD", "quantity": 1}]), "items.0.product_id"),
    ("no quantity", changed(items=[{"product_id": "MUG", "quantity": 0}]), "items.0.quantity"),
    ("negative", changed(items=[{"product_id": "MUG", "quantity": -1}]), "items.0.quantity"),
    ("a half", changed(items=[{"product_id": "MUG", "quantity": 1.5}]), "items.0.quantity"),
    ("a billion", changed(items=[{"product_id": "MUG", "quantity": 10**9}]), "items.0.quantity"),
    ("quantity as text", changed(items=[{"product_id": "MUG", "quantity": "2"}]), "items.0.quantity"),
    ("101 lines", changed(items=[{"product_id": "MUG", "quantity": 1}] * 101), "items"),
    ("no lines", changed(items=[]), "items"),
    ("own price", changed(items=[{"product_id": "MUG", "quantity": 1, "price": 1}]), "items.0.price"),
    ("own status", changed(status="Delivered"), "status"),
    ("another's name", changed(user_id="bob"), "user_id"),
    ("another currency", changed(expected_total={"amount": 3097, "currency": "USD"}), "expected_total.currency"),
    ("NUL", changed(shipping_address=order_body()["shipping_address"] | {"city": "Ber\x00lin"}), "shipping_address.city"),
    ("endless", changed(shipping_address=order_body()["shipping_address"] | {"line1": "x" * 10_000}), "shipping_address.line1"),
    (
        "country",
        changed(shipping_address=order_body()["shipping_address"] | {"country": "Germany"}),
        "shipping_address.country",
    ),
    ("no token", changed(payment={"method": "card"}), "payment"),
    ("no code", changed(payment={"method": "gift_card"}), "payment"),
    (
        "a token that nobody asks",
        changed(payment={"method": "gift_card", "gift_card": "ABCD-EFGH", "token": "tok_ok"}),
        "payment",
    ),
    ("no code of ours", changed(payment={"method": "gift_card", "gift_card": "<script>"}), "payment.gift_card"),
    ("card as token", changed(payment={"method": "card", "token": "4111111111111111"}), "payment.token"),
    (
        "card in address",
        changed(shipping_address=order_body()["shipping_address"] | {"line2": "4111 1111 1111 1111"}),
        "shipping_address.line2",
    ),
    ("card as phone", changed(contact={"email": "a@example.com", "phone": "4111111111111111"}), "contact.phone"),
    ("header in e-mail", changed(contact={"email": "a@example.com\r\nBcc: b@example.com"}), "contact.email"),
    ("no such phone", changed(contact={"email": "a@example.com", "phone": "+1"}), "contact.phone"),
]


@pytest.mark.parametrize(
    ("payment", "kept"),
    [
        ({"method": "gift_card", "gift_card": "ABCD-EFGH"}, ("gift_card", "gift_card", "ABCD-EFGH")),
        ({"method": "card", "token": "tok_ok", "gift_card": "ABCD-EFGH"}, ("card", "tok_ok", "ABCD-EFGH")),
    ],
)
async def test_a_gift_card_is_told_in_confidence_alone(
    shop: Shop, payment: dict[str, str], kept: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    reply = await shop.http.post("/api/orders", json=changed(payment=payment), headers=shop.of("ada"))
    assert reply.status_code == 201
    facts = await told(shop.database, reply.json()["order_id"])
    [contacts] = [one for one in facts if isinstance(one, OrderContacts)]
    assert (contacts.payment.method, contacts.payment.token, contacts.payment.gift_card) == kept
    others = [one.model_dump_json() for one in facts if one is not contacts]
    assert others
    assert not any("ABCD" in text for text in (*others, reply.text, caplog.text))


@pytest.mark.parametrize(("what", "body", "field"), BAD, ids=[what for what, _, _ in BAD])
async def test_a_bad_order_is_refused_by_field_and_stores_nothing(
    shop: Shop, what: str, body: dict[str, Any], field: str
) -> None:
    reply = await shop.http.post("/api/orders", json=body, headers=shop.of("ada"))
    assert 400 <= reply.status_code < 500, what
    assert reply.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in reply.json()["errors"]]
    assert "4111" not in reply.text
    assert await told(shop.database) == []


async def test_broken_json_and_too_much_of_it(shop: Shop) -> None:
    headers = shop.of("ada") | {"Content-Type": "application/json"}
    broken = await shop.http.post("/api/orders", content=b'{"items": [', headers=headers)
    assert (broken.status_code, broken.headers["content-type"]) == (400, "application/problem+json")
    huge = await shop.http.post("/api/orders", content=b'{"a": "' + b"x" * 300_000 + b'"}', headers=headers)
    assert (huge.status_code, huge.headers["content-type"]) == (413, "application/problem+json")


async def test_a_price_that_changed_is_told_with_both(shop: Shop) -> None:
    reply = await shop.place(expected_total={"amount": 3000, "currency": "EUR"})
    assert reply.status_code == 409
    problem = reply.json()
    assert problem["type"].endswith("price-changed")
    assert (problem["expected_total"]["amount"], problem["total_amount"]["amount"]) == (3000, 3097)


async def test_the_same_key_fifty_times_at_once_is_one_order(shop: Shop) -> None:
    headers = shop.of("ada") | {"Idempotency-Key": "key-1"}
    replies = await asyncio.gather(*(shop.http.post("/api/orders", json=order_body(), headers=headers) for _ in range(50)))
    again = await shop.http.post("/api/orders", json=order_body(), headers=headers)
    created = [reply for reply in (*replies, again) if reply.status_code == 201]
    assert {reply.json()["order_id"] for reply in created} == {again.json()["order_id"]}
    assert {reply.status_code for reply in replies} <= {201, 409}
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == created[0].content
    assert sum(isinstance(fact, OrderPlaced) for fact in await told(shop.database)) == 1


async def test_a_key_belongs_to_one_request_and_one_customer(shop: Shop) -> None:
    key = {"Idempotency-Key": "key-2"}
    first = await shop.http.post("/api/orders", json=order_body(), headers=shop.of("ada") | key)
    other_body = await shop.http.post(
        "/api/orders", json=order_body(items=[{"product_id": "PEN", "quantity": 1}]), headers=shop.of("ada") | key
    )
    other_customer = await shop.http.post("/api/orders", json=order_body(), headers=shop.of("bob") | key)
    assert (first.status_code, other_body.status_code, other_customer.status_code) == (201, 422, 201)


async def test_a_refusal_is_replayed_too(shop: Shop) -> None:
    headers = shop.of("ada") | {"Idempotency-Key": "key-3"}
    body = order_body(expected_total={"amount": 1, "currency": "EUR"})
    first = await shop.http.post("/api/orders", json=body, headers=headers)
    second = await shop.http.post("/api/orders", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (409, 409)
    assert second.content == first.content


async def test_no_token_a_bad_one_and_the_wrong_role(shop: Shop) -> None:
    assert (await shop.http.get("/api/orders")).status_code == 401
    assert (await shop.http.get("/api/orders", headers={"Authorization": "Bearer nonsense"})).status_code == 401
    expired = shop.issuer.headers("ada", "customer", exp=1)
    assert (await shop.http.get("/api/orders", headers=expired)).status_code == 401
    other_audience = shop.issuer.headers("ada", "customer", aud=["elsewhere"])
    assert (await shop.http.get("/api/orders", headers=other_audience)).status_code == 401
    reply = await shop.http.get("/api/admin/orders", headers=shop.of("ada"))
    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/problem+json")


READERS = {"support", "warehouse", "finance", "fraud_reviewer", "auditor", "admin"}
SHIPPERS = {"support", "warehouse", "admin"}
TERMS_READERS = READERS - {"fraud_reviewer"}
PARCEL = "/api/admin/orders/{order_id}/shipments/{shipment_id}"
RETURN = "/api/admin/orders/{order_id}/returns/{return_id}"
REFUND = "/api/admin/orders/{order_id}/refunds/{refund_id}"
ADMIN_ROUTES = {
    ("get", "/api/admin/orders"): READERS,
    ("get", "/api/admin/orders/counts"): READERS,
    ("get", "/api/admin/orders/export"): READERS,
    ("get", "/api/admin/search"): READERS,
    ("get", "/api/admin/reports/order/orders"): {"support", "finance", "auditor", "admin"},
    ("get", "/api/admin/orders/stuck"): READERS,
    ("post", "/api/admin/orders/{order_id}/saga/retry"): {"support", "admin"},
    ("post", "/api/admin/orders/{order_id}/saga/force-cancel"): {"support", "admin"},
    ("post", "/api/admin/orders/{order_id}/notes"): READERS - {"auditor"},
    ("post", "/api/admin/orders/{order_id}/hold/resolve"): {"support", "finance", "admin"},
    ("delete", "/api/admin/orders/{order_id}/personal-data"): {"support", "admin"},
    ("get", "/api/admin/orders/{order_id}"): READERS,
    ("put", "/api/admin/orders/{order_id}/status"): SHIPPERS,
    ("get", "/api/admin/orders/{order_id}/history"): READERS,
    ("get", "/api/admin/orders/{order_id}/saga"): READERS,
    ("get", "/api/admin/orders/{order_id}/shipments"): READERS,
    ("get", "/api/admin/orders/{order_id}/edits"): READERS,
    ("get", "/api/admin/orders/{order_id}/labels"): READERS,
    ("get", "/api/admin/orders/{order_id}/evidence"): {"finance", "support", "admin"},
    ("get", "/api/admin/shipments"): SHIPPERS,
    ("post", f"{PARCEL}/hold"): SHIPPERS,
    ("post", f"{PARCEL}/release"): SHIPPERS,
    ("post", f"{PARCEL}/move"): SHIPPERS,
    ("post", f"{PARCEL}/split"): SHIPPERS,
    ("post", f"{PARCEL}/merge"): SHIPPERS,
    ("get", f"{PARCEL}/rates"): SHIPPERS,
    ("post", f"{PARCEL}/label"): SHIPPERS,
    ("delete", f"{PARCEL}/label"): SHIPPERS,
    ("get", f"{PARCEL}/label"): SHIPPERS,
    ("post", f"{PARCEL}/dispatch"): SHIPPERS,
    ("post", f"{PARCEL}/deliver"): SHIPPERS,
    ("get", "/api/admin/shipping-methods"): TERMS_READERS,
    ("put", "/api/admin/shipping-methods"): {"finance", "admin"},
    ("get", "/api/admin/tax-rates"): TERMS_READERS,
    ("put", "/api/admin/tax-rates"): {"finance", "admin"},
    ("get", "/api/admin/return-policy"): TERMS_READERS,
    ("put", "/api/admin/return-policy"): {"finance", "admin"},
    ("get", "/api/admin/returns"): TERMS_READERS,
    ("get", "/api/admin/orders/{order_id}/returns"): TERMS_READERS,
    ("post", f"{RETURN}/approve"): {"support", "admin"},
    ("post", f"{RETURN}/decline"): {"support", "admin"},
    ("post", f"{RETURN}/receive"): SHIPPERS,
    ("post", f"{RETURN}/close"): SHIPPERS,
    ("get", "/api/admin/orders/{order_id}/refunds"): {"support", "finance", "auditor", "admin"},
    ("post", "/api/admin/orders/{order_id}/refunds"): {"support", "finance", "admin"},
    ("get", "/api/admin/refunds"): {"support", "finance", "auditor", "admin"},
    ("post", f"{REFUND}/approve"): {"finance", "admin"},
    ("post", f"{REFUND}/decline"): {"finance", "admin"},
    ("post", f"{REFUND}/retry"): {"support", "finance", "admin"},
    ("get", "/api/admin/documents"): {"support", "finance", "auditor", "admin"},
    ("get", "/api/admin/documents/audit"): {"finance", "auditor", "admin"},
}
OF_EVERY_SERVICE = ("/api/admin/dead-letters/", "/api/admin/facts/", "/api/admin/reports/order/health")
"""The chassis serves and tests them."""
ROLES = ("customer", "support", "warehouse", "finance", "fraud_reviewer", "auditor", "admin")


async def test_each_role_on_each_admin_route(shop: Shop) -> None:
    paths = (await shop.http.get("/openapi.json")).json()["paths"]
    ours = [path for path in paths if path.startswith("/api/admin") and not path.startswith(OF_EVERY_SERVICE)]
    served = {(method, path) for path in ours for method in paths[path]}
    assert served == set(ADMIN_ROUTES), "each admin route says here who may use it"
    for (method, path), allowed in ADMIN_ROUTES.items():
        for role in ROLES:
            where = path.format(order_id=uuid4(), shipment_id=uuid4(), return_id=uuid4(), refund_id=uuid4())
            reply = await shop.http.request(method, where, headers=shop.of("eve", role))
            assert (reply.status_code == 403) == (role not in allowed), f"{method} {path} as {role}: {reply.status_code}"
        assert (await shop.http.request(method, where)).status_code == 401, f"{method} {path} as nobody"


async def test_another_customers_order_does_not_exist(shop: Shop) -> None:
    order = (await shop.place("ada")).json()
    eve = shop.of("eve")
    for method, path in [("GET", ""), ("GET", "/history"), ("GET", "/tracking"), ("POST", "/cancel")]:
        reply = await shop.http.request(method, f"/api/orders/{order['order_id']}{path}", headers=eve)
        assert reply.status_code == 404, path
    assert (await shop.http.get("/api/orders", headers=eve)).json()["items"] == []


async def test_a_customer_cancels_and_the_history_says_who(shop: Shop) -> None:
    order = await confirmed(shop)
    reply = await shop.http.post(f"/api/orders/{order['order_id']}/cancel", json={"notes": "too late"}, headers=shop.of("ada"))
    assert (reply.status_code, reply.json()["status"]) == (200, "Cancelled")
    history = (await shop.http.get(f"/api/orders/{order['order_id']}/history", headers=shop.of("ada"))).json()["items"]
    assert (history[-1]["actor"], history[-1]["notes"]) == ("customer:ada", "too late")
    assert isinstance((await told(shop.database, order["order_id"]))[-1], OrderCancelled)
    again = await shop.http.post(f"/api/orders/{order['order_id']}/cancel", headers=shop.of("ada"))
    assert (again.status_code, again.json()["allowed"]) == (409, [])


async def test_staff_ship_and_deliver(shop: Shop) -> None:
    order = await confirmed(shop)
    bob = shop.of("bob", "warehouse")
    path = f"/api/admin/orders/{order['order_id']}"
    shipment = (await shop.http.get(f"{path}/shipments", headers=bob)).json()["items"][0]
    label = {"carrier": "DHL", "tracking_number": "JD014600"}
    shipped = await shop.http.post(f"{path}/shipments/{shipment['shipment_id']}/dispatch", json=label, headers=bob)
    assert shipped.json()["status"] == "Shipped"
    tracking = (await shop.http.get(f"/api/orders/{order['order_id']}/tracking", headers=shop.of("ada"))).json()
    assert tracking["shipments"][0]["tracking_number"] == "JD014600"
    delivered = await shop.http.put(f"{path}/status", json={"status": "Delivered"}, headers=bob)
    assert delivered.json()["status"] == "Delivered"
    dispatched = [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, ShipmentDispatched)]
    assert [fact.amount.amount for fact in dispatched] == [3097]
    impossible = await shop.http.put(f"{path}/status", json={"status": "Cancelled"}, headers=bob)
    assert (impossible.status_code, impossible.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")


async def test_a_stale_change_of_status_is_refused(shop: Shop) -> None:
    order = await confirmed(shop)
    bob = shop.of("bob", "warehouse")
    path = f"/api/admin/orders/{order['order_id']}/status"
    stale = await shop.http.put(path, json={"status": "Shipped"}, headers=bob | {"If-Match": '"1"'})
    assert stale.status_code == 412
    seen = await shop.http.get(f"/api/admin/orders/{order['order_id']}", headers=bob)
    fresh = await shop.http.put(path, json={"status": "Shipped"}, headers=bob | {"If-Match": seen.headers["etag"]})
    assert fresh.status_code == 200


async def test_pages_neither_repeat_nor_skip(shop: Shop) -> None:
    placed = [(await shop.place()).json()["order_id"] for _ in range(7)]
    seen, cursor = [], None
    for _ in range(4):
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await shop.http.get("/api/orders", params=params, headers=shop.of("ada"))).json()
        seen += [order["order_id"] for order in page["items"]]
        cursor = page["next_cursor"]
    assert seen == placed[::-1]
    assert cursor is None
    nonsense = await shop.http.get("/api/orders", params={"cursor": "nonsense"}, headers=shop.of("ada"))
    assert nonsense.status_code == 422


async def test_staff_narrow_the_list_by_any_axis(shop: Shop) -> None:
    waiting = (await shop.place("ada")).json()["order_id"]
    shipped_out = (await confirmed(shop, "bob"))["order_id"]
    sue = shop.of("sue", "support")

    async def found(**params: str) -> list[str]:
        page = (await shop.http.get("/api/admin/orders", params=params, headers=sue)).json()
        return [order["order_id"] for order in page["items"]]

    assert await found(status="Pending") == [waiting]
    assert await found(payment_state="authorized") == [shipped_out]
    assert await found(fulfilment_state="planned") == [shipped_out]
    assert await found(user_id="bob") == [shipped_out]
    assert await found(product_id="MUG") == [shipped_out, waiting]
    assert await found(product_id="GHOST") == []
    shop.clock.forward(hours=1)
    assert await found(stuck_for_seconds="600") == [waiting]


async def test_the_saga_view_names_what_is_awaited_and_who_is_silent(shop: Shop) -> None:
    order = (await shop.place()).json()
    saga = (await shop.http.get(f"/api/admin/orders/{order['order_id']}/saga", headers=shop.of("sue", "support"))).json()
    assert saga["waits_for"] == ["inventory.stock_reserved.v1", "payment.authorized.v1"]
    assert saga["missing_services"] == ["inventory", "payment", "notification"]
    facts = {fact["type"]: fact for fact in saga["facts"]}
    assert facts["order.placed.v1"]["data"]["user_id"] == "ada"
    assert facts["order.contacts.v1"]["data"] is None


async def test_what_is_left_of_the_allowance_is_told_and_past_it_is_refused(shop: Shop) -> None:
    shop.limiter(3)
    first = await shop.http.get("/api/orders", headers=shop.of("ada"))
    assert first.headers["ratelimit-policy"] == '"caller";q=3;w=60'
    assert re.fullmatch(r'"caller";r=2;t=(59|60)', first.headers["ratelimit"])
    await shop.place()
    await shop.place()
    refused = await shop.place()
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:waybill:problem:too-many-requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"].startswith('"caller";r=0;')
    assert len(await told(shop.database)) == 2 * 2, "the refused one placed nothing"
    other = await shop.http.get("/api/orders", headers=shop.of("bob"))
    assert other.status_code == 200, "each caller has a window of their own"
    assert "ratelimit" not in (await shop.http.get("/api/orders")).headers
