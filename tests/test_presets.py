"""The presets of the Lab: each is an experiment that this machine can describe."""

from __future__ import annotations

import pytest

from skipviz.core.experiment import Experiment
from skipviz.core.presets import PRESETS
from skipviz.server import capacity


def test_there_are_five_presets_with_different_titles() -> None:
    assert len(PRESETS) >= 5 and len({p.title for p in PRESETS.values()}) == len(PRESETS)


@pytest.mark.parametrize("key", PRESETS)
def test_a_preset_survives_the_address_and_says_what_it_shows(key: str) -> None:
    preset = PRESETS[key]
    assert Experiment.from_query(preset.experiment.to_query()) == preset.experiment
    assert preset.shows.endswith(".")
    small = preset.small or preset.experiment
    assert capacity.needed_bytes(small) < 4 * 2**30
    assert (preset.small is None) == (preset.scaled == "")
