"""The frame around every page: title, navigation found in pages/, footer with what the machine
is."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class PageFile:
    """One file of pages/: its docstring's first line is the title, a line "icon: name" its
    Material icon."""

    path: Path
    slug: str
    title: str
    icon: str


@cache
def pages() -> tuple[PageFile, ...]:
    """Every page, in the order of the file names: pages/<n>_<chapter>/<nn>_<slug>.py."""
    found = []
    for path in sorted((HERE / "pages").glob("*/[0-9]*.py")):
        lines = (ast.get_docstring(ast.parse(path.read_text())) or path.stem).splitlines()
        icon = next((line[5:].strip() for line in lines if line.startswith("icon:")), "article")
        slug = path.stem.partition("_")[2]
        found.append(PageFile(path, slug, lines[0].rstrip("."), icon))
    return tuple(found)


def navigate() -> None:
    """Runs the page that the address names, inside the frame. The first page is Home, at `/`."""
    st.set_page_config(page_title="skipviz", page_icon=str(HERE / "assets/logo.svg"), layout="wide")
    st.logo(str(HERE / "assets/wordmark.svg"), size="large")
    st.html(HERE / "assets/style.css")
    made = [
        st.Page(
            page.path,
            title=page.title,
            icon=f":material/{page.icon}:",
            url_path=None if i == 0 else page.slug,
            default=i == 0,
        )
        for i, page in enumerate(pages())
    ]
    st.navigation(made, position="top").run()
