"""What a run was, as HTML: its final numbers, its spec, its versions, what limits it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from skipviz.core import final
from skipviz.core.experiment import Experiment
from skipviz.core.fields import FIELDS
from skipviz.core.findings import written
from skipviz.core.lane_names import labels
from skipviz.core.registry import architecture
from skipviz.offline.run_data import StoredRun
from skipviz.store import data_origin
from skipviz.store.frame_log import FrameLog

_VERSIONS = {
    "skipviz": "skipviz", "torch": "torch", "torchvision": "torchvision", "numpy": "NumPy",
    "python": "Python", "system": "System", "processor": "Processor", "cores": "Cores",
}  # fmt: skip


def final_numbers(run: StoredRun, log: FrameLog) -> str:
    """Final training loss and error of every lane and seed; held-out ones where there are some."""
    seeds = [run.experiment.seed + i for i in range(run.experiment.seeds)]
    head = ["net", "what", *(f"seed {seed}" for seed in seeds)]
    rows = []
    for lane, label in enumerate(labels(run.experiment)):
        for what, values in _finals(log, lane):
            rows.append([label, what, *(_number(value) for value in values)])
    means = f"Final: {final.WORDS}; held out: the last evaluation."
    return table(head, rows, numbers_from=2) + f'<p class="skip-small">{means}</p>'


def _finals(log: FrameLog, lane: int) -> Iterable[tuple[str, Sequence[float]]]:
    steps = log.column("step")
    yield "training loss", final.mean(steps, log.lane(lane, "loss")[:, :, 0])
    yield "training error", final.mean(steps, log.lane(lane, "error")[:, :, 0])
    rows, *held = log.held_out(lane, 0, log.n)
    for name, values in zip(("held-out loss", "held-out error"), held, strict=True):
        if len(rows):
            yield name, [float(value) for value in values[-1]]


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "diverged"


def spec(experiment: Experiment) -> str:
    """Every field and every knob, and the whole as JSON."""
    fields = [(knob.label, _value(getattr(experiment, name))) for name, knob in FIELDS.items()]
    fields.insert(0, ("Data set", experiment.dataset.title))
    source = experiment.to_json()
    return (
        table(["field", "value"], fields)
        + "<h3>Nets</h3>"
        + _knobs(experiment)
        + "<details><summary>The experiment as JSON</summary>"
        f"<p>Saved as experiment.json it trains again: <code>python -m skipviz train"
        f" experiment.json</code></p><pre>{escape(source)}</pre></details>"
    )


def _knobs(experiment: Experiment) -> str:
    """A row for each knob, a column for each net; knobs that a net lacks are left empty."""
    rows: dict[str, list[str]] = {}
    for i, lane in enumerate(experiment.lanes):
        settings = lane.settings(experiment.dataset)
        for knob in architecture(lane.family).knobs:
            if not knob.hidden and knob.name in settings:
                cells = rows.setdefault(knob.label, [""] * len(experiment.lanes))
                cells[i] = _value(settings[knob.name])
    return table(["knob", *labels(experiment)], [[name, *cells] for name, cells in rows.items()])


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return written(value) if isinstance(value, (int, float, str)) else str(value)


def versions(machine: Mapping[str, Any], device: str) -> str:
    """On what it was trained."""
    rows = [(title, str(machine[key])) for key, title in _VERSIONS.items() if machine.get(key)]
    names = [str(each["name"]) for each in machine.get("devices", []) if each.get("key") == device]
    if device:
        rows.append(("Device", ", ".join([device, *names])))
    return table(["what", "version"], rows) if rows else "<p>Not kept with this run.</p>"


def caveats(run: StoredRun, log: FrameLog, scene: str) -> list[str]:
    """What has to be known before these numbers are believed, a sentence each."""
    seeds, origin = run.experiment.seeds, run.folder / data_origin.FILE
    said = [scene] if scene else []
    if seeds == 1:
        said.append("One seed: another one may end elsewhere.")
    else:
        said.append(f"Curves are medians over {seeds} seeds; a band is their whole range.")
    state, step, steps = run.status["state"], int(log.last_step) + 1, run.experiment.steps
    if state != "finished" or step < steps and not run.experiment.seconds:
        said.append(f"The run was {state} after {step:,} of {steps:,} steps.")
    for lane, label in enumerate(labels(run.experiment)):
        at = log.diverged_at(lane, log.n - 1)
        if at is not None:
            said.append(f"{label} diverged at step {at:,}: its curve ends there.")
    if changes := run.status.get("changes"):
        steered = ", ".join(f"{each['lr']:g} from step {each['step']:,}" for each in changes)
        said.append(f"The learning rate was changed by hand: {steered}.")
    if not origin.is_file():
        said.append("Which data it was trained on was not kept with a fingerprint.")
    said.append(
        "Small nets on small pictures can refute an “always” or a “never”; they do not show what"
        " large nets do."
    )
    return said


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int = 99) -> str:
    """A table that scrolls by itself where the page is too narrow; from a column on its cells are
    numbers. Cells that repeat the one above them in the first column are left empty."""
    kind = [' class="skip-number"' if i >= numbers_from else "" for i in range(len(head))]
    top = "".join(f"<th{kind[i]}>{escape(word)}</th>" for i, word in enumerate(head))
    lines, above = [], ""
    for row in rows:
        cells = ["" if row[0] == above and len(head) > 2 else row[0], *row[1:]]
        above = row[0]
        lines.append("".join(f"<td{kind[i]}>{escape(cell)}</td>" for i, cell in enumerate(cells)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="skip-scroll" tabindex="0" role="region" aria-label="{escape(head[0])}s">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
