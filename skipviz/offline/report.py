"""A run's report: one file of HTML that needs no server, no network and no program.

Its charts are the app's own, replayed and scrubbed; with its final numbers, its spec, its versions,
its caveats, and, where it belongs to a scene, what the scene expected and what it showed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from skipviz import __version__
from skipviz.core import registry
from skipviz.core.atomic_files import read_json
from skipviz.core.lane_names import labels
from skipviz.offline import page, parts, scene_parts, tables
from skipviz.offline.run_data import StoredRun, packed
from skipviz.offline.scene_parts import Shown
from skipviz.store import kept_evidence, predictions, run_marks
from skipviz.store.store import Store

MOST_BYTES = 2_600_000
"""Of a run's numbers before they are packed: with plotly.js a report stays below six megabytes."""

PANELS = ("header", "loss", "profile", "graph", "heat", "gates")


def write_report(run: StoredRun, store: Store, to: Path) -> None:
    """Writes the report of a run as an HTML file. SpecError where it has no frames yet."""
    to.write_text(report(run, store), encoding="utf-8")


def report(run: StoredRun, store: Store) -> str:
    """The whole page."""
    content = content_of(run, store, MOST_BYTES)
    body = f'{_top()}\n<main id="main">{content.html}</main>{_foot()}'
    return page.whole(f"{content.title} · skipviz", body, content.packed)


@dataclass(frozen=True)
class Content:
    """What is told of a run: a title, HTML, and the packed data that its charts need, by name."""

    title: str
    html: str
    packed: Mapping[str, str]


def content_of(run: StoredRun, store: Store, most_bytes: int) -> Content:
    """Everything about a run; its numbers take about `most_bytes` before they are packed.
    SpecError where it has no frames yet."""
    log = run.log()
    data = packed(run, log, most_bytes=most_bytes, with_maps=True)
    shown = _scene(run, store)
    texts, scene = {f"run:{run.id}": data.text}, ""
    if shown is not None:
        texts[f"figures:{shown.pack}"], scene = _scene_section(shown)
    title = run_marks.marks(run.folder).name or ", ".join(labels(run.experiment))
    machine = read_json(run.folder / "machine.json")
    said = tables.caveats(run, log, shown.scene.caveat if shown else "")
    caveats = "".join(f"<li>{escape(each)}</li>" for each in said)
    left_out = f'<p class="skip-small">{escape(data.says)}</p>' if data.says else ""
    html = f"""<h1>{escape(title)}</h1>
<p class="skip-lead">{escape(_facts(run, machine))}</p>{_note(run)}
{page.live(run.id, run.experiment, PANELS, place="report")}{left_out}
<h2>Final numbers</h2>{tables.final_numbers(run, log)}
{scene}
<h2>Before you believe it</h2><ul class="skip-text">{caveats}</ul>
<h2>What was run</h2>{tables.spec(run.experiment)}
<h2>With what</h2>{tables.versions(machine, str(run.status.get("device", "")))}"""
    return Content(title, html, texts)


def _top() -> str:
    return (
        '<a class="skip-jump" href="#main">To the report</a><header class="skip-top">'
        "<b>Report of a run</b>"
        '<button type="button" data-shade>Dark</button>'
        '<button type="button" data-print>Print</button></header>'
    )


def _foot() -> str:
    return (
        f'<footer class="skip-foot skip-small">Made by skipviz {escape(__version__)}. Everything'
        " here was computed from the run; nothing is loaded from elsewhere."
        "<details><summary>What of others is in this file, and its licences</summary>"
        f'<pre tabindex="0">{escape(parts.third_party())}</pre></details></footer>'
    )


def _facts(run: StoredRun, machine: Mapping[str, Any]) -> str:
    """What was trained, how far, when."""
    of = run.experiment
    seeds = ", ".join(str(of.seed + i) for i in range(of.seeds))
    when = str(machine.get("recorded", ""))[:10] or _day(run.status.get("began", 0.0))
    steps = int(run.status.get("step", 0))
    facts = [
        ", ".join(labels(of)), f"on {of.dataset.title}",
        f"seed{'s' if of.seeds > 1 else ''} {seeds}",
        f"{run.status['state']} after {steps:,} of {of.steps:,} steps", when,
    ]  # fmt: skip
    return " · ".join(filter(None, facts))


def _day(began: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(began)) if began else ""


def _note(run: StoredRun) -> str:
    """What somebody wrote about the run, and what a room predicted of it."""
    note = run_marks.marks(run.folder).note
    text = f'<p class="skip-text">{escape(note)}</p>' if note else ""
    said = predictions.prediction(run.folder)
    if said is None:
        return text
    rows = [[choice, str(count)] for choice, count in zip(said.choices, said.counts, strict=True)]
    told = tables.table(["predicted", "voices"], rows, numbers_from=1)
    return f"{text}<h2>What the room predicted</h2><p>{escape(said.question)}</p>{told}"


def _scene(run: StoredRun, store: Store) -> Shown | None:
    """The scene that the run belongs to, with those of its runs that are here."""
    belongs = kept_evidence.scene_of(run.id, run.experiment)
    if belongs is None:
        return None
    key, name = belongs
    ids = kept_evidence.runs_with(store, key, name, run.id)
    folders = {each: store.folder(run_id) for each, run_id in ids.items()}
    there = {
        each: folder for each, folder in folders.items() if (folder / "frames.arrow").is_file()
    }
    experiments = {each: store.experiment(ids[each]) for each in there}
    scene = registry.scenes()[key]
    evidence = kept_evidence.gathered(scene, there, experiments, f"scene '{key}'")
    recorded = store.is_recorded(run.id)
    pack = key if recorded else f"{key}-{run.id}"
    return Shown(key, pack, scene, evidence, ids, experiments, recorded)


def _scene_section(shown: Shown) -> tuple[str, str]:
    """Its packed figures; what was asked, expected and shown."""
    text, drawn = scene_parts.packed_figures(shown)
    scene = shown.scene
    others = [name for name in scene.runs if name not in shown.experiments]
    lacking = f"Not on this machine with these seeds: {', '.join(others)}." if others else ""
    body = f"""<h2>Scene: {escape(scene.title)}</h2>
<p class="skip-ask">{escape(scene.question)}</p>
<p class="skip-small">{escape(lacking)}</p>
{scene_parts.told(shown)}
{scene_parts.figures(shown, drawn, sorted(drawn), "scene")}"""
    return text, body
