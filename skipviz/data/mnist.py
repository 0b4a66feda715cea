"""MNIST: 70,000 handwritten digits of 28×28 pixels, the textbooks' first data set.

Half of the writers were census workers, half were school pupils; no writer is in both parts. The
files are torchvision's, found in a data folder or downloaded when somebody asks for them.
"""

from __future__ import annotations

from functools import partial

from skipviz.core.declarations import Dataset, Files
from skipviz.datafiles import reading

FILES = Files(
    torchvision="MNIST",
    folder="MNIST/raw",
    packed={
        "train-images-idx3-ubyte.gz": 9_912_422,
        "train-labels-idx1-ubyte.gz": 28_881,
        "t10k-images-idx3-ubyte.gz": 1_648_877,
        "t10k-labels-idx1-ubyte.gz": 4_542,
    },
    unpacked=(
        "MNIST/raw/train-images-idx3-ubyte",
        "MNIST/raw/train-labels-idx1-ubyte",
        "MNIST/raw/t10k-images-idx3-ubyte",
        "MNIST/raw/t10k-labels-idx1-ubyte",
    ),
)

DATASET = Dataset(
    title="MNIST",
    summary="70,000 scans of handwritten digits, 28×28 pixels in grey. A linear model misses about"
    " eight in a hundred, and most nets fewer than two: differences between good nets are small.",
    input_shape=(1, 28, 28),
    classes=tuple("0123456789"),
    train_size=60_000,
    test_size=10_000,
    origin="Y. LeCun, C. Cortes and C. Burges, 1998, from NIST's Special Databases 1 and 3.",
    licence="None was published with the files; use it for study",
    citation="LeCun, Bottou, Bengio, Haffner: Gradient-Based Learning Applied to Document"
    " Recognition. Proceedings of the IEEE 86 (11), 1998.",
    load=partial(reading.read, FILES),
    files=FILES,
    order=3,
)
