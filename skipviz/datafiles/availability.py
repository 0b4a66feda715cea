"""How to get a data set that is not here, in one sentence for pages and command line."""

from __future__ import annotations

from skipviz.core import places
from skipviz.core.declarations import Files
from skipviz.core.registry import dataset
from skipviz.datafiles import cache
from skipviz.datafiles.find import by_hand, find


def missing(key: str) -> str:
    """One sentence that says how to get a set that is not here; empty where it is here,
    and what became of one that a run was trained on and that is gone."""
    declared = dataset(key)
    if declared.gone:
        return declared.gone
    files = declared.files
    if files is None or find(files) is not None or cache.is_cached(key):
        return ""
    return absence(key, files)


def absence(key: str, files: Files) -> str:
    """The sentence for a set that is not here: how to get it, online and offline."""
    return (
        f"data {key}: not on this machine yet; get it on the Data page or with `python -m skipviz"
        f" data get {key}` ({places.megabytes(files.size)}), or put {by_hand(files)}"
    )
