"""What is set for this server: `skipviz.toml`, then environment variables, which go before it.

                default   environment            skipviz.toml
what guests may watch     SKIPVIZ_GUESTS         guests = "watch" | "run" | "nothing"
trust loopback  true      SKIPVIZ_TRUST_LOCAL    trust_local = true | false
pass phrase     none      SKIPVIZ_PASSPHRASE     passphrase = "twelve characters at least"

The file is the one that SKIPVIZ_CONFIG names; else skipviz.toml in the working directory; else the
one in the user's folder for configurations.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from skipviz.access.roles import Guests
from skipviz.core.knob import SpecError, show

NAME = "skipviz.toml"
LEAST_CHARACTERS = 12
"""A pass phrase is typed by people and may be guessed at from the network."""

_YES_NO = {"1": True, "true": True, "yes": True, "on": True,
           "0": False, "false": False, "no": False, "off": False}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of one server.

    guests        what guests may do
    trust_local   whether loopback without a proxy is the lecturer
    passphrase    what a lecturer may log in with; empty: with a key alone
    """

    guests: Guests = Guests.WATCH
    trust_local: bool = True
    passphrase: str = field(default="", repr=False)


def candidates(environment: Mapping[str, str]) -> list[Path]:
    """Where the file is looked for, in this order."""
    if environment.get("SKIPVIZ_CONFIG"):
        return [Path(environment["SKIPVIZ_CONFIG"]).expanduser()]
    return [Path(NAME).absolute(), platformdirs.user_config_path("skipviz", False) / NAME]


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment and its file. SpecError, in one sentence."""
    values = _file(environment)
    for each in fields(Settings):
        variable = f"SKIPVIZ_{each.name.upper()}"
        if environment.get(variable):
            values[each.name] = (environment[variable], variable)
    return Settings(
        **{name: _CHECKS[name](value, where) for name, (value, where) in values.items()}
    )


def _file(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Each value of the file, and where it stands."""
    path = next((each for each in candidates(environment) if each.is_file()), None)
    if path is None:
        if environment.get("SKIPVIZ_CONFIG"):
            raise SpecError(f"SKIPVIZ_CONFIG: there is no file {environment['SKIPVIZ_CONFIG']}")
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: cannot be read ({error})") from error
    names = [each.name for each in fields(Settings)]
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        raise SpecError(f"{path}: there is no setting {show(unknown)}; there is {', '.join(names)}")
    return {name: (value, f"{path}, {name}") for name, value in values.items()}


def _guests(value: Any, where: str) -> Guests:
    if not isinstance(value, str) or value not in list(Guests):
        raise SpecError(f"{where}: {show(value)} must be one of {', '.join(Guests)}")
    return Guests(value)


def _trust_local(value: Any, where: str) -> bool:
    answer = value if isinstance(value, bool) else _YES_NO.get(str(value).lower())
    if answer is None:
        raise SpecError(f"{where}: {show(value)} must be true or false")
    return answer


def _passphrase(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) < LEAST_CHARACTERS:
        raise SpecError(f"{where}: must be a text of at least {LEAST_CHARACTERS} characters")
    return value


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "guests": _guests,
    "trust_local": _trust_local,
    "passphrase": _passphrase,
}


@cache
def current() -> Settings:
    """The settings of this process, read once. SpecError."""
    return load(os.environ)
