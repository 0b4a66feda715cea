"""The live charts in a page of plain HTML: the very modules of the app, without Streamlit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import ROOT, free_port, running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that knows no Streamlit."""
    port = free_port()
    command = [sys.executable, "-m", "tests.browser.plain_app", str(port)]
    folder: Path = tmp_path_factory.mktemp("plain")
    with running(command, port, folder, health="grow?to=0", cwd=ROOT) as server:
        yield server.url


def grow(address: str, to: int) -> None:
    with urlopen(f"{address}/grow?to={to}", timeout=60) as answer:
        assert answer.status == 200


def drawn(page: Page, step: int) -> None:
    """Waits until a step stands in the loss chart."""
    page.wait_for_function(
        "step => document.getElementById('sv-live-loss')?.data?.[0]?.x?.at(-1) >= step", arg=step
    )


def test_a_plain_page_follows_a_run_in_its_own_colours(page: Page, address: str) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))
    grow(address, 30)
    page.goto(address)
    drawn(page, 29)
    grow(address, 50)
    drawn(page, 49)
    steps = page.evaluate("Array.from(document.getElementById('sv-live-loss').data[0].x)")
    assert steps == list(range(50)) and len(sockets) == 1
    charts = page.locator("#charts")
    expect(charts).to_have_attribute("data-theme", "dark")
    expect(charts.locator("h3").first).to_have_css("color", "rgb(232, 234, 237)")
    expect(charts.locator(".sv-facts")).to_contain_text("step 50 / 100")
    expect(charts.locator(".sv-profile .sv-reading")).to_contain_text("times smaller")


def test_other_settings_keep_the_charts_and_unmounting_ends_them(page: Page, address: str) -> None:
    grow(address, 30)
    page.goto(address)
    drawn(page, 29)
    page.evaluate("document.getElementById('sv-live-loss').dataset.mine = 'yes'")
    page.evaluate("retitle('Two nets')")
    expect(page.locator("#charts h2")).to_have_text("Two nets")
    expect(page.locator("#sv-live-loss")).to_have_attribute("data-mine", "yes")
    page.evaluate("unmount()")
    page.wait_for_function("async () => await (await fetch('/watched')).json() === 0")
    assert page.evaluate("document.getElementById('sv-live-loss').data") is None


def test_a_report_needs_no_server_for_its_charts(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda opened: asked.append(opened.url))
    page.goto(f"{address}/report")
    drawn(page, 99)
    charts = page.locator("#charts")
    expect(charts).to_have_attribute("data-theme", "light")
    expect(charts.locator(".sv-chip")).to_contain_text("finished")
    charts.get_by_role("slider", name="step shown").press("Home")
    expect(charts.locator(".sv-slider output")).to_have_text("step 0")
    expect(charts.locator(".sv-loss .sv-reading")).to_contain_text("After 99 steps")
    assert not [url for url in asked if "/api/" in url]
