"""Every entry of the table of actions, tried as a guest and as the lecturer: each line of the doors
by route or socket, from this server's page and from another site's; every button of every page by
its forged state, from a guest's own session; and the acts of the pages by name. A guest must be
refused, and nothing on the disk be another than before; the lecturer must succeed. Percent of all
tries that came out as the table says: 100 less that is the figure.

A guest comes over the loopback with a proxy's header, guests are set to `watch`. What a session
removes of what it added itself (REMOVE_DATA) is tried at the guards, in
`tests/access/test_guarded.py`.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from benchmarks.hall.damage import Wire, tree
from benchmarks.hall.row import Row
from skipviz.access.doors import TABLE
from skipviz.access.roles import Action, Guests, Role
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.phone_protocol import Phase
from skipviz.store import deleted_runs, run_marks
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import Store, read_json
from skipviz.ui.shell import pages
from tests.browser.serving import Server, serving
from tests.streamlit_page import StreamlitPage, streamlit_page

PROXY = {"X_Forwarded_For": "10.0.0.9"}
PROXYS_LINE = b"X-Forwarded-For: 10.0.0.9\r\n"
ELSEWHERE = b"Origin: http://elsewhere.example\r\n"
AT_GUARDS = {Action.REMOVE_DATA}
OURS = re.compile(rb"only the lecturer may|there is no such thing", re.IGNORECASE)
"""Our refusals: Streamlit has some of its own, such as of an upload that no page asked for."""

REFUSED = re.compile("only the lecturer may", re.IGNORECASE)
RUN_ON_PAGE = re.compile(r"run\W+[\w-]{22}\W")
LANE = Lane(family="highway", knobs={"backbone": "dense", "depth": 5})
LONG = Experiment(lanes=[LANE], data="digits", steps=1_000_000, record_every=50, device="cpu")
PATIENCE_S = 120.0

EXAMPLES = (
    "_stcore/stream", "api/runs/{run}/live", "v/{code}/live", "api/runs/{run}/frame?step=0",
    "media/0123.png", "v/{code}", "v/{code}/vote", "v/{code}/step", "lecturer", "lecturer/out",
    "_stcore/upload_file/session/file", "_stcore/health", "healthz", "metrics", "lab",
    "api/rooms/{room}/answers.csv", "api/runs/{run}/export/csv",
)  # fmt: skip
"""Every line of the doors' table fits one of them."""


@dataclass
class Tries:
    """What was tried, and what came out otherwise than the table says."""

    tried: int = 0
    actions: set[Action] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def expect(self, is_so: bool, what: str, action: Action | None = None) -> None:
        self.tried += 1
        if action is not None:
            self.actions.add(action)
        if not is_so:
            self.wrong.append(what)


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    slugs = [each.slug for each in pages()][:: 4 if quick else 1]
    tries = try_all(folder, slugs)
    print(f"refused: {tries.tried} tries", file=sys.stderr)
    for text in tries.wrong[:20]:
        print(f"  {text}", file=sys.stderr)
    return [Row("refused", 0.0, 100 * len(tries.wrong) / tries.tried)]


def try_all(folder: Path, slugs: Sequence[str]) -> Tries:
    """Every action tried, and every button of the pages `slugs`, on a server whose runs lie in
    `folder`."""
    runs, cache = folder / "runs", folder / "cache"
    for each in (runs, cache):
        each.mkdir()
    tries = Tries()
    with Mirror() as mirror, serving(
        runs, SKIPVIZ_FUSED="0", SKIPVIZ_CACHE=str(cache), SKIPVIZ_GUESTS="watch",
        SKIPVIZ_METRICS="1", SKIPVIZ_MIRROR=mirror.url,
    ) as server:  # fmt: skip
        _wait(lambda: _asked(server, b"GET", b"/healthz")[0] == 200)
        hall = Hall(server, cache, tries, mirror)
        hall.doors()
        hall.forged_buttons(slugs)
        hall.acts()
    for action in set(Action) - tries.actions - AT_GUARDS:
        tries.expect(False, f"{action.name} was not tried")
    return tries


