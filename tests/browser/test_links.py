"""A link shows what its page showed: the step of a run, the lanes, a page without its controls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import segno
from playwright.sync_api import Page, expect

from tests.browser.serving import Server
from tests.browser.test_app import copied_link, settled

RUN = "recorded.lesion.main"
NO_WEIGHTS = "a recording has no weights"
AS_STREAMLIT_WRITES = """() => {
    const address = new URL(location.href);
    for (const name of ["step", "quantity"]) address.searchParams.delete(name);
    history.pushState({}, "", address);
}"""


def words(page: Page) -> dict[str, str]:
    """What the page's address says beside its run."""
    query = parse_qs(urlsplit(page.url).query)
    return {name: values[-1] for name, values in query.items() if name != "run"}


def says(page: Page, **chosen: str) -> None:
    """Waits until the address says just this of the charts."""
    page.wait_for_function(
        """chosen => {
            const query = new URLSearchParams(location.search);
            return ["step", "quantity", "curve", "hidden"].every(
                (name) => query.get(name) === (chosen[name] ?? null));
        }""",
        arg=chosen,
    )


def is_at(page: Page, step: int) -> None:
    expect(page.locator(".sv-replay output")).to_have_text(re.compile(rf"^step {step} of "))
    expect(page.locator(".sv-live")).to_have_attribute("data-step", str(step))


def test_a_link_opens_a_run_at_its_step_and_the_button_copies_it(
    recorded: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{recorded.url}/lab?run={RUN}&step=120&quantity=weight&hidden=1")
    is_at(page, 120)
    expect(page.locator(".sv-chip")).to_contain_text("replay")
    pressed = page.locator("[aria-label=quantity] [aria-pressed=true]")
    expect(pressed).to_have_attribute("data-value", "weight")
    lanes = page.locator(".sv-legend button")
    expect(lanes.nth(1)).to_have_attribute("aria-pressed", "false")
    settled(page)
    says(page, step="120", quantity="weight", hidden="1")
    page.locator(".sv-replay input").fill("60")
    lanes.nth(1).click()
    is_at(page, 60)
    says(page, step="60", quantity="weight")
    page.get_by_role("radio", name="Predictions").click()  # the server writes the address anew
    expect(page.get_by_text(NO_WEIGHTS)).to_be_visible()
    settled(page)
    says(page, step="60", quantity="weight")
    assert words(page)["inside"] == "predictions"
    page.evaluate(AS_STREAMLIT_WRITES)  # a slow page sees its script's end before the address
    says(page, step="60", quantity="weight")
    copied = copied_link(page)
    other = new_page()
    other.goto(copied)
    is_at(other, 60)
    expect(other.get_by_text(NO_WEIGHTS)).to_be_visible()
    other.get_by_role("button", name="The newest step").click()
    says(other, quantity="weight")


def test_a_step_that_the_run_has_not_is_no_step(recorded: Server, page: Page) -> None:
    page.goto(f"{recorded.url}/lab?run={RUN}&step=999999")
    expect(page.locator(".sv-chip")).to_contain_text("finished")
    says(page)


PAIR = "lane={0}:backbone=dense,depth=4,plain_twin=true&lane={0}:backbone=dense,depth=4&steps=20"
TRAINED = {
    "lab": "lane=plain:backbone=dense,depth=4&steps=20",
    "plain_vs_residual": PAIR.format("resnet"),
    "gates": PAIR.format("highway"),
    "routing": "lane=highway:backbone=dense,depth=4&steps=20",
}
SHOWN = {
    "highway_depth": "view=bias&bias=-1.0&depth=20",
    "compare": f"runs={RUN},recorded.class_routing.main&show=error",
}
CONTROLS = (
    "[data-testid=stSelectbox], [data-testid=stNumberInput], [data-testid=stMultiSelect],"
    " [data-testid=stButtonGroup], [data-testid=stSlider], [data-testid=stButton]"
)


def _is_fixed(page: Page, name: str) -> None:
    """The page's QR code leads to the page with all that it shows, and none of its controls."""
    controls = page.locator("[data-testid=stMain]").locator(CONTROLS)
    expect(controls.first).to_be_visible()
    page.get_by_role("button", name="QR code").click()
    code = page.locator("img.skip-code")
    expect(code).to_be_visible()
    page.get_by_text("Without its controls").click()
    expect(code).to_have_attribute("alt", re.compile("fixed=1$"))
    settled(page)
    address = str(code.get_attribute("alt")).removeprefix("QR code of ")
    assert f"/{name}?" in address
    picture = segno.make(address, error="l").svg_data_uri(scale=5, border=2, light="white")
    assert code.get_attribute("src") == picture
    page.goto(address)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    settled(page)
    expect(controls).to_have_count(0)
    expect(page.get_by_role("button", name="QR code")).to_have_count(0)
    assert "fixed=1" in page.url


def first_of(names: Iterable[str]) -> list[Any]:
    """The first one in `make test`, the others in `make test-long`: one function hides the
    controls of all."""
    return [pytest.param(name, marks=pytest.mark.long if n else ()) for n, name in enumerate(names)]


@pytest.mark.parametrize("name", first_of(TRAINED))
def test_a_page_with_a_run_can_be_fixed(name: str, server: Server, page: Page) -> None:
    page.goto(f"{server.url}/{name}?{TRAINED[name]}")
    settled(page)
    page.get_by_role("button", name=re.compile("^Train")).click()
    page.wait_for_function("() => new URLSearchParams(location.search).has('run')")
    expect(page.get_by_role("button", name="Stop")).to_be_disabled()
    settled(page)
    _is_fixed(page, name)


@pytest.mark.parametrize("name", first_of(SHOWN))
def test_a_page_of_measurements_can_be_fixed(name: str, recorded: Server, page: Page) -> None:
    page.goto(f"{recorded.url}/{name}?{SHOWN[name]}")
    settled(page)
    _is_fixed(page, name)


def test_a_fixed_page_without_a_run_has_train_alone(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/plain_vs_residual?fixed=1")
    settled(page)
    buttons = page.locator("[data-testid=stMain] [data-testid=stButton]")
    expect(buttons).to_have_text([re.compile("Train"), re.compile("Stop")])
