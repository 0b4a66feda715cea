"""The frame around every page: its title, and the menus, made of what is found in pages/."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from skipviz.access import who
from skipviz.access.roles import Action, Role, refusal
from skipviz.core import places
from skipviz.core.knob import SpecError
from skipviz.operate.turns import PAGES
from skipviz.ui import access, account, keys, takeaway
from skipviz.ui.notes import complain

HERE = places.shipped()
START = "start"
"""The chapter whose pages stand in the bar itself; every other one is a menu of the bar."""


@dataclass(frozen=True)
class PageFile:
    """One file of pages/<n>_<chapter>/: its docstring's first line is the title, a line
    "icon: name" its Material icon."""

    path: Path
    slug: str
    title: str
    icon: str
    chapter: str

    @property
    def menu(self) -> str:
        """The word in the bar behind which the page is found; empty for one in the bar itself."""
        return "" if self.chapter == START else self.chapter.replace("_", " ").capitalize()


@cache
def pages() -> tuple[PageFile, ...]:
    """Every page, in the order of the file names: pages/<n>_<chapter>/<nn>_<slug>.py."""
    entries = []
    for path in sorted((HERE / "pages").glob("*/[0-9]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = (ast.get_docstring(tree) or path.stem).splitlines()
        icon = next((line[5:].strip() for line in lines if line.startswith("icon:")), "article")
        slug, chapter = path.stem.partition("_")[2], path.parent.name.partition("_")[2]
        entries.append(PageFile(path, slug, lines[0].rstrip("."), icon, chapter))
    return tuple(entries)


@cache
def _entries() -> tuple[tuple[str, Any], ...]:
    """Every page as Streamlit has it, with the word of its menu: it looks each file up."""
    return tuple(
        (
            page.menu,
            st.Page(
                page.path,
                title=page.title,
                icon=f":material/{page.icon}:",
                url_path=None if i == 0 else page.slug,
                default=i == 0,
            ),
        )
        for i, page in enumerate(pages())
    )


def navigate() -> None:
    """Runs the page that the address names, inside the frame, when it is its turn; the lecturer's
    comes first. The first page is Home, at `/`."""
    with PAGES.taken(preferred=who.role(access.connection()) is Role.LECTURER):
        _framed()


def _framed() -> None:
    st.set_page_config(page_title="skipviz", page_icon=str(HERE / "assets/logo.svg"), layout="wide")
    st.logo(str(HERE / "assets/wordmark.svg"), size="large")
    st.html(HERE / "assets/style.css")
    keys.listen()
    takeaway.offer()
    account.arrive()
    watches = access.may(Action.WATCH)
    menus: dict[str, list[Any]] = {}
    for menu, entry in _entries():
        menus.setdefault(menu, []).append(copy.copy(entry))  # what is chosen is noted in it
    here = access.connection()
    framed = here is not None and here.embedded
    chosen = st.navigation(menus, position="hidden" if framed else "top")
    if watches:
        try:
            chosen.run()
        except SpecError as error:  # a right that was lost between two looks
            complain(error)
        account.way_in()
    else:
        st.title("This server is for a lecture's room")
        st.info(
            "Vote by the QR code, or the address, that the lecturer shows. Otherwise"
            f" {refusal(Action.WATCH)}.",
            icon=":material/how_to_vote:",
        )
        account.way_in()
