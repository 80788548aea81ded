"""One story for each way to pay, as a customer, finance and the warehouse live it."""

from typing import Any

import pytest

from chassis.domain import new_id, utc_now
from chassis.testing import eventually
from tests.running import Waybill
from tests.shop import PRICE, SHIPPING, Person, Shop, order_body

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]
TOTAL = PRICE + SHIPPING


@pytest.fixture
def finance(shop: Shop) -> Person:
    return shop.person("bookkeeper", "finance")


async def place(shop: Shop, **payment: str) -> str:
    body = order_body(shop.sku) | {"payment": payment}
    order_id: str = (await shop.customer.do("POST", "/api/orders", body, expect=201))["order_id"]
    return order_id


async def asked(shop: Shop, order_id: str) -> dict[str, Any]:
    """Wait until the customer is asked to do something, and tell what."""

    async def probe() -> Any:
        return (await shop.customer.get(f"/api/orders/{order_id}"))["payment_action"]

    return dict(await eventually(probe, f"the customer of {order_id} is asked for something"))


async def send(shop: Shop, order_id: str) -> str:
    [parcel] = (await shop.order(order_id))["shipments"]
    path = f"/api/admin/orders/{order_id}/shipments/{parcel['shipment_id']}"
    await shop.operator.do("POST", f"{path}/dispatch")
    return path


async def is_paid(shop: Shop, order_id: str, amount: int = TOTAL) -> None:
    async def probe() -> bool:
        return bool((await shop.order(order_id))["captured_amount"]["amount"] == amount)

    await eventually(probe, f"{amount} are taken for {order_id}")


async def test_a_gift_card_pays_first_and_the_card_the_rest(shop: Shop, finance: Person, waybill: Waybill) -> None:
    wish = {"amount": {"amount": TOTAL - 1000, "currency": "EUR"}}
    card = await finance.do("POST", "/api/admin/gift-cards", wish, expect=201)
    order_id = await place(shop, method="card", token="tok_ok", gift_card=card["code"])
    await shop.reaches(order_id, "Processing")
    [intent] = await shop.ledger(order_id)
    assert intent["authorised"] == 1000
    left = await shop.customer.do("POST", "/api/gift-cards/balance", {"code": card["code"]})
    assert left["balance"]["amount"] == 0
    await send(shop, order_id)
    await is_paid(shop, order_id)

    # The balance comes back with an order that is cancelled; nothing is there for one that nobody can pay.
    other = await finance.do("POST", "/api/admin/gift-cards", {"amount": {"amount": TOTAL, "currency": "EUR"}}, expect=201)
    cancelled = await place(shop, method="gift_card", gift_card=other["code"])
    await shop.reaches(cancelled, "Processing")
    await shop.customer.do("POST", f"/api/orders/{cancelled}/cancel")

    async def is_back() -> bool:
        shown = await shop.customer.do("POST", "/api/gift-cards/balance", {"code": other["code"]})
        return bool(shown["balance"]["amount"] == TOTAL)

    await eventually(is_back, "the balance is back")
    refused = await shop.reaches(await place(shop, method="gift_card", gift_card=card["code"]), "Cancelled")
    assert refused["cancel_reason"] == "payment_declined"
    await waybill.reconciled()


@pytest.mark.parametrize(("outcome", "status"), [("approve", "Processing"), ("fail", "Cancelled")])
async def test_the_bank_asks_who_pays(shop: Shop, waybill: Waybill, outcome: str, status: str) -> None:
    order_id = await place(shop, method="card", token="tok_3ds")
    action = await asked(shop, order_id)
    assert action["kind"] == "challenge"
    page = await shop.client.get(action["reference"])
    assert "Approve" in page.text
    assert (await shop.client.post(action["reference"], data={"outcome": outcome})).status_code == 200
    order = await shop.reaches(order_id, status)
    assert order["payment_action"] is None
    await waybill.reconciled()


async def test_an_order_waits_for_its_transfer(shop: Shop, finance: Person, waybill: Waybill) -> None:
    order_id = await place(shop, method="bank_transfer")
    action = await asked(shop, order_id)
    assert action["kind"] == "transfer"
    transfer = {
        "reference": action["reference"],
        "amount": TOTAL - 100,
        "currency": "EUR",
        "received_at": utc_now().isoformat(),
        "bank_reference": str(new_id()),
    }
    for _ in range(2):
        waiting = await finance.do("POST", "/api/admin/transfers", transfer)
        assert (waiting["state"], waiting["received"]["amount"]) == ("waiting", TOTAL - 100)
    assert (await shop.order(order_id))["status"] == "Pending"
    rest = await finance.do("POST", "/api/admin/transfers", transfer | {"amount": 150, "bank_reference": str(new_id())})
    assert (rest["state"], rest["to_pay_back"]["amount"]) == ("paid", 50)
    await shop.reaches(order_id, "Processing")
    await send(shop, order_id)
    await is_paid(shop, order_id)
    await waybill.reconciled()


async def test_cash_is_paid_at_the_door(shop: Shop, waybill: Waybill) -> None:
    order_id = await place(shop, method="cash_on_delivery")
    await shop.reaches(order_id, "Processing")
    path = await send(shop, order_id)
    await shop.reaches(order_id, "Shipped")
    await waybill.reconciled()
    assert (await shop.order(order_id))["captured_amount"]["amount"] == 0
    await shop.operator.do("POST", f"{path}/deliver")
    await is_paid(shop, order_id)
    assert await shop.ledger(order_id) == []
    await waybill.reconciled()
