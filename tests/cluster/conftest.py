"""The back ends that the conformance suite runs against: processes of this machine, and a Ray
cluster of two nodes on the loopback, where Ray is installed (`make test-ray`)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import pytest

from skipviz.server import dispatcher
from skipviz.server.manager import Manager
from skipviz.server.process import Worker
from skipviz.server.ray_cluster import Cluster
from skipviz.server.ray_worker import ClusterWorker
from skipviz.store.store import Store
from tests.runs.test_manager import until

NO_RAY = "Ray is not installed here; `make test-ray` installs it"


@pytest.fixture(scope="session")
def ray_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes with a CPU each: its handle, to which nodes can be added."""
    if find_spec("ray") is None:
        pytest.skip(NO_RAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("PYTHONPATH", os.getcwd())
        from ray.cluster_utils import Cluster as Nodes

        head = {"num_cpus": 1, "node_ip_address": "127.0.0.2", "include_dashboard": False}
        nodes = Nodes(initialize_head=True, head_node_args=head)
        yield nodes
        nodes.shutdown()


@pytest.fixture(scope="package", params=["local", "ray"])
def manager(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Manager]:
    """A manager that is ready, on one of the back ends."""
    store = Store(tmp_path_factory.mktemp("runs"))
    cluster: Cluster | None = None
    if request.param == "ray":
        nodes = request.getfixturevalue("ray_nodes")
        cluster = Cluster(nodes.address, store.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatcher, "STOP_S", 60.0)
        new_worker = partial(ClusterWorker, cluster=cluster) if cluster else Worker
        started = Manager(store, running=1, new_worker=new_worker)
        started.start()
        until(lambda: started.dispatcher.ready)
        yield started
        started.close()
    if cluster is not None:
        cluster.close()
