"""What staff do in the admin panel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Locator, Page, expect

from .looks import barriers, overflow


async def sound(page: Page) -> None:
    """Check that a page, as it is now, keeps nobody out and needs no scrolling sideways."""
    kept_out, beside = await barriers(page), await overflow(page)
    assert (kept_out, beside) == ([], []), f"{page.url}: {kept_out} {beside}"


def heading(page: Page, name: str) -> Locator:
    """Find the heading of a page."""
    return page.get_by_role("heading", level=1, name=name)


def menu(page: Page) -> Locator:
    """Find the menu of the desks."""
    return page.get_by_role("menu").first


def reference(order_id: str) -> str:
    """Name an order as people do."""
    return f"#{order_id[-8:].upper()}"


async def order_page(page: Page, order_id: str, part: str = "") -> None:
    """Go to an order's page."""
    await page.goto(f"/admin/orders/{order_id}/show{part}")
    await expect(heading(page, f"Order {reference(order_id)}")).to_be_visible()


@asynccontextmanager
async def dialog(page: Page, button: str) -> AsyncIterator[Locator]:
    """Open the dialog behind a button; it is gone when the block ends."""
    await page.get_by_role("button", name=button, exact=True).click()
    opened = page.get_by_role("dialog")
    await expect(opened).to_be_visible()
    yield opened
    await expect(opened).to_have_count(0)
