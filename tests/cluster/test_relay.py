"""The relay of a node, without Ray: it carries a worker's pipe, and ends what nobody listens to."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from skipviz.core.protocol import Hello, Report
from skipviz.server import pipe, ray_cluster, relay
from skipviz.server.relay import Relay
from tests.runs.test_manager import until

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "mark").touch()
    return tmp_path


def reports(through: Relay) -> list[Report]:
    """All that its worker says to its end."""
    parts, is_over = [], False
    while not is_over:
        data, is_over = through.fetch(60)
        parts.append(data)
    return list(pipe.reports(io.BytesIO(b"".join(parts))))


def test_a_relay_carries_what_a_worker_says_and_its_end(store: Path) -> None:
    through = Relay(str(store), "mark")
    assert through.fetch(0) == (b"", False)
    assert through.give(b"")  # the server is gone: it warms up, says hello or not, and ends
    assert all(isinstance(report, Hello) for report in reports(through))
    assert through.process.poll() is not None
    assert not through.give(b"more")


def test_a_worker_whose_server_is_silent_is_killed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LEASE_S", 0.2)
    through = Relay(str(store), "mark")
    until(lambda: through.process.poll() is not None)
    assert through.process.returncode != 0
    while not through.fetch(60)[1]:
        pass


def test_a_lease_is_over_and_looked_at_before_the_server_gives_the_run_to_another() -> None:
    looked_at_s = relay.LEASE_S / 10
    assert relay.LEASE_S + looked_at_s + 1 < ray_cluster.LOST_S


def test_what_a_server_does_not_fetch_is_bounded_and_nothing_is_lost(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_BYTES", 1)
    through = Relay(str(store), "mark")
    assert through.give(b"")
    assert all(isinstance(report, Hello) for report in reports(through))


def test_a_node_that_does_not_share_the_runs_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not see the runs' folder"):
        Relay(str(tmp_path), "mark")
