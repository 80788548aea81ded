"""Staff at the desk of orders, in a real browser: what a role sees, the list, an order's page, and a stuck order's cause."""

import re
from typing import Any, Final

import pytest
from playwright.async_api import Page, Route, expect

from tests.shop import Shop

from .conftest import Complaints, Visitor
from .staff import dialog, heading, menu, order_page, reference, sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

ACTIONS: Final[dict[str, set[str]]] = {
    "ada": {"Dispatch all", "Cancel order", "Add a note"},
    "wanda": {"Dispatch all", "Cancel order", "Add a note"},
    "finn": {"Add a note"},
    "rita": {"Add a note"},
    "otto": set(),
}
"""What each may do to an order that is to be shipped; all of them see the desk."""


async def processing(shop: Shop) -> str:
    """Place an order and wait until it is to be shipped."""
    order_id: str = (await shop.place())["order_id"]
    await shop.reaches(order_id, "Processing")
    return order_id


def of_the_shop(shop: Shop, **more: Any) -> str:
    """Write the address of the list of this shop's orders."""
    filters = ",".join(f'"{name}":{value}' for name, value in {"product_id": f'"{shop.sku}"', **more}.items())
    return f"/admin/orders?filter={{{filters}}}"


async def listed(page: Page) -> set[str]:
    """Read which orders the list shows."""
    return set(await page.get_by_role("link", name=re.compile("^#[0-9A-F]{8}$")).all_inner_texts())


async def test_customers_are_shown_the_way_to_the_shop(visitor: Visitor) -> None:
    page = await visitor("alice", "/admin/orders")
    await expect(heading(page, "This part is for staff")).to_be_visible()
    await sound(page)
    await page.get_by_role("link", name="Go to the shop").click()
    await page.wait_for_url("**/")


async def test_each_role_sees_the_orders_and_may_what_it_may(visitor: Visitor, shop: Shop) -> None:
    order_id = await processing(shop)
    for name, allowed in ACTIONS.items():
        page = await visitor(name, "/admin/orders")
        await expect(heading(page, "Orders")).to_be_visible()
        await expect(menu(page).get_by_role("menuitem", name="Orders")).to_be_visible()
        await order_page(page, order_id)
        await expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
        offered = set(await page.get_by_role("button").all_inner_texts()) & set[str]().union(*ACTIONS.values())
        assert offered == allowed, name
        await page.context.close()


