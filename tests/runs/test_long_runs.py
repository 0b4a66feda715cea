"""Runs of which only a window is in memory: read from their file, they say the very same."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.server.run import Run
from skipviz.store import frame_columns, frame_pages, frame_rows, overview
from skipviz.store.frame_log import FrameLog, LaneAxes, Writer, schema
from skipviz.store.frame_schema import PROFILES
from skipviz.store.rewrite import rewrite
from skipviz.store.thinning import thin
from skipviz.stream import messages
from tests.runs.test_frame_log import HIGHWAY, PLAIN, TWIN, assert_same, make_frames

TRACKS = [TWIN, HIGHWAY]
STEPS, WINDOW = 500, 12_000


@pytest.fixture(autouse=True)
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_rows, "WINDOW_BYTES", WINDOW)
    monkeypatch.setattr(frame_pages, "BATCHES_AT_ONCE", 7)


@cache
def batches(tracks: tuple[LaneAxes, ...], steps: range, per_batch: int) -> list[bytes]:
    """The bytes of some steps, a batch each."""
    writer, frames = Writer(schema("{}", tracks)), make_frames(list(tracks), steps, every=40)
    parts = [frames[first : first + per_batch] for first in range(0, len(frames), per_batch)]
    return [writer.batch(part, [0.1 * frame.step for frame in part]) for part in parts]


class Recorded:
    """A file of frames that grows batch by batch, and a log that hears of them as a server does."""

    def __init__(self, path: Path, tracks: list[LaneAxes] = TRACKS) -> None:
        self.path, self.tracks = path, tracks
        self.writer = Writer(schema("{}", tracks))
        self.log = FrameLog(path)
        self.whole = FrameLog()  # of which all is in memory
        path.write_bytes(self.writer.start())
        for log in (self.log, self.whole):
            log.append_bytes(self.writer.start())

    def grow(self, steps: range, per_batch: int = 5) -> None:
        for data in batches(tuple(self.tracks), steps, per_batch):
            with self.path.open("ab") as file:
                file.write(data)
            for log in (self.log, self.whole):
                log.append_bytes(data)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    made = Recorded(tmp_path / "frames.arrow")
    made.grow(range(STEPS))
    return made


def assert_equal(log: FrameLog, whole: FrameLog) -> None:
    assert log.n == whole.n and log.last_step == whole.last_step
    for name in ("step", "time_s", "lane0_loss", "lane1_gate_mean", "lane0_diverged_at"):
        np.testing.assert_array_equal(log.column(name), whole.column(name))
        for rows in (slice(3, 70), slice(20, 20), slice(-9, None), np.array([450, 2, 2, 499])):
            np.testing.assert_array_equal(log.column(name, rows), whole.column(name, rows))
    np.testing.assert_array_equal(log.column("lane1_loss", 4), whole.column("lane1_loss", 4))
    for i in range(len(log.tracks)):
        assert log.map_rows(i) == whole.map_rows(i)
        assert log.reach(i, "output_map") == whole.reach(i, "output_map")
        assert [log.diverged_at(i, row) for row in (0, 5, 6, 450)] == [None, None, 5, 5]
        for start, stop in ((0, 500), (0, 1), (3, 400), (490, 500), (5, 5)):
            for part, wanted in zip(
                log.held_out(i, start, stop), whole.held_out(i, start, stop), strict=True
            ):
                np.testing.assert_array_equal(part, wanted)


def test_what_is_no_longer_in_memory_is_read_from_the_file(recorded: Recorded) -> None:
    log, whole = recorded.log, recorded.whole
    assert log.nbytes < whole.nbytes / 2
    assert_equal(log, whole)
    for step in (0, 1, 40, 41, 333, 499):
        assert_same(log.frame(step), whole.frame(step))
        for lane in (0, 1):
            at, wanted = log.map_at(lane, log.row(step)), whole.map_at(lane, step)
            assert at is not None and wanted is not None and at[0] == wanted[0]
            np.testing.assert_array_equal(at[1]["output_map"], wanted[1]["output_map"])


def test_a_long_file_is_opened_without_its_frames_and_goes_on_growing(
    recorded: Recorded,
) -> None:
    recorded.log = opened = FrameLog.open(recorded.path)
    assert opened.nbytes < recorded.whole.nbytes / 2
    assert opened.whole_bytes == recorded.path.stat().st_size
    assert_equal(opened, recorded.whole)
    recorded.grow(range(STEPS, STEPS + 30))
    assert_equal(opened, recorded.whole)


def test_a_long_file_that_ends_in_a_half_batch_opens_up_to_its_last_whole_one(
    recorded: Recorded,
) -> None:
    data = recorded.path.read_bytes()
    for rest in (data[:-7], data + b"\xff\xff\xff\xff", data + b"garbage" * 9):
        recorded.path.write_bytes(rest)
        opened = FrameLog.open(recorded.path)
        assert opened.n == (STEPS - 5 if len(rest) < len(data) else STEPS)
        assert_same(opened.frame(77), recorded.whole.frame(77))
    recorded.path.write_bytes(b"no frames at all" * 9999)
    with pytest.raises(SpecError, match="schema"):
        FrameLog.open(recorded.path)


def test_the_screens_messages_are_bounded_and_keep_a_long_runs_extremes(tmp_path: Path) -> None:
    made = Recorded(tmp_path / "frames.arrow", [PLAIN])
    steps = range(4000)
    frames = make_frames([PLAIN], steps, every=9999)
    at = {1234: 77.0, 2345: -5.0, 3999: 8.0}
    for frame in frames:
        object.__setattr__(frame.lanes[0], "loss", at.get(frame.step, frame.lanes[0].loss))
    for first in range(0, 4000, 20):
        data = made.writer.batch(frames[first : first + 20], [0.0] * 20)
        with made.path.open("ab") as file:
            file.write(data)
        made.log.append_bytes(data)
    for log in (made.log, FrameLog.open(made.path)):
        rows = messages._loss_rows(log, 0, log.n, 100)
        assert len(rows) <= 100 and {0, 1234, 2345, 3999} <= set(rows.tolist())
        assert np.diff(rows).max() < 300  # no part of the run is forgotten
        assert len(messages.snapshot(log, 0, log.n)) < 60_000


def test_what_was_thinned_often_is_not_thinner_than_what_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "MOST_ROWS", 400)
    losses = np.random.default_rng(0).random((20_000, 1))
    held = overview.Overview()
    for first in range(0, 20_000, 250):
        rows = np.arange(first, first + 250)
        held = held.with_rows(rows, {"lane0_loss": losses[rows], "lane0_error": losses[rows]})
    assert len(held.rows) <= 650
    counts = np.histogram(held.rows, 10, (0, 20_000))[0]
    assert counts.min() > 10
    assert {int(losses.argmin()), int(losses.argmax())} <= set(held.rows.tolist())
    np.testing.assert_array_equal(held.columns["lane0_error"], losses[held.rows])


def test_evaluations_of_a_long_run_are_bounded_and_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_EVALUATIONS", 100)
    held = overview.Overview()
    for first in range(0, 5000, 50):
        rows = list(range(first, first + 50))
        held = held.with_rare("lane0_held_out_loss", rows, np.array(rows)[:, None] / 2)
    rows_held, values = held.rare["lane0_held_out_loss"]
    assert len(rows_held) <= 150 and rows_held[0] == 0 and rows_held[-1] == 4999
    assert np.diff(rows_held).max() < 250
    np.testing.assert_array_equal(values[:, 0], rows_held / 2)


def test_rows_stay_in_memory_while_the_file_does_not_have_them(tmp_path: Path) -> None:
    made = Recorded(tmp_path / "frames.arrow")
    made.grow(range(200))
    before = made.log.nbytes
    made.path.unlink()
    frames = make_frames(TRACKS, range(200, 500), every=40)
    for first in range(0, 300, 20):
        data = made.writer.batch(frames[first : first + 20], [0.0] * 20)
        made.log.append_bytes(data)
    assert made.log.nbytes > before
    assert_same(made.log.frame(333), frames[133])


def test_a_file_that_was_written_anew_is_looked_through_again(recorded: Recorded) -> None:
    longer = schema('{"more": "' + "x" * 5000 + '"}', TRACKS)
    assert_same(recorded.log.frame(3), recorded.whole.frame(3))
    rewrite(recorded.path, longer)
    assert_equal(recorded.log, recorded.whole)


def test_a_run_that_is_taken_up_again_reads_what_it_repeats_once_it_is_there(
    recorded: Recorded,
) -> None:
    rewrite(recorded.path, recorded.writer.schema, before=300)
    missing = recorded.log.frame(400).lanes[0]
    assert np.isnan(missing.signal_gradient_norm).all() and recorded.log.map_at(0, 400) is None
    assert_same(recorded.log.frame(299), recorded.whole.frame(299))
    assert_same(recorded.log.frame(499), recorded.whole.frame(499))  # in memory
    recorded.grow(range(300, STEPS + 40))
    assert_equal(recorded.log, recorded.whole)


def test_a_file_that_is_gone_leaves_gaps_and_breaks_nothing(recorded: Recorded) -> None:
    recorded.path.unlink()
    assert len(messages.snapshot(recorded.log, 0, STEPS)) > 1000
    assert np.isnan(recorded.log.column("lane0_activation_scale", 3)).all()


def test_large_results_are_mapped_and_equal(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_columns, "MAPPED_BYTES", 1000)
    norms = recorded.log.lane(1, PROFILES[0])
    assert isinstance(norms.base if norms.base is not None else norms, np.memmap)
    np.testing.assert_array_equal(norms, recorded.whole.lane(1, PROFILES[0]))


def test_frames_that_repeat_in_a_file_are_taken_once(tmp_path: Path) -> None:
    made = Recorded(tmp_path / "frames.arrow")
    for steps in (range(300), range(290, 500), range(400, 420), range(500, 700)):
        made.grow(steps)
    opened = FrameLog.open(made.path)
    for log in (made.log, opened):
        assert log.column("step").tolist() == list(range(700))
        for name in ("lane0_loss", "lane1_weight_gradient_norm"):
            np.testing.assert_array_equal(log.column(name), made.whole.column(name))
        rows, loss, _ = log.held_out(1, 0, 700)
        np.testing.assert_array_equal(rows, made.whole.held_out(1, 0, 700)[0])
        np.testing.assert_array_equal(loss, made.whole.held_out(1, 0, 700)[1])


def test_readers_find_every_row_while_older_ones_leave_the_memory(tmp_path: Path) -> None:
    made = Recorded(tmp_path / "frames.arrow", [PLAIN])
    made.grow(range(50))
    writer = threading.Thread(target=made.grow, args=(range(50, 1500), 25))
    writer.start()
    rng = np.random.default_rng(1)
    while writer.is_alive():
        n = made.whole.n  # which hears of a batch last
        rows = np.unique(rng.integers(0, n, 5))
        loss = made.log.column("lane0_loss", rows)
        np.testing.assert_array_equal(loss, made.whole.column("lane0_loss", rows))
        assert not np.isnan(made.log.column("lane0_activation_scale", slice(0, n))).any()
    writer.join()
    assert made.log.n == 1500


def test_a_stored_run_leaves_its_frames_to_its_folder(tmp_path: Path) -> None:
    made = Recorded(tmp_path / "frames.arrow")
    run = Run("x", Experiment(lanes=[Lane(family="plain")]), tmp_path)
    run.add(made.writer.start())
    made.grow(range(400))
    run.add(made.path.read_bytes())
    assert run.log.n == 400 and run.nbytes < made.whole.nbytes
    run.update(state="stopped")
    run.viewer_came()
    run.rest()
    assert run.nbytes, "somebody watches it"
    run.viewer_left()
    run.rest()
    assert run.nbytes == 0 and run.log.n == 400


def test_a_thinned_curve_is_cut_into_stretches_of_equal_length() -> None:
    at = np.concatenate([np.arange(0, 10_000, 100), np.arange(10_000, 10_900)])
    rows = thin(np.random.default_rng(2).random((1000, 1)), 102, at)
    assert len(rows) <= 102 and rows[0] == 0 and rows[-1] == 999
    assert (at[rows] < 10_000).sum() > 80
