"""Something else for what comes back: asked for by a customer, agreed to by staff, and waited for."""

import pytest
from playwright.async_api import expect

from tests.shop import WAREHOUSE, Shop

from .conftest import Complaints, Visitor, sign_in
from .shopping import WORKS
from .staff import dialog, order_page, sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


async def test_a_customer_asks_for_an_exchange_and_staff_see_it(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("422")  # the shop says that a difference is to be paid
    other = f"{shop.sku}-B"
    wanted = f"1 \N{MULTIPLICATION SIGN} {other}"
    await shop.offer(other, WAREHOUSE, 100)
    order_id = (await shop.place())["order_id"]
    order = await shop.reaches(order_id, "Processing")
    path = f"/api/admin/orders/{order_id}/shipments/{order['shipments'][0]['shipment_id']}"
    for step in ("dispatch", "deliver"):
        await shop.operator.do("POST", f"{path}/{step}")
    await shop.reaches(order_id, "Delivered")

    page = await visitor(path=f"/orders/{order_id}")
    await sign_in(page, shop.customer.user)
    await page.get_by_role("button", name="Send something back").click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("button", name=f"One more {shop.sku}").click()
    await asked.get_by_label(f"Why does {shop.sku} come back?").select_option(label="Does not fit")
    await asked.get_by_role("radio", name="Something else in exchange").check()
    await asked.get_by_label("Look for something else").fill(other)
    await asked.get_by_role("button", name=f"Choose {other}").click()
    await expect(asked.get_by_text("€16.40")).to_be_visible()
    await asked.get_by_role("button", name="Ask for the return").click()
    await expect(asked.get_by_text("It costs €3.90 more than what you send back pays.")).to_be_visible()
    await asked.get_by_role("button", name="Ask for the return and pay €3.90").click()
    await expect(asked.get_by_text("Please choose a card.")).to_be_visible()
    await sound(page)
    await asked.get_by_role("radio", name=WORKS, exact=True).check()
    await asked.get_by_role("button", name="Ask for the return and pay €3.90").click()
    await expect(page.get_by_text(f"Wanted in exchange: {wanted}.")).to_be_visible()

    desk = await visitor("sam", "/admin/orders")
    await order_page(desk, order_id)
    returns = desk.get_by_role("region", name="Returns")
    await expect(returns).to_contain_text(f"Wanted in exchange: {wanted} · the customer pays €3.90 more at the most")
    async with dialog(desk, "Approve") as approval:
        await expect(approval.get_by_label(f"Wanted in exchange: {wanted}")).to_contain_text("Order it with the return")
        await approval.get_by_role("button", name="Approve").click()
    await expect(returns).to_contain_text(f"Ordered in exchange: {wanted}")
    await sound(desk)

    await expect(page.get_by_text(f"Ordered in exchange: {wanted}.")).to_be_visible()
    (back,) = (await shop.customer.get(f"/api/orders/{order_id}/returns"))["items"]
    placed = back["exchange"]["order_id"]
    await shop.reaches(placed, "Processing")
    await page.goto(f"/orders/{placed}")
    await expect(page.get_by_text("It leaves as soon as what you send back for it is here.")).to_be_visible()
    await page.get_by_text("Ordered in exchange for what you send back of").get_by_role("link").click()
    await page.wait_for_url(f"**/orders/{order_id}")
    await order_page(desk, placed)
    await expect(desk.get_by_text("its parcels leave once that is here")).to_be_visible()
    await expect(desk.get_by_role("article", name="Parcel 1")).to_contain_text("waits for what comes back in exchange")
