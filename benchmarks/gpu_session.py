"""What is to be done once on a machine with a GPU, in under eight minutes, saved part by part.

    python -m skipviz bench gpu_session                          on CUDA
    python benchmarks/gpu_session.py --device cpu --quick        the rehearsal, with small nets

tests      the tests that need CUDA
bench      the CUDA rows of `bench engine`
norms      the gradient norms of every family on the device, against float64 on the CPU
others     a recording for replay each: plain beside residual nets of 20, 56 and 110 layers, four
           families at near-equal parameters, ResNet-1001, 100 highway layers on handwritten digits

A part is a process of its own with a budget of seconds: one that breaks off or takes too long costs
no other. What came of it lies in OUT/<part>.json, a run's frames in OUT/runs/<part>, all runs
together within 20 MB; OUT/session.json tells all of it. CIFAR-10 and MNIST are taken where they
are; elsewhere shapes and digits stand in. Without CUDA every part is skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from skipviz.core import child_processes, console, final
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.strict_json import dumps
from skipviz.datafiles.availability import missing

ROOT = Path(__file__).resolve().parents[1]
SESSION_S = 470.0
"""All parts together: what does not fit any more is left out."""
START_S = 20.0
"""Of a part's budget: for its process to load torch and find the device."""
MOST_BYTES = 20 * 2**20
NEAR = 1e-3
"""So near to float64 the median norm must be, or four times as far as the CPU is in float32."""

Answer = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """Where results go, on which device, and whether nets and budgets are those of a rehearsal."""

    out: Path
    device: str
    quick: bool

    def at_hand(self, wanted: str, instead: str) -> str:
        """A data set, or the one that stands in for it where it is not here."""
        return instead if self.quick or missing(wanted) else wanted


@dataclass(frozen=True)
class Part:
    """A piece of the session: what does it, within so many seconds."""

    seconds: float
    do: Callable[[Session], Answer]


# --- tests and benchmarks, as they are


def tests(session: Session) -> Answer:
    """The tests of recorded steps and of trainings on a device; `why` names what failed."""
    names = "test_cuda_graph.py", "test_training.py"
    files = [ROOT / "tests" / "engine" / name for name in names]
    if not all(file.is_file() for file in files):
        return {"state": "skipped", "why": "there are no tests beside an installed skipviz"}
    some = ["-k", "drawn_anew"] if session.quick else []
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files), *some]
    done = _run(child_processes.command(*words))
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"state": "done" if done.returncode == 0 else "failed", "summary": lines[-1],
            "why": "; ".join(failed)}  # fmt: skip


def bench(session: Session) -> Answer:
    """The rows of `bench engine` that need CUDA."""
    from benchmarks.engine import groups

    rows = [case.name for group in groups() for case in group.cases if case.needs == "cuda"]
    cases = ",".join(rows[:1] if session.quick else rows)
    script = str(ROOT / "benchmarks" / "engine.py")
    done = _run(child_processes.command(script, "--json", "--quick", "--cases", cases))
    if not done.stdout.strip():
        return {"state": "failed", "why": (done.stderr.strip().splitlines() or ["no word"])[-1]}
    return {"state": "done", **json.loads(done.stdout)}


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace",
        env=child_processes.environment(PYTHONIOENCODING="utf-8"), check=False,
    )  # fmt: skip


# --- norms against float64

CONV, DENSE = {"backbone": "cifar"}, {"backbone": "dense", "depth": 50}
NETS: dict[str, Lane] = {
    "plain-56": Lane(family="plain", knobs=CONV | {"depth": 56}),
    "ResNet-56": Lane(family="resnet", knobs=CONV | {"depth": 56}),
    "ResNeXt-29": Lane(family="resnext", knobs=CONV | {"cardinality": 4, "base_width": 16}),
    "Highway-19": Lane(family="highway", knobs={"backbone": "fitnet", "depth": 19}),
    "DenseNet-BC-40": Lane(family="densenet", knobs=CONV | {"depth": 40}),
    **{
        f"dense {family}": Lane(family=family, knobs=DENSE)
        for family in ("plain", "resnet", "highway", "densenet")
    },
}
QUANTITIES = {"signal_gradient_norm": "signal gradient", "weight_gradient_norm": "weight gradient"}


