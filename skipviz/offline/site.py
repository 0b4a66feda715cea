"""The course as a static web site: scenes with their recordings, lessons, runs of a class.

    make(Wanted(), store, folder)

It needs no server and no network: classic scripts bring the data, so that its pages work from a
`file://` address and from any folder of any host. A folder that holds anything that skipviz did not
make is never written to; one that it made is replaced as a whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from skipviz.core import places, registry
from skipviz.core.knob import SpecError, show
from skipviz.core.scene import Scene
from skipviz.offline import lesson_text, page, parts, scene_parts, site_pages, worksheet
from skipviz.offline.page import Files
from skipviz.offline.report import content_of
from skipviz.offline.run_data import StoredRun, packed
from skipviz.offline.scene_parts import Shown
from skipviz.offline.site_pages import Course, ShownScene
from skipviz.offline.whole_folder import replaced
from skipviz.store import recordings
from skipviz.store.store import Store

MOST_BYTES = 30_000_000
"""Of a site of all that comes with skipviz."""

DATA_BYTES = 15_000_000
"""Of all runs' numbers together before they are packed."""
LEAST_OF_RUN, MOST_OF_RUN = 200_000, 1_500_000


@dataclass(frozen=True)
class Wanted:
    """What a site holds.

    scenes    their keys; None: all that have a recording
    lessons   their slugs; None: all, or, where scenes are picked, those whose scenes are there
    runs      ids of stored runs, each on a page of its own
    gpu       recordings that were made on a GPU too
    """

    scenes: tuple[str, ...] | None = None
    lessons: tuple[str, ...] | None = None
    runs: tuple[str, ...] = ()
    gpu: bool = False


@dataclass(frozen=True)
class Made:
    """A site that was made: where, of how many files and bytes."""

    folder: Path
    files: int
    bytes: int


def make(
    wanted: Wanted, store: Store, folder: Path, tell: Callable[[str], None] = lambda word: None
) -> Made:
    """Writes the site into `folder`, which is new, empty, or a site that was made before. SpecError
    where it is anything else, where a scene, a lesson or a run is not there, and where the disk
    does not take it.

    tell   hears what is made just now
    """
    lessons = _lessons(wanted)
    keys = _scenes(wanted, lessons, store)
    if wanted.scenes is not None:
        lessons = [each for each in lessons if set(each.scenes) <= set(keys)]
    with places.disk_errors(folder), replaced(folder) as half:
        for name in ("scenes", "lessons", "worksheets", "runs", "files/data"):
            (half / name).mkdir(parents=True)
        _write_shared(half / "files")
        most = DATA_BYTES // max(1, len(keys) + len(wanted.runs))
        most = max(LEAST_OF_RUN, min(MOST_OF_RUN, most))
        scenes = {}
        for key in keys:
            tell(registry.scenes()[key].title)
            scenes[key] = _gathered(key, store, half, most)
        runs = [_write_run(run_id, store, half, most) for run_id in wanted.runs]
        _write_pages(Course(scenes, lessons, runs), half)
        files = [path for path in half.rglob("*") if path.is_file()]
        made = Made(folder, len(files), sum(path.stat().st_size for path in files))
    return made


# --- what is in it


def _lessons(wanted: Wanted) -> list[lesson_text.Lesson]:
    known = lesson_text.lessons()
    slugs = [each.slug for each in known]
    if wanted.lessons is None:
        return known
    wrong = next((slug for slug in wanted.lessons if slug not in slugs), None)
    if wrong is not None:
        raise SpecError(f"lesson {show(wrong)}: must be one of {', '.join(slugs)}")
    return [each for each in known if each.slug in wanted.lessons]


def _scenes(wanted: Wanted, lessons: list[lesson_text.Lesson], store: Store) -> list[str]:
    """The keys of its scenes in the order of the course: those that are asked for, and those that
    its lessons show."""
    known = registry.scenes()
    wrong = next((key for key in wanted.scenes or () if key not in known), None)
    if wrong is not None:
        raise SpecError(f"scene {show(wrong)}: must be one of {', '.join(known)}")
    if wanted.scenes is None:
        return [key for key in known if _is_shown(key, wanted.gpu, store)]
    of_lessons = {key for each in lessons if wanted.lessons is not None for key in each.scenes}
    keys = [key for key in known if key in {*wanted.scenes, *of_lessons}]
    for key in keys:
        if problem := recordings.problem(key, store):
            raise SpecError(problem)
        if not _is_shown(key, wanted.gpu, store):
            raise SpecError(f"scene {show(key)}: its recording is of a GPU; ask for these too")
    return keys


