"""Plain and highway nets of 10 to 100 layers: who still trains?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.picks import Pick
from skipviz.core.presets import DENSE
from skipviz.core.scene import Chart, Evidence, Expectation, Figure, Scene, Series, ratio

DEPTHS = (10, 20, 50, 100)
_BUDGET = {"steps": 300, "seeds": 3, "record_every": 3}
_TANH = DENSE | {"activation": "tanh", "init": "glorot"}


def _lanes(family: str, depths: tuple[int, ...], **knobs: float) -> list[Lane]:
    return [Lane(family=family, knobs=_TANH | knobs | {"depth": depth}) for depth in depths]


def _guess(evidence: Evidence) -> float:
    return float(np.log(evidence.experiment().dataset.num_classes))


def _deepest(run: str, lane: int) -> Callable[[Evidence], list[float]]:
    return lambda evidence: evidence.final("loss", lane, run)


def _fig1(evidence: Evidence) -> Chart:
    """Final training loss against depth: a line through the medians, a dot for each seed."""
    series = []
    rows = (
        ("plain", "plain", "plain", DEPTHS, False),
        ("highway, gate bias −4", "highway", "main", DEPTHS, False),
        ("highway, gate bias −2", "highway", "open", (50, 100), True),
    )
    for label, family, run, depths, dashed in rows:
        losses = [evidence.final("loss", lane, run) for lane in range(len(depths))]
        middle = [float(np.median(each)) for each in losses]
        series.append(Series(label, depths, middle, family, dashed=dashed))
        seeds = [(depth, loss) for depth, each in zip(depths, losses, strict=True) for loss in each]
        series.append(Series("", [x for x, _ in seeds], [y for _, y in seeds], family, "dots"))
    ends = [DEPTHS[0], DEPTHS[-1]]
    series.append(Series("guessing", ends, [_guess(evidence)] * 2, dashed=True))
    return Chart(
        "Training loss against depth",
        "layers",
        "training loss (nats)",
        series,
        log_y=True,
    )


def _correct_choice(evidence: Evidence) -> int:
    plain, highway = (
        float(np.median(_deepest(run, 3)(evidence))) / _guess(evidence) for run in ("plain", "main")
    )
    return 0 if highway < 0.2 < plain else 1 if highway < 0.2 else 2


def _numbers(evidence: Evidence) -> dict[str, float]:
    def middle(run: str, lane: int) -> float:
        return float(f"{np.median(evidence.final('loss', lane, run)):.2g}")

    return {
        "plain_10": middle("plain", 0),
        "plain_100": middle("plain", 3),
        "highway_10": middle("main", 0),
        "highway_100": middle("main", 3),
        "open_100": middle("open", 1),
        "guess": round(_guess(evidence), 2),
    }


SCENE = Scene(
    title="Highway nets do not mind depth",
    question="The same layers without and with gates, 10 to 100 of them. Which of them still "
    "train at 100 layers?",
    choices=("only the highway net", "both", "neither"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(lanes=_lanes("highway", DEPTHS, gate_bias=-4.0), lr=0.3, **_BUDGET),
        "plain": Experiment(lanes=_lanes("plain", DEPTHS), lr=0.03, **_BUDGET),
        "open": Experiment(lanes=_lanes("highway", (50, 100), gate_bias=-2.0), lr=0.3, **_BUDGET),
    },
    figures=(
        Figure("live", "Four highway nets of four depths: nearly one curve.", panels=("loss",)),
        Figure(
            "live", "The plain nets fan out: the deeper, the later.", run="plain", panels=("loss",)
        ),
        Figure("chart", "The plain line climbs with depth, the highway line hardly.", chart=_fig1),
    ),
    expects=(
        Expectation(
            "At 100 layers the plain net's training loss is many times the highway net's",
            lambda evidence: ratio(_deepest("plain", 3)(evidence), _deepest("main", 3)(evidence)),
            at_least=10,
            over="every",
            unit="×",
        ),
        Expectation(
            "The plain nets get worse with depth: 100 layers against 10",
            lambda evidence: ratio(_deepest("plain", 3)(evidence), _deepest("plain", 0)(evidence)),
            at_least=5,
            over="every",
            unit="×",
        ),
        Expectation(
            "The highway net of 100 layers learns",
            _deepest("main", 3),
            at_most=0.2,
            over="every",
            unit="nats",
        ),
        Expectation(
            "With a gate bias of −2 the highway net of 100 layers does not start",
            _deepest("open", 1),
            at_least=1.5,
            over="every",
            unit="nats",
        ),
    ),
    saw="From 10 to 100 layers the plain nets go from {plain_10} to {plain_100}, the highway nets "
    "with gate bias −4 from {highway_10} to {highway_100}. With gate bias −2 the 100-layer highway "
    "net stays at {open_100}; guessing is {guess}.",
    numbers=_numbers,
    misconception="“A negative gate bias of −2 is always enough.” For 100 layers it is not: each "
    "layer then still passes on too little of the signal.",
    caveat="The paper searches rates, biases and activations anew for each net and depth "
    "(Srivastava et al. 2015, Training Very Deep Networks, section 3.1); here each family has one "
    "rate. The deep highway net may well use few of its layers: that it trains does not say that "
    "it needs them.",
    sources=(
        ("Srivastava et al. 2015, Training Very Deep Networks", "Fig. 1 and section 3.1"),
        ("Srivastava et al. 2015, Highway Networks", "section 3"),
    ),
    seconds=25,
    notes="This is the first figure of the highway paper, done again in half a minute. Four "
    "depths, up to a hundred layers, all with tanh and the same initial weights of the layers. "
    "Vote: who trains at a hundred? Run. The highway nets: four curves that come down together. "
    "The plain nets: they fan out, the deeper the later, and the deepest hardly moves. Third "
    "figure: final loss against depth. Now the small print, which the usual slide leaves out. The "
    "gate bias is −4 here. With −2, the value that one reads everywhere, the hundred-layer net "
    "does not start at all. The pocket calculator from the first scene says why: one minus T, to "
    "the power of the depth. The bias has to grow with the depth. And a warning for later: a net "
    "that carries nearly everything may train well because it is hardly deep at all.",
    exercises=(
        (
            "Why does the gate bias have to be more negative in a deeper net?",
            "At init the carried part of the signal is $(1 - \\sigma(b_T))^L$. For it to stay "
            "near one as L grows, $\\sigma(b_T)$ must shrink like 1/L, so $b_T$ must fall about "
            "like $-\\log L$.",
        ),
        (
            "The plain net of 100 layers learns slowly here. Name an init with which plain tanh "
            "nets of this depth train, and say what it preserves.",
            "Orthogonal weights: they keep lengths and angles, so that signal and gradient keep "
            "their size through any number of linear layers (Saxe et al. 2014, section 3). tanh "
            "bends the signal a little smaller in each layer, and still lets it through (section "
            "4).",
        ),
    ),
    pick=Pick(
        asks="Pick a gate bias. Highway nets of 20 and of 50 layers begin with it and train 200 "
        "steps: do both learn?",
        knob="gate_bias",
        label="gate bias",
        low=-10.0,
        high=4.0,
        step=0.5,
        experiment=Experiment(lanes=_lanes("highway", (20, 50)), lr=0.3, steps=200, record_every=5),
        says="from which bias on does a net not start, and does that depend on its depth?",
    ),
    notices=(
        "gate_bias_reversed",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "highway_returns_h",
    ),
    tolerates={
        "one_batch": "what is judged is the training loss, which one batch for ever lowers as well",
    },
    order=4,
)
