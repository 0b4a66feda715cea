"""A run under control in a real browser: pause, step, another learning rate, reload, to the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from skipviz.core.experiment import Experiment
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from tests.browser.serving import Server
from tests.browser.test_app import drawn_step, open_page, settled, wait_for_step

NETS = "lane=resnet:backbone=dense,depth=20,plain_twin=true&lane=resnet:backbone=dense,depth=20"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=False).first.click()


def paused_at(page: Page, step: int | None = None) -> int:
    """Waits until the header says that the run is paused (at `step`); at which step it is."""
    chip = page.locator(".sv-chip")
    expect(chip).to_contain_text(f"paused at step {step or ''}".strip())
    found = int((chip.text_content() or "").rpartition(" ")[2])
    wait_for_step(page, found - 1)
    return found


def marks(page: Page) -> list[str]:
    """What stands at the thin lines of the loss chart."""
    found: list[str] = page.evaluate(
        "() => (document.querySelector('[data-panel=loss] .js-plotly-plot').layout.annotations"
        " ?? []).map((one) => one.text).filter((text) => text.startsWith('lr '))"
    )
    return found


def the_run(page: Page) -> str:
    return page.url.partition("run=")[2].partition("&")[0]


def test_a_run_is_paused_stepped_changed_reloaded_and_resumed_from_the_page(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    open_page(page, server, f"lab?{NETS}&steps=1000000&lr=0.03")
    press(page, "Train")
    expect(page.get_by_role("button", name="Pause")).to_be_enabled()
    wait_for_step(page, 0)
    page.keyboard.press("p")
    step = paused_at(page)
    expect(page.get_by_role("button", name="Resume")).to_be_enabled()
    page.keyboard.press("n")
    assert paused_at(page, step + 1) == step + 1
    press(page, "÷ 10")
    expect(page.locator(".sv-facts")).to_contain_text("learning rate 0.003")
    expect(page.get_by_role("spinbutton", name="Learning rate now")).to_have_value("0.003")
    page.wait_for_function("() => document.querySelector('[data-panel=loss] .annotation-text')")
    assert marks(page) == ["lr 0.003"]

    other = new_page()
    other.goto(page.url)
    assert paused_at(other) == step + 1
    page.reload()
    settled(page)
    assert paused_at(page) == step + 1
    expect(page.get_by_role("spinbutton", name="Learning rate now")).to_have_value("0.003")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    press(page, "Resume")
    wait_for_step(page, step + 20)
    _ends_with_its_change(server, page, step + 1)
    expect(other.get_by_role("button", name="Stop")).to_be_disabled()
    expect(other.get_by_role("button", name="Pause")).to_have_count(0)


def _ends_with_its_change(server: Server, page: Page, changed_at: int) -> None:
    """The run is stopped; page, spec and frames agree on the step of the change."""
    press(page, "Stop")
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.get_by_text(f"changed by hand: 0.003 from step {changed_at} on")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    store, run_id = Store(Path(server.runs)), the_run(page)
    of = store.experiment(run_id)
    assert [(change.step, change.lr) for change in of.changes] == [(changed_at, 0.003)]
    log = FrameLog.open(store.folder(run_id) / "frames.arrow")
    assert log.n > changed_at and Experiment.from_json(log.experiment_json) == of
    expect(page.get_by_text("Train keeps 0.03")).to_be_visible()


def test_a_stopped_run_goes_on_and_slow_motion_is_kept_in_sight(server: Server, page: Page) -> None:
    open_page(page, server, f"plain_vs_residual?{NETS}&steps=1000000&lr=0.03&seed=3")
    press(page, "Train")
    wait_for_step(page, 5)
    page.get_by_role("radio", name="20 steps/s").click()
    facts = page.locator(".sv-facts")
    expect(facts).to_contain_text("slow motion: 20 steps/s")
    press(page, "Stop")
    live = page.locator(".sv-live")
    expect(live).to_have_attribute("data-state", "stopped")
    stopped = drawn_step(page)
    page.get_by_role("button", name="Resume").click()
    expect(live).to_have_attribute("data-state", "running")
    wait_for_step(page, stopped + 20)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_role("radio", name="full speed")).to_have_attribute("aria-checked", "true")
    rate = page.get_by_role("spinbutton", name="Learning rate now")
    rate.fill("0.02")
    rate.press("Enter")
    expect(page.locator(".sv-facts")).to_contain_text("learning rate 0.02")
    press(page, "Stop")
    expect(live).to_have_attribute("data-state", "stopped")


JAMMED_CLICK = """async (button) => {
    const { port1, port2 } = new MessageChannel();
    const clicked = new Promise((done) => (port1.onmessage = () => done(button.click())));
    port2.postMessage(0);
    const until = performance.now() + 1500; // the row's clock, which ticks each second, falls due
    while (performance.now() < until);
    await clicked;
}"""
"""A click on a page that is busy: the clock's tick comes before the click's own message."""


def test_a_click_on_a_busy_page_counts_once(server: Server, page: Page) -> None:
    open_page(page, server, f"lab?{NETS}&steps=1000000&lr=0.03")
    press(page, "Train")
    wait_for_step(page, 0)
    press(page, "Pause")
    step = paused_at(page)
    for _ in range(5):
        page.get_by_role("button", name="Step Shortcut").evaluate(JAMMED_CLICK)
        settled(page)
        step += 1
        assert paused_at(page, step) == step
    page.get_by_role("button", name="Resume").evaluate(JAMMED_CLICK)
    settled(page)
    wait_for_step(page, step + 20)
    press(page, "Stop")
    expect(page.locator(".sv-live")).to_have_attribute("data-state", "stopped")


def test_a_finished_run_is_trained_for_more_steps_from_its_page(
    server: Server, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    open_page(page, server, f"lab?{NETS}&steps=40&lr=0.03")
    press(page, "Train")
    longer = page.get_by_role("button", name="Train 40 more steps")
    expect(longer).to_be_visible()
    more = page.get_by_role("spinbutton", name="How many steps more")
    more.fill("25")
    more.press("Enter")
    press(page, "Train 25 more steps")
    wait_for_step(page, 64)
    expect(page.locator(".sv-chip")).to_contain_text("finished")
    expect(page.get_by_role("button", name="Train 25 more steps")).to_be_visible()
    expect(page.get_by_text("were changed after this run began")).to_have_count(0)
    spec = Store(server.runs).experiment(the_run(page))
    assert (spec.steps, [each.text() for each in spec.budgets]) == (65, ["40"])
    shown = page.evaluate(
        "() => document.querySelector('[data-panel=loss] .js-plotly-plot').layout.xaxis.range"
    )
    assert shown is None or shown[1] >= 60
