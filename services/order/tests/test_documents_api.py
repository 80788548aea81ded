"""Invoices and credit notes as buyers and staff ask for them."""

from typing import Any

import pytest

from chassis.domain import new_id
from chassis.testing import perform
from contracts.payment import PaymentRefunded
from contracts.types import Money
from order.handlers import note_captured, note_refund
from services.order.tests.conftest import Shop
from services.order.tests.test_documents import captures

pytestmark = pytest.mark.database

PDF = {"Accept": "application/pdf"}


async def sold(shop: Shop, user: str = "ada") -> str:
    """Sell an order in two parcels, take its money, and give 5.00 back."""
    order = await shop.confirmed(user, "berlin", "lyon")
    answer = await shop.ask("PUT", f"/api/admin/orders/{order['order_id']}/status", "support", json={"status": "Shipped"})
    assert answer.status_code == 200
    captured = await captures(shop.database, order["order_id"])
    await perform(shop.database, note_captured, *captured)
    money = Money(amount=500, currency="EUR")
    back = PaymentRefunded(
        order_id=order["order_id"], user_id=user, payment_id=new_id(), amount=money, refunded=money, refund_id=None
    )
    await perform(shop.database, note_refund, back)
    return str(order["order_id"])


async def test_a_buyer_sees_the_documents_of_an_order(shop: Shop) -> None:
    order_id = await sold(shop)
    items = (await shop.ask("GET", f"/api/orders/{order_id}/documents")).json()["items"]
    assert [(one["kind"], one["number"], one["total_amount"]["amount"]) for one in items] == [
        ("credit_note", "CN-2026-000001", -500),
        ("invoice", "INV-2026-000002", 597),
        ("invoice", "INV-2026-000001", 2500),
    ]
    newest = (await shop.ask("GET", f"/api/orders/{order_id}/invoice")).json()
    assert newest == (await shop.ask("GET", f"/api/orders/{order_id}/documents/{items[1]['document_id']}")).json()
    assert (newest["number"], newest["buyer"]["name"], newest["seller"]["name"]) == (
        "INV-2026-000002",
        "Ada Lovelace",
        "Waybill",
    )
    assert [line["total_amount"]["amount"] for line in newest["lines"]] == [597]
    note = (await shop.ask("GET", f"/api/orders/{order_id}/documents/{items[0]['document_id']}")).json()
    assert [one["number"] for one in note["references"]] == ["INV-2026-000001", "INV-2026-000002"]


async def test_a_refund_of_units_is_credited_for_these(shop: Shop) -> None:
    order_id = await sold(shop)
    order = (await shop.ask("GET", f"/api/orders/{order_id}")).json()
    lines = [{"item_id": order["items"][1]["item_id"], "quantity": 2}]
    asked = {"lines": lines, "reason": "damaged"}
    refund = (await shop.ask("POST", f"/api/admin/orders/{order_id}/refunds", "finance", json=asked)).json()
    amount = Money.model_validate(refund["amount"])
    so_far = Money(amount=500 + amount.amount, currency="EUR")
    facts = {"order_id": order_id, "user_id": "ada", "payment_id": new_id(), "refund_id": refund["refund_id"]}
    await perform(shop.database, note_refund, PaymentRefunded(**facts, amount=amount, refunded=so_far))
    (newest, *_) = (await shop.ask("GET", f"/api/orders/{order_id}/documents")).json()["items"]
    note = (await shop.ask("GET", f"/api/orders/{order_id}/documents/{newest['document_id']}")).json()
    assert (note["number"], note["refund_id"], note["total_amount"]["amount"]) == (
        "CN-2026-000002",
        refund["refund_id"],
        -398,
    )
    assert [(line["product_id"], line["quantity"], line["invoice"]) for line in note["lines"]] == [
        ("PEN", -2, "INV-2026-000002")
    ]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/pdf", "application/pdf"),
        ("text/html, application/pdf;q=0.9, */*;q=0.1", "application/pdf"),
        ("application/*", "application/json"),
        ("*/*", "application/json"),
        ("application/json;q=0, */*", "application/pdf"),
        ("application/pdf;q=0.5, application/json", "application/json"),
    ],
)
async def test_the_form_is_the_one_that_is_accepted(shop: Shop, accept: str, form: str) -> None:
    order_id = await sold(shop)
    answer = await shop.ask("GET", f"/api/orders/{order_id}/invoice", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, form)
    assert answer.content.startswith(b"%PDF-1.7" if form == "application/pdf" else b"{")


