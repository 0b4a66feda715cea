"""Before any training: which nets send a gradient back through all their layers?"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log10

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import DENSE
from skipviz.core.scene import (
    Ask,
    Chart,
    Evidence,
    Expectation,
    Figure,
    Scene,
    decades,
    norms_off,
    profile,
)
from skipviz.core.sketch import Sketch

DEPTH = 50
_DEEP = DENSE | {"depth": DEPTH}
_FAMILIES = ("plain", "highway", "resnet", "densenet")
_NORM = {"init": "he", "norm": "batch"}
_PLAIN_HE, _RESNET_HE, _PLAIN_NORM, _RESNET_NORM = range(4)


def _risen(evidence: Evidence, lane: int, run: str = "main") -> list[float]:
    """By how many powers of ten dLoss/dx is larger at the first layer than at the last."""
    return decades(evidence.history("signal_gradient_norm", lane, run)[0])


def _lost(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """By how many powers of ten it is smaller at the first layer."""
    return lambda evidence: [-value for value in _risen(evidence, lane, run)]


def _gate_formula(bias: float = -2.0) -> float:
    """Decades that (1 − sigmoid(b_T)) to the power of the number of gated layers takes away."""
    return -(DEPTH - 1) * log10(1 - 1 / (1 + exp(-bias)))


def _off_the_formula(evidence: Evidence) -> list[float]:
    return [abs(value - _gate_formula()) for value in _lost(1)(evidence)]


def _gates_off(evidence: Evidence) -> list[float]:
    """How far the mean gate is from sigmoid(b_T), at worst of both biases. The decades alone do not
    tell a bias from its negative: where a gate carries less, tanh layers pass on as much more."""
    worst = []
    for lane, run, bias in ((1, "main", -2.0), (0, "shut", -4.0)):
        means = evidence.history("gate_mean", lane, run)[0].mean(axis=1)
        worst.append(np.abs(means - 1 / (1 + exp(-bias))))
    return [float(v) for v in np.max(worst, axis=0)]


def _grown(evidence: Evidence) -> list[float]:
    """The scale of the last layer's output over that of the first, of the He residual net."""
    scale = evidence.history("activation_scale", _RESNET_HE, "he")[0]
    return [float(v) for v in scale[:, -1] / scale[:, 0]]


def _default_init(evidence: Evidence) -> Chart:
    return Chart(
        "Gradient of the signal at init, 50 layers",
        "layer (1 = nearest the input)",
        "norm of dLoss/dx",
        [
            profile(evidence, "signal_gradient_norm", i, label=label, family=family)
            for i, (label, family) in enumerate(zip(evidence.labels(), _FAMILIES, strict=True))
        ],
        log_y=True,
    )


def _he_init(evidence: Evidence) -> Chart:
    names = ("plain, He", "residual, He", "plain, He + BatchNorm", "residual, He + BatchNorm")
    return Chart(
        "The same depth from He's init, without and with BatchNorm",
        "layer (1 = nearest the input)",
        "norm of dLoss/dx",
        [
            profile(
                evidence, "signal_gradient_norm", i, label=name, family=family, run="he",
                dashed=i < 2,
            )
            for i, (name, family) in enumerate(
                zip(names, ("plain", "resnet", "plain", "resnet"), strict=True)
            )
        ],
        log_y=True,
        note="dashed: no normalisation",
    )  # fmt: skip


def _correct_choice(evidence: Evidence) -> int:
    lost = float(np.median(_lost(0)(evidence)))
    return 0 if lost < 2 else 1 if lost < 6 else 2 if lost < 12 else 3


def _numbers(evidence: Evidence) -> dict[str, float]:
    lost = [float(np.median(_lost(lane)(evidence))) for lane in range(4)]
    return {
        "plain": round(lost[0], 1),
        "highway": round(lost[1], 1),
        "formula": round(_gate_formula(), 1),
        "residual": round(lost[2], 1),
        "dense": round(lost[3], 1),
        "plain_he": round(float(np.median(_lost(_PLAIN_HE, "he")(evidence))), 1),
        "batchnorm": round(float(np.median(_risen(evidence, _PLAIN_NORM, "he"))), 1),
        "grown": round(float(np.median(_grown(evidence)))),
    }


