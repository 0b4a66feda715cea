"""The parts of a stand-alone script that are the same for every experiment, as text."""

from __future__ import annotations

IMPORTS = """from __future__ import annotations

import argparse
import csv
import math
from collections import OrderedDict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
"""

DATA = '''
@cache
def pixels() -> tuple[np.ndarray, np.ndarray]:
    """The training images (N, C, H, W) uint8 and their labels (N,) int64."""
    with np.load(HERE / DATA, allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]


@cache
def moments() -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel over all training images, made in float64."""
    values = pixels()[0].astype(np.float64)
    mean = values.mean((0, 2, 3), keepdims=True)
    deviation = values.std((0, 2, 3), keepdims=True)
    deviation[deviation == 0] = 1  # a channel that is the same everywhere tells nothing
    return mean.astype(np.float32), deviation.astype(np.float32)
'''

DROPOUT = '''
class Dropout(nn.Module):
    """Drops what NumPy says, so that every machine drops the same."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.draw = rate, (0, 0, 0)  # step, seed, number of the layer

    def forward(self, x: Tensor) -> Tensor:
        mask = dropout(tuple(x.shape), self.rate, *self.draw)
        return x * torch.from_numpy(mask).to(x.dtype)
'''

STOCHASTIC_DEPTH = '''
class StochasticDepth(nn.Module):
    """Leaves a branch out where NumPy says so, so that every machine leaves out the same."""

    def __init__(self, survival: float) -> None:
        super().__init__()
        self.survival, self.draw = survival, (0, 0, 0)  # step, seed, number of the branch

    def forward(self, x: Tensor) -> Tensor:
        return x * float(survives(self.survival, *self.draw))
'''

INITIALISE = '''
def initialise(net, draw):
    """Draws every weight: those of the main path before those of shortcuts and gates, so that a
    net and its plain twin start with the same weights."""
    extra = lambda pair: "shortcut" in pair[0] or "gate" in pair[0]
    for _, module in sorted(net.named_modules(), key=extra):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            draw(module)
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm)):
            module.reset_parameters()
'''

START_BIASES = '''
@torch.no_grad()
def start_biases(net, part, value):
    """Sets the biases of the layers in a part of every unit."""
    for name, parameter in net.named_parameters():
        if part in name.split(".") and name.endswith("bias"):
            parameter.fill_(value)
'''

START_AT_ZERO = '''
@torch.no_grad()
def start_at_zero(units):
    """Sets the last layer of the branch of each unit to zero."""
    for unit in units:
        last = [layer for layer in unit.branch if list(layer.parameters())][-1]
        for parameter in last.parameters():
            parameter.zero_()
'''

_ZERO_BIAS = "    if layer.bias is not None:\n        nn.init.zeros_(layer.bias)\n"

INITS = {
    "he": '''
def he(layer):
    """N(0, 2 / fan in), biases 0."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="relu")
'''
    + _ZERO_BIAS,
    "glorot": '''
def glorot(layer):
    """Glorot's uniform distribution, biases 0."""
    nn.init.xavier_uniform_(layer.weight)
'''
    + _ZERO_BIAS,
    "orthogonal": '''
def orthogonal(layer):
    """An orthogonal matrix, biases 0."""
    nn.init.orthogonal_(layer.weight)
'''
    + _ZERO_BIAS,
    "torch_default": '''
def torch_default(layer):
    """As PyTorch draws it."""
    layer.reset_parameters()
''',
}

CLIP = '''
@torch.no_grad()
def clip(net, most):
    """Scales all gradients together down to an L2 norm of at most `most`."""
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    norm = math.sqrt(sum(float(g.double().square().sum()) for g in gradients))
    for gradient in gradients:
        gradient.mul_(min(1.0, most / norm) if norm else 1.0)
'''

LOOP = '''
def train(make, seed, dtype):
    """Trains one net; its loss and error at every step, measured before the step's update."""
    net = make(seed).to(dtype).train()
    optimiser = OPTIMISER
    dropouts = [m for m in net.modules() if type(m).__name__ == "Dropout" and m.rate > 0]
    depths = [m for m in net.modules() if type(m).__name__ == "StochasticDepth"]
    diverged = False
    for step in range(STEPS):
        for layers in (dropouts, depths):
            for k, layer in enumerate(layers):
                layer.draw = step, seed, k
        x, y = batch(step, seed)
        logits = net(x.to(dtype))
        loss = nn.functional.cross_entropy(logits, y)
        yield step, loss.item(), float((logits.argmax(1) != y).double().mean())
        diverged = diverged or not math.isfinite(loss.item())
        if diverged:  # it learns no more
            continue
        net.zero_grad(set_to_none=True)
        loss.backward()
        CLIP
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        optimiser.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--double", action="store_true", help="train in float64")
    dtype = torch.float64 if parser.parse_args().double else torch.float32
    torch.use_deterministic_algorithms(True)
    curves = Path(__file__).with_suffix(".csv")
    with curves.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["lane", "seed", "step", "loss", "error"])
        for lane, make in enumerate(NETS):
            for i, seed in enumerate(SEEDS):
                for step, loss, error in train(make, seed, dtype):
                    table.writerow([LANES[lane], seed, step, repr(loss), repr(error)])
                    if step in RECORDED:
                        recorded = RECORDED[step][lane][i]
                        print(f"{LANES[lane]}, seed {seed}, step {step}: loss {loss:.6f},"
                              f" recorded {recorded:.6f}", flush=True)
    print(f"All losses are in {curves}")


if __name__ == "__main__":
    main()
'''
