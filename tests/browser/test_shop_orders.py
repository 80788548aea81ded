"""What customers do with their orders: watch, cancel, have them sent elsewhere, have fewer or more, send things back."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.shop import PRICE, SHIPPING, Shop

from .conftest import Complaints, Visitor, sign_in
from .shopping import WORKS, status

ONE_UNIT = re.compile(r"^1 . €12\.50$")

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("waybill")]


async def opened(visitor: Visitor, shop: Shop, order: dict[str, Any]) -> Page:
    """Open the page of an order as its customer."""
    page = await visitor(path=f"/orders/{order['order_id']}")
    await sign_in(page, shop.customer.user)
    await expect(status(page)).to_have_text(order["status"])
    return page


async def confirmed(shop: Shop, quantity: int = 1) -> dict[str, Any]:
    """Place an order and wait until it is confirmed."""
    placed = await shop.place(quantity)
    return await shop.reaches(placed["order_id"], "Processing")


async def delivered(shop: Shop, quantity: int) -> dict[str, Any]:
    """Have an order sent and delivered."""
    order = await confirmed(shop, quantity)
    (shipment,) = order["shipments"]
    path = f"/api/admin/orders/{order['order_id']}/shipments/{shipment['shipment_id']}"
    await shop.operator.do("POST", f"{path}/dispatch")
    await shop.operator.do("POST", f"{path}/deliver")
    return await shop.reaches(order["order_id"], "Delivered")


async def test_a_page_shows_what_others_do_without_a_reload(visitor: Visitor, shop: Shop) -> None:
    order = await confirmed(shop)
    page = await opened(visitor, shop, order)
    await page.evaluate("window.stays = true")
    await shop.customer.do("POST", f"/api/orders/{order['order_id']}/cancel")
    await expect(status(page)).to_have_text("Cancelled")
    await expect(page.get_by_text("You cancelled this order.")).to_be_visible()
    await expect(page.get_by_text("The order was cancelled", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Cancel the order")).to_be_hidden()
    assert await page.evaluate("window.stays")
    await page.get_by_role("button", name="Put it all in the cart again").click()
    await expect(page.get_by_role("link", name="Cart, one item")).to_be_visible()


async def test_a_stale_cancellation_shows_what_changed(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("412")
    complaints.expect("ERR_FAILED")
    order = await confirmed(shop, 2)
    page = await opened(visitor, shop, order)
    # This page hears nothing: its stream is cut.
    await page.route("**/events", lambda route: route.abort())
    await page.reload()
    await page.get_by_role("button", name="Cancel the order").click()
    item = order["items"][0]["item_id"]
    await shop.customer.do("PATCH", f"/api/orders/{order['order_id']}/items/{item}", {"quantity": 1})
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why?").fill("Ordered twice")
    await dialog.get_by_role("button", name="Cancel the order").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("It has changed meanwhile.")
    await expect(dialog.get_by_label("Why?")).to_have_value("Ordered twice")
    await expect(page.get_by_text(ONE_UNIT)).to_be_visible()
    await dialog.get_by_role("button", name="Cancel the order").click()
    await expect(status(page)).to_have_text("Cancelled")


async def test_an_order_is_changed_before_it_leaves(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("412")  # stock and money follow a change, and the next is made for what is true then
    page = await opened(visitor, shop, await confirmed(shop, 2))
    await page.get_by_role("button", name="Change the address").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Country")).to_be_disabled()
    await dialog.get_by_label("Postal code").fill("101")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text("A code of this country looks like 10117.")).to_be_visible()
    await dialog.get_by_label("Postal code").fill("10119")
    await dialog.get_by_label("Street and number").fill("Torstraße 7")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Torstraße 7")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="The change is saved.")).to_be_focused()

    await page.get_by_role("button", name="Order fewer").click()
    await dialog.get_by_role("button", name=f"One {shop.sku} less").click()
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text(ONE_UNIT)).to_be_visible()

    await page.get_by_role("button", name="Order more").click()
    await dialog.get_by_role("button", name=f"One more {shop.sku}").click()
    await dialog.get_by_role("button", name=f"One more {shop.sku}").click()
    await dialog.get_by_role("radio", name=WORKS, exact=True).check()
    await dialog.get_by_role("button", name="Add and pay €25.00").click()
    await expect(page.get_by_text("More was added to the order")).to_be_visible()
    (order,) = await shop.bought()
    assert order["total_amount"]["amount"] == 3 * PRICE + SHIPPING
    assert order["shipping_address"]["line1"] == "Torstraße 7"


async def test_something_is_sent_back(visitor: Visitor, shop: Shop) -> None:
    order = await delivered(shop, 3)
    page = await opened(visitor, shop, order)
    async with page.expect_download() as loaded:
        await page.get_by_role("button", name="Download PDF").click()
    assert (await loaded.value).suggested_filename.endswith(".pdf")

    await page.get_by_role("button", name="Send something back").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name=f"One more {shop.sku}").click()
    await dialog.get_by_role("button", name="Ask for the return").click()
    await expect(dialog.get_by_text("Please choose a reason.")).to_be_visible()
    await dialog.get_by_label(f"Why does {shop.sku} come back?").select_option(label="Damaged")
    await dialog.get_by_label("Anything we should know?").fill("A crack in the lid")
    await dialog.get_by_role("button", name="Ask for the return").click()
    await expect(page.get_by_role("heading", name="Returns")).to_be_visible()

    (back,) = (await shop.customer.get(f"/api/orders/{order['order_id']}/returns"))["items"]
    assert (back["lines"][0]["quantity"], back["lines"][0]["reason"], back["note"]) == (1, "damaged", "A crack in the lid")
    path = f"/api/admin/orders/{order['order_id']}/returns/{back['return_id']}"
    if back["state"] == "requested":
        await shop.operator.do("POST", f"{path}/approve")
    await expect(page.get_by_text("Approved", exact=True)).to_be_visible()
    received = [{"item_id": order["items"][0]["item_id"], "quantity": 1, "disposition": "write_off"}]
    await shop.operator.do("POST", f"{path}/receive", {"warehouse_id": "berlin", "lines": received})
    await expect(page.get_by_test_id("refunded")).to_have_text("€12.50")


async def test_a_list_of_orders_leads_to_each_and_to_no_one_elses(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("404")
    order = await confirmed(shop)
    page = await visitor(path="/orders", width=360, height=740)
    await sign_in(page, shop.customer.user)
    await page.get_by_role("link", name=re.compile("^Order [0-9A-F]{8}$")).click()
    await expect(status(page)).to_have_text("Processing")
    other = await visitor(path=f"/orders/{order['order_id']}")
    await sign_in(other, "somebody-else")
    await expect(other.get_by_role("heading", name="There is no such order")).to_be_visible()
