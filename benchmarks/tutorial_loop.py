"""The baseline: training as PyTorch tutorials write it, with the gradient norm of every layer.

A Dataset of PIL pictures through torchvision's transforms, a DataLoader with num_workers=0, a model
in a class, torch.optim.SGD, `.item()` of loss, hits and each layer's norm at every step. The models
are the app's own reference modules, so that only the way of training differs. On a GPU the batch is
copied as tutorials do, with `.to(device)`.

Baseline for benchmarks/engine.py. By itself it prints the time of one step:

    python benchmarks/tutorial_loop.py plain depth=20
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skipviz.core.registry import full_settings
from skipviz.models import build

SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
MEAN, STD = 0.5, 0.29
"""Of pictures whose pixels are evenly spread."""


def pictures(data: str, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Synthetic images uint8 (N, C, H, W) in a data set's shape, and labels int64 (N,): noise in
    which each class has its own brighter pixels, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[data]
    labels = rng.integers(0, 10, count)
    brighter = rng.integers(0, 2, (10, *shape), dtype=np.uint8) * 96
    images = np.empty((count, *shape), dtype=np.uint8)
    for start in range(0, count, 5000):
        part = slice(start, start + 5000)
        noise = rng.integers(0, 160, (len(labels[part]), *shape), dtype=np.uint8)
        images[part] = noise + brighter[labels[part]]
    return images, labels


class Pictures(Dataset):
    """An array in memory and a PIL picture for each item, as torchvision's MNIST and CIFAR10."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, augment: bool) -> None:
        grey = images.shape[1] == 1
        self.images = images[:, 0] if grey else images.transpose(0, 2, 3, 1)
        self.labels = labels
        steps: list[Any] = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        if augment:
            side = images.shape[2]
            crop = transforms.RandomCrop(side, padding=side // 8)
            steps = [crop, transforms.RandomHorizontalFlip(), *steps]
        self.transform = transforms.Compose(steps)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(np.ascontiguousarray(self.images[index]))
        return self.transform(picture), int(self.labels[index])


class Tutorial:
    """One net, its own loader and optimiser."""

    def __init__(
        self, settings: dict[str, Any], family: str, images: np.ndarray, labels: np.ndarray,
        *, batch_size: int = 128, lr: float = 0.01, device: str = "cpu",
    ) -> None:  # fmt: skip
        torch.manual_seed(0)
        self.device = torch.device(device)
        self.model = build(family, **settings).train().to(self.device)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        augment = settings["backbone"] != "dense"
        self.loader = DataLoader(
            Pictures(images, labels, augment), batch_size=batch_size, shuffle=True, drop_last=True,
            num_workers=0,
        )  # fmt: skip
        self.losses: list[float] = []
        self.errors: list[float] = []
        self.norms: list[list[float]] = []

    def steps(self) -> Iterator[None]:
        """One training step for each item that is asked for, epoch after epoch."""
        while True:
            for inputs, targets in self.loader:
                inputs, targets = inputs.to(self.device), targets.to(self.device)
                self.optimizer.zero_grad()
                outputs = self.model(inputs)
                loss = self.criterion(outputs, targets)
                loss.backward()
                self.optimizer.step()
                self.losses.append(loss.item())
                self.errors.append((outputs.argmax(1) != targets).sum().item() / len(targets))
                self.norms.append(
                    [p.grad.norm().item() for p in self.model.parameters() if p.dim() > 1]
                )
                yield


def in_turn(loops: Sequence[Tutorial]) -> Iterator[None]:
    """One step of every net for each item: what a tutorial that compares nets runs one after
    another."""
    for _ in zip(*(loop.steps() for loop in loops), strict=True):
        yield


def main() -> None:
    family, *words = sys.argv[1:] or ["plain", "depth=20"]
    knobs = {"backbone": "dense", **dict(word.split("=", 1) for word in words)}
    data = "mnist" if knobs["backbone"] == "dense" else "cifar10"
    settings = full_settings(family, knobs | {"input_shape": SHAPES[data]})
    loop = Tutorial(settings, family, *pictures(data, 5000)).steps()
    for _ in range(3):
        next(loop)
    began = time.process_time()
    for _ in range(20):
        next(loop)
    print(f"{(time.process_time() - began) / 20 * 1e3:.2f} ms of CPU time a step")


if __name__ == "__main__":
    main()
