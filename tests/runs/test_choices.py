"""What is looked at on a page stands in its address; where that fixes the page, it is no choice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skipviz.access.roles import Connection
from skipviz.core.experiment import Experiment, Lane
from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.store.store import Store
from skipviz.ui import access
from skipviz.ui.highway import gates
from skipviz.ui.run import choices, share
from tests.explore_page import explore_page

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "tests" / "fixtures" / "runs"
COUNT = 17
RUN = f"{0:022}"


@pytest.fixture(autouse=True)
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A manager without workers, with more runs than a page of the History has; the visitor is
    the lecturer."""
    for number in range(COUNT):
        shutil.copytree(RUNS / "maps", tmp_path / f"{number:022}")
    owner = Manager(Store(tmp_path))
    monkeypatch.setattr(servers_manager, "_current", owner)
    here = Connection("127.0.0.1", (("host", "localhost"),))
    monkeypatch.setattr(access, "connection", lambda: here)
    yield owner
    owner.close()


def _page() -> None:
    import streamlit as st

    from skipviz.core.experiment import Experiment, Lane
    from skipviz.ui.run import address, choices

    address.restore("tried")
    numbers = choices.one_of(st, "Numbers", (1, 2, 3), "view", key="numbers", usual=2)
    whole = choices.whole_number(st, "Whole", 0, 9, "sample", key="whole", usual=None)
    st.code(f"{numbers} {whole} {choices.options_in_address('classes', [5, 6, 7])}")
    choices.note("classes", choices.options_in_address("classes", [5, 6, 7]))
    address.write("tried", Experiment(lanes=[Lane(family="plain")]), st.query_params.get("run"))


def _opened(shown: AppTest, **query: str) -> AppTest:
    shown.query_params.update(query)
    shown.run(timeout=300)
    assert not shown.exception
    return shown


def _words(page: AppTest) -> dict[str, str]:
    return {name: "".join(words) for name, words in page.query_params.items()}


def _tried(**query: str) -> AppTest:
    return _opened(AppTest.from_function(_page), **query)


def test_choices_stand_beside_the_experiment_where_they_are_not_the_usual_ones() -> None:
    page = _tried()
    assert page.code[0].value == "2 None []" and "view" not in _words(page)
    page.segmented_control(key="numbers").set_value(3).run()
    page.number_input(key="whole").set_value(0).run()
    assert page.code[0].value == "3 0 []"
    query = _words(page)
    assert (query["view"], query["sample"], query["lane"]) == ("3", "0", "plain")
    again = _tried(**query, classes="7,5,x,7")
    assert again.code[0].value == "3 0 [7, 5]" and _words(again)["classes"] == "7,5"
    again.segmented_control(key="numbers").set_value(2).run()
    assert "view" not in _words(again)


@pytest.mark.parametrize("word", ["", "x", "10", "-1", "1.5", "²", "9" * 20])
def test_a_word_that_is_no_choice_is_the_usual_one_and_leaves_the_address(word: str) -> None:
    page = _tried(view=word, sample=word, classes=word)
    assert page.code[0].value == "2 None []"
    assert not {"view", "sample", "classes"} & set(_words(page))


def test_what_is_chosen_in_a_run_s_charts_stays_in_the_address_of_that_run_alone() -> None:
    chosen = {"step": "120", "quantity": "weight", "hidden": "0,2"}
    assert chosen.items() <= _words(_tried(run=RUN, **chosen)).items()
    assert not set(chosen) & set(_words(_tried(**chosen)))


def test_a_fixed_page_shows_what_its_address_says_and_no_choice() -> None:
    page = _tried(fixed="1", view="3", sample="4")
    assert page.code[0].value == "3 4 []"
    assert not page.get("button_group") and not page.number_input
    assert {"view": "3", "sample": "4", "fixed": "1"}.items() <= _words(page).items()


def test_no_word_of_a_choice_is_a_field_of_an_experiment() -> None:
    fields = {"lane", "c", "run", share.FIXED, *Experiment.model_fields, "budget", "change"}
    assert not fields & {*choices.BESIDE, *share.OF_CHARTS}
    assert not {*choices.BESIDE} & {*share.OF_CHARTS}


def test_depth_and_highway_keep_their_options(stored: Manager) -> None:
    file = str(ROOT / "pages" / "2_show" / "04_highway_depth.py")
    page = _opened(AppTest.from_file(file), view="figure1", tries="4")
    assert page.segmented_control(key="figure1_tries").value == 4
    page.segmented_control(key="figure1_tries").set_value(1).run()
    assert _words(page) == {"view": "figure1", "tries": "1"}
    fixed = _opened(AppTest.from_file(file), view="fixed", lr="0.1")
    assert fixed.segmented_control(key="fixed_lr").value == 0.1


def test_the_lab_keeps_what_is_looked_into() -> None:
    page = _opened(explore_page("01_lab.py"), run=RUN, inside="more", probe="lesion")
    assert page.selectbox(key="inside_probe").value == "lesion"
    assert {"inside": "more", "probe": "lesion"}.items() <= _words(page).items()
    page.segmented_control(key="inside_view").set_value(None).run()
    assert not {"inside", "probe"} & set(_words(page))


def test_the_history_keeps_its_page() -> None:
    page = _opened(explore_page("05_history.py"), page="2")
    assert len([each for each in page.checkbox if each.label.startswith("Compare")]) == COUNT - 15
    assert _words(page) == {"page": "2"}
    far = _opened(explore_page("05_history.py"), page="3")
    assert len([each for each in far.checkbox if each.label.startswith("Compare")]) == 15


def test_the_gates_page_knows_an_experiment_that_is_not_its_own() -> None:
    knobs = {"backbone": "dense", "depth": 5, "variant": "full_preact"}  # no highway net has these
    lanes = [Lane(family="plain"), Lane(family="resnet", knobs=knobs)]
    assert not gates.fits(Experiment(lanes=lanes))
    assert gates.fits(gates.default())
