"""Plain-20 against plain-56 with BatchNorm: is degradation a matter of vanishing gradients?"""

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
    curve,
    decades,
    first_layers_apart,
    norms_off,
    profile,
    ratio,
)
from skipviz.core.sketch import Sketch

SHALLOW, DEEP = 20, 56
_NORM = {"backbone": "cifar"}
_LANES = (
    (0, f"plain-{SHALLOW}", "plain", False),
    (1, f"plain-{DEEP}", "plain", True),
    (2, f"residual-{DEEP}", "resnet", False),
)


def _risen(lane: int, run: str = "main") -> Callable[[Evidence], list[float]]:
    """By how many powers of ten dLoss/dx is larger at the first point than at the last, at init."""
    return lambda evidence: decades(evidence.history("signal_gradient_norm", lane, run)[0])


def _over_time(evidence: Evidence, lane: int) -> np.ndarray:
    """The same at every recorded step, (T, S)."""
    norms = evidence.history("signal_gradient_norm", lane)
    with np.errstate(divide="ignore", invalid="ignore"):
        decades: np.ndarray = np.log10(norms[:, :, 0] / norms[:, :, -1])
    return decades


def _settled(evidence: Evidence) -> list[float]:
    """The final value of the deep plain net's, seed by seed."""
    return final.mean(evidence.steps(), _over_time(evidence, 1))


def _handed_on(evidence: Evidence) -> list[float]:
    """The scale behind the first unit of the second and third stage of the residual net at init,
    over that of its plain twin: the lower of the two."""
    units = (DEEP - 2) // 6
    depths = [1 + 2 * units * stage + 2 for stage in (1, 2)]
    places = [evidence.axis("activation_scale", 2).index(depth) for depth in depths]
    plain, residual = (evidence.history("activation_scale", lane)[0, :, places] for lane in (1, 2))
    return [float(v) for v in (residual / plain).min(axis=0)]


def _loss(evidence: Evidence) -> Chart:
    series = [
        curve(evidence, "loss", lane, label=label, family=family, dashed=dashed)
        for lane, label, family, dashed in _LANES
    ]
    return Chart("Training loss", "step", "training loss (nats)", series)


def _norms(evidence: Evidence) -> Chart:
    series = [
        profile(evidence, "signal_gradient_norm", lane, label=label, family=family, dashed=dashed)
        for lane, label, family, dashed in _LANES
    ]
    return Chart(
        "Gradient of the signal at init, with BatchNorm",
        "layer (1 = nearest the input)",
        "norm of dLoss/dx",
        series,
        log_y=True,
    )


def _trajectory(evidence: Evidence) -> Chart:
    steps = [int(step) for step in evidence.steps()]
    series = [
        Series(
            label, steps, np.median(_over_time(evidence, lane), axis=1).tolist(), family,
            dashed=dashed,
        )
        for lane, label, family, dashed in _LANES
    ]  # fmt: skip
    series.append(Series("neither", [steps[0], steps[-1]], [0.0, 0.0], dashed=True))
    return Chart(
        "While training: above 0 it explodes, below 0 it vanishes",
        "step",
        "decades, first over last layer",
        series,
    )


def _correct_choice(evidence: Evidence) -> int:
    risen = float(np.median(_risen(1)(evidence)))
    return 0 if risen < -1 else 1 if risen <= 1 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    loss = [float(np.median(evidence.final("loss", lane))) for lane in range(3)]
    return {
        "shallow": round(loss[0], 2),
        "deep": round(loss[1], 2),
        "residual": round(loss[2], 2),
        "risen": round(float(np.median(_risen(1)(evidence))), 1),
        "risen_shallow": round(float(np.median(_risen(0)(evidence))), 1),
        "settled": round(float(np.median(_settled(evidence))), 1),
        "bare": round(-float(np.median(_risen(1, "bare")(evidence))), 1),
    }


