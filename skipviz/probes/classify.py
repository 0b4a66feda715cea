"""What does each net say of one picture that somebody drew?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skipviz.core.declarations import Probe
from skipviz.core.knob import Knob, SpecError

if TYPE_CHECKING:
    from skipviz.engine.trained import Trained


def measure(trained: Trained, pixels: str) -> dict[str, Any]:
    """The probability that each lane gives to each class.

    pixels   the picture's values 0 to 255 in hexadecimal, row by row, channel by channel, at the
             size that the nets take; scaled to the largest value that the data set uses
    """
    import torch

    try:
        values = list(bytes.fromhex(pixels))
    except ValueError:
        raise SpecError("pixels: must be pairs of hexadecimal digits, one for each value") from None
    shape = tuple(trained.batches.images.shape[1:])
    wanted = trained.batches.images[0].numel()
    if len(values) != wanted:
        raise SpecError(f"pixels: {len(values)} values given, must be {wanted}")
    top = float(trained.batches.images.max())
    picture = (torch.tensor(values).float() * top / 255).round().to(torch.uint8).reshape(1, *shape)
    shares = [trained.logits(lane, picture).softmax(1)[0] for lane in range(len(trained.nets))]
    return {
        "step": trained.step,
        "lanes": [{"probabilities": [round(float(p), 4) for p in share]} for share in shares],
    }


PROBE = Probe(
    question="What does each net say of a picture that you draw?",
    title="Draw and see",
    definition="The softmax of each lane's logits for one picture.",
    source="common usage",
    cost="One forward pass of one picture.",
    caveat="A softmax always names a class: a net that has never seen a scribble is often sure of"
    " it. High probability is not evidence.",
    knobs=(Knob("pixels", "text", "Pixels", "Values in hexadecimal.", "", high=100_000),),
    measure=measure,
    stored=False,
)
