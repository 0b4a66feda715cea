"""What holds on every system, as far as one of them can show it: imports, locales, paths."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skipviz.core import registry

ROOT = Path(__file__).parent.parent
FOLDERS = ("skipviz", "pages", "tests", "tools", "benchmarks")
SOURCES = sorted([ROOT / "app.py", *(p for f in FOLDERS for p in ROOT.glob(f"{f}/**/*.py"))])

POSIX_MODULES = "fcntl grp pty pwd resource spwd syslog termios tty".split()
POSIX_OF_OS = (
    "chown fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getuid killpg mkfifo"
    " nice posix_spawn sched_getaffinity sched_setaffinity setsid statvfs uname wait3 wait4"
).split()
POSIX_SIGNALS = "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGQUIT SIGSTOP SIGUSR1 SIGUSR2".split()

ELSEWHERE = f"""
import importlib, os, pkgutil, signal, socket, subprocess, sys, tempfile
import filelock, graphviz, multiprocessing.util, platformdirs, plotly.graph_objects, psutil
import pyarrow.ipc, sklearn
import sklearn.linear_model, streamlit.testing.v1, streamlit.web.bootstrap, torch, torchvision
import torch.utils.data
for name in {POSIX_MODULES}:
    sys.modules[name] = None
for name in {POSIX_OF_OS}:
    if hasattr(os, name):
        delattr(os, name)
for name in {POSIX_SIGNALS}:
    delattr(signal, name)
del socket.AF_UNIX
import skipviz
for item in pkgutil.walk_packages(skipviz.__path__, "skipviz."):
    if not item.name.endswith("__main__"):
        importlib.import_module(item.name)
importlib.import_module("skipviz.worker.__main__")
from pathlib import Path
from skipviz.cli.main import main
from skipviz.datafiles import cache
from skipviz.engine import device, fused
from skipviz.store.store import Store
store = Store(Path(os.environ["SKIPVIZ_RUNS"]))
asked = skipviz.Experiment(lanes=[skipviz.Lane(family="resnet", knobs=dict(backbone="dense",
    depth=5))], steps=2, device="cpu")
run = store.new_id()
store.create(run, asked)
assert store.experiment(run) == asked and store.runs() == [run]
assert len(list(skipviz.train(asked))) == 2
assert cache.is_cached("digits") and device.cores() >= 1
for words in (["families"], ["runs"], ["data"], ["scene"]):
    assert main(words) == 0, words
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, encoding="utf-8", errors="replace", cwd=ROOT,
        env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.slow
def test_everything_loads_and_trains_without_what_only_posix_has(tmp_path: Path) -> None:
    done = run_python(ELSEWHERE, SKIPVIZ_RUNS=str(tmp_path), SKIPVIZ_CACHE=str(tmp_path / "c"))
    assert done.returncode == 0, done.stderr


def test_no_file_imports_at_its_top_what_only_posix_has() -> None:
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            modules = names if isinstance(node, ast.Import) else [getattr(node, "module", None)]
            assert not set(POSIX_MODULES) & set(modules), f"{path}: {modules}"


FOREIGN = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "LANG": "C"}
"""Text is ASCII unless it is named: less than any code page, so what passes here passes on all."""

ALL_FILES = """
import locale
assert locale.getencoding() in ("ANSI_X3.4-1968", "US-ASCII", "646"), locale.getencoding()
from pathlib import Path
from streamlit.testing.v1 import AppTest
from skipviz.core import registry
from skipviz.store import recordings
from skipviz.ui import shell as frame
from skipviz.ui.architecture import graph
from skipviz.ui.run import live
shown = [key for key in registry.scenes() if recordings.of(key)]
for key in shown[:2]:
    recordings.evidence(key), recordings.about(recordings.id_of(key, "main"))
pages = [page.path for page in frame.pages()]
for path in ["app.py", *(each for each in pages if each.name == "03_reference.py")]:
    page = AppTest.from_file(str(path), default_timeout=120).run()
    assert not page.exception, (path, page.exception)
print(len(shown), len(pages))
"""


@pytest.mark.slow
def test_assets_tables_recordings_and_pages_are_read_in_a_locale_of_pure_ascii(
    tmp_path: Path,
) -> None:
    done = run_python(ALL_FILES, SKIPVIZ_RUNS=str(tmp_path), **FOREIGN)
    assert done.returncode == 0, done.stderr
    scenes, pages = map(int, done.stdout.split()[-2:])
    assert scenes == len(registry.scenes()) and pages > 15


LONG = "Läufe und Übungen, " + "sehr " * 20
"""Some hundred characters, with blanks and umlauts: three of them are beyond 260."""

IN_A_LONG_FOLDER = """
import json, os, sys, time
from pathlib import Path
import numpy as np
from skipviz.core import places
from skipviz.datafiles import cache
from skipviz.engine import fused
from skipviz.store.frame_log import FrameLog
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from skipviz.core.experiment import Experiment, Lane
from skipviz.datafiles.adding import add
images = np.random.default_rng(0).integers(0, 256, (20, 16, 16), np.uint8)
packed = Path(os.environ["SKIPVIZ_DATA"]) / "Bücher und so.npz"
packed.parent.mkdir(parents=True)
np.savez(packed, images=images, labels=np.arange(20) % 2)
key = add("Größe Ä", packed, 0, lambda **event: None)
lane = Lane(family="resnet", knobs={"backbone": "dense", "depth": 5})
manager = Manager(running=1)
manager.start()
run = manager.find(manager.submit(Experiment(lanes=[lane], data=key, steps=3, device="cpu",
                                             batch_size=4)))
while not run.ended and not manager.dispatcher.trouble:
    time.sleep(0.05)
manager.close()
folder = manager.store.folder(run.id)
print(json.dumps({
    "state": run.status(), "frames": FrameLog.open(folder / "frames.arrow").n,
    "folder": str(folder), "files": sorted(path.name for path in folder.iterdir()),
    "mapped": cache.mapped(key) is not None, "fused": fused.why(),
    "libraries": [str(path) for path in (places.cache() / "fused").glob("*.so")],
}))
"""


@pytest.mark.slow
def test_runs_cache_and_data_lie_in_a_long_folder_with_blanks_and_umlauts(tmp_path: Path) -> None:
    deep = tmp_path / LONG / LONG / LONG
    assert len(str(deep)) > 260
    folders = {f"SKIPVIZ_{name}": str(deep / name.lower()) for name in ("RUNS", "CACHE", "DATA")}
    done = run_python(IN_A_LONG_FOLDER, **folders)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["state"]["state"] == "finished", told
    assert told["frames"] == 3 and told["mapped"] and len(told["folder"]) > 260
    assert {"experiment.json", "frames.arrow", "status.json", "checkpoint.pt"} <= set(told["files"])
    if sys.platform != "win32" and shutil.which("cc"):
        assert told["fused"] == "" and len(told["libraries"]) == 1, told
    shutil.rmtree(tmp_path / LONG)


@pytest.mark.parametrize("name", ["CON", "nul.", "aux ", "LPT1.txt", "Cats", "cats", "ÄÖ", "a/b:c"])
def test_a_set_named_by_a_user_lies_in_a_folder_that_every_system_can_make(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from skipviz.core import user_datasets

    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    keys = [user_datasets.reserve(name), user_datasets.reserve(name.swapcase())]
    assert len({key.lower() for key in keys}) == 2, keys
    for key in keys:
        assert (
            user_datasets.is_key(key) and key.startswith("own-") and key == key.strip(" .").lower()
        )
        assert (user_datasets.home() / key).is_dir()
