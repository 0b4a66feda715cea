"""What an idle worker does next, and who gives way: decided without a process."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skipviz.core.experiment import Experiment, Lane
from skipviz.core.limits import Limits
from skipviz.core.protocol import Measure, OrderKind, Steer, TrainChoices
from skipviz.server import places
from skipviz.server.dispatcher import Dispatcher
from skipviz.server.places import Expected
from skipviz.server.process import Job
from skipviz.server.run import Run
from skipviz.server.turns import Turns

EXPERIMENT = Experiment(
    lanes=[Lane(family="plain", knobs={"backbone": "dense", "depth": 4})], data="digits", steps=20
)


@dataclass
class Chair:
    """A worker's seat without a worker."""

    run: Run | None = None
    job: Job | None = None


def run_of(guest: str, name: str, *, stored: bool = True) -> Run:
    run = Run(name, EXPERIMENT, Path("nowhere") if stored else None)
    run.guest = guest
    return run


def job_of(guest: str, number: int) -> Job:
    return Job(Measure(number, "nowhere", "predictions", {}, 0), guest=guest)


def turns(running: int = 1, fits: bool = True) -> Turns:
    return Turns(running, lambda run, training: fits)


def sit(made: Turns, chairs: Sequence[Chair]) -> list[str]:
    """Fills the free chairs; the names of what sits there now."""
    for chair in chairs:
        if chair.run is None and chair.job is None:
            chosen = made.next(chairs)
            if isinstance(chosen, Job):
                chair.job = chosen
            else:
                chair.run = chosen
    return [
        chair.run.id if chair.run else f"job {chair.job.order.job}" if chair.job else ""
        for chair in chairs
    ]


def test_the_lecturer_s_run_takes_the_spare_worker_and_the_guest_s_gives_way() -> None:
    made, chairs = turns(), [Chair(), Chair()]
    made.add(run_of("anna", "a1"))
    made.add(run_of("ben", "b1"))
    assert sit(made, chairs) == ["a1", ""] and not made.to_give_way(chairs, idle=True)
    made.add(run_of("", "l1"))
    assert sit(made, chairs) == ["a1", "l1"]
    (leaves,) = made.to_give_way(chairs, idle=False)
    assert leaves.id == "a1"
    leaves.gives_way = True
    assert not made.to_give_way(chairs, idle=False), "it is asked once"
    chairs[0].run = None
    made.take_back(leaves)
    assert sit(made, chairs) == ["", "l1"], "guests wait while the lecturer's run trains"
    chairs[1].run = None
    assert sit(made, chairs) == ["a1", ""], "it goes on before all others"


def test_while_the_lecturer_s_run_stands_still_guests_have_what_is_left() -> None:
    made, chairs = turns(running=2), [Chair(), Chair(), Chair()]
    lecturers = run_of("", "l1")
    made.add(lecturers)
    made.add(run_of("anna", "a1"))
    assert sit(made, chairs) == ["l1", "", ""]
    lecturers.update(paused=True)
    assert sit(made, chairs) == ["l1", "a1", ""]
    lecturers.update(paused=False)
    assert [run.id for run in made.to_give_way(chairs, idle=True)] == ["a1"]


def test_measurements_of_guests_leave_a_worker_for_what_must_not_wait() -> None:
    made, chairs = turns(), [Chair(), Chair(), Chair()]
    for number in range(3):
        made.add_job(job_of("anna", number))
    assert sit(made, chairs) == ["job 0", "", ""]
    made.add(run_of("ben", "shown", stored=False))
    made.add_job(job_of("", 9))
    assert sit(made, chairs) == ["job 0", "job 9", "shown"]


def test_a_guest_s_run_gives_way_when_the_lecturer_s_measurement_finds_no_worker() -> None:
    made, chairs = turns(), [Chair(), Chair()]
    made.add(run_of("anna", "a1"))
    made.add_job(job_of("ben", 1))
    assert sit(made, chairs) == ["job 1", "a1"]
    made.add_job(job_of("", 2))
    assert not made.to_give_way(chairs, idle=True)
    assert [run.id for run in made.to_give_way(chairs, idle=False)] == ["a1"]


def test_a_class_run_comes_before_guests_runs_as_the_lecturer_s_own_does() -> None:
    made, chairs = turns(), [Chair(), Chair()]
    made.add(run_of("anna", "a1"))
    made.add(run_of("ben", "b1"))
    assert sit(made, chairs) == ["a1", ""]
    made.add_job(Job(TrainChoices(7, "choices-7", [EXPERIMENT.to_json()])))
    assert [run.id for run in made.to_give_way(chairs, idle=True)] == ["a1"], "while it waits"
    assert sit(made, chairs) == ["a1", "job 7"]
    (leaves,) = made.to_give_way(chairs, idle=False)
    leaves.gives_way = True
    chairs[0].run = None
    made.take_back(leaves)
    assert sit(made, chairs) == ["", "job 7"], "guests wait while it trains"
    said = places.sentences(made, chairs, Expected(), warm=True)
    assert all(sentence.endswith(places.LECTURERS_TURN) for _, sentence in said)
    chairs[1].job = None
    assert sit(made, chairs) == ["a1", ""], "it goes on before all others"


