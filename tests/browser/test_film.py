"""A replay as a film, GIF and MP4, that a browser without a window draws and another one plays."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page, Route

from skipviz.notebook import film
from skipviz.notebook.loaded import load
from tests.browser import chromium

RUN = Path(__file__).parents[1] / "fixtures" / "runs" / "fingerprint"
STEPS = 12

PLAYED = """async (film) => {
    const video = document.createElement("video");
    const bytes = Uint8Array.from(atob(film), (sign) => sign.charCodeAt(0));
    video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
    await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = fail; });
    return [video.videoWidth, video.videoHeight, video.duration];
}"""

MODULES = Path(__file__).parents[2] / "assets" / "live"
COLOURS = ("#ff0000", "#00ff00", "#0000ff", "#1f77b4")

# Four colours in turn, 0.2 s each, the last held; what is seen at some times, and the key frames.
CODED = """async ([codec, colours, times]) => {
    const { encoderFor, Mp4Writer } = await import("/mp4.js");
    const ask = VideoEncoder.isConfigSupported.bind(VideoEncoder);
    VideoEncoder.isConfigSupported = (config) => (
        config.codec.startsWith(codec) ? ask(config) : Promise.resolve({ supported: false }));
    const config = await encoderFor(1280, 720, 5);
    if (!config) return null;
    const writer = new Mp4Writer(config), canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 1280, height: 720 });
    const ink = canvas.getContext("2d", { willReadFrequently: true });
    for (let i = 0; i < 12; i += 1) {
        ink.fillStyle = colours[i % 4];
        ink.fillRect(0, 0, 1280, 720);
        await writer.add(canvas, i === 11 ? 1.5 : 0.2);
    }
    const video = document.createElement("video"), seen = [];
    video.src = URL.createObjectURL(await writer.end());
    await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = fail; });
    for (const time of times) {
        await new Promise((done) => { video.onseeked = done; video.currentTime = time; });
        ink.drawImage(video, 0, 0);
        seen.push([...ink.getImageData(640, 360, 1, 1).data.slice(0, 3)]);
    }
    return [video.duration, writer.chunks.map(({ key }) => key), seen];
}"""


@pytest.fixture(autouse=True)
def own_chromium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPVIZ_CHROMIUM", chromium.executable())


@pytest.mark.parametrize("kind", film.KINDS)
def test_a_replay_becomes_a_film_that_can_be_played(kind: str, tmp_path: Path, page: Page) -> None:
    told: list[float] = []
    film.write(load(RUN), kind, tmp_path / "film", told.append)
    assert told == sorted(told)
    if kind == "gif":
        with Image.open(tmp_path / "film") as pictures:
            assert (pictures.format, pictures.size, pictures.n_frames) == ("GIF", (960, 540), STEPS)
            first = pictures.convert("RGB").copy()
            pictures.seek(STEPS - 1)
            assert ImageChops.difference(first, pictures.convert("RGB")).getbbox() is not None
        return
    data = base64.b64encode((tmp_path / "film").read_bytes()).decode()
    width, height, seconds = page.evaluate(PLAYED, data)
    assert (width, height) == (1280, 720) and 8 < seconds < 10


@pytest.mark.parametrize("codec", ["avc1", "vp09"])
def test_an_mp4_shows_each_picture_in_its_colours_at_its_time(codec: str, page: Page) -> None:
    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name:
            route.fulfill(path=MODULES / name, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>Codecs</title>", content_type="text/html")

    page.route("http://localhost/**", serve)
    page.goto("http://localhost/")
    times = [0.1, 0.3, 0.5, 0.7, 2.1, 3.5]
    coded = page.evaluate(CODED, [codec, COLOURS, times])
    if coded is None:
        pytest.skip(f"this browser has no encoder of {codec}")
    seconds, keys, seen = coded
    assert seconds == pytest.approx(3.7)
    assert keys[0] and all(any(keys[i : i + 5]) for i in range(len(keys) - 4))
    for time, rgb in zip(times, seen, strict=True):
        wanted = bytes.fromhex(COLOURS[min(int(time / 0.2), 11) % 4][1:])
        assert max(abs(a - b) for a, b in zip(rgb, wanted, strict=True)) <= 8, (time, rgb)
