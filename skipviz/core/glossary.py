"""The glossary as data: every term that the app explains, once. One meaning, one word.

    TERMS["signal gradient"].text      the sentence or two that a page shows on hover
    TERMS["transform gate"]            the whole entry, with its symbol and its source

What is our own coinage has the source "ours", and the app says so wherever it shows sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Term:
    """One word of the field.

    symbol   how formulas write it, in plain text; empty where they do not
    source   where the word comes from
    avoid    words that we do not use for it, because they mean something else or mislead
    text     what it means, in one or two sentences
    """

    name: str
    symbol: str
    source: str
    avoid: tuple[str, ...]
    text: str

    @property
    def ours(self) -> bool:
        """Did we coin it?"""
        return self.source == SOURCES["ours"]


SOURCES = {
    "ours": "our own word",
    "common": "common usage",
    "He 2015": "He et al. 2015, Deep Residual Learning (arXiv 1512.03385)",
    "He 2016": "He et al. 2016, Identity Mappings (arXiv 1603.05027)",
    "Srivastava 2015": "Srivastava et al. 2015, Highway Networks (arXiv 1505.00387)",
    "Srivastava 2015b": "Srivastava et al. 2015, Training Very Deep Networks (arXiv 1507.06228)",
    "Huang 2016": "Huang et al. 2016, Densely Connected Networks (arXiv 1608.06993)",
    "Xie 2016": "Xie et al. 2016, Aggregated Residual Transformations (arXiv 1611.05431)",
    "Zagoruyko 2016": "Zagoruyko & Komodakis 2016, Wide Residual Networks (arXiv 1605.07146)",
    "Veit 2016": "Veit et al. 2016, Ensembles of Shallow Networks (arXiv 1605.06431)",
    "Balduzzi 2017": "Balduzzi et al. 2017, Shattered Gradients (arXiv 1702.08591)",
    "Ioffe 2015": "Ioffe & Szegedy 2015, Batch Normalization (arXiv 1502.03167)",
    "Ba 2016": "Ba, Kiros & Hinton 2016, Layer Normalization (arXiv 1607.06450)",
    "Huang 2016b": "Huang et al. 2016, Deep Networks with Stochastic Depth (arXiv 1603.09382)",
    "He 2015b": "He et al. 2015, Delving Deep into Rectifiers (arXiv 1502.01852)",
    "Hochreiter 1991": "Hochreiter 1991, diploma thesis; Bengio et al. 1994, Learning Long-Term"
    " Dependencies with Gradient Descent is Difficult",
    "Saxe 2014": "Saxe et al. 2014, Exact Solutions to the Nonlinear Dynamics (arXiv 1312.6120)",
    "Glorot 2010": "Glorot & Bengio 2010, Difficulty of Training Deep Networks (AISTATS)",
}

# One entry: name | symbol | source | words to avoid, and indented below it the text.
_ENTRIES = """
plain network | y = H(x) | He 2015
    A chain of layers in which each sees only what the one before it made. It is the baseline of
    every comparison: it has no skip connection.
plain twin |  | ours
    The same net with its skip connections taken out and everything else left: the same
    branches, the same initial weights. What differs between the two is due to the skips.
skip connection |  | common
    The family word for every way around some layers, whether its end is added, mixed by a gate
    or appended.
join | + × ‖ | ours
    How a unit meets its own input again: not at all (plain), by adding (residual), by a gate
    (highway) or by appending (dense).
depth |  | He 2015
    The number of layers with weights on the longest way through the net. Each family has its
    own rule for which depths exist, such as 6n + 2.
stem |  | common
    The first layers, which turn the input into the first signal that the units work on.
head |  | common
    The last layers, which turn the last signal into one number for each class.
stage |  | common | layer1, layer2, layer3, layer4
    All units that work at one image size. Between two stages the image is halved and the number
    of channels usually doubled.
backbone |  | common
    What carries the units: flat layers of equal width, or a convolutional net in stages. The
    same unit can be studied on each.
width |  | common
    How many numbers a layer hands on: units of a dense layer, channels of a convolution.
widening factor | k | Zagoruyko 2016
    Multiplies the channels of every stage. Its paper's letter is also that of the growth rate,
    so we write it as width ×.