SCENE = Scene(
    title="Is it vanishing gradients?",
    question="The 56-layer plain net with BatchNorm trains badly. Before the first step, how large "
    "is its gradient at the first layer, compared with the last?",
    choices=("much smaller: it vanishes", "about the same: healthy", "much larger: it explodes"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="resnet", knobs=_NORM | {"depth": SHALLOW, "plain_twin": True}),
                Lane(family="resnet", knobs=_NORM | {"depth": DEEP, "plain_twin": True}),
                Lane(family="resnet", knobs=_NORM | {"depth": DEEP}),
            ],
            steps=60,
            lr=0.02,
            seeds=3,
            record_every=2,
        ),
        "bare": Experiment(
            lanes=[
                Lane(family="plain", knobs=DENSE | {"depth": depth}) for depth in (SHALLOW, DEEP)
            ],
            steps=10,
            seeds=3,
        ),
    },
    asks=(Ask("check", "cross_check", run="bare"),),
    figures=(
        Figure("live", "Loss beside gradients, as they come.", panels=("loss", "profile")),
        Figure("chart", "The deep plain net stays behind the shallow one.", chart=_loss),
        Figure(
            "chart",
            "Before the first step no line falls towards the input: plain-56 climbs.",
            chart=_norms,
        ),
        Figure(
            "chart", "Within a few steps the slope is gone; the bad loss is not.", chart=_trajectory
        ),
    ),
    expects=(
        Expectation(
            "Degradation: the deeper plain net has the higher training loss",
            lambda evidence: ratio(evidence.final("loss", 1), evidence.final("loss", 0)),
            at_least=1.3,
            over="every",
            unit="×",
        ),
        Expectation(
            "The deep plain net's gradient does not vanish at init: it grows towards the input",
            _risen(1),
            at_least=2,
            over="every",
            unit="decades",
        ),
        Expectation(
            "At the end it no longer explodes: first and last layer are less far apart than at "
            "init",
            _settled,
            at_least=-2.5,
            at_most=2.5,
            over="every",
            unit="decades",
        ),
        Expectation(
            "The shallow plain net learns the task",
            lambda evidence: evidence.final("loss", 0),
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "and so does the residual net of the deep one's depth",
            lambda evidence: evidence.final("loss", 2),
            at_most=0.6,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Where its stages begin its shortcuts hand on the signal: the units put out more than "
            "the plain ones",
            _handed_on,
            at_least=1.2,
            over="every",
            unit="×",
        ),
        Expectation(
            "The norms drawn are right: autograd in float64 gives the same",
            lambda evidence: norms_off(evidence, "check", (0, 1), "bare"),
            at_most=0.01,
            over="every",
            unit="of the norm off",
        ),
        Expectation(
            "The deep plain net is the residual one without its shortcuts: it starts from the same "
            "weights",
            first_layers_apart(1, 2),
            at_most=1e-6,
            over="every",
            unit="of the first layer's scale",
        ),
        Expectation(
            "The shallow plain net's gradient grows less",
            lambda evidence: [
                deep - shallow
                for deep, shallow in zip(_risen(1)(evidence), _risen(0)(evidence), strict=True)
            ],
            at_least=1,
            over="every",
            unit="decades",
        ),
        Expectation(
            "Without BatchNorm, from nn.Linear's init, the gradient of a plain net does vanish",
            lambda evidence: [-value for value in _risen(1, "bare")(evidence)],
            at_least=10,
            over="every",
            unit="decades",
        ),
    ),
    headline=1,
    saw="Plain-56 ends at {deep} where plain-20 is at {shallow} (residual-56: {residual}): "
    "degradation. At init its gradient is {risen} powers of ten larger at the first layer than at "
    "the last (plain-20: {risen_shallow}), at the end {settled}. “The signal "
    "essentially disappears” (Juliani 2016): not with BatchNorm; in the dense net without it, it "
    "does, by {bare} powers of ten. “Healthy norms” (He et al. 2015, section 4.1): not at init, "
    "where they explode; after some steps, yes. “Not due to gradient vanishing, but a true "
    "optimization difficulty” (a blog's reading of He et al. 2015, section 4.1): the first half is "
    "what this run shows.",
    numbers=_numbers,
    misconception="“Deep plain nets fail because gradients vanish.” With BatchNorm they fail "
    "although the first layer's gradient is, at init, the largest of all.",
    caveat="That BatchNorm makes gradients of plain nets explode at init is known (Yang et al. "
    "2019, abstract); that they explode does not show that this is why the net fails. A short run "
    "on 8×8 digits; BatchNorm rescales what reaches each weight, so a large gradient of the signal "
    "need not mean a large step.",
    sources=(
        ("He et al. 2015, Deep Residual Learning", "Fig. 1 and section 4.1"),
        ("Yang et al. 2019, A Mean Field Theory of Batch Normalization", "abstract"),
        (
            "Juliani 2016, ResNets, HighwayNets, and DenseNets, Oh My!",
            "section “Why Naively Going Deeper Doesn't Work”",
        ),
        ("Shorten 2019, Introduction to ResNets", "paragraphs on the deeper CNN"),
    ),
    seconds=40,
    notes="Write three quotations on the board. A much-read article: the signal essentially "
    "disappears. The ResNet paper: with BatchNorm the gradients have healthy norms. A blog post: "
    "it is not vanishing, it is a true optimisation difficulty. They cannot all be right about the "
    "same net. Vote, then run. The loss first: plain-56 lags far behind plain-20, so here is the "
    "degradation. Now the gradient at init: read it from right to left. If it vanished, it would "
    "fall. It climbs. The third figure follows the ratio through the training: within a few steps "
    "it comes down, and from then on first and last layer have gradients of comparable size, the "
    "plain net's now a little on the small side. The loss stays bad all the same. So for nets with "
    "BatchNorm the first quotation fails, and the second holds from the first steps on. The small "
    "run without BatchNorm is there to be fair: in those nets the article is right. One sentence "
    "to keep: ask which net, and when, before you say vanishing.",
    exercises=(
        (
            "Which single number from this run contradicts “the gradient vanishes in plain-56”?",
            "The decades by which dLoss/dx is larger at the first layer than at the last. For "
            "vanishing they would have to be far below zero, as in the run without BatchNorm; "
            "they are positive at init and near zero in training.",
        ),
        (
            "Is it then proven that exploding gradients cause the degradation?",
            "No. Both happen in the same net, which is no more than that. A test would remove one "
            "and keep the other, for instance another init or other normalisation, and see whether "
            "the loss follows.",
        ),
    ),
    sketch=Sketch(
        f"A plain net of {DEEP} layers with BatchNorm, nothing trained; it will train badly. Draw"
        " the norm of the gradient dLoss/dx at each of its layers.",
        figure=2,
        x="layer (1 = nearest the input)",
        y="norm of dLoss/dx",
        x_range=(1, DEEP),
        y_range=(1e-8, 1e6),
        values="signal_gradient_norm",
        lane=1,
        label=f"plain-{DEEP}",
        family="plain",
        over="layers",
        log_y=True,
    ),
    notices=("twin_of_another", "zero_pad_0"),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
        "one_batch": "what is judged is the training loss, which one batch for ever lowers as well",
    },
    order=2,
    proof_seed=2000,
)
