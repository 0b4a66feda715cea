"""Is a ResNet a special highway net, and is it the one with its gates half open?"""

from __future__ import annotations

from collections.abc import Callable

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
    final_loss,
    number,
    ratio,
)

_DEEP = DENSE | {"depth": 21}
_BUDGET = {"steps": 200, "lr": 0.03, "seeds": 3, "record_every": 3}
_FIXED = {"shut": (0.02, 0.1, 0.3), "wide": (0.5, 0.7, 0.9, 1.0)}
_RESNET = _DEEP | {
    "branch_layers": 1,
    "variant": "relu_before_add",
    "activation": "tanh",
    "init": "glorot",
}


def _apart(evidence: Evidence) -> list[float]:
    """The largest difference of the two training losses at any step, seed by seed."""
    highway, resnet = evidence.history("loss", 0), evidence.history("loss", 1)
    return [float(v) for v in np.abs(highway - resnet).max(axis=(0, 2))]


def _at(gate: float) -> Callable[[Evidence], list[float]]:
    """The final loss of the net whose transform gates are fixed at `gate`, with C = 1 − T."""
    run = next(name for name, gates in _FIXED.items() if gate in gates)
    return lambda evidence: evidence.final("loss", _FIXED[run].index(gate), run)


def _both(evidence: Evidence) -> Chart:
    steps = [int(step) for step in evidence.steps()]
    names = (("highway, T = C = 1", "highway", False), ("ResNet", "resnet", True))
    series = [
        Series(
            name,
            steps,
            [float(v) for v in np.median(evidence.history("loss", lane)[:, :, 0], axis=1)],
            family,
            dashed=dashed,
        )
        for lane, (name, family, dashed) in enumerate(names)
    ]
    return Chart(
        "A highway net with T = C = 1, and a ResNet",
        "step",
        "training loss (nats)",
        series,
        log_y=True,
    )


def _slider(evidence: Evidence) -> Chart:
    gates = [gate for each in _FIXED.values() for gate in each]
    middle = [float(np.median(_at(gate)(evidence))) for gate in gates]
    dots = [(gate, loss) for gate in gates for loss in _at(gate)(evidence)]
    guess = float(np.log(evidence.experiment().dataset.num_classes))
    resnet = float(np.median(evidence.final("loss", 1)))
    ends = [0.0, 1.0]
    return Chart(
        "A fixed gate T for all cells, C = 1 − T",
        "T (0 carries, 1 is a plain net)",
        "training loss (nats)",
        [
            Series("highway with fixed T", gates, middle, "highway"),
            Series("", [x for x, _ in dots], [y for _, y in dots], "highway", "dots"),
            Series("ResNet (T = C = 1)", ends, [resnet] * 2, "resnet", dashed=True),
            Series("guessing", ends, [guess] * 2, dashed=True),
        ],
    )


def _worth(evidence: Evidence) -> list[float]:
    """Accuracy that the learned gates lose when each cell's T is replaced by its mean."""
    answers = [answer["lanes"][0] for answer in evidence.ask("means")]
    return [number(a["base"]["accuracy"]) - number(a["per_cell"]["accuracy"]) for a in answers]


def _modules_apart(evidence: Evidence) -> list[float]:
    """The largest difference of an output of both stacks of units, seed by seed: their modules,
    whichever way the engine trains them."""
    return [number(answer["lanes"][0]["uncoupled"]) for answer in evidence.ask("modules")]


def _halvings_off(evidence: Evidence) -> list[float]:
    """How far log2 of the coupled stack's size beside the residual one is from minus its layers."""
    answers = [answer["lanes"][0] for answer in evidence.ask("modules")]
    return [abs(number(answer["log2"]) + answer["layers"]) for answer in answers]


def _correct_choice(evidence: Evidence) -> int:
    """The setting whose training loss ends nearest to the ResNet's."""
    resnet = np.array(evidence.final("loss", 1))
    settings = (evidence.final("loss", 0), _at(0.5)(evidence), _at(0.02)(evidence))
    return int(np.argmin([np.median(np.abs(np.array(one) - resnet)) for one in settings]))


def _numbers(evidence: Evidence) -> dict[str, float]:
    return {
        "apart": max(_apart(evidence)),
        "resnet": round(float(np.median(evidence.final("loss", 1))), 2),
        "shut": round(float(np.median(_at(0.02)(evidence))), 2),
        "half": round(float(np.median(_at(0.5)(evidence))), 2),
        "open": round(float(np.median(_at(1.0)(evidence))), 2),
        "worth": round(100 * float(np.median(_worth(evidence))), 1),
    }


