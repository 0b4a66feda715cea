"""Texts that no program of ours wrote: cut, nested, huge, edited by hand, changed at random.

Each one is either a valid experiment or a `SpecError` of one printable line; nothing else gets out.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError

EXPERIMENT = Experiment(
    lanes=[
        Lane(family="resnet", knobs={"depth": 20, "shortcut": "B", "variant": "full_preact"}),
        Lane(family="highway", knobs={"depth": 50, "gate_bias": -2.5, "gate": "learned"}),
        Lane(family="densenet", knobs={"growth_rate": 12, "compression": 0.5, "depth": 40}),
        Lane(family="plain", knobs={"backbone": "dense", "depth": 30, "activation": "tanh"}),
    ],
    lr=1e-3,
    seed=7,
    changes=["120:lr=0.01", "300:lr=0.001"],
)


def _refusal(call: Callable[[], Experiment | Lane]) -> str:
    """What `call` is refused with, or nothing if it is valid and round-trips."""
    try:
        made = call()
    except SpecError as error:
        text = str(error)
        assert text.isprintable() and 5 < len(text) < 600, repr(text)
        return text
    if isinstance(made, Experiment):
        assert Experiment.from_json(made.to_json()) == made
        assert Experiment.from_query(made.to_query()) == made
    return ""


def test_json_cut_at_any_byte_is_refused() -> None:
    whole = EXPERIMENT.to_json().encode()
    for end in range(len(whole)):
        assert "not complete JSON" in _refusal(lambda: Experiment.from_json(whole[:end]))  # noqa: B023
    assert not _refusal(lambda: Experiment.from_json(whole))


HOSTILE = {
    "nothing": "",
    "an empty object": "{}",
    "a list": "[]",
    "a number": "1",
    "a null": "null",
    "a string": '"resnet"',
    "deep lists": "[" * 100_000,
    "deep lists that end": "[" * 900 + "]" * 900,
    "deep lanes": '{"lanes": ' + "[" * 900 + "]" * 900 + "}",
    "a deep knob": '{"lanes": [{"family": "resnet", "knobs": {"depth": '
    + "[" * 900
    + "]" * 900
    + "}}]}",
    "deep objects": '{"lanes":' * 100_000,
    "a number of 5000 digits": '{"lanes": [{"family": "plain"}], "steps": ' + "9" * 5000 + "}",
    "a number of 4000 digits": '{"lanes": [{"family": "plain"}], "steps": ' + "9" * 4000 + "}",
    "a huge exponent": '{"lanes": [{"family": "plain"}], "lr": 1e999}',
    "not a number": '{"lanes": [{"family": "plain"}], "lr": NaN}',
    "a lone surrogate": '{"lanes": [{"family": "\\ud800"}]}',
    "a surrogate as a name": '{"lanes": [{"family": "plain"}], "\\udfff": 1}',
    "control characters": '{"lanes": [{"family": "a\\u0000\\u001b[31m\\u202eb"}]}',
    "a long name": '{"lanes": [{"family": "' + "x" * 100_000 + '"}]}',
    "many lanes": '{"lanes": [' + ",".join(['{"family":"plain"}'] * 1000) + "]}",
    "an object as a knob's name": '{"lanes": [{"family": "plain", "knobs": {"__class__": 1}}]}',
    "self": '{"self": 1, "lanes": [{"family": "plain"}]}',
    "cls": '{"cls": 1, "values": 2, "lanes": [{"family": "plain", "self": 3}]}',
    "something after the end": EXPERIMENT.to_json() + "x",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_refused_in_one_line(text: str) -> None:
    assert _refusal(lambda: Experiment.from_json(text))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\x00", b'{"lanes": "\xc3\x28"}', b"\xef\xbb\xbf{"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    assert _refusal(lambda: Experiment.from_json(data))


def test_values_that_cannot_even_be_shown_are_refused() -> None:
    deep: Any = []
    for _ in range(sys.getrecursionlimit() + 100):
        deep = [deep]
    for value in (10**5000, -(10**5000), deep, {"a": deep}):
        text = _refusal(lambda: Experiment(lanes=[Lane(family="plain")], steps=value))  # noqa: B023
        assert text.startswith("steps of type") and "must be a whole number" in text
        assert _refusal(lambda: Lane(family="plain", knobs={"input_shape": (value,)}))  # noqa: B023


BY_HAND = {
    "": "lanes: 0 given",
    "lane=": "family '': must be one of",
    "lane=resnet:": "",
    "lane=resnet&lane=plain": "",
    "lane=resnet:depth": "lane 'resnet:depth': 'depth' must be name=value",
    "lane=resnet:depth=": "depth '': must be a whole number",
    "lane=resnet:=20": "knob '': resnet has no such knob",
    "lane=resnet:depth=20,depth=32": "knob 'depth': given twice",
    "lane=resnet:depth=21": "depth 21: a CIFAR ResNet has 6n+2 layers; nearest: 20, 26",
    "lane=resnet;depth=20": "family 'resnet;depth=20': must be one of",
    "lane=resnet&steps=400&steps=5": "field 'steps': given twice in the address",
    "lane=resnet&steps=ten": "steps 'ten': must be a whole number",
    "lane=resnet&Steps=10": "field 'Steps': there is no such field",
    "lane=resnet&lanes=plain": "field 'lanes': a URL has one 'lane' for each lane",
    "lane=resnet&change=5:lr=0.1&change=9:lr=0.01": "",
    "lane=resnet&change=9:lr=0.1&change=5:lr=0.01": "change '5:lr=0.01': stands after step 9",
    "lane=resnet&change=": "change '': must be step:lr=number",
    "lane=resnet&changes=5:lr=0.1": "field 'changes': a URL has one 'change' for each change",
    "lane=resnet&self=1": "field 'self': there is no such field",
    "lane=resnet&data=..%2Fdigits": "data '../digits': must be one of",
    "lane=resnet&lr=%00": "lr '\\x00': must be a number",
    "lane=%F0%9F%92%A9": "family '💩': must be one of",
    "&".join(["lane=resnet"] * 5): "lanes: 5 given, must be 1 to 4",
}


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ('{"lanes": [{"family": "plain"}], "steps": 5, "steps": 9}', "steps"),
        ('{"lanes": [{"family": "plain", "family": "resnet"}]}', "family"),
        ('{"lanes": [{"family": "plain", "knobs": {"depth": 3, "depth": 4}}]}', "depth"),
    ],
)
def test_a_key_that_stands_twice_in_an_experiment_is_refused(text: str, twice: str) -> None:
    sentence = f"experiment: '{twice}' is given twice in one object; give it once"
    assert _refusal(lambda: Experiment.from_json(text)) == sentence
    assert _refusal(lambda: Experiment.from_json(text.encode())) == sentence


@pytest.mark.parametrize(("query", "sentence"), BY_HAND.items())
def test_a_url_edited_by_hand_is_valid_or_refused_in_one_line(query: str, sentence: str) -> None:
    given = parse_qs(query, keep_blank_values=True)
    refusal = _refusal(lambda: Experiment.from_query(given))
    assert refusal.startswith(sentence) and bool(refusal) == bool(sentence)


def _mutated(rng: random.Random, text: str, pieces: list[str]) -> str:
    """`text` with one to three small accidents: something cut, doubled, swapped or put in."""
    for _ in range(rng.randint(1, 3)):
        at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + rng.choice((0, 1, 1, 2, 8, 30)))
        change = rng.randrange(4)
        if change == 0:
            text = text[:at] + text[to:]
        elif change == 1:
            text = text[:at] + text[at:to] * 2 + text[to:]
        else:
            text = text[:at] + rng.choice(pieces) + text[to:]
    return text


PIECES = [
    *'{}[]",:=.-+x&%0123456789eE \\\n\x00é',
    *("null", "true", "NaN", "1e400", "-1", "[]", "{}", '""', "depth", "preset", "lane", "=20,"),
    *('"family":"highway"', '"steps":', "imagenet", "fitnet", "dense", "99999999999999999999"),
]


def test_thousands_of_random_accidents_to_a_json_never_raise_anything_else() -> None:
    rng = random.Random(0)
    whole = EXPERIMENT.to_json()
    refused = 0
    for _ in range(3000):
        text = _mutated(rng, whole, PIECES)
        refused += bool(_refusal(lambda: Experiment.from_json(text)))  # noqa: B023
    assert 500 < refused < 3000


def test_thousands_of_random_accidents_to_a_url_never_raise_anything_else() -> None:
    rng = random.Random(1)
    whole = urlencode(EXPERIMENT.to_query(), doseq=True)
    refused = 0
    for _ in range(3000):
        given = parse_qs(_mutated(rng, whole, PIECES), keep_blank_values=True)
        refused += bool(_refusal(lambda: Experiment.from_query(given)))  # noqa: B023
    assert 500 < refused < 3000


def test_random_values_for_random_knobs_never_raise_anything_else() -> None:
    from skipviz.core import registry

    rng = random.Random(2)
    values: list[Any] = [None, True, 0, 1, 2, 7, 20, 40, 50, 64, 1202, -1, 0.5, 1e-300, 1e300, "A"]
    values += ["", "x", "dense", "cifar", "imagenet", "learned", "none", (1, 8, 8), (3, 64, 64), []]
    valid = 0
    for _ in range(4000):
        family = rng.choice(list(registry.architectures()))
        knobs = {}
        for knob in rng.sample(registry.architectures()[family].knobs, rng.randint(1, 4)):
            knobs[knob.name] = rng.choice([*values, *knob.choices, *knob.choices])
        valid += not _refusal(lambda: Lane(family=family, knobs=knobs))  # noqa: B023
    assert 100 < valid < 3900
