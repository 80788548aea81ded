"""How pages look and whether everybody can use them: axe's rules, nothing beside a narrow screen, pictures for people."""

import json
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

STILL: Final = """() => Promise.allSettled(document.getAnimations()
    .filter(one => one.effect?.getComputedTiming().iterations !== Infinity).map(one => one.finished))"""
"""Waits until colours and places are what they are going to be: in between they are nobody's design."""
AXE: Final = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def barriers(page: Page) -> list[str]:
    """List what axe finds on a page that keeps somebody out."""
    await page.evaluate(STILL)
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    run = f"axe.run(document, {{runOnly: {json.dumps(RULES)}, resultTypes: ['violations']}}).then(found => found.violations)"
    found: list[dict[str, Any]] = await page.evaluate(run)
    return [f"{one['id']}: {node['html'][:160]} ({node['failureSummary']})" for one in found for node in one["nodes"]]


async def overflow(page: Page) -> list[str]:
    """List what stands out to the right of the screen, if the page can be moved sideways."""
    return list(
        await page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] :
                [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > innerWidth + 1)
                    .map(one => one.outerHTML.slice(0, 120))"""
        )
    )
