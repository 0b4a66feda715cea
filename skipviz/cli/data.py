"""`python -m skipviz data`: lists data sets, gets one, prepares it, adds and removes one's own.

With --json every line is an event for machines: {"done", "total"} while it goes on, {"trouble"}
for a file that cannot be used, {"note"} for what was understood, and last {"key", …} or {"error"}.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import Any

from skipviz.core import packages, places, registry
from skipviz.core.knob import SpecError
from skipviz.core.registry import dataset
from skipviz.core.strict_json import dumps
from skipviz.datafiles import archives, availability, cache, find


def declare(command: argparse.ArgumentParser) -> None:
    """The arguments of `data`."""
    command.add_argument(
        "do",
        nargs="?",
        default="list",
        choices=("list", "get", "prepare", "add", "remove"),
        help="get: downloads a set's files; prepare: reads them, fits the linear model; add: a"
        " folder, .zip, .tar.gz or .npz of your own; remove: one of your own",
    )
    command.add_argument("what", nargs="?", help="a data set's key; add: what to make it of")
    command.add_argument("--title", help="add: what to call it")
    command.add_argument("--side", type=int, default=0, help="add: pixels a side, 8 to 128")
    command.add_argument(
        "--stretch", type=float, default=1.0, help="add: multiplies the values of 16-bit pictures"
    )
    command.add_argument(
        "--attended", action="store_true", help="end when standard input ends (for the server)"
    )


def data(args: argparse.Namespace) -> int:
    """Data sets: list them, get one, add your own."""
    if args.attended:
        threading.Thread(target=_leave_with_the_server, daemon=True).start()
    if args.do == "add" and not args.what:
        raise SpecError("data add: give a folder, a .zip, a .tar.gz or an .npz")
    if args.do != "list" and not args.what:
        raise SpecError(f"data {args.do}: which one? `python -m skipviz data` lists them")
    tell = _json if args.json else _people
    try:
        with places.disk_errors(places.cache()):
            _DO[args.do](args, tell)
    except SpecError as error:
        if not args.json:
            raise
        tell(error=str(error))
        return 2
    return 0


def _leave_with_the_server() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(3)


def _json(**event: Any) -> None:
    print(dumps(event), flush=True)


def _people(**event: Any) -> None:
    """Progress on standard error where that is a terminal; everything else on standard output."""
    if "trouble" in event:
        print(f"left out: {event['trouble']}")
    elif "note" in event:
        print(f"note: {event['note']}")
    elif "text" in event:
        print(event["text"])
    elif "total" in event and sys.stderr.isatty():
        done, total = (places.megabytes(event[name]) for name in ("done", "total"))
        line = f"{done} of {total}"  # blanks: old terminals cannot clear a line
        sys.stderr.write(f"\r{line:<30}" + "\n" * (event["done"] == event["total"]))


def _list(args: argparse.Namespace, tell: Any) -> None:
    for key, declared in registry.datasets().items():
        here = not availability.missing(key)
        files = declared.files
        size = f", {places.megabytes(files.size)} to download" if files and not here else ""
        shape = "×".join(map(str, declared.input_shape))
        tell(
            key=key,
            here=here,
            bytes=files.size if files else 0,
            text=f"{key:14} {declared.title}: {declared.train_size} + {declared.test_size} of"
            f" {shape}, {declared.num_classes} classes" + ("" if here else f"; not here{size}"),
        )
    if not args.json:
        tell(text="searched: " + ", ".join(str(folder) for folder in places.folders()))


def _get(args: argparse.Namespace, tell: Any) -> None:
    from skipviz.datafiles.fetch import fetch

    declared = dataset(args.what)
    if declared.files is None:
        raise SpecError(f"data {args.what}: comes with skipviz, there is nothing to download")
    if find.find(declared.files) is None:
        last = -1

        def hear(done: int, total: int) -> None:
            nonlocal last
            if done * 200 // total != last:  # half a percent at a time
                last = done * 200 // total
                tell(done=done, total=total)

        fetch(declared.files, hear)
        tell(stage="read")
    _prepare(args, tell)


def _prepare(args: argparse.Namespace, tell: Any) -> None:
    from skipviz.datafiles import linear

    absent = availability.missing(args.what)
    if absent:
        raise SpecError(absent)
    cache.arrays(args.what)
    lacking = packages.untrainable("the linear model")
    if lacking:
        tell(key=args.what, text=f"{args.what}: here; {lacking}")
        return
    tell(stage="linear")
    yardstick = cache.linear(args.what)
    if yardstick is None:
        yardstick = linear.fit(args.what)
        cache.keep_linear(args.what, yardstick)
    text = (
        f"{args.what}: here; a linear model misses {yardstick['error']:.1%} of the held-out images"
    )
    tell(key=args.what, text=text)


def _add(args: argparse.Namespace, tell: Any) -> None:
    from skipviz.datafiles.adding import add

    path = Path(args.what)
    key = add(args.title or _title(path), path, args.side, tell, args.stretch)
    tell(key=key, text=f"added as {key}: {dataset(key).summary}")


def _title(path: Path) -> str:
    """What a set is called that was given no name: as its folder or file, without the ending."""
    name = path.resolve().name
    return (name if path.is_dir() else name[: len(name) - len(archives.ending(name))]) or "Pictures"


def _remove(args: argparse.Namespace, tell: Any) -> None:
    from skipviz.core import user_datasets

    user_datasets.remove(args.what)
    tell(key=args.what, text=f"{args.what} is removed")


_DO = {"list": _list, "get": _get, "prepare": _prepare, "add": _add, "remove": _remove}
