"""Gates and stripes in a real browser: the maps live, scrubbed, at init, of the twin, under the
pointer."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.conftest import WAIT_MS
from tests.browser.serving import Server
from tests.browser.test_app import settled

KNOBS = "highway:backbone=dense,depth=11,gate_bias=-2.0"
ADDRESS = f"gates?lane={KNOBS},plain_twin=true&lane={KNOBS}&lr=0.3&steps="

# A hash over the pixels of one map: tells whether another picture stands there.
PICTURE = """(name) => {
    const canvas = document.querySelector(`[data-map=${name}] canvas:nth-of-type(2)`);
    const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0;
    for (let i = 0; i < bytes.length; i += 1) sum = (sum * 31 + bytes[i]) >>> 0;
    return sum;
}"""


def pictures(page: Page) -> dict[str, int]:
    return {name: page.evaluate(PICTURE, name) for name in ("bias", "mean", "gate", "output")}


def mode(page: Page, name: str) -> None:
    page.locator(".sv-gates header").get_by_role("button", name=name, exact=True).click()


def train(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^play_arrow Train|^Train")).first.click()


STEPS = 60


def shows_the_last_step(page: Page) -> None:
    expect(page.locator(".sv-live[data-state=finished]")).to_be_visible()
    expect(page.locator(".sv-gates")).to_have_attribute("data-step", str(STEPS - 1))
    expect(page.locator(".sv-steps input")).to_have_attribute("max", "12")  # every fifth, and 59


@pytest.fixture(scope="module")
def trained(server: Server, browser: Browser) -> tuple[str, dict[str, int]]:
    """The address of a run that one browser has trained, and the pictures that it saw last."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    page.goto(f"{server.url}/{ADDRESS}{STEPS}")
    expect(page.locator(".sv-gates")).to_have_attribute("data-step", "0")
    train(page)
    shows_the_last_step(page)
    seen = page.url, pictures(page)
    context.close()
    return seen


@pytest.fixture
def shown(page: Page, trained: tuple[str, dict[str, int]]) -> Page:
    """Another browser at the run's address: it sees the same maps."""
    page.goto(trained[0])
    shows_the_last_step(page)
    assert pictures(page) == trained[1]
    return page


def test_the_maps_change_while_the_net_trains(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/{ADDRESS}200000")
    panel = page.locator(".sv-gates")
    expect(panel).to_have_attribute("data-step", "0")
    init = pictures(page)
    train(page)
    expect(page.locator(".sv-live[data-state=running]")).to_be_visible()
    expect(panel).to_have_attribute("data-step", re.compile(r"\d"))
    seen = set()
    for _ in range(3):
        step = panel.get_attribute("data-step") or ""
        expect(panel).not_to_have_attribute("data-step", step)
        seen.add(pictures(page)["output"])
    assert len(seen) == 3 and all(pictures(page)[name] != init[name] for name in init)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".sv-live[data-state=stopped]")).to_be_visible()


def only_text(socket: WebSocketRoute) -> None:
    """Hands on what the charts are told of a run, none of its bytes."""
    server = socket.connect_to_server()
    server.on_message(lambda message: socket.send(message) if isinstance(message, str) else None)


def test_a_map_has_a_name_before_its_first_data(page: Page, server: Server) -> None:
    page.route_web_socket(re.compile("/api/runs/.*/live"), only_text)
    page.goto(f"{server.url}/gates")
    settled(page)
    maps = page.locator("[data-map]")
    expect(maps.first).to_be_attached()
    names = maps.evaluate_all("maps => maps.map((map) => map.ariaLabel ?? '')")
    assert names and all(name.endswith(": no data yet") for name in names)


def test_a_finished_run_is_replayed_by_slider_keys_and_button(shown: Page) -> None:
    page = shown
    panel, slider = page.locator(".sv-gates"), page.locator(".sv-steps input")
    last = pictures(page)
    slider.press("Home")
    expect(panel).to_have_attribute("data-step", "0")
    first = pictures(page)
    assert all(first[name] != last[name] for name in last)
    slider.press("ArrowRight")
    expect(panel).to_have_attribute("data-step", "5")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(panel).to_have_attribute("data-step", "30")
    page.get_by_role("button", name="follow").click()
    expect(panel).to_have_attribute("data-step", "59")
    assert pictures(page) == last
    page.get_by_role("button", name="▶ replay").click()
    expect(page.get_by_role("button", name="❚❚ pause")).to_be_visible()
    expect(panel).to_have_attribute("data-step", "59")
    expect(page.get_by_role("button", name="▶ replay")).to_be_visible()
    assert pictures(page) == last


