"""A net as one row: every unit that is measured is in it once, with its joins and its gates."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.wiring import JOINS, Wiring
from skipviz.graphs.rows import parts
from skipviz.store.frame_log import FrameLog, Writer, schema
from skipviz.store.lane_axes import lane_axes
from skipviz.stream import messages
from tests.graphs.test_graphs import NETS


@pytest.mark.parametrize("wiring", NETS.values(), ids=list(NETS))
def test_every_signal_point_is_in_one_part_and_in_its_place(wiring: Wiring) -> None:
    place = 0
    for part in parts(wiring):
        assert part["point"] == place and part["units"] >= 1
        place += part["units"]
    assert place == len(wiring.points)


@pytest.mark.parametrize("wiring", NETS.values(), ids=list(NETS))
def test_joins_and_gates_are_those_of_the_wiring(wiring: Wiring) -> None:
    row = parts(wiring)
    signs = Counter(sign for part in row for sign in part["joins"].split() * part["units"])
    wired = Counter(JOINS[join] for joins in wiring.joins.values() for join in joins)
    assert signs == wired
    gates = [part["gate"] + i for part in row if part["gate"] is not None
             for i in range(part["units"])]  # fmt: skip
    assert gates == list(range(len(wiring.gates)))
    for part in row:
        first = wiring.points[part["point"]].path
        dashed = any(edge.dashed for edge in wiring.body(first).edges)
        expected = "projection" if dashed else "identity"
        assert part["shortcut"] == (expected if part["joins"] else "none")


def test_the_first_message_of_a_run_brings_the_net_of_every_lane() -> None:
    lanes = [Lane(family="resnet", knobs={"backbone": "dense", "depth": 10, "plain_twin": twin})
             for twin in (True, False)]  # fmt: skip
    experiment = Experiment(lanes=lanes, data="digits", steps=5)
    log = FrameLog()
    log.append_bytes(Writer(schema(experiment.to_json(), lane_axes(experiment))).start())
    status = {"state": "running"}
    plain, residual = json.loads(messages.hello("a run", log, status, experiment))["nets"]
    assert {part["shortcut"] for part in plain} == {"none"}
    assert sum(part["units"] for part in residual if part["shortcut"] == "identity") == 4
