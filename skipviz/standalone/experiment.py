"""An experiment as a stand-alone script: PyTorch and NumPy train the same nets on the same batches.

    text = experiment.script(of, recorded)

The script has the nets of `standalone.module`, the batches of `docs/batches.md`, the first weights
and the updates as this program makes them. Tests run it against the module engine: in float64 the
curves agree to 1e-9 over 100 steps, in float32 the first loss to 1e-5.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.registry import architecture
from skipviz.core.schedule import budget
from skipviz.core.strict_json import dumps
from skipviz.models.plans import NetPlan
from skipviz.standalone import batches, body, training_text
from skipviz.standalone.layers import STOCHASTIC_DEPTH


@dataclass(frozen=True)
class Recorded:
    """What a script says of the run that it repeats.

    run      its name or id
    steps    how many updates it made
    names    of its lanes
    losses   of some of its steps, for each lane and seed: {step: [[loss of a seed] of a lane]}
    data     the name of the file with the training images beside the script
    """

    run: str
    steps: int
    names: Sequence[str]
    losses: Mapping[int, Sequence[Sequence[float]]]
    data: str


def script(of: Experiment, recorded: Recorded) -> str:
    """The text of the script for an experiment and a run of it."""
    lanes = [_shaped(lane, of) for lane in of.lanes]
    shared: dict[str, None] = {}
    own: list[str] = []
    for number, lane in enumerate(lanes, start=1):
        pieces, classes = body(lane)
        shared |= dict.fromkeys(pieces)
        own += [_numbered("\n".join(classes), number if len(lanes) > 1 else 0)]
    drops = any("nn.Dropout(" in text for text in own)
    chance = [_source(batches.order)]
    chance += [_source(batches.noisy)] if of.label_noise else []
    chance += [_source(batches.augmented)] if of.augment != "none" else []
    chance += [_source(batches.dropout), training_text.DROPOUT] if drops else []
    if shared.pop(STOCHASTIC_DEPTH, "") is None:
        chance += [_source(batches.survives), training_text.STOCHASTIC_DEPTH]
    parts = [
        _header(of, recorded),
        training_text.IMPORTS,
        _constants(of, recorded),
        training_text.DATA,
        *chance,
        _batch(of),
        *shared,
        *(text.replace("nn.Dropout(", "Dropout(") for text in own),
        *_first_weights(lanes),
        _rate(of),
        *([training_text.CLIP] if of.clip else []),
        _loop(of),
    ]
    text = "\n\n\n".join(part.strip("\n") for part in parts) + "\n"
    return text if text.count("math.") else text.replace("import math\n", "")


def _shaped(lane: Lane, of: Experiment) -> Lane:
    """The lane with the data's shape and classes among its knobs."""
    shape = {"input_shape": of.dataset.input_shape, "num_classes": of.dataset.num_classes}
    return Lane(family=lane.family, knobs={**lane.knobs, **shape})


