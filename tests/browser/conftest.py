"""A real Chromium for the browser tests, and the app: `browser`, `new_page`, `page`, `server`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

from tests.browser import chromium
from tests.browser.serving import Server, serving

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

WAIT_MS = 420_000
"""What is waited for comes within this on a slow, busy machine; nothing is asserted about time."""

expect.set_options(timeout=WAIT_MS)


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


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app for all tests of this folder that need nothing of their own: no recordings, an empty
    cache, no kernel to be built. Its runs and rooms are there for every later test."""
    runs, cache, nothing = (tmp_path_factory.mktemp(name) for name in ("runs", "cache", "nothing"))
    with serving(
        runs,
        SKIPVIZ_CACHE=str(cache),
        SKIPVIZ_RECORDINGS=str(nothing),
        SKIPVIZ_FUSED="0",
        SKIPVIZ_RUNNING="3",
    ) as started:
        yield started


@pytest.fixture(scope="package")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with the recordings that come with it."""
    with serving(tmp_path_factory.mktemp("runs"), SKIPVIZ_FUSED="0") as started:
        yield started


SENT_AND_HEARD = """(() => {
    const Real = window.WebSocket;
    const times = (window.streamlitTimes = { sent: 0, heard: 0 });
    window.WebSocket = class extends Real {
        constructor(address, ...others) {
            super(address, ...others);
            if (!String(address).includes("_stcore/stream")) return;
            this.addEventListener("message", () => (times.heard = performance.now()));
            this.isStreamlit = true;
        }
        send(data) {
            if (this.isStreamlit) times.sent = performance.now();
            super.send(data);
        }
    };
})();"""
"""Notes in every page when it last sent the server a wish, and when it last heard of it."""


def _context(browser: Browser, **options: Any) -> BrowserContext:
    options.setdefault("viewport", {"width": 1280, "height": 720})
    context = browser.new_context(**options)
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(SENT_AND_HEARD)
    return context


@pytest.fixture
def uncaught() -> Iterator[list[str]]:
    """What JavaScript threw and nobody caught, and what the page's security policy kept from
    happening: the test fails in the end if there is any."""
    errors: list[str] = []
    yield errors
    assert not errors, f"JavaScript errors on the page: {errors}"


def _listen(page: Page, uncaught: list[str]) -> None:
    page.on("pageerror", lambda error: uncaught.append(str(error)))
    page.on(
        "console",
        lambda message: (
            uncaught.append(message.text) if "Security Policy" in message.text else None
        ),
    )


@pytest.fixture
def new_page(browser: Browser, uncaught: list[str]) -> Iterator[Callable[..., Page]]:
    """Makes pages, each in a context (cookies, storage) of its own, with these options."""
    contexts = []

    def make(**options: Any) -> Page:
        context = _context(browser, **options)
        contexts.append(context)
        page = context.new_page()
        _listen(page, uncaught)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One context for `page` of all tests: what it has loaded and compiled is loaded only once."""
    shared = _context(browser)
    yield shared
    shared.close()


@pytest.fixture
def page(context: BrowserContext, uncaught: list[str]) -> Iterator[Page]:
    """One page of 1280 × 720; it finds neither cookies nor storage of the tests before it."""
    made = context.new_page()
    _listen(made, uncaught)
    yield made
    if made.url.startswith("http"):
        made.evaluate("() => localStorage.clear()")
    context.clear_cookies()
    made.close()


@pytest.fixture
def answers(page: Page) -> list[Response]:
    """What `page` is answered from now on."""
    heard: list[Response] = []
    page.on("response", lambda answer: heard.append(answer))
    return heard


def assert_guarded(answers: list[Response]) -> None:
    """Every page and every answer of ours had its headers."""
    assert answers
    for answer in answers:
        headers = answer.headers
        assert headers.get("x-content-type-options") == "nosniff", answer.url
        assert "referrer-policy" in headers, answer.url
        policy = headers.get("content-security-policy", "")
        assert policy.startswith("default-src 'none'"), answer.url
        assert "frame-ancestors 'self'" in policy or "/lecturer" in answer.url, answer.url
        assert "'unsafe-eval'" not in policy and "*" not in policy, answer.url