def _wait(is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
    until = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _asked(server: Server, method: bytes, path: bytes, headers: bytes = b"") -> tuple[int, bytes]:
    """Status and body of the answer to one request, over a connection of its own."""
    wire = Wire(server.url)
    status = wire.ask(method, path, headers)
    wire.close()
    return status, wire.body


class Mirror(ThreadingHTTPServer):
    """Where data sets are downloaded from: it has none, and counts who asks.

    url     its address
    asked   how often it was asked
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Nothing)
        self.url, self.asked = f"http://127.0.0.1:{self.server_port}", 0

    def __enter__(self) -> Mirror:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Nothing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        cast(Mirror, self.server).asked += 1
        self.send_error(404)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Hall:
    """A server with a run under way and a room, and who comes to it."""

    def __init__(self, server: Server, cache: Path, tries: Tries, mirror: Mirror) -> None:
        self.server, self.cache, self.tries, self.mirror = server, cache, tries, mirror
        self.store = Store(server.runs)
        room = Rooms(server.runs).room(word())
        room.show(sorted(registry.scenes())[0], Phase.VOTE)
        self.code, self.room_id = room.code, room.id
        with streamlit_page(server.url) as page:
            page.open("lab", urlencode(LONG.to_query(), doseq=True)).press("Train")
            self.run_id = page.query.rpartition("run=")[2]
        _wait(lambda: self.store.status(self.run_id).get("step", 0) > 0)

    @contextmanager
    def page(self, role: Role) -> Iterator[StreamlitPage]:
        with streamlit_page(self.server.url, **(PROXY if role is Role.GUEST else {})) as page:
            yield page

    def kept(self) -> object:
        """All that lies on the disk but the frames of the run that is under way, the log and the
        key of guests' cookies, which the first guest has made; and how far the run is."""
        files = {path for path in tree(self.server.runs) if self.run_id not in path}
        rooms = [path.read_bytes() for path in sorted(self.server.runs.glob("rooms/*.json"))]
        status = read_json(self.server.runs / self.run_id / "status.json")
        of_server = {str(self.server.runs / name) for name in ("server.log", "guests.key")}
        return files - of_server, rooms, set(tree(self.cache)), [
            status.get(name) for name in ("state", "paused", "pace", "changes")
        ]  # fmt: skip

    # --- the doors

    def doors(self) -> None:
        for methods, pattern, action in TABLE:
            path = self._example(pattern)
            for method in methods.split():
                if method == "WEBSOCKET":
                    self._socket(path, action)
                else:
                    self._route(method.encode(), path.encode(), action)
        for path in ("api/runs/x/stop", "_stcore/agent/x", "lab", "v"):
            for line, who in ((b"", "lecturer"), (PROXYS_LINE, "guest")):
                status, _ = _asked(self.server, b"POST", f"/{path}".encode(), line)
                self.tries.expect(status == 403, f"{who} POST /{path}: {status}")

    def _example(self, pattern: str) -> str:
        """A path of a line of the table."""
        filled = (each.format(run=self.run_id, code=self.code, room=self.room_id)
                  for each in EXAMPLES)  # fmt: skip
        return next(path for path in filled if re.fullmatch(pattern, path.partition("?")[0]))

    def _route(self, method: bytes, path: bytes, action: Action) -> None:
        for line, role in ((b"", Role.LECTURER), (PROXYS_LINE, Role.GUEST)):
            status, said = _asked(self.server, method, b"/" + path, line)
            is_passed = status != 0 and not (status == 403 and OURS.search(said))
            if method == b"HEAD":  # an answer without a body, but with our refusal's status
                is_passed = status not in (0, 403)
            is_permitted = action.permitted(role, Guests.WATCH)
            what = f"{role.value} {method.decode()} /{path.decode()}: {status}"
            self.tries.expect(is_passed == is_permitted, what, action)
        if method in (b"POST", b"PUT", b"DELETE"):
            status, _ = _asked(self.server, method, b"/" + path, ELSEWHERE)
            self.tries.expect(status == 403, f"another site's {method!r} /{path!r}: {status}")

    def _socket(self, path: str, action: Action) -> None:
        address = f"{self.server.url.replace('http', 'ws')}/{path}"
        options = {"subprotocols": ["streamlit"]} if "stream" in path else {}
        for role in Role:
            headers = {"X-Forwarded-For": "10.0.0.9"} if role is Role.GUEST else {}
            is_open = self._opens(address, None, headers, options)
            is_permitted = action.permitted(role, Guests.WATCH)
            self.tries.expect(is_open == is_permitted, f"{role.value} socket {path}", action)
        elsewhere = "http://elsewhere.example"
        is_open = self._opens(address, elsewhere, {}, options)
        self.tries.expect(not is_open, f"another site's socket {path}")

    @staticmethod
    def _opens(address: str, origin: Any, headers: dict[str, str], options: Any) -> bool:
        try:
            with connect(address, origin=origin, additional_headers=headers, **options):
                return True
        except (InvalidStatus, WebSocketException, OSError):
            return False

    # --- forged states of widgets

    def forged_buttons(self, slugs: Sequence[str]) -> None:
        """Every button that the lecturer sees, pressed from a guest's session of the same page."""
        queries = {"lab": f"run={self.run_id}", "plain_vs_residual": "", "data": "set=mnist"}
        for slug in ("" if each == "home" else each for each in slugs):
            query = queries.get(slug, "")
            with self.page(Role.LECTURER) as page:
                ids = sorted(page.open(slug, query).labels().values())
            for button in ids:
                before = self.kept()
                with self.page(Role.GUEST) as page:
                    page.open(slug, query).forge(WidgetState(id=button, trigger_value=True))
                is_same = _wait(lambda before=before: self.kept() == before, 10)  # type: ignore[misc]
                what = f"guest forged {button[-40:]} on /{slug}: {page.exceptions}"
                self.tries.expect(is_same and not page.exceptions, what)

    # --- acts of pages, by name

    def acts(self) -> None:
        short = LONG.with_(seed=9, steps=20, record_every=1)
        query = urlencode(short.to_query(), doseq=True)
        run = f"run={self.run_id}"
        self._act(Action.CONTROL_ANY, "lab", run, "Pause", self._is("paused", True))
        self._act(Action.CONTROL_ANY, "lab", run, "Stop", self._is("state", "stopped"))
        self._opening(Action.MEASURE, "routing", run, self._answers)
        self._act(Action.CONTROL_OWN, "lab", run, "Resume", self._is("state", "running"))
        self._act(Action.CONTROL_ANY, "lab", run, "Stop", self._is("state", "stopped"))
        self._act(Action.TRAIN, "lab", query, "Train", lambda: len(self.store.runs()))
        scene, room = sorted(registry.scenes())[0], word()
        lecture = f"scenes={scene}&seeds=1&at=1&phase=0&room={room}"
        kept = self.server.runs / "rooms" / f"{room}.json"
        self._opening(Action.LECTURE, "lecture", lecture, kept.is_file)
        self._act(
            Action.END_ROOM, "lecture", lecture, "Yes,", lambda: read_json(kept).get("ended"),
            first="Delete",
        )  # fmt: skip
        self._act(
            Action.SWEEP, "highway_depth", "view=figure1", "Run", lambda: len(self.store.runs())
        )
        self._stop_sweep()
        self._opening(Action.READ_DATA, "data", "set=shapes", lambda: len(tree(self.cache)))
        self._act(Action.GET_DATA, "data", "set=mnist", "Download", lambda: self.mirror.asked)
        self._preview()
        self._stored_runs()
        self._course_site()

    def _stop_sweep(self) -> None:
        """What follows is not to wait for its runs, and to see no new ones."""
        (sweep,) = (each.stem for each in (self.server.runs / "sweeps").glob("*.json"))
        with self.page(Role.LECTURER) as page:
            page.open("highway_depth", f"view=figure1&sweep={sweep}").press("Stop")
        before = self._stored()
        is_over = _wait(lambda: not any(self._is_under_way(run) for run in self._stored()))
        self.tries.expect(is_over and self._stored() == before, "a sweep that was stopped goes on")

    def _is_under_way(self, run_id: str) -> bool:
        return self.store.status(run_id).get("state") in ("queued", "running")

    def _is(self, name: str, value: object) -> Callable[[], bool]:
        return lambda: self.store.status(self.run_id).get(name) == value

    def _answers(self) -> int:
        return len(list((self.server.runs / self.run_id).glob("probes/*.json")))

    def _act(
        self, action: Action, slug: str, query: str, label: str, effect: Callable[[], object],
        first: str = "",
    ) -> None:  # fmt: skip
        """A button's act: a guest's forged state has no effect, the lecturer's press has. `first`
        is a button that must be pressed before this one is there."""
        before = effect()
        with self.page(Role.LECTURER) as page:
            page.open(slug, query)
            if first:
                page.press(first)
            button = page.button(label)
            if button is None:
                self.tries.expect(False, f"no {label} on /{slug}: {sorted(page.labels())}", action)
                return
            with self.page(Role.GUEST) as guest:
                guest.open(slug, query).forge(WidgetState(id=button, trigger_value=True))
                is_drawn = guest.button(label) is not None
            self.tries.expect(effect() == before, f"guest did {label} on /{slug}", action)
            self.tries.expect(not is_drawn, f"a guest sees {label} on /{slug}")
            page.press(label)
            self._must(_wait(lambda: effect() != before), f"{label} on /{slug}", page)

    def _opening(self, action: Action, slug: str, query: str, effect: Callable[[], object]) -> None:
        """An act of a page that is opened."""
        before = effect()
        with self.page(Role.GUEST) as guest:
            guest.open(slug, query)
        self.tries.expect(effect() == before, f"guest opened /{slug}", action)
        with self.page(Role.LECTURER) as page:
            page.open(slug, query)
            self._must(_wait(lambda: effect() != before), f"opening /{slug}", page)

    def _must(self, is_so: bool, what: str, page: StreamlitPage) -> None:
        refused = [text for text in page.texts() if REFUSED.search(text)]
        self.tries.expect(is_so, f"the lecturer's {what}: {refused} {page.exceptions}")

    def _preview(self) -> None:
        """The twins' page has nets measured at init: the run's id is on the page."""
        query = urlencode({"depth": 21})
        for role in Role:
            with self.page(role) as page:
                page.open("plain_vs_residual", query)
                is_there = bool(RUN_ON_PAGE.search(page.components()))
            self.tries.expect(
                is_there == (role is Role.LECTURER), f"{role.value}'s preview", Action.PREVIEW
            )

    def _stored_runs(self) -> None:
        """A run that is over is pinned, deleted, had back, exported and taken in."""
        folder = self.server.runs / self.run_id
        _wait(lambda: self.store.status(self.run_id).get("state") == "stopped")
        self._act(Action.KEEP_RUNS, "history", "", "Pin", self._pinned)
        self._act(Action.DELETE_RUNS, "history", "", "Delete", self._deleted, first="More")
        self._act(Action.DELETE_RUNS, "history", "", "Undo", self._deleted)
        address = f"/api/runs/{self.run_id}/export/zip".encode()
        status, packed = _asked(self.server, b"GET", address)
        self.tries.expect(status == 200 and folder.is_dir(), f"run as a zip: {status}")
        uploader = self._uploader("history")
        for role in (Role.GUEST, Role.LECTURER):
            before = self._copies()
            with self.page(role) as page:
                page.open("history").upload(uploader, "run.zip", packed)
            is_taken_in = self._copies() == before + 1
            self.tries.expect(
                is_taken_in == (role is Role.LECTURER),
                f"{role.value} takes in a run: {page.texts()[-3:]}",
                Action.IMPORT_RUNS,
            )

    def _pinned(self) -> list[str]:
        """The ids of the runs that are pinned."""
        return [run for run in self._stored() if run_marks.marks(self.server.runs / run).pinned]

    def _deleted(self) -> set[str]:
        """The ids of the runs that can be had back."""
        return set(deleted_runs.folders(self.store))

    def _stored(self) -> list[str]:
        return sorted(self.store.runs())

    def _copies(self) -> int:
        """How many runs are the one that was exported, or were taken in from it."""
        return sum(self.store.experiment(run).steps == LONG.steps for run in self._stored())

    def _uploader(self, slug: str) -> str:
        with self.page(Role.LECTURER) as page:
            page.open(slug)
            return next(each.id for kind, each in page.elements if kind == "file_uploader")

    def _course_site(self) -> None:
        """The site of one scene: what comes of it is a button with a file behind it."""
        query = f"scenes={sorted(registry.scenes())[0]}&seeds=1"
        with self.page(Role.LECTURER) as page:
            button = page.open("lecture", query).button("site")
            self.tries.expect(button is not None, "no course site")
        for role in Role:
            with self.page(role) as page:
                page.open("lecture", query).forge(WidgetState(id=button, trigger_value=True))
                is_made = any(kind == "download_button" for kind, _ in page.elements)
            self.tries.expect(
                is_made == (role is Role.LECTURER),
                f"{role.value}'s site: {page.texts()[-3:]}",
                Action.MAKE_SITE,
            )
