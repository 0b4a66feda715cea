"""What a net is made of, in words and numbers: formula, gradient, counts, layers, code."""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import streamlit as st

from skipviz import standalone
from skipviz.core.declarations import Architecture
from skipviz.core.experiment import Lane
from skipviz.core.registry import architecture
from skipviz.core.wiring import JOINS, Unit, Wiring
from skipviz.graphs.drawing import plural, runs, shape_text

_NET = "skipviz.models.backbones:Net"


def declared(lane: Lane) -> Architecture:
    """The family whose formula the net follows: a plain twin's is the plain net's."""
    return architecture("plain" if lane.settings().get("plain_twin") else lane.family)


def memory_text(size: int) -> str:
    """Bytes as people say them: "3.2 MB"."""
    for unit, worth in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= worth:
            return f"{size / worth:.3g} {unit}"
    return f"{size} bytes"


def counts(wiring: Wiring) -> dict[str, str]:
    """The numbers of a net by what they are called."""
    described = wiring.describe()
    flat = len(wiring.units[-1].body.input_shape) == 1
    seen = described["receptive_field"]
    whole = not flat and seen >= max(wiring.input_shape[-2:])
    return {
        "Parameters": plural(described["parameters"]),
        "of them not in normalisations": plural(described["parameters_without_norm"]),
        "Multiply-adds a sample": plural(described["multiply_adds"]),
        "Activations kept a sample": memory_text(described["activation_bytes"]),
        "Receptive field": "the whole input"
        if flat
        else f"{seen} × {seen} pixels{', more than the image' if whole else ''}",
        "Weighted layers on the longest path": str(described["longest_path"]),
        "on the shortest path": str(described["shortest_path"]),
    }


def show_counts(wiring: Wiring) -> None:
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in counts(wiring).items())
    st.html(f'<dl class="skip-numbers">{rows}</dl>')


def show_formula(lane: Lane) -> None:
    """The formula, its symbols, and what a gradient meets on its way back."""
    of = declared(lane)
    st.latex(of.formula)
    st.markdown("  \n".join(f"${symbol}$ — {text}" for symbol, text in of.symbols.items()))
    st.markdown("**What a gradient meets on its way back**")
    st.latex(of.backward)
    st.markdown(of.summary)
    st.markdown(f":small[{of.paper}]")


@lru_cache(maxsize=64)
def layer_rows(wiring: Wiring) -> tuple[dict[str, Any], ...]:
    """The shape table: the layers of the first unit of each run, and how many units are alike."""
    rows = []
    for stage in wiring.stages:
        for run in runs(stage.units):
            for i, op in enumerate(run[0].body.ops):
                every = [unit.body.ops[i] for unit in run]
                rows.append(
                    {
                        "Where": stage.title,
                        "Module": run[0].module(op) or run[0].path,
                        "Layer": f"{JOINS[op.kind]}  {op.label}" if op.kind in JOINS else op.label,
                        "Output": shape_text(op.shape),
                        "Parameters": op.parameters,
                        "Multiply-adds": op.multiply_adds,
                        "Units alike": len(run),
                        "All: parameters": sum(each.parameters for each in every),
                        "All: multiply-adds": sum(each.multiply_adds for each in every),
                    }
                )
    return tuple(rows)


def show_layers(wiring: Wiring) -> None:
    rows = layer_rows(wiring)
    wide = {name: st.column_config.NumberColumn(format="localized") for name in _NUMBERS}
    st.dataframe(list(rows), hide_index=True, width="stretch", column_config=wide, height=420)
    total = wiring.describe()
    st.caption(
        "Units that differ only in their channels are one group of rows: the sizes are its first"
        f" unit's. All together: {plural(total['parameters'])} parameters,"
        f" {plural(total['multiply_adds'])} multiply-adds a sample."
    )


_NUMBERS = ("Parameters", "Multiply-adds", "All: parameters", "All: multiply-adds")


@lru_cache(maxsize=32)
def source_of(code: str) -> str:
    """The text of a class, "skipviz.models.resnet.net:ResidualUnit"; nothing is imported."""
    module, _, name = code.partition(":")
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None, module
    text = Path(spec.origin).read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return ast.get_source_segment(text, node) or ""
    raise LookupError(code)


def show_code(unit: Unit) -> None:
    """The class of the unit that is shown, as the app runs it."""
    code = unit.body.code or _NET
    module, _, name = code.partition(":")
    path = module.replace(".", "/") + ".py"
    st.markdown(
        f"The class `{name}` of `{path}`, as this app trains it. The plan that it is given says"
        f" which layers: here, in `{unit.path}`, " + _layers_in_words(unit) + "."
    )
    st.code(source_of(code), language="python")


def _layers_in_words(unit: Unit) -> str:
    layers = [f"`{op.path}` {op.label}" for op in unit.body.ops if op.path]
    return ", ".join(layers)


def show_standalone(lane: Lane) -> None:
    """The net as one file without skipviz: download and preview."""
    text = standalone.module(lane)
    left, right = st.columns([3, 1.2], vertical_alignment="center")
    left.markdown(
        "The whole net as one file that needs nothing but PyTorch. Weights from here fit: the"
        " layers have the same names. A test of this app runs the file and compares its outputs."
    )
    right.download_button(
        "Download the module",
        text,
        file_name=standalone.filename(lane),
        mime="text/x-python",
        icon=":material/download:",
        width="stretch",
        on_click="ignore",
    )
    st.code(text, language="python", height=520)
