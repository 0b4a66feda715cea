"""The wheel of this checkout, installed where nothing may be written, in a real browser: it opens
from another folder, looks as it should, trains, and keeps its runs in the user's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.serving import ROOT, Server, free_port, running

WAIT_MS = 300_000  # a first start: torch is loaded, the kernel compiled
LANE = "resnet:backbone=dense,depth=10"
TEXT, ACCENT = "rgb(22, 32, 42)", "rgb(20, 98, 159)"  # config.toml: #16202A; style.css: #14629F


def _run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def _clean_checkout(folder: Path) -> Path:
    """A copy of the files that git knows or would take, and of nothing else."""
    known = _run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, known.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def _site(python: Path) -> Path:
    """The site-packages of an environment's Python."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(_run(str(python), "-c", code, cwd=python.parent).strip())


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file and folder below, in bytes and nanoseconds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but our wheel, which finds all else where this Python does."""
    home = tmp_path_factory.mktemp("environment")
    checkout = _clean_checkout(tmp_path_factory.mktemp("checkout"))
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", cwd=checkout)
    (wheel,) = (checkout / "dist").glob("skipviz-*.whl")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    site = _site(programs / "python")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python")]
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel), cwd=home)
    return programs


@pytest.fixture(scope="module")
def sealed(environment: Path) -> Iterator[Path]:
    """Its site-packages, made read-only."""
    site = _site(environment / "python")
    folders = [site, *(path for path in site.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield site
    for folder in folders:
        folder.chmod(0o755)


@pytest.fixture
def server(
    environment: Path, sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """`skipviz serve`, from a folder of its own, for a user whose folders are new."""
    elsewhere, user = tmp_path / "elsewhere", tmp_path / "user"
    elsewhere.mkdir()
    (elsewhere / "random.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    ours = [name for name in os.environ if name.startswith("SKIPVIZ_")]
    for variable in (*ours, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, str(user))
    for variable, name in (("DATA", "data"), ("CACHE", "cache"), ("CONFIG", "config")):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(user / name))
    port = free_port()
    command = [str(environment / "skipviz"), "--no-browser", "--address=127.0.0.1"]
    with running([*command, f"--port={port}"], port, tmp_path, cwd=elsewhere) as started:
        yield started


def test_an_installed_wheel_opens_trains_and_writes_into_the_users_folder_alone(
    server: Server, sealed: Path, page: Page
) -> None:
    before = _state(sealed)
    assert any(name.startswith("skipviz-") for name in before), "the wheel is not there"
    page.emulate_media(color_scheme="light")
    page.goto(f"{server.url}/lab?lane={LANE}&steps=30")
    train = page.get_by_role("button", name="Train")
    expect(train).to_be_enabled(timeout=WAIT_MS)
    expect(train).to_have_css("background-color", ACCENT)
    expect(page.get_by_test_id("stApp")).to_have_css("color", TEXT)
    train.click()
    expect(page.locator(".sv-live").first).to_have_attribute(
        "data-state", "finished", timeout=WAIT_MS
    )
    runs = [path for path in server.runs.rglob("experiment.json")]
    assert len(runs) == 1 and runs[0].parents[1].name == "runs"
    assert "skipviz" in runs[0].parts
    assert _state(sealed) == before