def norms(session: Session) -> Answer:
    """How far the device's norms at init are from float64, and how far the CPU's are in float32."""
    rows: list[Answer] = []
    for name, lane in NETS.items():
        of = Experiment(lanes=[shallow(lane) if session.quick else lane], steps=1,
                        data=session.at_hand("cifar10", "shapes"),
                        batch_size=4 if session.quick else 64)  # fmt: skip
        if "dropout" in lane.settings():
            still = Lane(family=lane.family, knobs=of.lanes[0].knobs | {"dropout": False})
            of = of.with_(lanes=[still])
        exact = reading(of, "cpu", double=True)
        near, ours = reading(of, "cpu"), reading(of, session.device)
        for field, words in QUANTITIES.items():
            off, base = (np.abs(each[field] / exact[field] - 1) for each in (ours, near))
            median, usual = float(np.median(off)), float(np.median(base))
            rows.append({"net": name, "norm": words, "median": median, "largest": float(off.max()),
                         "cpu_median": usual, "met": median <= max(NEAR, 4 * usual)})  # fmt: skip
    return {"state": "done" if all(row["met"] for row in rows) else "failed", "norms": rows,
            "why": "; ".join(f"{r['net']}, {r['norm']}" for r in rows if not r["met"])}  # fmt: skip


def reading(of: Experiment, kind: str, *, double: bool = False) -> Mapping[str, np.ndarray]:
    """The norms of the first net of an experiment at init, on its first batch."""
    import torch

    from skipviz.engine.batches import Batches
    from skipviz.engine.net_trainer import NetTrainer

    device, cpu = torch.device(kind), torch.device("cpu")
    trainer = NetTrainer(of, of.lanes[0], 0, device)
    number = torch.float64 if double else torch.float32
    if double:
        trainer.layout = torch.contiguous_format
    trainer.net.to(dtype=number, memory_format=trainer.layout)
    x, y = (part.to(device) for part in Batches(of, cpu).batch(0, of.seed))
    trainer.instruments.watch()
    logits, loss = trainer.differentiate(x.to(number), y)
    values = trainer.reading(loss, logits, y).double().cpu().numpy()
    return trainer.instruments.split(values[2:])


# --- recordings


def shallow(lane: Lane) -> Lane:
    """The same family on the same backbone, as small as a rehearsal wants it."""
    settings = lane.settings()
    depths = {"plain": 8, "resnet": 8, "resnext": 11, "highway": 7, "densenet": 10}
    least = {"dense": 4, "fitnet": 10}.get(settings["backbone"], depths[lane.family])
    return Lane(family=lane.family, knobs={**lane.knobs, "preset": "none", "depth": least}
                if "preset" in settings else {**lane.knobs, "depth": least})  # fmt: skip


def _pair(depth: int) -> list[Lane]:
    return [Lane(family=family, knobs=CONV | {"depth": depth}) for family in ("plain", "resnet")]


FAMILIES = [
    *_pair(56),
    Lane(family="highway", knobs=CONV | {"depth": 55, "base_channels": 11}),
    Lane(family="densenet", knobs=CONV | {"depth": 100, "growth_rate": 12}),
]
PICTURES, DIGITS = ("cifar10", "shapes"), ("mnist", "digits")
RUNS: dict[str, tuple[list[Lane], tuple[str, str], dict[str, Any]]] = {
    "pair_20": (_pair(20), PICTURES, {"lr": 0.1, "batch_size": 128, "augment": "both"}),
    "pair_56": (_pair(56), PICTURES, {"lr": 0.1, "batch_size": 128, "augment": "both"}),
    "pair_110": (
        _pair(110), PICTURES, {"lr": 0.1, "batch_size": 128, "augment": "both", "warmup": 400},
    ),
    "families": (FAMILIES, PICTURES, {"lr": 0.05, "batch_size": 128, "augment": "both"}),
    "resnet_1001": (
        [Lane(family="resnet", knobs={"preset": "preresnet1001"})], PICTURES,
        {"lr": 0.1, "batch_size": 64, "augment": "both", "warmup": 100, "steps": 600},
    ),
    "highway_100": (
        [Lane(family="highway", knobs={"backbone": "dense", "depth": 100})], DIGITS, {"lr": 0.1},
    ),
}  # fmt: skip


