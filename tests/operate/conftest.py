"""A folder of keys and settings of its own for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from skipviz.access import settings

Set = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of runs, in which the keys lie too."""
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path / "runs"))
    settings.forget()
    yield tmp_path / "runs"
    settings.forget()


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets this server's settings, as environment variables do."""

    def change(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SKIPVIZ_{name.upper()}", value)
        settings.forget()

    return change