async def test_the_list_narrows_keeps_a_view_and_acts_on_many_with_a_result_each(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("409")
    first, second, third = [await processing(shop) for _ in range(3)]
    page = await visitor("sam", of_the_shop(shop))
    await expect(page.get_by_text("3 orders", exact=True)).to_be_visible()
    assert await listed(page) == {reference(one) for one in (first, second, third)}

    await page.get_by_role("button", name="Save this view").click()
    await page.get_by_role("dialog").get_by_role("textbox").fill("My product")
    await page.get_by_role("button", name="Save", exact=True).click()
    views = page.get_by_role("navigation", name="Views")
    await expect(views.get_by_role("button", name="My product")).to_have_attribute("aria-pressed", "true")
    await views.get_by_role("button", name=re.compile("^To ship")).click()
    await expect(views.get_by_role("button", name=re.compile("^To ship"))).to_have_attribute("aria-pressed", "true")
    await views.get_by_role("button", name="My product").click()
    await expect(page.get_by_text("3 orders", exact=True)).to_be_visible()

    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export as CSV").click()
    lines = (await (await download.value).path()).read_text().splitlines()
    assert {line.split(",")[0] for line in lines} == {"order_id", first, second, third}

    await shop.operator.do("PUT", f"/api/admin/orders/{first}/status", {"status": "Shipped"})
    await page.get_by_role("checkbox", name="Select all").check()
    async with dialog(page, "Cancel") as asked:
        await asked.get_by_label("Reason").fill("Out of season")
        await asked.get_by_role("button", name="Cancel", exact=True).click()
        await expect(asked.get_by_text("2 of 3 done.")).to_be_visible()
        await expect(asked.get_by_role("listitem").filter(has_text=reference(second))).to_contain_text("Done")
        refused = asked.get_by_role("listitem").filter(has_text=reference(first))
        await expect(refused).to_contain_text("The order is not in a state for this any more")
        await sound(page)
        await asked.get_by_role("button", name="Close").click()
    assert (await shop.order(second))["status"] == (await shop.order(third))["status"] == "Cancelled"
    await expect(page.get_by_role("checkbox", checked=True)).to_have_count(1)


async def test_a_stuck_order_leads_from_the_list_to_its_cause(visitor: Visitor, shop: Shop) -> None:
    order_id: str = (await shop.place(token="tok_error"))["order_id"]
    page = await visitor("sam", of_the_shop(shop, stuck_minutes=0))
    await page.get_by_role("link", name=reference(order_id)).click()
    await page.get_by_role("link", name="Saga").click()
    await expect(page.get_by_text("Waits for Payments: “payment authorised”")).to_be_visible()
    await expect(page.get_by_text("Payments: authorise the payment")).to_be_visible()
    await expect(page.get_by_text(re.compile(r"[1-9]\d* attempts?")).first).to_be_visible()
    await expect(page.get_by_role("region", name="Steps as a table")).to_contain_text("stock reserved")
    await sound(page)

    async with dialog(page, "Retry") as asked:
        await asked.get_by_label("Reason").fill("The PSP is said to be back")
        await asked.get_by_role("button", name="Retry").click()
    await expect(page.get_by_text("The saga goes on.")).to_be_visible()
    async with dialog(page, "Force cancel") as asked:
        await asked.get_by_role("button", name="Force cancel").click()
        await expect(asked.get_by_text("Please fill this in.")).to_be_visible()
        await asked.get_by_label("Reason").fill("The customer has no time")
        await asked.get_by_role("button", name="Force cancel").click()
    await expect(page.get_by_role("group", name="States of the order")).to_contain_text("Cancelled")
    history = (await shop.operator.get(f"/api/admin/orders/{order_id}/saga"))["history"]
    assert [one["notes"] for one in history if one["kind"] == "saga"] == [
        "Saga retried: The PSP is said to be back",
        "Cancelled by force: The customer has no time",
    ]


async def test_who_ordered_is_erased_once_nobody_must_be_reached_any_more(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("409")
    order_id = await processing(shop)
    page = await visitor("sam", "/admin/orders")
    await order_page(page, order_id)
    customer = page.get_by_role("region", name="Customer")
    async with dialog(page, "Erase personal data") as asked:
        await sound(page)
        await asked.get_by_role("button", name="Erase personal data").click()
        await expect(asked.get_by_role("alert")).to_contain_text("a parcel has not arrived")
        await asked.get_by_role("button", name="Back").click()
    await expect(customer).to_contain_text("ada@example.com")

    await shop.customer.do("POST", f"/api/orders/{order_id}/cancel")
    await shop.at_rest()
    async with dialog(page, "Erase personal data") as asked:
        await asked.get_by_role("button", name="Erase personal data").click()
    await expect(page.get_by_text("Contact and addresses are erased.")).to_be_visible()
    await expect(customer).not_to_contain_text("ada@example.com")
    await expect(customer).not_to_contain_text("Hauptstraße")
    await expect(page.get_by_role("button", name="Erase personal data")).to_have_count(0)
    order = await shop.order(order_id)
    assert (order["contact"]["email"], order["shipping_address"]["line1"]) == ("", "")


async def test_an_order_is_found_and_cancelled_by_keyboard_alone(visitor: Visitor, shop: Shop) -> None:
    order_id = await processing(shop)
    page = await visitor("sam", "/admin/orders")
    await expect(heading(page, "Orders")).to_be_visible()
    await page.keyboard.press("/")
    await page.keyboard.type(order_id)
    await expect(page.get_by_role("option").filter(has_text=reference(order_id))).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(heading(page, f"Order {reference(order_id)}")).to_be_focused()
    cancel = page.get_by_role("button", name="Cancel order")
    await expect(cancel).to_be_visible()
    for _ in range(5):
        await page.keyboard.press("Tab")
        if await cancel.evaluate("one => one === document.activeElement"):
            break
    await page.keyboard.press("Enter")
    await page.keyboard.type("The customer called")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("group", name="States of the order")).to_contain_text("Cancelled")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await shop.order(order_id))["cancel_reason"] == "staff"