def test_a_guest_who_pauses_is_in_nobody_s_way_and_resumes_behind_those_who_wait() -> None:
    made, chairs = turns(), [Chair(), Chair()]
    annas = run_of("anna", "a1")
    made.add(annas)
    sit(made, chairs)
    annas.note(Steer(OrderKind.PAUSE, "a1", 1))
    annas.update(paused=True)
    assert not made.to_give_way(chairs, idle=True), "nobody waits for its worker"
    made.add(run_of("ben", "b1"))
    assert made.to_give_way(chairs, idle=True) == [annas]
    chairs[0].run = None
    made.take_back(annas)
    assert sit(made, chairs) == ["b1", ""] and made.waits(annas) and len(made.stored) == 0
    made.add(run_of("cem", "c1"))
    annas.note(Steer(OrderKind.RESUME, "a1", 2))
    made.steered(annas)
    chairs[0].run = None
    assert sit(made, chairs) == ["c1", ""]
    chairs[0].run = None
    assert sit(made, chairs) == ["a1", ""]


def test_a_run_for_which_there_is_no_memory_waits_until_others_end() -> None:
    made, chairs = turns(running=2, fits=False), [Chair(), Chair(), Chair()]
    made.add(run_of("anna", "a1"))
    made.add(run_of("ben", "b1"))
    assert sit(made, chairs) == ["a1", "", ""], "the first one begins: it was let in"
    chairs[0].run = None
    assert sit(made, chairs) == ["b1", "", ""]


def test_guests_runs_that_train_together_take_no_more_memory_than_they_may() -> None:
    run, other = run_of("anna", "a1"), run_of("ben", "b1")
    both_mb = 2 * run.needs.memory_bytes / 2**20
    assert Dispatcher(2, Limits(memory_mb=both_mb + 1))._has_memory(run, [other])
    assert not Dispatcher(2, Limits(memory_mb=both_mb - 1))._has_memory(run, [other])
    assert Dispatcher(2, Limits(memory_mb=0))._has_memory(run, [other]), "it is free"


def test_what_waits_is_told_its_place_its_time_and_what_it_waits_for() -> None:
    made, chairs, expected = turns(), [Chair(), Chair()], Expected()

    def told(*, warm: bool = True) -> dict[str, str]:
        said = places.sentences(made, chairs, expected, warm=warm)
        return {run.id: sentence for run, sentence in said}

    for name in ("a1", "a2", "a3"):
        made.add(run_of("anna", name))
    made.add(run_of("ben", "b1"))
    assert set(told(warm=False).values()) == {places.WARMING_UP}
    sit(made, chairs)
    running = chairs[0].run
    assert running is not None
    running.update(state="running", step=5, steps_per_s=0.05)
    assert told() == {
        "b1": "place 1 of 3 in the queue, about 5 min",
        "a2": "place 2 of 3 in the queue, about 5 min",
        "a3": "place 3 of 3 in the queue, about 5 min",
    }
    lecturers = run_of("", "l1")
    made.add(lecturers)
    sit(made, chairs)
    assert all(sentence.endswith(places.LECTURERS_TURN) for sentence in told().values())
    lecturers.update(state="running", paused=True)
    assert all(sentence.endswith(places.LECTURERS_PAUSE) for sentence in told().values())
    running.update(state="queued", step=7)
    made.take_back(running)
    assert told()["a1"].startswith("paused after step 7: place 1 of 4")


def test_no_guest_s_run_is_expected_to_take_longer_than_it_may() -> None:
    expected, run = Expected(most_s=60), run_of("anna", "a1")
    run.update(steps_per_s=0.001)
    assert expected.remaining_s(run) == 60
    run.trained_s = 45
    assert expected.remaining_s(run) == 15
    run.guest = ""
    assert expected.remaining_s(run) == 20_000


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_nothing_is_lost_and_no_more_train_than_may(seed: int) -> None:
    chance = random.Random(seed)
    running = chance.randint(1, 3)
    made, chairs = turns(running), [Chair() for _ in range(running + 1)]
    alive: dict[str, Any] = {}
    for number in range(300):
        what = chance.random()
        guest = chance.choice(["", "anna", "ben", "cem"])
        if what < 0.4:
            run = run_of(guest, f"run {number}", stored=chance.random() < 0.8)
            alive[run.id] = run
            made.add(run)
        elif what < 0.5:
            job = job_of(guest, number)
            alive[f"job {number}"] = job
            made.add_job(job)
        elif what < 0.9:
            chair = chance.choice(chairs)
            ended = chair.run.id if chair.run else f"job {chair.job.order.job}" if chair.job else ""
            alive.pop(ended, None)
            chair.run = chair.job = None
        elif alive:
            thing = alive[chance.choice(sorted(alive))]
            if isinstance(thing, Run) and made.cancel(thing):
                del alive[thing.id]
        names = sit(made, chairs)
        for run in made.to_give_way(chairs, idle="" in names):
            run.gives_way = True
        for chair in chairs:
            if chair.run is not None and chair.run.gives_way and chance.random() < 0.5:
                chair.run.gives_way = False
                made.take_back(chair.run)
                chair.run = None
        seated = [name for name in sit(made, chairs) if name]
        waiting = [run.id for line in (made.stored, made.shared) for run in line]
        waiting += [f"job {job.order.job}" for job in made.jobs] + list(made.resting)
        assert sorted([*seated, *waiting]) == sorted(alive)
        training = [chair.run for chair in chairs if chair.run and chair.run.folder]
        assert sum(not run.guest for run in training) <= running
        assert sum(bool(run.guest) for run in training) <= running
        if any(not run.guest for run in training):
            assert all(run.gives_way for run in training if run.guest)
