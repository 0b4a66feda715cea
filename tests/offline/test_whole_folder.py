"""A folder is replaced as a whole, and never where it holds what somebody else put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from skipviz.core.knob import SpecError
from skipviz.offline.whole_folder import MARK, replaced


def filled(folder: Path, name: str = "a.txt") -> None:
    with replaced(folder) as half:
        (half / "deep").mkdir()
        (half / "deep" / name).write_text(name, encoding="utf-8")


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("there", [False, True])
def test_a_new_or_an_empty_folder_is_filled_and_what_was_made_is_replaced(
    there: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    if there:
        folder.mkdir()
    filled(folder)
    assert names(folder) == {MARK, "deep/a.txt"}
    filled(folder, "b.txt")
    assert names(folder) == {MARK, "deep/b.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_with_somebodys_own_file_stays_as_it_is(made: bool, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    if made:
        filled(folder)
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    before = names(folder)
    with pytest.raises(SpecError, match=r"did not make \(mine.txt\); give an empty or a new one"):
        filled(folder, "b.txt")
    assert names(folder) == before and [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_folder_of_empty_folders_is_somebodys_too(tmp_path: Path) -> None:
    (tmp_path / "site" / "plans").mkdir(parents=True)
    with pytest.raises(SpecError, match="did not make"):
        filled(tmp_path / "site")


def test_what_breaks_off_leaves_everything_as_it_was(tmp_path: Path) -> None:
    filled(tmp_path / "site")
    with pytest.raises(RuntimeError):
        with replaced(tmp_path / "site") as half:
            (half / "new.txt").touch()
            raise RuntimeError
    assert names(tmp_path / "site") == {MARK, "deep/a.txt"}
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_file_or_a_missing_folder_above_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpecError, match="is a file; give another name"):
        filled(tmp_path / "file")
    with pytest.raises(SpecError, match="is not there; make it first"):
        filled(tmp_path / "no" / "site")
