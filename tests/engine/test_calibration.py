"""Where `auto` trains: decided by measured steps, once for a machine, and kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from skipviz import engine
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.placing import KINDS, Placing, alike, kind
from skipviz.engine import calibration, device_choice
from skipviz.engine import device as devices
from skipviz.store.store import Store
from skipviz.worker import machine as worker_machine

TWO = ("cuda", "cpu")


def lane(family: str = "resnet", **knobs: Any) -> Lane:
    return Lane(family=family, knobs={"backbone": "dense", "depth": 6} | knobs)


THIN, WIDE, CONV = lane(), lane(width=256), Lane(family="plain")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    return []


def pretend(asked: list[tuple[str, str]], **steps: tuple[float, float]) -> Callable[..., float]:
    """A measurement of a second device beside this one's: seconds (cuda, cpu) of each kind."""

    def measure(kind: str, device: str, until: float) -> float:
        asked.append((kind, device))
        return steps[kind][TWO.index(device)]

    return measure


USUAL = {"thin": (0.004, 0.001), "wide": (0.002, 0.003), "convolutional": (0.01, 0.09)}


@pytest.mark.parametrize(
    ("lanes", "wanted"),
    [([THIN], "thin"), ([WIDE], "wide"), ([CONV], "convolutional"),
     ([THIN, CONV], "convolutional"), ([THIN, WIDE], "wide")],
)  # fmt: skip
def test_the_kind_of_an_experiment_is_that_of_its_heaviest_net(
    lanes: list[Lane], wanted: str
) -> None:
    assert kind(Experiment(lanes=lanes)) == wanted


@pytest.mark.parametrize("key", registry.scenes())
def test_every_experiment_of_a_scene_has_a_kind(key: str) -> None:
    for experiment in registry.scenes()[key].runs.values():
        assert kind(experiment) in KINDS


def test_a_dense_block_is_as_wide_as_all_that_it_has_kept() -> None:
    narrow, wide = (lane("densenet", depth=depth, growth_rate=8) for depth in (13, 41))
    assert kind(Experiment(lanes=[narrow])) == "thin"
    assert kind(Experiment(lanes=[wide])) == "wide"


def test_the_faster_device_is_chosen_for_each_kind_and_the_sentence_says_by_how_much(
    asked: list[tuple[str, str]],
) -> None:
    found = calibration.calibrate(pretend(asked, **USUAL), TWO)
    assert {kind: found.choice(kind) for kind in KINDS} == {
        "thin": "cpu", "wide": "cuda", "convolutional": "cuda",
    }  # fmt: skip
    assert found.sentence("thin").startswith("trains on the CPU: 4× as fast as the GPU on dense")
    assert found.sentence("wide").startswith("trains on the GPU: 1.5× as fast as the CPU on dense")
    assert found.with_device(Experiment(lanes=[THIN])).device == "cpu"
    assert found.with_device(Experiment(lanes=[CONV])).device == "cuda"
    assert found.with_device(Experiment(lanes=[THIN], device="cuda")).device == "cuda"


