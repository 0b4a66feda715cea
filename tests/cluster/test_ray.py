"""What is Ray's own: two nodes of which one is lost, and clusters that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from skipviz import engine
from skipviz.core.knob import SpecError
from skipviz.server import dispatcher
from skipviz.server import manager as manager_module
from skipviz.server.manager import Manager
from skipviz.server.ray_cluster import Cluster, Lost
from skipviz.server.ray_worker import ClusterWorker
from skipviz.server.run import Run
from skipviz.store.store import Store
from tests.cluster.conftest import NO_RAY
from tests.runs.test_manager import started, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason=NO_RAY),
]


@pytest.fixture
def second_node(ray_nodes: Any) -> Any:
    return ray_nodes.add_node(num_cpus=1, node_ip_address="127.0.0.3")


@pytest.fixture
def manager(
    ray_nodes: Any, second_node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Manager]:
    """A manager with a place on each of two nodes."""
    monkeypatch.setattr(dispatcher, "STOP_S", 60.0)
    cluster = Cluster(ray_nodes.address, tmp_path)
    assert cluster.places == 2
    new_worker = partial(ClusterWorker, cluster=cluster)
    two_places = Manager(Store(tmp_path), running=2, new_worker=new_worker)
    two_places.start()
    until(lambda: two_places.dispatcher.ready)
    yield two_places
    two_places.close()
    cluster.close()


def test_a_node_that_is_lost_interrupts_its_run_which_goes_on_elsewhere(
    manager: Manager, ray_nodes: Any, second_node: Any
) -> None:
    runs = [started(manager, seed=seed, record_every=50) for seed in (0, 1)]
    until(lambda: all((run.folder or Path()).joinpath("checkpoint.pt").is_file() for run in runs))
    ray_nodes.remove_node(second_node, allow_graceful=False)
    until(lambda: any(run.ended for run in runs))
    (lost,) = [run for run in runs if run.ended]
    (other,) = [run for run in runs if not run.ended]
    assert lost.status()["state"] == "interrupted"
    before = other.log.n
    until(lambda: other.log.n > before)
    manager.stop(other.id)
    until(lambda: other.ended)
    had = lost.log.n
    manager.resume(lost.id)
    until(lambda: lost.status()["state"] == "running" and lost.log.n > had)
    manager.stop(lost.id)
    until(lambda: lost.ended)
    _has_the_engines_losses(lost)


def _has_the_engines_losses(run: Run) -> None:
    """At every recorded step but the last, which a stop adds."""
    steps = [int(step) for step in run.log.column("step")][:-1]
    whole = run.experiment.with_(steps=steps[-1] + 1)
    losses = {frame.step: frame.lanes[0].loss for frame in engine.train(whole)}
    assert [float(loss) for loss in run.log.lane(0, "loss")[:-1, 0, 0]] == [
        losses[step] for step in steps
    ]


def test_a_node_that_does_not_share_the_runs_folder_is_lost_with_that_sentence(
    ray_nodes: Any, tmp_path: Path
) -> None:
    cluster = Cluster(ray_nodes.address, tmp_path)
    (mark,) = tmp_path.glob(".shared-*")
    mark.unlink()
    with pytest.raises(Lost, match="^this node does not see the runs' folder"):
        cluster.hello()
    cluster.close()


def test_a_server_that_ends_leaves_its_cluster(
    ray_nodes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKIPVIZ_RUNS", str(tmp_path))
    monkeypatch.setenv("SKIPVIZ_CLUSTER", ray_nodes.address)
    until(lambda: manager_module.current().dispatcher.ready)
    assert list(tmp_path.glob(".shared-*"))
    manager_module.close()
    assert not list(tmp_path.glob(".shared-*"))


@pytest.mark.parametrize("address", ["8.8.8.8:6379", "example.org:6379", "10.0.0.5"])
def test_an_address_that_is_not_of_a_private_network_is_refused(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match="private network"):
        Cluster(address, tmp_path)


def test_a_server_without_a_token_is_told_to_take_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(SpecError, match="RAY_AUTH_MODE=token"):
        Cluster("127.0.0.2:6379", tmp_path)


def test_a_cluster_that_lets_in_whoever_has_no_token_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    from ray.cluster_utils import Cluster as Nodes

    head = {"num_cpus": 1, "node_ip_address": "127.0.0.4", "include_dashboard": False}
    nodes = Nodes(initialize_head=True, head_node_args=head)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    try:
        with pytest.raises(SpecError, match="lets in whoever has no token"):
            Cluster(nodes.address, tmp_path)
    finally:
        nodes.shutdown()
