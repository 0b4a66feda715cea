"""Pages act through the guards alone, and the guards refuse, whatever a browser sends."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from skipviz.access import who
from skipviz.access.guests import COOKIE
from skipviz.access.roles import Action, Connection
from skipviz.core.atomic_files import write_json
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.limits import Limits
from skipviz.core.phone_protocol import Phase
from skipviz.datafiles import adding, background_jobs
from skipviz.server import manager as servers_manager
from skipviz.server.manager import Manager
from skipviz.server.run import Run
from skipviz.store import deleted_runs, run_marks
from skipviz.store.rooms import rooms_of, word
from skipviz.store.store import Store
from skipviz.ui import access, manager
from skipviz.ui.data import jobs
from skipviz.ui.lecture import lecture
from tests.access.conftest import Set
from tests.explore_page import explore_page

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("skipviz/ui/**/*.py"), *ROOT.glob("pages/**/*.py"), ROOT / "app.py"])
GUARDS = {
    "skipviz/ui/manager.py": "the guard itself",
    "skipviz/ui/data/jobs.py": "the guard itself",
    "skipviz/ui/lecture/lecture.py": "the guard itself, for rooms",
    "skipviz/ui/server.py": "finds runs for the routes, and ends the workers: no visitor's wish",
    "skipviz/ui/home.py": "one run of the server's own, the same whoever looks",
}
ACTING_MODULES = (
    "skipviz.server.manager", "skipviz.server.dispatcher", "skipviz.server.process",
    "skipviz.datafiles.background_jobs", "skipviz.datafiles.adding", "skipviz.datafiles.fetch",
    "skipviz.exchange.run_import", "skipviz.exchange.site_archive", "skipviz.server.run_deletion",
    "skipviz.worker", "subprocess", "shutil.copy",
)  # fmt: skip
HARMLESS = {"skipviz.datafiles.background_jobs.BackgroundJob"}
"""A name for types."""
ACTING_CALLS = {
    "sweeps.of", "sweep.of", "user_datasets.remove", "user_datasets.add", "job.stop",
    "store.create", "run.begin_again", "run.train_longer", "run.save_status", "run_marks.mark",
    "deleted_runs.delete", "deleted_runs.undelete", "deleted_runs.purge", "room.end",
}  # fmt: skip

LOCAL = Connection("127.0.0.1", (("host", "localhost"),))
FAR = Connection("192.168.1.9", (("host", "192.168.1.4"),))
EXPERIMENT = Experiment(
    lanes=[Lane(family="plain", knobs={"backbone": "dense", "depth": 4})], data="digits", steps=20
)


def _wrong(text: str) -> list[str]:
    """What a page's source does past the guards."""
    wrong = []
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        wrong += [n for n in names if n.startswith(ACTING_MODULES) and n not in HARMLESS]
        if isinstance(node, ast.Call):
            call = ".".join(ast.unparse(node.func).split(".")[-2:])
            wrong += [call] * (call in ACTING_CALLS)
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_page_acts_past_the_guards(path: Path) -> None:
    if path.relative_to(ROOT).as_posix() not in GUARDS:
        assert not _wrong(path.read_text(encoding="utf-8"))


def test_the_guards_are_where_they_are_said_to_be_and_the_reader_sees_what_they_do() -> None:
    for name in GUARDS:
        assert _wrong((ROOT / name).read_text(encoding="utf-8")), name
    hidden = "def f():\n    from skipviz.server import manager\n    manager.current().submit(e)\n"
    assert _wrong(hidden) == ["skipviz.server.manager"]
    assert _wrong("owner.store.create(a, b)\nsweeps.of(m)") == ["store.create", "sweeps.of"]


