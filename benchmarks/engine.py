"""How fast the engine trains, as ratios to what tutorials do, from one interleaved run.

    python -m skipviz bench engine [--json] [--cases pair-dense-50,seeds-5] [--quick]

Same nets, same batch of 128 synthetic pictures in the shape of MNIST (dense nets) or CIFAR-10 with
crops and flips (convolutional nets). Ours with every instrument at every step; the tutorial loop
(benchmarks/tutorial_loop.py) with the gradient norm of every layer. Each of the two has a process
of its own, with one thread of torch; `benchmarks/interleaved.py` says how times are taken. Rows of
one thread compare CPU times; fused rows, whose threads take a net each, compare wall times.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.interleaved import Crew, Peak, Times, Way, busy, measure, note
from benchmarks.tutorial_loop import Tutorial, in_turn, pictures
from skipviz.core import console
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.presets import NARROW
from skipviz.core.registry import dataset_view
from skipviz.core.strict_json import dumps

BATCH = 128
DEPTHS = (10, 30, 100, 300, 1000)
CLASSES = 10
SIZES = {"mnist": (60_000, 10_000), "cifar10": (50_000, 10_000)}
PORTABLE, FUSED = {"SKIPVIZ_FUSED": "0"}, {"SKIPVIZ_FUSED": "1"}
Found = Mapping[str, Times]


@dataclass(frozen=True)
class Case:
    """One row of the table: a ratio of what its group measured, and what it should reach.

    of    the ratio, with more for the row where there is more to say
    way   whose milliseconds and share of the peak stand beside it; "" where there are none
    """

    name: str
    direction: str
    goal: float
    of: Callable[[Found], float | tuple[float, dict[str, Any]]]
    needs: str = ""
    way: str = ""


@dataclass(frozen=True)
class Group:
    """Ways that are measured in one interleaved run, and the rows that they give."""

    ways: tuple[Way, ...]
    cases: tuple[Case, ...]
    rounds: int
    quick: bool = True


# --- what is timed; everything here is called in the process of a crew


def training(lanes: list[Lane], data: str, **fields: Any) -> Iterator[Any]:
    """Our engine as the product runs it."""
    from skipviz import engine

    augment = "both" if data == "cifar10" else "none"
    values = {"steps": 1_000_000, "lr": 0.005, "batch_size": BATCH, "device": "cpu"} | fields
    made = engine.Training(Experiment(lanes=lanes, data=data, augment=augment, **values))
    return made.frames()


def tutorial(lanes: list[Lane], data: str, device: str = "cpu") -> Iterator[None]:
    """One tutorial loop for each net."""
    images, labels = (np.load(_folder(data) / f"train_{part}.npy") for part in ("images", "labels"))
    loops = [
        Tutorial(lane.settings(data), lane.family, images, labels, lr=0.005, device=device)
        for lane in lanes
    ]
    return in_turn(loops)


def peak() -> Iterator[None]:
    return Peak().steps()


def peak_flops() -> tuple[float, str, int]:
    made = Peak()
    return made.flops, made.method, made.units()


def grown(depth: int) -> int:
    """Bytes that training at a depth adds to a process that has trained two layers before: its
    libraries and pictures are loaded."""
    os.environ.update(PORTABLE)
    sizes, alive = [], []
    for layers in (2, depth):
        alive.append(training(chain(layers), "mnist"))
        for _ in range(3):
            next(alive[-1])
        sizes.append(psutil.Process().memory_info().rss)
    return sizes[1] - sizes[0]


def like_a_worker() -> None:
    """What the product's worker does before it trains."""
    from skipviz.engine import device as devices

    devices.keep_memory()


def as_it_is() -> None:
    """A tutorial sets nothing up."""


# --- nets


def dense(*families: str, depth: int) -> list[Lane]:
    return [Lane(family=f, knobs={"backbone": "dense", "depth": depth}) for f in families]


def chain(depth: int) -> list[Lane]:
    return dense("resnet", depth=depth)


def conv(family: str, **knobs: Any) -> list[Lane]:
    return [Lane(family=family, knobs={"backbone": "cifar"} | knobs)]


CONV = {
    "resnet-20": conv("resnet", depth=20),
    "resnet-56": conv("resnet", depth=56),
    "plain-20": conv("plain", depth=20),
    "densenet-bc-40": conv("densenet", depth=40, growth_rate=12, bottleneck=True),
    "highway-19": [Lane(family="highway", knobs={"backbone": "fitnet", "depth": 19})],
}


