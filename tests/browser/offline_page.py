"""A page from `file://` in a browser without a network: what it may not do, and what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect


@contextmanager
def opened(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """The page, in a context of its own; in the end there was no error, and nothing was asked for
    but files."""
    options.setdefault("viewport", {"width": 1280, "height": 720})
    context = browser.new_context(offline=True, **options)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(("file:", "blob:", "data:")) else faults.append(asked.url)
        ),
    )
    page.goto(path.as_uri())
    yield page
    assert page.locator("[data-failed]").count() == 0
    assert not faults
    context.close()


def replay_by_keyboard(page: Page) -> None:
    """The first run of the page is scrubbed by its slider, replayed at another speed and paused, by
    keys."""
    chart = page.locator(".sv-live").first
    expect(chart.locator(".sv-chip")).to_contain_text("finished")
    expect(chart.locator(".js-plotly-plot").first).to_be_visible()
    slider = chart.get_by_label("step of the run")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"step 0 of \d+"))
    slider.press("ArrowRight")
    expect(slider).to_have_value("1")
    chart.get_by_label("speed of the replay").select_option(index=0)
    slider.press("k")
    expect(chart.get_by_role("button", name="Pause the replay")).to_be_visible()
    expect(chart.locator(".sv-chip")).to_contain_text("replay")
    slider.press("k")
    expect(chart.get_by_role("button", name="Replay this run")).to_be_visible()
    slider.press("Home")
    expect(slider).to_have_value("0")


def assert_nothing_is_uploaded(where: Page | FrameLocator | Locator) -> None:
    """The toolbars of its charts offer a picture, and no cloud."""
    buttons = where.locator(".modebar-btn")
    expect(buttons.and_(where.locator("[data-title*='Download plot']")).first).to_be_attached()
    titles = buttons.evaluate_all("all => all.map((b) => b.dataset.title)")
    assert not [title for title in titles if "hare" in title or "loud" in title or "dit" in title]


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")