def test_a_lecture_s_room_is_had_in_one_place_and_by_the_phones() -> None:
    makers = {}
    for path in PAGES:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                calls = [ast.unparse(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)]
                if {"Room", "rooms_of"} & {call.split(".")[-1] for call in calls}:
                    makers[f"{path.stem}.{function.name}"] = calls
    in_the_lecture = {"lecture.room_of", "lecture.new_room", "lecture.all_rooms"}
    assert set(makers) <= {*in_the_lecture, "server.lifespan"}
    assert all("access.require" in makers[name] for name in in_the_lecture)


def test_a_room_is_deleted_and_listed_by_the_lecturer_alone(
    owner: Manager, as_who: Callable[..., None]
) -> None:
    room = rooms_of(owner.store.root).room(word())
    room.show("lesion", Phase.VOTE)
    for connection in (FAR, None):
        as_who(connection)
        for act in (lambda: lecture.end_room(room), lecture.all_rooms, lecture.new_room):
            with pytest.raises(SpecError, match="only the lecturer may"):
                act()
    assert room.exists
    as_who(LOCAL)
    assert lecture.all_rooms() == [room]
    lecture.end_room(room)
    assert room.ended == "deleted" and lecture.all_rooms() == []


# --- The guards, with a real manager whose workers were not started


@pytest.fixture
def owner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    one = Manager(Store(folder))
    monkeypatch.setattr(servers_manager, "_current", one)
    yield one
    one.close()


@pytest.fixture
def as_who(monkeypatch: pytest.MonkeyPatch) -> Callable[[Connection | None], None]:
    """Whose connection the page has from now on."""

    def become(connection: Connection | None) -> None:
        monkeypatch.setattr(access, "connection", lambda: connection)

    return become


def _state(owner: Manager) -> tuple[object, ...]:
    """All that acting would change."""
    runs = [(run_id, owner.store.status(run_id)) for run_id in owner.store.runs()]
    marks = [run_marks.marks(owner.store.folder(run_id)) for run_id, _ in runs]
    jobs_under_way = list(background_jobs._jobs)
    return runs, marks, len(owner._runs), jobs_under_way, owner.dispatcher.waiting


