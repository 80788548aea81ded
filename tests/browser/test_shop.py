"""The way from an empty cart to a confirmed order, as customers go it in a browser: by mouse, by keyboard, with mishaps."""

import gzip

import pytest
from playwright.async_api import Page, Response, expect

from tests.running import Waybill
from tests.shop import PRICE, SHIPPING, Shop

from .conftest import Complaints, Visitor, be, sign_in
from .shopping import (
    CHALLENGED,
    DECLINED,
    WORKS,
    buy,
    choose_card,
    fill_in,
    ordered,
    place_button,
    put_in_cart,
    status,
)

FIRST_LOAD_BYTES = 150_000

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("waybill")]


async def customer(visitor: Visitor, shop: Shop, **how: int) -> Page:
    """Open the shop as the customer of this test."""
    page = await visitor(path="/cart", **how)
    await sign_in(page, shop.customer.user)
    return page


async def test_a_guest_buys_after_signing_in(visitor: Visitor, shop: Shop) -> None:
    page = await visitor(width=360, height=740)
    await page.get_by_role("searchbox", name="Search products").fill(shop.sku)
    await page.get_by_role("link", name=shop.sku).click()
    await expect(page.get_by_role("heading", name=shop.sku)).to_be_focused()
    await page.get_by_role("button", name="Add to cart").click()
    await page.get_by_role("link", name="Go to the cart").click()
    await page.reload()
    await page.get_by_role("button", name="One more").click()
    await expect(page.get_by_text("€25.00").last).to_be_visible()
    kept = await page.evaluate("Object.entries(localStorage).map(([key, value]) => key + value).join()")
    assert shop.sku in kept
    assert "12.5" not in kept
    await page.get_by_role("button", name="Go to checkout").click()
    await page.get_by_role("button", name="Sign in and go on").click()
    await be(page, shop.customer.user)

    await fill_in(page)
    await page.get_by_role("radio", name="Express").check()
    await expect(place_button(page)).to_have_text("Order and pay €37.90")
    await choose_card(page)
    await place_button(page).click()
    order_id = await ordered(page)
    await expect(status(page)).to_have_text("Processing")
    await expect(page.get_by_role("link", name="Cart, 0 items")).to_be_visible()

    (order,) = await shop.bought()
    assert order["order_id"] == order_id
    assert order["total_amount"]["amount"] == 2 * PRICE + 1290
    assert order["shipping"]["method_id"] == "express"
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_a_purchase_by_keyboard_alone(visitor: Visitor, shop: Shop) -> None:
    page = await visitor()
    await page.get_by_role("heading", level=2).first.wait_for()

    async def go_to(role: str, name: str) -> None:
        wanted = page.get_by_role(role, name=name).first  # type: ignore[arg-type]
        await wanted.wait_for()
        for _ in range(80):
            await page.keyboard.press("Tab")
            if await wanted.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"the {role} {name} is not reached with the Tab key")

    await go_to("button", "Sign in")
    await page.keyboard.press("Enter")
    await be(page, shop.customer.user)
    await go_to("searchbox", "Search products")
    await page.keyboard.type(shop.sku)
    await go_to("link", shop.sku)
    await page.keyboard.press("Enter")
    await go_to("button", "Add to cart")
    await page.keyboard.press("Enter")
    await go_to("link", "Go to the cart")
    await page.keyboard.press("Enter")
    await go_to("button", "Go to checkout")
    await page.keyboard.press("Enter")
    await go_to("combobox", "Country")
    await page.keyboard.type("Germany")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.press("Shift+Tab")
    await page.keyboard.type("ada@example.com")
    for label, text in (("Full name", "Ada"), ("Street", "Hauptstraße 1"), ("Postal code", "10115"), ("City", "Berlin")):
        await go_to("textbox", label)
        await page.keyboard.type(text)
    await go_to("button", "Order and pay")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("radio", name=WORKS, exact=True)).to_be_focused()  # what is missing is gone to
    await page.keyboard.press("Space")
    await go_to("button", "Order and pay")
    await page.keyboard.press("Enter")
    await ordered(page)
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert len(await shop.bought()) == 1


