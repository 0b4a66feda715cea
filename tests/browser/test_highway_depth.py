"""Highway and depth in a real browser: the gate bias at init, a sweep that fills in and stops."""

from __future__ import annotations

import math
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Server
from tests.browser.test_app import settled


def said(page: Page) -> list[float]:
    """The bold numbers of the lesson's sentence: T, the prediction, the three measured ones."""
    sentence = page.get_by_test_id("stMarkdown").filter(has_text="Each gate starts at")
    expect(sentence).to_be_visible()
    bold = " ".join(sentence.locator("strong").all_inner_texts()).replace("−", "-")
    return [float(word) for word in re.findall(r"-?\d+\.\d+", bold)]


def test_the_pocket_calculator_is_near_what_is_measured_at_init(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/highway_depth")
    settled(page)
    gate, predicted, *measured = said(page)
    assert gate == pytest.approx(0.119, abs=1e-3)
    assert predicted == pytest.approx(49 * math.log10(1 - gate), abs=0.02)
    assert len(measured) == 3 and all(abs(value - predicted) < 0.6 for value in measured)
    page.get_by_role("radiogroup", name="Depth").get_by_text("20", exact=True).click()
    expect(page.get_by_text("Over 19 gated layers")).to_be_visible()
    assert said(page)[1] == pytest.approx(19 * math.log10(1 - gate), abs=0.02)


def test_a_sweep_fills_the_map_can_be_stopped_and_has_an_address(
    page: Page, server: Server
) -> None:
    page.goto(f"{server.url}/highway_depth?view=map")
    settled(page)
    page.get_by_role("button", name="Run 48 nets").click()
    cells = page.locator(".js-plotly-plot .heatmap-label")
    expect(cells.first).to_be_visible()
    page.keyboard.press("Escape")  # stops it, or does nothing where all have been trained
    over = re.compile("Stopped: |All 48 nets have been trained")
    expect(page.get_by_text(over)).to_be_visible()
    assert "sweep=" in page.url and "view=map" in page.url
    page.reload()
    expect(cells.first).to_be_visible()
