"""A learning rate raised too far: what a browser shows of the accident, and the way back."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from skipviz.store.store import Store
from tests.browser.offline_page import assert_nothing_is_uploaded
from tests.browser.serving import Server, stored_runs
from tests.browser.test_app import copied_link, open_page, wait_for_step

NETS = "lane=resnet:backbone=dense,depth=30,plain_twin=true&lane=resnet:backbone=dense,depth=30"


def lines_are_faded(page: Page, expected: bool) -> None:
    """Waits until the gradient chart has lines and some of them (none) is drawn faded."""
    page.wait_for_function(
        """(expected) => {
            const plot = document.querySelector('[data-panel=profile] .js-plotly-plot');
            const colours = (plot?.data ?? []).flatMap((trace) => trace.line?.color ?? []);
            return colours.length && colours.some((c) => c.startsWith('rgba')) === expected;
        }""",
        arg=expected,
    )


def test_a_net_that_a_raised_rate_made_diverge_is_mourned_and_begun_anew_with_the_old_rate(
    server: Server, page: Page
) -> None:
    open_page(page, server, f"plain_vs_residual?{NETS}&steps=1000000&lr=0.03")
    page.get_by_role("button", name="Train").first.click()
    wait_for_step(page, 5)
    page.get_by_role("button", name="Pause").click()  # or it diverges, and the buttons go, midway
    for rate in ("0.3", "3", "30"):
        page.get_by_role("button", name="× 10").click()
        expect(page.get_by_role("spinbutton", name="Learning rate now")).to_have_value(rate)
    page.get_by_role("button", name="Resume").click()
    restart = page.get_by_role("button", name="Restart with ")
    expect(restart).to_be_visible()
    said = page.get_by_text("the learning rate had been raised from")
    expect(said).to_contain_text("ResNet-30 diverged at step")
    page.wait_for_function(
        "() => document.querySelector('[data-panel=profile] .sv-reading').innerText"
        ".includes('(faded)')"
    )
    lines_are_faded(page, True)

    first = page.url.partition("run=")[2].partition("&")[0]
    before = float((restart.text_content() or "").rpartition(" ")[2])
    restart.click()
    expect(page).to_have_url(re.compile(f"run=(?!{first})"))
    expect(said).to_have_count(0)
    lines_are_faded(page, False)
    wait_for_step(page, 5)
    store = Store(Path(server.runs))
    assert store.status(first)["state"] == "stopped"
    run = page.url.partition("run=")[2].partition("&")[0]
    changes = store.experiment(run).changes
    assert (changes[-1].lr if changes else store.experiment(run).lr) == before
    page.get_by_role("button", name="Stop").first.click()
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")


def test_train_repeats_changes_by_hand_only_when_asked(server: Server, page: Page) -> None:
    open_page(page, server, f"plain_vs_residual?{NETS}&steps=1000000&lr=0.03&seed=2")
    page.get_by_role("button", name="Train").first.click()
    wait_for_step(page, 2)
    page.get_by_role("button", name="÷ 10").click()
    expect(page.locator(".sv-facts")).to_contain_text("learning rate 0.003")
    page.get_by_role("button", name="Stop").first.click()
    expect(page.get_by_text("Train keeps 0.03")).to_be_visible()
    page.get_by_role("button", name="Repeat the changes").click()
    expect(page.get_by_text("Train repeats this")).to_be_visible()
    page.get_by_role("button", name="Leave the changes out").click()
    expect(page.get_by_text("Train keeps 0.03")).to_be_visible()


def test_the_depth_is_a_slider_and_a_number_and_the_address_is_copied_by_a_button(
    server: Server, page: Page
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    open_page(page, server, "plain_vs_residual")
    number = page.get_by_role("spinbutton", name="Depth")
    number.fill("33")
    number.press("Enter")
    expect(page).to_have_url(re.compile("depth%3D33"))
    slider = page.get_by_role("slider").first
    expect(slider).to_have_value("33")
    slider.press("ArrowRight")
    expect(number).to_have_value("34")
    expect(page).to_have_url(re.compile("depth%3D34"))
    assert copied_link(page) == page.url


ABOVE = """(plot) => plot.querySelector('.modebar').getBoundingClientRect().bottom
    <= plot.querySelector('.nsewdrag').getBoundingClientRect().top"""


def test_no_toolbar_offers_to_upload_a_chart_or_lies_on_its_points(
    server: Server, page: Page
) -> None:
    open_page(page, server, "plain_vs_residual")
    charts = page.locator(".sv-live .js-plotly-plot:visible")
    expect(charts.first).to_be_visible()
    for chart in charts.all():
        expect(chart.locator(".modebar")).to_be_attached()
        assert chart.evaluate(ABOVE)
    assert_nothing_is_uploaded(page)


def test_streamlits_own_charts_do_not_offer_it_either(server: Server, page: Page) -> None:
    open_page(page, server, f"compare?runs={stored_runs(server, 'fingerprint', 'maps')}")
    chart = page.get_by_test_id("stPlotlyChart")
    expect(chart.locator(".modebar").first).to_be_attached()
    assert_nothing_is_uploaded(chart)