async def test_what_changed_meanwhile_is_told_and_nothing_typed_is_lost(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("412")
    complaints.expect("503")
    order_id = await processing(shop)
    page = await visitor("sam", "/admin/orders")
    await order_page(page, order_id)
    async with dialog(page, "Cancel order") as asked:
        await asked.get_by_label("Reason").fill("Bought twice")
        await shop.operator.do("POST", f"/api/admin/orders/{order_id}/notes", {"text": "The customer calls"}, expect=201)
        await shop.operator.do("PUT", f"/api/admin/orders/{order_id}/status", {"status": "Shipped"})
        await asked.get_by_role("button", name="Cancel order").click()
        await expect(asked.get_by_role("alert")).to_contain_text("Somebody has changed it meanwhile.")
        await expect(asked.get_by_role("alert")).to_be_focused()
        await expect(asked.get_by_label("Reason")).to_have_value("Bought twice")
        await asked.get_by_role("button", name="Back").click()
    await expect(page.get_by_role("group", name="States of the order")).to_contain_text("Shipped")
    await expect(page.get_by_role("button", name="Cancel order")).to_have_count(0)

    refusals = 0

    async def busy(route: Route) -> None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            return await route.fallback()
        return await route.fulfill(status=503, headers={"Retry-After": "0"}, json={"type": "urn:waybill:problem:busy"})

    await page.route("**/notes", busy)
    async with dialog(page, "Add a note") as asked:
        await asked.get_by_label("Note").fill("Sent before it could be stopped")
        await asked.get_by_role("button", name="Save note").click()
    await expect(page.get_by_role("region", name="Notes")).to_contain_text("Sent before it could be stopped")
    history = (await shop.operator.get(f"/api/admin/orders/{order_id}/saga"))["history"]
    assert [one["notes"] for one in history if one["kind"] == "note"] == [
        "The customer calls",
        "Sent before it could be stopped",
    ]


async def test_parcels_are_held_split_and_sent_and_money_given_back(visitor: Visitor, shop: Shop) -> None:
    order_id: str = (await shop.place(quantity=3))["order_id"]
    await shop.reaches(order_id, "Processing")
    page = await visitor("ada", "/admin/orders")
    await order_page(page, order_id)
    parcel = page.get_by_role("article", name="Parcel 1")
    await parcel.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Split").click()
    await page.get_by_role("dialog").get_by_role("spinbutton").fill("1")
    await page.get_by_role("dialog").get_by_role("button", name="Split").click()
    await expect(page.get_by_role("article")).to_have_count(2)
    await parcel.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Hold back").click()
    await page.get_by_role("dialog").get_by_label("Reason").fill("Wrong box")
    await page.get_by_role("dialog").get_by_role("button", name="Hold back").click()
    await expect(parcel).to_contain_text("Wrong box")
    await sound(page)
    async with dialog(page, "Release") as asked:
        await asked.get_by_role("button", name="Release").click()
    await expect(parcel.get_by_role("button", name="Dispatch")).to_be_visible()
    async with dialog(page, "Dispatch all") as asked:
        await asked.get_by_role("button", name="Dispatch all").click()
    money = page.get_by_role("region", name="Money")
    async with dialog(page, "Give money back") as asked:
        await asked.get_by_label("Amount in EUR").fill("1.50")
        await asked.get_by_role("button", name="Give back").click()
    await expect(money).to_contain_text("€1.50")
    await expect(page.get_by_text(re.compile("Invoice INV")).first).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("button", name=re.compile("^Open INV.* as PDF")).first.click()
    assert (await (await download.value).path()).read_bytes().startswith(b"%PDF")


async def test_it_speaks_german_and_fits_a_phone_in_both_themes(visitor: Visitor, shop: Shop) -> None:
    order_id = await processing(shop)
    for dark in (False, True):
        page = await visitor("ada", "/admin/orders", width=360, dark=dark, language="de-DE")
        await expect(heading(page, "Bestellungen")).to_be_visible()
        await expect(page.get_by_role("link", name=re.compile("^#")).first).to_be_visible()
        await sound(page)
        for part, words in (("", "Verlauf"), ("/saga", "Wo es steht")):
            await page.goto(f"/admin/orders/{order_id}/show{part}")
            await expect(page.get_by_role("heading", name=words)).to_be_visible()
            await sound(page)
        await page.context.close()


async def test_a_session_that_ends_in_the_middle_costs_nothing_typed(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("401")
    order_id = await processing(shop)
    page = await visitor("sam", "/admin/orders")
    await order_page(page, order_id)
    refusals = 0

    async def ended(route: Route) -> None:
        nonlocal refusals
        refusals += 1
        if refusals > 1:
            return await route.fallback()
        return await route.fulfill(status=401, json={"type": "urn:waybill:problem:unauthenticated", "title": "", "status": 401})

    await page.route("**/notes", ended)
    async with dialog(page, "Add a note") as asked:
        await asked.get_by_label("Note").fill("Is at home after six")
        await asked.get_by_role("button", name="Save note").click()
        question = page.get_by_role("dialog", name="Your session has ended")
        await expect(question).to_be_visible()
        async with page.expect_popup() as window:
            await question.get_by_role("button", name="Sign in again").press("Enter")
        await (await window.value).get_by_role("button", name="Sam").click()
        await expect(question).to_be_hidden()
    await expect(page.get_by_role("region", name="Notes")).to_contain_text("Is at home after six")
