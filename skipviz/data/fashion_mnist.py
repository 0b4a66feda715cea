"""Fashion-MNIST: 70,000 product pictures of clothes in MNIST's size and number, but harder.

The files are torchvision's, found in a data folder or downloaded when somebody asks for them.
"""

from __future__ import annotations

from functools import partial

from skipviz.core.declarations import Dataset, Files
from skipviz.datafiles import reading

FILES = Files(
    torchvision="FashionMNIST",
    folder="FashionMNIST/raw",
    packed={
        "train-images-idx3-ubyte.gz": 26_421_880,
        "train-labels-idx1-ubyte.gz": 29_515,
        "t10k-images-idx3-ubyte.gz": 4_422_102,
        "t10k-labels-idx1-ubyte.gz": 5_148,
    },
    unpacked=(
        "FashionMNIST/raw/train-images-idx3-ubyte",
        "FashionMNIST/raw/train-labels-idx1-ubyte",
        "FashionMNIST/raw/t10k-images-idx3-ubyte",
        "FashionMNIST/raw/t10k-labels-idx1-ubyte",
    ),
)

DATASET = Dataset(
    title="Fashion-MNIST",
    summary="70,000 grey pictures of clothes and shoes, 28×28 pixels, in ten kinds. Made to take"
    " MNIST's place where that is too easy.",
    input_shape=(1, 28, 28),
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    train_size=60_000,
    test_size=10_000,
    origin="Zalando SE, 2017, from pictures of its shop.",
    licence="MIT (Zalando SE)",
    citation="Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine"
    " Learning Algorithms, 2017, arXiv 1708.07747.",
    load=partial(reading.read, FILES),
    files=FILES,
    order=4,
)
