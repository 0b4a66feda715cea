"""How far every engine's readings at init are from float64: the table of docs/exactness.md.

    python benchmarks/exactness.py [NET ...]

Each net reads one batch of 64; a figure is the median over layers of |norm / norm in float64 - 1|,
and behind the stroke the largest.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skipviz.core.experiment import Experiment, Lane
from skipviz.engine import device as devices
from skipviz.engine.batches import Batches
from skipviz.engine.cuda_graph import GraphedSteps
from skipviz.engine.fused.stack import FusedStack
from skipviz.engine.net_trainer import NetTrainer
from skipviz.engine.training import Training

CPU = torch.device("cpu")
NETS = {
    "dense plain 50": Lane(family="plain", knobs={"backbone": "dense", "depth": 50}),
    "dense residual 50": Lane(family="resnet", knobs={"backbone": "dense", "depth": 50}),
    "dense highway 50": Lane(family="highway", knobs={"backbone": "dense", "depth": 50}),
    "plain-56": Lane(family="plain", knobs={"backbone": "cifar", "depth": 56}),
    "ResNet-20": Lane(family="resnet", knobs={"backbone": "cifar", "depth": 20}),
    "DenseNet-BC-40": Lane(family="densenet", knobs={"backbone": "cifar", "depth": 40}),
    "convolutional highway-19": Lane(family="highway", knobs={"backbone": "cifar", "depth": 19}),
}
Reading = dict[str, np.ndarray]


def by_modules(of: Experiment, layout: torch.memory_format | None, kind: torch.dtype) -> Reading:
    """As modules in one layout (None: the one that training takes) and one kind of numbers."""
    trainer, feed = NetTrainer(of, of.lanes[0], 0, CPU), Batches(of, CPU)
    trainer.layout = layout or trainer.layout
    trainer.net.to(dtype=kind, memory_format=trainer.layout)
    x, y = feed.batch(0, of.seed)
    trainer.instruments.watch()
    logits, loss = trainer.differentiate(x.to(kind), y)
    return trainer.instruments.split(trainer.reading(loss, logits, y).numpy()[2:])


def by_training(of: Experiment, engine: str) -> Reading | None:
    """As a training does it; None where that engine does not train this net here."""
    os.environ["SKIPVIZ_FUSED"] = "1" if engine == "fused" else "0"
    training = Training(of)
    fused = any(isinstance(stack, FusedStack) for stack, _ in training.stacks)
    if engine == "captured":
        if training.stacks:
            return None
        alone, batches = training._module_trainers, training.batches
        training._graphed = GraphedSteps(alone, batches, lambda body: body)
    elif not training.stacks or fused != (engine == "fused"):
        return None
    (frame,) = training.frames()
    lane = frame.lanes[0]
    return {name: getattr(lane, name) for name in NORMS}


NORMS = {"signal_gradient_norm": "signal gradient", "weight_gradient_norm": "weight gradient"}


def engines(lane: Lane, data: str) -> dict[str, Reading | None]:
    """The readings of every engine that trains a lane."""
    of = Experiment(lanes=[lane], data=data, steps=1, batch_size=64, device="cpu")
    found: dict[str, Any] = {}
    if lane.settings(data)["backbone"] == "dense":
        found["modules"] = by_modules(of, None, torch.float32)
        found |= {engine: by_training(of, engine) for engine in ("stacked", "fused")}
        return found
    found["modules, channels first"] = by_modules(of, torch.contiguous_format, torch.float32)
    found["modules, as trained"] = by_modules(of, None, torch.float32)
    found |= {
        name: by_training(of, engine)
        for name, engine in (("captured, on the CPU", "captured"), ("fused", "fused"))
    }
    if devices.bfloat16(CPU):
        half = of.with_(precision="bfloat16")
        found["modules, bfloat16"] = by_modules(half, None, torch.float32)
    return found


def main(names: list[str]) -> None:
    torch.set_num_threads(1)
    print(f"| net | engine | {' | '.join(NORMS.values())} |\n|---|---|---|---|")
    for name, lane in NETS.items():
        if names and name not in names:
            continue
        data = "digits" if name.startswith("dense") else "shapes"
        of = Experiment(lanes=[lane], data=data, steps=1, batch_size=64, device="cpu")
        exact = by_modules(of, torch.contiguous_format, torch.float64)
        for engine, reading in engines(lane, data).items():
            if reading is not None:
                off = [np.abs(reading[norm] / exact[norm] - 1) for norm in NORMS]
                cells = " | ".join(f"{np.median(each):.1e} / {each.max():.1e}" for each in off)
                print(f"| {name} | {engine} | {cells} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
