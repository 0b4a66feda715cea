"""What is set for this server: `skipviz.toml`, then environment variables, which go before it.

                default   environment            skipviz.toml
what guests may watch     SKIPVIZ_GUESTS         guests = "watch" | "run" | "nothing"
trust loopback  true      SKIPVIZ_TRUST_LOCAL    trust_local = true | false
pass phrase     none      SKIPVIZ_PASSPHRASE     passphrase = "twelve characters at least"
lecturers       none      SKIPVIZ_LECTURERS      lecturers = ["ada@example.edu", "sub:248289"]
/metrics        false     SKIPVIZ_METRICS        metrics = true | false
its token       none      SKIPVIZ_METRICS_TOKEN  metrics_token = "twelve characters at least"
log             text      SKIPVIZ_LOG            log = "text" | "json"
disk for runs   20 GB     SKIPVIZ_RUNS_GB        runs_gb = 20, or 0 for no limit
Ray cluster     none      SKIPVIZ_CLUSTER        cluster = "10.0.0.5:6379" (docs/scaling.md)
share of a GPU  0         SKIPVIZ_CLUSTER_GPUS   cluster_gpus = 0.5, of each run there
framed by       nobody    SKIPVIZ_EMBED_FROM     embed_from = ["https://moodle.example.org"]
proxies         none      SKIPVIZ_PROXIES        proxies = ["172.18.0.0/16"] (docs/operating.md)
limits          see core/limits.py               [limits]
                          SKIPVIZ_LIMIT_<NAME>   guest_steps = 20000

The file is the one that SKIPVIZ_CONFIG names; else skipviz.toml in the working directory; else the
one in the user's folder for configurations. What is changed in it counts from the next question on,
`log`, cluster, proxies and limits from the next start.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import platformdirs

from skipviz.access.accounts import is_entry
from skipviz.access.roles import Guests
from skipviz.core import limits
from skipviz.core.knob import SpecError, show
from skipviz.core.limits import Limits

NAME = "skipviz.toml"
LEAST_CHARACTERS = 12
"""A pass phrase is typed by people and may be guessed at from the network."""

_log = logging.getLogger(__name__)


class LogForm(StrEnum):
    """How the server's log is written."""

    TEXT = "text"
    JSON = "json"


_YES_NO = {"1": True, "true": True, "yes": True, "on": True,
           "0": False, "false": False, "no": False, "off": False}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """The settings of one server.

    guests          what guests may do
    trust_local     whether loopback without a proxy is the lecturer
    passphrase      what a lecturer may log in with; empty: with a key alone
    lecturers       accounts that may log in with OpenID Connect (access/accounts.py); in the
                    environment separated by commas
    metrics         whether there is a page of figures for Prometheus
    metrics_token   with what others than the lecturer may read it; empty: nobody else
    log             how the log is written
    runs_gb         gigabytes that stored runs may take on disk; 0: any. Where a new run begins and
                    they take more, the oldest that are over and not pinned are deleted
    cluster         address and port of the Ray cluster that trains; empty: this machine does
    cluster_gpus    share of a GPU that a run takes there
    embed_from      origins of the sites that may frame pages opened with `?embed=true`
    proxies         addresses or networks of proxies elsewhere whose X-Forwarded-For and -Proto are
                    believed, as those of one on loopback are; never who is the lecturer
    limits          what a guest may use, and all together
    """

    guests: Guests = Guests.WATCH
    trust_local: bool = True
    passphrase: str = field(default="", repr=False)
    lecturers: tuple[str, ...] = ()
    metrics: bool = False
    metrics_token: str = field(default="", repr=False)
    log: LogForm = LogForm.TEXT
    runs_gb: float = 20.0
    cluster: str = ""
    cluster_gpus: float = 0.0
    embed_from: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    limits: Limits = Limits()


def candidates(environment: Mapping[str, str]) -> list[Path]:
    """Where the file is looked for, in this order."""
    if environment.get("SKIPVIZ_CONFIG"):
        return [Path(environment["SKIPVIZ_CONFIG"]).expanduser()]
    return [Path(NAME).absolute(), platformdirs.user_config_path("skipviz", False) / NAME]


def load(environment: Mapping[str, str]) -> Settings:
    """The settings of this environment and its file. SpecError, in one sentence."""
    values = _file(environment)
    table, where = values.pop("limits", ({}, ""))
    for name in _CHECKS:
        variable = f"SKIPVIZ_{name.upper()}"
        if environment.get(variable):
            values[name] = (environment[variable], variable)
    checked = {name: _CHECKS[name](value, where) for name, (value, where) in values.items()}
    return Settings(**checked, limits=_limits(table, where, environment))


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
    _check_known(str(path), values, [each.name for each in fields(Settings)], "setting")
    return {name: (value, f"{path}, {name}") for name, value in values.items()}


