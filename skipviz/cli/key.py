"""`skipviz key`: a new address for the lecturer, or the end of all of them."""

from __future__ import annotations

import argparse

from skipviz.access import announce, who
from skipviz.core.strict_json import dumps


def key(args: argparse.Namespace) -> int:
    """Prints a lecturer's address that works once, for 15 minutes; --revoke ends every log-in."""
    if args.revoke:
        ended = who.keys().revoke()
        print(dumps({"ended": ended}) if args.json else f"{ended} log-ins ended, and every key")
        return 0
    known_address = who.keys().address
    address = announce.with_key(known_address or "http://localhost:8501")
    if args.json:
        print(dumps({"address": address}))
        return 0
    print(address)
    if not known_address:
        print("No server has been started with these runs (SKIPVIZ_RUNS); its port may differ.")
    return 0


def declare(command: argparse.ArgumentParser) -> None:
    """Its one option."""
    command.add_argument("--revoke", action="store_true", help="end every log-in and every key")
