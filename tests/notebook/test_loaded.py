"""A run in a notebook: tables, figures, live charts and a bar; and the exported notebook runs."""

from __future__ import annotations

import gc
import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import skipviz
from skipviz.core import places
from skipviz.core.knob import SpecError
from skipviz.exchange import frame_files, run_zip
from skipviz.exchange.notebook import notebook
from skipviz.notebook import progress
from skipviz.store import frame_table
from skipviz.store.frame_log import FrameLog
from skipviz.store.frame_schema import PROFILES

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
STRIPES = next(path.name for path in sorted(places.recordings().glob("stripes/*")))
RECORDED = f"recorded.stripes.{STRIPES}"


def test_a_run_is_loaded_by_id_by_folder_and_from_a_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = f"{'fingerprint':_<22}"
    shutil.copytree(RUNS / "fingerprint", tmp_path / "runs" / run_id)
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path / "runs"))
    run_zip.pack(RUNS / "fingerprint", tmp_path / "run.zip")
    loaded = [skipviz.load(run_id), skipviz.load(RUNS / "fingerprint"),
              skipviz.load(str(tmp_path / "run.zip"))]  # fmt: skip
    expected = frame_table.whole(RUNS / "fingerprint" / "frames.arrow")
    for run in loaded:
        assert run.experiment == loaded[0].experiment and run.status["state"] == "finished"
        assert run.table.equals(expected) and run.frames.equals(loaded[0].frames)
    assert repr(loaded[0]).startswith(f"Run {run_id}: ")
    unpacked = loaded[2].folder
    assert unpacked.is_dir()
    del run, loaded
    gc.collect()  # what counts lines may hold it a little longer
    assert not unpacked.exists()


def test_pandas_has_the_numbers_of_the_csv(tmp_path: Path) -> None:
    run = skipviz.load(RECORDED)
    frame_files.write_csv(run.folder / "frames.arrow", tmp_path / "frames.csv")
    head = (tmp_path / "frames.csv").read_text(encoding="utf-8").splitlines()[0]
    assert [name.strip('"') for name in head.split(",")] == list(run.frames.columns)
    log = FrameLog.open(run.folder / "frames.arrow")
    np.testing.assert_array_equal(run.frames["lane0_loss_s0"], log.lane(0, "loss")[:, 0, 0])


@pytest.mark.parametrize("what", ["loss", "error", *PROFILES])
def test_a_figure_shows_the_numbers_of_the_run(what: str) -> None:
    run = skipviz.load(RECORDED)
    figure = run.figure(what, dark=what == "error")
    named = {trace.name: trace for trace in figure.data}
    assert set(named) <= {*run.lanes, *(f"{name}, held out" for name in run.lanes)} and named
    i = run.lanes.index(next(iter(named)))
    shown = [np.nan if y is None else y for y in next(iter(named.values())).y]
    if what in PROFILES:
        row = run.log.profiled(np.array([run.log.n - 1]))
        np.testing.assert_allclose(shown, np.median(run.log.lane(i, what, row)[0], axis=0))
        assert f"step {run.log.last_step}" in figure.layout.title.text
        assert f"step {int(run.log.column('step')[0])}" in run.figure(what, 0).layout.title.text
    else:
        np.testing.assert_allclose(shown, np.median(run.log.lane(i, what)[:, :, 0], axis=1))


def test_nonsense_is_one_sentence(tmp_path: Path) -> None:
    run = skipviz.load(RUNS / "steered")
    for sentence, ask in (
        ("figure 'gradient': must be one of loss", lambda: run.figure("gradient")),
        ("must be a run's id, its folder or its exported zip", lambda: skipviz.load("nowhere")),
        ("there is no such run", lambda: skipviz.load("_" * 22)),
        ("there is no such run", lambda: skipviz.load(tmp_path)),
        ("no such file", lambda: skipviz.load(tmp_path / "x.zip")),
    ):
        with pytest.raises(SpecError, match=sentence):
            ask()  # type: ignore[no-untyped-call]


def test_the_live_page_holds_its_script_once_and_needs_no_network() -> None:
    html = skipviz.show(RECORDED).html
    assert html.count("class Painter") == 1 and html.count('["plotly"]') == 1
    assert f'["run:{RECORDED}"]' in html
    assert len(html) < 4_000_000 and not re.findall(r'(?:src|href)="', html)


def test_outside_a_notebook_training_shows_no_bar() -> None:
    assert not progress._wanted(None) and not progress._wanted(True)
    lane = skipviz.Lane(family="plain", knobs={"backbone": "dense", "depth": 2})
    of = skipviz.Experiment(lanes=[lane], steps=2)
    assert [frame.step for frame in skipviz.train(of)] == [0, 1]


def test_the_exported_notebook_runs_in_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    run = skipviz.load(RECORDED)
    text = json.dumps(notebook(RECORDED, run.experiment))
    pages: Any = nbformat.reads(text, as_version=4)
    NotebookClient(pages, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    said = [cell.outputs for cell in pages.cells if cell.cell_type == "code"]
    assert f"Run {RECORDED}" in said[0][0].data["text/plain"]
    assert "lane0_loss_s0" in said[1][0].data["text/html"]
    assert all("application/vnd.plotly.v1+json" in said[k][0].data for k in (2, 3))
    assert said[4][0].data["text/html"].startswith("<iframe srcdoc=")
    bar, last = said[5]
    assert 'value="20" max="20"' in bar.data["text/html"]
    assert re.search(r"\d\.\d", last.data["text/plain"])
