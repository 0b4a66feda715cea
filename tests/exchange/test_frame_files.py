"""Frames as CSV and as Parquet, read back by other readers: the same numbers, to the last bit."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
import pytest

from skipviz.core import places
from skipviz.core.frame import Frame
from skipviz.core.knob import SpecError
from skipviz.exchange import frame_files
from skipviz.store import frame_table
from skipviz.store.frame_log import FrameLog, Writer, schema
from skipviz.store.frame_schema import MAPS, PROFILES
from tests.synthetic import lane_frame, track

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
RECORDED = next(iter(sorted(places.recordings().glob("stripes/*"))))
FOLDERS = [*sorted(RUNS.iterdir()), RECORDED]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames of two lanes and three seeds, evaluated, with maps and a diverged seed."""
    path = tmp_path_factory.mktemp("frames") / "frames.arrow"
    lanes = [
        track("plain", "plain", 3, seeds=3, held_out=True),
        track("highway", "highway", 3, seeds=3, cells=4, held_out=True),
    ]
    writer = Writer(schema("{}", lanes))
    with path.open("wb") as file:
        file.write(writer.start())
        for first in range(0, 30, 7):
            frames = [
                Frame(step, tuple(lane_frame(each, step, with_map=step % 5 == 0) for each in lanes))
                for step in range(first, first + 7)
            ]
            frames[0].lanes[0].loss[1] = np.inf
            frames[1].lanes[0].loss[1] = np.nan
            file.write(writer.batch(frames, [0.1 * frame.step for frame in frames]))
    return path


def _same(path: Path, to: Path) -> None:
    table = frame_table.whole(path)
    frame_files.write_parquet(path, to / "frames.parquet")
    read = pyarrow.parquet.read_table(to / "frames.parquet")
    assert read.schema.metadata == table.schema.metadata and read.schema.names == table.schema.names
    for found, field in zip(read.schema, table.schema, strict=True):
        fixed = pa.types.is_fixed_size_list(field.type)
        assert found.type == (pa.list_(field.type.value_field) if fixed else field.type)
    assert read.num_rows == table.num_rows
    assert str(read.to_pydict()) == str(table.to_pydict())  # as text: NaN differs from itself
    frame_files.write_csv(path, to / "frames.csv")
    with (to / "frames.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    log = FrameLog.open(path)
    assert [int(row["step"]) for row in rows] == log.column("step").tolist()
    for i, lane in enumerate(log.tracks):
        for name in lane.widths():
            if name in MAPS:
                continue
            letter = {"weight_gradient_norm": "l", "gate_mean": "g"}.get(name, "p")
            for row, cells in enumerate(rows):
                values = table[f"lane{i}_{name}"][row].as_py()
                width = (len(values) if values else 0) // lane.seeds
                for k, value in enumerate(values or ()):
                    of_layer = name.endswith(PROFILES)
                    end = f"s{k // width}" + (f"_{letter}{k % width}" if of_layer else "")
                    cell = float(cells[f"lane{i}_{name}_{end}"])
                    assert cell == value or (np.isnan(cell) and np.isnan(value))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_run_s_frames_are_read_back_the_same(folder: Path, tmp_path: Path) -> None:
    _same(folder / "frames.arrow", tmp_path)


def test_several_seeds_maps_and_what_is_no_number_are_read_back_the_same(
    several: Path, tmp_path: Path
) -> None:
    _same(several, tmp_path)
    frames = pandas.read_csv(tmp_path / "frames.csv")
    assert not [name for name in frames if name.rpartition("_")[0].endswith("map")]
    held = frames["lane1_held_out_loss_s2"]
    assert held.notna().sum() == 4 and held.isna().sum() == 31  # 35 frames, each tenth evaluated


def test_frames_are_written_some_thousands_at_a_time(
    several: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_table, "ROWS_AT_ONCE", 10)
    _same(several, tmp_path)
    assert pyarrow.parquet.ParquetFile(tmp_path / "frames.parquet").num_row_groups == 3


def test_steps_that_were_repeated_are_written_once(several: Path, tmp_path: Path) -> None:
    with frame_table.opened(several) as frames:
        batches = list(frames.batches())
        head = frames.schema.serialize().to_pybytes()
    order = (0, 1, 1, 0, 2)
    data = head + b"".join(batches[i].serialize().to_pybytes() for i in order)
    (tmp_path / "twice.arrow").write_bytes(data)
    assert frame_table.whole(tmp_path / "twice.arrow")["step"].to_pylist() == list(range(21))


def test_a_run_without_frames_says_so(tmp_path: Path) -> None:
    for write in (frame_files.write_csv, frame_files.write_parquet):
        with pytest.raises(SpecError, match="has no frames yet"):
            write(tmp_path / "frames.arrow", tmp_path / "out")
    (tmp_path / "frames.arrow").write_bytes(b"nonsense")
    with pytest.raises(SpecError, match="does not begin with the schema"):
        frame_files.write_csv(tmp_path / "frames.arrow", tmp_path / "out")
