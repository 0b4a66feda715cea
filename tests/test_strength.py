"""What so many seeds prove, and how more of them are performed than one run may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from skipviz.cli import scenes, strength, truth
from skipviz.cli.main import main
from skipviz.core import places, registry
from skipviz.core.scene import Expectation, Scene, judge
from skipviz.core.strength import SEEDS, in_words, lower_bound
from tests.test_scenes import TINY


@pytest.mark.parametrize(
    ("held", "seeds"), [(0, 3), (1, 1), (3, 3), (4, 5), (59, 59), (58, 59), (92, 93), (50, 93)]
)
def test_the_bound_is_that_of_clopper_and_pearson(held: int, seeds: int) -> None:
    result = binomtest(held, seeds, alternative="greater")
    expected = result.proportion_ci(confidence_level=0.95, method="exact").low
    assert lower_bound(held, seeds) == pytest.approx(expected, abs=1e-9)


def test_59_of_59_seeds_and_92_of_93_say_95_per_cent() -> None:
    assert len(SEEDS) == 59 and not set(SEEDS) & set(range(16))
    assert lower_bound(59, 59) >= 0.95 > lower_bound(58, 58)
    assert lower_bound(92, 93) >= 0.95 > lower_bound(58, 59)
    assert in_words(3, 3) == "on 3 of 3 seeds, so on at least 36 % of all"
    for held, seeds in ((1, 0), (-1, 3), (4, 3)):
        with pytest.raises(ValueError, match="seeds"):
            lower_bound(held, seeds)


@pytest.mark.parametrize(
    ("measured", "over", "held", "met"),
    [
        ([1.0, 2.0, 9.0], "median", 2, True),
        ([1.0, 2.0, 9.0], "every", 2, False),
        ([1.0, 2.0], "every", 2, True),
        ([float("nan"), 2.0], "every", 1, False),
        ([float("inf"), 9.0, 1.0], "median", 1, False),
    ],
)
def test_a_verdict_says_on_how_many_seeds_it_held(
    measured: list[float], over: Any, held: int, met: bool
) -> None:
    verdict = judge(Expectation("x", lambda evidence: measured, at_most=3, over=over), Any)
    assert (verdict.held, verdict.met) == (held, met) and verdict.to_json()["held"] == held


@pytest.fixture
def only_tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Scene], None]:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))

    def offer(scene: Scene) -> None:
        monkeypatch.setattr(registry, "scenes", lambda: {"tiny": scene})

    return offer


def test_many_seeds_are_performed_in_parts_kept_and_put_together(
    only_tiny: Callable[[Scene], None],
) -> None:
    only_tiny(TINY)
    performed: list[strength.Part] = []

    def perform(parts: Sequence[strength.Part]) -> Iterator[tuple[strength.Part, dict[str, Any]]]:
        for part in parts:
            performed.append(part)
            yield part, scenes.perform(*part)

    wanted = strength.parts({"tiny": TINY}, 5, None)
    assert wanted == [("tiny", 3, 1000), ("tiny", 2, 1003)]
    (result,) = strength.gathered({"tiny": TINY}, wanted, perform, lambda text: None)
    (expectation,) = result["expectations"]
    assert len(set(expectation["measured"])) == expectation["held"] == expectation["seeds"] == 5
    assert expectation["met"] and expectation["at_least"] == pytest.approx(
        0.05 ** (1 / 5), abs=1e-4
    )
    assert expectation["numbers"].startswith("on 5 of 5 seeds")
    again = strength.gathered({"tiny": TINY}, wanted, perform, lambda text: None)
    assert len(performed) == 2 and again == [result]
    stricter = replace(TINY, expects=(replace(TINY.expects[0], at_most=1e-9),))
    only_tiny(stricter)
    (result,) = strength.gathered({"tiny": stricter}, wanted, perform, lambda text: None)
    assert len(performed) == 4
    assert not result["expectations"][0]["met"] and not result["expectations"][0]["held"]


def test_what_broke_off_is_not_kept(only_tiny: Callable[[Scene], None]) -> None:
    only_tiny(TINY)
    failed = {"key": "tiny", "state": "failed", "expectations": [], "seconds": 0.0, "why": "x"}
    wanted = strength.parts({"tiny": TINY}, 3, 7)
    for _ in range(2):
        said: list[str] = []
        results = strength.gathered(
            {"tiny": TINY}, wanted, lambda parts: ((part, failed) for part in parts), said.append
        )
        assert results == [failed] and said[0] == "0 of 1 parts are kept"


def test_more_seeds_than_a_run_may_have_go_this_way() -> None:
    assert strength.is_for(59) and strength.is_for(17)
    assert not strength.is_for(16) and not strength.is_for(None)


@pytest.mark.parametrize(
    ("over", "held", "seeds", "met"),
    [
        ("every", 59, 59, True),
        ("every", 58, 59, False),
        ("every", 92, 93, True),
        ("every", 17, 17, True),  # more than so many cannot be asked of them
        ("median", 37, 59, True),
        ("median", 36, 59, False),
    ],
)
def test_what_judges_every_seed_must_hold_on_nearly_all_and_the_median_on_most(
    over: str, held: int, seeds: int, met: bool
) -> None:
    assert strength._is_met(over, held, seeds) == met


def test_a_scene_is_proved_on_the_seeds_that_it_names() -> None:
    fresh = {"tiny": replace(TINY, proof_seed=2000), "other": TINY}
    wanted = [("tiny", 3, 2000), ("other", 3, 1000), ("tiny", 1, 2003), ("other", 1, 1003)]
    assert strength.parts(fresh, 4, None) == wanted
    assert strength.parts({"tiny": TINY}, 2, 0) == [("tiny", 2, 0)]


def test_the_table_says_what_held_on_how_many_seeds() -> None:
    row = {"text": "a|b", "wanted": "at least 1 (every seed)", "held": 58, "seeds": 59}
    row |= {"met": False, "at_least": 0.9221}
    sure = row | {"text": "sure", "held": 59, "met": True, "at_least": 0.9505}
    wanted = [("tiny", 3, 2000), ("tiny", 2, 2003)]
    table = strength.table([{"key": "tiny", "expectations": [row, sure]}], wanted)
    assert "1 of 2 expectations hold as they are worded" in table[0]
    assert table[-2:] == [
        "| *tiny*, 2000 to 2004 | a\\|b | at least 1 (every seed) | 58 of 59 | **no** 92 % |",
        "|  | sure | at least 1 (every seed) | 59 of 59 | 95 % |",
    ]


def test_a_table_is_written_of_all_scenes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["lesion", "--seeds", "59"], ["--all"], ["--all", "--seeds", "59"]):
        first = ["--first-seed", "5"] if len(words) == 3 and words[0] == "--all" else []
        assert main(["scene", *words, *first, "--write"]) == 2
        assert "--write is for --all --seeds 59" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("state", "said"), [("failed", "nothing is written: tiny"), ("measured", "written to")]
)
def test_a_table_of_a_scene_that_broke_off_is_not_written(
    state: str, said: str, only_tiny: Callable[[Scene], None], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    only_tiny(TINY)
    page = tmp_path / "docs" / "truth.md"
    page.parent.mkdir()
    old = f"<!-- made by `python -m skipviz {scenes.PROOF}` -->\nold\n{truth.END}\n"
    page.write_text(old, encoding="utf-8")
    monkeypatch.setattr(places, "shipped", lambda: tmp_path)
    result = {"key": "tiny", "state": state, "expectations": [], "seconds": 0.0, "title": "Tiny"}
    monkeypatch.setattr(strength, "gathered", lambda *_: [result])
    main(["scene", "--all", "--seeds", "59", "--write", "--json"])
    assert said in capsys.readouterr().err
    assert (page.read_text(encoding="utf-8") == old) == (state == "failed")
