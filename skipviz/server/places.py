"""What a run that waits is told: its place, about how long it waits, and what it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skipviz.server import wait_times
from skipviz.server.needs import SPEED
from skipviz.server.orders import BLOCKED
from skipviz.server.run import Run
from skipviz.server.turns import Seat, Turns

WARMING_UP = "a worker is warming up"
LECTURERS_TURN = "the lecturer's run goes first"
LECTURERS_PAUSE = "the lecturer's run is paused; yours follows it"


class Expected:
    """How long runs take: as was worked out, and as those before them took.

    most_s   the seconds that a guest's run may train
    speeds   multiply-adds per second of each device, as a worker says
    """

    def __init__(self, most_s: float = float("inf")) -> None:
        self.most_s = most_s
        self.speeds: dict[str, float] = {}
        self._slower = 1.0

    def measured(self, speeds: Mapping[str, float]) -> None:
        """What one more worker measured while it warmed up, perhaps beside others: the fastest
        counts."""
        for device, speed in speeds.items():
            self.speeds[device] = max(speed, self.speeds.get(device, 0.0))

    def step_s(self, run: Run) -> float:
        """The seconds of a step, as worked out."""
        return run.needs.step_s(self.speed(run.experiment.device))

    def speed(self, device: str) -> float:
        """Multiply-adds per second of a device; of `auto`, of the fastest."""
        return self.speeds.get(device) or max(self.speeds.values(), default=SPEED)

    def remaining_s(self, run: Run) -> float:
        """The seconds that a run still takes."""
        status = run.status()
        steps = max(0, run.experiment.steps - status.get("step", 0))
        speed = status.get("steps_per_s", 0.0)
        took = steps / speed if speed > 0 else steps * self.step_s(run) * self._slower
        if run.experiment.seconds:
            took = min(took, max(0.0, run.experiment.seconds - status.get("spent_s", 0.0)))
        return min(took, max(0.0, self.most_s - run.with_worker_s)) if run.guest else took

    def learn(self, run: Run) -> None:
        """Takes note of how long a run took that has ended."""
        worked_out_s = run.status().get("step", 0) * self.step_s(run)
        if worked_out_s > 0.05:
            ratio = min(10.0, max(0.1, run.with_worker_s / worked_out_s))
            self._slower += 0.3 * (ratio - self._slower)


def sentences(
    turns: Turns, seats: Sequence[Seat], expected: Expected, *, warm: bool
) -> list[tuple[Run, str]]:
    """Each stored run that waits, and what it is told."""
    runs = [seat.run for seat in seats if seat.run is not None and seat.run.folder is not None]
    waiting = list(turns.stored)
    held = any(run.status().get("paused") for run in runs if not run.guest)
    lecturer_runs = turns.lecturer_runs(seats)
    begins = wait_times.starts(
        [expected.remaining_s(run) for run in runs],
        [expected.remaining_s(run) for run in waiting],
        turns.running,
    )
    said = []
    for place, (run, begin_s) in enumerate(zip(waiting, begins, strict=True), 1):
        where = f"place {place} of {len(waiting)} in the queue"
        if not warm:
            where = WARMING_UP
        elif held:
            where = f"{where}; {LECTURERS_PAUSE if run.guest else BLOCKED}"
        else:
            where = f"{where}, {wait_times.words(begin_s)}"
            where += f"; {LECTURERS_TURN}" if run.guest and lecturer_runs else ""
        step = run.status().get("step", 0)
        said.append((run, f"paused after step {step}: {where}" if step else where))
    said += [(run, "paused; Resume queues it again") for run in turns.resting.values()]
    return said
