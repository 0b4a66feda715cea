"""A folder of cases as one table: each case is a file, its docstring says what it measures, its
`measure(folder, quick)` gives the rows."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks.hall.row import Row
from skipviz.core import console
from skipviz.core.strict_json import dumps

Cases = dict[str, Callable[[Path, bool], list[Row]]]


def table(home: Path, about: str, quick: str, order: Sequence[str] = ()) -> int:
    """Measures the cases in `home/cases` and prints their rows; 1 where a goal is missed, 2 for a
    case that is not there.

    about, quick   what the program is, and what `--quick` does, for its help
    order          the cases that come first; the others follow by name
    """
    console.legible()
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help=quick)
    args = parser.parse_args()
    there = _cases(home, order)
    chosen = [name for name in args.cases.split(",") if name] or list(there)
    wrong = next((name for name in chosen if name not in there), None)
    if wrong is not None:
        print(f"case '{wrong}': must be one of {', '.join(there)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows = list[Row]()
    for name in chosen:
        rows += (of_case := _measured(name, there, args.quick))
        if not args.json:  # at once: all cases may take an hour
            print("\n".join(map(_line, of_case)), flush=True)
    machine = {"processor": platform.processor() or platform.machine(),
               "cores": psutil.cpu_count(), "load_at_start": round(load, 1)}  # fmt: skip
    if args.json:
        print(dumps({"cases": [row.to_json() for row in rows], "machine": machine}))
    else:
        cores = f"{machine['processor']}, {machine['cores']} cores"
        print(f"{cores}; load average at the start {load:.1f}")
    return 0 if all(row.figure <= row.goal for row in rows) else 1


def _cases(home: Path, order: Sequence[str]) -> Cases:
    """Every case, by its name: the file's, with hyphens."""
    names = [path.stem.replace("_", "-") for path in sorted((home / "cases").glob("[!_]*.py"))]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    module = f"benchmarks.{home.name}.cases."
    return {
        name: importlib.import_module(module + name.replace("-", "_")).measure for name in names
    }


def _measured(name: str, there: Cases, quick: bool) -> list[Row]:
    """A case's rows, in a folder of its own."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="skipviz-bench-") as folder:
        return there[name](Path(folder), quick)


def _line(row: Row) -> str:
    """A row for people."""
    verdict = "met" if row.figure <= row.goal else "MISSED"
    return f"{row.case:24} {row.figure:8.3g}   ≤ {row.goal:<6g}   {verdict}"
