"""What does the classifier say after each unit, and does the order of the units matter?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skipviz.core.wiring import Wiring
    from skipviz.engine.trained import Trained


SECONDS = 3
"""So long one lane of one seed may take on one core."""


def measure(trained: Trained, samples: int, stretch: int, orders: int) -> dict[str, Any]:
    """For each lane, on evenly chosen training samples: losses in nats, accuracies as shares.

    P units after which the signal has the shape that the head takes; U pairs of neighbouring units
    that keep the shape; R random orders.

    samples, of   so many samples, of so many in the training split
    base          {"loss", "accuracy"} of the whole net
    depth, loss, accuracy   (P,) the net's own head reads the signal after that unit
    swapped       {"depth", "loss", "accuracy"} (U,): a unit and the one before it change places
    mean, worst   of the accuracies after a swap; None where no two units can be swapped
    shuffled      {"units", "loss", "accuracy"} (R,): so many units in the middle of the longest row
                  that keeps the shape, in each of the orders; None where fewer than three do
    """
    lanes = [_lane(trained, lane, samples, stretch, orders) for lane in range(len(trained.nets))]
    return {"step": trained.step, "lanes": lanes}


def _lane(trained: Trained, lane: int, samples: int, stretch: int, orders: int) -> dict[str, Any]:
    import numpy as np

    from skipviz.engine import ablation, hooks

    wiring = trained.wirings[lane]
    whole = list(range(len(wiring.units)))
    places, pairs, middle = _readable(wiring), _pairs(wiring), _middle(wiring, stretch)
    drawn = [_shuffled(whole, middle, trained.seed, i) for i in range(orders)] if middle else []
    passes = 1 + len(places) / 2 + len(pairs) + len(drawn)
    work = SECONDS * ablation.WORK
    rows = ablation.evenly_spaced_rows(trained, lane, samples, passes, work)
    base = _scores(trained, lane, [whole], rows)
    read = _scores(trained, lane, [[*whole[: i + 1], whole[-1]] for i in places], rows)
    swapped = _scores(trained, lane, [_swapped(whole, i) for i in pairs], rows)
    depths = {point.path: point.depth for point in wiring.points}
    kept = np.array(swapped["accuracy"], float)
    return {
        "samples": len(rows),
        "of": len(trained.batches.labels),
        "base": {name: values[0] for name, values in base.items()},
        "depth": [depths[wiring.units[i].path] for i in places],
        **read,
        "swapped": {"depth": [depths[wiring.units[i + 1].path] for i in pairs], **swapped},
        "mean": hooks.to_json(float(kept.mean())) if pairs else None,
        "worst": hooks.to_json(float(kept.min())) if pairs else None,
        "shuffled": {"units": len(middle)} | _scores(trained, lane, drawn, rows) if drawn else None,
    }


def _readable(wiring: Wiring) -> list[int]:
    """The units after which the signal has the shape that the head takes."""
    takes = wiring.units[-1].body.input_shape
    return [
        i
        for i, unit in enumerate(wiring.units[:-1])
        if unit.body.weights and unit.body.output_shape == takes
    ]


def _movable(wiring: Wiring) -> list[bool]:
    """Of every unit, whether it keeps the shape; stem, transitions and head stay in place."""
    return [
        unit.body.kind not in ("stem", "transition", "head")
        and bool(unit.body.weights)
        and unit.body.input_shape == unit.body.output_shape
        for unit in wiring.units
    ]


def _pairs(wiring: Wiring) -> list[int]:
    """The first of each two neighbours that can change places."""
    movable = _movable(wiring)
    return [i for i in range(len(movable) - 1) if movable[i] and movable[i + 1]]


def _middle(wiring: Wiring, stretch: int) -> list[int]:
    """At most `stretch` units in the middle of the longest row of movable ones; none where there
    are fewer than three."""
    row: list[int] = []
    longest: list[int] = []
    for i, movable in enumerate(_movable(wiring)):
        row = [*row, i] if movable else []
        longest = max(longest, row, key=len)
    start = max(0, len(longest) - stretch) // 2
    middle = longest[start : start + stretch]
    return middle if len(middle) > 2 else []


def _swapped(whole: list[int], first: int) -> list[int]:
    return [*whole[:first], first + 1, first, *whole[first + 2 :]]


def _shuffled(whole: list[int], middle: list[int], seed: int, number: int) -> list[int]:
    """The middle in a random order that is not its own, from the run's seed."""
    import numpy as np

    random = np.random.default_rng([seed, number])
    order = middle
    while order == middle:
        order = random.permutation(middle).tolist()
    return [*whole[: middle[0]], *order, *whole[middle[-1] + 1 :]]


def _scores(
    trained: Trained, lane: int, orders: Sequence[Sequence[int]], rows: Any
) -> dict[str, list[float]]:
    """Loss and accuracy of a lane's net made of these of its units, in these orders."""
    from torch import nn

    from skipviz.engine import ablation, hooks

    units = [trained.nets[lane].get_submodule(unit.path) for unit in trained.wirings[lane].units]
    nets, scores = list(trained.nets), []
    for order in orders:
        nets[lane] = nn.Sequential(*(units[i] for i in order))
        scores.append(ablation.score(replace(trained, nets=nets), lane, rows))
    return {
        "loss": hooks.to_json([loss for loss, _ in scores]),
        "accuracy": hooks.to_json([accuracy for _, accuracy in scores]),
    }


PROBE = Probe(
    question="What does the classifier say after each unit, and does the order of the units"
    " matter?",
    title="Read early, swap, shuffle",
    definition="Loss and accuracy on training samples of the trained net changed in three ways,"
    " without training it again. Read early: its own head reads the signal after each unit. Swap:"
    " two neighbouring units that keep the shape change places. Shuffle: a stretch of such units"
    " runs in a random order, drawn from the run's seed.",
    source="Greff et al. 2017 (arXiv 1612.07771), abstract; Veit et al. 2016 (arXiv 1605.06431),"
    " section 4.3: reordered modules",
    cost="For L units and R orders about 3L/2 + R forward passes.",
    caveat="The head was trained after the last unit: where it fails to read an early signal, that"
    " signal may hold the answer in another form. Units are moved within one shape only. BatchNorm"
    " keeps the running statistics of the order that was trained.",
    knobs=(
        Knob("samples", "int", "Samples", "At most so many.", 1000, low=2, high=100_000),
        Knob("stretch", "int", "Stretch", "So many units are shuffled.", 10, low=3, high=1000),
        Knob("orders", "int", "Orders", "So many random ones.", 10, low=1, high=100),
    ),
    measure=measure,
)
