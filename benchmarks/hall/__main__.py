"""Whether the product holds in a lecture hall: a real server, real sockets, on this machine alone.

    python -m skipviz bench hall [--json] [--cases phones-300,burst-500] [--quick]

A case is a file in `cases/`: its docstring says what it measures, its `measure` gives the rows.
Servers are child processes on 127.0.0.1; the phones and the lecturer's page are sockets of this
process, so that both share the cores. The lecturer's page is a Streamlit session, asked over its
own protocol: the time of its script is within the figure. `--quick`: a tenth of the clients.
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

ORDER = ("phones-300", "burst-500")
"""The cases that come first, in the order of the table; the others follow by name."""


def cases() -> dict[str, Callable[[Path, bool], list[Row]]]:
    """Every case, by its name: the file's, with hyphens."""
    names = [path.stem.replace("_", "-") for path in sorted((HERE / "cases").glob("[!_]*.py"))]
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    module = "benchmarks.hall.cases."
    return {
        name: importlib.import_module(module + name.replace("-", "_")).measure for name in names
    }


def run(chosen: list[str], quick: bool) -> list[Row]:
    """Each chosen case in a folder of its own."""
    rows: list[Row] = []
    there = cases()
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="skipviz-bench-") as folder:
            rows += there[name](Path(folder), quick)
    return rows


def line(row: Row) -> str:
    """A row for people."""
    verdict = "met" if row.figure <= row.goal else "MISSED"
    return f"{row.case:24} {row.figure:8.3g}   ≤ {row.goal:<6g}   {verdict}"


def main() -> int:
    console.legible()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--cases", default="", help="only these, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a tenth of the clients")
    args = parser.parse_args()
    there = cases()
    chosen = [name for name in args.cases.split(",") if name] or list(there)
    wrong = next((name for name in chosen if name not in there), None)
    if wrong is not None:
        print(f"case '{wrong}': must be one of {', '.join(there)}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    rows = run(chosen, args.quick)
    about = {"processor": platform.processor() or platform.machine(), "cores": psutil.cpu_count(),
             "load_at_start": round(load, 1)}  # fmt: skip
    if args.json:
        print(json.dumps({"cases": [row.to_json() for row in rows], "machine": about}))
    else:
        print("\n".join(line(row) for row in rows))
        print(f"{about['processor']}, {about['cores']} cores; load average at the start {load:.1f}")
    return 1 if any(row.figure > row.goal for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
