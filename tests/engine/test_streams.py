"""Streams that are seeded at once are the very streams of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from skipviz.engine.stacked.streams import Streams

KEYS = [(0, 0, 3, 0), (7, 123, 3, 49), (2**32 - 1, 10**6, 3, 1), (5, 0, 3, 2**32 - 1)]


@pytest.mark.parametrize("keys", [KEYS, KEYS[:1], [*KEYS, (2**40, 1, 3, 0)]], ids=len)
def test_each_stream_draws_what_numpys_own_draws(keys: list[tuple[int, ...]]) -> None:
    streams = Streams()
    for _ in range(2):
        for key, generator in zip(keys, streams.of(keys), strict=True):
            expected = np.random.default_rng(key)
            for shape in ((5, 3), (1,), (4, 4)):  # an odd count leaves half a number over
                np.testing.assert_array_equal(
                    generator.random(shape, np.float32), expected.random(shape, np.float32)
                )
