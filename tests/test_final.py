"""One meaning of final: the last tenth of the steps, at least five readings."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from skipviz import engine
from skipviz.cli.main import main
from skipviz.cli.train import row
from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.store.evidence import Gathered
from tests.test_strict_json import strict

RESNET = Lane(family="resnet", knobs={"backbone": "dense", "depth": 6})
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("steps", "counts"),
    [
        (range(400), range(360, 400)),  # a tenth
        ([*range(0, 400, 16), 399], [336, 352, 368, 384, 399]),  # a tenth has three: five
        (range(10), range(5, 10)),
        ([*range(0, 60, 2), 59], [52, 54, 56, 58, 59]),
        ([0, 1, 2], [0, 1, 2]),  # fewer than five: all
        (range(401), range(360, 401)),  # a tenth of 401 is 40.1 steps: 41
        ([0], [0]),
    ],
)
def test_final_is_the_last_tenth_of_the_steps_and_at_least_five_readings(
    steps: list[int], counts: list[int]
) -> None:
    assert list(steps)[final.first(steps) :] == list(counts)
    values = np.array(steps, float)[:, None] * [1, 2]
    assert final.mean(steps, values) == pytest.approx([np.mean(counts), 2 * np.mean(counts)])
    assert final.mean([], np.zeros((0, 2))) == []


def test_a_seed_that_diverged_is_infinite_and_the_median_is_of_the_living() -> None:
    values = np.full((30, 3), 0.5)
    values[12:, 1] = np.nan
    values[4, 2] = np.inf  # what was once no number is not alive again
    assert final.mean(range(30), values) == [0.5, float("inf"), float("inf")]
    made = row("ResNet-6", [0.5, float("inf"), 0.7, 0.6, float("inf")], 12)
    assert made["loss"] == pytest.approx(0.6) and made["diverged_seeds"] == 2
    assert made["note"] == "2 of 5 seeds diverged, the first at step 12"
    assert row("ResNet-6", [0.5, float("inf")], 3)["note"] == "1 of 2 seeds diverged at step 3"
    assert row("ResNet-6", [float("inf")], 3)["loss_why"] == "diverged at step 3"
    assert row("ResNet-6", [0.5], None) == {
        "lane": "ResNet-6", "loss": 0.5, "seeds": 1, "diverged_seeds": 0, "diverged_at": None,
    }  # fmt: skip


@pytest.mark.parametrize("every", [1, 16])
def test_train_prints_the_final_loss_whatever_is_recorded(
    every: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = Experiment(lanes=[RESNET], steps=200, lr=0.1, device="cpu", record_every=every)
    frames = [(frame.step, frame.lanes[0].loss) for frame in engine.train(experiment)]
    last = [loss for step, loss in frames if step >= 180] if every == 1 else None
    last = last or [loss for _, loss in frames[-5:]]
    path = tmp_path / "experiment.json"
    path.write_text(experiment.to_json(), encoding="utf-8")
    assert main(["train", str(path), "--json"]) == 0
    said = strict(capsys.readouterr().out)
    assert said["lanes"][0]["loss"] == pytest.approx(float(np.mean(last)))
    assert said["final"] == final.WORDS and said["steps"] == 200
    assert main(["train", str(path)]) == 0
    assert final.WORDS in capsys.readouterr().out


def test_scenes_and_the_command_line_mean_the_same() -> None:
    from skipviz.worker.rehearsal import trained

    experiment = Experiment(lanes=[RESNET], steps=60, lr=0.1, device="cpu", record_every=2)
    training, log = trained(experiment)
    gathered = Gathered({"main": log}, {"main": experiment}, (), lambda ask, turn: {})
    steps, losses = log.column("step"), log.lane(0, "loss")[:, :, 0]
    assert gathered.final("loss", 0) == final.mean(steps, losses)
    assert gathered.final("loss", 0)[0] == pytest.approx(float(losses[-5:].mean()))
    assert training.over


def test_nobody_averages_the_end_of_a_run_by_himself() -> None:
    """What is called final goes through `skipviz.core.final`: no other window of readings."""
    window = re.compile(
        r"\[-(LAST|\d+|\w*last\w*):.*\bmean\b|\bmean\b.*\[-(LAST|\d+|\w*last\w*):|\bLAST = "
    )
    for bad in ("losses[-5:].mean()", "np.mean(log.column(x)[-25:])", "mean(losses[-LAST:])"):
        assert window.search(bad)
    found = [
        path.name
        for folder in ("skipviz", "pages", "benchmarks", "tools")
        for path in (ROOT / folder).glob("**/*.py")
        if window.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_a_median_is_of_the_seeds_that_live() -> None:
    nan, inf = np.nan, np.inf
    assert final.median([nan, nan, 0.3, nan, inf]) == pytest.approx(0.3)
    assert final.median([0.1, nan, 0.3]) == pytest.approx(0.2)
    assert final.median([nan, inf]) == inf
    random = np.random.default_rng(0).random((4, 5, 3))
    np.testing.assert_allclose(final.median(random, axis=1), np.median(random, axis=1))
