"""Runs side by side: their axes, their differences, what was chosen otherwise, a sweep as one."""

from __future__ import annotations

import numpy as np
import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.frame import Frame, LaneFrame
from skipviz.figures import comparison as figures
from skipviz.store import comparison
from skipviz.store.comparison import Compared
from skipviz.store.frame_log import FrameLog, Writer, schema
from skipviz.store.lane_axes import lane_axes


def lane(family: str, **knobs: object) -> Lane:
    return Lane(family=family, knobs={"backbone": "dense", "depth": 3} | knobs)


def run(number: int, losses: np.ndarray, *lanes: Lane, **fields: object) -> Compared:
    """A run whose losses (T, lanes, S) were read at every `record_every`-th step; every other
    number in it is that of its layer plus its step."""
    steps, seeds = len(losses), losses.shape[2]
    every = int(fields.get("record_every", 1))  # type: ignore[call-overload]
    of = Experiment(lanes=lanes, steps=steps * every, seeds=seeds, **fields)
    frames = []
    for k, row in enumerate(losses):
        each = []
        for axes, at in zip(lane_axes(of), row, strict=True):
            sizes = {
                "signal_gradient_norm": axes.points, "weight_gradient_norm": axes.layers,
                "activation_scale": axes.points, "gate_mean": axes.gates,
            }  # fmt: skip
            profiles = {
                name: np.tile(np.arange(1.0, len(parts) + 1), (seeds, 1)) * 10.0 ** (k % 2)
                for name, parts in sizes.items()
            }
            one = seeds == 1
            gone = np.flatnonzero(~np.isfinite(at))
            values = {name: part[0] if one else part for name, part in profiles.items()}
            loss = float(at[0]) if one else at
            each.append(LaneFrame(
                loss=loss, error=loss, diverged_at=k if len(gone) else None, **values
            ))  # fmt: skip
        frames.append(Frame(step=k * every, lanes=tuple(each)))
    writer = Writer(schema(of.to_json(), lane_axes(of)))
    log = FrameLog()
    log.append_bytes(writer.start() + writer.batch(frames, [0.5 * k for k in range(steps)]))
    return Compared(number, f"{number:_<22}", "", of, log, "finished")


SHORT = run(1, np.full((4, 2, 1), 2.0), lane("plain"), lane("highway"), batch_size=10)
LONG = run(
    2, np.arange(1.0, 7.0)[:, None, None] * [1, 2], lane("plain", depth=5), batch_size=20,
    record_every=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("axis", "ends"),
    [("step", [3, 3, 10]), ("samples", [30, 30, 200]), ("time", [1.5, 1.5, 2.5])],
)
def test_runs_of_unequal_length_stand_on_one_axis(axis: str, ends: list[float]) -> None:
    lines = comparison.curves([SHORT, LONG], "loss", axis)
    assert [line.label[:3] for line in lines] == ["1 ·", "1 ·", "2 ·"]
    assert [float(line.x[-1]) for line in lines] == ends
    assert lines[2].each_seed.shape == (2, 6)
    np.testing.assert_array_equal(lines[2].middle, 1.5 * np.arange(1, 7))


def test_a_difference_is_taken_where_both_have_readings() -> None:
    lines = comparison.curves([SHORT, LONG], "loss", "step")
    first, other = comparison.differences(lines, lines[0], of_layers=False, ratio=False)
    assert first.label.startswith("1") and not first.middle.any()
    np.testing.assert_array_equal(other.x, [0, 2])
    np.testing.assert_array_equal(other.middle, [-0.5, 1.0])
    back = comparison.differences(lines, lines[2], of_layers=False, ratio=False)[0]
    np.testing.assert_allclose(back.middle, 2 - 1.5 * (1 + np.arange(4) / 2))


def test_profiles_of_nets_of_other_depths_are_laid_over_each_other_from_end_to_end() -> None:
    shallow, _, deep = comparison.profiles([SHORT, LONG], "weight_gradient_norm", 1)
    assert (len(shallow.x), len(deep.x)) == (3, 5)
    (other,) = comparison.differences([shallow, deep], shallow, of_layers=True, ratio=True)
    ends = other.middle[[0, -1]]
    np.testing.assert_allclose(ends, np.log10([deep.middle[0] / shallow.middle[0],
                                               deep.middle[-1] / shallow.middle[-1]]))  # fmt: skip


