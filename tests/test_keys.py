"""The table of keys is whole: in the buttons' code, and in the README."""

from __future__ import annotations

import re
from pathlib import Path

from skipviz.ui import keys

ROOT = Path(__file__).parents[1]
SHOWN = {"Left": "←", "Right": "→", "Escape": "Esc", "Mod+Enter": "Ctrl + Enter"}


def test_every_key_of_a_button_is_one_that_the_browser_is_told_to_listen_to() -> None:
    sources = [*(ROOT / "skipviz/ui").rglob("*.py"), *(ROOT / "pages").glob("**/*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    given = re.findall(r"\bshortcut=([\w.\"'+]+)", text)
    assert given and all(name.startswith("keys.") for name in given), given
    assert {getattr(keys, name.removeprefix("keys.")) for name in given} == set(keys.SHORTCUTS)


def test_every_key_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Keys")[2].partition("\n## ")[0]
    missing = [name for name in keys.SHORTCUTS if f"**{SHOWN.get(name, name)}**" not in section]
    assert not missing