def _is_shown(key: str, gpu: bool, store: Store) -> bool:
    """Has it a recording that is wanted?"""
    ids = recordings.of(key, store)
    on_cpu = all(store.status(run_id).get("device", "cpu") == "cpu" for run_id in ids.values())
    return bool(ids) and (gpu or on_cpu)


def _gathered(key: str, store: Store, half: Path, most: int) -> ShownScene:
    """A scene with its recording; its data is written."""
    scene: Scene = registry.scenes()[key]
    ids = recordings.of(key, store)
    experiments = {name: store.experiment(run_id) for name, run_id in ids.items()}
    evidence = recordings.evidence(key, store)
    shown = Shown(key, key, scene, evidence, ids, experiments, recorded=True)
    text, drawn = scene_parts.packed_figures(shown)
    _write_data(half, f"figures:{key}", text)
    for name in _live(scene):
        maps = any("gates" in each.panels for each in scene.figures if each.run == name)
        folder, status = store.folder(ids[name]), store.status(ids[name])
        run = StoredRun(ids[name], folder, experiments[name], status)
        data = packed(run, run.log(), most_bytes=most, with_maps=maps)
        _write_data(half, f"run:{run.id}", data.text)
    count = experiments["main"].seeds
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    return ShownScene(shown, drawn, f"{recordings.about(ids['main'], store)}; {seeds}.")


def _live(scene: Scene) -> list[str]:
    """The runs whose live charts a scene shows."""
    return list(dict.fromkeys(each.run for each in scene.figures if each.kind == "live"))


# --- what is written


def _write_shared(files: Path) -> None:
    style = parts.style("live") + parts.style("offline")
    (files / "style.css").write_text(style, encoding="utf-8")
    (files / "skipviz.js").write_text(parts.script(), encoding="utf-8")
    shutil.copyfile(parts.plotly_file(), files / "plotly.min.js")


def _data_file(name: str) -> str:
    return f"data/{name.replace(':', '.')}.js"


def _write_data(half: Path, name: str, text: str) -> None:
    script = parts.brought(name, text) + "\n"
    (half / "files" / _data_file(name)).write_text(script, encoding="utf-8")


def _of_scene(of: ShownScene) -> Iterator[str]:
    """The names of the data that a scene needs."""
    yield f"figures:{of.shown.pack}"
    yield from (f"run:{of.shown.ids[name]}" for name in _live(of.shown.scene))


def _write_run(run_id: str, store: Store, half: Path, most: int) -> tuple[str, str]:
    """The page of a run of one's own; its id and title."""
    folder, experiment = store.folder(run_id), store.experiment(run_id)
    run = StoredRun(run_id, folder, experiment, store.status(run_id))
    content = content_of(run, store, most)
    for name, text in content.packed.items():
        _write_data(half, name, text)
    body = site_pages.frame(content.html, "../")
    _write_page(half / "runs" / f"{run_id}.html", content.title, body, list(content.packed))
    return run_id, content.title


def _write_page(path: Path, title: str, body: str, data: list[str]) -> None:
    up = "" if path.name == "index.html" else "../"
    scripts = [f"{up}files/{_data_file(name)}" for name in data]
    scripts += [f"{up}files/{name}" for name in ("plotly.min.js", "skipviz.js")]
    files = Files(f"{up}files/style.css", scripts if data else scripts[-1:])
    whole = f"{title} · {site_pages.TITLE}" if up else title
    path.write_text(page.of_site(whole, body, files), encoding="utf-8")


def _write_pages(course: Course, half: Path) -> None:
    (half / "THIRD_PARTY.md").write_text(parts.third_party(), encoding="utf-8")
    for key, scene in course.scenes.items():
        body = site_pages.scene(scene, course)
        _write_page(half / "scenes" / f"{key}.html", scene.title, body, [*_of_scene(scene)])
        sheet = worksheet.sheet(scene.shown.scene)
        (half / "worksheets" / f"{key}.html").write_text(sheet, encoding="utf-8")
    for each in course.lessons:
        there = [course.scenes[key] for key in each.scenes if key in course.scenes]
        data = [name for scene in there for name in _of_scene(scene)]
        body = site_pages.lesson(each, course)
        _write_page(half / "lessons" / f"{each.slug}.html", each.title, body, data)
    _write_page(half / "index.html", site_pages.TITLE, site_pages.index(course), [])