def test_a_shorter_run_shows_its_last_step_and_a_lane_without_gates_no_gates() -> None:
    assert comparison.last_step([SHORT, LONG]) == 10
    lines = comparison.profiles([SHORT, LONG], "gate_mean", 10)
    assert [line.label for line in lines] == [comparison.lane_labels(SHORT)[1]]
    np.testing.assert_array_equal(lines[0].middle, 10.0 * np.arange(1, len(lines[0].x) + 1))


def test_what_diverged_is_counted_and_leaves_the_chart_at_its_top() -> None:
    losses = np.full((5, 1, 3), 1.0)
    losses[2:, 0, 0], losses[3:, 0, 0] = 1e9, np.nan
    wild = run(1, losses, lane("plain"))
    (line,) = comparison.curves([wild], "loss", "step")
    assert line.gone_at == (3.0,) and line.fate == "1 of 3 seeds diverged"
    assert line.middle.tolist() == [1.0] * 5
    assert comparison.finals(wild) == [[np.inf, 1.0, 1.0]]
    calm = run(2, np.full((5, 1, 1), 2.0), lane("plain"))
    chart = figures.overlaid(
        comparison.curves([wild, calm], "loss", "step"), axes=("step", "loss"), dark=False
    )
    assert len(chart.data) == 3 + 2 and "1 of 3 seeds diverged" in chart.data[3].name
    assert chart.layout.yaxis.range[1] < 1e3
    assert list(chart.data[0].y) == [1.0, 1.0, 1e9, None, None]


def test_the_knobs_that_differ_are_known_and_a_family_without_one_has_none() -> None:
    fields = {row.name: row for row in comparison.fields_of([SHORT, LONG])}
    assert fields["batch_size"].values == ("10", "20") and fields["batch_size"].differs
    assert fields["lr"].values == ("0.1", "0.1") and not fields["lr"].differs
    assert fields["budgets"].values == ("none", "none")
    knobs = {row.name: row for row in comparison.knobs_of([SHORT, LONG])}
    assert knobs["depth"].values == ("3", "3", "5")
    assert knobs["gate_bias"].values[0] == knobs["gate_bias"].values[2] == "–"
    assert knobs["family"].values == ("plain", "highway", "plain")
    table = figures.table(["<1>"], [("lr", ["0.1"], True)])
    assert "&lt;1&gt;" in table and "≠" in table


def test_a_sweep_is_one_figure_over_the_knob_that_has_most_values() -> None:
    runs = [
        run(
            k,
            np.full((6, 2, 2), float(depth)),
            lane("plain", depth=depth),
            lane("highway", depth=depth),
        )
        for k, depth in enumerate((10, 3, 5), start=1)
    ]
    of = comparison.summary(runs)
    assert (of.knob, of.places) == ("depth", ("3", "5", "10"))
    plain_at, highway_at = (of.series[label] for label in of.series)
    assert plain_at["10"] == highway_at["10"] == [10.0, 10.0]
    medians = {label: {place: 1.0 for place in at} for label, at in of.series.items()}
    chart = figures.swept(of.series, places=of.places, medians=medians, knob=of.knob, dark=True)
    assert list(chart.data[0].x) == ["3", "5", "10"] and len(chart.data[1].x) == 6


def test_a_sweep_of_any_field_of_an_experiment_is_drawn_over_it() -> None:
    for field, values in (("batch_size", (8, 2, 16)), ("momentum", (0.9, 0.0, 0.5))):
        runs = [
            run(k, np.full((6, 1, 1), float(k)), lane("plain"), **{field: value})
            for k, value in enumerate(values, start=1)
        ]
        of = comparison.summary(runs)
        assert (of.knob, of.places) == (field, tuple(map(str, sorted(values))))
        assert of.series == {"all": {str(v): [float(k)] for k, v in enumerate(values, start=1)}}


def test_where_a_net_was_trained_parts_no_sweep() -> None:
    runs = [
        run(k, np.full((6, 1, 1), 1.0), lane("plain", depth=depth), device=device)
        for k, (depth, device) in enumerate(((3, "cpu"), (5, "auto")), start=1)
    ]
    assert list(comparison.summary(runs).series) == ["all"]
