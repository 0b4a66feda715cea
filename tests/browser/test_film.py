"""A replay as a film, GIF and MP4, that a browser without a window draws and another one plays."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Page

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
