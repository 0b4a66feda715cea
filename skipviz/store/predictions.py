"""What a room predicted of a run: <run>/votes.json has the question, its choices, how many chose
each of them, and which one the run showed; no names."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from skipviz.core.atomic_files import read_json, write_json
from skipviz.core.knob import SpecError

FILE = "votes.json"
MOST_TEXT, MOST_CHOICES, MOST_VOICES = 1000, 20, 10**6


@dataclass(frozen=True)
class Prediction:
    """A question, and what a room said of it before the run showed choice number `shown`."""

    question: str
    choices: tuple[str, ...]
    counts: tuple[int, ...]
    shown: int


def read(value: dict[str, Any]) -> Prediction:
    """The prediction that a JSON object says. SpecError where it says none."""
    question, choices, counts, shown = (
        value.get(name) for name in ("question", "choices", "counts", "shown")
    )
    if not (
        _is_text(question)
        and isinstance(choices, list)
        and 0 < len(choices) <= MOST_CHOICES
        and all(map(_is_text, choices))
        and isinstance(counts, list)
        and len(counts) == len(choices)
        and all(_is_count(count, MOST_VOICES) for count in counts)
        and _is_count(shown, len(choices) - 1)
    ):
        raise SpecError(f"run: {FILE} is not what a room predicted")
    return Prediction(str(question), tuple(choices), tuple(counts), int(shown or 0))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT


def _is_count(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def prediction(folder: Path) -> Prediction | None:
    """What a room predicted of the run; what is odd counts as not said."""
    value = read_json(folder / FILE)
    try:
        return read(value) if value else None
    except SpecError:
        return None


def keep(folder: Path, predicted: Prediction) -> None:
    """Keeps a prediction that somebody made; writes nothing where that one is kept already."""
    if sum(predicted.counts) and prediction(folder) != predicted:
        write_json(folder / FILE, asdict(predicted))
