"""1,000 stored runs: how long their page takes, and how long one of them takes to open.

    history-1000-index   seconds to make the index from the folders, once             goal 10
    history-1000-page    a click on History -> its rows are drawn, median             goal 1
    history-1000-open    a click on a run -> its curves are drawn, median             goal 1

In a browser that has been here before. The runs are of one experiment, two dense nets of 20 layers
over 200 steps, their frames written by the program's own writer from a formula; each has its own
name.
"""

from __future__ import annotations

import shutil
import statistics
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.hall.row import Row
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame
from skipviz.store import run_marks
from skipviz.store.frame_log import Writer, schema
from skipviz.store.history import History
from skipviz.store.store import Store
from tests.browser import chromium
from tests.browser.conftest import FLAGS
from tests.browser.serving import serving
from tests.synthetic import lane_frame, track

RUNS, STEPS, TRIES = 1000, 200, 7
WAIT_MS = 120_000


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case."""
    store = Store(folder / "runs")
    _make(store, RUNS // 10 if quick else RUNS)
    began = time.perf_counter()
    History(store).refresh()
    index_s = time.perf_counter() - began
    with serving(store.root) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.executable(), args=list(FLAGS), chromium_sandbox=False
        )
        page_s, open_s = _tries(browser, server.url)
        browser.close()
    return [
        Row("history-1000-index", 10.0, index_s),
        Row("history-1000-page", 1.0, page_s),
        Row("history-1000-open", 1.0, open_s),
    ]


def _make(store: Store, count: int) -> None:
    """One run, and its copies under names of their own."""
    knobs = {"backbone": "dense", "depth": 20}
    lanes = [Lane(family=family, knobs=knobs) for family in ("plain", "resnet")]
    of = Experiment(lanes=lanes, steps=STEPS, device="cpu")
    first = store.create(store.new_id(), of)
    axes = [track("Plain-20", "plain", 20), track("ResNet-20", "resnet", 20)]
    writer = Writer(schema(of.to_json(), axes))
    frames = [
        Frame(step, tuple(lane_frame(each, step, with_map=False) for each in axes))
        for step in range(STEPS)
    ]
    data = writer.start() + writer.batch(frames, [step / 80 for step in range(STEPS)])
    (first / "frames.arrow").write_bytes(data)
    status = {"state": "finished", "step": STEPS, "steps": STEPS, "steps_per_s": 80.0}
    write_json(first / "status.json", status)
    for _ in range(1, count):
        shutil.copytree(first, store.folder(store.new_id()))
    for number, run_id in enumerate(store.runs()):
        run_marks.mark(store, run_id, name=f"Run {number}")


def _tries(browser: Browser, url: str) -> tuple[float, float]:
    """Median seconds to the page, and from there to an open run."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(f"{url}/history")
    _rows(page)
    pages, opens = [], []
    for number in range(TRIES + 1):
        page.goto(f"{url}/data")
        page.get_by_role("heading", name="Data", exact=True).wait_for(timeout=WAIT_MS)
        page.wait_for_timeout(1500)  # until the page before is at rest
        page.get_by_test_id("stTopNav").get_by_role("button", name="Explore").click()
        link = page.get_by_role("menuitem", name="History", exact=True)
        link.wait_for(timeout=WAIT_MS)
        began = time.perf_counter()
        link.click()
        _rows(page)
        pages.append(time.perf_counter() - began)
        page.wait_for_timeout(1000)
        link = page.locator('[class*="st-key-history_run_"] [data-testid="stPageLink"] a').nth(
            number
        )
        began = time.perf_counter()
        link.click()
        page.locator(".sv-live[data-step]").first.wait_for(timeout=WAIT_MS)
        opens.append(time.perf_counter() - began)
    return statistics.median(pages[1:]), statistics.median(opens[1:])  # the first one warms up


def _rows(page: Page) -> None:
    page.locator(".skip-run").nth(14).wait_for(timeout=WAIT_MS)
