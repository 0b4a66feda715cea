"""More layers, higher training loss: the degradation problem, and what does not cure it."""

from __future__ import annotations

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
    Series,
    curve,
    highest,
    loss_over,
    number,
    ratio,
)
from skipviz.core.sketch import Sketch

SHALLOW, DEEP = 20, 56
STEPS = 200
DROP_RATE = 0.1
_NORM = DENSE | {"norm": "batch", "init": "he"}
_PLAIN = tuple(Lane(family="plain", knobs=_NORM | {"depth": depth}) for depth in (SHALLOW, DEEP))
_DROPPED = tuple(
    Lane(family="plain", knobs=lane.knobs | {"drop_rate": DROP_RATE}) for lane in _PLAIN
)
_RESIDUAL = tuple(
    Lane(family="resnet", knobs=_NORM | {"depth": depth}) for depth in (SHALLOW, DEEP)
)
_BUDGET = {"steps": STEPS, "lr": 0.03, "seeds": 3, "record_every": 3}


def _moved_by_decay(evidence: Evidence) -> list[float]:
    """The largest difference that weight decay makes to the shallow plain net's loss at any step,
    seed by seed."""
    with_decay, without = (evidence.history("loss", 0, run) for run in ("decay", "main"))
    return [float(v) for v in np.abs(with_decay - without).max(axis=(0, 2))]


def _curves(evidence: Evidence) -> Chart:
    lanes = (
        (0, f"plain-{SHALLOW}", "plain", False),
        (1, f"plain-{DEEP}", "plain", True),
        (2, f"residual-{SHALLOW}", "resnet", False),
        (3, f"residual-{DEEP}", "resnet", True),
    )
    series = [
        curve(evidence, "loss", lane, label=label, family=family, dashed=dashed)
        for lane, label, family, dashed in lanes
    ]
    return Chart(
        "Training loss of two depths, plain and residual",
        "step",
        "training loss (nats)",
        series,
        note="dashed: deep, solid: shallow; median over seeds, mean of ten recorded steps",
    )


def _held_out(evidence: Evidence) -> list[float]:
    """The share of the held-out split that the deep net with dropout gets wrong at the end, when
    nothing is dropped."""
    return [float(error) for error in evidence.history("held_out_error", 1, "dropout")[-1, :, 0]]


def _held_out_off(evidence: Evidence) -> list[float]:
    """How far the residual nets' held-out error, measured before the last step, is from the share
    of pictures that they get wrong after it: the larger distance of the two, seed by seed."""
    drawn = [evidence.history("held_out_error", lane, "held_out")[-1, :, 0] for lane in range(2)]
    return [
        max(abs(float(drawn[lane][seed]) - number(answer["lanes"][lane]["error"]))
            for lane in range(2))
        for seed, answer in enumerate(evidence.ask("predictions"))
    ]  # fmt: skip


def _regularised(evidence: Evidence) -> Chart:
    """The final losses without a regulariser and with one, a dot for each seed."""
    runs = {"": "main", " + decay": "decay", " + dropout": "dropout"}
    rows = [(run, lane) for lane in range(2) for run in runs.values()]
    names = [f"plain-{depth}{more}" for depth in (SHALLOW, DEEP) for more in runs]
    series = [
        Series("", [name] * len(losses), losses, "plain", "dots")
        for name, losses in zip(
            names, (evidence.final("loss", lane, run) for run, lane in rows), strict=True
        )
    ]
    guess = float(np.log(evidence.experiment().dataset.num_classes))
    series.append(Series("guessing", names, [guess] * len(names), dashed=True))
    return Chart(
        "Without a regulariser, with weight decay, with dropout",
        "net",
        "training loss (nats)",
        series,
    )


def _correct_choice(evidence: Evidence) -> int:
    quotient = float(np.median(loss_over(1, 0)(evidence)))
    return 0 if quotient < 0.8 else 1 if quotient <= 1.25 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    loss = [float(np.median(evidence.final("loss", lane))) for lane in range(4)]
    return {
        "shallow": round(loss[0], 2),
        "deep": round(loss[1], 2),
        "residual_shallow": round(loss[2], 2),
        "residual_deep": round(loss[3], 2),
        "decayed": round(float(np.median(evidence.final("loss", 1, "decay"))), 2),
        "dropped": round(float(np.median(evidence.final("loss", 1, "dropout"))), 2),
        "held_out": round(100 * float(np.median(_held_out(evidence)))),
        "error": round(100 * float(np.median(evidence.final("error", 1)))),
    }


