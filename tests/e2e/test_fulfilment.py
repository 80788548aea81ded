"""An order over two warehouses as its customer, the warehouses, the carriers and a neighbour with the link live it."""

from typing import Any

import pytest

from chassis.testing import eventually
from tests.errands import Errand
from tests.running import Waybill
from tests.shop import PRICE, SHIPPING, Shop, order_body

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
async def errand(shop: Shop) -> Errand:
    second = f"{shop.sku}-2"
    await shop.offer(second, "lyon", 1000)
    return Errand(shop, second, shop.customer.user)


async def test_two_parcels_from_cut_line_to_doorstep(errand: Errand, shop: Shop, waybill: Waybill) -> None:
    order = await errand.place()
    assert order["total_amount"]["amount"] == 5 * PRICE + SHIPPING
    assert sum(one["amount"]["amount"] for one in order["shipments"]) == 5 * PRICE + SHIPPING
    await errand.cut()
    numbers = await errand.label()
    assert len(set(numbers)) == 2
    await _label_is_a_pdf(shop, errand)

    # One parcel leaves; the other can still be kept back, and what has left cannot be cancelled.
    first, second = (await shop.order(errand.order_id))["shipments"]
    admin = f"/api/admin/orders/{errand.order_id}/shipments"
    await shop.operator.do("POST", f"{admin}/{second['shipment_id']}/hold", {"reason": "box is torn"})
    sent = await shop.operator.do("POST", f"{admin}/{first['shipment_id']}/dispatch")
    assert (sent["status"], sent["fulfilment_state"]) == ("Processing", "partially_shipped")
    refused = await shop.operator.send("POST", f"{admin}/{second['shipment_id']}/dispatch")
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:waybill:problem:invalid-transition")
    await shop.operator.do("POST", f"{admin}/{second['shipment_id']}/release")
    await shop.operator.do("POST", f"{admin}/{second['shipment_id']}/dispatch")
    for number in numbers:
        assert (await shop.client.post(f"/sim/carrier/parcels/{number}/hand-over")).status_code == 200
    await errand.arrive()
    await errand.ended_right()

    # The link shows both parcels to somebody who is not signed in, and nothing of who ordered what.
    shown = await errand.link()
    assert [one["tracking_status"] for one in shown["shipments"]] == ["delivered", "delivered"]
    assert all(one["events"][0]["city"] == "Berlin" for one in shown["shipments"])
    assert not any(secret in str(shown) for secret in (shop.customer.user, shop.sku, "Ada", "Hauptstraße", errand.order_id))
    page = await shop.client.get("/track/anything")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")

    await _is_told(shop, errand.order_id)
    await waybill.reconciled()


async def _label_is_a_pdf(shop: Shop, errand: Errand) -> None:
    for shipment in (await shop.order(errand.order_id))["shipments"]:
        path = f"/api/admin/orders/{errand.order_id}/shipments/{shipment['shipment_id']}/label"
        label = await shop.operator.send("GET", path)
        assert (label.status_code, label.headers["content-type"]) == (200, "application/pdf")
        assert label.content.startswith(b"%PDF")


async def _is_told(shop: Shop, order_id: str) -> None:
    """Wait until the customer had a mail for each step: received, confirmed, changed, and two for each parcel."""
    seen: list[Any] = []

    async def told() -> bool:
        seen[:] = [one["subject"] for one in await shop.mails(order_id)]
        wanted = {"have your order": 1, "is confirmed": 1, "was changed": 1, "is on its way": 2, "was delivered": 2}
        return all(sum(words in subject for subject in seen) == count for words, count in wanted.items())

    await eventually(told, "a mail for each step and parcel", seen=lambda: seen)


async def test_more_of_it_is_previewed_confirmed_and_paid(errand: Errand, shop: Shop, waybill: Waybill) -> None:
    order = await errand.place()
    path = f"/api/orders/{errand.order_id}/edits"
    items = [{"product_id": shop.sku, "quantity": 1}]
    preview = await shop.customer.send("POST", f"{path}/preview", {"items": items})
    assert preview.json()["difference"]["amount"] == PRICE
    for token, state, total in (("tok_declined", "withdrawn", 5 * PRICE), ("tok_ok", "applied", 6 * PRICE)):
        version = (await shop.customer.send("GET", f"/api/orders/{errand.order_id}")).headers["etag"]
        body = {"items": items, "payment": {"method": "card", "token": token}}
        change = await shop.customer.do("POST", path, body, expect=202, If_Match=version)
        await _becomes(shop, path, change["change_id"], state)
        await shop.at_rest()
        after = await shop.order(errand.order_id)
        assert (after["status"], after["total_amount"]["amount"]) == ("Processing", total + SHIPPING)
    assert sum(one["open"] for one in await shop.ledger(errand.order_id)) == 6 * PRICE + SHIPPING

    # Cancelled, all of it comes back: the addition too.
    assert order["status"] == "Processing"
    await shop.customer.do("POST", f"/api/orders/{errand.order_id}/cancel")
    await shop.at_rest()
    assert sum(one["open"] for one in await shop.ledger(errand.order_id)) == 0
    assert await shop.stock() == {"on_hand": 10_000, "reserved": 0, "available": 10_000}
    await waybill.reconciled()


async def _becomes(shop: Shop, path: str, change_id: str, state: str) -> None:
    seen: list[Any] = []

    async def probe() -> bool:
        seen[:] = [
            (one["state"], one["reason"]) for one in (await shop.customer.get(path))["items"] if one["change_id"] == change_id
        ]
        return bool(seen[0][0] == state)

    await eventually(probe, f"the change is {state}", seen=lambda: seen)


async def test_what_is_not_in_stock_is_sent_when_it_comes_in(shop: Shop, waybill: Waybill) -> None:
    sku = f"{shop.sku}-late"
    await shop.offer(sku, "berlin", 1, backorder=True)
    order_id = (await shop.customer.do("POST", "/api/orders", order_body(sku, 3), expect=201))["order_id"]
    order = await shop.reaches(order_id, "Processing")
    assert [[line["quantity"] for line in one["lines"]] for one in order["shipments"]] == [[1]]
    delivery = {"product_id": sku, "warehouse_id": "lyon", "delta": 5, "reason": "delivery note 7", "kind": "received"}
    await shop.keeper.do("POST", "/api/admin/stock/adjustments", delivery, expect=201)
    seen: list[Any] = []

    async def planned() -> bool:
        parcels = (await shop.order(order_id))["shipments"]
        seen[:] = [(one["warehouse_id"], [line["quantity"] for line in one["lines"]]) for one in parcels]
        return seen == [("berlin", [1]), ("lyon", [2])]

    await eventually(planned, "the rest is planned from what came in", seen=lambda: seen)
    await waybill.reconciled()
