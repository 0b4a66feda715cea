"""CIFAR-100: CIFAR-10's size and number, but a hundred classes of 500 training pictures each.

The archive is torchvision's, found in a data folder or downloaded when somebody asks for it.
"""

from __future__ import annotations

from functools import partial

from skipviz.core.declarations import Dataset, Files
from skipviz.datafiles import reading

FILES = Files(
    torchvision="CIFAR100",
    folder="",
    packed={"cifar-100-python.tar.gz": 169_001_437},
    unpacked=("cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"),
)

_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree
orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum
rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""

DATASET = Dataset(
    title="CIFAR-100",
    summary="60,000 photographs of a hundred kinds of things, 32×32 pixels in colour, 500 training"
    " pictures of each: hard for every net that trains in a lesson.",
    input_shape=(3, 32, 32),
    classes=tuple(name.replace("_", " ") for name in _CLASSES.split()),
    train_size=50_000,
    test_size=10_000,
    origin="A. Krizhevsky, V. Nair and G. Hinton, 2009: a labelled subset of the 80 Million Tiny"
    " Images; the hundred fine labels.",
    licence="None was published with the files; use it for study",
    citation="Krizhevsky: Learning Multiple Layers of Features from Tiny Images. University of"
    " Toronto, 2009.",
    load=partial(reading.read, FILES),
    files=FILES,
    order=6,
)