def test_it_is_measured_once_and_anew_where_torch_driver_or_hardware_changed(
    asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = pretend(asked, **USUAL)
    first = calibration.calibrate(measure, TWO)
    assert len(asked) == 6 and calibration.calibrate(measure, TWO) == first and len(asked) == 6
    for name, value in (("_driver", lambda: "999.9"), ("platform", None)):
        if value is None:
            monkeypatch.setattr(torch, "__version__", "99.0")
        else:
            monkeypatch.setattr(device_choice, name, value)
        before = len(asked)
        calibration.calibrate(measure, TWO)
        assert len(asked) == before + 6
    monkeypatch.setattr(devices, "cores", lambda: 77)
    calibration.calibrate(measure, TWO)
    assert len(asked) == 24


def test_what_could_not_be_measured_has_a_default_by_kind_and_is_not_tried_again(
    asked: list[tuple[str, str]],
) -> None:
    def broken(kind: str, device: str, until: float) -> float:
        asked.append((kind, device))
        if device == "cuda":
            raise RuntimeError("CUDA error: out of memory\nlong story")
        return 0.001

    found = calibration.calibrate(broken, TWO)
    assert [found.choice(kind) for kind in KINDS] == ["cpu", "cuda", "cuda"]
    assert "not measured: CUDA error: out of memory)" in found.sentence("thin")
    before = len(asked)
    assert calibration.calibrate(broken, TWO) == found and len(asked) == before
    mended = calibration.calibrate(pretend(asked, **USUAL), TWO, again=True)
    assert mended.why == "" and calibration.calibrate(broken, TWO) == mended


@pytest.mark.parametrize("works", [True, False])
def test_a_later_worker_and_a_training_measure_nothing(
    asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, works: bool
) -> None:
    """In the midst of a lecture a worker is replaced, and runs begin."""

    def measure(kind: str, device: str, until: float) -> float:
        found = pretend(asked, **USUAL)(kind, device, until)
        if not works:
            raise RuntimeError("CUDA error")
        return found

    two = [{"key": key, "name": key, "memory": 0, "free": 0} for key in TWO]
    monkeypatch.setattr(devices, "available", lambda: two)
    monkeypatch.setattr(calibration, "seconds", measure)
    monkeypatch.setattr(worker_machine, "multiply_adds_per_s", lambda device: 1e9)
    first = worker_machine.hello().placing
    before = len(asked)
    assert before >= len(KINDS)
    assert worker_machine.hello().placing == first and len(asked) == before
    assert engine.Training(Experiment(lanes=[THIN])).experiment.device == "cpu"
    assert len(asked) == before


def test_a_device_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "BUDGET_S", 0.2)

    def hangs(kind: str, device: str, until: float) -> float:
        time.sleep(60 if device == "cuda" else 0)
        return 0.001

    found = calibration.calibrate(hangs, TWO)
    assert [found.choice(kind) for kind in KINDS] == ["cpu", "cuda", "cuda"]
    assert "not done within" in found.why


def test_without_another_device_nothing_is_measured_and_the_sentence_says_so(
    asked: list[tuple[str, str]], cache: Path
) -> None:
    found = calibration.calibrate(pretend(asked, **USUAL), ("cpu",))
    assert not asked and not list(cache.iterdir())
    assert found.sentence("convolutional") == "trains on the CPU: there is no other device here"


def test_a_stored_file_that_is_damaged_is_measured_again(
    asked: list[tuple[str, str]], cache: Path
) -> None:
    calibration.calibrate(pretend(asked, **USUAL), TWO)
    path = cache / "devices.json"
    whole = json.loads(path.read_text(encoding="utf-8"))
    for damaged in ("", "[]", json.dumps(whole | {"placing": {"devices": ["abacus"]}})):
        path.write_text(damaged, encoding="utf-8")
        before = len(asked)
        assert calibration.calibrate(pretend(asked, **USUAL), TWO).why == ""
        assert len(asked) == before + 6


def test_a_cache_that_cannot_be_written_costs_a_measurement_and_nothing_else(
    asked: list[tuple[str, str]], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SKIPVIZ_CACHE", str(cache / "file"))
    assert calibration.calibrate(pretend(asked, **USUAL), TWO).choice("wide") == "cuda"


@pytest.mark.slow
def test_the_real_measurement_times_real_steps_and_gives_the_threads_back() -> None:
    before = torch.get_num_threads()
    for each in KINDS:
        assert 0 < calibration.seconds(each, "cpu", time.monotonic() + 60) < 60
    assert torch.get_num_threads() == before
    with pytest.raises(TimeoutError):
        calibration.seconds("thin", "cpu", time.monotonic() - 1)


def test_a_training_says_which_device_auto_was(tmp_path: Path) -> None:
    training = engine.Training(Experiment(lanes=[THIN], steps=2))
    assert training.experiment.device == training.device.type != "auto"
    stored = Placing(("cuda", "cpu")).with_device(Experiment(lanes=[CONV]))
    assert alike(stored, Experiment(lanes=[CONV])) and stored.device == "cuda"
    assert not alike(stored, Experiment(lanes=[CONV], device="cpu"))
    assert not alike(stored, Experiment(lanes=[CONV], seed=1)) and not alike(stored, None)
    old = Store(tmp_path).create(Store.new_id(), Experiment(lanes=[THIN], steps=2))  # says auto
    kept = Experiment.from_json((old / "experiment.json").read_bytes())
    assert device_choice.with_device(kept).device == training.experiment.device


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_real_gpu_one_calibration_takes_three_seconds_at_most() -> None:
    began = time.monotonic()
    found = calibration.calibrate()
    assert time.monotonic() - began < calibration.BUDGET_S + 20  # CUDA's own start is not ours
    assert len(found.devices) > 1 and found.choice("convolutional") != "cpu"
    assert device_choice.placing() == found
