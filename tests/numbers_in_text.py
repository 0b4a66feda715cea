r"""Finds numbers in what is said to students that neither the run on the screen nor a source backs.

`unbacked(text, settings)` looks at one text, `texts(path)` collects those of a Python file: string
literals of at least four words, without docstrings; what an f-string or `{name}` fills in is
computed and counts as nothing.

A number is backed where its sentence names a source, "(Name …, section 3, figure 1 or a year)", or
where it is a setting of the experiments that the text is about: a depth, a bias, the number of
classes; or where a formula of the text works it out, $16 \cdot 32 = 512$, and is right. "twice"
and "ten times" are numbers too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from skipviz.core.experiment import Experiment

_SOURCE = re.compile(
    r"\((?=[^()]*[A-Z])[^()]*"
    r"(?:[Ss]ections? \w|[Ff]ig(?:ure|\.) ?\d|[Tt]able \w|[Aa]ppendix|[Aa]bstract|"
    r"\b(?:19|20)\d\d\b)"
    r"[^()]*\)"
)
_ABBREVIATED = re.compile(r"\b(al|Fig|Figs|Sec|eq|Eq|e\.g|i\.e|vs|cf|approx)\.\s")
_NUMBER = re.compile(r"(?<![\w.])[-−+]?\d+(?:[,\u2009]\d{3})*(?:\.\d+)?")
_HYPHENATED = re.compile(r"(?<=[A-Za-z])-(?=\d)")
_SPELT = (
    r"two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty"
    r" sixty hundred thousand million billion"
).replace(" ", "|")
_COMPARISON = re.compile(
    rf"\b(?:twice|thrice|tenfold|"
    rf"(?:{_SPELT})(?:-| )?(?:times|fold|percent|per cent|decades|orders of magnitude))\b",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"\$[^$]*\$|`[^`]*`")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def sentences(text: str) -> list[str]:
    """The sentences of a text; the full stop of an abbreviation ends none."""
    held = _ABBREVIATED.sub(lambda found: found.group(0).rstrip(), text)
    return [part for part in re.split(r"(?<=[.!?:;])\s+|\n+", held) if part.strip()]


def numbers(text: str) -> list[str]:
    """The numbers of a text as they stand there. Exponents and indices of a formula belong to the
    formula; a placeholder is none."""
    plain = _PLACEHOLDER.sub(" ", _FORMULA.sub(_operands, text))
    plain = _HYPHENATED.sub(" ", plain)
    return _NUMBER.findall(plain) + _COMPARISON.findall(plain)


def _operands(formula: re.Match[str]) -> str:
    """Only decimals and numbers of two or more digits of a formula claim something: the 1 of 1 − T
    and the 2 of a square do not."""
    return " ".join(re.findall(r"\d+\.\d+|\d{2,}", formula.group(0)))


def unbacked(text: str, settings: Iterable[float] = ()) -> list[str]:
    """Each sentence that states a number without a backing, with that number in front."""
    known = {round(abs(value), 9) for value in settings} | worked_out(text)
    found = []
    for sentence in sentences(text):
        if _SOURCE.search(sentence):
            continue
        wrong = [number for number in numbers(sentence) if _value(number) not in known]
        if wrong:
            found.append(f"{', '.join(wrong)}: {sentence.strip()}")
    return found


def worked_out(text: str) -> set[float]:
    """The numbers of those formulas of a text that are equations of nothing but numbers, and
    true."""
    found: set[float] = set()
    for formula in re.findall(r"\$([^$]*)\$", text):
        sides = re.split(r"=|\\approx", formula)
        sums = [value for value in map(_calculated, sides) if value is not None]
        off = 0.05 if "approx" in formula else 5e-3
        if len(sums) == len(sides) > 1 and max(sums) - min(sums) <= off * abs(max(sums)):
            found |= values([formula])
    return found


def _calculated(side: str) -> float | None:
    """A side of an equation; None where it is more than numbers, + - × / and powers."""
    text = side.replace("\\cdot", "*").replace("\\times", "*").replace("−", "-")
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"\^\{([^{}]*)\}", r"**(\1)", text).replace("^", "**")
    if not re.fullmatch(r"[\d\s.+*/()-]+", text) or len(text) > 60:
        return None
    return _evaluated(ast.parse(text.strip(), mode="eval").body)


def _evaluated(node: ast.AST) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        return -_evaluated(node.operand)
    assert isinstance(node, ast.BinOp)
    a, b = _evaluated(node.left), _evaluated(node.right)
    table = {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}
    if type(node.op) in table:
        return table[type(node.op)]
    return a / b if isinstance(node.op, ast.Div) else float(a**b)


def values(of: Iterable[str]) -> set[float]:
    """The numbers of some texts, as magnitudes."""
    read = (_value(number) for text in of for number in _NUMBER.findall(text))
    return {value for value in read if value is not None}


def _value(number: str) -> float | None:
    """The magnitude of a number as it is written; None for one in words."""
    digits = re.sub(r"[-−+,\u2009]", "", number)
    return round(float(digits), 9) if digits and digits[0].isdigit() else None


def settings(experiments: Iterable[Experiment]) -> set[float]:
    """Every number that the experiments set: of their fields, of the lanes' knobs, of the data."""
    found: set[float] = set()
    for experiment in experiments:
        of = experiment.dataset
        found |= {len(experiment.lanes), of.num_classes, of.train_size, of.test_size}
        found |= {side for side in of.input_shape}
        values = [getattr(experiment, name) for name in type(experiment).model_fields]
        for lane in experiment.lanes:
            values += lane.settings(of).values()
        found |= {v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)}
    return {float(value) for value in found}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every string literal of at least four words in a Python file, docstrings
    left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(doc) for doc in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in ast.walk(node)} - {id(node)}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else "{computed}"
                for part in node.values
            ]
            text = "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if len(text.split()) >= 4:
            yield node.lineno, text


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                yield first.value