def _numbered(text: str, number: int) -> str:
    """The classes and functions of a net, told apart from those of other nets."""
    if not number:
        return text
    tree = ast.parse(text)
    names = [node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    for name in names:
        text = re.sub(rf"\b{name}(?=[(:])", f"{name}{'_' * name.islower()}{number}", text)
    return text


def _source(function: Callable[..., Any]) -> str:
    return "\n" + re.sub(r"  # type: ignore\S*", "", inspect.getsource(function))


def _header(of: Experiment, recorded: Recorded) -> str:
    paragraphs = [
        f"{'; '.join(recorded.names)} on {of.data}: what run {recorded.run} of skipviz trained,"
        " with PyTorch and NumPy alone.",
        f"    python SCRIPT          in float32, as it was recorded; the training images in"
        f"\n                           {recorded.data} must lie beside it"
        "\n    python SCRIPT --double in float64",
        "It prints the losses beside the recorded ones and writes all of them to a CSV file.",
        "How near they come: nets, first weights, batches and updates are those of skipviz. In"
        " float64 both give the same losses to 1e-9 over 100 steps. In float32 the loss of the"
        " first step agrees to 1e-5; from then on the two differ as two orders of the same sums"
        " do, on which thread counts, processors and versions of PyTorch decide: slightly at first,"
        " and more the longer they train.",
    ]
    if of.precision != "float32":
        paragraphs.append(f"It was recorded in {of.precision}, this trains in float32.")
    chance = any({"drop_rate", "survival"} & lane.knobs.keys() for lane in of.lanes)
    if chance and of.device != "cpu":
        paragraphs.append(
            "Dropout and stochastic depth draw here as on the CPU; on a GPU they drew otherwise."
        )
    wrapped = [p if p.startswith(" ") else fill(p, 96) for p in paragraphs]
    return '"""' + "\n\n".join(wrapped) + '\n"""'


def _constants(of: Experiment, recorded: Recorded) -> str:
    def literal(value: float) -> str:
        return f"{value:.9g}" if math.isfinite(value) else f'float("{value}")'

    rows = [
        f"    {step}: [{', '.join('[' + ', '.join(map(literal, s)) + ']' for s in lanes)}],"
        for step, lanes in recorded.losses.items()
    ]
    return "\n".join(
        [
            f"DATA = {dumps(recorded.data)}",
            "LANES = [",
            *(f"    {dumps(name)}," for name in recorded.names),
            "]",
            f"STEPS, BATCH = {recorded.steps}, {of.batch_size}",
            f"SEEDS = {list(range(of.seed, of.seed + of.seeds))!r}",
            "RECORDED = {  # step: the loss of every lane, seed by seed",
            *rows,
            "}",
        ]
    )


def _batch(of: Experiment) -> str:
    """The function that makes a step's batch."""
    classes = of.dataset.num_classes
    lines = [
        "def batch(step, seed):",
        '    """Images (B, C, H, W) float32, standardised, and labels (B,) of a step."""',
        "    (images, labels), (mean, deviation) = pixels(), moments()",
        "    rows = order(len(labels), BATCH, step, seed)",
        "    x = (images[rows].astype(np.float32) - mean) / deviation",
    ]
    if of.augment != "none":
        lines.append(f"    x = augmented(x, {dumps(of.augment)}, step, seed)")
    if of.label_noise:
        lines.append(f"    labels = noisy(labels, {of.label_noise!r}, {classes}, seed)")
    return "\n".join([*lines, "    return torch.from_numpy(x), torch.from_numpy(labels[rows])"])


def _first_weights(lanes: Sequence[Lane]) -> list[str]:
    """How weights are drawn, and for each net a function that makes it from a seed."""
    inits = dict.fromkeys(lane.settings()["init"] for lane in lanes)
    parts = [training_text.INITIALISE]
    starts = [line for lane in lanes for line in _starts(lane)]
    parts += [training_text.START_BIASES] * any("start_biases" in line for line in starts)
    parts += [training_text.START_AT_ZERO] * any("at_zero" in line for line in starts)
    parts += [training_text.INITS[init] for init in inits]
    for number, lane in enumerate(lanes, start=1):
        name = f"Net{number}" if len(lanes) > 1 else "Net"
        init = lane.settings()["init"]
        lines = [
            f"def net_{number}(seed):",
            f'    """{lane.name()}, its weights drawn from the seed."""',
            f"    net = {name}()",
            "    torch.manual_seed(seed)",
            f"    initialise(net, {init})",
            *_starts(lane),
            "    return net",
        ]
        parts.append("\n".join(lines))
    makers = ", ".join(f"net_{number}" for number in range(1, len(lanes) + 1))
    return [*parts, f"NETS = [{makers}]"]


def _starts(lane: Lane) -> list[str]:
    """The lines that set what does not start like other weights."""
    plan: NetPlan = architecture(lane.family).plan(lane.settings())
    units = [unit for stage in plan.stages for unit in stage]
    biases: dict[str, float] = {}
    for unit in units:
        biases |= getattr(unit, "biases", {})
    lines = [
        f'    start_biases(net, "{attribute}", {value!r})' for attribute, value in biases.items()
    ]
    for s, stage in enumerate(plan.stages):
        zero = [u for u, unit in enumerate(stage) if getattr(unit, "zero_last", False)]
        if zero:
            assert zero == list(range(zero[0], zero[-1] + 1))
            lines.append(f"    start_at_zero(net.stages[{s}][{zero[0]}:{zero[-1] + 1}])")
    return lines


def _rate(of: Experiment) -> str:
    """The learning rate as a function of the step."""
    lines = ["def rate(step):", '    """The learning rate of the update at a step."""']
    lines.append(f"    lr = {of.lr!r}")
    for change in of.changes:  # in the order of their steps
        lines += [f"    if step >= {change.step}:", f"        lr = {change.lr!r}  # by hand"]
    if of.warmup:
        lines.append(f"    lr *= min(1.0, (step + 1) / {of.warmup})  # warm-up")
    made, whole = "step", f"{of.steps}"
    if of.budgets and of.schedule != "constant":
        made, whole = "made", "whole"
        lines += _budgets(of)
    if of.schedule == "step":
        lines.append(f"    lr *= 0.1 ** ((2 * {made} >= {whole}) + (4 * {made} >= 3 * {whole}))")
    if of.schedule == "cosine":
        lines.append(f"    lr *= (1 + math.cos(math.pi * min(1.0, {made} / {whole}))) / 2")
    return "\n".join([*lines, "    return lr"])


def _budgets(of: Experiment) -> list[str]:
    """The lines that say how much of which budget is made at a step."""
    begins = [0, *(each.end for each in of.budgets)]
    lines = []
    for number, begin in enumerate(begins):
        whole = budget(of, begin)[1] - begin
        if number:
            lines.append(f"    if step >= {begin}:  # trained for longer: the schedule begins anew")
        indent = "        " if number else "    "
        lines.append(f"{indent}made, whole = step - {begin}, {whole}")
    return lines


def _loop(of: Experiment) -> str:
    """The training of one net, and what is done with its losses."""
    text = training_text.LOOP.replace("OPTIMISER", _optimiser(of))
    return text.replace("        CLIP\n", f"        clip(net, {of.clip!r})\n" if of.clip else "")


def _optimiser(of: Experiment) -> str:
    """The call that makes the optimiser of a net."""
    name = {"adam": "Adam", "adamw": "AdamW"}.get(of.optimiser, "SGD")
    options = {"lr": "0.0", "weight_decay": repr(of.weight_decay)}
    if name == "SGD":
        options["momentum"] = repr(of.momentum)
    if of.optimiser == "nesterov":
        options["nesterov"] = "True"
    words = ", ".join(f"{option}={value}" for option, value in options.items())
    call = f"torch.optim.{name}(net.parameters(), {words})"
    return (
        call if len(call) < 80 else f"torch.optim.{name}(\n        net.parameters(), {words}\n    )"
    )
