"""The command line: serve, families, describe, train, sweep, resume, scene, record, mutants, probe,
runs, export, import, site, data, key, bench and doctor.

Exit status 0, or 1 where something fell short, or 2 for bad input with one line on standard error.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skipviz import __version__
from skipviz.access import settings
from skipviz.cli import data as datafiles
from skipviz.cli import export as exports
from skipviz.cli import key as lecturers_key
from skipviz.cli import mutants, resume, scenes, sweep, train
from skipviz.cli import site as course_site
from skipviz.core import child_processes, console, packages, places, registry
from skipviz.core.knob import SpecError
from skipviz.core.registry import architecture, full_settings, probe, refuse_idle
from skipviz.core.strict_json import dumps
from skipviz.datafiles.availability import missing
from skipviz.store import data_origin
from skipviz.store.lane_axes import labels
from skipviz.store.store import Store


def serve(args: argparse.Namespace) -> int:
    """Opens the app in the browser and serves it until Ctrl+C; so does no command at all."""
    from skipviz.ui.serve import serve as run

    settings.current()  # what is wrong there is said before anything starts
    return run(args)


def families(args: argparse.Namespace) -> int:
    """Lists every family with its formula and knobs."""
    table = {
        key: {
            "title": declared.title,
            "formula": declared.formula,
            "paper": declared.paper,
            "knobs": {knob.name: knob.allowed() for knob in declared.knobs if not knob.hidden},
        }
        for key, declared in registry.architectures().items()
    }
    if args.json:
        print(dumps({"families": table}))
        return 0
    for key, entry in table.items():
        print(f"{key:10} {entry['title']}: {entry['formula']}")
        print(f"{'':10} {entry['paper']}")
        for name, allowed in entry["knobs"].items():
            print(f"{'':10}   {name:16} {allowed}")
    return 0


def _knobs(words: Sequence[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    wrong = next((word for word, pair in zip(words, pairs, strict=True) if not pair[1]), None)
    if wrong is not None:
        raise SpecError(f"knob '{wrong}': must be name=value, such as depth=20")
    names = [name for name, _, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"knob '{twice}': given twice; give it once")
    return {name: value for name, _, value in pairs}


def describe(args: argparse.Namespace) -> int:
    """Counts a net without building it."""
    knobs = _knobs(args.knobs)
    settings = full_settings(args.family, knobs)
    refuse_idle(args.family, knobs)
    declared = architecture(args.family)
    counts = declared.wiring(settings).describe()
    if args.json:
        print(dumps({"name": declared.name(settings), "settings": settings, **counts}))
        return 0
    print(declared.name(settings))
    for name, value in counts.items():
        value_text = f"{value:,}" if isinstance(value, int) else value
        print(f"  {name.replace('_', ' '):28} {value_text}")
    return 0


def run_probe(args: argparse.Namespace) -> int:
    """Measures a stored run with a probe, here."""
    store = Store()
    declared = probe(args.probe)
    options = declared.options(_knobs(args.options))
    absent = missing(store.experiment(args.run).data)
    if store.is_recorded(args.run):
        raise SpecError(f"run '{args.run}': a recording has no weights; train its scene")
    if absent:
        raise SpecError(absent)
    packages.check(f"probe {args.probe}")
    from skipviz.engine.trained import load

    value = load(store.folder(args.run), args.seed_index).ask(declared, options)
    if args.json:
        question = {
            "probe": args.probe,
            "run": args.run,
            "seed_index": args.seed_index,
            "turn": args.seed_index,
            "options": options,
        }
        print(dumps(question | value))
        return 0
    print(f"{declared.question}\n{declared.definition}\n")
    print(dumps(value, indent=1)[:4000])
    print(f"\nCaveat: {declared.caveat}")
    return 0


def runs(args: argparse.Namespace) -> int:
    """Lists the stored runs, the newest first."""
    store = Store()
    rows = []
    for run_id in store.runs():
        status = store.status(run_id)
        row: dict[str, Any] = {
            "run": run_id,
            "state": status["state"],
            "step": status.get("step", 0),
        }
        try:
            experiment = store.experiment(run_id)
        except SpecError:
            orphan = data_origin.orphan(store.folder(run_id))
            rows += [row | orphan] if orphan else []
            continue
        row |= {"steps": experiment.steps, "data": experiment.data.partition("@")[0]}
        row |= {"lanes": labels(experiment), "data_remark": data_origin.remark(store.data(run_id))}
        rows.append(row)
    if args.json:
        print(dumps({"runs": rows, "folder": str(store.root)}))
        return 0
    for row in rows:
        lanes = ", ".join(row["lanes"])
        note = f"  [{row['data']}: {row['data_remark']}]" if row["data_remark"] else ""
        print(f"{row['run']}  {row['state']:12} {row['step']:>7}/{row['steps']:<7} {lanes}{note}")
    print(f"{len(rows)} runs in {store.root}")
    return 0


def bench(args: argparse.Namespace) -> int:
    """Runs a benchmark and compares it with its goals; status 1 where one is missed."""
    packages.check("a benchmark")
    home = places.shipped() / "benchmarks"
    programs = {
        path.stem: path
        for path in sorted(home.glob("*.py"))
        if "__main__" in path.read_text(encoding="utf-8")
    }
    programs |= {path.parent.name: path for path in sorted(home.glob("*/__main__.py"))}
    if args.key not in programs:
        names = ", ".join(sorted(programs))
        more = "; a checkout has more" if places.installed() else ""
        there = f"must be one of {names}{more}" if names else f"there is no folder {home}"
        raise SpecError(f"bench '{args.key}': {there}")
    words = [word for word in ("--json", "--quick") if getattr(args, word[2:])]
    words += ["--cases", args.cases] if args.cases else []
    words = child_processes.command(str(programs[args.key]), *words)
    return subprocess.run(words, env=child_processes.environment()).returncode


def doctor(args: argparse.Namespace) -> int:
    """Looks the machine over; status 1 where something is wrong."""
    from skipviz.cli.doctor import CHECKS

    findings = []
    for check in CHECKS:
        finding = check()
        findings.append(finding)
        if not args.json:
            print(f"{'ok ' if finding.good else 'BAD'} {finding.what}: {finding.text}", flush=True)
    if args.json:
        print(dumps({"findings": [vars(finding) for finding in findings]}))
    return 0 if all(finding.good for finding in findings) else 1


def _declare_serve(command: argparse.ArgumentParser) -> None:
    command.set_defaults(call=serve)
    command.add_argument("--address", help="listen here; 0.0.0.0: phones too (127.0.0.1)")
    command.add_argument("--port", type=int, help="listen on this port (8501, or the next free)")
    command.add_argument("--base-path", help="what stands before every path, behind a proxy")
    command.add_argument("--no-browser", action="store_true", help="open no browser")


def _declare_probe(command: argparse.ArgumentParser) -> None:
    command.add_argument("probe", help="predictions, histograms, …")
    command.add_argument("run", help="a run's id: see runs")
    command.add_argument("options", nargs="*", metavar="option=value")
    command.add_argument(
        "--seed-index", "--turn", type=int, default=0, help="which of the run's seeds, from 0"
    )


Grammar = tuple[argparse.ArgumentParser, Mapping[str, argparse.ArgumentParser]]


def grammar() -> Grammar:
    """The parser of the whole line, and that of each command with its arguments."""
    prog = "skipviz" if Path(sys.argv[0]).stem == "skipviz" else "python -m skipviz"
    top = argparse.ArgumentParser(prog=prog, description="Without a COMMAND: serve.")
    top.add_argument("--version", action="version", version=f"skipviz {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, call: Any) -> argparse.ArgumentParser:
        parser = commands.add_parser(
            name, help=call.__doc__.splitlines()[0], description=call.__doc__
        )
        parser.add_argument("--json", action="store_true", help="print JSON for machines")
        parser.set_defaults(call=call)
        return parser

    _declare_serve(commands.add_parser("serve", help=serve.__doc__, description=serve.__doc__))
    add("families", families)
    one = add("describe", describe)
    one.add_argument("family", help="plain, resnet, …: see families")
    one.add_argument("knobs", nargs="*", metavar="knob=value")
    train.declare(add("train", train.train))
    sweep.declare(add("sweep", sweep.sweep))
    resume.declare(add("resume", resume.resume))
    scenes.declare(add("scene", scenes.scene), add("record", scenes.record))
    mutants.declare(add("mutants", mutants.mutants))
    _declare_probe(add("probe", run_probe))
    add("runs", runs)
    exports.declare(add("export", exports.export), add("import", exports.import_))
    course_site.declare(add("site", course_site.site))
    datafiles.declare(add("data", datafiles.data))
    lecturers_key.declare(add("key", lecturers_key.key))
    one = add("bench", bench)
    one.add_argument(
        "key",
        help="engine: training; gpu_session: a GPU; in a checkout also"
        " hall: phones, runs: history, live_page: charts",
    )
    one.add_argument("--cases", default="", help="only these rows, separated by commas")
    one.add_argument("--quick", action="store_true", help="fewer rounds, fewer nets")
    add("doctor", doctor)
    return top, commands.choices


_OLD_ID = re.compile("-[A-Za-z0-9_][A-Za-z0-9_-]{20}")


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The words of a command line, in any order behind their command; options may stand before it
    too. No command is `serve`."""
    top, commands = grammar()
    # Older ids may begin with a dash; what holds a space is no option to argparse.
    words = [f" {word}" if _OLD_ID.fullmatch(word) else word for word in words]
    at = next((place for place, word in enumerate(words) if word in commands), None)
    asks = "-h", "--help", "--version"
    if at is None and (not words or (words[0].startswith("-") and words[0] not in asks)):
        return commands["serve"].parse_args(words)
    if at is None or any(not w.startswith("-") or w in asks for w in words[:at]):
        return top.parse_args(words)
    args = commands[words[at]].parse_intermixed_args([*words[:at], *words[at + 1 :]])
    if hasattr(args, "run"):
        args.run = args.run.strip()
    return args


def main(words: Sequence[str] | None = None) -> int:
    """Runs one command; bad input ends with status 2 and one sentence on standard error."""
    console.legible()
    args = parse(sys.argv[1:] if words is None else words)
    try:
        status: int = args.call(args)
    except SpecError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return status