residual unit | x_{l+1} = f(h(x_l) + F(x_l)) | He 2016
    A piece of a net whose layers compute a correction F that is added to the unit's input. With
    F = 0 the input passes, but for what follows the addition.
residual branch | F | He 2015
    The layers beside the shortcut; their output is what gets added. It is the correction, not
    the sum.
shortcut | h | He 2015
    The path around the residual branch, from the unit's input to the addition.
identity shortcut | h(x) = x | He 2015
    A shortcut that hands the input on unchanged and costs no parameter.
zero-pad shortcut | A | He 2015
    Where a unit has more output than input channels, the missing ones are filled with zeros. It
    costs no parameter either.
projection shortcut | B, C | He 2015
    A 1×1 convolution on the shortcut. With option B it stands only where shapes change, with
    option C around every unit.
after-addition activation | f | He 2016
    What is done to the sum before the next unit sees it. In the original unit a ReLU, in full
    pre-activation nothing.
pre-activation |  | He 2016
    Normalisation and activation before each weight layer and not behind it, so that nothing
    stands between one addition and the next. It is an order of operations, not another net.
bottleneck |  | He 2015
    A branch that first narrows the channels with a 1×1 convolution, does its 3×3 work there,
    and widens them again.
expansion | ×4 | He 2015
    How many times more channels a bottleneck's output has than its middle.
cardinality |  | Xie 2016
    The number of parallel paths of equal form inside one branch, computed as the groups of a
    convolution. Its paper's letter C also names the carry gate, so we spell it out.
base width | d | Xie 2016
    The channels of each of a ResNeXt unit's parallel paths in the first stage: the 4 of 32×4d.
stochastic depth | p_l | Huang 2016b
    In each step chance leaves some residual branches out, for the whole batch, and their units
    hand on the shortcut alone. In testing all are there.
survival | p_L | Huang 2016b
    How likely a branch takes part in a step. By the paper's rule it falls evenly from 1 at the
    input to p_L at the last unit; in testing the branch is scaled by it.
lesion study |  | Veit 2016
    Taking out one unit's branch of a trained net and looking how much worse it gets. Residual
    nets lose little, plain nets almost everything.
unraveled view | 2^n paths | Veit 2016
    A net of n residual units read as the sum of all 2^n ways of taking or passing each branch.
path length |  | Veit 2016
    How many branches one way through the unraveled net takes. Most ways take about half of
    them; the gradient comes mainly through the short ones.
highway unit | y = H(x)·T(x) + x·(1 − T(x)) | Srivastava 2015
    A unit that mixes, cell by cell, what its layer makes of the input with the input itself.
    The net learns the mixture.
transform gate | T | Srivastava 2015 | forget gate
    A number between 0 and 1 for each cell and sample: the share of the output that comes from
    the transformation. Near 0, the input passes.
carry gate | 1 − T | Srivastava 2015
    The share of the input that a highway unit hands on as it is. In coupled gates it is what
    the transform gate leaves.
gate bias | b_T | Srivastava 2015
    The starting value in the transform gate's sigmoid. Negative, it lets the unit start by
    carrying: at −2 the gate lets 12 % through, at −4 only 2 %.
cell |  | common
    One component of one unit's output, followed through the layers.
carried cell | T < 0.5 | ours
    A cell of one unit, for one sample, that takes more from its input than from the
    transformation. The threshold is ours: 0.5 unless a chart says another.
stripes |  | Srivastava 2015b
    Block outputs drawn as layers × cells show runs of one colour: cells whose value is carried
    through many layers.
dense block |  | Huang 2016
    A row of units each of which sees the outputs of all before it. It plays the part of a
    stage: the image size does not change inside.
dense layer | x_l = H_l([x_0, …, x_{l−1}]) | Huang 2016
    A unit that appends a few new channels behind all the old ones. Old channels come first,
    always.
growth rate | k | Huang 2016
    How many channels each dense layer appends. A block of L layers ends with k0 + L·k of them.
transition layer |  | Huang 2016
    What stands between two dense blocks: a 1×1 convolution that may drop channels, and a
    pooling that halves the image.
compression | θ | Huang 2016
    The share of channels that a transition keeps; 1 keeps them all.
DenseNet-BC |  | Huang 2016
    A DenseNet with bottlenecks (B) and with compression below 1 (C).
feature reuse |  | Huang 2016
    How strongly a dense layer draws on what an earlier one appended, read from the mean size of
    the weights between the two.
