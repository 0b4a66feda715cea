"""How fast the page answers, in a real browser on this machine: medians and p95 over many tries.

    python benchmarks/live_page.py [--tries 12]

Measured on Plain vs residual at depth 50, two lanes with gradient profiles:
    click      click on Train -> first point on the screen, with a warm worker        goal 1000 ms
    pixel      step produced in the worker -> drawn in the browser                    goal 150 ms
    message    bytes of one message on the socket while training                      goal 2048
    rate       messages a second                                                      goal 10
    widget     a widget is changed while training -> the page has run                 goal 100 ms
and on Architecture:
    draw       the key that asks for 1202 layers -> their graph                       goal 2000 ms
"""

from __future__ import annotations

import argparse
import base64
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skipviz.core.strict_json import dumps
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import read_json
from tests.browser import chromium
from tests.browser.conftest import FLAGS
from tests.browser.serving import Server, serving

LANES = (
    "lane=resnet:backbone=dense,depth=50,plain_twin=true&lane=resnet:backbone=dense,depth=50"
    "&steps=100000&lr=0.03"
)
GOALS = {
    "click": 1000.0,
    "pixel": 150.0,
    "message": 2048.0,
    "rate": 10.5,
    "widget": 100.0,
    "draw": 2000.0,
}
UNITS = {
    "click": "ms",
    "pixel": "ms",
    "message": "bytes",
    "rate": "1/s",
    "widget": "ms",
    "draw": "ms",
}

WATCH = """() => {
    window.__drawn = [];
    const root = document.querySelector('.sv-live');
    new MutationObserver(() => {
        const at = performance.timeOrigin + Number(root.dataset.drawnAt);
        window.__drawn.push([Number(root.dataset.step), at, root.dataset.run]);
    }).observe(root, { attributes: true, attributeFilter: ['data-drawn-at'] });
}"""

CLICK = """async (name) => {
    const root = document.querySelector('.sv-live');
    const before = root.dataset.run;
    const button = [...document.querySelectorAll('button')].find(
        (found) => found.innerText.includes(name));
    const began = performance.now();
    button.click();
    while (true) {
        await new Promise((again) => requestAnimationFrame(again));
        const now = document.querySelector('.sv-live');
        if (now && now.dataset.run !== before && Number(now.dataset.step ?? -1) >= 0
            && Number(now.dataset.drawnAt) > began) {
            return Number(now.dataset.drawnAt) - began;
        }
        if (performance.now() - began > 30000) throw new Error('no point within 30 s');
    }
}"""


def settled(page: Page) -> None:
    page.wait_for_selector(
        "[data-testid=stApp][data-test-connection-state=CONNECTED]"
        "[data-test-script-state=notRunning]",
        timeout=60_000,
    )


def wait_for_step(page: Page, step: int) -> None:
    page.wait_for_function(
        "n => Number(document.querySelector('.sv-live')?.dataset.step ?? -1) >= n",
        arg=step,
        timeout=60_000,
    )


def clicks(page: Page, tries: int) -> list[float]:
    """Click on Train to first point, each with a worker that is warm again."""
    times = []
    for _ in range(tries):
        times.append(page.evaluate(CLICK, "Train"))
        wait_for_step(page, 5)
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector(".sv-live[data-state=stopped]", timeout=10_000)
        settled(page)
        time.sleep(0.5)
    return times


def pixels(page: Page, server: Server, seconds: float) -> list[float]:
    """For each message drawn: how long ago the worker produced its newest step."""
    page.evaluate(CLICK, "Train")
    settled(page)
    page.evaluate(WATCH)
    time.sleep(seconds)
    drawn = page.evaluate("() => window.__drawn")
    run = page.evaluate("() => document.querySelector('.sv-live').dataset.run")
    folder = server.runs / run
    began = read_json(folder / "status.json")["began"]
    log = FrameLog.open(folder / "frames.arrow")
    made = dict(zip(log.column("step").tolist(), log.column("time_s").tolist(), strict=True))
    return [at - 1000 * (began + made[step]) for step, at, _ in drawn if step in made]


