"""Every format that a run leaves as: by the command, read back by the readers of others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from skipviz.cli.main import main
from skipviz.core import packages
from skipviz.core.knob import SpecError
from skipviz.exchange import event_files
from skipviz.exchange.formats import FORMATS, stored, write
from skipviz.store.frame_log import FrameLog
from skipviz.store.store import Store
from tests.exchange.test_frame_files import several as several
from tests.test_strict_json import strict

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
RUN = f"{'fingerprint':_<22}"
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The command's runs: one."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / RUN).symlink_to(RUNS / "fingerprint", target_is_directory=True)
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return Store()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def command(*words: str) -> tuple[int, str, str]:
        status = main(list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return command


@pytest.mark.parametrize("key", FORMATS)
def test_the_command_writes_every_format_under_the_name_that_it_says(
    key: str, store: Store, say: Say, tmp_path: Path
) -> None:
    status, out, _ = say("export", RUN, "--to", key)
    paths = [Path(line) for line in out.splitlines()]
    assert status == 0 and all(path.exists() and path.name.startswith(RUN) for path in paths)
    assert [path.suffix for path in paths] == [FORMATS[key].ending, *FORMATS[key].beside]
    status, out, err = say("export", RUN, "--to", key)
    assert status == 2 and "is there already; give another name" in err and err.count("\n") == 1
    status, out, _ = say("export", RUN, "--to", key, f"other{FORMATS[key].ending}", "--json")
    assert status == 0 and strict(out)["files"][0] == f"other{FORMATS[key].ending}"


def test_a_run_goes_out_by_one_command_and_comes_in_by_the_other(store: Store, say: Say) -> None:
    assert say("export", RUN, "run.zip", "--to", "zip")[0] == 0
    status, out, _ = say("import", "run.zip", "--json")
    run_id = strict(out)["run"]
    assert status == 0 and set(store.runs()) == {RUN, run_id}
    assert store.experiment(run_id) == store.experiment(RUN)
    assert say("import", "run.zip")[1].strip() in store.runs()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", RUN, "--to", "xlsx"], "format 'xlsx': must be one of report, csv"),
        (["export", "nowhere", "--to", "csv"], "run 'nowhere': there is no such run"),
        (["export", "_" * 22, "--to", "csv"], "there is no such run on this machine"),
        (["export", RUN, "--to", "csv", "no/such/folder/x.csv"], "is not there; make it first"),
        (["export", RUN, "--to", "svg", "--lane", "7"], "lane 7: this run has"),
        (["export", RUN, "--to", "svg", "--zoom", "far"], "zoom 'far': must be one of net"),
        (["import", "nowhere.zip"], "there is no such file"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(
    words: list[str], sentence: str, store: Store, say: Say
) -> None:
    status, out, err = say(*words)
    assert status == 2 and sentence in err and err.count("\n") == 1 and not out


def test_a_recording_leaves_like_a_run(store: Store, say: Say, tmp_path: Path) -> None:
    assert say("export", "recorded.lesion.main", "--to", "csv", "lesion.csv")[0] == 0
    of = stored(store, "recorded.lesion.main")
    log = FrameLog.open(of.frames)
    assert len((tmp_path / "lesion.csv").read_text(encoding="utf-8").splitlines()) == log.n + 1


READER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({
    tag: [[e.wall_time, e.step, e.value] for e in events.Scalars(tag)]
    for tag in events.Tags()["scalars"]
}))
"""


def _read(folder: Path) -> dict[str, list[list[float]]]:
    """What TensorBoard's own reader finds there, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder)], capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    tags: dict[str, list[list[float]]] = json.loads(done.stdout)
    return tags


def test_tensorboard_s_own_reader_reads_what_was_measured(several: Path, tmp_path: Path) -> None:
    event_files.write_events(several, 1_700_000_000.0, tmp_path / "events")
    log = FrameLog.open(several)
    folders = sorted(path.name for path in (tmp_path / "events").iterdir())
    assert folders == [f"{i}_{name}_seed{s}" for i, name in ((1, "plain"), (2, "highway"))
                       for s in range(3)]  # fmt: skip
    tags = _read(tmp_path / "events" / folders[1])
    _same(tags["loss/training"], range(log.n), log.lane(0, "loss")[:, 1, 0], log)
    rows, loss, error = log.held_out(0, 0, log.n)
    _same(tags["loss/held_out"], rows, loss[:, 1], log)
    _same(tags["error/held_out"], rows, error[:, 1], log)
    for depth in (1, 2, 3):
        values = log.lane(0, "signal_gradient_norm")[:, 1, depth - 1]
        _same(tags[f"signal_gradient_norm/{depth:03}"], range(log.n), values, log)
    assert not [tag for tag in tags if tag.startswith("gate_mean")]
    gated = _read(tmp_path / "events" / folders[3])
    assert {"gate_mean/002", "gate_mean/003"} < set(gated)


def _same(events: list[list[float]], rows: Any, values: np.ndarray, log: FrameLog) -> None:
    times, steps = log.column("time_s"), log.column("step")
    assert [step for _, step, _ in events] == [int(steps[row]) for row in rows]
    expected = [1_700_000_000.0 + times[row] for row in rows]
    np.testing.assert_allclose([when for when, *_ in events], expected, atol=1e-3)
    np.testing.assert_array_equal(
        np.array([value for *_, value in events]), values.astype(np.float32)
    )


def test_profiles_of_a_long_run_are_thinned(
    several: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_files, "MOST_PROFILES", 5)
    event_files.write_events(several, 0.0, tmp_path / "events")
    tags = _read(tmp_path / "events" / "2_highway_seed0")
    assert len(tags["loss/training"]) == 35 and len(tags["activation_scale/003"]) == 5


def test_without_tensorboardx_the_command_says_what_to_do(
    store: Store, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_there", lambda name: False)
    status, _, err = say("export", RUN, "--to", "tensorboard")
    assert status == 2 and "needs tensorboardX, which is not installed here: run" in err
    monkeypatch.setattr(packages, "installed", lambda: True)
    assert 'pip install "skipviz[export]"' in say("export", RUN, "--to", "pdf")[2]


def test_a_notebook_is_one(store: Store, tmp_path: Path) -> None:
    (path,) = write(stored(store, RUN), "notebook", tmp_path / "run.ipynb")
    read = nbformat.read(path, as_version=4)
    nbformat.validate(read)
    assert [cell.cell_type for cell in read.cells].count("code") == 6


def test_an_unknown_format_is_refused_before_anything_is_written(
    store: Store, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match="must be one of"):
        write(stored(store, RUN), "", tmp_path / "x")
    assert not (tmp_path / "x").exists()
