"""A run's report in a real browser: from a file, without a network, read, scrubbed, printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from skipviz.exchange.formats import stored, write
from skipviz.store.store import Store
from tests.browser.offline_page import (
    assert_nothing_is_uploaded,
    opened,
    overflow,
    replay_by_keyboard,
)
from tests.browser.test_accessible import findings

RUN = "recorded.stripes.main"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("report") / "run.html"
    write(stored(Store(), RUN), "report", to)
    return to


def test_a_report_shows_its_charts_and_figures_and_is_scrubbed_by_keyboard(
    browser: Browser, report: Path
) -> None:
    with opened(browser, report) as page:
        replay_by_keyboard(page)
        gates = page.locator(".sv-gates").first
        expect(gates).to_have_attribute("data-step", "0")
        expect(gates.locator(".sv-samples canvas").first).to_be_visible()
        for still in page.locator("[data-still]").all():
            still.scroll_into_view_if_needed()
            expect(still.locator(".main-svg").first).to_be_visible()
            assert_nothing_is_uploaded(still)
        assert_nothing_is_uploaded(page)
        expect(page.locator(".skip-verdict").first).to_contain_text("recorded: shows")
        assert overflow(page) <= 0


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_a_report_is_light_or_dark_and_axe_finds_nothing_serious(
    scheme: Any, browser: Browser, report: Path
) -> None:
    with opened(browser, report, color_scheme=scheme) as page:
        chart = page.locator(".sv-live").first
        expect(chart).to_have_attribute("data-theme", scheme)
        expect(chart.locator(".js-plotly-plot").first).to_be_visible()
        assert findings(page) == []
        other = "dark" if scheme == "light" else "light"
        page.get_by_role("button", name=other.capitalize(), exact=True).click()
        expect(chart).to_have_attribute("data-theme", other)
        page.reload()
        expect(page.locator(".sv-live").first).to_have_attribute("data-theme", other)


def test_a_report_fits_a_phone_and_paper(browser: Browser, report: Path) -> None:
    phone = {"width": 360, "height": 740}
    with opened(browser, report, viewport=phone, color_scheme="dark") as page:
        expect(page.locator(".sv-live .js-plotly-plot").first).to_be_visible()
        assert overflow(page) <= 0
        page.evaluate(
            "window.print = () => { window.shade = document.documentElement.dataset.theme; }"
        )
        page.get_by_role("button", name="Print").click()
        page.wait_for_function("window.shade === 'light'")
        expect(page.locator("html")).not_to_have_attribute("data-theme", "light")
        page.emulate_media(media="print")
        expect(page.get_by_role("button", name="Print")).to_be_hidden()
