"""The fields of an experiment beside its lanes and data set: what each is called, means and may
be."""

from __future__ import annotations

from skipviz.core.knob import Knob

FIELDS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob(
            "steps",
            "int",
            "Steps",
            "Parameter updates: one batch each.",
            400,
            low=1,
            high=1_000_000,
        ),
        Knob(
            "seconds",
            "float",
            "Seconds",
            "Ends when so many seconds of training are over, if the steps are not done before; 0:"
            " only the steps count. How many steps fit depends on the machine; what happens in them"
            " does not. A schedule is laid over the steps.",
            0.0,
            low=0,
            high=86_400,
        ),
        Knob("lr", "float", "Learning rate", "Size of one update.", 0.1, low=0, high=100),
        Knob(
            "momentum",
            "float",
            "Momentum",
            "Share of the last update that is kept; sgd and nesterov use it.",
            0.9,
            low=0,
            high=0.9999,
        ),
        Knob(
            "weight_decay",
            "float",
            "Weight decay",
            "Pull of every weight towards 0.",
            0.0,
            low=0,
            high=10,
        ),
        Knob(
            "optimiser",
            "choice",
            "Optimiser",
            "sgd: with momentum; nesterov: with Nesterov momentum, which looks one step ahead"
            " (Sutskever et al. 2013); adam (Kingma and Ba 2015); adamw: Adam with the weight decay"
            " apart from the gradient (Loshchilov and Hutter 2019).",
            "sgd",
            choices=("sgd", "nesterov", "adam", "adamw"),
        ),
        Knob(
            "schedule",
            "choice",
            "Schedule",
            "constant; step: divided by 10 at 50 % and again at 75 % of the steps (He et al. 2015,"
            " section 4.2: at 32k and 48k of 64k); cosine: down to 0 over the steps, as half a"
            " cosine (Loshchilov and Hutter 2017).",
            "constant",
            choices=("constant", "step", "cosine"),
        ),
        Knob(
            "warmup",
            "int",
            "Warm-up",
            "Over the first so many steps the learning rate grows linearly to its value (Goyal et"
            " al. 2017); 0: none.",
            0,
            low=0,
            high=1_000_000,
        ),
        Knob(
            "clip",
            "float",
            "Clip gradients",
            "The gradient of each net, all its weights together, is scaled down to at most this L2"
            " norm (Pascanu et al. 2013); 0: off, since it hides the subject. The norms on screen"
            " are those before clipping.",
            0.0,
            low=0,
            high=1e6,
        ),
        Knob("batch_size", "int", "Batch size", "Samples in one step.", 64, low=2, high=8192),
        Knob("seed", "int", "Seed", "Decides weights and batches.", 0, low=0, high=2**31 - 1),
        Knob("seeds", "int", "Seeds", "Repetitions with seeds seed, seed+1, …", 1, low=1, high=16),
        Knob(
            "record_every",
            "int",
            "Record every",
            "Steps from one frame to the next.",
            1,
            low=1,
            high=10_000,
        ),
        Knob(
            "evaluate_every",
            "int",
            "Evaluate every",
            "Steps from one look at the held-out split to the next (of a large one, at 2000 samples"
            " of it), and at the last step; 0: never. Before each, BatchNorm's running statistics"
            " are measured anew on 16 training batches: they lag behind the weights, and held-out"
            " error would read too high (Wu and Johnson 2021). Training is not touched by it.",
            0,
            low=0,
            high=1_000_000,
        ),
        Knob(
            "device",
            "choice",
            "Device",
            "Where to train. auto: where nets of this kind were measured faster on this machine;"
            " a run keeps the device that was chosen.",
            "auto",
            choices=("auto", "cpu", "cuda", "mps"),
        ),
        Knob(
            "precision",
            "choice",
            "Precision",
            "bfloat16: fast; bends norms by up to a fifth. Of convolutional nets, where the device"
            " multiplies it; dense nets stay in float32.",
            "float32",
            choices=("float32", "bfloat16"),
        ),
        Knob(
            "subset",
            "int",
            "Images a class",
            "Trains on the first so many images of each class; 0: on all of them.",
            0,
            low=0,
            high=100_000,
        ),
        Knob(
            "pool",
            "int",
            "Pool",
            "Averages squares of so many pixels a side: 2 makes 28×28 pixels 14×14.",
            1,
            low=1,
            high=16,
        ),
        Knob(
            "label_noise",
            "float",
            "Random labels",
            "Each training label is replaced by a random one with this probability; at 1 there is"
            " nothing to learn, only to memorise (Zhang et al. 2017).",
            0.0,
            low=0,
            high=1,
        ),
        Knob(
            "augment",
            "choice",
            "Augmentation",
            "As in the papers: pad 4 of 32 pixels and crop at random, flip left to right, or both.",
            "none",
            choices=("none", "crop", "flip", "both"),
        ),
    )
}
"""The fields of an experiment beside its lanes and data set, as knobs: for checks and for forms."""