signal gradient | ‖∂L/∂x‖ | ours
    How much the loss would change with the signal between two units, as one length per layer:
    the L2 norm over all values of the whole batch at once, of the batch's mean loss. It shows
    whether anything comes back to the first layers; it is our default view.
weight gradient | ‖∂L/∂W‖ | ours
    How much the loss would change with a layer's weights, as one length per layer, biases left
    out. It can look level along the net while the signal gradient has long vanished.
gradient norm | ‖·‖ | common
    The length of a gradient: the square root of the sum of its squares (L2). Always said with
    which gradient is meant, the signal's or the weights'.
dynamical isometry |  | Saxe 2014
    All singular values of the derivative of the last signal by the first are near 1: every small
    change of the signal arrives at its size, in each direction.
vanishing gradient |  | Hochreiter 1991
    A gradient that shrinks by some factor at every layer on its way back, until the first
    layers hardly learn.
exploding gradient |  | common
    A gradient that grows by some factor at every layer on its way back. Batch normalisation
    makes deep plain nets do this at the start.
degradation problem |  | He 2015
    A deeper plain net ends with a higher training error than a shallower one. So it is not
    overfitting, and it is not the same thing as vanishing gradients.
shattered gradients |  | Balduzzi 2017
    Gradients at neighbouring inputs that have hardly anything in common, like white noise,
    which makes them a poor guide. Deep plain nets have them; residual nets much less if their
    branches are small.
activation scale | rms(x) | ours
    The typical size of the numbers in a signal: the root of their mean square.
diverged |  | ours
    A lane whose loss is no finite number any more. It stops there, the others go on.
training loss | L | common
    The mean cross-entropy of a step's batch, in nats. Guessing among ten classes costs ln 10 =
    2.30.
training error |  | common
    The share of a step's batch whose most likely class is the wrong one.
batch normalisation | BN | Ioffe 2015
    Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it by
    learned numbers. In testing, running averages stand in for the batch.
layer normalisation | LN | Ba 2016
    Brings the features of each sample to mean 0 and variance 1, then scales and shifts them by
    learned numbers. It does the same in training and in testing, whatever the batch.
activation |  | common
    The non-linear function behind a weight layer: ReLU, tanh or sigmoid. Without it, layers in
    a row would be no more than one.
init |  | common
    The weights before the first step, and the rule by which they are drawn. At init nothing has
    been learned: what a chart shows there is the architecture's doing.
He initialisation | N(0, 2/fan-in) | He 2015b
    Random weights scaled so that a signal keeps its size through layers with ReLU.
Glorot initialisation |  | Glorot 2010
    Random weights scaled as a compromise between keeping the signal's size forward and the
    gradient's size backward.
step |  | common
    One update of the weights, made from one batch of samples.
seed |  | common
    The number from which all randomness of an experiment follows. The same seed on the same
    machine gives the same curves.
momentum |  | common
    The share of the last update that is added to the next one.
weight decay |  | common
    A pull of every weight towards 0, in proportion to its size.
experiment |  | ours
    One to four lanes on the same data, the same seed and the same batches, with a budget of
    steps.
lane |  | ours
    One architecture of an experiment. All lanes see the same batch at each step.
frame |  | ours
    What is recorded at one step for every lane: loss, error and the norms of each layer.
scene |  | ours
    A ready demonstration for a lecture: a question, an experiment, what to expect and where it
    misleads.
probe |  | ours
    One measurement of a net, such as the signal gradient of every layer at init.
synthetic |  | common
    Drawn by a program and not taken from the world. What a net does on such pictures says
    little about photographs.
"""


def _entries(text: str) -> Iterator[Term]:
    head: list[str] = []
    lines: list[str] = []
    for line in [*text.strip().splitlines(), "end"]:
        if line.startswith(" "):
            lines.append(line.strip())
            continue
        if head:
            name, symbol, source, avoid = [*head, ""][:4]
            words = tuple(filter(None, avoid.split(", ")))
            yield Term(name, symbol, SOURCES[source], words, " ".join(lines))
        head, lines = [part.strip() for part in line.split(" |")], []


TERMS: Mapping[str, Term] = MappingProxyType({term.name: term for term in _entries(_ENTRIES)})
"""Every term by its name, in the order in which a reader would meet them."""