SCENE = Scene(
    title="Degradation",
    question="The same plain net with 20 and with 56 layers, both with BatchNorm and He's init. "
    "Which has the lower training loss?",
    choices=("the deep one", "both the same", "the shallow one"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(lanes=[*_PLAIN, *_RESIDUAL], **_BUDGET),
        "decay": Experiment(lanes=_PLAIN, **_BUDGET, weight_decay=1e-3),
        "dropout": Experiment(lanes=_DROPPED, **_BUDGET, evaluate_every=_BUDGET["steps"]),
        "held_out": Experiment(lanes=_RESIDUAL, **_BUDGET, evaluate_every=_BUDGET["steps"]),
    },
    asks=(Ask("predictions", "predictions", {"pictures": 1}, run="held_out"),),
    figures=(
        Figure("live", "Which of the two plain curves falls first?", panels=("loss",)),
        Figure("chart", "The dashed plain curve stays above the solid one.", chart=_curves),
        Figure("chart", "The deep net's dots stay up, whatever is tried.", chart=_regularised),
    ),
    expects=(
        Expectation(
            "The deeper plain net has the higher training loss",
            loss_over(1, 0),
            at_least=2,
            over="every",
            unit="×",
        ),
        Expectation(
            "The deep plain net's training loss is many times that of the deep residual net",
            loss_over(1, 3),
            at_least=5,
            over="every",
            unit="×",
        ),
        Expectation(
            "The deep residual net learns",
            lambda evidence: evidence.final("loss", 3),
            at_most=0.5,
            over="every",
            unit="nats",
        ),
        Expectation(
            "The shallow plain net learns, with weight decay as without",
            highest(("main", 0), ("decay", 0)),
            at_most=1,
            over="every",
            unit="nats",
        ),
        Expectation(
            "Weight decay leaves the deep plain net's training loss where it was",
            lambda evidence: ratio(evidence.final("loss", 1, "decay"), evidence.final("loss", 1)),
            at_least=0.7,
            at_most=1.3,
            unit="×",
        ),
        Expectation(
            "though it does act: the shallow net's loss is another one with it",
            _moved_by_decay,
            at_least=0.01,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "With weight decay the deeper plain net is still the worse one",
            loss_over(1, 0, "decay"),
            at_least=2,
            over="every",
            unit="×",
        ),
        Expectation(
            "Nor does dropout lower the deep plain net's training loss",
            lambda evidence: ratio(evidence.final("loss", 1, "dropout"), evidence.final("loss", 1)),
            at_least=0.9,
            at_most=1.5,
            over="every",
            unit="×",
        ),
        Expectation(
            "Held out, and with nothing dropped, the shallow net with dropout has a lower loss "
            "than in training, where a tenth is dropped",
            lambda evidence: ratio(
                evidence.history("held_out_loss", 0, "dropout")[-1, :, 0].tolist(),
                evidence.final("loss", 0, "dropout"),
            ),
            at_most=0.95,
            unit="×",
        ),
        Expectation(
            "Held out, and with nothing dropped, the deep plain net with dropout still errs on "
            "most pictures",
            _held_out,
            at_least=0.7,
            at_most=0.99,
            over="every",
        ),
        Expectation(
            "The held-out errors drawn are right: they are the shares of those pictures that the "
            "residual nets get wrong",
            _held_out_off,
            at_most=0.02,
            over="every",
        ),
    ),
    saw="Training loss at the end: plain-20 {shallow}, plain-56 {deep}; with shortcuts "
    "{residual_shallow} and {residual_deep}. With weight decay plain-56 ends at {decayed}, "
    "with dropout at {dropped} (and gets {held_out} % of the held-out pictures wrong, when nothing "
    "is dropped). Without either it gets {error} % of its own training batches wrong: that is not "
    "overfitting.",
    numbers=_numbers,
    misconception="“The deeper net is worse because it overfits.” Then its training loss would be "
    "lower, and a regulariser would help. Neither is so.",
    caveat="A short run at one learning rate: the deep plain net would go on falling slowly. The "
    "papers' nets are convolutional and trained to the end, and there the gap stays (He et al. "
    "2015, Fig. 1). In this dense net the deep residual curve lies a little above the shallow "
    "one: shortcuts remove most of the degradation here, not all of it. A training loss with "
    "dropout is that of the thinned net and says little by itself: hence the held-out error.",
    sources=(
        ("He et al. 2015, Deep Residual Learning", "Fig. 1 and section 4.2"),
        ("Srivastava et al. 2015, Training Very Deep Networks", "section 3.1"),
    ),
    seconds=40,
    notes="Hands up: who says that the deeper net has the lower training loss? It contains the "
    "shallow one, so it can represent everything that the shallow one can. Run. The two orange "
    "curves are the plain nets, and the deeper one stays up. Say the word: training loss. Nobody "
    "has looked at a test set yet, so this cannot be overfitting. Now the blue pair: the same "
    "layers with an addition around every two of them, and depth no longer hurts much. Second "
    "figure: the usual medicines against overfitting are weight decay and dropout. They do not "
    "help, because they treat another illness; look what dropout does to the shallow net, which "
    "was healthy. That is what He and colleagues called degradation: the solution "
    "exists, the optimiser does not find it. Next question: is it the gradient?",
    exercises=(
        (
            "Plain-56 can represent every function that plain-20 can. How, and why does that not "
            "help?",
            "Let the extra layers be the identity: after a ReLU no value is negative, so a layer "
            "with $W = I$ and zero bias passes them on. With BatchNorm inside, its scale and shift "
            "must also undo the normalisation, which is exact only while the statistics stay "
            "fixed. It shows that a good solution exists; nothing leads gradient descent to it "
            "from a random start.",
        ),
        (
            "Which two curves would you draw to tell overfitting from degradation?",
            "Training loss and held-out loss of both nets. Overfitting: the deeper net is lower in "
            "training and higher on held-out data. Degradation: it is higher in both.",
        ),
    ),
    sketch=Sketch(
        f"A plain net of {DEEP} layers with BatchNorm and He's init; it starts at guessing. Draw"
        " its training loss.",
        figure=1,
        x="step",
        y="training loss (nats)",
        x_range=(0, STEPS),
        y_range=(0, 3.5),
        values="loss",
        lane=1,
        label=f"plain-{DEEP}",
        family="plain",
        over="steps",
    ),
    notices=("decay_ignored", "dropout_in_evaluation", "own_split_evaluated"),
    tolerates={
        "he_gain_1": "behind BatchNorm the size of the weights cancels",
    },
    order=1,
    proof_seed=3000,
)
