"""The log as JSON: one line for each event and each message, where `log = "json"` is set.

    {"time": "2026-05-04T09:15:00.123Z", "level": "info", "event": "run", "outcome": "finished", …}
    {"time": …, "level": "warning", "event": "message", "logger": "…", "message": "…"}

Messages of other packages may name addresses of phones and queries of pages: both are cut out.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from skipviz.core import events
from skipviz.core.strict_json import dumps

_QUERY = re.compile(r"(?<=[\w/])\?[^\s'\"]+")
_MAYBE_AN_ADDRESS = re.compile(r"\[?[0-9a-fA-F:.]{3,}\]?(?::\d+)?")
_PEER = re.compile(r"\('[^']*', \d+(?:, \d+)*\)")

_OTHERS = ("uvicorn", "streamlit", "websockets")
"""Whose loggers have handlers of their own."""


def without_addresses(text: str) -> str:
    """A message without addresses of browsers and without queries of pages."""
    text = _QUERY.sub("?…", _PEER.sub("…", text))
    return _MAYBE_AN_ADDRESS.sub(lambda match: _hidden(match[0]), text)


def _hidden(text: str) -> str:
    """A text, or … where it is an IP address, with a port or without."""
    bare = text.strip(".:")
    for candidate in (text, bare, bare.rpartition(":")[0]):
        try:
            ipaddress.ip_address(candidate.strip("[]"))
        except ValueError:
            continue
        return "…"
    return text


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
        }
        if record.name == events.LOGGER.name:
            line |= {"event": record.__dict__["event"], **record.__dict__["fields"]}
        else:
            message = without_addresses(record.getMessage())
            line |= {"event": "message", "logger": record.name, "message": message}
        if record.exc_info:
            line["traceback"] = without_addresses(self.formatException(record.exc_info))
        return dumps(line)


def write_json_lines(stream: Any = None) -> None:
    """From now on everything that is logged in this process is a line of JSON on standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name, logger in logging.root.manager.loggerDict.items():
        if not isinstance(logger, logging.Logger) or name.split(".")[0] not in _OTHERS:
            continue
        if logger.handlers:  # who has none was silenced on purpose
            logger.handlers.clear()
            logger.propagate = True
    events.LOGGER.setLevel(logging.INFO)
