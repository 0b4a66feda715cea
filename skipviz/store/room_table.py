"""What a room answered, as a table: one row for each choice at each stage, one for each curve and
for each number that was picked.

    scene, title, question   what was asked
    stage       first vote, second vote, seen or picked
    answer      the letter of a choice, or the number that was picked; of a curve nothing
    text, count the choice in words; how many phones and hands
    shown       whether this choice is what the run showed: yes, no, or nothing where none ran
    curve       "x:y x:y …" in the figure's units

No names, no voters, and no order in which somebody answered.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping

from skipviz.core.phone_protocol import Stage
from skipviz.core.scene import Scene
from skipviz.store.room import Room

COLUMNS = ("scene", "title", "question", "stage", "answer", "text", "count", "shown", "curve")
STAGES = {Stage.FIRST: "first vote", Stage.SECOND: "second vote", Stage.SEEN: "seen"}


def table(room: Room, scenes: Mapping[str, Scene]) -> str:
    """The answers to all of these scenes as CSV, with its header."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for key, scene in scenes.items():
        about = {"scene": key, "title": scene.title, "question": scene.question}
        for stage, name in STAGES.items():
            for row in (*_choices(room, key, scene, stage), *_curves(room, key, scene, stage)):
                writer.writerow(about | {"stage": name} | row)
        for number, count in sorted(Counter(room.picks(key)).items()):
            row = {"stage": "picked", "answer": f"{number:.6g}", "count": count}
            writer.writerow(about | row)
    return text.getvalue()


def counts_by_stage(room: Room, key: str, scene: Scene) -> dict[Stage, list[int]]:
    """Phones and hands for each choice, at each stage at which somebody chose."""
    counts = {stage: room.counts(key, len(scene.choices_at(stage)), stage) for stage in STAGES}
    return {stage: counted for stage, counted in counts.items() if sum(counted)}


def _choices(room: Room, key: str, scene: Scene, stage: Stage) -> Iterator[dict[str, object]]:
    choices, shown = scene.choices_at(stage), room.shown(key)
    counts = room.counts(key, len(choices), stage)
    if sum(counts) or (stage is Stage.FIRST and shown is not None):
        for i, (choice, count) in enumerate(zip(choices, counts, strict=True)):
            is_shown = "" if shown is None else "yes" if shown == i else "no"
            yield {"answer": chr(65 + i), "text": choice, "count": count, "shown": is_shown}


def _curves(room: Room, key: str, scene: Scene, stage: Stage) -> Iterator[dict[str, object]]:
    for heights in room.sketches(key, stage) if scene.sketch is not None else ():
        assert scene.sketch is not None
        points = zip(*scene.sketch.points(heights), strict=True)
        curve = " ".join(f"{x:.4g}:{y:.3g}" for x, y in points)
        yield {"text": scene.sketch.says, "count": 1, "curve": curve}
