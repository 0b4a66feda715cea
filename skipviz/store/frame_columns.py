"""Columns of frames as NumPy arrays, and those that stand in memory.

    numbers(column)   (k,) or (k, width); a null step becomes -1, a null profile NaN
    fresh(steps, newest)   which rows are newer than all before them
    room(shape, dtype)     an array for a result; a large one lies in a file without a name

`Window` has every column of the newest rows of a run.
"""

from __future__ import annotations

import tempfile
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa

MAPPED_BYTES = 32 * 2**20
"""A larger result is mapped: the system may drop its pages, a process never holds all of them."""


def numbers(column: pa.Array) -> np.ndarray:
    """A column as NumPy: (k,) or (k, width); a null step becomes -1, a null profile NaN."""
    if pa.types.is_fixed_size_list(column.type):
        there = column.drop_null() if column.null_count else column
        flat = there.flatten().to_numpy(zero_copy_only=False)
        held: np.ndarray = flat.reshape(len(there), column.type.list_size)
        if len(there) == len(column):
            return held
        with_gaps = np.full((len(column), held.shape[1]), np.nan)
        with_gaps[column.is_valid().to_numpy(zero_copy_only=False)] = held
        return with_gaps
    if pa.types.is_list(column.type):  # maps, none of them null
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
    if column.null_count == len(column):
        return np.full(len(column), -1)
    whole = column.fill_null(-1) if column.null_count else column
    values: np.ndarray = whole.to_numpy(zero_copy_only=False)
    return values


def fresh(steps: np.ndarray, newest: int) -> np.ndarray:
    """The rows (k,) whose steps are above all before them, the first above `newest`."""
    before = np.maximum.accumulate(np.concatenate([[newest], steps]))
    rows: np.ndarray = np.flatnonzero(steps > before[:-1])
    return rows


def room(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array to be filled, of `shape`; a large one is mapped from a file that goes with it."""
    if prod(shape) * np.dtype(dtype).itemsize < MAPPED_BYTES:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile(prefix="skipviz-") as file:
        mapped: np.ndarray = np.memmap(file, dtype, "w+", shape=shape)
    return mapped


class Window:
    """Every column of the rows from `start` on, in arrays that grow. One thread puts, any may read
    rows that were there when it asked for their number.

    dense       rows (k, width) by column
    rare_rows   of a column that is null on most steps: the rows that have it
    rare        and what they have
    """

    def __init__(self, start: int = 0) -> None:
        self.start = start
        self.dense: dict[str, np.ndarray] = {}
        self.rare_rows: dict[str, list[int]] = {}
        self.rare: dict[str, np.ndarray] = {}

    @property
    def nbytes(self) -> int:
        """The memory that its arrays take."""
        return sum(held.nbytes for held in [*self.dense.values(), *self.rare.values()])

    def used_bytes(self, n: int) -> int:
        """What its rows below `n` take of that."""
        dense = sum((n - self.start) * held[:1].nbytes for held in self.dense.values())
        rare = (len(self.rare_rows[name]) * held[:1].nbytes for name, held in self.rare.items())
        return dense + sum(rare)

    def put(self, name: str, at: int, values: np.ndarray) -> None:
        """Rows of a column, the first of them row `at`."""
        self.dense[name] = _put(self.dense.get(name), at - self.start, values)

    def put_rare(self, name: str, rows: list[int], values: np.ndarray) -> None:
        """What these rows have of a rare column."""
        if not rows:
            return
        rows_here = self.rare_rows.setdefault(name, [])
        self.rare[name] = _put(self.rare.get(name), len(rows_here), values)
        rows_here.extend(rows)

    def from_row(self, start: int, n: int) -> Window:
        """Its rows from `start` to before `n`, in arrays of their own."""
        later = Window(start)
        for name, held in self.dense.items():
            newest = held[start - self.start : n - self.start]
            later.dense[name] = np.empty((2 * len(newest), *held.shape[1:]), held.dtype)
            later.dense[name][: len(newest)] = newest
        for name, rows in self.rare_rows.items():
            first = int(np.searchsorted(rows, start))
            later.rare_rows[name] = rows[first:]
            later.rare[name] = self.rare[name][first : len(rows)].copy()
        return later


def _put(held: np.ndarray | None, at: int, values: np.ndarray) -> np.ndarray:
    need = at + len(values)
    if held is None or need > len(held):
        grown = np.empty((max(64, 2 * need), *values.shape[1:]), values.dtype)
        if held is not None:
            grown[:at] = held[:at]
        held = grown
    held[at:need] = values
    return held