async def test_a_double_click_and_a_reload_place_one_order(visitor: Visitor, shop: Shop) -> None:
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await page.reload()
    await expect(page.get_by_label("Full name")).to_have_value("Ada Lovelace")  # a draft outlives a reload
    await choose_card(page)
    await place_button(page).dblclick()
    await page.reload()
    order_id = await ordered(page)
    assert [one["order_id"] for one in await shop.bought()] == [order_id]
    assert await page.evaluate("Object.keys(sessionStorage).filter(key => key.startsWith('waybill.'))") == []


async def test_a_price_that_changed_is_shown_and_accepted(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("409")
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page)
    await expect(place_button(page)).to_have_text("Order and pay €16.40")
    dearer = {"price": {"amount": PRICE + 100, "currency": "EUR"}}
    await shop.keeper.do("PATCH", f"/api/admin/products/{shop.sku}", dearer)
    await shop.sells_at(PRICE + 100)

    await place_button(page).click()
    await expect(page.get_by_role("status").filter(has_text="from €16.40 to €17.40")).to_be_focused()
    await page.get_by_role("button", name="Order at the new price").click()
    await ordered(page)
    (order,) = await shop.bought()
    assert order["total_amount"]["amount"] == PRICE + 100 + SHIPPING


async def test_a_declined_card_loses_nothing(visitor: Visitor, shop: Shop) -> None:
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku, 2)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page, DECLINED)
    await place_button(page).click()
    await expect(page.get_by_role("alert").filter(has_text="Your payment was declined")).to_be_focused()
    await expect(page.get_by_label("Street and number")).to_have_value("Hauptstraße 1")
    await expect(page.get_by_role("link", name="Cart, 2 items")).to_be_visible()
    await choose_card(page)
    await place_button(page).click()
    await ordered(page)
    assert [one["status"] for one in await shop.bought()] == ["Processing", "Cancelled"]


