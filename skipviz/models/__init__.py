"""The architectures: one folder each, with its declaration (no torch) and its net (torch)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from skipviz import spec

if TYPE_CHECKING:
    from torch import nn


def build(family: str, **knobs: Any) -> nn.Module:
    """The net of `family` with the given knobs, its weights drawn from torch's random state.

    SpecError, with one sentence, for an unknown family or knob and for settings that do not fit.
    """
    settings = spec.settle(family, knobs)
    net = importlib.import_module(f"skipviz.models.{family}.net")
    made: nn.Module = net.build(settings)
    return made