def recorded(name: str, seconds: float) -> Callable[[Session], Answer]:
    """What trains a run for its budget and keeps its frames."""

    def do(session: Session) -> Answer:
        from skipviz.worker.recorder import keep_run
        from skipviz.worker.rehearsal import trained

        lanes, data, fields = RUNS[name]
        values = {"steps": 100_000, "seconds": seconds - START_S, "record_every": 5} | fields
        values |= {"evaluate_every": values["steps"], "weight_decay": 1e-4}
        if session.quick:
            lanes = [shallow(lane) for lane in lanes]
            values |= {"steps": 6, "seconds": 0, "subset": 2, "batch_size": 4, "record_every": 2}
            values["evaluate_every"] = 0
        of = Experiment(lanes=lanes, data=session.at_hand(*data), device=session.device, **values)
        training, log = trained(of)
        folder = session.out / "runs" / name
        shutil.rmtree(folder, ignore_errors=True)
        keep_run(folder, training.experiment, log, maps=False)
        size = _bytes(session.out / "runs")
        if size > MOST_BYTES:
            shutil.rmtree(folder)
            return {"state": "failed", "why": f"all runs together would be {size} bytes"}
        steps = log.column("step")
        losses = [
            float(final.median(final.mean(steps, log.lane(i, "loss")[:, :, 0])))
            for i in range(len(lanes))
        ]
        return {"state": "done", "data": of.data, "steps": training.step, "losses": losses,
                "engines": training.engines, "bytes": _bytes(folder)}  # fmt: skip

    return do


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _run_part(name: str, seconds: float) -> Part:
    return Part(seconds, recorded(name, seconds))


PARTS: dict[str, Part] = {
    "tests": Part(80, tests),
    "bench": Part(90, bench),
    "norms": Part(45, norms),
    "pair_20": _run_part("pair_20", 30),
    "pair_56": _run_part("pair_56", 40),
    "pair_110": _run_part("pair_110", 45),
    "families": _run_part("families", 40),
    "resnet_1001": _run_part("resnet_1001", 60),
    "highway_100": _run_part("highway_100", 30),
}


# --- the session


def perform(session: Session, chosen: list[str], say: Callable[[str], None]) -> list[Answer]:
    """Every part in a process of its own, one after the other; its answer is saved at once."""
    began, answers = time.monotonic(), []
    session.out.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        left = SESSION_S - (time.monotonic() - began)
        answer = _part(session, name, left) if session.quick or left > START_S + 5 else {
            "state": "skipped", "why": "no time was left"}  # fmt: skip
        answers.append({"part": name, **answer})
        write_json(session.out / f"{name}.json", answers[-1])
        write_json(session.out / "session.json", {"device": session.device, "parts": answers})
        say(line(answers[-1]))
    return answers


def _part(session: Session, name: str, left: float) -> Answer:
    words = [str(Path(__file__).resolve()), "--part", name, "--out", str(session.out.resolve())]
    words += ["--device", session.device, *(["--quick"] if session.quick else [])]
    limit = None if session.quick else min(PARTS[name].seconds, left)
    began = time.monotonic()
    try:
        done = subprocess.run(
            child_processes.command(*words), capture_output=True, encoding="utf-8",
            errors="replace", env=child_processes.environment(PYTHONIOENCODING="utf-8"),
            timeout=limit, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"state": "failed", "why": f"it took longer than {limit:.0f} s"}
    try:
        answer: Answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        why = (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]
        answer = {"state": "failed", "why": why}
    return answer | {"seconds": round(time.monotonic() - began, 1)}


def line(answer: Answer) -> str:
    """One part for people."""
    told = answer.get("why") or answer.get("summary") or ""
    took = f"{answer['seconds']:.0f} s" if "seconds" in answer else ""
    return f"{answer['part']:12} {answer['state']:8} {took:>6}  {told}".rstrip()


def lacking(device: str) -> str:
    """Why there can be no session on a device; "" where there can."""
    if device != "cuda":
        return ""
    import torch

    return "" if torch.cuda.is_available() else "no CUDA device"


def main(words: list[str] | None = None) -> int:
    """Status 1 where a part failed."""
    console.legible()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu_session"), help="a folder")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--cases", default="", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small nets, no budget: a rehearsal")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args(words)
    session = Session(args.out, args.device, args.quick)
    if args.part:
        print(dumps(PARTS[args.part].do(session)))
        return 0
    chosen = [name for name in args.cases.split(",") if name] or list(PARTS)
    wrong = next((name for name in chosen if name not in PARTS), None)
    if wrong is not None:
        print(f"part '{wrong}': must be one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    why = lacking(args.device)
    if why:
        answers = [{"part": name, "state": "skipped", "why": why} for name in chosen]
        print("\n".join(map(line, answers)), file=sys.stderr)
    else:
        answers = perform(session, chosen, lambda text: print(text, file=sys.stderr, flush=True))
    if args.json:
        print(dumps({"device": args.device, "parts": answers}))
    return 1 if any(answer["state"] == "failed" for answer in answers) else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUTF8", "1")
    sys.exit(main())
