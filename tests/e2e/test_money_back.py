"""What was delivered comes back in part, its money too, with the papers that the law wants; as customer and staff live it."""

from typing import Any

import pytest

from chassis.testing import eventually
from tests.errands import TOTAL, Errand
from tests.running import Waybill
from tests.shop import PRICE, SHIPPING, Shop

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
async def errand(shop: Shop) -> Errand:
    second = f"{shop.sku}-2"
    await shop.offer(second, "lyon", 1000)
    errand = Errand(shop, second, shop.customer.user)
    await errand.run()
    await errand.ended_right()
    return errand


async def test_a_delivered_order_comes_back_in_part(errand: Errand, shop: Shop, waybill: Waybill) -> None:
    order = await shop.order(errand.order_id)
    line = next(one for one in order["items"] if one["product_id"] == shop.sku)
    assert line["quantity"] == 2
    stock = await shop.stock()

    # What never arrived, or more than was bought, does not come back.
    path = f"/api/orders/{errand.order_id}/returns"
    wish: dict[str, Any] = {
        "lines": [{"item_id": line["item_id"], "quantity": 2, "reason": "damaged"}],
        "note": "the lid is chipped",
    }
    too_much = {"lines": [wish["lines"][0] | {"quantity": 3}]}
    assert (await shop.customer.send("POST", path, too_much)).status_code in {409, 422}
    back = await shop.customer.do("POST", path, wish, expect=201)
    assert (back["state"], back["refund_amount"]["amount"]) == ("requested", 2 * PRICE)

    # Support agrees; the warehouse finds one unit as good as new, and one broken.
    admin = f"/api/admin/orders/{errand.order_id}"
    approved = await shop.operator.do("POST", f"{admin}/returns/{back['return_id']}/approve")
    assert approved["state"] == "approved"
    receipt = {
        "warehouse_id": "berlin",
        "lines": [
            {"item_id": line["item_id"], "quantity": 1, "disposition": "restock"},
            {"item_id": line["item_id"], "quantity": 1, "disposition": "damaged"},
        ],
    }
    await shop.operator.do("POST", f"{admin}/returns/{back['return_id']}/receive", receipt)
    again = await shop.operator.send("POST", f"{admin}/returns/{back['return_id']}/receive", receipt)
    assert again.status_code == 409, "what has come cannot come again"
    await _money_is(shop, errand, captured=TOTAL, refunded=2 * PRICE)
    assert await shop.stock() == {**stock, "on_hand": stock["on_hand"] + 1, "available": stock["available"] + 1}

    # No more is given back than was taken; a large amount waits for a second person.
    rest = TOTAL - 2 * PRICE
    above = {"amount": {"amount": rest + 1, "currency": "EUR"}, "reason": "goodwill"}
    refused = await shop.operator.send("POST", f"{admin}/refunds", above)
    assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    await shop.operator.do("POST", f"{admin}/refunds", {"lines": [], "shipping": True, "reason": "goodwill"}, expect=201)
    await _money_is(shop, errand, captured=TOTAL, refunded=2 * PRICE + order["shipping_amount"]["amount"])

    await _papers_are_right(shop, errand)
    await waybill.reconciled()


async def test_what_was_delivered_is_exchanged_for_something_dearer(errand: Errand, shop: Shop, waybill: Waybill) -> None:
    order = await shop.order(errand.order_id)
    line = next(one for one in order["items"] if one["product_id"] == shop.sku)
    stock = await shop.stock()
    wish: dict[str, Any] = {
        "lines": [{"item_id": line["item_id"], "quantity": 1, "reason": "does_not_fit"}],
        "exchange": {"items": [{"product_id": shop.sku, "quantity": 2}]},
    }
    path, admin = f"/api/orders/{errand.order_id}/returns", f"/api/admin/orders/{errand.order_id}/returns"
    unpaid = await shop.customer.send("POST", path, wish)
    assert (unpaid.status_code, unpaid.json()["errors"][0]["field"]) == (422, "exchange.payment")
    wish["exchange"]["payment"] = {"method": "card", "token": "tok_ok"}
    back = await shop.customer.do("POST", path, wish, expect=201)
    assert (back["exchange"]["stage"], back["exchange"]["difference"]["amount"]) == ("wanted", PRICE + SHIPPING)

    # With support's agreement the other order is placed, and its stock is held; it leaves when the goods are in.
    approved = await shop.operator.do("POST", f"{admin}/{back['return_id']}/approve")
    other_id = approved["exchange"]["order_id"]
    other = await shop.reaches(other_id, "Processing")
    assert other["exchange"]["exchange_for"]["order_id"] == errand.order_id
    assert (await shop.stock())["available"] == stock["available"] - 2
    (parcel,) = other["shipments"]
    assert (parcel["status"], parcel["hold_reason"]) == ("held", "awaits_return")
    receipt = {
        "warehouse_id": "berlin",
        "lines": [{"item_id": line["item_id"], "quantity": 1, "disposition": "restock"}],
    }
    await shop.operator.do("POST", f"{admin}/{back['return_id']}/receive", receipt)

    async def released() -> bool:
        seen = await shop.order(other_id)
        return bool(seen["shipments"][0]["status"] == "planned")

    await eventually(released, "what came back pays the other order")
    await shop.operator.do("PUT", f"/api/admin/orders/{other_id}/status", {"status": "Shipped"})

    async def paid() -> bool:
        seen = await shop.order(other_id)
        ledger = await shop.ledger(other_id)
        return bool(
            seen["captured_amount"]["amount"] == 2 * PRICE + SHIPPING
            and sum(one["captured"] for one in ledger) == PRICE + SHIPPING
        )

    await eventually(paid, "the difference is taken, and no more")
    assert sum(one["refunded"] for one in await shop.ledger(errand.order_id)) == 0, "the PSP gives nothing back"
    assert (await shop.order(errand.order_id))["refunded_amount"]["amount"] == PRICE
    await waybill.reconciled()


async def _money_is(shop: Shop, errand: Errand, *, captured: int, refunded: int) -> None:
    seen: dict[str, Any] = {}

    async def probe() -> bool:
        seen["psp"] = [(one["captured"], one["refunded"]) for one in await shop.ledger(errand.order_id)]
        order = await shop.order(errand.order_id)
        seen["order"] = (order["captured_amount"]["amount"], order["refunded_amount"]["amount"])
        sums = tuple(sum(column) for column in zip(*seen["psp"], strict=True))
        return bool(sums == seen["order"] == (captured, refunded))

    await eventually(probe, f"{captured} are taken and {refunded} given back", seen=lambda: seen)


async def _papers_are_right(shop: Shop, errand: Errand) -> None:
    """Wait for an invoice for each parcel and a credit note for each refund; they add up, and open as PDFs."""
    path = f"/api/orders/{errand.order_id}/documents"
    seen: list[dict[str, Any]] = []

    async def probe() -> bool:
        seen[:] = (await shop.customer.get(path))["items"]
        return [one["kind"] for one in seen].count("invoice") == 2 and len(seen) == 4

    await eventually(probe, "two invoices and two credit notes", seen=lambda: seen)
    assert sum(one["total_amount"]["amount"] for one in seen if one["kind"] == "invoice") == TOTAL
    for one in seen:
        pdf = await shop.customer.send("GET", f"{path}/{one['document_id']}", Accept="application/pdf")
        assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.content.startswith(b"%PDF")
        stranger = await shop.person("eve").send("GET", f"{path}/{one['document_id']}", Accept="application/json")
        assert stranger.status_code == 404
    audit = await shop.person("auditor", "auditor").get("/api/admin/documents/audit")
    assert audit["sound"], audit