@pytest.mark.parametrize("accept", ["text/html", "application/pdf;q=0", "image/*, text/plain;q=0.5"])
async def test_another_form_is_refused(shop: Shop, accept: str) -> None:
    order_id = await sold(shop)
    answer = await shop.ask("GET", f"/api/orders/{order_id}/invoice", headers={"Accept": accept})
    assert (answer.status_code, answer.json()["type"]) == (406, "urn:waybill:problem:not-acceptable")


async def test_documents_are_the_buyers_and_the_staffs(shop: Shop) -> None:
    order_id = await sold(shop)
    (_, invoice, _) = (await shop.ask("GET", f"/api/orders/{order_id}/documents")).json()["items"]
    for path in ("invoice", "documents", f"documents/{invoice['document_id']}"):
        of_another = await shop.ask("GET", f"/api/orders/{order_id}/{path}", user="eve")
        of_staff = await shop.ask("GET", f"/api/orders/{order_id}/{path}", "finance", user="kim")
        of_packers = await shop.ask("GET", f"/api/orders/{order_id}/{path}", "warehouse", user="kim")
        assert (of_another.status_code, of_staff.status_code, of_packers.status_code) == (404, 200, 403)
    assert (await shop.ask("GET", f"/api/orders/{order_id}/documents/{new_id()}")).status_code == 404


async def test_an_order_without_money_has_no_invoice(shop: Shop) -> None:
    order = await shop.confirmed()
    assert (await shop.ask("GET", f"/api/orders/{order['order_id']}/invoice")).status_code == 404
    assert (await shop.ask("GET", f"/api/orders/{order['order_id']}/documents")).json() == {"items": []}


async def _numbers(shop: Shop, **query: Any) -> list[str]:
    answer = await shop.ask("GET", "/api/admin/documents", "finance", params=query)
    assert answer.status_code == 200, answer.text
    return [one["number"] for one in answer.json()["items"]]


async def test_staff_list_all_documents_in_pages(shop: Shop) -> None:
    first = await sold(shop)
    shop.clock.forward(days=1)
    await sold(shop, "eve")
    everything = await _numbers(shop)
    assert everything == [
        "CN-2026-000002",
        "INV-2026-000004",
        "INV-2026-000003",
        "CN-2026-000001",
        "INV-2026-000002",
        "INV-2026-000001",
    ]
    assert await _numbers(shop, kind="credit_note") == everything[::3]
    assert await _numbers(shop, series="INV-2026-", issued_to="2026-03-02") == everything[4:]
    assert await _numbers(shop, issued_from="2026-03-03") == everything[:3]
    assert await _numbers(shop, order_id=first) == everything[3:]
    found, cursor = [], None
    while True:
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await shop.ask("GET", "/api/admin/documents", "auditor", params=query)).json()
        found += [one["number"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == everything


async def test_the_audit_proves_that_nothing_is_missing(shop: Shop) -> None:
    await sold(shop)
    answer = (await shop.ask("GET", "/api/admin/documents/audit", "auditor")).json()
    assert answer["sound"]
    assert [(one["series"], one["documents"], one["last_number"], one["missing"]) for one in answer["series"]] == [
        ("CN-2026-", 1, 1, []),
        ("INV-2026-", 2, 2, []),
    ]
    assert [one["totals"][0]["total_amount"]["amount"] for one in answer["series"]] == [-500, 3097]
    one = (await shop.ask("GET", "/api/admin/documents/audit", "finance", params={"series": "CN-2026-"})).json()
    assert [found["series"] for found in one["series"]] == ["CN-2026-"]


@pytest.mark.parametrize("path", ["/api/admin/documents", "/api/admin/documents/audit"])
async def test_a_series_that_can_be_none_is_refused_by_name(shop: Shop, path: str) -> None:
    refused = await shop.ask("GET", path, "finance", params={"series": "INV\0"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "series")


@pytest.mark.parametrize("path", ["/api/admin/documents", "/api/admin/documents/audit"])
async def test_only_those_in_charge_see_all_documents(shop: Shop, path: str) -> None:
    for role in ("customer", "warehouse", "fraud_reviewer"):
        assert (await shop.ask("GET", path, role)).status_code == 403
