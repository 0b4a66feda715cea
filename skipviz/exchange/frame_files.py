"""A run's frames as a table that other programs read: CSV and Parquet.

Parquet has the columns of `frames.arrow` as they are (`docs/run_format.md`), metadata and all. In
CSV a list column becomes one column for each number: `lane0_loss_s0` of seed 0,
`lane0_signal_gradient_norm_s0_p3` of its signal point 3, `…_l3` of its layer 3, `…_g3` of its gated
unit 3. Maps, of thousands of numbers a step, are left out there. Numbers are written so that they
are read back to the last bit; an empty cell is a step without a measurement.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from skipviz.store import frame_table
from skipviz.store.frame_schema import MAPS, LaneAxes, read_tracks

_AXES = {
    "signal_gradient_norm": ("p", "points"),
    "activation_scale": ("p", "points"),
    "weight_gradient_norm": ("l", "layers"),
    "gate_mean": ("g", "gates"),
}
"""The letter of each number of a profile, and the lane's axis that it runs along."""


def write_parquet(frames: Path, to: Path) -> None:
    """Writes all frames of a `frames.arrow` into a Parquet file. SpecError where there are none."""
    with frame_table.opened(frames) as source:
        with pyarrow.parquet.ParquetWriter(
            to, source.schema, compression="zstd", use_compliant_nested_type=False
        ) as writer:  # a list's numbers keep the name that they have in the stream
            for table in source.tables():
                writer.write_table(table)


def write_csv(frames: Path, to: Path) -> None:
    """Writes all frames of a `frames.arrow` into a CSV file. SpecError where there are none."""
    with frame_table.opened(frames) as source:
        empty = flat(source.schema.empty_table())
        with pyarrow.csv.CSVWriter(str(to), empty.schema) as writer:
            for table in source.tables():
                writer.write_table(flat(table))


def flat(table: pa.Table) -> pa.Table:
    """A table of frames with a column for each number, without maps."""
    tracks = read_tracks(table.schema)
    columns: dict[str, pa.ChunkedArray] = {}
    for name in table.column_names:
        lane, _, kind = name.partition("_")
        if kind in MAPS:
            continue
        column = table[name]
        if not pa.types.is_fixed_size_list(column.type):
            columns[name] = column
            continue
        labels = _labels(kind, tracks[int(lane.removeprefix("lane"))])
        for i, label in enumerate(labels):
            columns[f"{name}_{label}"] = pc.list_element(column, i)
    return pa.table(columns)


def _labels(kind: str, track: LaneAxes) -> list[str]:
    """The ends of a list column's names: "s0" for each seed, "s0_p3" for each of its points."""
    seeds = [f"s{seed}" for seed in range(track.seeds)]
    if kind not in _AXES:
        return seeds
    letter, axis = _AXES[kind]
    return [f"{seed}_{letter}{i}" for seed in seeds for i in range(len(getattr(track, axis)))]
