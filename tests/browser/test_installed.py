"""The wheel of this checkout, installed where nothing may be written: in a real browser it opens
from another folder, looks as it should, trains, and keeps its runs in the user's folder; and every
other command answers there."""

from __future__ import annotations

import hashlib
import json
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

from skipviz.cli.main import grammar
from tests.browser.serving import ROOT, Server, free_port, running

WAIT_MS = 300_000  # a first start: torch is loaded, the kernel compiled
LANE = "resnet:backbone=dense,depth=10"
TEXT, ACCENT = "rgb(22, 32, 42)", "rgb(20, 98, 159)"  # config.toml: #16202A; style.css: #14629F


def _run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, encoding="utf-8", errors="replace")
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def clean_checkout(folder: Path) -> Path:
    """What a clone has: the files that git tracks, as they are here now, and nothing else."""
    known = _run("git", "ls-files", "-z", cwd=ROOT)
    for name in filter(None, known.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def _site(python: Path) -> Path:
    """The site-packages of an environment's Python."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(_run(str(python), "-c", code, cwd=python.parent).strip())


def _state(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of change, in nanoseconds, of every file and folder below."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder",
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but our wheel, which finds all else where this Python does."""
    home = tmp_path_factory.mktemp("environment")
    checkout = clean_checkout(tmp_path_factory.mktemp("checkout"))
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
    """Its site-packages, made read-only for everybody but root."""
    site = _site(environment / "python")
    folders = [site, *(path for path in site.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield site
    for folder in folders:
        folder.chmod(0o755)


@pytest.fixture
def elsewhere(sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder of a user whose own folders are new. Whatever a test starts, and root, too,
    leaves site-packages as they were."""
    folder, user = tmp_path / "elsewhere", tmp_path / "user"
    folder.mkdir()
    (folder / "random.py").write_text("raise SystemExit('not this one')", encoding="utf-8")
    ours = [name for name in os.environ if name.startswith("SKIPVIZ_")]
    for variable in (*ours, "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("HOME", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, str(user))
    for variable, name in (("DATA", "data"), ("CACHE", "cache"), ("CONFIG", "config")):
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(user / name))
    before = _state(sealed)
    assert any(name.startswith("skipviz-") for name in before), "the wheel is not there"
    yield folder
    assert _state(sealed) == before


@pytest.fixture
def server(environment: Path, elsewhere: Path, tmp_path: Path) -> Iterator[Server]:
    """`skipviz serve`, as that user starts it."""
    port = free_port()
    command = [str(environment / "skipviz"), "--no-browser", "--address=127.0.0.1"]
    with running([*command, f"--port={port}"], port, tmp_path, cwd=elsewhere) as started:
        yield started


def test_an_installed_wheel_opens_trains_and_writes_into_the_users_folder_alone(
    server: Server, elsewhere: Path, page: Page
) -> None:
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
    assert [path.name for path in elsewhere.iterdir()] == ["random.py"]


RECORDED = "recorded.gradients_at_init.main"
ANSWERS = (
    ("families", "families"),
    ("describe resnet depth=20", "name"),
    ("train tiny.json", "lanes"),
    ("scene", "known"),
    ("mutants --list", "faults"),
    ("data list", "key"),
    (f"export {RECORDED} out.csv --to csv", "files"),
    (f"export {RECORDED} report.html --to report", "files"),
    (f"export {RECORDED} out.zip --to zip", "files"),
    ("import out.zip", "run"),
    ("runs", "runs"),
    ("sweep plain backbone=dense --over depth=3,4 --steps 2", "sweep"),
    ("site course --scenes gradients_at_init --lessons=", "files"),
    ("key", "address"),
    ("doctor", "findings"),
)
REFUSALS = (
    ("resume nonesuch", "run 'nonesuch'"),
    (f"probe shares {RECORDED}", "a recording has no weights"),
    ("record gradients_at_init", "is never changed; set SKIPVIZ_RECORDINGS"),
    ("bench engine --cases nonesuch", "case 'nonesuch': must be one of pair-"),
    ("bench hall", "must be one of engine, gpu_session, tutorial_loop; a checkout has more"),
)
"""Words, and what the sentence says with which they end."""


def test_every_command_of_an_installed_wheel_answers(environment: Path, elsewhere: Path) -> None:
    lane = {"family": "resnet", "knobs": {"backbone": "dense", "depth": 5}}
    tiny = json.dumps({"lanes": [lane], "steps": 2})
    (elsewhere / "tiny.json").write_text(tiny, encoding="utf-8")
    said = {}
    for words, key in ANSWERS:
        out = _run(str(environment / "skipviz"), *words.split(), "--json", cwd=elsewhere)
        said[words] = json.loads(out.splitlines()[-1])
        assert key in said[words], words
    assert [row["run"] for row in said["runs"]["runs"]] == [said["import out.zip"]["run"]]
    assert [each for each in said["doctor"]["findings"] if not each["good"]] == []
    for words, sentence in REFUSALS:
        done = subprocess.run(
            [environment / "skipviz", *words.split()],
            cwd=elsewhere, capture_output=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 2 and sentence in done.stderr, f"{words}: {done.stderr}"
        assert len(done.stderr.splitlines()) == 1, done.stderr
    tried = {words.split()[0] for words, _ in (*ANSWERS, *REFUSALS)}
    assert tried | {"serve"} == set(grammar()[1]), "a command that is tried nowhere"
