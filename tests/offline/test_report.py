"""A run's report: what is in it, how large it is, and what it says where something is missing."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from skipviz.core import final, registry
from skipviz.core.atomic_files import write_json
from skipviz.core.knob import SpecError
from skipviz.exchange.formats import stored, write
from skipviz.offline import tables
from skipviz.offline.run_data import StoredRun, packed
from skipviz.store import kept_evidence, run_marks
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
SHIPPED = Store()
RECORDED = "recorded.stripes.main"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def copied(store: Store, source: Path) -> str:
    """A stored run that is a copy of a folder."""
    run_id = store.new_id()
    shutil.copytree(source, store.folder(run_id))
    return run_id


def written(store: Store, run_id: str, folder: Path) -> str:
    to = folder / "report.html"
    to.unlink(missing_ok=True)
    write(stored(store, run_id), "report", to)
    return to.read_text(encoding="utf-8")


def messages_of(html: str, run_id: str) -> bytes:
    text = re.search(rf'\["run:{re.escape(run_id)}"\] = "([^"]+)"', html)
    assert text
    return gzip.decompress(base64.b64decode(text[1]))


def test_a_report_of_a_recording_says_what_the_scene_says_and_stays_small(tmp_path: Path) -> None:
    html = written(SHIPPED, RECORDED, tmp_path)
    scene = registry.scenes()["stripes"]
    assert len(html.encode()) < 6_000_000
    assert html.count('<div class="skip-verdict" data-state="met">') == len(scene.expects)
    assert "Before you believe it" in html and "plotly.js" in html and "2.15.0" in html
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    samples = messages_of(html, RECORDED)
    assert b'"pixels"' in samples


def test_the_final_numbers_of_a_report_are_those_of_every_seed() -> None:
    run = StoredRun(
        RECORDED, SHIPPED.folder(RECORDED), SHIPPED.experiment(RECORDED), SHIPPED.status(RECORDED)
    )
    log = run.log()
    html = tables.final_numbers(run, log)
    for lane in range(len(log.tracks)):
        for value in final.mean(log.column("step"), log.lane(lane, "loss")[:, :, 0]):
            assert f"{value:.4g}" in html


def test_a_run_of_ones_own_is_judged_where_its_scenes_other_runs_and_answers_are_here(
    store: Store, tmp_path: Path
) -> None:
    recorded = SHIPPED.recordings / "lesion"
    run_id = copied(store, recorded / "main")
    other = next(name for name in registry.scenes()["lesion"].runs if name != "main")
    html = written(store, run_id, tmp_path)
    assert f"Not on this machine with these seeds: {other}" in html and "not judged" in html
    copied(store, recorded / other)
    html = written(store, run_id, tmp_path)
    assert "not judged" not in html and "✓ shows here" in html
    shutil.rmtree(store.folder(run_id) / "probes")
    html = written(store, run_id, tmp_path)
    assert "cannot be read" in html and "not judged" in html


def test_a_report_names_the_run_as_its_owner_did_and_escapes_it(
    store: Store, tmp_path: Path
) -> None:
    run_id = copied(store, RUNS / "maps")
    run_marks.mark(store, run_id, name="<b>ours</b>", note="</script><i>")
    votes = {"question": "Which & why?", "choices": ["<one>", "two"], "counts": [3, 4], "shown": 1}
    write_json(store.folder(run_id) / "votes.json", votes)
    html = written(store, run_id, tmp_path)
    assert "<h1>&lt;b&gt;ours&lt;/b&gt;</h1>" in html and "&lt;/script&gt;&lt;i&gt;" in html
    assert "Which &amp; why?" in html and "&lt;one&gt;" in html


def test_a_run_that_would_take_too_much_is_shown_with_fewer_steps_and_samples() -> None:
    run = StoredRun(
        RECORDED, SHIPPED.folder(RECORDED), SHIPPED.experiment(RECORDED), SHIPPED.status(RECORDED)
    )
    log = run.log()
    whole = packed(run, log, most_bytes=50_000_000, with_maps=True)
    small = packed(run, log, most_bytes=300_000, with_maps=True)
    assert len(small.text) < 400_000 < len(whole.text)
    assert re.search(r"Its maps are those of \d+ of 10 samples, at \d+ of \d+ steps", small.says)
    assert "Its maps" not in whole.says
    without = packed(run, log, most_bytes=300_000, with_maps=False)
    hello = gzip.decompress(base64.b64decode(without.text))
    (size,) = np.frombuffer(hello[1:5], "<u4")
    tracks = json.loads(hello[5 : 5 + size])["tracks"]
    assert all(track["cells"] == track["samples"] == 0 for track in tracks)


@pytest.mark.parametrize("name", ["diverged", "steered", "first", "before_the_rooms"])
def test_runs_that_ended_oddly_have_reports_that_say_so(
    name: str, store: Store, tmp_path: Path
) -> None:
    run_id = copied(store, RUNS / name)
    html = written(store, run_id, tmp_path)
    log = FrameLog.open(store.folder(run_id) / "frames.arrow")
    if any(log.diverged_at(i, log.n - 1) is not None for i in range(len(log.tracks))):
        assert "its curve ends there" in html
    if store.status(run_id).get("changes"):
        assert "changed by hand" in html


def test_a_run_without_frames_has_no_report(store: Store, tmp_path: Path) -> None:
    run_id = copied(store, RUNS / "maps")
    (store.folder(run_id) / "frames.arrow").write_bytes(b"")
    with pytest.raises(SpecError):
        written(store, run_id, tmp_path)


def test_which_scene_a_run_belongs_to_is_read_from_its_experiment() -> None:
    scene = registry.scenes()["lesion"]
    own = scene.experiment.with_(seed=7, seeds=2)
    assert kept_evidence.scene_of("x" * 22, own) == ("lesion", "main")
    assert kept_evidence.scene_of("x" * 22, own.with_(lr=0.123)) is None
    assert kept_evidence.scene_of("recorded.lesion.main", own) == ("lesion", "main")
