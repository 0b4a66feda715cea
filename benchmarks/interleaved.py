"""Times several ways of doing one thing against each other: blocks of every way in random order
within each round, the median over rounds.

Every block gives two times: CPU time, which is the wall time of one thread on an idle core and does
not count other people's work, and wall time, for what has threads of its own.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

ROUNDS = 2_000_000
PEAK_C = """
#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
enum { CHAINS = 12 };
typedef float v __attribute__((vector_size(LANES * 4)));
/* Chains of multiply-adds that stay in registers: in vectors as wide as they are here, for wider
 * ones lie in memory. Returns the operations. */
double peak(long n) {
    v a[CHAINS], m = {0}, b = {0};
    m += 0.999f, b += 1e-7f;
    for (int i = 0; i < CHAINS; i++) a[i] = m + (float)i;
    for (long k = 0; k < n; k++) {
        _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) a[i] = a[i] * m + b;
    }
    __asm__ volatile("" : : "r"(a) : "memory");
    return 2.0 * CHAINS * LANES * n;
}
/* As many multiply-adds one after the other: each waits four cycles for the one before it. */
double chain(long n) {
    v a = {0}, m = {0}, b = {0};
    m += 0.999f, b += 1e-7f;
    for (long k = 0; k < n; k++) {
        _Pragma("GCC unroll 16") for (int i = 0; i < CHAINS; i++) a = a * m + b;
    }
    __asm__ volatile("" : : "r"(&a) : "memory");
    return 2.0 * CHAINS * LANES * n;
}
"""


@dataclass(frozen=True)
class Way:
    """One way of doing it: `make` gives an iterator, of which each block takes `steps` items.

    make       can be pickled: it is called in the process of `crew`
    crew       ways of one crew share a process; others have one of their own, with a memory
               allocator of their own
    per        training steps that one item stands for
    threads    of torch, while it runs
    meanwhile  a context in which each block runs
    """

    name: str
    make: Callable[[], Iterator[Any]]
    crew: str = "ours"
    steps: int = 1
    per: int = 1
    threads: int = 1
    environ: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[], Any] = nullcontext


@dataclass(frozen=True)
class Times:
    """Seconds of one step, medians over blocks."""

    cpu: float
    wall: float


class Crew:
    """A process that carries ways out, one block at a time, and says how long each took."""

    def __init__(self, setup: Callable[[], Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self.process.start()

    def ask(self, *order: Any) -> Any:
        self.pipe.send(order)
        good, answer = self.pipe.recv()
        if not good:
            raise RuntimeError(answer)
        return answer

    def end(self) -> None:
        self.pipe.close()
        self.process.join(10)
        self.process.kill()


def _serve(pipe: Any, setup: Callable[[], Any]) -> None:
    setup()
    running: dict[str, Iterator[Any]] = {}
    while True:
        try:
            do, *rest = pipe.recv()
        except EOFError:
            return
        try:
            answer = _DOES[do](running, *rest)
            pipe.send((True, answer))
        except Exception:
            pipe.send((False, traceback.format_exc()))


def _make(running: dict[str, Iterator[Any]], way: Way, warm: int) -> None:
    os.environ.update(way.environ)
    running[way.name] = way.make()
    torch.set_num_threads(way.threads)
    for _ in range(warm):
        next(running[way.name])


def _block(running: dict[str, Iterator[Any]], way: Way) -> tuple[float, float]:
    torch.set_num_threads(way.threads)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(way.steps):
        next(running[way.name])
    steps = way.steps * way.per
    return (time.process_time() - cpu) / steps, (time.perf_counter() - wall) / steps


def _drop(running: dict[str, Iterator[Any]]) -> None:
    running.clear()


def _call(running: dict[str, Iterator[Any]], function: Callable[[], Any]) -> Any:
    return function()


_DOES: dict[str, Callable[..., Any]] = {
    "make": _make, "block": _block, "drop": _drop, "call": _call,
}  # fmt: skip


def measure(
    ways: Sequence[Way], crews: Mapping[str, Crew], rounds: int, warm: int = 2
) -> dict[str, Times]:
    """The times of one step of each way, medians over `rounds` blocks."""
    rng = random.Random(0)
    found: dict[str, list[tuple[float, float]]] = {way.name: [] for way in ways}
    for way in ways:
        crews[way.crew].ask("make", way, warm)
    for turn in range(rounds):
        for way in rng.sample(list(ways), len(ways)):
            with way.meanwhile():
                found[way.name].append(crews[way.crew].ask("block", way))
        note(f"  round {turn + 1} of {rounds}")
    for crew in {way.crew for way in ways}:
        crews[crew].ask("drop")
    return {
        name: Times(*(statistics.median(column) for column in zip(*blocks, strict=True)))
        for name, blocks in found.items()
    }


def note(text: str) -> None:
    """Progress: a line that the next one replaces, where standard error is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()


class Peak:
    """What one core reaches at most in float32: a loop of multiply-adds in registers where a C
    compiler is found, else the largest matrix product that torch does well."""

    def __init__(self) -> None:
        self.library = _compiled()
        self.call = self.library and self.library.peak
        self.method = "multiply-adds in registers" if self.call else "torch.mm 2048×2048"
        self.flops = self.call(ROUNDS) if self.call else 2.0 * 2048**3

    def units(self) -> int:
        """How many vectors a core multiplies at once, 1 where that cannot be told: multiply-adds
        that wait for each other take four cycles each, on all processors that this was run on."""
        if self.library is None:
            return 1
        return max(1, round(_fastest(self.library.chain) / _fastest(self.library.peak) / 4))

    def steps(self) -> Iterator[None]:
        a = torch.ones(2048, 2048) if self.call is None else None
        while True:
            if self.call is not None:
                self.call(ROUNDS)
            else:
                torch.mm(a, a)
            yield


def _compiled() -> Any:
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "peak.c", Path(folder) / "peak.so"
        source.write_text(PEAK_C, encoding="utf-8")
        flags = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-shared"]
        done = subprocess.run(
            [compiler, *flags, str(source), "-o", str(library)], capture_output=True, check=False
        )
        if done.returncode:
            return None
        made = ctypes.CDLL(str(library))
    for call in (made.peak, made.chain):
        call.argtypes, call.restype = [ctypes.c_long], ctypes.c_double
    return made


def _fastest(call: Any) -> float:
    """CPU seconds of a call, the best of some."""
    times = []
    for _ in range(7):
        began = time.process_time()
        call(ROUNDS // 4)
        times.append(time.process_time() - began)
    return min(times)


@contextmanager
def busy() -> Iterator[None]:
    """Two other processes that want a core each."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    time.sleep(0.2)
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
