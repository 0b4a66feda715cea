"""The connection to a Ray cluster, and the lines to its actors. Ray is imported where a server asks
for a cluster.

The server runs on a node of the cluster; all nodes share the folder of the runs. A cluster without
token authentication is refused: whoever reaches its ports could run anything.
"""

from __future__ import annotations

import io
import ipaddress
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from skipviz.core import child_processes
from skipviz.core.knob import SpecError
from skipviz.core.packages import check_extra
from skipviz.core.protocol import Hello, Order, Report
from skipviz.server import pipe
from skipviz.server.relay import LEASE_S, Relay

POLL_S = 4.0
"""An actor answers after so long even where its worker has said nothing: its heartbeat."""

LOST_S = LEASE_S + POLL_S
"""No answer for so long: the actor is lost, and its worker was killed before (`Relay`)."""

START_S = 180.0
"""An actor may wait so long for a free place on the cluster."""

_TRY = """
import sys
from ray._raylet import GcsClient
GcsClient(address=sys.argv[1]).internal_kv_keys(b"", None, 10)
"""
"""Asks the cluster's head for something without a token. `ray.init` would try for ever."""


_RAISED = re.compile(r"[A-Za-z_.]+(?:Error|Exception): (.+)")


class Lost(Exception):
    """An actor or the cluster is gone. Its text is one sentence."""


class Cluster:
    """A Ray cluster that trains for one server. SpecError where it cannot be used.

    address   host:port of its head, an address of this machine or of a private network
    store     the folder of the runs, which every node must see
    gpus      share of a GPU that a run takes; 0 on a cluster without
    """

    def __init__(self, address: str, store: Path, gpus: float = 0.0) -> None:
        check_extra("training on a Ray cluster", "ray", "ray")
        _check_private(address)
        _check_token(address)
        import ray

        with _as_spec_error(f"cluster {address}: cannot be reached"):
            ray.init(
                address, namespace="skipviz", configure_logging=False, log_to_driver=False,
                ignore_reinit_error=True,
            )  # fmt: skip
        self._mark = store / f".shared-{secrets.token_urlsafe(9)}"
        store.mkdir(parents=True, exist_ok=True)
        self._mark.touch()
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0, "max_task_retries": 0}
        self._actors = ray.remote(Relay).options(max_concurrency=4, **options)
        self._gpus = gpus
        self._hello: Hello | None = None
        self._lock = threading.Lock()

    @property
    def places(self) -> int:
        """How many runs train at a time: a CPU each, and a GPU's share where they take one."""
        import ray

        there = ray.cluster_resources()
        places = [int(there.get("CPU", 1))]
        if self._gpus:
            places.append(int(there.get("GPU", 0) / self._gpus))
        return max(1, min(places))

    def hello(self) -> Hello:
        """What a worker of the cluster says of its machine; asked once. Lost where the cluster is
        gone."""
        with self._lock:
            self._check_alive()
            if self._hello is None:
                line = Line(self)
                try:
                    line.begin()
                    self._hello = next(r for r in line.reports() if isinstance(r, Hello))
                except StopIteration:
                    raise Lost("a worker on the cluster ended before it was warm") from None
                finally:
                    line.end()
            return self._hello

    def actor(self) -> Any:
        """A new actor, which may wait for a free place."""
        return self._actors.remote(str(self._mark.parent), self._mark.name)

    def _check_alive(self) -> None:
        import ray

        try:
            alive = any(node["Alive"] for node in ray.nodes())
        except Exception as error:  # whatever Ray's parts raise
            raise Lost(_sentence(error)) from None
        if not alive:
            raise Lost("no node of the cluster is alive")

    def close(self) -> None:
        """Leaves the cluster; actors that are left end with it."""
        import ray

        ray.shutdown()
        self._mark.unlink(missing_ok=True)


