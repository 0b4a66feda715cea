"""Who follows the lecturer: his scene, his run and his step, with the live charts on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import Server, serving
from tests.browser.test_accessible import findings
from tests.browser.test_phones import code_of


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app below a path, as behind a proxy."""
    with serving(tmp_path_factory.mktemp("runs"), base="under") as started:
        yield started


def test_a_follower_goes_where_the_lecturer_goes_looks_around_and_comes_back(
    hall: Server, new_page: Callable[..., Page]
) -> None:
    wall = new_page()
    wall.goto(f"{hall.url}/lecture?scenes=gradients_at_init&seeds=1&at=1&phase=0")
    expect(wall.locator(".skip-address b")).to_be_visible()
    follower = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    console: list[str] = []
    follower.on("console", lambda message: console.append(message.text))
    follower.goto(f"{hall.url}/v/{code_of(wall)}#follow")
    expect(follower.locator("#view")).to_have_text("Gradients at init · question")
    expect(follower.locator("#open")).to_be_hidden()
    wall.locator(".st-key-player_run button").click()
    expect(follower.locator("#view")).to_contain_text("figure 1")
    frame = follower.frame_locator("#charts iframe")
    mine, his = frame.locator("#charts"), wall.locator(".sv-live").first
    expect(mine.locator(".js-plotly-plot").first).to_be_visible(timeout=120_000)
    run = his.get_attribute("data-run")
    expect(mine).to_have_attribute("data-run", run or "")
    expect(wall.locator(".sv-live[data-state=finished]")).to_be_visible(timeout=120_000)
    slider, own = his.locator("input[type=range]").first, mine.locator("input[type=range]").first
    slider.press("Home")
    expect(own).to_have_value(slider.input_value())
    expect(follower.locator("#back")).to_be_hidden()
    own.press("End")
    expect(follower.locator("#back")).to_be_visible()
    there = own.input_value()
    slider.press("ArrowRight")
    step = slider.input_value()
    assert there != step
    wall.wait_for_timeout(1000)  # long enough for what must not come
    assert own.input_value() == there, "it looks around on its own"
    assert not findings(follower)
    follower.locator("#back").click()
    expect(own).to_have_value(step)
    expect(follower.locator("#back")).to_be_hidden()
    follower.locator("#open").click()
    expect(follower.locator("#charts iframe")).to_have_count(0)
    assert console == [], "nothing on the page is against its own policy"
