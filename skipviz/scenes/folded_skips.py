"""A skip over one linear layer is another start of the weights, and no more than that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import (
    Ask,
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    Series,
    final_loss,
    first_layers_apart,
)

DEPTH, STEPS, DECAY = 13, 200, 0.2
_ONE = DENSE | {"depth": DEPTH, "branch_layers": 1}
_BUDGET = {"steps": STEPS, "lr": 0.005, "seeds": 3}
_PLAIN, _SKIPS = range(2)
_LANES = {"fold": _SKIPS, "single": _SKIPS, "sgd": 0, "decay": 0, "two": 0}
"""The lane with skips that each `Ask` is about."""
_FIRST = 10
"""In so few steps rounding in float32 has not grown yet."""


def _asked(ask: str, field: str, evidence: Evidence) -> np.ndarray:
    """A field of the probe's answers on the lane with skips: (S, …), NaN where there is none."""
    return np.array([a["lanes"][_LANES[ask]][field] for a in evidence.ask(ask)], float)


def _worst(ask: str, field: str, first: int | None = None) -> Callable[[Evidence], list[float]]:
    """The largest of (the first of) its numbers, seed by seed."""

    def measured(evidence: Evidence) -> list[float]:
        values = _asked(ask, field, evidence)
        return [float(v) for v in values.reshape(len(values), -1)[:, :first].max(axis=1)]

    return measured


def _end(ask: str, net: str) -> Callable[[Evidence], list[float]]:
    """The final loss of one of the probe's two nets, `with_skips` or `folded`."""

    def measured(evidence: Evidence) -> list[float]:
        losses = _asked(ask, net, evidence).T  # (T, S)
        return final.mean(range(len(losses)), losses)

    return measured


def _off_screen(evidence: Evidence) -> list[float]:
    """The largest difference, in the first steps, of the run's own loss and the probe's."""
    shown = evidence.history("loss", _SKIPS)[:_FIRST, :, 0]
    steps = evidence.steps()[:_FIRST].astype(int)
    probed = _asked("fold", "with_skips", evidence)[:, steps].T
    return [float(v) for v in np.abs(shown - probed).max(axis=0)]


def _least_left(evidence: Evidence) -> list[float]:
    return [float(v) for v in _asked("two", "left", evidence).min(axis=1)]


def _left_chart(evidence: Evidence) -> Chart:
    rows = (
        ("two layers, at init", "two", "left_init", 2, "resnet", True),
        ("two layers, trained", "two", "left", 2, "resnet", False),
        ("one layer, trained", "fold", "left", 1, "plain", False),
    )
    series = []
    for name, ask, field, layers, family, dashed in rows:
        middle = np.median(_asked(ask, field, evidence), axis=0)
        at = [layers * unit for unit in range(1, len(middle) + 1)]
        series.append(Series(name, at, [float(v) for v in middle], family, dashed=dashed))
    return Chart(
        "What the best matrix leaves of each branch",
        "last layer of the branch (1 = nearest the input)",
        "share of the branch left",
        series,
        note="least squares over training samples; median over seeds",
    )


def _correct_choice(evidence: Evidence) -> int:
    plain, skips = (float(np.median(evidence.final("loss", i))) for i in (_PLAIN, _SKIPS))
    folded = float(np.median(_end("fold", "folded")(evidence)))
    if folded > (plain + skips) / 2:
        return 0
    return 2 if max(_worst("fold", "distance")(evidence)) < 1e-6 else 1


def _numbers(evidence: Evidence) -> dict[str, float]:
    def middle(values: list[float]) -> float:
        return float(np.median(values))

    return {
        "plain": round(middle(evidence.final("loss", _PLAIN)), 2),
        "skips": round(middle(_end("fold", "with_skips")(evidence)), 3),
        "folded": round(middle(_end("fold", "folded")(evidence)), 3),
        "apart": float(f"{max(_worst('fold', 'distance')(evidence)):.1g}"),
        "single": float(f"{max(_worst('single', 'distance')(evidence)):.1g}"),
        "decayed": round(middle(_end("decay", "with_skips")(evidence)), 2),
        "decayed_folded": round(middle(_end("decay", "folded")(evidence)), 2),
        "left": round(100 * float(np.median(_asked("two", "left", evidence)))),
    }