def test_two_who_ask_for_the_same_run_at_once_share_it(
    owner: Manager, as_who: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_who(LOCAL)
    under_way, both_look, first_looks = owner.under_way, threading.Barrier(2), iter((1, 1))

    def seen_by_both(experiment: Experiment) -> Run | None:
        run = under_way(experiment)
        if next(first_looks, 0):
            with suppress(threading.BrokenBarrierError):
                both_look.wait(1)  # the other one looks too, unless it has to wait for us
        return run

    monkeypatch.setattr(owner, "under_way", seen_by_both)
    run_ids: list[str] = []
    asking = [
        threading.Thread(target=lambda: run_ids.append(manager.current().join(EXPERIMENT)))
        for _ in range(2)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(60)
    assert len(run_ids) == 2 and owner.store.runs() == [run_ids[0]] == [run_ids[1]]


ACTS: dict[str, Callable[[str], object]] = {
    "submit": lambda run_id: manager.current().submit(EXPERIMENT),
    "join": lambda run_id: manager.current().join(EXPERIMENT.with_(steps=30)),
    "shared": lambda run_id: manager.current().shared(EXPERIMENT.with_(steps=1)),
    "stop": lambda run_id: manager.current().stop(run_id),
    "pause": lambda run_id: manager.current().control(run_id, "pause"),
    "lr": lambda run_id: manager.current().control(run_id, "lr", value=1.0),
    "resume": lambda run_id: manager.current().resume(run_id),
    "train longer": lambda run_id: manager.current().resume(run_id, 5),
    "measure": lambda run_id: manager.current().measure(run_id, "predictions", {}),
    "mark": lambda run_id: manager.current().mark(run_id, pinned=True, name="mine"),
    "delete": lambda run_id: manager.current().delete(run_id),
    "undelete": lambda run_id: manager.current().undelete(run_id),
    "import": lambda run_id: manager.current().import_run(ROOT / "run.zip"),
    "site": lambda run_id: manager.current().course_site((), (run_id,)),
    "sweep": lambda run_id: manager.current().sweeps.start("bias", {}, {"a": EXPERIMENT}),
    "get": lambda run_id: jobs.start("get", "mnist"),
    "prepare": lambda run_id: jobs.start("prepare", "digits"),
    "add": lambda run_id: jobs.start("add", "upload.zip"),
    "remove": lambda run_id: jobs.remove("digits"),
}


@pytest.mark.parametrize("connection", [FAR, None], ids=["guest", "nobody"])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_guest_who_watches_is_refused_and_nothing_changes(
    owner: Manager, as_who: Callable[..., None], act: Callable[[str], object],
    connection: Connection | None,
) -> None:  # fmt: skip
    run_id = owner.submit(EXPERIMENT, who.guests().guest(connection))
    as_who(connection)
    before = _state(owner)
    with pytest.raises(SpecError, match="only the lecturer may"):
        act(run_id)
    assert _state(owner) == before


def test_the_lecturer_may_and_a_guest_who_may_run_has_his_own_runs_alone(
    owner: Manager, as_who: Callable[..., None], set_to: Set
) -> None:
    as_who(LOCAL)
    lecturers = manager.current().submit(EXPERIMENT)
    set_to(guests="run")
    as_who(FAR)
    own = [manager.current().submit(EXPERIMENT) for _ in range(owner.limits.guest_runs)]
    with pytest.raises(SpecError, match="of your runs are under way"):
        manager.current().submit(EXPERIMENT)
    refused = ("stop", "pause", "resume", "train longer", "sweep", "get", "add", "remove", "mark",
               "delete", "undelete", "import")  # fmt: skip
    for act in refused:
        with pytest.raises(SpecError, match="only the lecturer may"):
            ACTS[act](lecturers)
    manager.current().control(own[0], "pause")
    assert _run(owner, own[0]).status()["paused"]
    assert not _run(owner, lecturers).status().get("paused")
    manager.current().stop(own[0])
    as_who(LOCAL)
    manager.current().stop(lecturers)
    manager.current().stop(own[1])
    assert all(_run(owner, run_id).ended for run_id in (own[0], own[1], lecturers))


def _run(owner: Manager, run_id: str) -> Run:
    run = owner.find(run_id)
    assert run is not None
    return run


# --- Forged messages: a page that had the buttons sends a click when it may not any more


@pytest.mark.parametrize(
    ("file", "label", "query"),
    [
        ("2_show/01_plain_vs_residual.py", "Train", {}),
        ("3_explore/01_lab.py", "Train", {}),
        ("2_show/04_highway_depth.py", "Run ", {"view": "fixed"}),
        ("1_start/02_lecture.py", "Run", {"at": "1", "room": "KQTRPMKQ", "scenes": "degradation"}),
    ],
)
def test_a_forged_click_does_nothing(
    owner: Manager, as_who: Callable[..., None], file: str, label: str, query: dict[str, str]
) -> None:
    as_who(LOCAL)
    page = AppTest.from_file(str(ROOT / "pages" / file), default_timeout=120)
    page.query_params.update(query)
    page.run()
    assert not page.exception
    button = next(each for each in page.button if each.label.startswith(label))
    stored = owner.store.runs()
    room = _room_file(owner)
    as_who(FAR)
    button.click().run()
    assert not page.exception and owner.store.runs() == stored == []
    assert _room_file(owner) == room
    assert not any(each.label == button.label for each in page.button)
    assert any("nly the lecturer may" in each.value for each in [*page.info, *page.error])


def _lesson() -> None:
    from skipviz.ui.learn import lesson
    from skipviz.ui.lecture import scene_runs

    lesson.run_button(scene_runs.of("degradation"))


def _row() -> None:
    import streamlit as st

    from skipviz.ui import manager
    from skipviz.ui.run.control import controls

    run = manager.current().find(st.query_params["run"])
    assert run is not None
    controls(run, run.experiment, "row")


@pytest.mark.parametrize("label", ["Pause", "Step", "× 10"])
def test_a_forged_word_to_a_run_under_way_does_nothing(
    owner: Manager, as_who: Callable[..., None], label: str
) -> None:
    as_who(LOCAL)
    run_id = owner.submit(EXPERIMENT)
    page = AppTest.from_function(_row, default_timeout=120)
    page.query_params["run"] = run_id
    page.run()
    before = _run(owner, run_id).status()
    as_who(FAR)
    next(each for each in page.button if each.label == label).click().run()
    assert not page.exception and not page.button
    assert _run(owner, run_id).status() == before
    as_who(LOCAL)
    page.run()
    next(each for each in page.button if each.label == label).click().run()
    assert _run(owner, run_id).status() != before


@pytest.mark.parametrize("label", ["Pin", "Delete this run", "Save", "Undo"])
def test_a_forged_click_in_the_history_does_nothing(
    owner: Manager, as_who: Callable[..., None], label: str
) -> None:
    as_who(LOCAL)
    first, run_id = (_over(owner) for _ in range(2))
    manager.current().delete(first)
    page = explore_page("05_history.py")
    page.session_state["history_open"] = run_id
    page.run()
    assert not page.exception
    button = next(each for each in page.button if each.label.startswith(label))
    before = _state(owner), deleted_runs.folders(owner.store)
    as_who(FAR)
    button.click().run()
    assert not page.exception
    assert all(str(each.key).startswith("history_replay_") for each in page.button)
    assert (_state(owner), deleted_runs.folders(owner.store)) == before
    as_who(LOCAL)
    page.run()
    next(each for each in page.button if each.label.startswith(label)).click().run()
    assert label == "Save" or (_state(owner), deleted_runs.folders(owner.store)) != before


def _over(owner: Manager) -> str:
    """A stored run that is over."""
    run_id = owner.store.new_id()
    folder = owner.store.create(run_id, EXPERIMENT)
    write_json(folder / "status.json", {"state": "finished", "step": 20, "steps": 20})
    return run_id


def test_a_forged_run_of_a_lesson_s_scene_does_nothing(
    owner: Manager, as_who: Callable[..., None]
) -> None:
    as_who(LOCAL)
    page = AppTest.from_function(_lesson, default_timeout=120).run()
    as_who(FAR)
    page.button[0].click().run()
    assert not page.exception and not page.button and not owner.store.runs()


def test_where_guests_may_do_nothing_a_page_says_how_to_vote(
    owner: Manager, as_who: Callable[..., None], set_to: Set
) -> None:
    set_to(guests="nothing")
    as_who(FAR)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    assert not page.exception and not page.button
    assert page.title[0].value == "This server is for a lecture's room"
    as_who(LOCAL)
    assert page.run().title[0].value.startswith("What happens to a gradient")


def _room_file(owner: Manager) -> list[str]:
    folder = owner.store.root / "rooms"
    return sorted(path.read_text(encoding="utf-8") for path in folder.glob("*.json"))


def test_opening_a_lecture_in_a_room_as_a_guest_changes_nothing_and_leads_to_the_vote(
    owner: Manager, as_who: Callable[..., None]
) -> None:
    (owner.store.root / "rooms").mkdir(parents=True)
    kept = owner.store.root / "rooms" / "KQTRPMKQ.json"
    kept.write_text('{"scene": "lesion", "open": true}', encoding="utf-8")
    before = _room_file(owner)
    as_who(FAR)
    page = AppTest.from_file(str(ROOT / "pages/1_start/02_lecture.py"), default_timeout=120)
    page.query_params.update({"at": "2", "room": kept.stem, "scenes": "degradation,stripes"})
    page.run()
    assert not page.exception and not page.button
    assert f"vote?room={kept.stem}" in page.info[0].value
    assert _room_file(owner) == before


def test_pages_ask_the_connection_that_the_doors_noted() -> None:
    def script() -> None:
        import streamlit as st

        from skipviz.ui import access

        st.code(str(access.connection()))

    assert AppTest.from_function(script).run().code[0].value == "None"
    assert not access.may(Action.TRAIN)  # outside a page: nobody


# --- A guest's own runs: his browser's, whichever page or tab it has open


@pytest.fixture
def browsers(owner: Manager, set_to: Set) -> tuple[Connection, Connection]:
    """Two guests' browsers at one address."""
    set_to(guests="run")
    made = []
    for _ in range(2):
        cookie = who.guests().cookie(FAR)
        made.append(Connection(FAR.peer, (*FAR.headers, ("cookie", f"{COOKIE}={cookie}"))))
    return made[0], made[1]


def _at(run_id: str, script: Callable[[], None] = _row) -> AppTest:
    page = AppTest.from_function(script, default_timeout=120)
    page.query_params["run"] = run_id
    return page.run()


def test_a_guest_s_run_is_his_again_after_a_reload_and_nobody_else_s(
    owner: Manager, as_who: Callable[..., None], browsers: tuple[Connection, Connection]
) -> None:
    anna, ben = browsers
    as_who(anna)
    run_id = manager.current().submit(EXPERIMENT)
    assert _at(run_id).button, "another session of the same browser: a reload, a tab"
    as_who(ben)
    assert not _at(run_id).button
    as_who(FAR)
    assert not _at(run_id).button, "a client without a cookie"
    with pytest.raises(SpecError, match="only the lecturer may steer"):
        manager.current().stop(run_id)


@pytest.mark.parametrize("label", ["Cancel", "Pause", "× 10"])
def test_a_forged_message_for_another_guest_s_run_changes_nothing(
    owner: Manager,
    as_who: Callable[..., None],
    browsers: tuple[Connection, Connection],
    label: str,
) -> None:
    anna, ben = browsers
    as_who(anna)
    run_id = manager.current().submit(EXPERIMENT)
    page = _at(run_id)
    before = _run(owner, run_id).status()
    as_who(ben)
    next(each for each in page.button if each.label == label).click().run()
    assert not page.exception and not page.button
    assert _run(owner, run_id).status() == before
    as_who(anna)
    page = _at(run_id)
    next(each for each in page.button if each.label == label).click().run()
    assert not page.exception and _run(owner, run_id).status() != before


def test_a_run_that_an_earlier_server_began_is_still_its_guest_s(
    owner: Manager, as_who: Callable[..., None], browsers: tuple[Connection, Connection]
) -> None:
    anna, ben = browsers
    as_who(anna)
    run_id = manager.current().submit(EXPERIMENT)
    owner.stop(run_id)
    owner._runs.forget(run_id)
    as_who(ben)
    with pytest.raises(SpecError, match="only the lecturer may steer"):
        manager.current().resume(run_id)
    as_who(anna)
    manager.current().resume(run_id)
    assert _run(owner, run_id).status()["state"] == "queued"


def test_no_address_is_written_down_with_a_run(
    owner: Manager, as_who: Callable[..., None], set_to: Set
) -> None:
    set_to(guests="run")
    as_who(FAR)
    run_id = manager.current().submit(EXPERIMENT)
    assert _run(owner, run_id).guest.endswith(str(FAR.peer))
    folder = owner.store.folder(run_id)
    assert not any(str(FAR.peer).encode() in path.read_bytes() for path in folder.iterdir())


CONVOLUTIONAL = Experiment(
    lanes=[Lane(family="plain", knobs={"backbone": "cifar", "depth": 20})] * 4,
    data="digits", steps=20, batch_size=512,
)  # fmt: skip
LIMITS: dict[str, tuple[Limits, Experiment, str]] = {
    "steps": (Limits(guest_steps=10), EXPERIMENT, "20 steps.* may take 10 .*; take at most 10"),
    "parameters": (
        Limits(guest_parameters=1000), EXPERIMENT.with_(seeds=3),
        r"parameters.* 1,000 .*; take fewer seeds \(now 3\), less width or depth",
    ),
    "memory": (
        Limits(guest_memory_mb=350), CONVOLUTIONAL,
        r"MB of memory.* 350 MB .*; take a smaller batch \(now \d+\), .*or fewer lanes",
    ),
    "step": (
        Limits(guest_step_s=0.002), EXPERIMENT.with_(seeds=16),
        r"s for each step.* 0.002 s .*; take a smaller batch \(now \d+\), fewer seeds \(now 16\)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_a_guest_s_run_that_takes_too_much_is_refused_with_what_to_reduce(
    owner: Manager, as_who: Callable[..., None], set_to: Set, name: str
) -> None:
    set_to(guests="run")
    owner.limits, experiment, sentence = LIMITS[name]
    as_who(FAR)
    for ask in (manager.current().submit, manager.current().join):
        with pytest.raises(SpecError, match=f"guest's run: it takes .*{sentence}"):
            ask(experiment)
    assert owner.store.runs() == []
    owner.limits = Limits(guest_step_s=100)
    manager.current().submit(experiment)
    owner.limits = LIMITS[name][0]
    as_who(LOCAL)
    manager.current().submit(experiment)


def test_when_as_many_wait_as_may_a_guest_is_told_so_and_the_lecturer_is_not(
    owner: Manager, as_who: Callable[..., None], browsers: tuple[Connection, Connection]
) -> None:
    owner.limits = Limits(waiting=3, guest_runs=2)
    anna, ben = browsers
    for guest, count in ((anna, 2), (ben, 1)):
        as_who(guest)
        for _ in range(count):
            manager.current().submit(EXPERIMENT)
    with pytest.raises(SpecError, match="queue: 3 runs are waiting already; try again in a minute"):
        manager.current().submit(EXPERIMENT)
    as_who(anna)
    with pytest.raises(SpecError, match="queue: 2 of your runs are under way; stop one, or wait"):
        manager.current().submit(EXPERIMENT)
    as_who(LOCAL)
    manager.current().submit(EXPERIMENT)


def test_a_guest_s_measurements_do_not_fill_the_queue(
    owner: Manager, as_who: Callable[..., None], browsers: tuple[Connection, Connection]
) -> None:
    owner.limits = Limits(guest_runs=2)
    anna, ben = browsers
    as_who(anna)
    for seed in range(2):
        manager.current().shared(EXPERIMENT.with_(steps=1, seed=seed))
    with pytest.raises(SpecError, match="queue: 2 of your measurements are waiting"):
        manager.current().shared(EXPERIMENT.with_(steps=1, seed=2))
    manager.current().shared(EXPERIMENT.with_(steps=1, seed=1))  # there already
    for connection in (ben, LOCAL):
        as_who(connection)
        manager.current().shared(EXPERIMENT.with_(steps=1, seed=3))


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("pictures", r"pictures: \d+ of one's own are kept already, and 1 may be here; delete"),
        ("pictures_mb", r"pictures: with these, \d+ MB of one's own would be kept, and 1 MB may"),
    ],
)
def test_no_more_pictures_are_taken_than_may_be_kept(
    as_who: Callable[..., None], set_to: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    limit: str, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("SKIPVIZ_CACHE", str(tmp_path / "cache"))
    as_who(LOCAL)
    upload = tmp_path / "upload.npz"
    images = np.random.default_rng(0).integers(0, 255, (2000, 28, 28), dtype=np.uint8)
    np.savez(upload, images=images, labels=np.arange(2000) % 2)
    adding.add("Two", upload, 0, lambda **event: None)
    set_to(**{f"limit_{limit}": "1"})
    with pytest.raises(SpecError, match=sentence):
        jobs.start("add", str(upload))
    set_to(**{f"limit_{limit}": "100000"})
    job = jobs.start("add", str(upload), options=("--title=More", "--side=0"))
    assert job is not None
    job.stop()
