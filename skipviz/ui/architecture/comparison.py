"""What two nets differ in, in words and in numbers."""

from __future__ import annotations

from collections import Counter

import streamlit as st

from skipviz.core.wiring import Wiring
from skipviz.graphs.drawing import plural
from skipviz.ui.architecture.anatomy import counts

_JOIN_WORDS = {
    "add": ("addition", "additions"),
    "multiply": ("product with a gate", "products with gates"),
    "concat": ("concatenation", "concatenations"),
}


def _counted(count: int, words: tuple[str, str]) -> str:
    return f"{plural(count)} {words[count != 1]}"


def joins(wiring: Wiring) -> Counter[str]:
    """How many joins of each kind the net has."""
    return Counter(join for kinds in wiring.joins.values() for join in kinds)


def shortcuts(wiring: Wiring) -> Counter[str]:
    """How many shortcuts are the identity, zero-padded, projected or gated."""
    counts: Counter[str] = Counter()
    for unit in wiring.units:
        kinds = {op.kind for op in unit.body.ops if op.role == "shortcut"}
        if unit.body.joins:
            gated = "multiply" in unit.body.joins
            counts[
                "gated"
                if gated
                else "zero-padded"
                if "zero_pad" in kinds
                else "projected"
                if kinds
                else "identity"
            ] += 1
    return counts


def sentences(a: Wiring, b: Wiring) -> list[str]:
    """What the nets have in common and what only one of them has."""
    lines = []
    layers = a.depth, b.depth
    if layers[0] == layers[1]:
        lines.append(f"Both have **{layers[0]}** weighted layers on the main path.")
    else:
        lines.append(f"{a.name} is **{layers[0]}** weighted layers deep, {b.name} **{layers[1]}**.")
    for one, other in ((a, b), (b, a)):
        more = joins(one) - joins(other)
        if more:
            text = ", ".join(_counted(n, _JOIN_WORDS[kind]) for kind, n in more.items())
            ways = ", ".join(f"{plural(n)} {kind}" for kind, n in shortcuts(one).items())
            lines.append(f"Only **{one.name}** has {text}; its shortcuts: {ways}.")
    if not joins(a) - joins(b) and not joins(b) - joins(a) and shortcuts(a) == shortcuts(b):
        lines.append("Their shortcuts and joins are the same in number and kind.")
        if [unit.body for unit in a.units] == [unit.body for unit in b.units]:
            lines.append("They are the same net.")
        elif layers[0] == layers[1]:
            lines.append("What differs is inside the units: layers, their order or their sizes.")
    lines.append(_parameters(a, b))
    return lines


def _parameters(a: Wiring, b: Wiring) -> str:
    have = [wiring.describe()["parameters"] for wiring in (a, b)]
    if have[0] == have[1]:
        return f"Both have exactly **{plural(have[0])}** parameters."
    more, less = (a, b) if have[0] > have[1] else (b, a)
    extra, share = abs(have[0] - have[1]), max(have) / max(1, min(have)) - 1
    much = f"{share:+.1%}" if share < 1 else f"{share + 1:.3g} times as many"
    return f"{more.name} has **{plural(extra)}** more parameters than {less.name} ({much})."


def show_differences(a: Wiring, b: Wiring) -> None:
    """The sentences, and every count of both nets side by side."""
    st.markdown("\n".join(f"- {text}" for text in sentences(a, b)))
    first, second = counts(a), counts(b)
    rows = "".join(
        f"<tr{' class=differs' if first[name] != second[name] else ''}>"
        f"<th>{name}</th><td>{first[name]}</td><td>{second[name]}</td></tr>"
        for name in first
    )
    st.html(
        '<table class="skip-both"><thead><tr><th></th>'
        f"<th>{a.name}</th><th>{b.name}</th></tr></thead><tbody>{rows}</tbody></table>"
    )
