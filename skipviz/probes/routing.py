"""Do the gates open elsewhere for one class than for another?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained

SHUFFLES = 10
NUMBERS = 30_000
"""So many numbers of maps an answer holds at most, for the classes and for the null each."""


def measure(trained: Trained, lane: int, when: str, classes: str) -> dict[str, Any]:
    """Mean T of each class minus the mean of all, beside the same of shuffled labels.

    lane          which lane it is
    shown         the classes that have a map
    maps, null    [shown][layers][cells]: deviations of the true classes, and of one shuffle
    depth         of each layer
    of_classes, of_null   rms and max of the deviations over all classes: "rms", "max" and "thirds",
                  the rms of the first, middle and last third of the layers; of the null the mean of
                  `shuffles` shuffles, and "rms_most", the largest of them
    samples       so many training samples, evenly chosen
    """
    which = [i for i, wiring in enumerate(trained.wirings) if wiring.gates]
    if not which or (lane >= 0 and lane not in which):
        raise SpecError(f"lane {lane}: has no gates; of this run {which or 'none'} have")
    lane = which[0] if lane < 0 else lane
    state = trained.at_init() if when == "init" else trained
    rows, deviations, depths = _deviations(state, lane)
    classes_shown = _shown(classes, deviations, trained.experiment.dataset.num_classes)
    head = {"step": state.step, "lane": lane, "samples": rows, "shuffles": SHUFFLES}
    return head | {"shown": classes_shown} | _said(deviations, classes_shown, depths)


def _deviations(trained: Trained, lane: int) -> tuple[int, list[Any], list[int]]:
    """How many samples; for each layer (1 + shuffles, classes, cells), the true labels first; its
    depth."""
    import numpy as np
    import torch
    from torch.nn.functional import one_hot

    from skipviz.engine import ablation, exact_sums, gate_stats

    rows = ablation.evenly_spaced_rows(trained, lane)
    labels, count = trained.batches.labels[rows], trained.experiment.dataset.num_classes
    rng = np.random.default_rng([trained.seed, SHUFFLES])
    orders = [torch.from_numpy(rng.permutation(len(rows))) for _ in range(SHUFFLES)]
    taught = torch.stack([labels, *(labels[order.to(labels.device)] for order in orders)], dim=1)
    member = one_hot(taught, count).float().flatten(1)  # (n, (1 + shuffles) · classes)
    sums: list[Any] = []
    place = 0
    for part, ts, _ in gate_stats.passes(trained, lane, rows):
        of_part = member[place : place + len(part)].T
        place += len(part)
        added = [exact_sums.on_host(of_part @ gate_stats.pooled(t)) for t in ts]
        sums = [a + b for a, b in zip(sums, added, strict=True)] if sums else added
    count_of = exact_sums.on_host(member).sum(0)[:, None]
    sizes = np.maximum(count_of, 1)
    total = [each[:count].sum(0) / len(rows) for each in sums]
    there = count_of > 0  # a class without samples deviates from nothing
    deviations = [
        ((each / sizes - mean) * there).reshape(1 + SHUFFLES, count, -1)
        for each, mean in zip(sums, total, strict=True)
    ]
    return len(rows), deviations, [gate.depth for gate in trained.wirings[lane].gates]


def _shown(classes: str, deviations: list[Any], count: int) -> list[int]:
    """The classes that are asked for, or as many from the first as fit into an answer."""
    most = max(2, NUMBERS // sum(layer.shape[2] for layer in deviations))
    if not classes:
        return list(range(min(count, most)))
    words = [word.strip() for word in classes.split(",")]
    if not all(word.isdecimal() and int(word) < count for word in words) or len(words) > most:
        raise SpecError(
            f"classes '{classes}': must be at most {most} of 0 to {count - 1}, such as 0,7"
        )
    return [int(word) for word in words]


def _said(deviations: list[Any], shown: list[int], depths: list[int]) -> dict[str, Any]:
    from skipviz.engine import hooks

    true = [_spread([layer[:1] for layer in deviations])]
    null = [_spread([layer[s : s + 1] for layer in deviations]) for s in range(1, 1 + SHUFFLES)]
    mean = {
        "rms": sum(each["rms"] for each in null) / SHUFFLES,
        "max": sum(each["max"] for each in null) / SHUFFLES,
        "thirds": [sum(each["thirds"][i] for each in null) / SHUFFLES for i in range(3)],
        "rms_most": max(each["rms"] for each in null),
    }
    maps, shuffled = (
        [[_rounded(layer[s, k]) for layer in deviations] for k in shown] for s in (0, 1)
    )
    return {
        "depth": depths,
        "maps": maps,
        "null": shuffled,
        "of_classes": {name: hooks.to_json(value) for name, value in true[0].items()},
        "of_null": {name: hooks.to_json(value) for name, value in mean.items()},
    }


def _spread(layers: list[Any]) -> dict[str, Any]:
    """rms, max and the rms of each third of the layers, of deviations (1, classes, cells) each."""
    third = max(1, len(layers) // 3)
    thirds = layers[:third], layers[third:-third] or layers, layers[-third:]
    return {
        "rms": _rms(layers),
        "max": max(float(abs(layer).max()) for layer in layers),
        "thirds": [_rms(part) for part in thirds],
    }


def _rms(layers: list[Any]) -> float:
    squares = sum(float((layer**2).sum()) for layer in layers)
    return float((squares / sum(layer.size for layer in layers)) ** 0.5)


def _rounded(values: Any) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


PROBE = Probe(
    question="Do the gates open elsewhere for one class than for another?",
    title="Class routing",
    definition="For each class, layer and cell: T, mean over the samples of the class, minus the"
    " mean over all samples. The null is the same after the labels were shuffled: what is left of"
    " the difference when classes mean nothing. rms: the root of the mean square over classes,"
    " layers and cells.",
    source="Srivastava et al. 2015 (arXiv 1507.06228), Fig. 3; the null is ours",
    cost="One forward pass over the training split; of nets for which that would take more than"
    " seconds, over evenly chosen samples.",
    caveat="A net at init routes a little too: different classes are different inputs. Compare with"
    " init and with the null before calling a difference learned.",
    knobs=(
        Knob(
            "lane", "int", "Lane", "Counted from 0; −1: the first with gates.", -1, low=-1, high=3
        ),
        Knob("when", "choice", "When", "The net now, or at init.", "now", choices=("now", "init")),
        Knob("classes", "text", "Classes", "Numbers, such as 0,7; empty: all.", "", high=400),
    ),
    measure=measure,
)
