"""ES modules as one classic script: browsers load no module from a `file://` address.

    classic_script([assets / "offline" / "offline.js"])

Each module becomes a function that runs once, after those that it imports, in the order of the
imports; it returns the names that others import from it. The modules stay as they are; those that
say more than this can read are refused: `import {…} from "./other.js"` and `export` before a
declaration that is never assigned anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[\w./]+\.js)";\n?', re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|class|const) )", re.M)
_LEFT = re.compile(r"^(?:import|export)\b.*|\bimport\(.*", re.M)
_ADDRESS = "import.meta.url"


class UnreadableModule(ValueError):
    """A module says something that cannot stand in a classic script as it is."""


@dataclass(frozen=True)
class _Module:
    """body: what is left of it; imports: (names in here by their names there, where from)."""

    name: str
    body: str
    imports: tuple[tuple[dict[str, str], Path], ...]


def classic_script(entries: Iterable[Path]) -> str:
    """The text of one script that runs these modules and all that they import. UnreadableModule."""
    modules: dict[Path, _Module] = {}
    for entry in entries:
        _read(entry.resolve(), modules)
    wanted = _wanted(modules.values())
    parts = [_as_function(path, module, wanted, modules) for path, module in modules.items()]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "\n})();\n"


def _read(path: Path, modules: dict[Path, _Module]) -> None:
    """Reads a module and, before it, what it imports."""
    if path in modules:
        return
    text = path.read_text(encoding="utf-8")
    imports = tuple(
        (_names(of[1]), (path.parent / of[2]).resolve()) for of in _IMPORT.finditer(text)
    )
    for _, other in imports:
        _read(other, modules)
    body = _EXPORT.sub("", _IMPORT.sub("", text)).replace(_ADDRESS, "document.baseURI")
    left = _LEFT.search(re.sub(r"^\s*(?://|\*|/\*).*", "", body, flags=re.M))
    if left is not None:
        raise UnreadableModule(f"{path.name}: a classic script cannot say {left[0].strip()!r}")
    name = f"{path.parent.name}_{path.stem}"
    modules[path] = _Module(name, body, imports)


def _names(words: str) -> dict[str, str]:
    """The names of an import: {"here": "there"} of `there as here`."""
    pairs = [word.split() for word in words.split(",") if word.strip()]
    return {pair[-1]: pair[0] for pair in pairs}


def _wanted(modules: Iterable[_Module]) -> dict[Path, set[str]]:
    """What others import of each module."""
    names: dict[Path, set[str]] = {}
    for module in modules:
        for imported, other in module.imports:
            names.setdefault(other, set()).update(imported.values())
    return names


def _as_function(
    path: Path, module: _Module, wanted: dict[Path, set[str]], modules: dict[Path, _Module]
) -> str:
    lines = [f"const {module.name} = (() => {{"]
    lines += _taken(module, modules)
    given = ", ".join(sorted(wanted.get(path, ())))
    return "\n".join([*lines, module.body, f"return {{ {given} }};", "})();"])


def _taken(module: _Module, modules: dict[Path, _Module]) -> Iterator[str]:
    for names, other in module.imports:
        pairs = (there if here == there else f"{there}: {here}" for here, there in names.items())
        yield f"const {{ {', '.join(pairs)} }} = {modules[other].name};"
