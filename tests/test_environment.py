"""The environment behind `make run` and `make test`: made once, completed, repaired, explained."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tools import lower_bounds

ROOT = Path(__file__).parent.parent


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/environment.py as a module of its own; environments count as good if Python runs."""
    where = importlib.util.spec_from_file_location("environment", ROOT / "tools/environment.py")
    assert where and where.loader
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    monkeypatch.setattr(module, "TRIED", "import pip")
    return module


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with pip."""
    home = tmp_path_factory.mktemp("bare") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    return home


@pytest.fixture
def environment(tool: Any, bare: Path, tmp_path: Path) -> Any:
    """A copy of it whose uv notes what it is asked and succeeds."""
    home = tmp_path / ".venv"
    shutil.copytree(bare, home, symlinks=True, copy_function=os.link)
    made = tool.Environment(home)
    _program(Path(made.uv), f'echo "$@" >> {home}/asked')
    return made


def _program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def _requirements(folder: Path, name: str = "requirements.txt", text: str = "pip\n") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _asked(environment: Any) -> list[str]:
    """What uv was asked, one line a call."""
    notes = environment.home / "asked"
    return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []


@pytest.mark.slow
def test_a_second_call_installs_nothing(environment: Any, tmp_path: Path) -> None:
    wanted = _requirements(tmp_path)
    environment.provide(wanted)
    environment.provide(wanted)
    assert len(_asked(environment)) == 1
    assert str(wanted) in _asked(environment)[0]


@pytest.mark.slow
def test_a_changed_requirement_is_installed(environment: Any, tmp_path: Path) -> None:
    environment.provide(_requirements(tmp_path))
    environment.provide(_requirements(tmp_path, text="pip>1\n"))
    assert len(_asked(environment)) == 2


@pytest.mark.slow
def test_a_change_in_an_included_file_counts(environment: Any, tmp_path: Path) -> None:
    developers = _requirements(tmp_path, "requirements-dev.txt", "-r requirements.txt\n")
    _requirements(tmp_path)
    environment.provide(developers)
    _requirements(tmp_path, text="pip>1\n")
    assert not environment.has(developers)


@pytest.mark.slow
def test_after_the_test_tools_the_app_needs_no_more(environment: Any, tmp_path: Path) -> None:
    wanted = _requirements(tmp_path)
    environment.provide(_requirements(tmp_path, "requirements-dev.txt", "-r requirements.txt\n"))
    assert environment.has(wanted)


@pytest.mark.slow
def test_an_environment_left_without_pip_is_made_anew(environment: Any, tmp_path: Path) -> None:
    for pip in environment.home.rglob("site-packages/pip"):
        shutil.rmtree(pip)
    environment.create()
    assert environment.runs("-m", "pip", "--version")


@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_made_anew(environment: Any) -> None:
    os.remove(environment.python)
    os.symlink("/nowhere/python3", environment.python)
    environment.create()
    assert environment.runs("-c", "")


@pytest.mark.slow
def test_an_installation_that_was_cut_short_is_started_again(
    environment: Any, tmp_path: Path
) -> None:
    _program(Path(environment.uv), f'echo "$@" >> {environment.home}/asked; kill -9 $$')
    wanted = _requirements(tmp_path, text="nonesuch @ file:///nowhere\n")
    with pytest.raises(Exception, match="requirements.txt could not be installed"):
        environment.provide(wanted)
    assert not environment.has(wanted)


@pytest.mark.slow
def test_packages_that_do_not_import_are_installed_again(
    environment: Any, tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(
        Path(environment.uv),
        f'echo "$@" >> {environment.home}/asked; case "$*" in *--reinstall*) '
        f"touch {environment.home}/whole;; esac",
    )
    whole = f"open({str(environment.home / 'whole')!r})"
    monkeypatch.setattr(tool, "TRIED", whole)
    environment.provide(_requirements(tmp_path))
    assert ["--reinstall" in line for line in _asked(environment)] == [False, True]


def test_packages_that_never_work_are_named_in_one_sentence(
    environment: Any, tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "TRIED", "raise RuntimeError('operator nms does not exist')")
    wanted = _requirements(tmp_path)
    with pytest.raises(tool.Trouble, match=r"operator nms does not exist.*make clean") as caught:
        environment.provide(wanted)
    assert "\n" not in str(caught.value)
    assert not environment.has(wanted)


@pytest.mark.slow
def test_where_uv_fails_pip_does_it(
    environment: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _program(Path(environment.uv), "exit 2")
    wanted = _requirements(tmp_path)
    environment.provide(wanted)
    assert environment.has(wanted)
    told = capfd.readouterr().out
    assert "going on with pip" in told and "already satisfied: pip" in told


def test_an_old_python_gets_one_sentence(tool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "OLDEST", (9, 0))
    monkeypatch.setattr(tool, "NEWER", ())
    with pytest.raises(tool.Trouble, match="needs Python 9.0 or newer and this is 3.") as caught:
        tool.fitting_python()
    assert "\n" not in str(caught.value)


def test_an_old_python_hands_over_to_a_newer_one(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(tmp_path / "python9.9", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tool, "OLDEST", (9, 0))
    monkeypatch.setattr(tool, "NEWER", ("python9.8", "python9.9"))
    assert tool.fitting_python() == "python9.9"


def test_a_python_without_its_venv_module_gets_one_sentence(
    tool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _program(tmp_path / "python3", "echo no module ensurepip >&2; exit 1")
    monkeypatch.setattr(tool, "fitting_python", lambda: broken)
    with pytest.raises(tool.Trouble, match="apt install python3-venv") as caught:
        tool.Environment(tmp_path / ".venv").create()
    assert "\n" not in str(caught.value)


def test_without_make_one_command_provides_and_then_runs(
    environment: Any, tool: Any, tmp_path: Path
) -> None:
    wanted = _requirements(tmp_path)
    began = ["-c", "import pathlib, sys; sys.exit(len(pathlib.Path(sys.argv[1]).name))"]
    assert tool.main([str(wanted), *began, "seven77"], environment.home) == 7
    assert tool.main([str(wanted)], environment.home) == 0
    assert environment.has(wanted) and len(_asked(environment)) == 1


def test_every_requirement_that_the_app_imports_is_tried_after_installing() -> None:
    text = (ROOT / "tools/environment.py").read_text(encoding="utf-8")
    tried = text.partition('TRIED = "import ')[2].partition('"')[0].split(", ")
    for name in tried:
        assert importlib.util.find_spec(name), name
    assert {"streamlit", "torchvision"} <= set(tried)


def test_the_two_commands_and_the_ci_entry_are_wired_up() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    run = makefile.partition("\nrun:\n")[2].partition("\n\n")[0]
    assert run.rstrip().endswith("streamlit run app.py")
    entry = ROOT / ".ci/run"
    assert os.access(entry, os.X_OK) and "make test" in entry.read_text(encoding="utf-8")


def test_the_lowest_versions_are_checked_as_make_check_does() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    done: list[str] = []
    for target in ("lint:", "check: lint"):
        recipe = takewhile(lambda line: line[:1] == "\t", lines[lines.index(target) + 1 :])
        done += [line.strip() for line in recipe if line.startswith("\t$(BIN)/")]
    words = [line.replace("$(BIN)/python ", "").replace("$(BIN)/", "-m ") for line in done]
    assert len(done) == 5
    words.remove("-m mypy")
    assert [*map(shlex.split, words)] == [*map(shlex.split, lower_bounds.CHECK)]
