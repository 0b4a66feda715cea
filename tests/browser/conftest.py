"""A real Chromium for the browser tests: `browser`, `new_page` and `page`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium

# A browser that neither asks anything nor calls home, and whose camera sees a test picture;
# Playwright gives each start a new profile.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


expect.set_options(timeout=30_000)  # a busy machine takes its time; nothing is asserted about it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test of this folder, so that `-m "not browser"` leaves them out."""
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


# Not "session": Playwright's event loop occupies the main thread until it is stopped, and the
# tests after this folder may want one of their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    try:
        path = chromium.executable()
    except chromium.NoChromium as error:
        pytest.fail(str(error))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=path, headless=True, args=list(FLAGS), chromium_sandbox=False
        )
        yield started
        started.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages, each in a context (cookies, storage) of its own; arguments go to `new_context`.

    The test fails in the end if JavaScript of one of them threw something that nobody caught.
    """
    contexts = []
    uncaught: list[str] = []

    def make(**options: Any) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 720})
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: uncaught.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not uncaught, f"JavaScript errors on the page: {uncaught}"


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """One page of 1280 × 720."""
    return new_page()
