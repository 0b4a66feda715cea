"""The architectures: one folder each, with its declaration (no torch) and its net (torch)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from skipviz.core import registry

if TYPE_CHECKING:
    from torch import nn


def build(family: str, **knobs: Any) -> nn.Module:
    """The net of `family` with the given knobs, its weights drawn from torch's random state.

    SpecError, with one sentence, for an unknown family or knob, for settings that do not fit, and
    for a knob that changes nothing on the chosen backbone.
    """
    registry.refuse_idle(family, knobs)
    return from_settings(family, registry.full_settings(family, knobs))


def from_settings(family: str, settings: Mapping[str, Any]) -> nn.Module:
    """The net of `family` with every knob's value, as `Lane.settings` gives them."""
    net: nn.Module = importlib.import_module(f"skipviz.models.{family}.net").build(settings)
    return net
