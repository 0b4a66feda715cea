"""The main job in a real browser: pick, see, train, watch, stop, reload, share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from skipviz.ui.shell import pages
from tests.browser.serving import Server, serving

FORBIDDEN = ("torch", "torchvision", "sklearn")
COLD = [next(found.slug for found in pages() if found.menu == menu)
        for menu in dict.fromkeys(found.menu for found in pages() if found.menu)]  # fmt: skip
"""A page of each chapter below the bar: what its folder does to a first request, each does."""
MOST_MB = {"pages": 250, "recordings": 300}
"""What the web process may take: every page shown, and with every recording drawn as well."""


SETTLED = """() => {
    const app = document.querySelector("[data-testid=stApp]")?.dataset;
    const { sent, heard } = window.streamlitTimes;
    return app?.testConnectionState === "CONNECTED" && app.testScriptState === "notRunning" &&
        heard >= sent && document.documentElement.dataset.skipKeys === "heard" &&
        !document.querySelector("[data-testid=stSkeleton], [aria-busy=true]");
}"""


def pause(page: Page, ms: int) -> None:
    """Lets so much time pass for the page itself: its own timers that end sooner have ended."""
    page.evaluate("ms => new Promise((done) => setTimeout(done, ms))", ms)


def settled(page: Page) -> None:
    """Waits until the page is connected, its script has run and all of what it made is there.

    A change is sent a moment after it was made (at most 200 ms), the server answers, and only then
    does the script state change. The code of a widget is fetched when it is first needed; a grey
    bar stands in its place meanwhile. From then on keys are kept.
    """
    for _ in range(2):  # what has just been drawn may have a wish of its own
        pause(page, 250)
        page.wait_for_function(SETTLED)


def copied_link(page: Page) -> str:
    """Presses *Copy link*: what then lies on the clipboard. The button says so for a moment."""
    page.locator(".sv-copy").evaluate(
        """(button) => {
            button.told = new Promise((done) => new MutationObserver(() => {
                if (button.textContent.includes("Copied")) done();
            }).observe(button, {childList: true, characterData: true, subtree: true}));
        }"""
    )
    page.get_by_role("button", name="Copy link").click()
    page.locator(".sv-copy").evaluate("(button) => button.told")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def drawn_step(page: Page) -> int:
    """The newest step that the live charts have drawn, -1 before the first."""
    value = page.locator(".sv-live").first.get_attribute("data-step")
    return int(value) if value else -1


def wait_for_step(page: Page, step: int) -> None:
    page.wait_for_function(
        "n => Number(document.querySelector('.sv-live')?.dataset.step ?? -1) >= n",
        arg=step,
    )


def loss_points(page: Page, curves: int, more_than: int) -> int:
    """Waits until every loss curve on the screen has more points than so many; the fewest."""
    found = page.wait_for_function(
        """([curves, least]) => {
            const plot = document.querySelector('[data-panel=loss] .js-plotly-plot');
            const drawn = (plot?.data ?? []).filter((t) => t.meta === 'loss');
            const fewest = Math.min(...drawn.map((t) => t.x.length));
            return drawn.length === curves && fewest > least ? fewest : false;
        }""",
        arg=[curves, more_than],
    )
    fewest: int = found.json_value()
    return fewest


def profile(page: Page, other_than: list[float] | None = None) -> list[float]:
    """The heights of the first curve of the gradient chart, once they are not `other_than`.

    The chart is drawn more seldom than the loss: its curve may be older than the step shown.
    """
    found = page.wait_for_function(
        """(old) => {
            const plot = document.querySelector('[data-panel=profile] .js-plotly-plot');
            const heights = [...plot.data[0].y];
            return JSON.stringify(heights) === JSON.stringify(old) ? false : heights;
        }""",
        arg=other_than,
    )
    heights: list[float] = found.json_value()
    return heights


def choose(page: Page, label: str, lane: int, option: str) -> None:
    """Picks an option of a lane's select box."""
    box = page.get_by_role("combobox", name=label).nth(lane)
    box.click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(box).to_have_value(option)
    expect(page.get_by_role("option")).to_have_count(0)
    settled(page)


def fill(page: Page, label: str, lane: int, value: str) -> None:
    """Types a number into a lane's field."""
    box = page.get_by_role("spinbutton", name=label).nth(lane)
    box.fill(value)
    box.press("Enter")
    settled(page)
    expect(box).to_have_value(value)


def open_page(page: Page, server: Server, path: str = "") -> None:
    page.goto(f"{server.url}/{path}")
    settled(page)


