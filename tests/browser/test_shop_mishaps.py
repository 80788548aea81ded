"""What goes wrong while customers shop: refusals, former orders, scripts that are gone, and somebody else who signs in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.shop import WAREHOUSE, Shop, order_body

from .conftest import Complaints, Visitor, be, sign_in
from .shopping import WORKS, choose_card, fill_in, ordered, place_button, put_in_cart, status

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("waybill")]

SLOW = "Test card, slow the bank takes its time"
END_SESSION = """() => { for (const key of Object.keys(sessionStorage).filter(key => key.startsWith('oidc.user:'))) {
    const user = JSON.parse(sessionStorage[key]);
    sessionStorage[key] = JSON.stringify({...user, access_token: user.access_token.slice(0, -8) + 'AAAAAAAA'});
} }"""


def refusal(slug: str, status_: int, **facts: Any) -> dict[str, Any]:
    """Write a refusal as a service does."""
    return {"type": f"urn:waybill:problem:{slug}", "title": slug, "status": status_, "detail": slug, **facts}


async def ready_to_order(visitor: Visitor, shop: Shop, card: str = WORKS) -> Page:
    """Come to the checkout as the customer of this test, with everything filled in."""
    page = await visitor(path="/cart")
    await sign_in(page, shop.customer.user)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page, card)
    await expect(place_button(page)).to_have_text("Order and pay €16.40")
    return page


async def second_product(shop: Shop) -> str:
    """Put another product on sale; answers its SKU."""
    sku = f"{shop.sku}-B"
    await shop.offer(sku, WAREHOUSE, 100)
    return sku


async def order_of_two(shop: Shop, other: str) -> str:
    """Have an order of two products confirmed."""
    body = order_body(shop.sku, 2)
    body["items"].append({"product_id": other, "quantity": 1})
    order_id: str = (await shop.customer.do("POST", "/api/orders", body, expect=201))["order_id"]
    await shop.reaches(order_id, "Processing")
    return order_id


async def order_page(visitor: Visitor, shop: Shop, order_id: str) -> Page:
    """Open the page of an order as its customer."""
    page = await visitor(path=f"/orders/{order_id}")
    await sign_in(page, shop.customer.user)
    await expect(status(page)).to_be_visible()
    return page


# --- at the checkout ---------------------------------------------------------------------------------------------------------


async def test_who_may_not_order_for_an_hour_is_told_at_once(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("429")
    page = await ready_to_order(visitor, shop)
    asked = 0

    async def throttled(route: Route) -> None:
        nonlocal asked
        asked += 1
        await route.fulfill(status=429, headers={"Retry-After": "3600"}, json=refusal("too-many-declines", 429))

    await page.route("**/api/orders", throttled)
    await place_button(page).click()
    await expect(page.get_by_role("alert").filter(has_text="Too many payments were declined.")).to_be_focused()
    await page.unroute("**/api/orders")
    await expect(place_button(page)).to_be_enabled()
    assert asked == 1
    assert await shop.bought() == []
    await place_button(page).click()
    await ordered(page)
    assert len(await shop.bought()) == 1


async def test_a_former_order_is_not_taken_for_the_one_in_the_cart(visitor: Visitor, shop: Shop) -> None:
    page = await ready_to_order(visitor, shop, SLOW)
    async with page.expect_response("**/api/orders"):
        await place_button(page).click()
    await page.get_by_role("link", name="Waybill").click()
    (former,) = await shop.bought()
    await shop.reaches(former["order_id"], "Processing", "Cancelled")

    await page.clock.install(time=datetime.now(UTC) + timedelta(minutes=1))
    await put_in_cart(page, await second_product(shop))
    await page.goto("/checkout")
    await expect(page.get_by_role("heading", name="Checkout")).to_be_visible()
    await choose_card(page)
    await place_button(page).click()
    placed = await ordered(page)
    assert placed != former["order_id"]
    assert {one["order_id"] for one in await shop.bought()} == {former["order_id"], placed}


async def test_what_was_never_answered_is_asked_about(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("ERR_FAILED")
    page = await ready_to_order(visitor, shop)

    async def lost(route: Route) -> None:
        await route.abort()

    await page.route("**/api/orders", lost)
    await place_button(page).click()
    await expect(page.get_by_text("The shop cannot be reached.")).to_be_visible()
    await page.clock.install(time=datetime.now(UTC) + timedelta(minutes=1))
    await page.goto("/checkout")
    await page.unroute("**/api/orders")
    await expect(page.get_by_text("We do not know yet whether your order arrived.")).to_be_visible()
    assert await shop.bought() == []
    await page.get_by_role("button", name="Try again").click()
    await ordered(page)
    assert len(await shop.bought()) == 1


async def test_nothing_of_one_person_is_sent_as_another(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("401")
    page = await ready_to_order(visitor, shop)
    await page.evaluate(END_SESSION)
    await place_button(page).click()
    async with page.context.expect_page() as opened:
        await page.get_by_role("button", name="Sign in again").click()
    other = f"{shop.customer.user}-b"
    await be(await opened.value, other)
    await expect(page.get_by_role("link", name=f"Account of {other}")).to_be_visible()
    await expect(page.get_by_text("Your cart is empty.")).to_be_visible()
    assert await page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('waybill.'))") == []
    assert await shop.bought() == []
    assert (await shop.person(other).get("/api/orders"))["items"] == []


# --- around the pages --------------------------------------------------------------------------------------------------------


async def test_a_page_whose_script_is_gone_says_so(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("ERR_FAILED")
    complaints.expect("dynamically imported module")
    page = await visitor()
    loads: list[str] = []
    page.on("load", lambda loaded: loads.append(loaded.url))

    async def gone(route: Route) -> None:
        await route.abort()

    await page.route("**/assets/Developers-*.js", gone)
    async with page.expect_event("load"):
        await page.get_by_role("link", name="For developers").click()
    await expect(page.get_by_role("heading", name="This page cannot be shown")).to_be_visible()
    await page.wait_for_load_state("networkidle")
    assert len(loads) == 1, "it is loaded anew once, and not again and again"
    await page.get_by_role("link", name="Waybill").click()
    await expect(page.get_by_role("searchbox", name="Search products")).to_be_visible()
    await page.go_back()
    await page.unroute("**/assets/Developers-*.js")
    await page.get_by_role("button", name="Load the page anew").click()
    await expect(page.get_by_role("heading", name="For developers")).to_be_visible()


async def test_an_address_that_is_none_leads_to_a_page(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("404")
    complaints.expect("400")
    complaints.expect("422")
    page = await visitor()
    await page.evaluate("history.pushState({}, '', '/products/%E0'); dispatchEvent(new PopStateEvent('popstate'))")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("product")
    await expect(page.get_by_role("link", name="Waybill")).to_be_visible()


async def test_a_way_to_the_provider_that_is_closed_is_told(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("ERR_FAILED")
    page = await visitor(path="/livez")

    async def closed(route: Route) -> None:
        await route.abort()

    await page.route("**/web-settings.json", closed)
    await page.goto("/account")
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert").filter(has_text="Signing in or out does not work right now.")).to_be_focused()
    await page.unroute("**/web-settings.json")
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()
    await be(page, "alice")
    await expect(page.get_by_role("heading", name="Account")).to_be_visible()


# --- at an order -------------------------------------------------------------------------------------------------------------


async def test_fewer_to_nothing_is_a_cancellation_and_a_half_done_change_says_so(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("409")
    complaints.expect("412")
    other = await second_product(shop)
    order_id = await order_of_two(shop, other)
    page = await order_page(visitor, shop, order_id)
    await page.get_by_role("button", name="Order fewer").click()
    dialog = page.get_by_role("dialog")
    for sku in (shop.sku, other):
        field = dialog.get_by_role("textbox", name=f"Quantity of {sku}", exact=True)
        await field.fill("0")
        await field.press("Tab")
    await expect(dialog.get_by_text("Nothing would be left of the order.")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Save")).to_be_disabled()

    field = dialog.get_by_role("textbox", name=f"Quantity of {shop.sku}", exact=True)
    await field.fill("1")
    await field.press("Tab")
    items = {one["product_id"]: one["item_id"] for one in (await shop.order(order_id))["items"]}

    async def refused(route: Route) -> None:
        await route.fulfill(status=409, json=refusal("change-refused", 409))

    await page.route(f"**/items/{items[other]}", refused)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog.get_by_text(f"This is saved already: {shop.sku}: 1. The rest is not.")).to_be_visible()
    await page.unroute(f"**/items/{items[other]}")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("The order has been reduced.")).to_be_visible()
    assert {one["product_id"]: one["quantity"] for one in (await shop.order(order_id))["items"]} == {shop.sku: 1, other: 0}


async def test_more_at_a_price_that_changed_is_reckoned_anew(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("409")
    complaints.expect("412")
    order_id = (await shop.place())["order_id"]
    await shop.reaches(order_id, "Processing")
    page = await order_page(visitor, shop, order_id)
    other = await second_product(shop)
    await page.get_by_role("button", name="Order more").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Look for something else").fill(other)
    await dialog.get_by_role("button", name=f"Choose {other}").click()
    await dialog.get_by_role("button", name=f"One more {shop.sku}", exact=True).click()
    await choose_card(page)
    pay = dialog.get_by_role("button", name="Add and pay")
    await expect(pay).to_have_text("Add and pay €25.00")
    dearer = {"price": {"amount": 1350, "currency": "EUR"}}
    await shop.keeper.do("PATCH", f"/api/admin/products/{shop.sku}", dearer)
    await shop.sells_at(1350)
    await pay.click()
    await expect(dialog.get_by_role("alert")).to_contain_text("The price has changed.")
    await expect(pay).to_have_text("Add and pay €26.00")
    await pay.click()
    await expect(page.get_by_text("More was added to the order")).to_be_visible()
    assert other in {one["product_id"] for one in (await shop.order(order_id))["items"]}


async def test_an_invoice_goes_to_another_address(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("412")
    order_id = (await shop.place())["order_id"]
    await shop.reaches(order_id, "Processing")
    page = await order_page(visitor, shop, order_id)
    await page.get_by_role("button", name="Change the address").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("checkbox", name="The invoice goes to the same address").uncheck()
    billing = dialog.get_by_role("group", name="Billing address")
    await billing.get_by_label("Full name").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(billing.get_by_text("Please fill this in.")).to_be_visible()
    await billing.get_by_label("Full name").fill("Lovelace Ltd")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="The change is saved.")).to_be_focused()
    order = await shop.order(order_id)
    assert (order["shipping_address"]["name"], order["billing_address"]["name"]) == ("Ada Lovelace", "Lovelace Ltd")


async def test_an_invoice_is_there_before_money_was_taken(visitor: Visitor, shop: Shop) -> None:
    order_id = (await shop.place())["order_id"]
    order = await shop.reaches(order_id, "Processing")
    assert order["captured_amount"]["amount"] == 0
    page = await visitor()
    paper = {
        "document_id": "01890000-0000-7000-8000-000000000001",
        "kind": "invoice",
        "number": "INV-2026-1",
        "order_id": order_id,
        "issued_on": "2026-03-01",
        "total_amount": order["total_amount"],
    }

    async def written(route: Route) -> None:
        await route.fulfill(json={"items": [paper]})

    await page.route("**/documents", written)
    await page.goto(f"/orders/{order_id}")
    await sign_in(page, shop.customer.user)
    await expect(page.get_by_role("heading", name="Invoices")).to_be_visible()
    await expect(page.get_by_text("INV-2026-1").first).to_be_visible()
    await expect(page.get_by_text("1 Mar 2026")).to_be_visible()