def test_init_now_and_twin_are_a_switch_and_samples_a_click(shown: Page) -> None:
    page = shown
    panel, now = page.locator(".sv-gates"), pictures(page)
    mode(page, "at init")
    expect(panel).to_have_attribute("data-step", "0")
    expect(panel.locator(".sv-reading")).to_contain_text("at init")
    init = pictures(page)
    assert all(init[name] != now[name] for name in now)
    mode(page, "plain twin")
    expect(panel).to_have_attribute("data-mode", "twin")
    expect(panel.get_by_text("a plain net has no gates")).to_have_count(3)
    assert pictures(page)["output"] not in (now["output"], init["output"])
    mode(page, "now")
    expect(panel).to_have_attribute("data-mode", "now")
    assert pictures(page) == now
    page.locator("[data-sample='7']").click()
    expect(page.locator("[data-sample='7']")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"() => ({PICTURE})('gate') !== {now['gate']}")
    seven = pictures(page)
    assert (seven["bias"], seven["mean"]) == (now["bias"], now["mean"])
    assert seven["output"] != now["output"]


def test_the_pointer_and_the_arrow_keys_read_layer_cell_and_value(shown: Page) -> None:
    page = shown
    gate = page.locator("[data-map=gate]")
    box = gate.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    tip = gate.locator(".sv-tip")
    expect(tip).to_have_text(re.compile(r"^layer \d+, cell \d+: T = 0\.\d+$"))
    gate.focus()
    gate.press("ArrowRight")
    before = tip.inner_text()
    gate.press("ArrowRight")
    cells = [int(re.findall(r"cell (\d+)", text)[0]) for text in (before, tip.inner_text())]
    assert cells[1] == cells[0] + 1
    page.mouse.move(0, 0)
    bias = page.locator("[data-map=bias]")
    bias.focus()
    bias.press("ArrowDown")
    expect(bias.locator(".sv-tip")).to_have_text(re.compile(r"^layer 3, cell 1: b_T = −[12]\.\d+$"))


def test_scale_and_order_change_the_picture_and_back(shown: Page) -> None:
    page = shown
    now = pictures(page)
    page.get_by_role("button", name="log", exact=True).click()
    page.wait_for_function(f"() => ({PICTURE})('gate') !== {now['gate']}")
    assert pictures(page)["output"] == now["output"]
    page.get_by_role("button", name="0 to 1", exact=True).click()
    page.get_by_role("button", name="cells by mean T").click()
    page.wait_for_function(f"() => ({PICTURE})('output') !== {now['output']}")
    page.get_by_role("button", name="cells by mean T").click()
    page.wait_for_function(f"() => ({PICTURE})('output') === {now['output']}")
    assert pictures(page) == now


def test_a_sample_by_its_number_is_measured_and_shown(shown: Page) -> None:
    page = shown
    now = pictures(page)
    page.get_by_label("Another training sample").fill("123")
    page.get_by_label("Another training sample").press("Enter")
    extra = page.locator("[data-sample='extra']")
    expect(extra).to_have_attribute("aria-pressed", "true")
    assert pictures(page)["gate"] != now["gate"]
    page.locator("[data-sample='0']").click()
    page.wait_for_function(f"() => ({PICTURE})('gate') === {now['gate']}")


def test_a_recipe_whose_data_is_not_here_says_how_to_get_it(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/gates")
    settled(page)
    choose = page.get_by_test_id("stSelectbox").filter(has_text="Recipe").locator("input")
    choose.click()
    page.get_by_role("option", name=re.compile(r"^CIFAR-100 .* b_T = −4 ⤓$")).click()
    note = page.get_by_test_id("stAlert")
    expect(note).to_contain_text("Data cifar100: not on this machine yet")
    expect(page.get_by_role("button", name=re.compile("Train")).first).to_be_disabled()
    link = note.get_by_role("link", name="Data page")
    expect(link).to_have_attribute("href", re.compile(r"data\?set=cifar100$"))
