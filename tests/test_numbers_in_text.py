"""The check of numbers in lesson texts can itself fail, and lets through what is backed."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipviz.core.experiment import Experiment, Lane
from tests.numbers_in_text import numbers, settings, texts, unbacked

DEEP = Experiment(lanes=[Lane(family="highway", knobs={"depth": 50, "gate_bias": -4.0})])


@pytest.mark.parametrize(
    "text",
    [
        "The plain net loses 19 decades.",
        "Its loss is 0.002 at the end.",
        "It learns ten times faster.",
        "Twice as many of them survive.",
        "A fine net. He et al. say 7 of 10 fail.",
        "It is 3 % worse (as everybody knows).",
        "Sourced (He et al. 2015, Table 6): 6.97 %. And here 5.1 %.",
        "The Hessian's $\\lambda_{max} = 120$ is large.",
        "A 56-layer net ends higher.",
        "$24 + 9 \\cdot 12 = 133$: so it reads many.",
    ],
)
def test_a_number_that_nothing_backs_is_found(text: str) -> None:
    assert unbacked(text, settings([DEEP]))


@pytest.mark.parametrize(
    "text",
    [
        "The plain net loses {lost} decades.",
        "Depth 50 and a gate bias of −4 on digits with 10 classes.",
        "Highway-50 trains, and so do its 50-layer friends.",
        "The 56-layer net has the higher training error (He et al. 2015, Fig. 1).",
        "In the paper (Srivastava et al. 2015, section 4.1) about 15 of 50 layers change.",
        "With $y = T H + (1 - T) x$ and $T = 1$ the unit is plain.",
        "Two nets, one question.",
        "$24 + 9 \\cdot 12 = 132$: so it reads 132 features.",
        "$2^{10} = 1024$ paths.",
        "$0.9^{50} \\approx 0.005$: half a percent.",
    ],
)
def test_what_a_run_or_a_source_backs_is_let_through(text: str) -> None:
    assert unbacked(text, settings([DEEP])) == []


def test_a_number_is_read_as_it_stands() -> None:
    assert numbers("−2.5, 1,024 and x2, ResNet-20, {n:.2f}") == ["−2.5", "1,024", "20"]


def test_texts_are_collected_from_a_file_without_docstrings_and_computed_parts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "page.py"
    path.write_text(
        '"""A docstring of 5 long words."""\n'
        "say('It is 7 times as deep.')\n"
        "say(f'Here it is {x:.2f} as 8 was.')\n"
        "key = 'short'\n",
        encoding="utf-8",
    )
    assert list(texts(path)) == [
        (2, "It is 7 times as deep."),
        (3, "Here it is {computed} as 8 was."),
    ]