def flops(lanes: list[Lane], data: str, batch: int = BATCH, pool: int = 1) -> float:
    """Floating-point operations of a step: two for each multiply-add, forward once, backward twice,
    but for the first layer, whose input needs no gradient."""
    total = 0.0
    for lane in lanes:
        wiring = lane.wiring(dataset_view(data, pool, 0))
        first = next(op for unit in wiring.units for op in unit.body.weights)
        total += 2 * batch * (3 * wiring.describe()["multiply_adds"] - first.multiply_adds)
    return total


# --- rows


def faster(base: str, ours: str, clock: str = "cpu") -> Callable[[Found], float]:
    return lambda found: getattr(found[base], clock) / getattr(found[ours], clock)


def with_over_without(full: str, sparse: str) -> Callable[[Found], float]:
    """Of a step with instruments over one without; `sparse` measures every PER-th step only."""

    def ratio(found: Found) -> float:
        with_, mixed = found[full].cpu, found[sparse].cpu
        return with_ / (with_ - (with_ - mixed) * PER / (PER - 1))

    return ratio


PER = 10


def exponent(prefix: str) -> Callable[[Found], float]:
    def fitted(found: Found) -> float:
        seconds = [found[f"{prefix}{depth}"].cpu for depth in DEPTHS]
        return float(np.polyfit(np.log(DEPTHS), np.log(seconds), 1)[0])

    return fitted


def share(lanes: list[Lane], data: str, way: str, **sizes: int) -> Callable[[Found], float]:
    """Of what one core does at best, measured in the same run."""
    work = flops(lanes, data, **sizes)
    return lambda found: (work / found[way].cpu) / (PEAK_WORK[0] / found["peak"].cpu)


def beside(case: Case, found: Found, ways: Sequence[Way]) -> dict[str, Any]:
    """Milliseconds of a step, and its share of the peak of the cores' time that it took."""
    way = next((way for way in ways if way.name == case.way), None)
    if way is None or way.name not in found:
        return {}
    times = found[way.name]
    told = {"ms": 1e3 * (times.wall if way.name.startswith("fused") else times.cpu)}
    made = way.make
    if isinstance(made, partial) and made.func is training and "device" not in made.keywords:
        fields = made.keywords
        lanes = made.args[0] * fields.get("seeds", 1)
        sizes = {"batch": fields.get("batch_size", BATCH), "pool": fields.get("pool", 1)}
        told["peak_share"] = share(lanes, made.args[1], way.name, **sizes)(found)
    return told


PEAK_WORK: list[float] = []
"""Operations of one call of the peak loop; filled in where the machine is known."""

UNITS = [1]
"""How many vector units a core has; filled in there, too: two are harder to keep busy than one."""


PEAK = Way("peak", peak, steps=1)


def groups() -> list[Group]:
    """Every row, and beside each of a net's steps a peak of the same minute."""
    made = [*_pairs(), _seeds(), _highway(20, 4.5, 16), _highway(50, 3.5, 12), _densenet(),
            _knobs(), _growth(), _busy(), *_convs(), _small_maps(), _lecture(),
            *_cuda()]  # fmt: skip
    return [
        replace(group, ways=(*group.ways, PEAK)) if any(c.way for c in group.cases) else group
        for group in made
    ]


def _ours(name: str, lanes: list[Lane], data: str, steps: int, **fields: Any) -> Way:
    environ = FUSED if name.startswith("fused") else PORTABLE
    made = partial(training, lanes, data, **fields)
    return Way(name, made, steps=steps, environ=environ, per=fields.get("record_every", 1))


