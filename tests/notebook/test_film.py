"""A film that cannot be made: one sentence, and nothing is left behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skipviz.cli.main import main

RUN = "recorded.gradients_at_init.main"


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_without_a_browser_the_command_says_so_in_one_sentence(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKIPVIZ_CHROMIUM", "")
    assert main(["export", RUN, str(tmp_path / "film"), "--to", kind]) != 0
    said = capsys.readouterr().err.strip()
    assert "no Chromium or Chrome is on this machine" in said and len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_browser_that_ends_at_once_is_said_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKIPVIZ_CHROMIUM", sys.executable)  # knows none of a browser's flags
    assert main(["export", RUN, str(tmp_path / "film.gif"), "--to", "gif", "--json"]) != 0
    assert "the browser ended without a word" in "".join(capsys.readouterr())
    assert not list(tmp_path.iterdir())


def test_a_film_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.gif").write_text("mine", encoding="utf-8")
    assert main(["export", RUN, str(tmp_path / "film.gif"), "--to", "gif"]) != 0
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "film.gif").read_text(encoding="utf-8") == "mine"
