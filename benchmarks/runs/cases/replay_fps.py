"""A replay of two nets of 50 layers in the Lab: how long each of its pictures takes.

    replay-fps          milliseconds from one step of the nets to the next, mean     goal 33.3
    replay-fps-charts   the same of the gradient's curves                            goal 33.3

30 pictures a second are 33.3 ms each. The run moves by more than one step a picture; loss curves
follow four times a second, heat maps once.
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.hall.row import Row
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame
from skipviz.store.frame_log import Writer, schema
from skipviz.store.store import Store
from tests.browser import chromium
from tests.browser.conftest import FLAGS
from tests.browser.serving import serving
from tests.synthetic import lane_frame, track

STEPS, STEPS_PER_S, SECONDS = 4000, 100, 10
WAIT_MS = 120_000
GOAL_MS = 1000 / 30

COUNT = """async (seconds) => {
    const nets = new Set(), curves = new Set();
    const root = document.querySelector(".sv-live");
    const graph = root.querySelector(".sv-graph"), says = root.querySelector(".sv-profile output");
    const began = performance.now();
    root.querySelector(".sv-profile .sv-plot").on("plotly_afterplot",
        () => curves.add(says.innerText));
    while (performance.now() - began < 1000 * seconds) {
        nets.add(graph.dataset.step);
        await new Promise((again) => requestAnimationFrame(again));
    }
    const spent = performance.now() - began;
    return [spent / nets.size, spent / Math.max(1, curves.size)];
}"""


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case."""
    store = Store(folder / "runs")
    run_id = _make(store)
    with serving(store.root) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=list(FLAGS), chromium_sandbox=False
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        nets_ms, curves_ms = _replayed(
            page, f"{server.url}/lab?run={run_id}", 3 if quick else SECONDS
        )
        browser.close()
    return [Row("replay-fps", GOAL_MS, nets_ms), Row("replay-fps-charts", GOAL_MS, curves_ms)]


def _make(store: Store) -> str:
    """A run whose frames come from a formula."""
    knobs = {"backbone": "dense", "depth": 50}
    lanes = [Lane(family=family, knobs=knobs) for family in ("plain", "densenet")]
    of = Experiment(lanes=lanes, steps=STEPS, device="cpu")
    run_id = store.new_id()
    folder = store.create(run_id, of)
    axes = [track("Plain-50", "plain", 50), track("DenseNet-50", "densenet", 50)]
    writer = Writer(schema(of.to_json(), axes))
    frames = [
        Frame(step, tuple(lane_frame(each, step, with_map=False) for each in axes))
        for step in range(STEPS)
    ]
    times = [step / STEPS_PER_S for step in range(STEPS)]
    (folder / "frames.arrow").write_bytes(writer.start() + writer.batch(frames, times))
    status = {"state": "finished", "step": STEPS, "steps": STEPS, "device": "cpu"}
    write_json(folder / "status.json", status)
    return run_id


def _replayed(page: Page, url: str, seconds: int) -> tuple[float, float]:
    """Milliseconds a picture, of the nets and of the curves, after the first second."""
    page.goto(url)
    page.locator(".sv-live[data-step]").wait_for(timeout=WAIT_MS)
    page.wait_for_timeout(2000)  # until the page is at rest
    page.get_by_label("speed of the replay").select_option("1×")
    page.get_by_role("button", name="Replay this run").click()
    page.wait_for_timeout(1000)
    nets_ms, curves_ms = page.evaluate(COUNT, seconds)
    return float(nets_ms), float(curves_ms)
