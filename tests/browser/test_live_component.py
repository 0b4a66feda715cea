"""The live charts in a real browser: they follow a run and leave the user's hands alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from skipviz.core import child_processes
from tests.browser.conftest import WAIT_MS

ROOT = Path(__file__).resolve().parents[2]
APP = Path(__file__).with_name("live_app.py")
Ask = Callable[[str], bytes]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with made-up runs, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(APP), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        child_processes.end(process)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(f"{address}/test/count", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server of the live charts did not start")


@pytest.fixture
def ask(server: str) -> Ask:
    """Tells the server of the runs what to do."""

    def get(what: str) -> bytes:
        with urlopen(f"{server}/test/{what}", timeout=60) as answer:
            body: bytes = answer.read()
            return body

    return get


def show(page: Page, server: str, query: str, step: int) -> None:
    """Opens the page and waits until `step` is on the screen."""
    page.goto(f"{server}/?{query}")
    drawn(page, step)


def drawn(page: Page, step: int) -> None:
    """Waits until a step stands on the screen, in the loss chart too, which is drawn seldomer."""
    page.wait_for_function(
        """step => {
            if (!(Number(document.querySelector('.sv-live')?.dataset.step) >= step)) return false;
            const plot = document.getElementById('sv-charts-loss');
            const curve = plot?.data?.[0]?.x;
            return !plot || (curve && curve[curve.length - 1] >= step);
        }""",
        arg=step,
    )


def curve(page: Page, panel: str = "loss", trace: int = 0) -> list[float]:
    """The x values of a drawn curve."""
    found: list[float] = page.evaluate(
        "([id, i]) => Array.from(document.getElementById(id).data[i].x)",
        [f"sv-charts-{panel}", trace],
    )
    return found


def x_range(page: Page, panel: str = "loss") -> list[float]:
    found: list[float] = page.evaluate(
        "id => document.getElementById(id).layout.xaxis.range", f"sv-charts-{panel}"
    )
    return found


def drag(page: Page, panel: str, start: float, stop: float) -> None:
    """Drags the mouse over a chart, from one share of its width to another."""
    box = page.locator(f"#sv-charts-{panel} .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + stop * box["width"], middle, steps=6)
    page.mouse.up()


def test_curves_grow_and_no_step_is_missing(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-grow&to=30")
    show(page, server, "run=pair-grow", 29)
    for to in (31, 50, 120, 250, 400):
        ask(f"grow?run=pair-grow&to={to}")
        drawn(page, to - 1)
    steps = curve(page)
    assert steps[:30] == list(range(30)) and steps[-1] == 399
    assert steps == sorted(set(steps))
    lowest, bottom = page.evaluate(
        """() => {
          const { data, _fullLayout } = document.getElementById("sv-charts-loss");
          const curves = data.filter(({ meta }) => meta === "loss");
          return [Math.log10(Math.min(...curves[1].y)), _fullLayout.yaxis.range[0]];
        }"""
    )
    assert lowest - 0.5 < bottom < lowest, "the axis has grown with the curve"
    expect(page.locator(".sv-facts")).to_contain_text("step 400 / 400")
    expect(page.locator(".sv-profile .sv-reading")).to_contain_text("times smaller")


def test_an_empty_chart_says_what_to_press(page: Page, server: str) -> None:
    page.goto(server)
    expect(page.locator(".sv-loss .sv-empty")).to_contain_text("Press Train")
    expect(page.locator(".sv-chip")).to_contain_text("nothing to show yet")


def test_a_run_that_is_not_there_is_told(page: Page, server: str) -> None:
    page.goto(f"{server}/?run=nothing")
    expect(page.locator(".sv-message")).to_contain_text("There is no run")


def test_zoom_survives_updates_and_reruns(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-zoom&to=100")
    show(page, server, "run=pair-zoom", 99)
    drag(page, "loss", 0.05, 0.2)
    page.wait_for_function("document.getElementById('sv-charts-loss').layout.xaxis.range[1] < 200")
    zoomed = x_range(page)
    ask("grow?run=pair-zoom&to=160")
    drawn(page, 159)
    page.get_by_role("button", name="Rerun").click()
    ask("grow?run=pair-zoom&to=200")
    drawn(page, 199)
    assert x_range(page) == zoomed
    page.locator("#sv-charts-loss .nsewdrag").first.dblclick()
    page.wait_for_function(
        "document.getElementById('sv-charts-loss').layout.xaxis.range[1] === 400"
    )


def test_a_slider_that_was_moved_stays_and_shows_exact_frames(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=pair-slide&to=100")
    show(page, server, "run=pair-slide", 99)
    slider = page.get_by_role("slider", name="step shown")
    expect(slider).to_have_value("99")
    slider.focus()
    for _ in range(3):
        slider.press("ArrowLeft")
    ask("grow?run=pair-slide&to=150")
    drawn(page, 149)
    expect(slider).to_have_value("96")
    expect(page.locator(".sv-slider output")).to_have_text("step 96")
    page.wait_for_function(
        """async () => {
          const answer = await fetch("/api/runs/pair-slide/frame?step=96");
          const { lanes } = await answer.json();
          const shown = document.getElementById("sv-charts-profile").data[0].y;
          return Math.abs(Math.log10(shown[0] / lanes[0].signal_gradient_norm[0])) < 1e-5;
        }""",
    )
    page.get_by_role("button", name="follow").click()
    expect(slider).to_have_value("149")


def test_a_hidden_lane_stays_hidden(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-hide&to=40")
    show(page, server, "run=pair-hide", 39)
    lane = page.locator(".sv-legend").get_by_role("button", name="Plain-50")
    lane.click()
    expect(lane).to_have_attribute("aria-pressed", "false")
    ask("grow?run=pair-hide&to=80")
    drawn(page, 79)
    names = "document.getElementById('sv-charts-loss').data.map((one) => one.name ?? one.text[0])"
    shown = " ".join(page.evaluate(names))
    assert "ResNet-50" in shown and "Plain-50" not in shown
    page.locator(".sv-legend").get_by_role("button", name="ResNet-50").click()
    expect(page.locator(".sv-heat .sv-reading")).to_have_text("")
    expect(page.locator(".sv-loss .sv-reading")).to_have_text("")


def test_a_dropped_socket_comes_back_without_gap_or_repetition(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=pair-drop&to=50")
    show(page, server, "run=pair-drop", 49)
    for to in (60, 70, 80):
        ask("drop")
        ask(f"grow?run=pair-drop&to={to}")
        drawn(page, to - 1)
    assert curve(page) == list(range(80))


def test_charts_poll_where_sockets_are_barred(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-bar&to=20")
    ask("bar?on=1")
    try:
        show(page, server, "run=pair-bar", 19)
        ask("grow?run=pair-bar&to=40")
        drawn(page, 39)
        expect(page.locator(".sv-link")).to_be_hidden()
    finally:
        ask("bar?on=0")
    assert curve(page) == list(range(40))


def test_polling_can_be_asked_for(page: Page, server: str, ask: Ask) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))
    ask("grow?run=four-poll&to=20")
    show(page, server, "run=four-poll&transport=poll", 19)
    ask("grow?run=four-poll&to=45")
    drawn(page, 44)
    assert not [url for url in sockets if url.endswith("/live")]
    page.get_by_role("slider", name="step shown").press("Home")
    expect(page.locator("#sv-charts-gates-2 + .sv-empty")).to_be_hidden()
    expect(page.locator(".sv-gates .sv-reading")).to_contain_text("step 0")


def test_another_run_takes_the_same_charts(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-first&to=30")
    ask("grow?run=four-second&to=60")
    show(page, server, "run=pair-first", 29)
    page.evaluate("document.getElementById('sv-charts-loss').dataset.mine = 'yes'")
    page.get_by_role("textbox").fill("four-second")
    page.get_by_role("textbox").press("Enter")
    drawn(page, 59)
    assert page.locator("#sv-charts-loss").get_attribute("data-mine") == "yes"
    expect(page.locator(".sv-legend button")).to_have_count(4)
    expect(page.locator(".sv-gates")).to_have_count(1)


def test_a_finished_run_is_drawn_again_when_asked(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-replay&to=400")
    ask("state?run=pair-replay&state=finished")
    page.goto(f"{server}/?run=pair-replay&replay=300")
    drawn(page, 1)
    first = int(page.locator(".sv-live").get_attribute("data-step") or 0)
    assert first < 399
    expect(page.locator(".sv-chip")).to_contain_text("replay")
    expect(page.get_by_role("button", name="Pause the replay")).to_be_visible()
    page.keyboard.press("l")
    drawn(page, 399)
    expect(page.locator(".sv-chip")).to_contain_text("finished")


LIT = """() => [...document.querySelectorAll('#sv-charts-graph [data-cell]')].map((unit) =>
    unit.getAttribute('fill').match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0))"""


def test_a_plain_net_goes_dark_and_a_residual_one_stays_lit(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=pair-lit&to=20")
    show(page, server, "run=pair-lit&panels=header,graph", 19)
    lit = page.evaluate(LIT)
    plain, residual = lit[:50], lit[50:]
    assert len(residual) == 50
    assert plain[0] < 0.3 * plain[-1] and sorted(plain) == plain, "darker on the way back"
    assert min(residual) > 0.8 * max(lit), "one scale for both lanes"
    page.evaluate("document.querySelector('#sv-charts-graph svg').dataset.mine = 'yes'")
    ask("grow?run=pair-lit&to=400")
    drawn(page, 399)
    expect(page.locator("#sv-charts-graph svg")).to_have_attribute("data-mine", "yes")
    reading = page.locator(".sv-graph .sv-reading")
    expect(reading).to_contain_text("Step 399")
    expect(reading).to_contain_text("ResNet-50 50 of 50")
    page.locator("#sv-charts-graph [data-cell='49']").hover()
    expect(page.locator(".sv-graph .sv-tip")).to_contain_text("Plain-50, unit up to layer 50: 0.")


def test_the_nets_show_the_mean_gate_where_there_are_gates(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=four-gates&to=20")
    show(page, server, "run=four-gates&panels=header,graph", 19)
    page.get_by_role("button", name="mean T").click()
    expect(page.locator(".sv-graph .sv-reading")).to_contain_text("Highway-30 0.15")
    expect(page.locator(".sv-graph .sv-reading")).to_contain_text("Plain-20 has no gates")
    ask("grow?run=pair-gates&to=20")
    show(page, server, "run=pair-gates&panels=header,graph", 19)
    expect(page.get_by_role("button", name="mean T")).to_be_hidden()


def test_any_finished_run_is_replayed_step_by_step_by_keys(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=pair-again&to=400")
    ask("state?run=pair-again&state=finished")
    show(page, server, "run=pair-again&panels=header,loss,profile,graph", 399)
    step = page.get_by_role("slider", name="step of the run")
    step.press("Home")
    together = "[...new Set(['.sv-live', '.sv-graph'].map((one) => "
    together += "document.querySelector(one).dataset.step))].join()"
    page.wait_for_function(f"{together} === '0'")
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.wait_for_function(f"{together} === '2'")
    page.keyboard.press(",")
    page.wait_for_function(f"{together} === '1'")
    page.wait_for_function("document.getElementById('sv-charts-loss').data[0].x.at(-1) === 1")
    expect(page.locator(".sv-profile output")).to_have_text("step 1")
    expect(page.locator(".sv-chip")).to_contain_text("replay")
    page.get_by_label("speed of the replay").select_option("½×")
    page.keyboard.press(">")
    page.keyboard.press(">")
    expect(page.locator(".sv-facts")).to_contain_text(
        "replayed at 2× the speed at which Made-up CPU trained it"
    )
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause the replay")).to_be_visible()
    page.wait_for_function("Number(document.querySelector('.sv-live').dataset.step) > 20")
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Replay this run")).to_be_visible()
    page.keyboard.press("l")
    page.wait_for_function(f"{together} === '399'")
    expect(page.locator(".sv-chip")).to_contain_text("finished")


def test_a_run_is_replayed_while_it_trains_on(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=pair-while&to=100")
    show(page, server, "run=pair-while&panels=header,loss,graph", 99)
    page.get_by_role("slider", name="step of the run").press("Home")
    page.wait_for_function("document.querySelector('.sv-live').dataset.step === '0'")
    ask("grow?run=pair-while&to=200")
    expect(page.get_by_role("slider", name="step of the run")).to_have_attribute("max", "199")
    assert page.locator(".sv-live").get_attribute("data-step") == "0"
    page.get_by_role("button", name="The newest step").click()
    drawn(page, 199)


def test_bands_are_drawn_for_several_seeds(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=seeds-band&to=50")
    show(page, server, "run=seeds-band", 49)
    fills = "document.getElementById('sv-charts-loss').data.filter((t) => t.fill).length"
    page.wait_for_function(f"{fills} === 2")


def test_training_is_thin_and_held_out_bold_in_one_colour(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=held-out&to=60")
    show(page, server, "run=held-out", 59)
    ask("grow?run=held-out&to=95")
    drawn(page, 94)
    found = page.evaluate(
        """() => document.getElementById("sv-charts-loss").data
          .filter(({ meta }) => meta === "mean" || meta === "held-out")
          .map(({ meta, line, x }) => [meta, line.color, line.width, Array.from(x)])"""
    )
    assert [meta for meta, *_ in found] == ["mean", "held-out"] * 2
    for thin, bold in (found[:2], found[2:]):
        assert thin[1] == bold[1] and bold[2] > 2 * thin[2]
        assert bold[3] == list(range(0, 95, 10)) and thin[3][-1] == 94
    expect(page.locator(".sv-loss h3")).to_have_text("Training and held-out loss")
    reading = page.locator(".sv-loss .sv-reading")
    expect(reading).to_contain_text("held-out loss at step 90")
    expect(reading).to_contain_text("Bold: held-out; thin: training")


def test_the_choice_of_loss_or_error_is_remembered(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=held-error&to=30")
    show(page, server, "run=held-error", 29)
    error = page.locator(".sv-loss").get_by_role("button", name="error")
    expect(error).to_have_attribute("aria-pressed", "false")
    error.click()
    expect(page.locator(".sv-loss .sv-reading")).to_contain_text("wrong on held-out samples")
    show(page, server, "run=held-error", 29)
    expect(error).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".sv-loss h3")).to_have_text("Training and held-out error")


def test_every_seed_is_told_under_the_mouse(page: Page, server: str, ask: Ask) -> None:
    ask("grow?run=bands-hover&to=100")
    show(page, server, "run=bands-hover", 99)
    expect(page.locator(".sv-facts")).to_contain_text("median of 5 seeds")
    losses = page.evaluate(
        """async () => {
          const answer = await fetch("/api/runs/bands-hover/frame?step=20");
          return (await answer.json()).lanes[1].held_out_loss;
        }"""
    )
    box = page.locator("#sv-charts-loss .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 20 / 400, box["y"] + box["height"] / 2)
    told = page.locator("#sv-charts-loss .hoverlayer")
    expect(told).to_contain_text("ResNet-20, held-out")
    expect(told).to_contain_text("seeds 0 to 4:")
    expect(told).to_contain_text(f"{losses[0]:.3g}")


def test_the_axis_of_a_run_with_a_budget_in_seconds_grows_and_ends_with_it(
    page: Page, server: str, ask: Ask
) -> None:
    ask("grow?run=timed-run&to=40")
    show(page, server, "run=timed-run", 39)
    assert x_range(page) == [0, 100]
    ask("grow?run=timed-run&to=150")
    drawn(page, 149)
    assert x_range(page) == [0, 200]
    ask("state?run=timed-run&state=finished&message=the+5+seconds+were+over")
    page.wait_for_function(
        "document.getElementById('sv-charts-loss').layout.xaxis.range[1] === 150"
    )
    expect(page.locator(".sv-message")).to_have_text("the 5 seconds were over")


def test_ten_tabs_follow_one_run(browser: Browser, server: str, ask: Ask) -> None:
    ask("grow?run=pair-tabs&to=10")
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    try:
        pages = [context.new_page() for _ in range(10)]
        for page in pages:
            page.goto(f"{server}/?run=pair-tabs&panels=loss")
        ask("grow?run=pair-tabs&to=25")
        for page in pages:
            page.bring_to_front()
            drawn(page, 24)
            assert curve(page)[-1] == 24
    finally:
        context.close()


def test_every_figure_leaves_as_a_picture_at_slide_size(
    page: Page, server: str, ask: Ask, tmp_path: Path
) -> None:
    ask("grow?run=four-slide&to=60")
    show(page, server, "run=four-slide", 59)
    expect(page.locator(".sv-gates canvas").first).to_be_visible()
    for name in ("loss", "profile", "nets", "heat", "Gates and stripes: Highway-30"):
        for kind in ("PNG", "SVG"):
            with page.expect_download() as leaving:
                page.get_by_role("button", name=f"{name} as {kind}", exact=True).click()
            leaving.value.save_as(tmp_path / kind)
        with Image.open(tmp_path / "PNG") as picture:
            assert picture.format == "PNG" and picture.width == 1920
            assert picture.height == 1080 or name == "nets"  # as high as four lanes are
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 50, "it is not empty"
        drawn_as = ElementTree.parse(tmp_path / "SVG").getroot()
        assert drawn_as.get("viewBox", "").split()[2] == "960"
        words = " ".join("".join(drawn_as.itertext()).split())
        assert "layer" in words or "step" in words or "Gates and stripes" in words


def test_the_replay_leaves_as_a_film(page: Page, server: str, ask: Ask, tmp_path: Path) -> None:
    ask("grow?run=four-film&to=3")
    show(page, server, "run=four-film", 2)
    for kind, begin in (("GIF", b"GIF89a"), ("MP4", b"\0\0\0\x1cftyp")):
        with page.expect_download() as leaving:
            page.get_by_role("button", name=f"Film: {kind}").click()
        assert leaving.value.suggested_filename == f"skipviz-replay.{kind.lower()}"
        leaving.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(begin)
        expect(page.locator(".sv-film [role=status]")).to_have_text(
            "The film is in your downloads."
        )
