"""A net as a stand-alone PyTorch module: one file of text that needs nothing but torch.

    text = standalone.module(Lane(family="resnet", knobs={"depth": 20}))

The text defines `Net`. Its modules have the names of skipviz's own, so that weights trained here
load into it; a test runs the text and compares the outputs. No torch is needed to write it.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from textwrap import fill
from typing import Any

from skipviz.core.experiment import Lane
from skipviz.core.registry import architecture
from skipviz.core.wiring import Wiring
from skipviz.models.plans import NetPlan
from skipviz.standalone.layers import STOCHASTIC_DEPTH, ZERO_PAD, named_layers
from skipviz.standalone.stages import stage_lines
from skipviz.standalone.units import Unit, UnitClass, class_lines, classes

__all__ = ["body", "filename", "module"]

_IMPORTS = """from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
"""

_NAMED = '''
def named(**layers: nn.Module) -> nn.Sequential:
    """Layers in a row, each under its name."""
    return nn.Sequential(OrderedDict(layers))
'''


def module(lane: Lane) -> str:
    """The text of a module with the class `Net`: the net of `lane`, without skipviz."""
    wiring: Wiring = architecture(lane.family).wiring(lane.settings())
    family = importlib.import_module(f"skipviz.models.{lane.family}.family")
    shared, own = body(lane)
    text = "\n".join([_header(lane, wiring, str(family.__doc__)), _IMPORTS, *shared, *own])
    return text if "torch." in text.partition("import torch\n")[2] else _without_torch(text)


def body(lane: Lane) -> tuple[list[str], list[str]]:
    """The pieces of a net's text below its imports: what is the same for every net, and its own
    classes, of which the last is `Net`."""
    settings, declared = lane.settings(), architecture(lane.family)
    plan: NetPlan = declared.plan(settings)
    wiring: Wiring = declared.wiring(settings)
    units = _units(plan, wiring)
    unit_classes = classes(units)
    shared = [_NAMED]
    kinds = {step.kind for unit in units for _, chain in unit.chains for step in chain}
    shared += [ZERO_PAD] if "zero_pad" in kinds else []
    shared += [STOCHASTIC_DEPTH] if "stochastic_depth" in kinds else []
    own = ["\n" + "\n".join(class_lines(each)) + "\n" for each in unit_classes]
    own.append("\n" + "\n".join(_net_lines(plan, wiring, units, unit_classes)) + "\n")
    return shared, own


def _units(plan: NetPlan, wiring: Wiring) -> list[Unit]:
    """Every unit of the stages: its plan and its body."""
    bodies = {unit.path: unit.body for unit in wiring.units}
    return [
        Unit(piece, bodies[f"stages.{s}.{u}"], stage=s, first=s == u == 0)
        for s, stage in enumerate(plan.stages)
        for u, piece in enumerate(stage)
    ]


def _net_lines(
    plan: NetPlan, wiring: Wiring, units: list[Unit], unit_classes: list[UnitClass]
) -> list[str]:
    """The class `Net`."""
    counted = {0: "", 1: "1 stage, "}.get(
        len(wiring.stages) - 2, f"{len(wiring.stages) - 2} stages, "
    )
    return [
        "class Net(nn.Module):",
        f'    """{wiring.name}: stem, {counted}head."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        *named_layers("self.stem", plan.stem, indent=8),
        *stage_lines(units, unit_classes, wiring, len(plan.stages)),
        *named_layers("self.head", plan.head, indent=8),
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        "        return self.head(self.stages(self.stem(x)))",
    ]


def _without_torch(text: str) -> str:
    """The text without `import torch`, which it does not use by that name."""
    return text.replace("import torch\nfrom torch", "from torch")


def _header(lane: Lane, wiring: Wiring, family_doc: str) -> str:
    """What the net is, its formula and paper, and how weights come into it."""
    declared, described = architecture(lane.family), wiring.describe()
    formula = family_doc.splitlines()[0].partition(": ")[0]
    shape = ", ".join(map(str, wiring.input_shape))
    paragraphs = [
        f"{wiring.name} for inputs of {'×'.join(map(str, wiring.input_shape))}: "
        f"{described['parameters']:,} parameters, {described['multiply_adds']:,} multiply-adds.",
        f"    {formula}",
        declared.paper,
        f"Departures: {declared.departures}" if not declared.departures.startswith("None") else "",
        f"    net = Net()\n    logits = net(torch.randn(8, {shape}))",
        "Layers have the names that they have in skipviz, so that its weights fit:",
        _build(lane.family, lane.without_idle().knobs)
        + "\n    net.load_state_dict(ours.state_dict())",
        "The initial weights are PyTorch's own, not the paper's: set them before training anew. "
        "Only the biases of highway gates start as in skipviz.",
    ]
    wrapped = [p if p.startswith(" ") else fill(p, 96) for p in paragraphs if p]
    return '"""' + "\n\n".join(wrapped) + '\n"""\n'


def _build(family: str, knobs: Mapping[str, Any]) -> str:
    """The call that builds skipviz's own net, on one line or with an argument a line."""
    arguments = [_literal(family), *(f"{name}={_literal(value)}" for name, value in knobs.items())]
    line = f"    ours = skipviz.build({', '.join(arguments)})"
    if len(line) <= 96:
        return line
    return "\n".join(
        ["    ours = skipviz.build(", *(f"        {each}," for each in arguments), "    )"]
    )


def _literal(value: Any) -> str:
    """A knob's value as Python, with the quotes of the house."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def filename(lane: Lane) -> str:
    """A name for the file: "resnet_20.py"."""
    word = lane.name().lower().replace("×", "x")
    return (
        "_".join("".join(c if c.isascii() and c.isalnum() else " " for c in word).split()) + ".py"
    )
