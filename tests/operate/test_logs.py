"""The log as JSON: a line for each event and message, without addresses and secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from skipviz.core import events
from skipviz.core.events import Event
from skipviz.operate import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Everything that is logged, as JSON lines; loggers are as before afterwards."""
    root, other = logging.getLogger(), logging.getLogger("uvicorn.error")
    before = root.handlers[:], other.handlers[:], other.propagate, events.LOGGER.level
    level = other.level
    other.handlers[:] = [logging.NullHandler()]
    other.setLevel(logging.NOTSET)  # a server that another test started may have raised it
    text = io.StringIO()
    logs.write_json_lines(text)
    yield text
    root.handlers[:], other.handlers[:], other.propagate = before[:3]
    events.LOGGER.setLevel(before[3])
    other.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_and_is_counted(stream: io.StringIO) -> None:
    before = events.counts().get(("run", "finished"), 0)
    events.tell(Event.RUN, outcome="finished", run="abcdefghijklmnopqrstuv", step=7)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "event": "run", "outcome": "finished", "run": "abcdefgh", "step": 7,
    }  # fmt: skip
    assert events.counts()["run", "finished"] == before + 1


def test_other_packages_messages_lose_addresses_and_queries(stream: io.StringIO) -> None:
    other = logging.getLogger("uvicorn.error")
    secrets = (
        '%s - "WebSocket /v/KQTRPM/live?room=secret" 403',
        "192.168.1.9:50123", "('10.1.2.3', 4711)", "2001:db8::7:1", "[::1]:8501",
        "('2001:db8::1', 4711, 0, 0)",
    )  # fmt: skip
    for peer in secrets[1:]:
        other.warning(secrets[0], peer)
    try:
        raise OSError("no way to 192.168.1.9:99 for /lecturer?key=abc")
    except OSError:
        other.exception("broke off")
    told = lines(stream)
    assert len(told) == 6 and told[0]["level"] == "warning" and told[0]["event"] == "message"
    text = stream.getvalue()
    for secret in ("192.168", "10.1.2", "2001:db8", "::1", "secret", "abc"):
        assert secret not in text
    assert "/v/KQTRPM/live?…" in told[0]["message"] and "OSError: no way to" in text.replace(
        "\\n", "\n"
    )


def test_a_message_that_is_no_address_stays_as_it_is() -> None:
    for text in ("12:30:45 finished 3 of 5 runs?", "lr=0.1.2 at 10:15", "version 2.11.0 of torch"):
        assert logs.without_addresses(text) == text


def test_a_flood_of_refusals_is_counted_and_fills_no_disk(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events.time, "monotonic", lambda: 12345.5)
    before = events.counts().get(("refused", "http"), 0)
    for _ in range(500):
        events.tell(Event.REFUSED, outcome="http", action="train")
    events.tell(Event.RUN, outcome="finished")
    told = lines(stream)
    assert len(told) == events.LINES_A_SECOND + 1 and told[-1]["event"] == "run"
    assert events.counts()["refused", "http"] == before + 500
