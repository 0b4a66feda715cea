"""Every lecture scene keeps the contract; a tiny real scene goes through the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skipviz.cli.main import main
from skipviz.core import findings, registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.registry import probe
from skipviz.core.scene import Ask, Chart, Evidence, Expectation, Figure, Scene, Series, judge
from skipviz.engine.choices import Choices
from skipviz.figures import answers, charts, scene_figures
from skipviz.store import recordings
from skipviz.store.evidence import with_seeds
from skipviz.worker.rehearsal import Rehearsed, rehearse
from tests.numbers_in_text import settings, texts, unbacked, values
from tests.test_strict_json import strict

ROOT = Path(__file__).parent.parent
SCENES: dict[str, Scene] = registry.scenes()
ONE = {"backbone": "dense", "depth": 3}
PLACES = r"(?i)section|fig|table|eq|abstract|appendix|lemma|theorem|paragraph|passage|^on "


def _loss(evidence: Evidence) -> list[float]:
    return evidence.final("loss", 0)


def _curve(evidence: Evidence) -> Chart:
    loss = evidence.history("loss", 0)[:, 0, 0]
    return Chart("Loss", "step", "loss", [Series("plain", evidence.steps(), loss, "plain")])


TINY = Scene(
    title="Tiny",
    question="Does a shallow net learn?",
    choices=("yes", "no"),
    correct_choice=lambda evidence: 0,
    runs={"main": Experiment(lanes=[Lane(family="plain", knobs=ONE)], steps=30, seeds=2)},
    figures=(Figure("chart", "the loss falls", chart=_curve),),
    expects=(Expectation("The loss is finite", _loss, at_most=10.0, over="every"),),
    saw="It ends at {loss}.",
    numbers=lambda evidence: {"loss": round(_loss(evidence)[0], 2)},
    misconception="None.",
    caveat="Small.",
    sources=(("He et al. 2015", "section 4.1"),),
    seconds=1.0,
    notes="Say it.",
    exercises=(("Why?", "So."), ("How?", "Thus.")),
    asks=(Ask("said", "predictions", {"pictures": 3}),),
)


@pytest.fixture(scope="module")
def tiny() -> Rehearsed:
    return rehearse(TINY, TINY.runs)


@pytest.fixture
def only_tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], None]:
    def offer(scene: Scene) -> None:
        monkeypatch.setattr(registry, "scenes", lambda: {"tiny": scene})

    return offer


# --- the contract of every scene


@pytest.mark.parametrize("key", SCENES)
def test_a_scene_has_all_that_a_lecturer_needs(key: str) -> None:
    scene = SCENES[key]
    empty_allowed = {"asks", "sketch", "pick", "headline", "order", "notices", "tolerates"}
    for each in fields(scene):
        assert getattr(scene, each.name) or each.name in empty_allowed, f"{key}: no {each.name}"
    assert scene.question.rstrip().endswith("?") and len(scene.choices) >= 2
    assert len(set(scene.choices)) == len(scene.choices)
    assert len(scene.exercises) == 2 and all(q.strip() and a.strip() for q, a in scene.exercises)
    assert "main" in scene.runs and scene.experiment.seeds >= 3
    assert all(run.seeds == scene.experiment.seeds for run in scene.runs.values())
    assert scene.seconds <= 60 or recordings.of(key)
    words = len(scene.notes.split())
    assert 80 <= words <= 300, f"{words} words of notes are not ninety seconds"


@pytest.mark.parametrize("key", SCENES)
def test_expectations_can_fail_and_sources_name_a_place(key: str) -> None:
    scene = SCENES[key]
    for expectation in scene.expects:
        assert expectation.at_least is not None or expectation.at_most is not None
    for source, place in scene.sources:
        assert re.search(r"\b(19|20)\d\d\b", source), f"{key}: {source} has no year"
        assert re.search(PLACES, place), place


@pytest.mark.parametrize("key", SCENES)
def test_the_number_that_is_shown_large_says_by_itself_what_it_is(key: str) -> None:
    text = SCENES[key].expects[SCENES[key].headline].text
    assert text[0].isupper() and not text.startswith(("It ", "They ", "So ", "Its "))
    assert not text.startswith(("What is drawn", "The norms", "Both nets learn"))


@pytest.mark.parametrize("key", SCENES)
def test_asks_and_figures_refer_to_what_is_there(key: str) -> None:
    scene = SCENES[key]
    names = [ask.name for ask in scene.asks]
    assert len(set(names)) == len(names)
    for ask in scene.asks:
        assert ask.run in scene.runs
        probe(ask.probe).options(ask.options)
    assert scene.figures
    for figure in scene.figures:
        assert figure.run in scene.runs and figure.says.strip()
        if figure.kind == "live":
            assert figure.panels and set(figure.panels) <= {"loss", "profile", "heat", "gates"}
        elif figure.kind == "probe":
            asked = next(ask for ask in scene.asks if ask.name == figure.ask)
            assert callable(answers.of(asked.probe))
        else:
            assert figure.chart is not None


@pytest.mark.parametrize("key", SCENES)
def test_numbers_in_a_scenes_texts_are_settings_or_have_a_source(key: str) -> None:
    known = settings(SCENES[key].runs.values())
    for ask in SCENES[key].asks:
        known |= values(str(option) for option in ask.options.values())
    supposed = [question for question, _ in SCENES[key].exercises]
    known |= values(supposed)
    if (pick := SCENES[key].pick) is not None:
        known |= settings([pick.experiment])
    path = ROOT / "skipviz" / "scenes" / f"{key}.py"
    claimless = {part for source in SCENES[key].sources for part in source}
    claimless |= {*SCENES[key].choices, *supposed}
    for line, text in texts(path):
        if text not in claimless:
            assert not unbacked(text, known), f"{path.name}:{line} {unbacked(text, known)}"


PICKED = {key: scene for key, scene in SCENES.items() if scene.pick}


def test_at_least_two_scenes_ask_everybody_for_a_number() -> None:
    assert len(PICKED) >= 2 and len({scene.pick.knob for scene in PICKED.values()}) >= 2


@pytest.mark.parametrize("key", PICKED)
def test_what_everybody_picks_can_be_tried_at_its_bounds_in_stacks(key: str) -> None:
    pick = PICKED[key].pick
    assert pick.asks.rstrip().endswith("?") and pick.label and pick.says
    tried = [pick.experiment_with(pick.number(bound)) for bound in (pick.low, pick.high)]
    assert tried[0] != tried[1] and tried[0].seeds == 1 and pick.low < pick.high
    choices = Choices([each.with_(device="cpu") for each in tried])
    assert choices.first.lanes == tried[0].lanes


def test_scenes_stand_in_an_order_of_their_own() -> None:
    orders = [scene.order for scene in SCENES.values()]
    assert len(set(orders)) == len(orders)


@pytest.mark.slow
@pytest.mark.parametrize("key", SCENES)
def test_a_scene_can_be_performed_drawn_and_told_whatever_came_of_it(key: str) -> None:
    scene = SCENES[key]
    few = {"steps": 4, "seeds": 1, "record_every": 1}
    done = rehearse(scene, {name: run.with_(**few) for name, run in scene.runs.items()})
    assert len(done.verdicts) == len(scene.expects)
    assert 0 <= scene.correct_choice(done.evidence) < len(scene.choices)
    assert "{" not in scene.saw.format(**scene.numbers(done.evidence))
    for figure in scene.figures:
        if figure.chart is not None:
            assert charts.draw(figure.chart(done.evidence), dark=True).data


# --- a tiny scene, for real


def test_a_rehearsal_trains_asks_and_judges(tiny: Rehearsed) -> None:
    evidence = tiny.evidence
    assert evidence.history("loss", 0).shape == (30, 2, 1)
    assert evidence.axis("weight_gradient_norm", 0) == [1, 2, 3]
    assert len(evidence.ask("said")) == 2 and evidence.ask("said") is evidence.ask("said")
    assert [answer["step"] for answer in evidence.ask("said")] == [30, 30]
    assert 0 < tiny.first_s <= tiny.seconds
    verdict = tiny.verdicts[0]
    assert verdict.met and len(verdict.measured) == 2
    assert verdict.measured[0] == pytest.approx(evidence.history("loss", 0)[-5:, 0].mean())


def test_what_was_not_evaluated_is_no_number() -> None:
    runs = {name: run.with_(evaluate_every=20) for name, run in with_seeds(TINY, seeds=2).items()}
    evidence = rehearse(TINY, runs).evidence
    for field in ("held_out_loss", "held_out_error"):
        held = evidence.history(field, 0)[:, :, 0]
        assert held.shape == (30, 2)
        there = np.isfinite(held).all(axis=1)
        assert there[-1] and (there == np.isfinite(held).any(axis=1)).all() and there.sum() < 4
    assert ((0 <= held[there]) & (held[there] <= 1)).all()


def test_a_scene_that_does_not_tell_its_own_numbers_breaks_off() -> None:
    for wrong in ("It ends at {lost}.", "It ends."):
        with pytest.raises(SpecError, match="saw and numbers"):
            rehearse(replace(TINY, saw=wrong, asks=()), with_seeds(TINY, seeds=1))


def test_a_seed_that_diverged_is_a_word_not_a_number(tiny: Rehearsed) -> None:
    verdict = replace(tiny.verdicts[0], measured=(0.25, np.inf), unit="nats")
    assert verdict.numbers == "0.25, diverged" and "inf" not in scene_figures.verdict(verdict)
    assert replace(verdict, unit="steps").numbers == "0.25, never"
    assert (findings.written(np.inf), findings.written(0.25)) == ("∞", "0.25")


def test_seeds_differ_and_the_first_may_be_chosen() -> None:
    again = rehearse(TINY, with_seeds(TINY, seeds=1, first_seed=1))
    both = rehearse(TINY, with_seeds(TINY, seeds=2, first_seed=0))
    assert again.evidence.final("loss", 0)[0] == pytest.approx(both.evidence.final("loss", 0)[1])
    assert both.verdicts[0].measured[0] != both.verdicts[0].measured[1]


def test_a_chart_is_drawn_in_both_themes(tiny: Rehearsed) -> None:
    for dark in (False, True):
        figure = charts.draw(_curve(tiny.evidence), dark)
        assert figure.layout.xaxis.title.text == "step" and len(figure.data[0].y) == 30


def test_families_that_repeat_go_from_pale_to_full_and_gaps_stay_gaps() -> None:
    same = [Series(str(n), [1, 2], [1.0, float("inf")], "highway") for n in range(3)]
    figure = charts.draw(Chart("", "x", "y", [*same, Series("chance", [1, 2], [2, 2])], log_y=True))
    inks = [trace.line.color for trace in figure.data]
    assert len(set(inks)) == 4 and inks[2] == "#009E73"
    assert figure.data[0].y == (1.0, None) and figure.layout.yaxis.type == "log"


def test_words_on_an_axis_stand_upright_in_lines_of_their_own() -> None:
    words = [f"a rather long name of net number {n}" for n in range(6)]
    figure = charts.draw(Chart("", "", "loss", [Series("", words, [1.0] * 6, style="dots")]))
    assert figure.layout.xaxis.tickangle == 0
    assert all("<br>" in text for text in figure.layout.xaxis.ticktext)
    assert list(figure.layout.xaxis.tickvals) == words


# --- the command line


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    status = main(["scene", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_scene_whose_expectations_are_met_ends_with_0(
    only_tiny: Callable[[Scene], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_tiny(TINY)
    status, out, _ = run(capsys, "tiny", "--json")
    (result,) = strict(out)["scenes"]
    assert status == 0 and result["key"] == "tiny" and result["state"] == "measured"
    (expectation,) = result["expectations"]
    assert expectation["met"] and len(expectation["measured"]) == 2 and result["seconds"] > 0
    status, out, _ = run(capsys, "tiny", "--seeds", "1", "--first-seed", "4")
    assert status == 0 and "every expectation was met" in out and "expected at most 10" in out


def test_a_scene_that_falls_short_ends_with_1_and_shows_its_numbers(
    only_tiny: Callable[[Scene], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_tiny(replace(TINY, expects=(Expectation("It ends at nothing", _loss, at_most=1e-9),)))
    status, out, _ = run(capsys, "tiny")
    assert status == 1 and "FELL SHORT It ends at nothing" in out and "fell short: tiny" in out
    status, out, _ = run(capsys, "tiny", "--json")
    expectation = strict(out)["scenes"][0]["expectations"][0]
    assert status == 1 and not expectation["met"] and expectation["measured"][0] > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "scene 'nowhere': there is no such scene; there is tiny"),
        (["tiny", "--seeds", "0"], "seeds 0"),
        (["tiny", "--first-seed", "-1"], "seed -1"),
        (["tiny", "--all"], "not both"),
        (["tiny", "--recorded", "--seeds", "2"], "--recorded trains nothing"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    words: list[str],
    sentence: str,
    only_tiny: Callable[[Scene], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    only_tiny(TINY)
    status, out, err = run(capsys, *words)
    assert status == 2 and sentence in err and err.count("\n") == 1 and not out


def test_all_runs_each_scene_in_a_process_and_says_what_broke_off(
    only_tiny: Callable[[Scene], None], capsys: pytest.CaptureFixture[str]
) -> None:
    only_tiny(TINY)  # its key is unknown to the child, which therefore breaks off
    status, out, err = run(capsys, "--all", "--json")
    (result,) = strict(out)["scenes"]
    assert status == 1 and result["state"] == "failed" and "no such scene" in result["why"]
    assert "1 of 1: tiny fell short" in err


@pytest.mark.parametrize(
    ("value", "large"),
    [
        (0.0, "0 ×"),
        (0.126, "0.126 ×"),
        (5760.4, "5,760 ×"),
        (-3.25, "−3.25 ×"),
        (4.61e-15, "4.6·10⁻¹⁵ ×"),
        (8.04e13, "8.0·10¹³ ×"),
        (-2e-7, "−2.0·10⁻⁷ ×"),
    ],
)
def test_the_back_row_reads_a_number_as_it_is_written_by_hand(value: float, large: str) -> None:
    verdict = judge(Expectation("x", lambda _: [value], at_least=0, unit="×"), Any)
    assert verdict.large == large


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([1360, 6720], ["1,000", "2,000", "5,000", "10,000"]),
        ([0.03, 2.2], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5"]),
    ],
)
def test_a_short_logarithmic_axis_says_plain_numbers(values: list[float], ticks: list[str]) -> None:
    for kind in ("x", "y"):
        across, along = (values, [1, 2]) if kind == "x" else ([1, 2], values)
        chart = Chart(
            "", "x", "y", [Series("a", across, along)], log_x=kind == "x", log_y=kind == "y"
        )
        axis = charts.draw(chart).layout[f"{kind}axis"]
        assert list(axis.ticktext)[: len(ticks)] == ticks
