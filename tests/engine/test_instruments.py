"""Norms of whole stacks: exact where float32 would read nothing or infinity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skipviz.engine.exact_sums import norms, norms_of

SIZES = [1e-38, 3.5e-21, 1e-19, 1e-17, 1e-14, 1.0, 1e15, 1e18, 1e30]


@pytest.mark.parametrize("shape", [(50, 128), (13, 17), (784, 50), (1, 1), (641, 1)])
def test_norms_over_two_axes_are_those_of_float64_at_every_size(shape: tuple[int, int]) -> None:
    values = torch.randn(len(SIZES), *shape, generator=torch.Generator().manual_seed(0))
    values *= torch.tensor(SIZES)[:, None, None]
    expected = values.double().flatten(1).norm(dim=1)
    np.testing.assert_allclose(norms_of(values).numpy(), expected.numpy(), rtol=1e-6)


def test_norms_keep_the_axes_before_the_last_two_and_take_parts_of_a_tensor() -> None:
    values = torch.randn(3, 4, 6, 5, generator=torch.Generator().manual_seed(0))
    for part in (values, values[:, :, :2], values.mT):
        expected = part.double().square().sum((2, 3)).sqrt()
        torch.testing.assert_close(norms_of(part), expected, rtol=1e-6, atol=0)


def test_a_norm_that_no_number_can_hold_says_so() -> None:
    values = torch.ones(3, 2, 8)
    values[1, 0, 0], values[2, 1, 3] = float("inf"), float("nan")
    found = norms_of(values)
    assert found[0] == 4 and found[1] == float("inf") and found[2].isnan()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_norms_of_feature_maps_do_not_depend_on_their_layout(kind: torch.dtype) -> None:
    maps = torch.randn(4, 16, 32, 32, generator=torch.Generator().manual_seed(0)) * 1e-21
    maps = maps.to(kind)
    others = [maps, maps.contiguous(memory_format=torch.channels_last), maps.mT, maps[:1, :2]]
    expected = [float(each.double().norm()) for each in others]
    np.testing.assert_allclose(norms(others).numpy(), expected, rtol=1e-6)
