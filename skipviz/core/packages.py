"""Which packages that training needs are missing here, and how to get them; imports none of them.

untrainable("training")   one sentence, empty where nothing is missing
check("training")         SpecError with that sentence
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

from skipviz.core.knob import SpecError
from skipviz.core.places import installed

NEEDED = ("torch", "torchvision")


def how(extra: str = "train") -> str:
    """What to run so that all packages are there: in a checkout its list of them."""
    return (
        f'run `pip install "skipviz[{extra}]"`'
        if installed()
        else "run `pip install -r requirements.txt`"
    )


@cache
def missing() -> tuple[str, ...]:
    """Those of NEEDED that cannot be imported here: looked for once, not loaded."""
    return tuple(name for name in NEEDED if not _there(name))


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def untrainable(what: str = "training") -> str:
    """One sentence on why `what` cannot be here and how to get it; empty where it can be."""
    absent = missing()
    if not absent:
        return ""
    names, verb = " and ".join(absent), "are" if len(absent) > 1 else "is"
    return f"{what} needs {names}, which {verb} not installed here: {how()} and start skipviz again"


def check(what: str = "training") -> None:
    """SpecError where torch or torchvision, which `what` needs, are not here."""
    sentence = untrainable(what)
    if sentence:
        raise SpecError(sentence)


def check_extra(what: str, package: str, extra: str = "export") -> None:
    """SpecError where a package that only `what` needs is not here."""
    if not _there(package):
        raise SpecError(f"{what} needs {package}, which is not installed here: {how(extra)}")
