"""How fast the gates follow the step slider, in a real browser on this machine.

    python benchmarks/gates.py [--seconds 8]

Measured on Gates and stripes with a run of 100 highway layers × 50 cells:
    updates    the step slider is dragged with the mouse -> pictures of other steps on the screen,
               each painted before the next is counted                            goal 20 a second
    longest    the longest time between two of them, 95th percentile              goal 200 ms
and of a run of 50 × 50:
    bytes      one sample's maps of one step on the socket, with their net's      goal 40 000
    live       messages with maps of one lane a second while the run trains       goal at most 1.1
"""

from __future__ import annotations

import argparse
import base64
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.live_page import settled
from skipviz.core.protocol import PackedKind
from skipviz.core.strict_json import dumps
from tests.browser import chromium
from tests.browser.conftest import FLAGS
from tests.browser.serving import serving

GOALS = {"updates": 20.0, "longest": 200.0, "bytes": 40_000.0, "live": 1.1}
UNITS = {"updates": "1/s", "longest": "ms", "bytes": "bytes", "live": "1/s"}

# A step counts as shown in the frame after the one in which it was drawn.
WATCH = """() => {
    window.__shown = [];
    const panel = document.querySelector('.sv-gates');
    let last = null;
    const look = () => {
        if (panel.dataset.step !== last) window.__shown.push(performance.now());
        last = panel.dataset.step;
        window.__looking = requestAnimationFrame(look);
    };
    look();
}"""


def address(depth: int, steps: int, lr: float) -> str:
    """Both lanes of a highway net with its plain twin, as the page spells them."""
    knobs = f"highway:backbone=dense,depth={depth},gate_bias=-2.0"
    return f"lane={knobs},plain_twin=true&lane={knobs}&steps={steps}&lr={lr}"


def trained(page: Page, url: str, depth: int, steps: int) -> None:
    """Trains such a run and waits until all its steps are here."""
    page.goto(f"{url}/gates?{address(depth, steps, 0.1)}")
    settled(page)
    page.get_by_role("button", name="Train").first.click()
    page.wait_for_selector(".sv-live[data-state=finished]", timeout=300_000)
    page.wait_for_function("() => Number(document.querySelector('.sv-steps input').max) > 25")
    settled(page)


def drag(page: Page, seconds: float) -> list[float]:
    """Drags the slider to and fro; the times at which another step stood on the screen."""
    box = page.locator(".sv-steps input").bounding_box()
    assert box is not None
    left, right, y = box["x"] + 8, box["x"] + box["width"] - 8, box["y"] + box["height"] / 2
    page.mouse.move(right, y)
    page.mouse.down()
    page.evaluate(WATCH)
    end, at, way = time.monotonic() + seconds, right, -1
    while time.monotonic() < end:
        at += way * (right - left) / 30
        if not left < at < right:
            way = -way
        page.mouse.move(min(max(at, left), right), y)
        time.sleep(0.004)
    page.mouse.up()
    times: list[float] = page.evaluate("() => window.__shown")
    return times


class Listener:
    """The messages with maps that come over the page's live socket: lane, size and time."""

    def __init__(self, page: Page) -> None:
        self.heard: list[tuple[int, int, float]] = []
        self.session = page.context.new_cdp_session(page)
        self.session.on("Network.webSocketFrameReceived", self._received)
        self.session.send("Network.enable")

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"]["opcode"] != 2:
            return
        data = base64.b64decode(event["response"]["payloadData"])
        if data[:1] == bytes([PackedKind.MAPS]):
            lane = struct.unpack_from("<BB", data)[1]
            self.heard.append((lane, len(data), event["timestamp"]))


def listen(page: Page, url: str, seconds: float) -> tuple[list[float], float]:
    """Sizes of the highway lane's maps, and how many come a second while it trains."""
    listener = Listener(page)
    page.goto(f"{url}/gates?{address(51, 6000, 0.1)}")
    settled(page)
    page.get_by_role("button", name="Train").first.click()
    page.wait_for_selector(".sv-live[data-state=running]", timeout=60_000)
    page.wait_for_timeout(2000)  # not time.sleep: events are handed on only while it waits
    first = len(listener.heard)
    page.wait_for_timeout(1000 * seconds)
    heard = [(size, at) for lane, size, at in listener.heard[first:] if lane == 1]
    page.get_by_role("button", name="Stop").click()
    sizes = [float(size) for lane, size, _ in listener.heard if lane == 1]
    return sizes, len(heard) / seconds


def measure(seconds: float) -> dict[str, list[float]]:
    """All cases in one browser on one server."""
    with tempfile.TemporaryDirectory() as runs, serving(Path(runs)) as server:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium.executable(), args=list(FLAGS), chromium_sandbox=False
            )
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            trained(page, server.url, 101, 300)
            page.wait_for_selector("text=Source:", timeout=120_000)  # the measurements are done
            times = drag(page, seconds)
            sizes, often = listen(browser.new_page(), server.url, seconds)
            browser.close()
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    rate = 1000 * (len(times) - 1) / (times[-1] - times[0])
    return {"updates": [rate], "longest": gaps, "bytes": sizes, "live": [often]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--quick", action="store_true", help="three seconds each")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    for case, values in measure(3.0 if args.quick else args.seconds).items():
        ordered = sorted(values)
        p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
        value = p95 if case == "longest" else statistics.median(values)
        met = value >= GOALS[case] if case == "updates" else value <= GOALS[case]
        rows.append(
            {"case": case, "value": round(value, 1), "unit": UNITS[case], "goal": GOALS[case]}
            | {"met": met}
        )
    if args.json:
        print(dumps({"cases": rows}))
        return
    for row in rows:
        print(
            f"{row['case']:10}{row['value']:>12}  {row['unit']:6} goal {row['goal']:<8g}"
            f" met {row['met']}"
        )


if __name__ == "__main__":
    main()
