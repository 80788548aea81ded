"""What staff type wrong, too fast or twice at their desks, and what becomes of it."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.shop import Shop

from .conftest import Complaints, Visitor
from .staff import heading, reference

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


async def wrong_then_right(page: Page, field: str, wrong: str, right: str, *, said: str) -> None:
    """Type something that is no number into a field of a form that can be sent, and then one."""
    save = page.get_by_role("button", name=re.compile("^(Save|Create)"))
    typed = page.get_by_role("textbox", name=field).first
    await typed.fill(wrong)
    await typed.press("Tab")
    await expect(page.get_by_text(said).first).to_be_visible()
    await expect(save).to_be_disabled()
    await expect(typed).to_have_value(wrong)
    await typed.fill(right)
    await typed.press("Tab")
    await expect(page.get_by_text(said)).to_have_count(0)
    await expect(save).to_be_enabled()


async def test_a_form_with_what_is_no_number_is_not_saved(visitor: Visitor, shop: Shop) -> None:
    page = await visitor("wanda", f"/admin/products/{shop.sku}")
    await wrong_then_right(page, "Price", "19.9999", "19.99", said="This is no amount.")
    await wrong_then_right(page, "Weight", "12.5", "12", said="This is no whole number.")
    await page.get_by_role("textbox", name="Weight").first.fill("1O")
    await page.reload()
    await expect(page.get_by_text("This is no whole number.")).to_be_visible()
    await page.get_by_role("textbox", name="Weight").first.fill("30")
    await page.get_by_role("button", name="Save").click()
    await shop.sells_at(1999)


async def test_terms_are_not_saved_with_a_price_that_is_none(visitor: Visitor, shop: Shop) -> None:
    before = await shop.keeper.get("/api/admin/shipping-methods")
    page = await visitor("finn", "/admin/shipping-methods")
    await expect(heading(page, "Shipping methods")).to_be_visible()
    price = page.get_by_role("textbox", name="Price").first
    await price.fill("")
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await wrong_then_right(page, "Price", "4.9O", "4.91", said="This is no amount.")
    await page.get_by_role("button", name="Discard changes").click()
    await expect(page.get_by_text("This is no amount.")).to_have_count(0)
    assert await shop.keeper.get("/api/admin/shipping-methods") == before


async def test_the_search_opens_what_was_typed_last(visitor: Visitor, shop: Shop) -> None:
    first, second = [(await shop.place())["order_id"] for _ in range(2)]
    page = await visitor("sam", "/admin/orders")
    await expect(heading(page, "Orders")).to_be_visible()
    field = page.get_by_role("combobox", name=re.compile("Search", re.IGNORECASE)).first
    await field.fill(first)
    await expect(page.get_by_role("option").filter(has_text=reference(first))).to_be_visible()
    await field.fill(second)
    await field.press("Enter")
    await expect(heading(page, f"Order {reference(second)}")).to_be_visible()


async def test_a_pick_list_that_cannot_be_read_whole_asks_once(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("500")
    page = await visitor("wanda", "/admin")
    asked = 0

    async def first_page_alone(route: Route) -> None:
        nonlocal asked
        if "cursor=" not in route.request.url:
            return await route.fulfill(json={"items": [], "next_cursor": "next"})
        asked += 1
        return await route.fulfill(status=500, json={"type": "urn:waybill:problem:internal", "title": "", "status": 500})

    await page.route("**/api/admin/shipments?*", first_page_alone)
    await page.goto("/admin/shipping/picks")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.wait_for_load_state("networkidle")
    assert asked == 1
    await expect(page.get_by_role("button", name="Print")).to_be_disabled()


async def test_money_sent_back_is_not_entered_as_money_that_came(visitor: Visitor) -> None:
    page = await visitor("finn", "/admin")
    euro = {"currency": "EUR"}
    row: dict[str, Any] = {
        "reference": "WB-4F2A91C7",
        "order_id": "01890000-0000-7000-8000-000000000001",
        "state": "waiting",
        "amount": {"amount": 1000, **euro},
        "received": {"amount": 0, **euro},
        "to_pay_back": {"amount": 0, **euro},
        "created_at": "2026-01-01T00:00:00Z",
    }

    async def listed(route: Route) -> None:
        await route.fulfill(json={"items": [row], "next_cursor": None})

    await page.route("**/api/admin/transfers?*", listed)
    await page.goto("/admin/transfers")
    line = page.get_by_role("row").filter(has_text="WB-4F2A91C7")
    await line.get_by_role("button").click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("textbox", name="Amount").fill("10.00")
    await asked.get_by_role("button", name="Cancel").click()
    row["to_pay_back"] = {"amount": 500, **euro}
    await page.reload()
    await line.get_by_role("button", name="Sent back").click()
    await expect(asked.get_by_role("radio", name="Sent back")).to_be_checked()
    await expect(asked.get_by_role("textbox", name="Amount")).to_have_value("")


async def test_a_gift_card_is_listed_with_the_day_it_was_given(visitor: Visitor) -> None:
    page = await visitor("finn", "/admin/gift-cards")
    await page.get_by_role("button", name="Issue a gift card").click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("textbox", name="Amount").fill("10.00")
    await asked.get_by_label("Valid until").fill("2031-05-17")
    async with page.expect_response("**/api/admin/gift-cards") as answered:
        await asked.get_by_role("button", name="Issue a gift card").click()
    hint = (await (await answered.value).json())["hint"]
    await asked.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("row").filter(has_text=hint)).to_contain_text("May 17, 2031")


async def test_a_return_is_declined_for_reasons_of_the_shop(visitor: Visitor, shop: Shop) -> None:
    order_id = (await shop.place())["order_id"]
    await shop.reaches(order_id, "Processing")
    for state in ("Shipped", "Delivered"):
        await shop.operator.do("PUT", f"/api/admin/orders/{order_id}/status", {"status": state})
    (item,) = (await shop.reaches(order_id, "Delivered"))["items"]
    wish = {"lines": [{"item_id": item["item_id"], "quantity": 1, "reason": "other"}]}
    back = await shop.customer.do("POST", f"/api/orders/{order_id}/returns", wish, expect=201)
    page = await visitor("sam", f"/admin/returns/{order_id}/{back['return_id']}")
    await page.get_by_role("button", name="Decline").click()
    asked = page.get_by_role("dialog")
    await asked.get_by_role("textbox", name="Words for the customer").fill("Not of ours.")
    await asked.get_by_role("combobox").click()
    offered = await page.get_by_role("option").all_inner_texts()
    assert "Return window is over" in offered
    assert "Withdrawn by the customer" not in offered
    await page.get_by_role("option", name="Return window is over").click()
    await asked.get_by_role("button", name="Decline").click()
    await expect(page.get_by_text("Return window is over")).to_be_visible()
