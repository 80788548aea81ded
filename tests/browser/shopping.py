"""What a customer does in the shop's front, for whatever test needs an order that a person placed."""

from typing import Final

from playwright.async_api import Locator, Page, expect

ADDRESS: Final = {
    "E-mail": "ada@example.com",
    "Full name": "Ada Lovelace",
    "Street and number": "Hauptstraße 1",
    "City": "Berlin",
    "Postal code": "10115",
}
WORKS: Final = "Test card works"
DECLINED: Final = "Test card, declined the bank refuses"
CHALLENGED: Final = "Test card with 3-D Secure the bank asks who pays"


async def put_in_cart(page: Page, sku: str, quantity: int = 1) -> None:
    """Put some of a product into the cart, on its own page."""
    await page.goto(f"/products/{sku}")
    for _ in range(quantity - 1):
        await page.get_by_role("button", name="One more").click()
    await page.get_by_role("button", name="Add to cart").click()
    await expect(page.get_by_role("link", name="Go to the cart")).to_be_visible()


async def fill_in(page: Page, **other: str) -> None:
    """Fill in contact and address at the checkout; `other` names fields by their labels, with blanks as underscores."""
    await page.get_by_label("Country", exact=True).select_option("DE")
    for label, text in (ADDRESS | {name.replace("_", " "): text for name, text in other.items()}).items():
        await page.get_by_label(label, exact=True).fill(text)


async def choose_card(page: Page, card: str = WORKS) -> None:
    """Choose one of the test cards."""
    await page.get_by_role("radio", name=card, exact=True).check()


def place_button(page: Page) -> Locator:
    """Find the button that places the order."""
    return page.get_by_role("button", name="Order and pay")


async def ordered(page: Page) -> str:
    """Wait for the page of the order that was just placed; answers its id."""
    await page.wait_for_url("**/orders/*placed")
    await expect(page.get_by_text("Thank you!")).to_be_visible()
    return page.url.rpartition("/")[2].partition("?")[0]


async def buy(page: Page, sku: str, *, quantity: int = 1, card: str = WORKS) -> str:
    """Buy some of a product, as whoever is signed in on an English page; answers the order's id once it is confirmed."""
    await put_in_cart(page, sku, quantity)
    await page.goto("/checkout")
    await fill_in(page)
    await choose_card(page, card)
    await place_button(page).click()
    order_id = await ordered(page)
    if card != CHALLENGED:
        await expect(status(page)).to_have_text("Processing")
    return order_id


def status(page: Page) -> Locator:
    """Find the order's status on its page."""
    return page.get_by_test_id("status")
