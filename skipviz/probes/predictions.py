"""What does each net say of pictures that it has not trained on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, pictures: int) -> dict[str, Any]:
    """Predictions on the held-out split.

    confusion[i][j]   how often a picture of class i was taken for class j
    grid              the first `pictures` of the split, evenly by class: image (C, H, W) as whole
                      numbers, label, and each lane's prediction with its probability
    """
    import torch

    images, labels = trained.batches.held_images, trained.batches.held_labels
    classes = trained.experiment.dataset.num_classes  # a split may lack one
    rows = _by_class(labels.tolist(), pictures)
    lanes = []
    for lane in range(len(trained.nets)):
        logits = trained.logits(lane, images)
        predicted = logits.argmax(1)
        confusion = torch.zeros(classes, classes, dtype=torch.int64)
        confusion.index_put_((labels, predicted), torch.ones_like(labels), accumulate=True)
        shares = logits.softmax(1)
        lanes.append(
            {
                "error": float((predicted != labels).float().mean()),
                "confusion": confusion.tolist(),
                "predicted": predicted[rows].tolist(),
                "probability": [round(float(shares[row, predicted[row]]), 4) for row in rows],
            }
        )
    return {
        "step": trained.step,
        "held_out": len(labels),
        "images": images[rows].tolist(),
        "labels": labels[rows].tolist(),
        "lanes": lanes,
    }


def _by_class(labels: list[int], most: int) -> list[int]:
    """The first rows of the split that show every class equally often, as far as it goes."""
    seen: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        seen.setdefault(label, []).append(row)
    turns = max(map(len, seen.values()))
    order = [
        rows[turn] for turn in range(turns) for _, rows in sorted(seen.items()) if turn < len(rows)
    ]
    return order[:most]


PROBE = Probe(
    question="What does each net say of pictures that it has not trained on?",
    title="Predictions",
    definition="The class with the largest logit, for every picture of the held-out split.",
    source="common usage",
    cost="One forward pass over the held-out split for each lane: well under a second on digits.",
    caveat="BatchNorm's running statistics are measured anew before: in a short run they lag behind"
    " the weights, and held-out error would read higher for that reason alone.",
    knobs=(Knob("pictures", "int", "Pictures", "How many are shown.", 30, low=1, high=200),),
    measure=measure,
)
