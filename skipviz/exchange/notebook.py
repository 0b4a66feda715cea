"""A Jupyter notebook that opens a run: its table, its charts, its last profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skipviz.core.experiment import Experiment
from skipviz.core.strict_json import dumps
from skipviz.store.lane_axes import labels


def write_notebook(run_id: str, experiment: Experiment, to: Path) -> None:
    """Writes a notebook (nbformat 4.5) that opens the run of this id."""
    to.write_text(dumps(notebook(run_id, experiment), indent=1) + "\n", encoding="utf-8")


def notebook(run_id: str, experiment: Experiment) -> dict[str, Any]:
    """The notebook as the object that its file is."""
    names = ", ".join(labels(experiment))
    texts = [
        f"# {names} on {experiment.data}\n\nA run of skipviz. It is found by its id on the machine"
        " that trained it; elsewhere export it as a zip and give the path of that file.",
        f"import skipviz\n\nrun = skipviz.load({dumps(run_id)})\nrun",
        "Every recorded step, as pandas reads it (`docs/run_format.md` has the columns);"
        " `run.table` is the same as an Arrow table.",
        "run.frames.head()",
        'run.figure("loss")',
        'run.figure("signal_gradient_norm")',
        "The same charts as in the app, to be replayed step by step:",
        "skipviz.show(run)",
        "To train it once more, with a bar that shows how far it is:",
        "again = list(skipviz.train(run.experiment.with_(steps=20)))\nagain[-1].lanes[0].loss",
    ]
    kinds = ("markdown", "code", "markdown", "code", "code", "code") + ("markdown", "code") * 2
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": [
            _cell(number, kind, text)
            for number, (kind, text) in enumerate(zip(kinds, texts, strict=True))
        ],
    }


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": f"cell{number}", "metadata": {}}
    lines = text.splitlines(keepends=True)
    return cell | ({"source": lines} if kind == "markdown" else _code(lines))


def _code(lines: list[str]) -> dict[str, Any]:
    return {"source": lines, "execution_count": None, "outputs": []}
