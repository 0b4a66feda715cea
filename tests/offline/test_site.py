"""The course site: whole, small, every link leads somewhere, and every option does what it says."""

from __future__ import annotations

import json
import re
import shutil
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from skipviz.cli.main import main
from skipviz.core import registry
from skipviz.core.atomic_files import read_json, write_json
from skipviz.core.knob import SpecError
from skipviz.offline.lesson_text import lessons
from skipviz.offline.site import Wanted, make
from skipviz.store import recordings, run_marks
from skipviz.store.store import Store
from tests.test_strict_json import strict

RUNS = Path(__file__).parents[1] / "fixtures" / "runs"
SHIPPED = Store()
NAME = "<none> a<b>c $x$"
RECORDED = [key for key in registry.scenes() if recordings.of(key, SHIPPED)]


class Links(HTMLParser):
    """The addresses, ids and places of charts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.data: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [str(given[name]) for name in ("href", "src") if name in given]
        self.ids += [str(given["id"])] if "id" in given else []
        if "data-mount" in given:
            self.data.add(f"run.{json.loads(given['data-mount'] or '{}')['run']}")
        if "data-still" in given:
            self.data.add(f"figures.{str(given['data-still']).partition('/')[0]}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that comes with the program, and a run of one's own."""
    home = tmp_path_factory.mktemp("site")
    store = Store(home / "runs")
    own = store.new_id()
    shutil.copytree(RUNS / "maps", store.folder(own))
    run_marks.mark(store, own, name=NAME, note=NAME)
    return make(Wanted(runs=(own,)), store, home / "course").folder


@pytest.mark.slow
def test_the_site_writes_the_name_of_a_run_as_it_is(site: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in site.rglob("*.html")]
    assert any(f">{escape(NAME)}<" in text for text in pages)
    assert not any("<none>" in text or "a<b>c" in text for text in pages)


@pytest.mark.slow
def test_the_site_holds_every_scene_lesson_and_run_and_stays_small(site: Path) -> None:
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert len(RECORDED) >= 19
    assert pages >= {f"scenes/{key}.html" for key in RECORDED}
    assert pages >= {f"worksheets/{key}.html" for key in RECORDED}
    assert pages >= {f"lessons/{each.slug}.html" for each in lessons()}
    assert len([page for page in pages if page.startswith("runs/")]) == 1
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 30_000_000
    assert "CC BY 4.0" in (site / "THIRD_PARTY.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_link_leads_to_a_file_of_the_site_and_every_chart_has_its_data(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Links(path.read_text(encoding="utf-8"))
        assert len(page.ids) == len(set(page.ids)), path
        for address in page.addresses:
            file, _, part = address.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there.is_file() and there.is_relative_to(site.resolve()), f"{path}: {address}"
            if part:
                assert part in Links(there.read_text(encoding="utf-8")).ids, f"{path}: {address}"
        scripts = {Path(each).stem for each in page.addresses if "/data/" in each}
        assert page.data <= scripts, f"{path}: {page.data - scripts}"


@pytest.mark.slow
def test_a_scene_of_the_site_has_its_question_verdicts_caveat_and_exercises(site: Path) -> None:
    for key in RECORDED:
        scene = registry.scenes()[key]
        text = (site / "scenes" / f"{key}.html").read_text(encoding="utf-8")
        assert text.count('data-state="met"') == len(scene.expects)
        assert text.count('type="radio"') == len(scene.choices)
        assert text.count("<details") == len(scene.exercises)
        assert len(re.findall("data-mount=|data-still=", text)) == len(scene.figures)


def test_only_what_is_asked_for_is_there_and_lessons_bring_their_scenes(tmp_path: Path) -> None:
    made = make(Wanted(scenes=("lesion",)), SHIPPED, tmp_path / "one")
    assert [path.stem for path in (made.folder / "scenes").iterdir()] == ["lesion"]
    assert [path.stem for path in (made.folder / "lessons").iterdir()] == ["what_we_got_wrong"]
    wanted = Wanted(scenes=(), lessons=("dense",))
    made = make(wanted, SHIPPED, tmp_path / "two")
    assert [path.stem for path in (made.folder / "scenes").iterdir()] == ["feature_reuse"]
    assert [path.stem for path in (made.folder / "lessons").iterdir()] == ["dense"]


def test_a_recording_of_a_gpu_is_there_only_when_it_is_asked_for(tmp_path: Path) -> None:
    recorded = tmp_path / "recordings"
    shutil.copytree(SHIPPED.recordings / "lesion", recorded / "lesion")
    status = recorded / "lesion" / "main" / "status.json"
    write_json(status, read_json(status) | {"device": "cuda"})
    store = Store(tmp_path / "runs", recorded)
    made = make(Wanted(), store, tmp_path / "without")
    assert not list((made.folder / "scenes").iterdir())
    lesson = made.folder / "lessons" / "what_skips_do.html"
    assert "has no recording on this site" in lesson.read_text(encoding="utf-8")
    with pytest.raises(SpecError, match="its recording is of a GPU; ask for these too"):
        make(Wanted(scenes=("lesion",)), store, tmp_path / "asked")
    made = make(Wanted(scenes=("lesion",), gpu=True), store, tmp_path / "with")
    assert (made.folder / "scenes" / "lesion.html").is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--scenes", "lesions"], "scene 'lesions': must be one of"),
        (["--lessons", "deep"], "lesson 'deep': must be one of why_depth"),
        (["--scenes", "", "--runs", "x"], "there is no such run"),
        (["--scenes", "", "--runs", "_" * 22], "there is no such run"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_leaves_no_folder(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["site", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err.splitlines()[-1] and not list(tmp_path.iterdir())


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["site", str(out), "--scenes", "lesion", "--json"]) == 0
    said = strict(capsys.readouterr().out)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert said["files"] == len(files) - 1 and Path(said["folder"]) == out  # its own mark is none
