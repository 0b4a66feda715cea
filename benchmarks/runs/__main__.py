"""Whether runs that last can be lived with: a real server, a real browser, this machine alone.

    python -m skipviz bench runs [--json] [--cases history-1000] [--quick]

A case is a file in `cases/`: its docstring says what it measures, its `measure` gives the rows.
`--quick`: a tenth of the runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parents[1]), *(each for each in sys.path if each != str(HERE))]

from benchmarks.hall.row import Row  # noqa: E402
from skipviz.cli import console  # noqa: E402


def cases() -> dict[str, Callable[[Path, bool], list[Row]]]:
    """Every case, by its name: the file's, with hyphens."""
    stems = [path.stem for path in sorted((HERE / "cases").glob("[!_]*.py"))]
    home = "benchmarks.runs.cases."
    return {stem.replace("_", "-"): importlib.import_module(home + stem).measure for stem in stems}


def main() -> int:
    console.legible()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a tenth of the runs")
    args = parser.parse_args()
    there = cases()
    chosen = [name for name in args.cases.split(",") if name] or list(there)
    wrong = next((name for name in chosen if name not in there), None)
    if wrong is not None:
        print(f"case '{wrong}': must be one of {', '.join(there)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows: list[Row] = []
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="skipviz-bench-") as folder:
            rows += there[name](Path(folder), args.quick)
    about = {"processor": platform.processor() or platform.machine(), "cores": psutil.cpu_count(),
             "load_at_start": round(load, 1)}  # fmt: skip
    if args.json:
        print(json.dumps({"cases": [row.to_json() for row in rows], "machine": about}))
    else:
        for row in rows:
            verdict = "met" if row.figure <= row.goal else "MISSED"
            print(f"{row.case:24} {row.figure:8.3g}   ≤ {row.goal:<6g}   {verdict}")
        print(f"{about['processor']}, {about['cores']} cores; load average at the start {load:.1f}")
    return 1 if any(row.figure > row.goal for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
