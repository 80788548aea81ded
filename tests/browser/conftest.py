"""A real Chromium for the tests that look at pages: the system's own, driven by Playwright.

Every page of these tests fails its test when it writes an error to the console or breaks the content security policy.
"""

import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.running import Waybill

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEADLINE_MS: Final = 30_000
SIGN_IN: Final = re.compile(r"^(Sign in|Anmelden)$")

Visitor = Callable[..., Awaitable[Page]]
"""Opens a page for somebody: `visitor("alice", width=360)`; nobody is signed in without a name."""


def chromium() -> str:
    """Find the browser; `WAYBILL_CHROMIUM` names another."""
    named = os.environ.get("WAYBILL_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not found and not os.environ.get("CI"):
        pytest.skip("no Chromium here: install the package `chromium`, or name its program in WAYBILL_CHROMIUM")
    assert found, "no Chromium on a machine that has to run every test: install the package `chromium`"
    return found


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        await browser.close()


class Complaints:
    """What pages complained of: errors on the console, uncaught exceptions, breaches of the content security policy."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.expected: list[str] = []

    def expect(self, words: str) -> None:
        """Let errors that hold these words pass: a test caused them (a refused request is an error of the console too)."""
        self.expected.append(words)

    def listen(self, page: Page) -> None:
        page.on("console", lambda message: self._hear(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._hear(str(error)))

    def _hear(self, text: str) -> None:
        self.told.append(text)

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.told if not any(words in text for words in self.expected)]


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
async def visitor(browser: Browser, waybill: Waybill, complaints: Complaints) -> AsyncIterator[Visitor]:
    """Give each visitor a browser context of its own: two of them share nothing."""
    contexts: list[BrowserContext] = []

    async def visit(
        user: str | None = None,
        path: str = "/",
        *,
        width: int = 1280,
        height: int = 900,
        language: str = "en-GB",
        dark: bool = False,
    ) -> Page:
        context = await browser.new_context(
            base_url=waybill.gateway,
            viewport={"width": width, "height": height},
            locale=language,
            timezone_id="Europe/Berlin",
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        context.set_default_timeout(DEADLINE_MS)
        context.on("page", complaints.listen)
        page = await context.new_page()
        await page.goto(path)
        if user is not None:
            await sign_in(page, user)
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert complaints.unexpected == []


PEOPLE: Final = frozenset({"alice", "bob", "ada", "sam", "wanda", "finn", "rita", "otto"})
"""Whom the development provider has a button for."""


async def sign_in(page: Page, user: str, roles: str = "customer") -> None:
    """Sign in by the page's own button, as one of the people of the development provider or as anybody else."""
    await page.get_by_role("button", name=SIGN_IN).or_(page.get_by_role("link", name=SIGN_IN)).first.click()
    await be(page, user, roles)
    await page.wait_for_url(lambda url: "/signed-in" not in url and "/waybill/authorize" not in url)


async def be(page: Page, user: str, roles: str = "customer") -> None:
    """Answer the provider's question who somebody is."""
    if user in PEOPLE:
        await page.get_by_role("button", name=user.capitalize()).click()
        return
    await page.get_by_text("Somebody else").click()
    await page.get_by_label("Name", exact=True).fill(user)
    await page.get_by_label("Claims").fill(json.dumps({"roles": roles}))
    await page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def pictures() -> Path:
    """Give the folder for screenshots that people look at."""
    folder = Path(os.environ.get("WAYBILL_PICTURES", ".waybill/pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