async def test_the_bank_asks_who_pays(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    page = await customer(visitor, shop)
    complaints.expect("404")  # the simulated bank has no icon for its page
    await buy(page, shop.sku, card=CHALLENGED)
    await expect(page.get_by_text("Your bank wants to know that it is you who pays.")).to_be_visible()
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Go to your bank").click()
    bank = await opened.value
    await bank.get_by_role("button", name="Approve").click()
    await bank.get_by_text("You can close this page.").wait_for()
    await bank.close()
    await page.bring_to_front()
    await expect(status(page)).to_have_text("Processing")


async def test_a_transfer_is_told_what_to_pay(visitor: Visitor, shop: Shop) -> None:
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await page.get_by_role("radio", name="Bank transfer").check()
    await place_button(page).click()
    await ordered(page)
    (order,) = await shop.bought()
    reference = order["payment_action"]["reference"]
    await expect(page.get_by_role("status").filter(has_text="Please transfer the amount")).to_contain_text(reference)


async def test_a_gift_card_pays_and_a_card_the_rest(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("404")
    finance = shop.person("finn", "finance")
    issued = await finance.do("POST", "/api/admin/gift-cards", {"amount": {"amount": 1000, "currency": "EUR"}}, expect=201)
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await page.get_by_role("radio", name="Gift card").check()
    await page.get_by_label("Code of the gift card").fill("NO-SUCH-CARD")
    await page.get_by_role("button", name="Check the balance").click()
    await expect(page.get_by_text("There is no gift card with this code.")).to_be_visible()
    await page.get_by_label("Code of the gift card").fill(issued["code"])
    await page.get_by_role("button", name="Check the balance").click()
    await expect(page.get_by_text("There is €10.00 on it.")).to_be_visible()
    await expect(page.get_by_text("€6.40 remain to be paid by card.")).to_be_visible()
    await choose_card(page)
    await place_button(page).click()
    await ordered(page)
    await expect(status(page)).to_have_text("Processing")


async def test_a_cart_changed_elsewhere_is_shown(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("412")
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/cart")
    await expect(page.get_by_role("textbox", name=f"Quantity of {shop.sku}")).to_have_value("1")
    await shop.customer.do("PATCH", f"/api/cart/items/{shop.sku}", {"quantity": 5})
    await page.get_by_role("button", name="One more").click()
    await expect(page.get_by_role("status").filter(has_text="Your cart was changed")).to_contain_text(f"{shop.sku}: 5")
    await expect(page.get_by_role("textbox", name=f"Quantity of {shop.sku}")).to_have_value("5")
    await page.get_by_role("button", name="One more").click()
    await expect(page.get_by_role("link", name="Cart, 6 items")).to_be_visible()
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Your cart is empty.")).to_be_visible()


async def test_nothing_is_lost_when_the_session_ends(visitor: Visitor, shop: Shop, complaints: Complaints) -> None:
    complaints.expect("401")
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page)
    await expect(place_button(page)).to_have_text("Order and pay €16.40")
    await page.evaluate(
        """() => { for (const key of Object.keys(sessionStorage).filter(key => key.startsWith('oidc.user:'))) {
            const user = JSON.parse(sessionStorage[key]);
            sessionStorage[key] = JSON.stringify({...user, access_token: user.access_token.slice(0, -8) + 'AAAAAAAA'});
        } }"""
    )
    await place_button(page).click()
    async with page.context.expect_page() as opened:
        await page.get_by_role("button", name="Sign in again").click()
    await be(await opened.value, shop.customer.user)
    await ordered(page)
    assert len(await shop.bought()) == 1


async def test_what_is_sent_offline_arrives_once_the_connection_is_back(
    visitor: Visitor, shop: Shop, complaints: Complaints
) -> None:
    complaints.expect("ERR_INTERNET_DISCONNECTED")
    page = await customer(visitor, shop)
    await put_in_cart(page, shop.sku)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page)
    await expect(place_button(page)).to_have_text("Order and pay €16.40")
    await page.context.set_offline(True)
    await place_button(page).click()
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    await page.context.set_offline(False)
    await ordered(page)
    assert len(await shop.bought()) == 1


async def test_a_shop_that_is_busy_says_so_and_goes_on(visitor: Visitor, complaints: Complaints) -> None:
    complaints.expect("503")
    page = await visitor(path="/developers")
    refusals = 2

    async def busy(route: object) -> None:
        nonlocal refusals
        refusals -= 1
        if refusals < 0:
            await route.fallback()  # type: ignore[attr-defined]
            return
        body = '{"type":"urn:waybill:problem:unavailable","title":"Not available","status":503}'
        await route.fulfill(status=503, body=body, content_type="application/problem+json")  # type: ignore[attr-defined]

    await page.route("**/api/products?*limit=24*", busy)
    await page.get_by_role("link", name="Waybill").click()
    await expect(page.get_by_text("The service is busy at the moment.")).to_be_visible()
    await expect(page.get_by_role("heading", level=2).first).to_be_visible()
    await expect(page.get_by_text("The service is busy at the moment.")).to_be_hidden()


async def test_the_first_page_is_light(visitor: Visitor, waybill: Waybill) -> None:
    page = await visitor(path="/livez")
    scripts: list[Response] = []
    page.on("response", lambda answer: scripts.append(answer) if answer.request.resource_type == "script" else None)
    await page.goto(waybill.gateway)
    await page.get_by_role("heading", level=2).first.wait_for()
    sizes = {one.url: len(gzip.compress(await one.body(), 6)) for one in scripts}
    assert sizes, "the first page loads no script"
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, sizes
