"""The live charts that a notebook shows: a file without a network, replayed and scrubbed."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

import skipviz
from tests.browser.offline_page import assert_nothing_is_uploaded


def test_the_page_of_a_notebook_shows_and_scrubs_a_run_without_a_network(
    browser: Browser, tmp_path: Path
) -> None:
    shown = skipviz.show("recorded.lesion.main", dark=True)
    (tmp_path / "cell.html").write_text(f"<body>{shown._repr_html_()}", encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto((tmp_path / "cell.html").as_uri())
    frame = page.frame_locator("iframe")
    expect(frame.locator(".sv-live .js-plotly-plot").first).to_be_visible()
    expect(frame.get_by_text("finished")).to_be_visible()
    slider = frame.locator("input[type=range]").first
    slider.focus()
    slider.press("Home")
    expect(frame.get_by_text("step 0", exact=True).first).to_be_visible()
    assert_nothing_is_uploaded(frame)
    assert not errors
    context.close()
