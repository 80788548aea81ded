"""What staff do in the admin panel, and how its pages are looked at: for what axe finds, and for what does not fit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Locator, Page, expect

AXE: Final = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def axe() -> str:
    return AXE.read_text()


async def accessible(page: Page) -> None:
    """Let axe look at a page as it is now; fails with what it found."""
    await page.evaluate(axe())
    found: list[dict[str, Any]] = await page.evaluate(
        "async rules => (await axe.run({ runOnly: rules })).violations"
        ".map(one => ({ rule: one.id, where: one.nodes.slice(0, 3).map(node => node.html.slice(0, 200)) }))",
        RULES,
    )
    assert found == [], f"{page.url}: {found}"


async def fits(page: Page) -> None:
    """Check that a page needs no scrolling sideways."""
    wide, room = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room, f"{page.url} is {wide} px wide in a window of {room}"


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