SCENE = Scene(
    title="ResNet as a special highway net",
    question="y = H·T + x·C. Which setting of the gates makes a highway net the ResNet?",
    choices=("T = 1 and C = 1", "T = 0.5, C = 0.5", "T near 0, C near 1"),
    correct_choice=_correct_choice,
    runs={
        "main": Experiment(
            lanes=[
                Lane(family="highway", knobs=_DEEP | {"gate": 1.0, "carry": 1.0}),
                Lane(family="resnet", knobs=_RESNET),
            ],
            **_BUDGET,
        ),
        **{
            name: Experiment(
                lanes=[Lane(family="highway", knobs=_DEEP | {"gate": gate}) for gate in gates],
                **_BUDGET,
            )
            for name, gates in _FIXED.items()
        },
        "learned": Experiment(
            lanes=[Lane(family="highway", knobs=_DEEP | {"gate_bias": -1.0})],
            **(_BUDGET | {"lr": 0.1, "steps": 500}),
        ),
    },
    asks=(
        Ask("means", "adaptivity", run="learned"),
        Ask("modules", "special_case", run="learned"),
    ),
    figures=(
        Figure("live", "Two nets: one line covers the other.", panels=("loss",)),
        Figure("chart", "The dashed line lies on the solid one.", chart=_both),
        Figure("chart", "A half-open fixed gate is the worst place, not the best.", chart=_slider),
    ),
    expects=(
        Expectation(
            "With T = 1 and C = 1 the highway net is the ResNet: the same loss at every step",
            _apart,
            at_most=1e-3,
            over="every",
            unit="nats apart",
        ),
        Expectation(
            "Residual units and highway units with T = C = 1 of the same layers say the same",
            _modules_apart,
            at_most=1e-6,
            over="every",
            unit="largest difference",
        ),
        Expectation(
            "Half of each, T = C = 0.5, is the ResNet shrunk by a half in every layer",
            _halvings_off,
            at_most=1e-3,
            over="every",
            unit="powers of two off",
        ),
        Expectation(
            "The ResNet learns",
            final_loss(1),
            at_most=0.3,
            unit="nats",
        ),
        Expectation(
            "and ends lower than the plain net, T = 1, with C = 0",
            lambda evidence: ratio(_at(1.0)(evidence), evidence.final("loss", 1)),
            at_least=1.5,
            unit="×",
        ),
        Expectation(
            "The net whose gates are learned learns",
            final_loss(0, "learned"),
            at_most=0.3,
            over="every",
            unit="nats",
        ),
        Expectation(
            "With C = 1 − T, a gate fixed half open ends many times higher than the ResNet",
            lambda evidence: ratio(_at(0.5)(evidence), evidence.final("loss", 1)),
            at_least=5,
            unit="×",
        ),
        Expectation(
            "Half open is worse than nearly shut",
            lambda evidence: ratio(_at(0.5)(evidence), _at(0.02)(evidence)),
            at_least=4,
            over="every",
            unit="×",
        ),
        Expectation(
            "And worse than the plain net, T = 1",
            lambda evidence: ratio(_at(0.5)(evidence), _at(1.0)(evidence)),
            at_least=1.5,
            unit="×",
        ),
        Expectation(
            "Learned gates use that they depend on the input: their means do worse",
            _worth,
            at_least=0.05,
            unit="of the accuracy lost",
        ),
    ),
    saw="The losses of the ResNet and of the highway net with T = C = 1 are never more than "
    "{apart} apart: they are the same net. With C = 1 − T the fixed gate ends at {shut} nearly "
    "shut, {half} half open, {open} as a plain net; the ResNet at {resnet}. Where gates are "
    "learned, replacing every T by its mean costs {worth} percentage points of training accuracy.",
    numbers=_numbers,
    misconception="“ResNet is the highway net with T = 0.5.” Half and half halves what is carried "
    "in every layer; ResNet adds both in full.",
    caveat="ResNet is a special case of the general highway net with two gates, not of the coupled "
    "one that was trained in the paper. Its units usually have two weight layers and "
    "normalisation; here each has one, so that both nets are the same formula.",
    sources=(
        ("Srivastava et al. 2015, Highway Networks", "section 2, equations 2 and 3"),
        ("He et al. 2015, Deep Residual Learning", "section 2: shortcut connections"),
        ("He et al. 2016, Identity Mappings", "section 3: exclusive gating"),
    ),
    seconds=40,
    notes="Write the highway formula on the board: y is H times T plus x times C. Somebody always "
    "says: ResNet is that with everything at one half. Vote. Run the first pair: a highway net "
    "with both gates held at one, and a ResNet with the same layers. You see one curve: the "
    "other lies exactly underneath. So yes, ResNet is a special highway net, with both "
    "gates wide open, which the coupled version with C equal to one minus T cannot do. Now the "
    "slider: couple them, fix T and train. Nearly shut works, because almost everything is "
    "carried. At one you have the plain net. Half open is the worst place: each layer halves "
    "what it carries, so that of the input only a half to the twentieth power is left after twenty "
    "layers, and what the layers add makes up for a part of it alone. The last number: learned "
    "gates depend on the input, and that is used. It is what ResNet gives up, and does "
    "well without.",
    exercises=(
        (
            "With T = C = 0.5, no biases and ReLU, how is the output of L layers related to that "
            "of the ResNet with the same weights?",
            "Each layer gives half of H + x, and ReLU commutes with positive factors. So the "
            "output is $2^{-L}$ times the ResNet's: the same ranking of classes, and a signal and "
            "gradient that fade with depth.",
        ),
        (
            "Gates that multiply the shortcut were tried in ResNets, too. What would you expect of "
            "them in a very deep one?",
            "The shortcut's factors multiply over the layers: below one they shrink what is "
            "carried, above one they blow it up. He et al. found the clean identity to be the best "
            "(He et al. 2016, Table 1).",
        ),
    ),
    notices=(
        "no_skip",
        "no_skip_in_module",
        "gate_bias_reversed",
        "labels_shuffled",
        "rate_0",
        "no_momentum",
        "highway_returns_h",
    ),
    tolerates={
        "one_batch": "two nets that are one another stay so on any batches",
    },
    order=8,
    proof_seed=2000,
)
