"""Whether memory ran out is seen in what libraries really raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from skipviz.engine.arithmetic_speed import multiply_adds_per_s
from skipviz.engine.out_of_memory import give_back, is_out_of_memory

TOO_MANY = 2**50
"""Numbers that no address space holds."""


def _raised(call: Callable[[], Any]) -> BaseException:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it did not raise")


def _as_a_cause() -> None:
    try:
        torch.empty(TOO_MANY)
    except RuntimeError as error:
        raise ValueError("the net could not be built") from error


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.empty(TOO_MANY),
        lambda: torch.zeros(2**20, 1).expand(2**20, 2**30).contiguous(),
        lambda: np.empty(TOO_MANY),
        lambda: bytes(TOO_MANY),
        _as_a_cause,
    ],
    ids=["torch", "a product of torch", "numpy", "python", "the cause of another"],
)
def test_what_libraries_raise_when_memory_runs_out_is_known(call: Callable[[], Any]) -> None:
    assert is_out_of_memory(_raised(call))


@pytest.mark.parametrize(
    "call",
    [lambda: torch.ones(2) @ torch.ones(3), lambda: torch.empty(-1), lambda: [][0], lambda: 1 / 0],
)
def test_other_errors_are_not_taken_for_it(call: Callable[[], Any]) -> None:
    assert not is_out_of_memory(_raised(call))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_card_whose_memory_runs_out_is_known_and_gives_it_back() -> None:
    free, _ = torch.cuda.mem_get_info()
    error = _raised(lambda: torch.empty(2 * free, dtype=torch.uint8, device="cuda"))
    assert is_out_of_memory(error)
    held = torch.empty(free // 2, dtype=torch.uint8, device="cuda")
    del held, error
    give_back()
    assert torch.cuda.mem_get_info()[0] > 0.9 * free


def test_a_device_s_speed_is_a_number_that_steps_can_be_reckoned_with() -> None:
    assert 1e7 < multiply_adds_per_s("cpu") < 1e14