class Socket:
    """Every message that the page's live socket receives, with its time."""

    def __init__(self, page: Page) -> None:
        self.sizes: list[int] = []
        self.times: list[float] = []
        self.sockets: set[str] = set()
        self.session = page.context.new_cdp_session(page)
        self.session.on("Network.webSocketCreated", self._opened)
        self.session.on("Network.webSocketFrameReceived", self._received)
        self.session.send("Network.enable")

    def close(self) -> None:
        """Listening in costs the browser time: not while something else is measured."""
        self.session.detach()

    def _opened(self, event: dict[str, Any]) -> None:
        if "/api/runs/" in event["url"]:
            self.sockets.add(event["requestId"])

    def _received(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.sockets and event["response"]["opcode"] == 2:
            self.sizes.append(len(base64.b64decode(event["response"]["payloadData"])))
            self.times.append(event["timestamp"])


ANSWER = """(text) => {
    window.__answer = new Promise((done, fail) => {
        let began = null;
        const key = (event) => { if (event.key === 'Enter') began = performance.now(); };
        document.addEventListener('keydown', key, { capture: true, once: true });
        setTimeout(() => fail(new Error('the page did not answer in 20 s')), 20000);
        const look = () => {
            if (began !== null && location.search.includes(text)) done(performance.now() - began);
            else setTimeout(look, 1);
        };
        look();
    });
}"""


def widgets(page: Page, tries: int) -> list[float]:
    """A number is changed while training: from the Enter key to the address that the page's new
    run has written."""
    times = []
    box = page.get_by_role("spinbutton", name="Steps")
    for i in range(tries):
        box.fill(str(90_000 + i))
        page.evaluate(ANSWER, f"steps={90_000 + i}")
        box.press("Enter")
        times.append(page.evaluate("() => window.__answer"))
        time.sleep(0.3)
    return times


def draws(page: Page, server: Server, tries: int) -> list[float]:
    """The graph of a 1202-layer net, from the key that asks for it."""
    page.goto(f"{server.url}/architecture?lane=resnet:backbone=cifar,depth=20")
    settled(page)
    thumb = page.get_by_role("slider").first
    graph = page.locator("svg g.node text", has_text="residual unit × 200")
    thumb.focus()
    times = []
    for _ in range(tries):
        thumb.press("Home")
        graph.first.wait_for(state="detached")
        time.sleep(1)
        began = time.perf_counter()
        thumb.press("End")
        graph.first.wait_for()
        times.append(1000 * (time.perf_counter() - began))
    return times


def measure(tries: int) -> dict[str, list[float]]:
    """All cases in one browser on one server."""
    with tempfile.TemporaryDirectory() as runs, serving(Path(runs)) as server:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium.executable(), args=list(FLAGS), chromium_sandbox=False
            )
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            socket = Socket(page)
            page.goto(f"{server.url}/plain_vs_residual?{LANES}")
            settled(page)
            wait_for_step(page, 0)
            time.sleep(8)  # both workers warm
            found: dict[str, list[float]] = {"click": clicks(page, tries)}
            socket.sizes.clear()
            socket.times.clear()
            found["pixel"] = pixels(page, server, seconds=max(5.0, tries / 2))
            sizes, times = list(socket.sizes), list(socket.times)
            socket.close()
            found["message"] = [float(size) for size in sizes[2:]]
            found["rate"] = [len(times) / (times[-1] - times[0])]
            found["widget"] = widgets(page, tries)
            page.get_by_role("button", name="Stop").click()
            found["draw"] = draws(page, server, tries)
            browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    for case, values in measure(args.tries).items():
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        middle = statistics.median(values)
        rows.append(
            {
                "case": case,
                "median": round(middle, 1),
                "p95": round(p95, 1),
                "unit": UNITS[case],
                "tries": len(values),
                "goal": GOALS[case],
                "met": middle <= GOALS[case],
            }
        )
    if args.json:
        print(dumps({"cases": rows}))
        return
    print(f"{'case':10}{'median':>10}{'p95':>10}{'goal':>10}  unit   tries  met")
    for row in rows:
        print(
            f"{row['case']:10}{row['median']:>10}{row['p95']:>10}{row['goal']:>10g}"
            f"  {row['unit']:6} {row['tries']:5}  {row['met']}"
        )


if __name__ == "__main__":
    main()