def visit(page: Page, title: str) -> None:
    """Goes to a page through the bar: by a link there, or by a menu."""
    menu = next(found.menu for found in pages() if found.title == title)
    bar = page.get_by_test_id("stTopNav")
    if menu:
        bar.get_by_role("button", name=menu).click()
        page.get_by_role("menuitem", name=title, exact=True).click()
    else:
        bar.get_by_role("link", name=title).click()
    settled(page)


def test_plain_and_residual_at_depth_30_train_live_and_can_be_stopped_reloaded_and_shared(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    open_page(page, server, "lab")
    choose(page, "Family", 0, "Plain")
    choose(page, "Family", 1, "ResNet")
    for lane in range(2):
        choose(page, "Backbone", lane, "dense")
        fill(page, "Depth", lane, "30")
    fill(page, "Steps", 0, "100000")
    expect(page.locator(".skip-lane")).to_have_text(["Plain-30", "ResNet-30"])
    expect(page.locator("[data-testid=stGraphVizChart] svg")).to_have_count(2)
    page.get_by_role("button", name="Train").click()
    wait_for_step(page, 20)
    first = loss_points(page, curves=2, more_than=3)
    seen, gradients = drawn_step(page), profile(page)
    wait_for_step(page, seen + 50)
    assert loss_points(page, curves=2, more_than=first) > first
    profile(page, other_than=gradients)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")
    settled(page)
    shown = page.url
    assert "run=" in shown
    last = drawn_step(page)

    page.reload()
    settled(page)
    wait_for_step(page, last)
    expect(page).to_have_url(shown)
    assert drawn_step(page) >= last

    page.get_by_role("button", name="Runs").click()
    listed = page.get_by_role("link", name="Plain-30, ResNet-30")
    expect(listed).to_be_visible()
    assert str(listed.get_attribute("href")).endswith(shown.partition("run=")[2])

    other = new_page()
    other.goto(shown)
    settled(other)
    wait_for_step(other, last)
    expect(other.locator(".sv-live")).to_have_attribute("data-state", "stopped")


BELOW = """() => document.querySelector("h1").getBoundingClientRect().top
    >= document.querySelector("[data-testid=stHeader]").getBoundingClientRect().bottom"""


def is_framed(page: Page) -> None:
    """The page has its heading below the bar with links and menus, and no exception."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    shown = pages()
    links = page.get_by_test_id("stTopNavLink")
    expect(links).to_have_count(len([found for found in shown if not found.menu]))
    menus = page.get_by_test_id("stTopNavSection")
    expect(menus).to_have_text(list(dict.fromkeys(found.menu for found in shown if found.menu)))
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert page.evaluate(BELOW), "the heading lies under the bar"


def test_every_page_is_framed_loads_no_torch_into_the_server_and_keeps_it_small(
    tmp_path: Path, page: Page
) -> None:
    (tmp_path / "nothing").mkdir()
    with serving(tmp_path, SKIPVIZ_RECORDINGS=str(tmp_path / "nothing")) as cold:
        headings = []
        for found in pages():
            open_page(page, cold, "" if found.slug == "home" else found.slug)
            is_framed(page)
            headings.append(page.get_by_role("heading", level=1).first.inner_text())
        assert len(set(headings)) == len(pages()), "an address shows another page"
        process = psutil.Process(cold.process.pid)
        files = [entry.path for entry in process.memory_maps()]
        names = [Path(file).name for file in files]
        assert not [name for name in names if name.startswith(("libtorch", "libc10", "_sklearn"))]
        assert not [p for p in files if any(f"site-packages/{name}/" in p for name in FORBIDDEN)]
        assert process.memory_info().rss < MOST_MB["pages"] * 2**20


def test_the_server_stays_small_when_every_recording_is_drawn(recorded: Server, page: Page) -> None:
    for found in pages():
        if found.chapter == "learn":
            open_page(page, recorded, found.slug)
            expect(page.get_by_role("heading", level=1).first).to_be_visible()
            expect(page.get_by_text("Words on this page")).to_be_visible()
    rss = psutil.Process(recorded.process.pid).memory_info().rss
    assert rss < MOST_MB["recordings"] * 2**20


@pytest.mark.parametrize("slug", COLD)
def test_the_first_request_after_a_start_shows_a_page_inside_its_frame(
    slug: str, tmp_path: Path, page: Page
) -> None:
    with serving(tmp_path) as cold:
        open_page(page, cold, slug)
        is_framed(page)
        assert page.url == f"{cold.url}/{slug}" or page.url.startswith(f"{cold.url}/{slug}?")


def test_a_page_is_found_as_it_was_left(server: Server, page: Page) -> None:
    open_page(page, server, "lab")
    fill(page, "Depth", 0, "12")
    for name in ("Home", "Plain vs residual"):
        visit(page, name)
        visit(page, "Lab")
        expect(page.get_by_role("spinbutton", name="Depth").first).to_have_value("12")


def test_every_page_is_found_through_the_bar_by_keyboard(server: Server, page: Page) -> None:
    open_page(page, server)
    for menu in dict.fromkeys(found.menu for found in pages() if found.menu):
        page.get_by_test_id("stTopNav").get_by_role("button", name=menu).focus()
        page.keyboard.press("Enter")
        inside = [found.title for found in pages() if found.menu == menu]
        for title in inside:
            expect(page.get_by_role("menuitem", name=title, exact=True)).to_be_visible()
        page.keyboard.press("Escape")


def test_presets_twins_and_removals_can_be_undone(server: Server, page: Page) -> None:
    open_page(page, server, "lab")
    lanes = page.locator(".skip-lane")
    page.get_by_role("radio", name="Highway stripes").click()
    expect(lanes).to_have_text(["Highway-21"])
    page.get_by_role("button", name="Add plain twin").click()
    expect(lanes).to_have_text(["Highway-21", "plain twin of Highway-21"])
    page.get_by_role("button", name="Remove").first.click()
    expect(lanes).to_have_text(["plain twin of Highway-21"])
    for shown in (["Highway-21", "plain twin of Highway-21"], ["Highway-21"]):
        page.get_by_role("button", name="Undo").click()
        expect(lanes).to_have_text(shown)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("lab?lane=resnets", "family 'resnets': must be one of"),
        ("lab?lane=resnet:backbone=cifar,depth=21", "nearest: 20, 26"),
        ("lab?lane=resnet:deep=3", "resnet has no such knob"),
        ("lab?lane=plain&steps=many", "steps 'many': must be a whole number"),
        ("lab?lane=plain&data=cats", "data 'cats': must be one of"),
        ("lab?lane=plain&wrong=1", "'wrong'"),
        ("lab?run=nonsense", "There is no such run on this machine"),
        ("plain_vs_residual?run=../../etc/passwd", "There is no such run on this machine"),
        ("plain_vs_residual?lane=resnet:depth=x", "depth 'x'"),
    ],
)
def test_an_address_edited_by_hand_gets_one_sentence_and_a_working_page(
    address: str, sentence: str, server: Server, page: Page
) -> None:
    open_page(page, server, address)
    alert = page.get_by_role("alert").filter(has_text=sentence)
    expect(alert).to_have_count(1)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    expect(page.get_by_role("button", name="Train")).to_be_enabled()


def test_the_gradient_at_init_stands_there_before_any_training(server: Server, page: Page) -> None:
    open_page(page, server, "plain_vs_residual")
    wait_for_step(page, 0)
    reading = page.locator("[data-panel=profile]")
    expect(reading).to_contain_text("times smaller than at the last layer")


def test_the_demonstration_opens_any_pair_that_an_address_spells_out(
    server: Server, page: Page
) -> None:
    knobs = "backbone=dense,depth=2,variant=full_preact"
    pair = f"lane=resnet:{knobs},plain_twin=true&lane=resnet:{knobs}&steps=1000000&seed=7&lr=0.5"
    open_page(page, server, f"plain_vs_residual?{pair}")
    expect(page.get_by_role("slider").first).to_have_value("2")
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("1000000")
    wait_for_step(page, 0)
    for part in ("seed=7", "lr=0.5", "full_preact"):
        assert part in page.url


def test_an_experiment_too_large_for_the_machine_is_refused_in_one_sentence(
    server: Server, page: Page
) -> None:
    open_page(page, server, "lab?lane=plain:backbone=dense,depth=1202,width=4096&steps=10")
    page.get_by_role("button", name="Train").click()
    alert = page.get_by_role("alert").filter(has_text="Experiment too large: it needs about")
    expect(alert).to_have_count(1)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_what_each_net_takes_pictures_for_can_be_seen_and_drawn(server: Server, page: Page) -> None:
    open_page(page, server, "lab?lane=highway:backbone=dense,depth=5&steps=60")
    page.get_by_role("button", name="Train").click()
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "finished")
    page.get_by_role("radio", name="Predictions").click()
    expect(page.locator(".skip-tiles figure")).to_have_count(30)
    page.get_by_role("radio", name="Draw and see").click()
    square = page.locator("canvas.skip-draw")
    square.scroll_into_view_if_needed()
    box = square.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 120, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 200, steps=10)
    page.mouse.up()
    bars = page.locator("[class*=st-key-inside_bars] .js-plotly-plot")
    expect(bars).to_be_visible()
    for view in ("Feature maps and filters", "Histograms"):
        page.get_by_role("radio", name=view).click()
        expect(page.get_by_text("Caveat:")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
