"""From an empty cart to Delivered and back: a customer and the staff, each in a browser context of their own."""

import pytest
from playwright.async_api import expect

from tests.shop import Shop

from .conftest import Visitor
from .shopping import buy
from .staff import heading, order_page, reference

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


async def test_an_order_is_bought_sent_delivered_and_given_back(visitor: Visitor, shop: Shop) -> None:
    customer = await visitor(shop.customer.user)
    order_id = await buy(customer, shop.sku, quantity=2)
    [parcel] = (await shop.reaches(order_id, "Processing"))["shipments"]

    staff = await visitor("ada", "/admin/shipping")
    await expect(heading(staff, "Shipping")).to_be_visible()
    field = staff.get_by_role("textbox", name="Scan to dispatch")
    await field.fill(parcel["shipment_id"])
    await field.press("Enter")
    await expect(staff.get_by_role("log")).to_contain_text(f"of order {reference(order_id)} is dispatched.")
    await expect(customer.get_by_text("Your order is on its way.")).to_be_visible()  # without a reload

    await order_page(staff, order_id)
    await staff.get_by_role("button", name="Confirm delivery").first.click()
    await staff.get_by_role("dialog").get_by_role("button", name="Confirm delivery").click()
    await expect(customer.get_by_text("Your order has arrived.")).to_be_visible()

    await customer.get_by_role("button", name="Send something back").click()
    wish = customer.get_by_role("dialog")
    await wish.get_by_role("button", name=f"One more {shop.sku}").click()
    await wish.get_by_label(f"Why does {shop.sku} come back?").select_option(label="Damaged")
    await wish.get_by_role("button", name="Ask for the return").click()
    await expect(customer.get_by_role("heading", name="Returns")).to_be_visible()

    [back] = (await shop.customer.get(f"/api/orders/{order_id}/returns"))["items"]
    await staff.goto(f"/admin/returns/{order_id}/{back['return_id']}")
    if back["state"] == "requested":
        await staff.get_by_role("button", name="Approve").click()
        await staff.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await staff.get_by_role("textbox", name="Damaged").fill("1")
    await staff.get_by_role("button", name="Take in 1 unit").click()
    await expect(customer.get_by_test_id("refunded")).to_have_text("€12.50")
