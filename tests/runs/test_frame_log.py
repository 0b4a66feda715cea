"""The frames log: round trip, files cut anywhere, nearest frames, thinning."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skipviz.core.frame import Frame, LaneFrame
from skipviz.core.knob import SpecError
from skipviz.store.frame_log import FrameLog, LaneAxes, Writer, read_tracks, schema, to_batch
from skipviz.store.frame_schema import SPARSE
from skipviz.store.thinning import spread, thin

PLAIN = LaneAxes(
    label="Plain-3",
    family="plain",
    points=[("x1", 1), ("x2", 2), ("x3", 3)],
    layers=[("fc1", 1), ("fc2", 2), ("fc3", 3)],
)
HIGHWAY = LaneAxes(
    label="Highway-3",
    family="highway",
    points=[("x1", 1), ("x2", 2)],
    layers=[("fc1", 1), ("fc2", 2)],
    gates=[("unit1", 1), ("unit2", 2)],
    cells=4,
    held_out=True,
    units=[("unit1", 1), ("unit2", 2)],
    samples=3,
    averaged=9,
    bias=-2.0,
)
KINDS = {"gate_bias_map": np.float32}
TWIN = LaneAxes(**{**vars(HIGHWAY), "gates": (), "averaged": 0, "bias": None})


def lane_frame(track: LaneAxes, step: int, *, with_map: bool) -> LaneFrame:
    rng = np.random.default_rng([step, len(track.points), track.seeds])

    def numbers(n: int) -> np.ndarray:
        if n == 0:
            return np.zeros(0)
        return rng.random(n if track.seeds == 1 else (track.seeds, n))

    def one() -> float | np.ndarray:
        return float(rng.random()) if track.seeds == 1 else rng.random(track.seeds)

    maps = {
        name: rng.normal(size=track.map_shape(name)).astype(KINDS.get(name, np.float16))
        for name in track.maps()
    }
    return LaneFrame(
        loss=one(),
        error=one(),
        signal_gradient_norm=numbers(len(track.points)) * 1e-300,
        weight_gradient_norm=numbers(len(track.layers)),
        activation_scale=numbers(len(track.points)),
        gate_mean=numbers(len(track.gates)),
        **(maps if with_map else {}),
        held_out_loss=one() if track.held_out and step % 4 == 0 else None,
        held_out_error=one() if track.held_out and step % 4 == 0 else None,
        diverged_at=5 if step > 5 else None,
    )


def make_frames(tracks: list[LaneAxes], steps: range, every: int = 3) -> list[Frame]:
    def lane(track: LaneAxes, step: int) -> LaneFrame:
        return lane_frame(track, step, with_map=step % every == 0)

    return [Frame(step=s, lanes=tuple(lane(t, s) for t in tracks)) for s in steps]


def stream(tracks: list[LaneAxes], steps: int, per_batch: int = 2) -> tuple[bytes, list[int]]:
    """A stream's bytes and the lengths at which it is whole."""
    writer = Writer(schema("{}", tracks))
    data, ends = writer.start(), []
    ends.append(len(data))
    for first in range(0, steps, per_batch):
        frames = make_frames(tracks, range(first, first + per_batch))
        data += writer.batch(frames, [0.1 * frame.step for frame in frames])
        ends.append(len(data))
    return data, ends


