"""Many choices trained in stacks: each gets the very numbers that its experiment gives alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.protocol import ChoiceOutcome
from skipviz.engine import choices, fused
from skipviz.engine.choices import Choices
from skipviz.engine.nets import make_net
from skipviz.engine.stacked import Stack, shape_of
from skipviz.engine.training import Training

needs_kernel = pytest.mark.skipif(not fused.available(), reason=f"no fused kernel: {fused.why()}")


def lane(family: str = "resnet", **knobs: Any) -> Lane:
    base = {"backbone": "dense", "depth": 5, "width": 12}
    return Lane(family=family, knobs=base | knobs)


def experiment(*lanes: Lane, **fields: Any) -> Experiment:
    values = {"steps": 24, "batch_size": 32, "record_every": 2, "device": "cpu"} | fields
    return Experiment(lanes=list(lanes), **values)


PAIR = (lane(plain_twin=True), lane())
RATES = (0.003, 0.05, 0.4, 60.0)
KINDS: dict[str, list[Experiment]] = {
    "learning rates": [experiment(*PAIR, lr=lr) for lr in RATES],
    "with momentum and a schedule": [
        experiment(lane(), lr=lr, optimiser="nesterov", schedule="cosine", warmup=4, seeds=2)
        for lr in RATES[:3]
    ],
    "gate biases": [experiment(lane("highway", gate_bias=b)) for b in (-4.0, -1.0, 2.0)],
    "depths": [experiment(lane(depth=depth), seeds=2) for depth in (3, 9, 5, 7)],
}


def alone(of: Experiment) -> tuple[list[float | None], list[int | None]]:
    """Final losses and divergences of an experiment that is trained by itself."""
    training = Training(of)
    frames = list(training.frames())
    losses: list[float | None] = []
    steps = [frame.step for frame in frames]
    for number in range(len(of.lanes)):
        read = np.array([np.atleast_1d(frame.lanes[number].loss) for frame in frames])
        loss = float(final.median(final.mean(steps, read)))
        losses.append(loss if np.isfinite(loss) else None)
    ends = [[net.diverged_at for net in nets if net.diverged_at is not None]
            for nets in training.lanes]  # fmt: skip
    return losses, [min(dead) if dead else None for dead in ends]


def outcomes(of: list[Experiment]) -> list[ChoiceOutcome]:
    """What came of all choices, in their order."""
    came = [outcome for _, some in Choices(of).train() for outcome in some]
    assert sorted(outcome["choice"] for outcome in came) == list(range(len(of)))
    return sorted(came, key=lambda outcome: outcome["choice"])


@needs_kernel
@pytest.mark.parametrize("kind", KINDS)
def test_a_choice_gets_the_very_numbers_that_it_gets_alone(kind: str) -> None:
    for of, outcome in zip(KINDS[kind], outcomes(KINDS[kind]), strict=True):
        losses, ends = alone(of)
        assert outcome["losses"] == losses and outcome["diverged_at"] == ends


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_kernel_the_numbers_are_the_same_to_rounding(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_FUSED", "0")
    for of, outcome in zip(KINDS[kind], outcomes(KINDS[kind]), strict=True):
        losses, ends = alone(of)
        read, wanted = (np.array(each, float) for each in (outcome["losses"], losses))
        np.testing.assert_allclose(read, wanted, rtol=2e-3)
        assert outcome["diverged_at"] == ends


def test_the_largest_learning_rate_diverges_and_says_when() -> None:
    *lively, dead = outcomes(KINDS["learning rates"])
    assert all(end is None for outcome in lively for end in outcome["diverged_at"])
    assert all(None not in outcome["losses"] for outcome in lively)
    assert dead["losses"][0] is None and dead["diverged_at"][0] is not None
    for loss, end in zip(dead["losses"], dead["diverged_at"], strict=True):
        assert (loss is None) == (end is not None)


@pytest.mark.parametrize("optimiser", ["sgd", "nesterov"])
def test_each_net_of_a_stack_moves_by_its_own_learning_rate(optimiser: str) -> None:
    rates = [0.01, 0.2, 0.0]
    of = experiment(*[lane() for _ in rates], optimiser=optimiser, weight_decay=0.01)
    shapes = [shape_of(each, of) for each in of.lanes]
    wirings = [each.wiring(of.dataset) for each in of.lanes]
    assert None not in shapes
    rng = torch.Generator().manual_seed(0)
    batches = [torch.randn(1, 32, 64, generator=rng).double() for _ in range(20)]
    truths = [torch.randint(10, (1, 32), generator=rng) for _ in range(20)]

    def stack(count: int, *paces: float) -> Stack:
        nets = [make_net(of.lanes[0], of.dataset, 0).double() for _ in range(count)]
        made = Stack(of, nets, wirings[:count], [s for s in shapes if s][:count])
        made.set_rates(paces)
        for x, y in zip(batches, truths, strict=True):
            made.learn(x.expand(count, -1, -1), y.expand(count, -1), measure=False)
        return made

    together = stack(3, *rates)
    for number, pace in enumerate(rates):
        single = stack(1, pace)
        for (_, weight, bias), (_, w, b) in zip(
            together.linears(number), single.linears(0), strict=True
        ):
            torch.testing.assert_close(weight, w, rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(bias, b, rtol=1e-9, atol=1e-12)


def test_results_come_one_group_after_the_other_the_smallest_nets_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choices, "NETS", 2)
    depths, of = (3, 9, 5, 7), KINDS["depths"]
    shares, order = [], []
    for share, some in Choices(of).train():
        shares.append(share)
        order += [depths[outcome["choice"]] for outcome in some]
    assert order == [3, 5, 7, 9]
    assert shares == sorted(shares) and len(shares) == 4 * 24 and shares[-1] == pytest.approx(1)


def test_whoever_leaves_gets_no_more_results() -> None:
    steps = 0

    def leave() -> bool:
        return steps >= 5

    for _, some in Choices(KINDS["depths"]).train(leave):
        steps += 1
        assert not some
    assert steps == 5


def test_the_time_that_it_takes_is_measured_before_and_changes_no_number() -> None:
    of = KINDS["gate biases"]
    training = Choices(of)
    assert 0 < training.seconds() < 600
    after = [outcome for _, some in training.train() for outcome in some]
    assert sorted(after, key=lambda outcome: outcome["choice"]) == outcomes(of)


BASE = experiment(lane(), lr=0.1)
WRONG: dict[str, tuple[Experiment, str]] = {
    "steps": (BASE.with_(steps=30), "learning rate and in their lanes alone"),
    "lanes": (BASE.with_(lanes=PAIR), "as many lanes as the others"),
    "convolutions": (
        BASE.with_(lanes=[Lane(family="resnet", knobs={"backbone": "cifar", "depth": 8})]),
        "cannot stand in a stack",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_choices_that_cannot_stand_beside_each_other_get_a_sentence(name: str) -> None:
    other, sentence = WRONG[name]
    with pytest.raises(SpecError, match=sentence):
        Choices([BASE, other])


def test_learning_rates_of_their_own_need_sgd() -> None:
    adam = BASE.with_(optimiser="adam")
    with pytest.raises(SpecError, match="need optimiser 'sgd' or 'nesterov'"):
        Choices([adam, adam.with_(lr=0.2)])
    with pytest.raises(SpecError, match="budget in steps"):
        Choices([BASE.with_(seconds=1.0)])
