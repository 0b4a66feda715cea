"""`python -m skipviz export RUN --to FORMAT OUT` and `python -m skipviz import RUN.zip`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from skipviz.core import places
from skipviz.core.strict_json import dumps
from skipviz.store.store import Store

FILMS = ("gif", "mp4")


def export(args: argparse.Namespace) -> int:
    """Writes a run as a file that leaves skipviz: a table, a zip, a script, a drawing."""
    from skipviz.exchange import formats

    if args.to in FILMS:
        return _film(args)
    of = formats.stored(Store(), args.run, args.lane, args.zoom)
    ending = formats.FORMATS[args.to].ending if args.to in formats.FORMATS else ""
    to = Path(args.out or f"{args.run}{ending or '_' + args.to}")
    with places.disk_errors(to.parent):
        paths = formats.write(of, args.to, to)
    if args.json:
        print(dumps({"run": args.run, "format": args.to, "files": [str(path) for path in paths]}))
        return 0
    for path in paths:
        print(path)
    return 0


def _film(args: argparse.Namespace) -> int:
    """Writes the replay of a run as a film; how much of it is drawn goes to standard error."""
    from skipviz.exchange import formats
    from skipviz.notebook import film
    from skipviz.notebook.loaded import load

    run, to = load(args.run), Path(args.out or f"{args.run}.{args.to}")
    formats.check_free(to)

    def say(share: float) -> None:
        if not args.json:
            print(f"\rdrawing, {share:.0%}", end="", file=sys.stderr, flush=True)

    try:
        with places.disk_errors(to.parent):
            film.write(run, args.to, to, say)
    finally:
        if not args.json:
            print(f"\r{' ' * 20}\r", end="", file=sys.stderr, flush=True)
    said = {"run": args.run, "format": args.to, "files": [str(to)]}
    print(dumps(said) if args.json else to)
    return 0


def import_(args: argparse.Namespace) -> int:
    """Takes in a run that another skipviz exported as a zip, and prints its id."""
    from skipviz.exchange.run_import import import_run

    run_id = import_run(Path(args.file), Store())
    print(dumps({"run": run_id}) if args.json else run_id)
    return 0


def declare(command: argparse.ArgumentParser, taking: argparse.ArgumentParser) -> None:
    """The arguments of `export` and of `import`."""
    command.add_argument("run", help="a run's id: see runs")
    command.add_argument("out", nargs="?", default="", metavar="OUT", help="the file to write")
    command.add_argument(
        "--to", required=True, metavar="FORMAT",
        help="report, csv, parquet, zip, tensorboard, script, notebook, svg, pdf, tikz, gif or mp4",
    )  # fmt: skip
    command.add_argument("--lane", type=int, default=0, help="of a drawing: which lane, from 0")
    command.add_argument("--zoom", default="net", help="of a drawing: net, stage or unit")

    taking.add_argument("file", metavar="RUN.zip")