def _limits(table: Any, where: str, environment: Mapping[str, str]) -> Limits:
    """The limits of a table of the file and of the environment."""
    if not isinstance(table, dict):
        raise SpecError(f"{where}: must be a table, [limits]")
    names = [each.name for each in fields(Limits)]
    _check_known(where, table, names, "limit")
    values = {name: (value, f"{where}, {name}") for name, value in table.items()}
    for name in names:
        variable = f"SKIPVIZ_LIMIT_{name.upper()}"
        if environment.get(variable):
            values[name] = (environment[variable], variable)
    parsed: dict[str, Any] = {name: limits.parse(name, *each) for name, each in values.items()}
    return Limits(**parsed)


def _check_known(where: str, values: Mapping[str, Any], names: list[str], what: str) -> None:
    unknown = next((name for name in values if name not in names), None)
    if unknown is not None:
        there = ", ".join(names)
        raise SpecError(f"{where}: there is no {what} {show(unknown)}; there is {there}")


def _one_of(choices: type[StrEnum]) -> Callable[[Any, str], StrEnum]:
    def check(value: Any, where: str) -> StrEnum:
        if not isinstance(value, str) or value not in list(choices):
            raise SpecError(f"{where}: {show(value)} must be one of {', '.join(choices)}")
        return choices(value)

    return check


def _truth(value: Any, where: str) -> bool:
    answer = value if isinstance(value, bool) else _YES_NO.get(str(value).lower())
    if answer is None:
        raise SpecError(f"{where}: {show(value)} must be true or false")
    return answer


def _number(most: float, words: str) -> Callable[[Any, str], float]:
    """A number from 0 to `most`; `words` say so."""

    def check(value: Any, where: str) -> float:
        try:
            number = float(value) if not isinstance(value, bool) else -1.0
        except (TypeError, ValueError):
            number = -1.0
        if not 0 <= number <= most:
            raise SpecError(f"{where}: {show(value)} must be {words}")
        return number

    return check


def _address(value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[^\s:]+:[0-9]{1,5}", value):
        raise SpecError(f"{where}: {show(value)} must be host:port, such as 10.0.0.5:6379")
    return value


def _accounts(value: Any, where: str) -> tuple[str, ...]:
    entries = [each.strip() for each in value.split(",")] if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(map(is_entry, entries)):
        raise SpecError(
            f'{where}: must be a list of e-mail addresses, or of "sub:" and an account\'s subject'
        )
    return tuple(entries)


def _origins(value: Any, where: str) -> tuple[str, ...]:
    """Origins as a list, or as words with commas between them."""
    each = value.split(",") if isinstance(value, str) else value
    if not isinstance(each, list | tuple):
        raise SpecError(f"{where}: {show(value)} must be a list of origins")
    origins = tuple(str(one).strip().rstrip("/") for one in each)
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?", origin):
            raise SpecError(
                f"{where}: {show(origin)} must be an origin, such as https://moodle.example.org"
            )
    return origins


def _networks(value: Any, where: str) -> tuple[str, ...]:
    """Addresses and networks as a list, or as words with commas between them."""
    each = value.split(",") if isinstance(value, str) else value
    try:
        if not isinstance(each, list):
            raise ValueError
        return tuple(str(ipaddress.ip_network(str(one).strip())) for one in each)
    except ValueError:
        raise SpecError(
            f"{where}: {show(value)} must be a list of addresses or networks, such as 172.18.0.0/16"
        ) from None


def _secret(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) < LEAST_CHARACTERS:
        raise SpecError(f"{where}: must be a text of at least {LEAST_CHARACTERS} characters")
    return value


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "guests": _one_of(Guests),
    "trust_local": _truth,
    "passphrase": _secret,
    "lecturers": _accounts,
    "metrics": _truth,
    "metrics_token": _secret,
    "log": _one_of(LogForm),
    "runs_gb": _number(1e6, "a number of gigabytes, or 0 for no limit"),
    "cluster": _address,
    "cluster_gpus": _number(1, "a number from 0 to 1"),
    "embed_from": _origins,
    "proxies": _networks,
}


class _Current:
    """The settings as they were read last, and what they were read from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self._settings: Settings | None = None
        self._source: tuple[tuple[int, int] | None, ...] = ()
        self._paths: list[Path] = []

    def get(self) -> Settings:
        with self._lock:
            if self._settings is None:
                self._paths = candidates(os.environ)
            source = tuple(map(_stamp, self._paths))
            if self._settings is None or source != self._source:
                self._read(
                    is_gone=any(self._source) and not any(each and each[1] for each in source)
                )
                self._source = source
            assert self._settings is not None
            return self._settings

    def _read(self, *, is_gone: bool) -> None:
        """A file that is gone or empty may be just being written: were it taken at its word, this
        machine would be trusted for a moment."""
        try:
            if is_gone:
                raise SpecError(f"{NAME}: is gone, or empty")
            self._settings = load(os.environ)
        except SpecError as error:
            if self._settings is None:
                raise
            _log.warning("%s: what was set before still counts", error)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        of = path.stat()
    except OSError:
        return None
    return of.st_mtime_ns, of.st_size


_current = _Current()


def current() -> Settings:
    """The settings of this process, as the environment of its start and the file say now. A file
    that was changed for the worse counts no more than its log line. SpecError at the first
    reading."""
    return _current.get()


def forget() -> None:
    """Reads all of it again the next time, where the file is looked for included."""
    _current.forget()
