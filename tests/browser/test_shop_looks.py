"""Every page of the shop, light and dark, wide and on a phone, in English and German: open to everybody, nothing cut off."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.shop import Shop

from .conftest import Complaints, Visitor, sign_in
from .looks import barriers, overflow

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("look", "width", "language", "dark"),
    [("wide-light-en", 1280, "en-GB", False), ("phone-dark-de", 360, "de-DE", True)],
)
async def test_every_page_is_open_to_everybody(
    visitor: Visitor, shop: Shop, pictures: Path, complaints: Complaints, look: str, width: int, language: str, *, dark: bool
) -> None:
    complaints.expect("404")
    placed = await shop.place(2)
    order = await shop.reaches(placed["order_id"], "Processing")
    link = (await shop.customer.do("POST", f"/api/orders/{order['order_id']}/tracking-link"))["url"]
    await shop.customer.do("POST", "/api/cart/items", {"product_id": shop.sku, "quantity": 2})
    page = await visitor(path="/orders", width=width, height=800, language=language, dark=dark)
    found: list[str] = []

    async def look_at(name: str) -> None:
        found.extend(f"{name}: {one}" for one in await barriers(page))
        found.extend(f"{name}: cut off: {one}" for one in await overflow(page))
        await page.screenshot(path=pictures / f"shop-{name}-{look}.png", full_page=True)

    await page.get_by_role("heading", level=1).wait_for()
    await look_at("sign-in")
    await sign_in(page, shop.customer.user)
    await page.locator(".order-row").wait_for()
    await look_at("orders")
    for name, path, there in (
        ("catalogue", "/", ".product-card h2"),
        ("product", f"/products/{shop.sku}", ".buy"),
        ("cart", "/cart", ".cart-line .quantity"),
        ("account", "/account", "fieldset"),
        ("developers", "/developers", "section:nth-of-type(3)"),
        ("tracking", f"/track/{link.rpartition('/')[2]}", ".parcel"),
        ("unknown", "/products/NO-SUCH-THING", "main .button"),
        ("order", f"/orders/{order['order_id']}", ".timeline li"),
    ):
        await page.goto(path)
        await page.locator(there).first.wait_for()
        await look_at(name)
    for at, name in enumerate(("address", "fewer", "add", "cancel")):
        await open_dialog(page, at)
        await look_at(f"order-{name}")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.goto("/checkout")
    await page.locator(".totals").wait_for()
    await look_at("checkout")
    await page.locator("input[name='contact.email']").fill("nobody")
    await page.locator("button[type=submit]").click()
    await page.locator("[aria-invalid]").first.wait_for()
    await look_at("checkout-wrong")
    assert not found, "\n".join(found)


async def open_dialog(page: Page, at: int) -> None:
    """Open one of the dialogs of an order, by the place of its button."""
    await page.locator(".buttons button").nth(at).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