class Line:
    """One actor, what is to be told to it and what it says.

    Orders may come before there is an actor; they are given in their order by a thread, because
    whoever sends must not wait for the network.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._actor: Any = None
        self._outgoing: list[bytes | None] = []
        self._bell = threading.Condition()
        self._over = False
        self._said = b""

    def begin(self) -> None:
        """Starts the actor. Lost where none can start."""
        import ray

        self._actor = self._cluster.actor()
        threading.Thread(target=self._give, daemon=True).start()
        try:
            ray.get(self._actor.__ray_ready__.remote(), timeout=START_S)
        except ray.exceptions.RayError as error:
            raise Lost(_sentence(error)) from None

    def send(self, order: Order) -> None:
        data = io.BytesIO()
        pipe.send(data, order)
        self._put(data.getvalue())

    def end_input(self) -> None:
        """No order comes any more: a worker that trains saves and goes."""
        self._put(b"")

    def reports(self) -> Iterator[Report]:
        """What the worker reports, until it ends or is lost."""
        return pipe.reports(self)  # type: ignore[arg-type]  # it is only read

    def read(self, size: int) -> bytes:
        """So many bytes of what the worker says; fewer at its end."""
        parts, length = [self._said], len(self._said)
        while length < size and not self._over:
            said, self._over = self._fetch()
            parts.append(said)
            length += len(said)
        whole = b"".join(parts)
        self._said = whole[size:]
        return whole[:size]

    def end(self) -> None:
        """Kills the actor and its worker."""
        import ray

        with self._bell:
            self._outgoing.append(None)
            self._bell.notify()
        if self._actor is not None:
            with suppress(Exception):  # it is gone, or the cluster is
                ray.kill(self._actor)

    # --- inside

    def _put(self, data: bytes) -> None:
        with self._bell:
            self._outgoing.append(data)
            self._bell.notify()

    def _give(self) -> None:
        import ray

        while True:
            with self._bell:
                self._bell.wait_for(lambda: self._outgoing)
                data = self._outgoing.pop(0)
            if data is None:
                return
            try:
                ray.get(self._actor.give.remote(data), timeout=START_S)
            except ray.exceptions.RayError:
                return  # whoever listens notices it as well

    def _fetch(self) -> tuple[bytes, bool]:
        import ray

        try:
            said: tuple[bytes, bool] = ray.get(self._actor.fetch.remote(POLL_S), timeout=LOST_S)
        except ray.exceptions.RayError:
            return b"", True
        return said


def _check_private(address: str) -> None:
    """SpecError for an address that is not one of this machine or of a private network."""
    host, _, port = address.rpartition(":")
    try:
        is_private = host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        is_private = False
    if not (is_private and port.isdigit()):
        raise SpecError(
            f"cluster {address}: must be the address and port of a machine of a private network,"
            " such as 10.0.0.5:6379"
        )


def _check_token(address: str) -> None:
    """SpecError where the cluster lets in whoever has no token."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        raise SpecError(
            "cluster: set RAY_AUTH_MODE=token for every node and for this server, with a token made"
            " by `ray get-auth-token --generate`"
        )
    environment = child_processes.environment(RAY_AUTH_MODE="disabled")
    stranger = subprocess.run(
        [sys.executable, "-c", _TRY, address], env=environment, capture_output=True, check=False
    )
    if stranger.returncode == 0:
        raise SpecError(
            f"cluster {address}: lets in whoever has no token; start its nodes with"
            " RAY_AUTH_MODE=token"
        )


@contextmanager
def _as_spec_error(what: str) -> Iterator[None]:
    """Whatever Ray raises in here, as one sentence."""
    try:
        yield
    except Exception as error:  # Ray raises what its parts raise: gRPC's, its own, RuntimeError
        raise SpecError(f"{what} ({_sentence(error)})") from None


def _sentence(error: BaseException) -> str:
    """What an error says, in one line: of an actor's, what was raised in it, the last line of its
    traceback; of any other the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [match[1] for line in lines if (match := _RAISED.match(line))]
    return (raised or lines[:1] or [type(error).__name__])[-1]
