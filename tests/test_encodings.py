"""Every text file is opened with its encoding named, and every program's output read with one.

Python's default is the machine's code page: 1252 on Western Windows, where assets/live/live.js
cannot be read at all. Read from the source and not warned of at run time, for a line that no test
runs counts as well. Ruff's PLW1514 sees no path whose type it cannot infer and no subprocess.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("skipviz", "pages", "tests", "tools", "benchmarks")
SOURCES = sorted([ROOT / "app.py", *(p for f in FOLDERS for p in ROOT.glob(f"{f}/**/*.py"))])

ENCODING_AT = {"read_text": 0, "write_text": 1, "TextIOWrapper": 1}
"""Calls that read or write text, and where the encoding stands when it has no keyword."""

MODE_AT = {"fdopen": 1, "NamedTemporaryFile": 0, "TemporaryFile": 0, "SpooledTemporaryFile": 1}
"""Calls that do so in some modes, and where the mode stands when it has no keyword."""

PROGRAMS = ("run", "Popen", "check_output", "check_call", "call")
MODES = set("rwaxt+")


def _mode(call: ast.Call, at: int) -> ast.expr | None:
    given = [word.value for word in call.keywords if word.arg == "mode"]
    return next(iter([*given, *call.args[at : at + 1]]), None)


def _opens_text(call: ast.Call, name: str) -> bool:
    """Is this an `open` in text mode? Of a.open(b) only where b reads like one: it may be an
    archive's, or an image's, which know no text."""
    if name in MODE_AT:
        mode = _mode(call, MODE_AT[name])
        binary = name != "fdopen" and mode is None
        return not binary and not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
    if isinstance(call.func, ast.Name):
        mode = _mode(call, 1)
        return not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
    mode = _mode(call, 0)
    return mode is None or (isinstance(mode, ast.Constant) and set(str(mode.value)) <= MODES)


def unnamed(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call that reads or writes text in whatever encoding the machine has."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        words = {word.arg for word in call.keywords}
        if "encoding" in words or None in words and name not in (*ENCODING_AT, "open"):
            continue
        as_text = words & {"text", "universal_newlines", "errors"}
        of_text = name in ENCODING_AT and len(call.args) <= ENCODING_AT[name]
        opened = (name == "open" or name in MODE_AT) and _opens_text(call, name)
        if of_text or opened or (name in PROGRAMS and as_text):
            yield call


def test_text_is_never_read_or_written_in_the_machines_own_code_page() -> None:
    lines = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in SOURCES
        for call in unnamed(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not lines, f"name the encoding: {', '.join(lines)}"


def test_no_file_of_ours_has_the_line_ends_of_windows_and_git_makes_none() -> None:
    attributes = (ROOT / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "* text=auto eol=lf" in attributes
    binary = {f".{line.split()[0][2:]}" for line in attributes if line.endswith(" binary")}
    for folder in (*FOLDERS, "assets", "docs"):
        for path in ROOT.glob(f"{folder}/**/*.*"):
            if path.is_file() and path.suffix not in binary | {".pyc"}:
                text = path.read_bytes()
                assert b"\0" not in text, f"{path}: say in .gitattributes that it is binary"
                assert b"\r\n" not in text, path


@pytest.mark.parametrize(
    "line",
    [
        "open(p)",
        "open(p, 'w')",
        "open(p, mode='a')",
        "p.open()",
        "p.open('r')",
        "p.read_text()",
        "(a / b).write_text(t)",
        "os.fdopen(h, 'w')",
        "NamedTemporaryFile('w', dir=d)",
        "subprocess.run(c, text=True)",
        "Popen(c, universal_newlines=True)",
    ],
)
def test_a_call_without_an_encoding_is_seen(line: str) -> None:
    assert list(unnamed(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "open(p, 'rb')",
        "p.open('ab')",
        "p.read_text('utf-8')",
        "p.write_text(t, encoding='ascii')",
        "Image.open(p)",
        "archive.open(member)",
        "NamedTemporaryFile(dir=d)",
        "subprocess.run(c, capture_output=True)",
        "subprocess.run(c, text=True, encoding='utf-8')",
    ],
)
def test_a_call_that_names_it_or_moves_bytes_passes(line: str) -> None:
    assert not list(unnamed(ast.parse(line)))