def assert_same(got: Frame, want: Frame) -> None:
    assert got.step == want.step
    for a, b in zip(got.lanes, want.lanes, strict=True):
        assert a.diverged_at == b.diverged_at
        for name in ("loss", "error", "signal_gradient_norm", "activation_scale", "gate_mean"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for name in SPARSE:
            assert (getattr(a, name) is None) == (getattr(b, name) is None)
            if getattr(a, name) is not None:
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_a_track_survives_json() -> None:
    assert LaneAxes.from_json(json.loads(json.dumps(HIGHWAY.to_json()))) == HIGHWAY


def test_the_schema_carries_experiment_and_tracks() -> None:
    of = schema('{"steps": 4}', [PLAIN, HIGHWAY])
    assert read_tracks(of) == (PLAIN, HIGHWAY)
    for name in ("gate_map", "held_out_loss"):
        assert f"lane1_{name}" in of.names and f"lane0_{name}" not in of.names


@pytest.mark.parametrize("seeds", [1, 3])
def test_frames_come_back_exactly_as_they_were(seeds: int) -> None:
    tracks = [LaneAxes(**{**vars(t), "seeds": seeds}) for t in (PLAIN, HIGHWAY)]
    frames = make_frames(tracks, range(200))
    log = FrameLog()
    for i in range(0, 200, 7):
        part = frames[i : i + 7]
        log.append(to_batch(part, [f.step / 10 for f in part], schema("{}", tracks)))
    assert log.n == 200 and log.tracks == tuple(tracks)
    for step in (0, 4, 5, 6, 63, 64, 65, 199):
        assert_same(log.frame(step), frames[step])
    np.testing.assert_allclose(log.column("time_s"), np.arange(200) / 10)


def test_any_arrow_reader_opens_the_file(tmp_path: Path) -> None:
    (tmp_path / "frames.arrow").write_bytes(stream([PLAIN, HIGHWAY], 10)[0])
    with pa.OSFile(str(tmp_path / "frames.arrow")) as file:
        table = pa.ipc.open_stream(file).read_all()
    assert table.column("step").to_pylist() == list(range(10))
    assert table.column("lane1_gate_map").null_count == 6
    assert table.column("lane1_held_out_loss").null_count == 7


@pytest.mark.slow
def test_a_file_cut_at_any_byte_opens_up_to_its_last_whole_batch(tmp_path: Path) -> None:
    data, ends = stream([PLAIN], 6)
    path = tmp_path / "frames.arrow"
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        if cut < ends[0]:
            with pytest.raises(SpecError, match=r"^frames frames\.arrow: .*schema"):
                FrameLog.open(path)
            continue
        log = FrameLog.open(path)
        whole = max(i for i, end in enumerate(ends) if end <= cut)
        assert (log.n, log.whole_bytes) == (2 * whole, ends[whole])


@pytest.mark.parametrize("garbage", [b"x" * 100, b"\xff\xff\xff\xff" + b"\x07" * 60, b"{}"])
def test_a_file_that_is_no_run_gives_one_sentence(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / "frames.arrow").write_bytes(garbage)
    with pytest.raises(SpecError, match="schema"):
        FrameLog.open(tmp_path / "frames.arrow")


def test_a_missing_file_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        FrameLog.open(tmp_path / "frames.arrow")


def test_garbage_after_whole_batches_keeps_the_batches(tmp_path: Path) -> None:
    (tmp_path / "frames.arrow").write_bytes(stream([PLAIN], 6)[0] + b"garbage" * 9)
    assert FrameLog.open(tmp_path / "frames.arrow").n == 6


def test_bytes_may_arrive_in_any_pieces() -> None:
    data, _ = stream([PLAIN, HIGHWAY], 8)
    for size in (1, 7, 1000):
        log = FrameLog()
        for i in range(0, len(data), size):
            log.append_bytes(data[i : i + size])
        assert log.n == 8
        assert_same(log.frame(3), make_frames([PLAIN, HIGHWAY], range(8))[3])


def test_an_end_mark_and_a_second_schema_do_no_harm() -> None:
    data, ends = stream([PLAIN], 6)
    more = data[: ends[0]] + data[ends[1] :]
    log = FrameLog()
    log.append_bytes(data[: ends[1]] + b"\xff\xff\xff\xff\0\0\0\0" + more)
    assert log.column("step").tolist() == list(range(6))


def test_replayed_steps_are_taken_once() -> None:
    log = FrameLog()
    for steps in (range(10), range(6, 14), range(2, 5)):
        frames = make_frames([HIGHWAY], steps)
        log.append(to_batch(frames, [0.0] * len(frames), schema("{}", [HIGHWAY])))
    assert log.column("step").tolist() == list(range(14))
    found = log.map_at(0, 13)
    assert found is not None and found[0] == 12


def test_the_nearest_recorded_step_and_its_maps_are_found() -> None:
    log = FrameLog()
    frames = make_frames([HIGHWAY], range(0, 100, 10), every=30)
    log.append(to_batch(frames, [0.0] * 10, schema("{}", [HIGHWAY])))
    assert [log.frame(s).step for s in (-5, 4, 5, 6, 51, 10_000)] == [0, 0, 0, 10, 50, 90]
    assert (log.row(10**40), log.row(-(10**40))) == (9, 0)
    found = log.map_at(0, log.row(50))
    assert found is not None and found[0] == 30
    np.testing.assert_array_equal(found[1]["gate_map"], frames[3].lanes[0].gate_map)
    assert log.map_rows(0) == [0, 3, 6, 9]


def test_maps_of_a_gated_lane_and_of_its_twin_come_back_and_their_reach_is_known() -> None:
    tracks, log = [TWIN, HIGHWAY], FrameLog()
    frames = make_frames(tracks, range(9))
    log.append(to_batch(frames, [0.0] * 9, schema("{}", tracks)))
    for step in (0, 4, 6):
        assert_same(log.frame(step), frames[step])
    for i, lanes in enumerate(zip(*(frame.lanes for frame in frames), strict=True)):
        outputs = [lane.output_map for lane in lanes if lane.output_map is not None]
        assert log.reach(i, "output_map") == np.abs(outputs).max()
        assert outputs[0].shape == (3, 2, 4)
    assert frames[0].lanes[0].gate_map is None
    biases = [lane.gate_bias_map for lane in lanes if lane.gate_bias_map is not None]
    assert log.reach(1, "gate_bias_map") == np.abs(np.array(biases) + 2).max()


def test_steps_without_maps_take_no_room() -> None:
    writer, lanes = Writer(schema("{}", [HIGHWAY])), make_frames([HIGHWAY], range(100), every=1000)
    without = len(writer.batch(lanes, [0.0] * 100))
    plain = LaneAxes(**{**vars(HIGHWAY), "units": (), "cells": 0})
    assert without < 1.3 * len(Writer(schema("{}", [plain])).batch(lanes, [0.0] * 100))


def test_maps_of_a_run_from_before_there_were_units_are_read() -> None:
    new = ("held_out", "units", "samples", "averaged", "bias")
    json_of = {name: value for name, value in HIGHWAY.to_json().items() if name not in new}
    old = LaneAxes.from_json(json_of)
    assert old.maps() == ("gate_map", "output_map")
    frames = make_frames([old], range(4))
    of = schema("{}", [old])
    for name in ("lane0_gate_map", "lane0_output_map"):  # as they were stored then
        fixed = pa.field(name, pa.list_(pa.float32(), 8))
        of = of.set(of.names.index(name), fixed)
    batch = to_batch(frames, [0.0] * 4, schema("{}", [old]))
    columns = [column.cast(field.type) for column, field in zip(batch.columns, of, strict=True)]
    log = FrameLog()
    log.append(pa.record_batch(columns, schema=of))
    found = log.map_at(0, 2)
    assert found is not None and found[0] == 0
    assert found[1]["gate_map"].shape == (1, 2, 4)
    np.testing.assert_array_equal(found[1]["output_map"], frames[0].lanes[0].output_map)


@pytest.mark.parametrize("seeds", [1, 3])
def test_evaluations_are_found_between_any_two_rows(seeds: int) -> None:
    track = LaneAxes(**{**vars(HIGHWAY), "seeds": seeds})
    log, frames = FrameLog(), make_frames([track], range(50))
    for part in (frames[:7], frames[3:9], frames[7:]):
        log.append(to_batch(part, [0.0] * len(part), schema("{}", [track])))
    for start, stop in ((0, 50), (0, 1), (1, 4), (4, 5), (5, 30), (49, 50), (50, 50)):
        rows, loss, error = log.held_out(0, start, stop)
        assert rows.tolist() == [row for row in range(start, stop) if row % 4 == 0]
        wanted = [frames[row].lanes[0] for row in rows]
        assert loss.shape == error.shape == (len(rows), seeds)
        np.testing.assert_array_equal(loss.ravel(), np.ravel([w.held_out_loss for w in wanted]))
        np.testing.assert_array_equal(error.ravel(), np.ravel([w.held_out_error for w in wanted]))


def test_a_run_that_is_not_evaluated_has_no_evaluations() -> None:
    log = FrameLog()
    log.append(to_batch(make_frames([PLAIN], range(9)), [0.0] * 9, schema("{}", [PLAIN])))
    assert [len(part) for part in log.held_out(0, 0, 9)] == [0, 0, 0]
    assert log.frame(4).lanes[0].held_out_error is None


def test_tracks_of_a_run_from_before_evaluation_are_read() -> None:
    old = {name: value for name, value in PLAIN.to_json().items() if name != "held_out"}
    assert LaneAxes.from_json(old) == PLAIN


def test_a_frame_of_the_wrong_width_names_its_column() -> None:
    wide = LaneAxes(**{**vars(PLAIN), "points": [("x1", 1)]})
    with pytest.raises(ValueError, match="lane0_signal_gradient_norm has 3 numbers"):
        to_batch(make_frames([PLAIN], range(2)), [0.0, 0.1], schema("{}", [wide]))


def test_readers_see_whole_rows_while_a_writer_appends() -> None:
    data, ends = stream([PLAIN], 400)
    log = FrameLog()
    log.append_bytes(data[: ends[1]])

    def write() -> None:
        for start, end in zip(ends[1:], ends[2:], strict=False):
            log.append_bytes(data[start:end])

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        steps = log.column("step")
        assert steps.tolist() == list(range(len(steps)))
    writer.join()
    assert log.n == 400


def test_thinning_keeps_ends_and_extremes() -> None:
    rng = np.random.default_rng(0)
    curves = rng.random((10_000, 2))
    curves[4321, 0], curves[7777, 1], curves[12, 0] = 9, -9, np.nan
    rows = thin(curves, 100)
    assert len(rows) <= 100
    assert {0, 4321, 7777, 9999} <= set(rows.tolist())
    assert (np.diff(rows) > 0).all()


def test_thinning_leaves_short_curves_alone_and_bears_curves_of_no_numbers() -> None:
    assert thin(np.zeros((5, 1)), 24).tolist() == [0, 1, 2, 3, 4]
    assert len(thin(np.full((500, 3), np.nan), 24)) <= 24
    assert thin(np.zeros((9999, 4)), 8)[-1] == 9998


def test_spreading_keeps_first_and_last() -> None:
    rows = spread(1000, 120)
    assert len(rows) == 120 and rows[0] == 0 and rows[-1] == 999
    assert spread(3, 120).tolist() == [0, 1, 2]