SCENE = Scene(
    title="Gradients at init",
    question="A plain net of 50 layers, just made by nn.Linear, nothing trained. How much smaller "
    "is the gradient at its first layer than at its last?",
    choices=(
        "about the same",
        "thousands of times",
        "millions or billions of times",
        "more than a million million times",
    ),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[Lane(family=family, knobs=_DEEP) for family in _FAMILIES],
            steps=40,
            lr=0.03,
            seeds=3,
        ),
        "he": Experiment(
            lanes=[
                Lane(family="plain", knobs=_DEEP | {"init": "he"}),
                Lane(family="resnet", knobs=_DEEP | {"init": "he"}),
                Lane(family="plain", knobs=_DEEP | _NORM),
                Lane(family="resnet", knobs=_DEEP | _NORM | {"variant": "full_preact"}),
            ],
            steps=1,
            seeds=3,
        ),
        "shut": Experiment(
            lanes=[Lane(family="highway", knobs=_DEEP | {"gate_bias": -4.0})], steps=1, seeds=3
        ),
    },
    asks=(Ask("check", "cross_check"),),
    figures=(
        Figure(
            "live",
            "Each step of a line is one layer's factor: follow the plain one from right to left.",
            panels=("profile",),
        ),
        Figure("chart", "One line falls off a cliff, three do not.", chart=_default_init),
        Figure("chart", "He's init cures the cliff; BatchNorm tips it over.", chart=_he_init),
    ),
    expects=(
        Expectation(
            "The plain net loses the gradient on its way to the first layer",
            _lost(0),
            at_least=12,
            over="every",
            unit="decades",
        ),
        Expectation(
            "The residual net keeps it",
            _lost(2),
            at_least=-2,
            at_most=2,
            over="every",
            unit="decades",
        ),  # fmt: skip
        Expectation(
            "The dense net keeps it",
            _lost(3),
            at_least=-2,
            at_most=2,
            over="every",
            unit="decades",
        ),  # fmt: skip
        Expectation(
            "The highway net loses what its gate bias says, one factor 1 − T for each layer",
            _off_the_formula,
            at_most=0.7,
            over="every",
            unit="decades off",
        ),
        Expectation(
            "Its gates begin as far open as their bias says, at −2 and at −4",
            _gates_off,
            at_most=0.02,
            over="every",
            unit="of T off",
        ),
        Expectation(
            "The norms drawn are right: autograd in float64 and differences of the loss give the "
            "same",
            lambda evidence: norms_off(evidence, "check", range(4)),
            at_most=0.01,
            over="every",
            unit="of the norm off",
        ),
        Expectation(
            "A plain net from He's init does not vanish",
            _lost(_PLAIN_HE, "he"),
            at_least=-2,
            at_most=2,
            unit="decades",
        ),
        Expectation(
            "BatchNorm makes the plain net's gradient grow towards the input",
            lambda evidence: _risen(evidence, _PLAIN_NORM, "he"),
            at_least=3,
            over="every",
            unit="decades",
        ),
        Expectation(
            "He's init without normalisation blows up the residual net's signal",
            _grown,
            at_least=300,
            over="every",
            unit="×",
        ),
    ),
    saw="From nn.Linear's own init the plain net's gradient is {plain} powers of ten smaller at "
    "its first layer than at its last; the highway net's {highway} (the gate bias alone says "
    "{formula}), the residual net's {residual}, the dense net's {dense}. From He's init the plain "
    "net loses only {plain_he}. With BatchNorm its gradient grows by {batchnorm} powers of ten "
    "towards the input, and a residual net with He's init and no normalisation multiplies its "
    "signal by {grown}.",
    numbers=_numbers,
    misconception="“Every deep plain net has vanishing gradients.” It depends on the init: He's "
    "keeps them, and BatchNorm makes them explode.",
    caveat="Healthy gradients at init do not mean that the net trains: the plain net from He's "
    "init often maps all inputs to nearly one direction. And look at dLoss/dx: in a net without "
    "biases dLoss/dW can look flat over the layers although the signal has long vanished.",
    sources=(
        ("He et al. 2015, Delving Deep into Rectifiers", "section 2.2"),
        ("He et al. 2015, Deep Residual Learning", "section 4.1"),
        ("Yang et al. 2019, A Mean Field Theory of Batch Normalization", "abstract"),
        ("Srivastava et al. 2015, Training Very Deep Networks", "section 2"),
    ),
    seconds=12,
    notes="Ask for hands before you press anything: nobody has trained this net, it has only been "
    "made. Press run: the first frame is the net at init. Follow the plain line from right to "
    "left; every layer takes away the same factor: on a logarithmic axis a straight cliff. "
    "The other three carry something past each layer: an addition, a gate that starts nearly shut, "
    "a concatenation. The highway line can be worked out on a pocket calculator: one factor of one "
    "minus T for each layer. Then the second figure, against the textbook: the same plain net from "
    "He's init has no cliff at all. So it was the init. With BatchNorm the line goes up towards "
    "the input: the gradients explode. Leave the room with the question of the next scene: if it "
    "is not the gradient, why do deep plain nets train badly?",
    exercises=(
        (
            "The highway net's gate bias is −2. By how many powers of ten would the gradient "
            "shrink over the same layers with a bias of −4, if only the carry counts?",
            "Each gated layer multiplies by $1 - \\sigma(b_T)$, so the loss in decades is the "
            "number of gated layers times $-\\log_{10}(1 - \\sigma(b_T))$: here "
            f"{-(DEPTH - 1) * log10(1 - 1 / (1 + exp(4))):.1f} instead of "
            f"{-(DEPTH - 1) * log10(1 - 1 / (1 + exp(2))):.1f}.",
        ),
        (
            "A student plots dLoss/dW of a plain ReLU net with zero biases, sees the same small "
            "number at every layer and concludes that nothing vanishes. What went wrong?",
            "dLoss/dW of a layer is its input times the gradient of its output. On the way up the "
            "input shrinks as fast as the gradient shrinks on the way down, so their product is "
            "the same everywhere: tiny. dLoss/dx shows the slope.",
        ),
    ),
    sketch=Sketch(
        f"A plain net of {DEPTH} layers, just made by nn.Linear, nothing trained. Draw the norm of"
        " the gradient dLoss/dx at each of its layers.",
        figure=1,
        x="layer (1 = nearest the input)",
        y="norm of dLoss/dx",
        x_range=(1, DEPTH),
        y_range=(1e-24, 1e4),
        values="signal_gradient_norm",
        lane=0,
        label=f"plain-{DEPTH}",
        family="plain",
        over="layers",
        log_y=True,
    ),
    order=0,
    notices=(
        "no_skip",
        "no_skip_in_module",
        "gate_bias_reversed",
        "he_gain_1",
        "gradients_exchanged",
        "norms_times_batch",
        "scale_off",
        "highway_returns_h",
    ),
    tolerates={
        "labels_shuffled": "the nets are judged before any training, whatever the labels are",
        "rate_0": "the nets are judged before any training: the steps are to look at",
        "no_momentum": "the nets are judged before any training: the steps are to look at",
        "one_batch": "the nets are judged before any training: the steps are to look at",
        "dense_branches_0": "the way around is all there is then, and it keeps the gradient",
    },
)