SCENE = Scene(
    title="A skip over one layer",
    question="A plain net of thirteen layers does not learn. It gets no skips, but before training "
    "we add the identity to each hidden layer's weights, once: W becomes W + I. What happens?",
    choices=(
        "it still does not learn: it has no skips",
        "it learns, but differently from the net with skips",
        "it makes exactly the same steps as the net with skips",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_ONE | {"plain_twin": True}),
                Lane(family="resnet", knobs=_ONE),
            ],
            **_BUDGET,
        ),
        "sgd": Experiment(
            lanes=[Lane(family="resnet", knobs=_ONE)],
            **(_BUDGET | {"lr": 0.02, "momentum": 0.0}),
        ),
        "decay": Experiment(
            lanes=[Lane(family="resnet", knobs=_ONE)], weight_decay=DECAY, **_BUDGET
        ),
        "two": Experiment(
            lanes=[Lane(family="resnet", knobs=_ONE | {"branch_layers": 2})],
            **(_BUDGET | {"lr": 0.01}),
        ),
    },
    asks=(
        Ask("fold", "folding", {"steps": STEPS}),
        Ask("single", "folding", {"steps": STEPS, "precision": "float32"}),
        Ask("sgd", "folding", {"steps": STEPS}, run="sgd"),
        Ask("decay", "folding", {"steps": STEPS}, run="decay"),
        Ask("two", "folding", run="two"),
    ),
    figures=(
        Figure(
            "live",
            "The same layers and first weights: with skips they learn, without them they do not.",
            panels=("loss",),
        ),
        Figure(
            "probe",
            "Started at W + I, the net without skips draws the same line: they differ by rounding.",
            ask="fold",
        ),
        Figure(
            "probe",
            "With weight decay they part: the plain net loses its I, the other keeps its skips.",
            run="decay",
            ask="decay",
        ),
        Figure(
            "chart",
            "A branch of one layer is a matrix: nothing is left. One of two layers is not.",
            run="two",
            chart=_left_chart,
        ),
    ),
    expects=(
        Expectation(
            "The plain net stays at guessing",
            final_loss(_PLAIN),
            at_least=2.2,
            at_most=2.4,
            over="every",
            unit="nats",
        ),
        Expectation(
            "With skips the same weights learn",
            final_loss(_SKIPS),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "They are the same: at init the first layers of both nets say the same",
            first_layers_apart(_PLAIN, _SKIPS),
            at_most=1e-5,
            over="every",
            unit="of the scale apart",
        ),
        Expectation(
            "and the net with skips knows its training samples",
            lambda evidence: [float(v) for v in _asked("fold", "accuracy", evidence)],
            at_least=0.93,
            over="every",
            unit="of the samples",
        ),
        Expectation(
            "Without skips, started at W + I, it has the same loss at every step (in float64)",
            _worst("fold", "distance"),
            at_most=1e-8,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "and ends with the same weights",
            _worst("fold", "weights"),
            at_most=1e-8,
            over="every",
            unit="apart",
        ),
        Expectation(
            "So it is without momentum",
            _worst("sgd", "distance"),
            at_most=1e-8,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "where the net learns as well",
            final_loss(0, "sgd"),
            at_most=0.4,
            over="every",
            unit="nats",
        ),
        Expectation(
            "In float32, too, the first steps are the same but for rounding",
            _worst("single", "distance", _FIRST),
            at_most=0.01,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "The net with skips that is compared is the one on the screen: the same first losses",
            _off_screen,
            at_most=1e-3,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "With weight decay the net with skips still learns",
            final_loss(0, "decay"),
            at_least=0.15,
            at_most=0.7,
            over="every",
            unit="nats",
        ),
        Expectation(
            "while the one that started at W + I ends at guessing",
            _end("decay", "folded"),
            at_least=2,
            at_most=2.4,
            over="every",
            unit="nats",
        ),
        Expectation(
            "A branch of one layer is a matrix: the best fit leaves nothing",
            _worst("fold", "left"),
            at_most=1e-8,
            over="every",
            unit="of the branch",
        ),
        Expectation(
            "A net whose branches have two layers learns",
            final_loss(0, "two"),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "and no matrix gives any of its branches",
            _least_left,
            at_least=0.04,
            over="every",
            unit="of the branch left",
        ),
    ),
    headline=4,
    saw="The plain net ends at a loss of {plain}. With skips it ends at {skips}, without skips but "
    "started at W + I at {folded}: never more than {apart} apart in float64; in float32 rounding "
    "grows to {single}. With weight decay the net with skips ends at {decayed}, the folded one at "
    "{decayed_folded}. Of a branch of two layers the best matrix leaves {left} %.",
    numbers=_numbers,
    misconception="“A skip helps because the gradient has a path of its own.” Around one linear "
    "layer there is no other path: x + Wx is (W + I)x, one matrix, with one gradient. What helps "
    "is where it starts.",
    caveat="A skip around one linear layer, with no norm and no ReLU inside the branch. Decay here "
    "is far stronger than usual, so that it shows in a few steps. In float32 the two nets start "
    "out together, and then ReLU's kinks magnify the rounding: on some seeds they part visibly. In "
    "RepVGG each branch has BatchNorm of its own while it trains, so that there the fold is exact "
    "only afterwards. The share that is left is one of the branch; of the whole signal it is less, "
    "for what is carried is larger.",
    sources=(
        (
            "Zagoruyko and Komodakis 2017, DiracNets: Training Very Deep Neural Networks Without "
            "Skip-Connections",
            "abstract",
        ),
        ("Ding et al. 2021, RepVGG: Making VGG-style ConvNets Great Again", "section 3.3"),
        ("He et al. 2015, Deep Residual Learning", "section 3.2: branches of a single layer"),
    ),
    seconds=15,
    notes="Two nets, thirteen layers each, with the same first weights. One has a skip around "
    "every hidden layer, the other has none. You see which one learns. Everybody knows why: the "
    "skip carries the gradient. Now I take the plain net, still without skips, and before training "
    "I add one to the diagonal of each hidden weight matrix. Once; then I leave it alone. Vote. "
    "Here are both losses; one has to be dashed so that you can see that there are two. "
    "On the right is the distance between them, in powers of ten: it is rounding. Of course it is: "
    "x plus W x is W plus I, times x. One matrix, one gradient, so an optimiser that looks only at "
    "gradients makes the same steps. A skip over one linear layer is an initialisation. What could "
    "tell the two nets apart? Something that looks at the weights themselves, and weight decay "
    "does. In the net with skips it pulls W to zero, and the skip stays. In the other it pulls W "
    "plus I to zero, and the signal goes with it. So the skip is a start that decay cannot take "
    "away. And it is one reason why residual branches have at least two layers with a ReLU between "
    "them: the last figure shows that no matrix can stand in for those.",
    exercises=(
        (
            "Does Adam make the same steps on W and on W + I? And AdamW?",
            "Adam computes its steps from gradients alone, and those are equal: the same steps. "
            "AdamW also shrinks the weights themselves, which are different: it parts them, as "
            "weight decay does with SGD.",
        ),
        (
            "Show that no matrix $M$ gives $Mx = x + W_2\\,\\mathrm{relu}(W_1 x)$ for every x, "
            "unless the branch is linear.",
            "$Mx$ changes its sign with x. So the branch would have to as well: "
            "$W_2\\,\\mathrm{relu}(W_1 x) = -W_2\\,\\mathrm{relu}(-W_1 x)$, that is "
            "$W_2\\,|W_1 x| = 0$ for every x. Then the branch is $\\frac{1}{2} W_2 W_1 x$: linear.",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "decay_ignored",
        "one_batch",
        "twin_of_another",
    ),
    tolerates={"scale_off": "a ratio of scales is judged, in which the factor cancels"},
    order=22,
    proof_seed=2000,
)
