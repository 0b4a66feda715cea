"""The frames log: round trip, files cut anywhere, nearest frames, thinning."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skipviz.frame import Frame, LaneFrame
from skipviz.runs.frames import FrameLog, Track, Writer, read_tracks, schema, to_batch
from skipviz.runs.thinning import spread, thin
from skipviz.spec import SpecError

PLAIN = Track(
    label="Plain-3",
    family="plain",
    points=[("x1", 1), ("x2", 2), ("x3", 3)],
    layers=[("fc1", 1), ("fc2", 2), ("fc3", 3)],
)
HIGHWAY = Track(
    label="Highway-3",
    family="highway",
    points=[("x1", 1), ("x2", 2)],
    layers=[("fc1", 1), ("fc2", 2)],
    gates=[("unit1", 1), ("unit2", 2)],
    cells=4,
)


def lane_frame(track: Track, step: int, *, with_map: bool) -> LaneFrame:
    rng = np.random.default_rng([step, len(track.points), track.seeds])

    def numbers(n: int) -> np.ndarray:
        if n == 0:
            return np.zeros(0)
        return rng.random(n if track.seeds == 1 else (track.seeds, n))

    def one() -> float | np.ndarray:
        return float(rng.random()) if track.seeds == 1 else rng.random(track.seeds)

    shape = (len(track.gates), track.cells)
    return LaneFrame(
        loss=one(),
        error=one(),
        signal_gradient_norm=numbers(len(track.points)) * 1e-300,
        weight_gradient_norm=numbers(len(track.layers)),
        activation_scale=numbers(len(track.points)),
        gate_mean=numbers(len(track.gates)),
        gate_map=rng.random(shape).astype(np.float32) if with_map else None,
        output_map=rng.normal(size=shape).astype(np.float32) if with_map else None,
        diverged_at=5 if step > 5 else None,
    )


def make_frames(tracks: list[Track], steps: range, every: int = 3) -> list[Frame]:
    def lane(track: Track, step: int) -> LaneFrame:
        return lane_frame(track, step, with_map=bool(track.gates) and step % every == 0)

    return [Frame(step=s, lanes=tuple(lane(t, s) for t in tracks)) for s in steps]


def stream(tracks: list[Track], steps: int, per_batch: int = 2) -> tuple[bytes, list[int]]:
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
        for name in ("gate_map", "output_map"):
            assert (getattr(a, name) is None) == (getattr(b, name) is None)
            if getattr(a, name) is not None:
                np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_a_track_survives_json() -> None:
    assert Track.from_json(json.loads(json.dumps(HIGHWAY.to_json()))) == HIGHWAY


def test_the_schema_carries_experiment_and_tracks() -> None:
    of = schema('{"steps": 4}', [PLAIN, HIGHWAY])
    assert read_tracks(of) == (PLAIN, HIGHWAY)
    assert "lane1_gate_map" in of.names and "lane0_gate_map" not in of.names


@pytest.mark.parametrize("seeds", [1, 3])
def test_frames_come_back_exactly_as_they_were(seeds: int) -> None:
    tracks = [Track(**{**vars(t), "seeds": seeds}) for t in (PLAIN, HIGHWAY)]
    frames = make_frames(tracks, range(200))
    log = FrameLog()
    for i in range(0, 200, 7):
        part = frames[i : i + 7]
        log.append(to_batch(part, [f.step / 10 for f in part], schema("{}", tracks)))
    assert log.n == 200 and log.tracks == tuple(tracks)
    for step in (0, 5, 6, 63, 64, 65, 199):
        assert_same(log.frame(step), frames[step])
    np.testing.assert_allclose(log.column("time_s"), np.arange(200) / 10)


def test_any_arrow_reader_opens_the_file(tmp_path: Path) -> None:
    (tmp_path / "frames.arrow").write_bytes(stream([PLAIN, HIGHWAY], 10)[0])
    with pa.OSFile(str(tmp_path / "frames.arrow")) as file:
        table = pa.ipc.open_stream(file).read_all()
    assert table.column("step").to_pylist() == list(range(10))
    assert table.column("lane1_gate_map").null_count == 6


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
    found = log.map_at(0, log.row(50))
    assert found is not None and found[0] == 30
    np.testing.assert_array_equal(found[1], frames[3].lanes[0].gate_map)


def test_a_frame_of_the_wrong_width_names_its_column() -> None:
    wide = Track(**{**vars(PLAIN), "points": [("x1", 1)]})
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
