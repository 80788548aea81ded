"""Orders that a person must look at: dealt with by whom it concerns, written down, and looked at no more."""

from typing import Any

import httpx2
import pytest

from chassis.domain import new_id
from chassis.testing import perform
from contracts.payment import IncidentKind, PaymentIncident, PaymentReviewRequired
from contracts.types import Money
from order.handlers import await_review, note_incident
from services.order.tests.conftest import Shop

pytestmark = pytest.mark.database


async def held(shop: Shop) -> dict[str, Any]:
    """Have a customer pay too much."""
    order_id = (await shop.confirmed())["order_id"]
    money = Money(amount=500, currency="EUR")
    await perform(
        shop.database,
        note_incident,
        PaymentIncident(order_id=order_id, user_id="ada", kind=IncidentKind.OVERPAID, amount=money),
    )
    order: dict[str, Any] = (await shop.ask("GET", f"/api/admin/orders/{order_id}", "support")).json()
    assert order["hold_reason"] == "payment_overpaid"
    return order


async def resolve(
    shop: Shop, order_id: object, *roles: str, note: str = "5.00 sent back by hand.", **more: Any
) -> httpx2.Response:
    path = f"/api/admin/orders/{order_id}/hold/resolve"
    return await shop.ask("POST", path, *(roles or ("finance",)), user="fay", json={"note": note}, **more)


async def in_view(shop: Shop) -> list[str]:
    items = (await shop.ask("GET", "/api/admin/orders", "support", params={"held": True})).json()["items"]
    return [one["order_id"] for one in items]


async def test_what_a_person_has_dealt_with_is_written_down_and_looked_at_no_more(shop: Shop) -> None:
    order = await held(shop)
    assert await in_view(shop) == [order["order_id"]]
    reply = await resolve(shop, order["order_id"], headers={"If-Match": f'"{order["version"]}"'})
    assert reply.status_code == 200, reply.text
    assert (reply.json()["hold_reason"], reply.headers["etag"]) == (None, f'"{order["version"] + 1}"')
    assert reply.json() == (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}", "support")).json()
    assert await in_view(shop) == []
    history = (await shop.ask("GET", f"/api/admin/orders/{order['order_id']}/history", "support")).json()["items"]
    last = {name: history[-1][name] for name in ("kind", "actor", "notes")}
    assert last == {"kind": "note", "actor": "finance:fay", "notes": "Dealt with payment overpaid: 5.00 sent back by hand."}
    own = (await shop.ask("GET", f"/api/orders/{order['order_id']}/history")).json()["items"]
    assert "Dealt with" not in str(own)
    again = await resolve(shop, order["order_id"])
    assert (again.status_code, again.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")


async def test_who_has_seen_another_version_or_may_not_resolves_nothing(shop: Shop) -> None:
    order = await held(shop)
    stale = await resolve(shop, order["order_id"], headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, order["version"])
    for roles in (("warehouse",), ("customer",), ("auditor",)):
        assert (await resolve(shop, order["order_id"], *roles)).status_code == 403
    for note in ("", "x" * 501, "4111 1111 1111 1111"):
        refused = await resolve(shop, order["order_id"], note=note)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "note")
    assert (await resolve(shop, new_id())).status_code == 404
    assert await in_view(shop) == [order["order_id"]]


async def test_a_review_is_decided_and_not_resolved(shop: Shop) -> None:
    order_id = (await shop.place()).json()["order_id"]
    facts = {"order_id": order_id, "user_id": "ada", "deadline_at": shop.clock()}
    await perform(shop.database, await_review, PaymentReviewRequired(**facts, score=80, facts=["new"]))
    refused = await resolve(shop, order_id)
    assert (refused.status_code, refused.json()["detail"]) == (409, "The review is to be decided.")
    assert await in_view(shop) == [order_id]