def _pairs() -> list[Group]:
    found = []
    for depth, goal, fused_goal, steps in ((20, 7, 35, 12), (50, 6, 25, 6), (100, 4.5, 20, 4)):
        lanes = dense("plain", "resnet", depth=depth)
        ways = [
            Way("tutorial", partial(tutorial, lanes, "mnist"), "tutorial", steps=2),
            _ours("ours", lanes, "mnist", steps),
            _ours("fused", lanes, "mnist", 3 * steps),
        ]
        cases = [
            Case(f"pair-dense-{depth}", "min", goal, faster("tutorial", "ours"), way="ours"),
            Case(f"fused-pair-dense-{depth}", "min", fused_goal,
                 faster("tutorial", "fused", "wall"), "fused", "fused"),
        ]  # fmt: skip
        if depth == 50:
            for name, more in (("ours", 1), ("fused", 3)):
                ways += [_ours(f"{name} sparse", lanes, "mnist", more, record_every=PER)]
            cases += [
                Case("peak-share", "min", 0.14, share(lanes, "mnist", "ours")),
                Case("fused-peak-share", "min", 0.65 if UNITS[0] == 1 else 0.5,
                     share(lanes, "mnist", "fused"), "fused"),
                Case("instruments-dense", "max", 1.06, with_over_without("ours", "ours sparse")),
                Case("fused-instruments", "max", 1.04,
                     with_over_without("fused", "fused sparse"), "fused"),
            ]  # fmt: skip
        found.append(Group(tuple(ways), tuple(cases), rounds=15))
    return found


def _seeds() -> Group:
    """Of one net: a pair of them keeps two cores busy with one seed already."""
    lanes = dense("resnet", depth=50)
    ways = [
        _ours(f"{name}{more}", lanes, "mnist", steps, seeds=seeds)
        for name, steps in (("ours", 12), ("fused", 36))
        for more, seeds in (("", 1), (" seeds", 5))
    ]
    cases = (
        Case("seeds-5", "max", 4, faster("ours seeds", "ours"), way="ours seeds"),
        Case(
            "fused-seeds-5",
            "max",
            3.3,
            faster("fused seeds", "fused", "wall"),
            "fused",
            "fused seeds",
        ),
    )
    return Group(tuple(ways), cases, rounds=15)


def _highway(depth: int, goal: float, fused_goal: float) -> Group:
    lanes = dense("highway", depth=depth)
    return Group(
        (
            Way("tutorial", partial(tutorial, lanes, "mnist"), "tutorial", steps=2),
            _ours("ours", lanes, "mnist", 6),
            _ours("fused", lanes, "mnist", 18),
        ),
        (
            Case(f"highway-dense-{depth}", "min", goal, faster("tutorial", "ours"), way="ours"),
            Case(f"fused-highway-dense-{depth}", "min", fused_goal,
                 faster("tutorial", "fused", "wall"), "fused", "fused"),
        ),
        rounds=15,
    )  # fmt: skip


def _densenet() -> Group:
    """By their share of the peak: a tutorial would not write them so."""
    ways, cases = [], []
    for depth in (20, 50):
        lanes, way = dense("densenet", depth=depth), f"fused {depth}"
        ways.append(_ours(way, lanes, "mnist", 18))
        of = share(lanes, "mnist", way)
        cases.append(Case(f"densenet-dense-{depth}", "min", 0.25, of, "fused", way=way))
    return Group(tuple(ways), tuple(cases), rounds=15)


def _knobs() -> Group:
    """What a knob costs: a step of an engine over one of the net without it, whose products are
    the same."""
    bases = {family: dense(family, depth=50) for family in ("plain", "resnet")}
    ways, cases = [], []
    for engine, row, steps, goal in (("ours", "knob", 6, 2.5), ("fused", "fused-knob", 18, 2.0)):
        ways += [_ours(f"{engine} {of}", lanes, "mnist", steps) for of, lanes in bases.items()]
        needs = "" if engine == "ours" else engine
        for name, (family, knobs, fields) in KNOBS.items():
            lane = Lane(family=family, knobs={**bases[family][0].knobs, **knobs})
            way = f"{engine} {name}"
            ways.append(_ours(way, [lane], "mnist", steps, **fields))
            ratio = faster(way, f"{engine} {family}")
            cases.append(Case(f"{row}-{name}", "max", goal, ratio, needs, way=way))
    return Group(tuple(ways), tuple(cases), rounds=15)


KNOBS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "batchnorm-plain": ("plain", {"norm": "batch"}, {}),
    "batchnorm": ("resnet", {"norm": "batch"}, {}),
    **{
        variant.replace("_", "-"): ("resnet", {"variant": variant}, {})
        for variant in ("bn_after_add", "relu_before_add", "relu_only_preact", "full_preact")
    },
    "full-preact-batchnorm": ("resnet", {"variant": "full_preact", "norm": "batch"}, {}),
    "layernorm-plain": ("plain", {"norm": "layer"}, {}),
    "layernorm": ("resnet", {"norm": "layer"}, {}),
    "branch-scale": ("resnet", {"branch_scale": "inv_sqrt_depth"}, {}),
    "rezero": ("resnet", {"branch_scale": "rezero"}, {}),
    "dropout": ("plain", {"drop_rate": 0.1}, {}),
    "stochastic-depth": ("resnet", {"survival": 0.5}, {}),
    "adam": ("resnet", {}, {"optimiser": "adam", "lr": 0.0005}),
    "clip": ("resnet", {}, {"clip": 1.0}),
}


