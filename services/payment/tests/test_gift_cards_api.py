"""Gift cards over HTTP: finance issues them, the code is told once, and whoever has it may ask for the balance."""

from typing import Any

import pytest

from chassis.domain import new_id

from .test_api import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.database
CARD = {"amount": {"amount": 5000, "currency": "EUR"}}


async def issue(desk: Desk, body: dict[str, Any], key: str | None = None, role: str = "finance") -> Any:
    headers = {**desk.issuer.headers("sam", role), "Idempotency-Key": key or str(new_id())}
    return await desk.client.post("/api/admin/gift-cards", json=body, headers=headers)


async def test_a_code_is_told_once(desk: Desk) -> None:
    key = str(new_id())
    first, again = await issue(desk, CARD, key), await issue(desk, CARD, key)
    assert (first.status_code, again.status_code) == (201, 201)
    issued, repeated = first.json(), again.json()
    assert issued["code"].endswith(issued["hint"])
    assert repeated == {**issued, "code": None}
    shown = (await desk.get(f"/api/admin/gift-cards/{issued['gift_card_id']}")).json()
    assert "code" not in shown
    assert [(one["kind"], one["amount"]["amount"]) for one in shown["movements"]] == [("issue", 5000)]
    listed = (await desk.get("/api/admin/gift-cards", "support")).json()
    assert issued["gift_card_id"] in {one["gift_card_id"] for one in listed["items"]}


async def test_a_payment_that_a_card_shares_is_found_by_the_psps_name_for_its_part(desk: Desk) -> None:
    code = (await issue(desk, {"amount": {"amount": 1000, "currency": "EUR"}})).json()["code"]
    order_id = await desk.paid(gift_card=code)
    theirs = (await desk.main(order_id))["psp_reference"].partition(".")[0]
    found = (await desk.get(f"/api/admin/payments?reference={theirs}")).json()["items"]
    assert [one["order_id"] for one in found] == [str(order_id)]


async def test_the_balance_is_told_to_whoever_has_the_code(desk: Desk) -> None:
    code = (await issue(desk, CARD)).json()["code"]
    ask, customer = "/api/gift-cards/balance", desk.issuer.headers("ada", "customer")
    found = await desk.client.post(ask, json={"code": code.lower()}, headers=customer)
    assert found.json() == {"balance": CARD["amount"], "expires_at": None}
    assert (await desk.client.post(ask, json={"code": "AAAA-BBBB-CCCC"}, headers=customer)).status_code == 404
    assert (await desk.client.post(ask, json={"code": code})).status_code == 401
    short = await desk.client.post(ask, json={"code": "A"}, headers=customer)
    assert (short.status_code, short.json()["errors"][0]["field"]) == (422, "code")
    assert (await desk.get(f"/api/gift-cards/{code}/balance", "customer")).status_code == 404, "no address holds a code"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": {"amount": 0, "currency": "EUR"}}, "amount.amount"),
        ({"amount": {"amount": 100, "currency": "euro"}}, "amount.currency"),
        ({**CARD, "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({**CARD, "expires_at": "9999-12-31T23:59:59-01:00"}, "expires_at"),
    ],
)
async def test_a_bad_wish_issues_nothing(desk: Desk, body: dict[str, Any], field: str) -> None:
    answer = await issue(desk, body)
    assert answer.status_code == 422
    assert field in answer.text


async def test_only_finance_issues(desk: Desk) -> None:
    assert (await issue(desk, CARD, role="support")).status_code == 403
    assert (await desk.get("/api/admin/gift-cards", "customer")).status_code == 403
