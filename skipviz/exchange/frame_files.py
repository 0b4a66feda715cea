"""A run's frames as a table that other programs read: CSV and Parquet.

Parquet has the columns of `frames.arrow` as they are (`docs/run_format.md`), metadata and all; what
there is a list of fixed length is a list here, because pyarrow up to version 24 writes none of
fixed length that a step lacks. In CSV a list column becomes one column for each number:
`lane0_loss_s0` of seed 0, `lane0_signal_gradient_norm_s0_p3` of its signal point 3, `…_l3` of its
layer 3, `…_g3` of its gated unit 3. Maps, of thousands of numbers a step, are left out there.
Numbers are written so that they are read back to the last bit; an empty cell is a step without a
measurement.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
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
            to, _listed(source.schema), compression="zstd", use_compliant_nested_type=False
        ) as writer:  # a list's numbers keep the name that they have in the stream
            for table in source.tables():
                columns = [_as_lists(column) for column in table.columns]
                writer.write_table(pa.Table.from_arrays(columns, schema=_listed(table.schema)))


def _listed(schema: pa.Schema) -> pa.Schema:
    """The schema with lists in place of lists of fixed length."""
    for i, field in enumerate(schema):
        if pa.types.is_fixed_size_list(field.type):
            schema = schema.set(i, field.with_type(pa.list_(field.type.value_field)))
    return schema


def _as_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of lists of fixed length as lists; any other as it is."""
    if not pa.types.is_fixed_size_list(column.type):
        return column
    to = pa.list_(column.type.value_field)
    chunks = []
    for chunk in column.chunks:
        missing = chunk.is_null().to_numpy(zero_copy_only=False)
        ends = np.cumsum(np.where(missing, 0, column.type.list_size))
        starts = pa.array(np.concatenate([[0], ends]), pa.int32())
        chunks.append(pa.ListArray.from_arrays(starts, chunk.flatten(), to, mask=pa.array(missing)))
    return pa.chunked_array(chunks, to)


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
