"""Changes before shipping through the API, and what an order costs: the server alone says totals, taxes and shipping."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from chassis.testing import perform, told
from contracts.inventory import AdditionRefused, AdditionReserved, RefusalReason, Shortage
from contracts.order import (
    ChangeKind,
    ChangeRefusal,
    OrderCancelled,
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    OrderContacts,
    OrderPlaced,
)
from contracts.payment import AdditionAuthorized
from contracts.types import Allocation, Line, Money
from order.handlers import apply_addition, note_addition_reserved, withdraw_expired, withdraw_out_of_stock
from order.store import ExpiredChange
from services.order.tests.conftest import Shop, order_body

pytestmark = pytest.mark.database

METHODS = [
    {
        "method_id": "parcel",
        "name": "Parcel",
        "rates": [
            {"countries": ["DE"], "up_to_grams": 31500, "price": 490},
            {"countries": ["AT"], "up_to_grams": 31500, "price": 1490},
        ],
        "days": [1, 3],
    },
    {"method_id": "express", "name": "Express", "rates": [{"countries": ["DE"], "price": 1290}]},
]
TAXES = [{"country": "DE", "percent": "19"}, {"country": "AT", "percent": "20"}]


async def set_terms(shop: Shop) -> None:
    """Have the shop charge for shipping and taxes."""
    for name, items in (("shipping-methods", METHODS), ("tax-rates", TAXES)):
        reply = await shop.ask("PUT", f"/api/admin/{name}", "finance", user="fay", json={"items": items})
        assert reply.status_code == 200, reply.text


def path(order: dict[str, Any], *parts: object) -> str:
    return "/".join(["/api/orders", order["order_id"], *map(str, parts)])


def item(order: dict[str, Any], sku: str) -> str:
    return str(next(one["item_id"] for one in order["items"] if one["product_id"] == sku))


async def changed(shop: Shop, order: dict[str, Any]) -> list[OrderChanged]:
    return [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, OrderChanged)]


# -------------------------------------------------------------------------------------------------------------- terms of sale


async def test_the_terms_of_sale_are_data(shop: Shop) -> None:
    await set_terms(shop)
    reply = await shop.ask("GET", "/api/admin/shipping-methods", "support")
    assert reply.json()["items"][0]["days"] == [1, 3]
    stale: dict[str, Any] = {"headers": {"If-Match": '"0"'}, "json": {"items": []}}
    refused = await shop.ask("PUT", "/api/admin/tax-rates", "finance", **stale)
    assert (refused.status_code, refused.json()["type"]) == (412, "urn:waybill:problem:version-mismatch")
    fresh: dict[str, Any] = {"headers": {"If-Match": reply.headers["etag"]}, "json": {"items": []}}
    assert (await shop.ask("PUT", "/api/admin/tax-rates", "finance", **fresh)).status_code == 200
    assert (await shop.ask("GET", "/api/admin/tax-rates", "auditor")).json()["items"] == []


@pytest.mark.parametrize(
    ("what", "items"),
    [
        ("shipping-methods", [{"method_id": "Parcel Post", "name": "x", "rates": [{"price": 1}]}]),
        ("shipping-methods", [{"method_id": "a", "name": "x", "rates": []}]),
        ("shipping-methods", [{"method_id": "a", "name": "x", "rates": [{"price": -1}]}]),
        ("shipping-methods", [{"method_id": "a", "name": "x", "rates": [{"price": 1, "countries": ["Germany"]}]}]),
        ("shipping-methods", [{"method_id": "a", "name": "x\0", "rates": [{"price": 1}]}]),
        ("shipping-methods", METHODS[1:] * 2),
        ("tax-rates", [{"country": "DE", "percent": "19,0"}]),
        ("tax-rates", [{"country": "DE", "percent": "100"}]),
        ("tax-rates", [{"country": "DE", "region": "\0", "percent": "19"}]),
        ("tax-rates", TAXES[:1] * 2),
    ],
)
async def test_bad_terms_are_refused_and_change_nothing(shop: Shop, what: str, items: list[dict[str, Any]]) -> None:
    await set_terms(shop)
    reply = await shop.ask("PUT", f"/api/admin/{what}", "finance", json={"items": items})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert reply.json()["errors"][0]["field"].startswith("items")
    expected = {"shipping-methods": 2, "tax-rates": 2}[what]
    assert len((await shop.ask("GET", f"/api/admin/{what}", "finance")).json()["items"]) == expected


async def test_a_quote_offers_ways_of_shipping_and_an_order_costs_what_was_quoted(shop: Shop) -> None:
    await set_terms(shop)
    body = {"items": order_body()["items"], "destination": {"country": "DE"}}
    quoted = (await shop.ask("POST", "/api/orders/quote", json=body)).json()
    assert [(one["method_id"], one["total_amount"]["amount"]) for one in quoted["shipping_methods"]] == [
        ("parcel", 490),
        ("express", 1290),
    ]
    assert (quoted["subtotal_amount"]["amount"], quoted["total_amount"]["amount"]) == (3097, 3587)
    assert quoted["tax_lines"] == [
        {
            "tax_percent": "19",
            "net_amount": {"amount": 3587 - quoted["tax_amount"]["amount"], "currency": "EUR"},
            "tax_amount": quoted["tax_amount"],
        }
    ]
    order = (await shop.place(expected_total=quoted["total_amount"])).json()
    assert order["total_amount"] == quoted["total_amount"]
    assert order["shipping"]["method_id"] == "parcel"
    assert order["tax_lines"] == quoted["tax_lines"]
    (placed,) = [fact for fact in await told(shop.database) if isinstance(fact, OrderPlaced)]
    assert placed.shipping_amount is not None
    assert (placed.shipping_amount.amount, placed.total_amount.amount) == (490, 3587)
    express = (await shop.place(shipping_method="express")).json()
    assert express["total_amount"]["amount"] == 3097 + 1290


async def test_where_nothing_is_sent_nothing_is_sold(shop: Shop) -> None:
    await set_terms(shop)
    abroad = order_body()["shipping_address"] | {"country": "FR"}
    for changes, field in (
        ({"shipping_address": abroad}, "shipping_address.country"),
        ({"shipping_method": "pigeon"}, "shipping_method"),
        ({"shipping_method": "Not A Slug"}, "shipping_method"),
    ):
        refused = await shop.place(**changes)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert await told(shop.database) == []


async def test_the_cart_is_quoted(shop: Shop) -> None:
    await set_terms(shop)
    quote = {"destination": {"country": "AT"}}
    empty = await shop.ask("POST", "/api/orders/quote", json=quote)
    assert empty.json()["type"] == "urn:waybill:problem:empty-cart"
    await shop.ask("POST", "/api/cart/items", json={"product_id": "MUG", "quantity": 2})
    quoted = (await shop.ask("POST", "/api/orders/quote", json=quote)).json()
    assert (quoted["shipping_method"], quoted["total_amount"]["amount"]) == ("parcel", 2500 + 1490)
    assert quoted["items"][0]["tax_percent"] == "20"


# --------------------------------------------------------------------------------------------------------------------- address


async def test_the_address_changes_and_its_label_with_it(shop: Shop) -> None:
    order = await shop.confirmed()
    shipment = order["shipments"][0]["shipment_id"]
    admin = f"/api/admin/orders/{order['order_id']}"
    assert (await shop.ask("POST", f"{admin}/shipments/{shipment}/label", "warehouse")).status_code == 202
    address = order["shipping_address"] | {"line1": "Nebenstraße 2", "postal_code": "10999"}
    reply = await shop.ask("PATCH", path(order), json={"shipping_address": address})
    assert (reply.status_code, reply.json()["shipping_address"]["line1"]) == (200, "Nebenstraße 2")
    states = [one["state"] for one in (await shop.ask("GET", f"{admin}/labels", "warehouse")).json()["items"]]
    assert len(states) == 2
    contacts = [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, OrderContacts)][-1]
    assert (contacts.shipping_address.postal_code, contacts.payment.token) == ("10999", "")
    (fact,) = await changed(shop, order)
    assert fact.kind is ChangeKind.ADDRESS
    assert "Nebenstra" not in fact.model_dump_json()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, None),
        ({"shipping_address": {"country": "FR"}}, 409, "shipping_address.country"),
        ({"shipping_address": {"region": "BY"}}, 409, "shipping_address.region"),
        ({"shipping_address": {"postal_code": ""}}, 422, "shipping_address.postal_code"),
        ({"contact": {"email": "nobody"}}, 422, "contact.email"),
        ({"total_amount": {"amount": 1, "currency": "EUR"}}, 422, "total_amount"),
    ],
)
async def test_a_bad_change_of_address_changes_nothing(
    shop: Shop, body: dict[str, Any], status: int, field: str | None
) -> None:
    order = await shop.confirmed()
    if "shipping_address" in body:
        body = {"shipping_address": order["shipping_address"] | body["shipping_address"]}
    refused = await shop.ask("PATCH", path(order), json=body)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    if field is not None:
        assert refused.json()["errors"][0]["field"] == field
    assert (await shop.ask("GET", path(order))).json() == order


# ------------------------------------------------------------------------------------------------------------------------ less


async def test_a_line_is_reduced_and_taken_out(shop: Shop) -> None:
    order = await shop.confirmed("ada", "berlin", "lyon")
    fewer = await shop.ask("PATCH", path(order, "items", item(order, "PEN")), json={"quantity": 1})
    assert fewer.json()["total_amount"]["amount"] == 3097 - 2 * 199
    gone = await shop.ask("PATCH", path(order, "items", item(order, "PEN")), json={"quantity": 0})
    assert gone.json()["total_amount"]["amount"] == 2500
    assert [one["quantity"] for one in gone.json()["items"]] == [2, 0], "a line that was taken out can still be seen"
    first, second = await changed(shop, order)
    assert first.released == [Allocation(warehouse_id="lyon", lines=[Line(product_id="PEN", quantity=2)])]
    assert (second.previous_total.amount, second.total_amount.amount) == (2699, 2500)
    listed = (await shop.ask("GET", path(order, "edits"))).json()["items"]
    assert [(one["kind"], one["state"], one["difference"]["amount"]) for one in listed] == [
        ("reduction", "applied", -398),
        ("reduction", "applied", -199),
    ]


@pytest.mark.parametrize(
    ("quantity", "status"), [(3, 409), (2, 409), (-1, 422), (1.5, 422), ("1", 422), (10**9, 422), (None, 422)]
)
async def test_a_bad_quantity_changes_nothing(shop: Shop, quantity: Any, status: int) -> None:
    order = await shop.confirmed()
    refused = await shop.ask("PATCH", path(order, "items", item(order, "MUG")), json={"quantity": quantity})
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert (await shop.ask("GET", path(order))).json() == order
    assert await changed(shop, order) == []


async def test_another_customers_order_cannot_be_changed(shop: Shop) -> None:
    order = await shop.confirmed("ada")
    addition = order_body()["items"]
    for method, parts, body in (
        ("PATCH", (), {"contact": order_body()["contact"]}),
        ("PATCH", ("items", item(order, "MUG")), {"quantity": 1}),
        ("POST", ("edits", "preview"), {"items": addition}),
        ("POST", ("edits",), {"items": addition, "payment": order_body()["payment"]}),
        ("GET", ("edits",), None),
        ("DELETE", ("edits", uuid4()), None),
        ("GET", ("tracking",), None),
    ):
        headers = {"If-Match": f'"{order["version"]}"'}
        reply = await shop.ask(method, path(order, *parts), user="eve", json=body, headers=headers)
        assert reply.status_code == 404, (method, parts)
    assert (await shop.ask("GET", path(order))).json() == order


async def test_the_rest_is_cancelled_once_a_part_has_left(shop: Shop) -> None:
    order = await shop.confirmed("ada", "berlin", "lyon")
    shipment = order["shipments"][0]["shipment_id"]
    await shop.ask("POST", f"/api/admin/orders/{order['order_id']}/shipments/{shipment}/dispatch", "warehouse")
    left = next(one for one in order["shipments"] if one["shipment_id"] == shipment)["lines"][0]["product_id"]
    reply = await shop.ask("POST", path(order, "cancel"))
    answer = reply.json()
    assert (reply.status_code, answer["status"]) == (200, "Shipped")
    assert [one["product_id"] for one in answer["not_cancelled"]] == [left]
    assert [one["product_id"] for one in answer["cancelled"]] == [{"MUG": "PEN", "PEN": "MUG"}[left]]
    (fact,) = await changed(shop, order)
    assert fact.kind is ChangeKind.REST_CANCELLED
    assert not any(isinstance(one, OrderCancelled) for one in await told(shop.database, order["order_id"]))
    again = await shop.ask("POST", path(order, "cancel"))
    assert again.status_code == 409


# ------------------------------------------------------------------------------------------------------------------------ more


async def previewed(shop: Shop, order: dict[str, Any], quantity: int = 1) -> tuple[dict[str, Any], str]:
    body = {"items": [{"product_id": "PEN", "quantity": quantity}]}
    reply = await shop.ask("POST", path(order, "edits", "preview"), json=body)
    assert reply.status_code == 200, reply.text
    return reply.json(), reply.headers["etag"]


async def added(shop: Shop, order: dict[str, Any], quantity: int = 1) -> dict[str, Any]:
    """Preview an addition of pens and confirm it as it was shown."""
    preview, version = await previewed(shop, order, quantity)
    body = {
        "items": [{"product_id": "PEN", "quantity": quantity}],
        "payment": {"method": "card", "token": "tok_more"},
        "expected_total": preview["total_amount"],
    }
    reply = await shop.ask("POST", path(order, "edits"), json=body, headers={"If-Match": version})
    assert reply.status_code == 202, reply.text
    change: dict[str, Any] = reply.json()
    assert reply.headers["location"] == path(order, "edits", change["change_id"])
    assert "tok_more" not in reply.text
    return change


def held(order: dict[str, Any], change: dict[str, Any], quantity: int = 1) -> AdditionReserved:
    allocation = Allocation(warehouse_id="lyon", lines=[Line(product_id="PEN", quantity=quantity)])
    return AdditionReserved(
        order_id=UUID(order["order_id"]),
        user_id="ada",
        change_id=UUID(change["change_id"]),
        difference=Money.model_validate(change["difference"]),
        allocations=[allocation],
    )


def paid(order: dict[str, Any], change: dict[str, Any]) -> AdditionAuthorized:
    return AdditionAuthorized(
        order_id=UUID(order["order_id"]),
        user_id="ada",
        change_id=UUID(change["change_id"]),
        payment_id=uuid4(),
        amount=Money.model_validate(change["difference"]),
    )


async def test_more_is_previewed_confirmed_and_comes_about(shop: Shop) -> None:
    order = await shop.confirmed()
    preview, _ = await previewed(shop, order, 2)
    assert (preview["previous_total"]["amount"], preview["difference"]["amount"]) == (3097, 398)
    assert (await shop.ask("GET", path(order))).json() == order
    change = await added(shop, order, 2)
    assert (change["state"], change["total_amount"]["amount"]) == ("requested", 3495)
    facts = await told(shop.database, order["order_id"])
    (asked,) = [fact for fact in facts if isinstance(fact, OrderChangeRequested)]
    contacts = [fact for fact in facts if isinstance(fact, OrderContacts)][-1]
    assert (asked.difference.amount, contacts.payment.token, contacts.change_id) == (398, "tok_more", asked.change_id)
    await perform(shop.database, note_addition_reserved, held(order, change, 2))
    assert (await shop.ask("GET", path(order))).json()["total_amount"]["amount"] == 3097, "half is nothing"
    await perform(shop.database, apply_addition, paid(order, change))
    after = (await shop.ask("GET", path(order))).json()
    assert (after["total_amount"]["amount"], [one["quantity"] for one in after["items"]]) == (3495, [2, 3, 2])
    assert [one["warehouse_id"] for one in after["shipments"]] == ["berlin", "lyon"]
    (fact,) = await changed(shop, order)
    assert (fact.kind, len(fact.added)) == (ChangeKind.ADDITION, 1)


async def test_what_was_not_previewed_is_not_confirmed(shop: Shop) -> None:
    order = await shop.confirmed()
    body: dict[str, Any] = {"items": [{"product_id": "PEN", "quantity": 1}], "payment": {"method": "card", "token": "tok"}}
    blind = await shop.ask("POST", path(order, "edits"), json=body)
    assert (blind.status_code, blind.json()["type"]) == (428, "urn:waybill:problem:precondition-required")
    stale = await shop.ask("POST", path(order, "edits"), json=body, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    _, version = await previewed(shop, order)
    other_total = body | {"expected_total": {"amount": 3097, "currency": "EUR"}}
    refused = await shop.ask("POST", path(order, "edits"), json=other_total, headers={"If-Match": version})
    assert (refused.status_code, refused.json()["total_amount"]["amount"]) == (409, 3296)
    for items, field in (
        ([{"product_id": "GHOST", "quantity": 1}], "items.0.product_id"),
        ([{"product_id": "PEN", "quantity": 0}], "items.0.quantity"),
        ([], "items"),
    ):
        bad = await shop.ask("POST", path(order, "edits"), json=body | {"items": items}, headers={"If-Match": version})
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, field)
    later = body | {"payment": {"method": "cash_on_delivery"}}
    bad = await shop.ask("POST", path(order, "edits"), json=later, headers={"If-Match": version})
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "payment.method")
    assert (await shop.ask("GET", path(order))).json() == order


async def test_one_change_at_a_time(shop: Shop) -> None:
    order = await shop.confirmed()
    change = await added(shop, order)
    _, version = await previewed(shop, order)
    body = {"items": [{"product_id": "PEN", "quantity": 1}], "payment": {"method": "card", "token": "tok"}}
    second = await shop.ask("POST", path(order, "edits"), json=body, headers={"If-Match": version})
    assert (second.status_code, second.json()["type"]) == (409, "urn:waybill:problem:change-pending")
    given_up = await shop.ask("DELETE", path(order, "edits", change["change_id"]))
    assert given_up.status_code == 200
    withdrawn = [fact for fact in await told(shop.database, order["order_id"]) if isinstance(fact, OrderChangeWithdrawn)]
    assert [fact.reason for fact in withdrawn] == [ChangeRefusal.CUSTOMER]
    await perform(shop.database, note_addition_reserved, held(order, change))
    await perform(shop.database, apply_addition, paid(order, change))
    after = (await shop.ask("GET", path(order))).json()
    assert (after["total_amount"], after["items"]) == (order["total_amount"], order["items"]), "too late is too late"


async def test_an_addition_that_is_refused_leaves_the_order_as_it_was(shop: Shop) -> None:
    order = await shop.confirmed()
    change = await added(shop, order)
    shortage = Shortage(product_id="PEN", requested=1, available=0)
    refused = AdditionRefused(
        order_id=UUID(order["order_id"]),
        user_id="ada",
        change_id=UUID(change["change_id"]),
        reason=RefusalReason.OUT_OF_STOCK,
        shortages=[shortage],
    )
    await perform(shop.database, withdraw_out_of_stock, refused)
    (listed,) = (await shop.ask("GET", path(order, "edits"))).json()["items"]
    assert (listed["state"], listed["reason"]) == ("withdrawn", "out_of_stock")
    assert (await shop.ask("GET", path(order))).json()["total_amount"] == order["total_amount"]


async def test_an_addition_nobody_answers_is_given_up(shop: Shop) -> None:
    order = await shop.confirmed()
    await added(shop, order)
    async with shop.database.transaction() as transaction:
        assert await ExpiredChange.claim(transaction, 10) == []
    shop.clock.forward(minutes=16)
    async with shop.database.transaction() as transaction:
        due = await ExpiredChange.claim(transaction, 10)
    await perform(shop.database, withdraw_expired, *due)
    (listed,) = (await shop.ask("GET", path(order, "edits"))).json()["items"]
    assert (listed["state"], listed["reason"], listed["deadline_at"]) == ("withdrawn", "deadline", None)


async def test_a_change_is_made_once_under_its_key(shop: Shop) -> None:
    order = await shop.confirmed()
    key = {"Idempotency-Key": "cut-1"}
    first = await shop.ask("PATCH", path(order, "items", item(order, "PEN")), json={"quantity": 2}, headers=key)
    again = await shop.ask("PATCH", path(order, "items", item(order, "PEN")), json={"quantity": 2}, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert json.loads(again.content) == first.json()
    assert len(await changed(shop, order)) == 1
