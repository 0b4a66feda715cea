"""CIFAR-10: 60,000 colour photographs of 32×32 pixels, the set of the residual papers.

The archive is torchvision's, found in a data folder or downloaded when somebody asks for it.
"""

from __future__ import annotations

from functools import partial

from skipviz.core.declarations import Dataset, Files
from skipviz.datafiles import reading

_PARTS = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")

FILES = Files(
    torchvision="CIFAR10",
    folder="",
    packed={"cifar-10-python.tar.gz": 170_498_071},
    unpacked=tuple(f"cifar-10-batches-py/{name}" for name in _PARTS),
)

DATASET = Dataset(
    title="CIFAR-10",
    summary="60,000 photographs of ten kinds of things, 32×32 pixels in colour: what He, Srivastava"
    " and Huang compared their nets on. A linear model misses about six in ten.",
    input_shape=(3, 32, 32),
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    train_size=50_000,
    test_size=10_000,
    origin="A. Krizhevsky, V. Nair and G. Hinton, 2009: a labelled subset of the 80 Million Tiny"
    " Images.",
    licence="None was published with the files; use it for study",
    citation="Krizhevsky: Learning Multiple Layers of Features from Tiny Images. University of"
    " Toronto, 2009.",
    load=partial(reading.read, FILES),
    files=FILES,
    order=5,
)
