"""Forgetting who placed an order: what goes, what stays, and when it is too early."""

import pytest

from chassis.domain import new_id
from chassis.testing import perform
from order.handlers import note_refund
from services.order.tests.conftest import Shop
from services.order.tests.test_returns_api import Body, decide, delivered, give_back, lines, paid_back, refund

pytestmark = pytest.mark.database

PERSONAL = ("Ada", "Hauptstra", "10115", "ada@example.com", "30123456", "tok_ok")
KEPT_NOWHERE = """
SELECT (SELECT string_agg(o::text, ' ') FROM orders o)
    || coalesce((SELECT string_agg(h::text, ' ') FROM order_status_history h), '')
    || coalesce((SELECT string_agg(f.payload, ' ') FROM outbox f), '')
"""


async def erase(shop: Shop, order: Body, *roles: str) -> tuple[int, Body]:
    path = f"/api/admin/orders/{order['order_id']}/personal-data"
    reply = await shop.ask("DELETE", path, *(roles or ("support",)), user="sue")
    return reply.status_code, reply.json()


async def everything_kept(shop: Shop) -> str:
    async with shop.database.transaction() as transaction:
        rows = await transaction.fetch(KEPT_NOWHERE)
    return str(rows[0][0])


async def contacts_told(shop: Shop, order: Body) -> list[tuple[int, str | None]]:
    query = "SELECT sequence, payload FROM outbox WHERE aggregatetype = 'order.contacts' AND aggregateid = $1 ORDER BY sequence"
    async with shop.database.transaction() as transaction:
        return [tuple(row) for row in await transaction.fetch(query, order["order_id"])]


async def test_nothing_of_the_person_is_left_and_all_services_are_told(shop: Shop) -> None:
    order = await delivered(shop)
    before = await everything_kept(shop)
    assert all(part in before for part in PERSONAL)
    status, body = await erase(shop, order)
    assert (status, body["contact"]) == (200, {"email": "", "phone": None, "locale": "de"})
    for address in (body["shipping_address"], body["billing_address"]):
        assert (address["name"], address["line1"], address["postal_code"], address["country"]) == ("", "", "", "DE")
    after = await everything_kept(shop)
    assert not [part for part in PERSONAL if part in after]
    assert await contacts_told(shop, order) == [(1, None), (2, None)]  # told anew, it is erased anew
    assert (body["total_amount"], body["items"]) == (order["total_amount"], order["items"])


async def test_what_is_erased_is_not_erased_again_and_who_did_it_is_written_down(shop: Shop) -> None:
    order = await delivered(shop)
    await erase(shop, order)
    status, body = await erase(shop, order)
    assert (status, body["contact"]["email"]) == (200, "")
    assert len(await contacts_told(shop, order)) == 2
    history = (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/history", "support")).json()["items"]
    assert [entry["actor"] for entry in history if entry["notes"] == "Contact and addresses erased"] == ["support:sue"]


async def test_who_must_still_be_reached_is_not_forgotten(shop: Shop) -> None:
    placed = (await shop.place()).json()
    confirmed = await shop.confirmed("ben")
    arrived = await delivered(shop, "cyd")
    await give_back(shop, arrived, {"lines": lines(arrived, 1, reason="does_not_fit")}, user="cyd")
    refunding = await delivered(shop, "dan")
    await refund(shop, refunding, amount={"amount": 100, "currency": "EUR"})
    reasons = (
        (placed, "it is not decided"),
        (confirmed, "a parcel has not arrived"),
        (arrived, "a return is open"),
        (refunding, "a refund is open"),
    )
    for order, reason in reasons:
        status, problem = await erase(shop, order)
        assert (status, problem["type"]) == (409, "urn:waybill:problem:not-at-rest"), reason
        assert reason in problem["under_way"]
        assert [payload is None for _, payload in await contacts_told(shop, order)] == [False]


async def test_nothing_that_needs_the_person_is_begun_afterwards(shop: Shop) -> None:
    order = await delivered(shop)
    back = (await give_back(shop, order, {"lines": lines(order, 1, reason="does_not_fit")})).json()
    assert (await decide(shop, order, back, "decline", "support", body={"reason": "staff"})).status_code == 200
    await erase(shop, order)
    again = await give_back(shop, order, {"lines": lines(order, 1, reason="does_not_fit")})
    after_all = await decide(shop, order, back, "approve", "support")
    elsewhere = await shop.ask(
        "PATCH", f"/api/orders/{order['order_id']}", json={"contact": {"email": "ada@example.org", "locale": "de"}}
    )
    for reply in (again, after_all, elsewhere):
        assert (reply.status_code, reply.json()["type"]) == (409, "urn:waybill:problem:anonymous-order")


async def test_money_can_still_go_back_and_its_credit_note_names_whom_the_invoice_was_for(shop: Shop) -> None:
    order = await delivered(shop)
    await erase(shop, order)
    one = (await refund(shop, order, amount={"amount": 100, "currency": "EUR"})).json()
    await perform(shop.database, note_refund, paid_back(order, one, 100))
    documents = (await shop.ask("GET", f"/api/orders/{order['order_id']}/documents")).json()["items"]
    assert documents[0]["kind"] == "credit_note"
    path = f"/api/orders/{order['order_id']}/documents/{documents[0]['document_id']}"
    assert (await shop.ask("GET", path)).json()["buyer"]["name"] == "Ada Lovelace"


async def test_only_support_erases_and_only_what_there_is(shop: Shop) -> None:
    order = await delivered(shop)
    for role in ("customer", "warehouse", "finance", "auditor"):
        assert (await erase(shop, order, role))[0] == 403
    assert (await erase(shop, {"order_id": str(new_id())}))[0] == 404
    assert "ada@example.com" in await everything_kept(shop)
