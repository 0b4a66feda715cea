"""Addresses in few characters: they come back exactly, and what is none is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from skipviz.core import compact_query, registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.store.store import Store

EVERYTHING: dict[str, Any] = {
    "steps": 123_456, "seconds": 1234.5, "lr": 0.012345, "momentum": 0.987, "weight_decay": 1.5e-4,
    "optimiser": "nesterov", "schedule": "cosine", "warmup": 1234, "clip": 12.5, "batch_size": 77,
    "seed": 2**31 - 1, "seeds": 16, "record_every": 10_000, "evaluate_every": 54_321,
    "device": "cpu", "precision": "bfloat16", "subset": 20, "label_noise": 0.125,
    "augment": "both", "data": "shapes",
}  # fmt: skip


def lane(family: str) -> Lane:
    """A lane that says all of its knobs."""
    of = Lane(family=family, knobs={"backbone": "dense", "depth": 7})
    knobs = {
        name: value
        for name, value in of.settings().items()
        if value is not None and name not in ("input_shape", "num_classes", *of.idle())
    }
    return Lane(family=family, knobs=knobs).without_idle()


@pytest.mark.parametrize("family", registry.architectures())
def test_an_address_of_two_lanes_that_say_everything_has_at_most_500_characters(
    family: str,
) -> None:
    try:
        lanes = [lane(family), lane("highway")]
    except SpecError:
        lanes = [Lane(family=family), lane("highway")]
    of = Experiment(lanes=lanes, **EVERYTHING)
    query = of.to_query() | {"run": [Store.new_id()]}
    assert len(urlencode(query, doseq=True)) > compact_query.LONGEST
    word = compact_query.short(query)
    address = f"https://skipviz.university.example/lab?{urlencode(word, doseq=True)}"
    assert len(address) <= compact_query.LONGEST, len(address)
    back = compact_query.unpacked(word)
    assert back == query
    assert Experiment.from_query({k: v for k, v in back.items() if k != "run"}) == of


def test_a_short_address_stays_as_it_can_be_read() -> None:
    query = Experiment(lanes=[Lane(family="plain"), Lane(family="resnet")]).to_query()
    assert compact_query.short(query) == query == compact_query.unpacked(query)


def test_what_was_packed_is_read_for_ever() -> None:
    word = "1I0opwj6ImBFcOwA"
    assert compact_query.unpacked({"c": [word]}) == {
        "lane": ["resnet:backbone=dense,depth=50", "plain:depth=20"], "lr": ["0.03"],
    }  # fmt: skip


@pytest.mark.parametrize("wrong", ["", "1", "1!!", "2abc", "1AAAA", "1" + "A" * 5000])
def test_half_a_word_is_refused_in_one_sentence(wrong: str) -> None:
    with pytest.raises(SpecError, match="its packed part is cut or of another version"):
        compact_query.unpacked({"c": [wrong]})


def test_every_cut_is_refused_and_a_bomb_is_not_unpacked() -> None:
    (whole,) = compact_query.packed({"lane": ["resnet:depth=20"], "steps": ["5"]})["c"]
    for end in range(len(whole)):
        with pytest.raises(SpecError):
            compact_query.unpacked({"c": [whole[:end]]})
    (bomb,) = compact_query.packed({"lane": ["a" * 10**6]})["c"]
    with pytest.raises(SpecError):
        compact_query.unpacked({"c": [bomb]})