def _growth() -> Group:
    ways = [
        _ours(f"{name} {depth}", chain(depth), "mnist", max(1, 200 // depth), lr=0.001)
        for name in ("ours", "fused")
        for depth in DEPTHS
    ]
    cases = (
        Case("growth-time", "max", 1.05, exponent("ours ")),
        Case("growth-memory", "max", 1.05, lambda found: memory_exponent()),
        Case("fused-growth-time", "max", 1.12, exponent("fused "), "fused"),
    )
    return Group(tuple(ways), cases, rounds=9)


def memory_exponent() -> float:
    """Of the memory that training adds to a process of its own, over depth."""
    added = []
    for depth in DEPTHS:
        crew = Crew(like_a_worker)
        added.append(crew.ask("call", partial(grown, depth)))
        crew.end()
    return float(np.polyfit(np.log(DEPTHS), np.log(added), 1)[0])


def _busy() -> Group:
    lanes = dense("plain", "resnet", depth=50)
    ways = []
    for name, steps in (("ours", 60), ("fused", 150)):
        quiet = _ours(name, lanes, "mnist", steps)
        ways += [quiet, Way(**vars(quiet) | {"name": f"{name} busy", "meanwhile": busy})]
    cases = (
        Case("busy", "max", 2.5, faster("ours busy", "ours", "wall")),
        Case("fused-busy", "max", 2.2, faster("fused busy", "fused", "wall"), "fused"),
    )
    return Group(tuple(ways), cases, rounds=7)


def _convs() -> list[Group]:
    """Against the tutorial's loop: the modules in both precisions, and the kernel, which trains
    such nets where a net has one thread."""
    found = []
    for name, lanes in CONV.items():
        half = {"precision": "bfloat16"}
        ways = [
            Way("tutorial", partial(tutorial, lanes, "cifar10"), "tutorial"),
            _ours("ours", lanes, "cifar10", 1),
            _ours("bf16", lanes, "cifar10", 1, **half),
            _ours("fused", lanes, "cifar10", 1),
        ]
        slow = name == "highway-19"
        cases = [
            Case(name, "min", 1.0 if slow else 1.2, faster("tutorial", "ours"), way="ours"),
            Case(f"{name}-bf16", "min", 1.7, faster("tutorial", "bf16"), "bf16", "bf16"),
            Case(f"fused-{name}", "min", 1.5 if slow else 2.5, faster("tutorial", "fused"),
                 "fused", "fused"),
        ]  # fmt: skip
        if name == "resnet-20":
            of = share(lanes, "cifar10", "fused")
            cases.append(Case("conv-peak-share", "min", 0.5, of, "fused"))
            for way, row in (("ours", "instruments-conv"), ("fused", "fused-instruments-conv")):
                ways.append(_ours(f"{way} sparse", lanes, "cifar10", 1, record_every=PER))
                ratio = with_over_without(way, f"{way} sparse")
                cases.append(Case(row, "max", 1.02, ratio, "" if way == "ours" else way))
        found.append(Group(tuple(ways), tuple(cases), rounds=5, quick=name.endswith("20")))
    return found


def _small_maps() -> Group:
    """The kernel against the modules on the nets of the Lab's preset for a lecture."""
    lanes = [Lane(family="resnet", knobs=NARROW | {"depth": 56})]
    fields = {"pool": 2, "batch_size": 32}
    ways = [_ours(way, lanes, "cifar10", 4, **fields) for way in ("ours", "fused")]
    case = Case("fused-small-maps", "min", 2, faster("ours", "fused"), "fused", "fused")
    return Group(tuple(ways), (case,), rounds=9)


def _lecture() -> Group:
    case = Case("lecture-images", "max", 20, lambda found: lecture_images())
    return Group((), (case,), rounds=0, quick=False)


RATES, PARTED, WINDOW, LIMIT_S = (0.03, 0.1, 0.3), 2.0, 25, 20.0


def lecture_images() -> tuple[float, dict[str, Any]]:
    """Seconds from Run until the plain net's training loss is twice that of the residual one, each
    at its best learning rate, both trained together by a warm worker; the median of three seeds,
    infinity where it is not within the limit. Beside it both held-out errors and losses."""
    crew = Crew(like_a_worker)
    crew.ask("call", partial(curves, 0.1, 0, 2.0))  # warm
    told = []
    for seed in range(3):
        runs = [crew.ask("call", partial(curves, rate, seed, LIMIT_S)) for rate in RATES]
        note(f"lecture-images: seed {seed}")
        told.append(parted(runs))
    crew.end()
    seconds = float(np.median([each["seconds"] for each in told]))
    return seconds, {"unit": "s", "limit_s": LIMIT_S, "seeds": told}


def curves(rate: float, seed: int, limit_s: float) -> dict[str, Any]:
    """The pair of the Lab's preset trained for some seconds at one rate: the losses (T, 2) of its
    steps, the seconds from the start (T,), held-out errors (2,)."""
    from skipviz import engine
    from skipviz.core.presets import PRESETS

    began = time.monotonic()
    fields = {"steps": 100_000, "evaluate_every": 100_000, "seconds": limit_s, "record_every": 1}
    of = PRESETS["images"].experiment.with_(lr=rate, seed=seed, device="cpu", **fields)
    losses, seconds, last = [], [], None
    for last in engine.Training(of).frames():
        losses.append([float(np.ravel(lane.loss)[0]) for lane in last.lanes])
        seconds.append(time.monotonic() - began)
    errors = [float(np.ravel(lane.held_out_error)[0]) for lane in last.lanes] if last else []
    return {"losses": np.array(losses), "seconds": np.array(seconds), "errors": errors}


def parted(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """When the first lane's loss, mean of WINDOW steps, is PARTED times the second's, each lane in
    that of the runs in which it ends lowest."""
    count = min(len(run["losses"]) for run in runs)
    if count < WINDOW:
        return {"seconds": math.inf}
    sums = [np.cumsum(np.pad(run["losses"][:count], ((1, 0), (0, 0))), axis=0) for run in runs]
    means = np.nan_to_num([(s[WINDOW:] - s[:-WINDOW]) / WINDOW for s in sums], nan=np.inf)
    best = [int(each.argmin()) for each in means[:, -1].T]
    plain, residual = (means[run, :, lane] for lane, run in enumerate(best))
    apart = np.flatnonzero(plain >= PARTED * residual)
    step = int(apart[0]) + WINDOW - 1 if len(apart) else None
    return {
        "seconds": max(float(runs[i]["seconds"][step]) for i in best) if len(apart) else math.inf,
        "step": step,
        "steps": count,
        "rates": [RATES[i] for i in best],
        "losses": [float(plain[-1]), float(residual[-1])],
        "held_out_errors": [runs[i]["errors"][lane] for lane, i in enumerate(best)],
    }


def _cuda() -> list[Group]:
    nets = (
        ("cuda-pair-dense-50", dense("plain", "resnet", depth=50), "mnist", 15),
        ("cuda-resnet-20", conv("resnet", depth=20), "cifar10", 4),
        ("cuda-resnet-56", conv("resnet", depth=56), "cifar10", 4),
    )
    return [
        Group(
            (
                Way("tutorial", partial(tutorial, lanes, data, "cuda"), "tutorial", steps=5),
                _ours("ours", lanes, data, 100, device="cuda"),
            ),
            (Case(name, "min", goal, faster("tutorial", "ours", "wall"), "cuda", "ours"),),
            rounds=9,
        )
        for name, lanes, data, goal in nets
    ]


# --- the run


def missing() -> dict[str, str]:
    """What this machine lacks, and the words for it; asked in a process of ours."""
    import torch

    from skipviz.engine import device as devices

    lacks = {}
    if not torch.cuda.is_available():
        lacks["cuda"] = "no CUDA device"
    if not devices.bfloat16(torch.device("cpu")):
        lacks["bf16"] = "the processor has no bfloat16"
    try:
        from skipviz.engine import fused

        if not fused.available():
            lacks["fused"] = "no fused engine: " + fused.why()
    except ImportError:
        lacks["fused"] = "no fused engine"
    return lacks


def machine(method: str, units: int) -> dict[str, Any]:
    import torch

    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line for line in lines if "model name" in line]
    return {
        "processor": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "peak": method,
        "vector_units": units,
        "load_at_start": [round(load, 2) for load in psutil.getloadavg()],
    }


def _folder(data: str) -> Path:
    return Path(os.environ["SKIPVIZ_CACHE"]) / "arrays" / f"{data}-{'0' * 16}"


def _draw(data: str) -> None:
    """Puts synthetic pictures where the product keeps a data set's arrays."""
    from skipviz.datafiles import cache

    count, held = SIZES[data]
    images, labels = pictures(data, count + held)
    parts = images[:count], labels[:count], images[count:], labels[count:]
    cache.store(_folder(data), parts, CLASSES)


def row(case: Case, found: Found | None, why: str, ways: Sequence[Way] = ()) -> dict[str, Any]:
    measured = None if found is None or why else case.of(found)
    ratio, more = measured if isinstance(measured, tuple) else (measured, {})
    if found is not None and not why:
        more = beside(case, found, ways) | more
    met = None
    if ratio is not None:
        met = ratio >= case.goal if case.direction == "min" else ratio <= case.goal
    return {
        "case": case.name, "ratio": ratio, "direction": case.direction, "goal": case.goal,
        "met": met, "skipped": why or None, **more,
    }  # fmt: skip


def run(chosen: set[str], rounds: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every chosen row, and the machine."""
    crews = {"ours": Crew(like_a_worker), "tutorial": Crew(as_it_is)}
    lacks = crews["ours"].ask("call", missing)
    work, method, units = crews["ours"].ask("call", peak_flops)
    PEAK_WORK[:], UNITS[:] = [work], [units]
    about, rows = machine(method, units), []
    for group in groups():
        cases = [case for case in group.cases if case.name in chosen]
        able = [case for case in cases if case.needs not in lacks]
        found = None
        if able:
            note(", ".join(case.name for case in able))
            ways = [way for way in group.ways if _possible(way, lacks)]
            found = measure(ways, crews, max(3, round(group.rounds * rounds)))
        rows += [row(case, found, lacks.get(case.needs, ""), group.ways) for case in cases]
        for made in rows[len(rows) - len(cases) :]:
            _progress(made)
    for crew in crews.values():
        crew.end()
    return rows, about


def _possible(way: Way, lacks: Mapping[str, str]) -> bool:
    return not any(way.name.startswith(kind) for kind in lacks)


def _progress(made: dict[str, Any]) -> None:
    note("")
    print(line(made), file=sys.stderr, flush=True)


def line(made: dict[str, Any]) -> str:
    sign = "≥" if made["direction"] == "min" else "≤"
    goal = f"{sign} {made['goal']:g}"
    if made["skipped"]:
        return f"{made['case']:24} {'-':>8}   {goal:>8}   skipped: {made['skipped']}"
    verdict = "met" if made["met"] else "MISSED"
    text = f"{made['case']:24} {made['ratio']:8.3g}   {goal:>8}   {verdict:6}"
    text += f" {made['ms']:9.3f} ms" if "ms" in made else ""
    return text + (f"  {made['peak_share']:.2f} of the peak" if "peak_share" in made else "")


def main() -> int:
    console.legible()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer nets")
    args = parser.parse_args()
    every = [case.name for group in groups() for case in group.cases]
    named = [name for name in args.cases.split(",") if name]
    wrong = next((name for name in named if name not in every), None)
    if wrong is not None:
        print(f"case '{wrong}': must be one of {', '.join(every)}", file=sys.stderr)
        return 2
    small = {case.name for group in groups() if group.quick for case in group.cases}
    chosen = set(named) or (small if args.quick else set(every))
    with tempfile.TemporaryDirectory(prefix="skipviz-bench-") as folder:
        os.environ["SKIPVIZ_CACHE"], os.environ["SKIPVIZ_DATA"] = folder, ""
        for data in SIZES:
            note(f"drawing pictures in the shape of {data}")
            _draw(data)
        rows, about = run(chosen, 0.4 if args.quick else 1.0)
    if args.json:
        print(dumps({"cases": rows, "machine": about}))
    else:
        print("\n".join(line(made) for made in rows))
        print(f"{about['processor']}, {about['cores']} cores, torch {about['torch']}; load average"
              f" at the start {about['load_at_start'][0]}; peak: {about['peak']}")  # fmt: skip
    return 1 if any(made["met"] is False for made in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
