"""Names that look like HTML, Markdown, LaTeX or a template are shown as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from skipviz.core import user_datasets
from skipviz.core.atomic_files import read_json, write_json
from skipviz.core.registry import probe
from skipviz.datafiles.adding import add
from skipviz.figures import inside
from skipviz.figures.answers import routing
from skipviz.store import answers, data_origin, run_marks
from skipviz.store.store import Store
from tests.browser.serving import Server, serving
from tests.browser.test_app import settled

NAMES = ("<none>", "a<b>c", "x & y", "$x$", "*a*", "[x](y)", ":smile:", "`a`", "%{x}", "&lt;")


def drawn(page: Page, figure: object, texts: str) -> list[str]:
    """What a Plotly figure writes at these places of its drawing."""
    page.set_content(figure.to_html(include_plotlyjs=True))  # type: ignore[attr-defined]
    page.locator(texts).first.wait_for()
    return page.locator(texts).all_text_contents()


def test_a_chart_writes_names_as_they_are(page: Page) -> None:
    figure = inside.confusion(np.eye(len(NAMES), dtype=int).tolist(), NAMES, "Plain-3", False)
    figure.update_layout(width=1100, height=600)
    assert drawn(page, figure, ".xtick text") == list(NAMES)
    maps = np.zeros((len(NAMES), 2, 3)).tolist()
    answer = {"shown": range(len(NAMES)), "maps": maps, "null": maps, "depth": [2, 3]}
    titles = drawn(page, routing.figure([answer], [], False, NAMES), ".annotation-text")
    assert titles[: len(NAMES)] == [f"class {name}" for name in NAMES]


TITLE = "<none> a<b>c *x* :smile: $y$ [x](y) `z`"
RUNS = Path(__file__).parents[1] / "fixtures" / "runs"


def named_set(folder: Path, title: str) -> str:
    """The key of a set whose classes are called NAMES."""
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    labels = np.array([NAMES[i % len(NAMES)] for i in range(80)])
    np.savez(folder / "names.npz", images=images, labels=labels)
    return add(title, folder / "names.npz", 0, lambda **event: None)


def named_run(store: Store, key: str) -> str:
    """A run of that set, called TITLE, of which predictions were asked."""
    run_id = store.new_id()
    folder = store.root / run_id
    shutil.copytree(RUNS / "maps", folder)
    experiment = read_json(folder / "experiment.json") | {"data": key, "batch_size": 8}
    write_json(folder / "experiment.json", experiment)
    write_json(folder / data_origin.FILE, data_origin.describe(key))
    run_marks.mark(store, run_id, name=TITLE, note=TITLE)
    count = len(NAMES)
    lane = {"error": 0.0, "confusion": np.eye(count, dtype=int).tolist()}
    lane |= {"predicted": list(range(count)), "probability": [1.0] * count}
    answer = {"step": 12, "held_out": count, "images": np.ones((count, 1, 8, 8)).tolist()}
    answer |= {"labels": list(range(count)), "lanes": [lane, lane]}
    declared = probe("predictions")
    options = declared.options({"pictures": 30})
    answers.keep(folder, "predictions", declared, options, 0, answer)
    return run_id


@pytest.fixture(scope="module")
def named(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Server, list[str], list[str]]]:
    """A server, two sets whose names look like markup, of which the second is removed, and a run
    of each."""
    home = tmp_path_factory.mktemp("names")
    cache, store = str(home / "cache"), Store(home / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIPVIZ_CACHE", cache)
        keys = [named_set(home, title) for title in (TITLE, f"{TITLE} gone")]
        runs = [named_run(store, key) for key in keys]
        user_datasets.remove(keys[1])
    with serving(store.root, SKIPVIZ_CACHE=cache) as server:
        yield server, keys, runs


def bare(text: str) -> str:
    """Without the characters of no width that keep a colon from a meaning."""
    return text.replace("\u2060", "")


def shown(of: Locator) -> str:
    """What stands there."""
    return bare(of.inner_text())


Named = tuple[Server, list[str], list[str]]


def test_the_data_page_writes_names_as_they_are(page: Page, named: Named) -> None:
    server, [key, _], _ = named
    page.goto(f"{server.url}/data?set={key}")
    settled(page)
    names = page.locator(".skip-sheet .skip-class b")
    expect(names).to_have_count(len(NAMES))
    assert sorted(names.all_text_contents()) == sorted(NAMES)
    assert shown(page.get_by_role("radio").filter(has_text="a<b>c").first) == TITLE


def test_an_error_writes_names_as_they_are(page: Page, named: Named) -> None:
    server, _, [_, gone] = named
    page.goto(f"{server.url}/data?set={quote(TITLE)}")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("there is no such set")
    assert shown(alert).endswith(f"Data '{TITLE}': there is no such set on this server.")
    page.goto(f"{server.url}/lab?run={gone}")
    settled(page)
    page.get_by_role("radio", name="Feature maps and filters").click()
    alert = page.get_by_role("alert").filter(has_text="its pictures are gone").first
    alert.wait_for()
    assert f"Data “{TITLE} gone”: the set" in shown(alert)


def test_the_history_writes_names_as_they_are(page: Page, named: Named) -> None:
    page.goto(f"{named[0].url}/history")
    settled(page)
    rows = page.locator(".skip-run")
    titles = page.locator('[class*="st-key-history_run_"] a')
    replays = page.get_by_role("button", name="Replay")
    for each in (rows, titles, replays):
        expect(each).to_have_count(2)
    expect(replays.first).to_contain_text("a<b>c")
    assert [shown(note) for note in rows.locator("q").all()] == [TITLE, TITLE]
    assert [shown(title) for title in titles.all()] == [TITLE, TITLE]
    assert shown(replays.first).endswith(f"Replay {TITLE}")


def test_a_comparison_writes_names_as_they_are(page: Page, named: Named) -> None:
    server, _, runs = named
    page.goto(f"{server.url}/compare?runs={','.join(runs)}")
    settled(page)
    heads = page.locator("thead th").filter(has_text="a<b>c")
    expect(heads).to_have_count(2)
    assert [shown(head) for head in heads.all()] == [f"1 · {TITLE}", f"2 · {TITLE}"]
    chosen = page.locator('[data-baseweb="tag"], [data-testid="stMultiSelect"] span').filter(
        has_text=TITLE
    )
    expect(chosen.first).to_be_visible()


def test_predictions_write_names_as_they_are(page: Page, named: Named) -> None:
    server, _, [run_id, _] = named
    page.goto(f"{server.url}/lab?run={run_id}")
    settled(page)
    page.get_by_role("radio", name="Predictions").click()
    settled(page)
    tiles = page.locator(".skip-tiles figure")
    expect(tiles).to_have_count(len(NAMES))
    assert sorted(map(shown, tiles.locator("b").all())) == sorted(NAMES)
    said = tiles.locator("span").all_text_contents()
    assert sorted(said) == sorted(f"✓ {name}" for name in NAMES * 2)


def test_the_runs_of_a_course_site_are_offered_under_their_names(page: Page, named: Named) -> None:
    page.goto(f"{named[0].url}/lecture")
    settled(page)
    page.get_by_text("Course site for your students").click()
    settled(page)  # opening it moves what is below: a list that is open meanwhile closes
    page.get_by_label("Runs of this class to add").click()
    options = page.get_by_role("option").filter(has_text="a<b>c")
    expect(options).to_have_count(2)
    assert list(map(bare, options.all_inner_texts())) == [TITLE, TITLE]
