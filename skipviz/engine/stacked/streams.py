"""Many streams of NumPy's default generator, seeded at once.

For `np.random.default_rng([seed, step, 3, k])` the seed costs ten times as much as the numbers of a
dropout layer. Here the seeds of all layers of a step are worked out in one go: NumPy's SeedSequence
(O'Neill 2015, seed_seq_fe128) on arrays, and PCG64's start (O'Neill 2014) from them. A test holds
both against NumPy's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Words = np.ndarray[Any, np.dtype[np.uint32]]

_POOL = 4
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_HALF = np.uint32(16)
_PCG_MULTIPLIER, _128_BITS = 0x2360ED051FC65DA44385DF649FCCF645, (1 << 128) - 1


class _Hash:
    """The hash of SeedSequence: its constant changes with each call."""

    def __init__(self, constant: int, multiplier: int) -> None:
        self.constant, self.multiplier = constant, multiplier

    def __call__(self, values: Words) -> Words:
        values = values ^ np.uint32(self.constant)
        self.constant = self.constant * self.multiplier & 0xFFFFFFFF
        values = values * np.uint32(self.constant)
        return values ^ (values >> _HALF)


def _mix(x: Words, y: Words) -> Words:
    mixed = x * _MIX_LEFT - y * _MIX_RIGHT
    return mixed ^ (mixed >> _HALF)


def seeds(keys: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """`SeedSequence(key).generate_state(4, np.uint64)` of each key, (n, 4). Keys are four numbers
    below 2^32."""
    columns = np.array(keys, np.uint32).T
    hashed = _Hash(_INIT_A, _MULT_A)
    pool = [hashed(column) for column in columns]
    for source in range(_POOL):
        for target in range(_POOL):
            if source != target:
                pool[target] = _mix(pool[target], hashed(pool[source]))
    hashed = _Hash(_INIT_B, _MULT_B)
    halves = np.array([hashed(pool[i % _POOL]) for i in range(2 * _POOL)], np.uint64)
    return (halves[::2] | halves[1::2] << np.uint64(32)).T


def words(keys: Sequence[Sequence[int]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """`seeds(keys)`, whatever the size of a key's numbers."""
    if max(map(max, keys)) <= 0xFFFFFFFF:
        return seeds(keys)
    made = [np.random.SeedSequence(key).generate_state(4, np.uint64) for key in keys]
    return np.array(made, np.uint64)


class Streams:
    """One generator that is set to the start of one stream after the other."""

    def __init__(self) -> None:
        self._bits = np.random.PCG64(0)
        self._generator = np.random.Generator(self._bits)

    def of(self, keys: Sequence[Sequence[int]]) -> Iterator[np.random.Generator]:
        """For each key what `default_rng(key)` is; it draws until the next one is asked for."""
        if max(map(max, keys)) > 0xFFFFFFFF:
            yield from map(np.random.default_rng, keys)
            return
        for high, low, stream_high, stream_low in seeds(keys).tolist():
            step = (stream_high << 64 | stream_low) << 1 & _128_BITS | 1
            state = (step + (high << 64 | low)) * _PCG_MULTIPLIER + step & _128_BITS
            self._bits.state = {
                "bit_generator": "PCG64", "state": {"state": state, "inc": step},
                "has_uint32": 0, "uinteger": 0,
            }  # fmt: skip
            yield self._generator
