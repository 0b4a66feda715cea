"""`python -m skipviz site OUT`: the course as a static web site."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from skipviz.core.places import megabytes
from skipviz.core.strict_json import dumps
from skipviz.store.store import Store


def site(args: argparse.Namespace) -> int:
    """Writes the course as a web site that needs no server: scenes to replay, lessons, worksheets.

    It opens from a file and from any folder of any host.
    """
    from skipviz.offline.site import MOST_BYTES, Wanted, make

    wanted = Wanted(
        scenes=_words(args.scenes), lessons=_words(args.lessons), runs=_words(args.runs) or (),
        gpu=args.gpu,
    )  # fmt: skip

    def tell(word: str) -> None:
        if not args.json:
            print(f"{word} …", file=sys.stderr, flush=True)

    made = make(wanted, Store(), Path(args.out), tell)
    if args.json:
        print(dumps({"folder": str(made.folder), "files": made.files, "bytes": made.bytes}))
        return 0
    large = "; that is much for a course page" if made.bytes > MOST_BYTES else ""
    print(f"{made.folder / 'index.html'}: {made.files} files, {megabytes(made.bytes)}{large}")
    return 0


def _words(text: str | None) -> tuple[str, ...] | None:
    """Words between commas; None where nothing was said."""
    return None if text is None else tuple(word for word in text.split(",") if word)


def declare(command: argparse.ArgumentParser) -> None:
    """The arguments of `site`."""
    command.add_argument("out", metavar="OUT", help="a new folder, or a site made before")
    command.add_argument("--scenes", help="only these, separated by commas; all without it")
    command.add_argument("--lessons", help="only these; without it all whose scenes are there")
    command.add_argument("--runs", help="ids of stored runs to add, each on a page of its own")
    command.add_argument("--gpu", action="store_true", help="recordings made on a GPU too")
