"""Transfers over HTTP: finance tells of them, and what cannot be is refused by its name."""

from typing import Any

import pytest

from chassis.domain import new_id
from chassis.testing import MORNING, perform
from contracts.inventory import StockReserved
from contracts.order import OrderContacts
from contracts.types import Contact, Money, PaymentInstrument
from payment import handlers

from .shop import HOME
from .test_api import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.database


async def waits(desk: Desk) -> str:
    """Have an order of 30.00 wait for a transfer; answers what that is to name."""
    order_id = new_id()
    contacts = OrderContacts(
        order_id=order_id,
        user_id="alice",
        contact=Contact(email="alice@example.org"),
        shipping_address=HOME,
        billing_address=HOME,
        payment=PaymentInstrument(method="bank_transfer", token="bank_transfer"),
    )
    database = desk.app.state.database
    total = Money(amount=3000, currency="EUR")
    await perform(database, handlers.note_instrument, contacts)
    reserved = StockReserved(order_id=order_id, user_id="alice", total_amount=total, allocations=[])
    await perform(database, handlers.authorize_payment, reserved)
    await desk.works()
    listed = (await desk.get("/api/admin/transfers")).json()["items"]
    reference: str = next(one["reference"] for one in listed if one["order_id"] == str(order_id))
    return reference


async def post(desk: Desk, role: str = "finance", **body: Any) -> Any:
    wish = {"amount": 3000, "currency": "EUR", "received_at": MORNING.isoformat(), "bank_reference": str(new_id())} | body
    return await desk.client.post("/api/admin/transfers", json=wish, headers=desk.issuer.headers("sam", role))


async def test_what_came_is_shown_and_what_is_too_much_is_listed(desk: Desk) -> None:
    reference = await waits(desk)
    told = await post(desk, reference=reference, amount=3100)
    assert (told.status_code, told.json()["state"], told.json()["to_pay_back"]["amount"]) == (200, "paid", 100)
    surplus = (await desk.get("/api/admin/transfers?surplus=true")).json()["items"]
    assert [one["reference"] for one in surplus] == [reference]
    too_much = await post(desk, reference=reference, amount=-101)
    assert (too_much.status_code, too_much.json()["type"]) == (409, "urn:waybill:problem:nothing-to-pay-back")
    assert (await post(desk, reference=reference, amount=-100)).json()["to_pay_back"]["amount"] == 0


async def test_a_payment_is_found_by_what_its_transfer_names(desk: Desk) -> None:
    reference = await waits(desk)
    await waits(desk)
    [found] = (await desk.get(f"/api/admin/payments?reference={reference}")).json()["items"]
    assert found["psp_reference"] == f".{reference}"


async def test_transfers_are_listed_page_by_page(desk: Desk) -> None:
    mine = {await waits(desk), await waits(desk)}
    everything = (await desk.get("/api/admin/transfers")).json()["items"]
    seen, cursor = [], ""
    for _ in everything:
        found = (await desk.get(f"/api/admin/transfers?limit=1{cursor}")).json()
        seen += found["items"]
        cursor = f"&cursor={found['next_cursor']}"
    assert (seen, found["next_cursor"]) == (everything, None)
    assert mine <= {one["reference"] for one in seen}


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"amount": 0}, 422, "amount"),
        ({"amount": 1.5}, 422, "amount"),
        ({"currency": "USD"}, 422, "currency"),
        ({"received_at": "yesterday"}, 422, "received_at"),
        ({"received_at": "2026-11-02T06:00:00"}, 422, "received_at"),
        ({"received_at": "0001-01-01T00:00:00+14:00"}, 422, "received_at"),
        ({"received_at": "9999-12-31T23:59:59-14:00"}, 422, "received_at"),
        ({"reference": "pi_1"}, 422, "reference"),
        ({"reference": "WB-00000000"}, 404, "No order waits"),
        ({"bank_reference": ""}, 422, "bank_reference"),
    ],
)
async def test_a_bad_transfer_changes_nothing(desk: Desk, body: dict[str, Any], status: int, named: str) -> None:
    reference = await waits(desk)
    answer = await post(desk, **({"reference": reference} | body))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert named in answer.text
    listed = (await desk.get("/api/admin/transfers")).json()["items"]
    assert next(one["received"]["amount"] for one in listed if one["reference"] == reference) == 0


async def test_only_finance_tells_of_transfers(desk: Desk) -> None:
    reference = await waits(desk)
    for role in ("support", "customer", "auditor"):
        assert (await post(desk, role, reference=reference)).status_code == 403
