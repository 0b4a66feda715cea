"""Malformed input at every door: addresses, cookies, bodies, messages of each socket, specs of
pages, archives, pictures; mutated and made of odd values, from a seed that is printed. Statuses of
500 and more, tracebacks, children that ended, files changed outside the stores; and how many were
tried, against the least that there should be.

`SKIPVIZ_BENCH_SEED` repeats a storm; archives and pictures go the way that the Data page goes, runs
that of the History page, in this process; a run that is taken in is then asked of the server.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote_from_bytes

import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from benchmarks.hall import mutations
from benchmarks.hall.damage import Damage, Wire, tree
from benchmarks.hall.row import Row
from skipviz.core import registry
from skipviz.core.experiment import Experiment, Lane
from skipviz.core.knob import SpecError
from skipviz.core.phone_protocol import Phase
from skipviz.exchange import run_import, run_zip
from skipviz.store.rooms import Rooms, word
from skipviz.store.store import Store
from tests.browser.serving import ROOT, Server, serving
from tests.streamlit_page import StreamlitPage, streamlit_page

LEAST, LEAST_A_DOOR = 20_000, 1_000
SHARES = {"addresses": 6000, "cookies": 4000, "bodies": 4000, "phones": 1500, "viewers": 1500,
          "streamlit": 1000, "specs": 1000, "archives": 1000, "pictures": 1000,
          "runs": 1000}  # fmt: skip
A_SOCKET = 50
"""So many messages go through one socket before the next is opened."""


def measure(folder: Path, quick: bool) -> list[Row]:
    """The rows of this case, on a server of its own whose runs lie in `folder`."""
    seed = int(os.environ.get("SKIPVIZ_BENCH_SEED") or time.time_ns() % 2**32)
    shares = {door: count // 20 if quick else count for door, count in SHARES.items()}
    runs, cache, home = folder / "runs", folder / "cache", folder / "home"
    for each in (runs, cache, home):
        each.mkdir()
    os.environ["SKIPVIZ_CACHE"] = str(cache)
    with serving(
        runs, SKIPVIZ_FUSED="0", SKIPVIZ_CACHE=str(cache), SKIPVIZ_PASSPHRASE="x" * 12,
        HOME=str(home),
    ) as server:  # fmt: skip
        _warm(server)
        process = psutil.Process(server.process.pid)
        damage = Damage(runs / "server.log", process, (ROOT, home))
        storm(Doors(server, damage, random.Random(seed)), shares)
        faults = damage.look()
    print(f"malformed: seed {seed}, tried {dict(damage.tried)}, answers "
          f"{dict(sorted(damage.statuses.items()))}", file=sys.stderr)  # fmt: skip
    for fault in faults[:20]:
        print(f"  {fault}", file=sys.stderr)
    few = sum(damage.tried[door] < LEAST_A_DOOR for door in SHARES)
    goal_tried = 0 if quick else few + (sum(damage.tried.values()) < LEAST)
    return [Row("malformed", 0, len(faults)), Row("malformed-too-few", 0, goal_tried)]


def storm(doors: Doors, shares: dict[str, int]) -> None:
    """So many inputs at each door."""
    for door, count in shares.items():
        getattr(doors, door)(count)


def _warm(server: Server) -> None:
    """Waits until the workers are there: from then on their number is known."""
    until = time.monotonic() + 120
    while Wire(server.url).ask(b"GET", b"/healthz") != 200 and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(2)


class Doors:
    """Every way by which input comes into a server."""

    def __init__(self, server: Server, damage: Damage, chance: random.Random) -> None:
        self.server, self.damage, self.chance = server, damage, chance
        self.wire = Wire(server.url)
        room = Rooms(server.runs).room(word())
        self.scene = sorted(registry.scenes())[0]
        room.show(self.scene, Phase.VOTE)
        self.code, self.room_id = room.code.encode(), room.id.encode()
        self.run_id = self._a_run().encode()
        self.vote = b'{"ballot":"%s.0","choice":1}' % self.scene.encode()

    def _a_run(self) -> str:
        lane = Lane(family="plain", knobs={"backbone": "dense", "depth": 4})
        experiment = Experiment(lanes=[lane], data="digits", steps=200, device="cpu")
        with streamlit_page(self.server.url) as page:
            query = "&".join(f"{k}={v}" for k, vs in experiment.to_query().items() for v in vs)
            page.open("lab", query).press("Train")
            return page.query.rpartition("run=")[2]

    # --- HTTP

    def _paths(self) -> list[bytes]:
        run, code = b"/api/runs/" + self.run_id, b"/v/" + self.code
        return [
            b"/", b"/lab?run=" + self.run_id, b"/lecture?scenes=lesion&at=1",
            b"/vote?room=abcdefgh",
            run + b"/poll?from=0&columns=9&sample=0&maps=1,2", run + b"/frame?step=3&as=bytes",
            run + b"/profiles?steps=1,5,9", run + b"/maps?lane=0&sample=0&parts=15&from=0",
            run + b"/samples", run + b"/columns?steps=1", code, b"/v?code=" + self.code,
            code + b"/state?after=0", code + b"/charts",
            b"/api/rooms/" + self.room_id + b"/answers.csv",
            b"/v/files/0123456789ab/phone.js", b"/lecturer?key=abcdef",
            b"/assets/0123456789ab/live.js", b"/vendor/plotly.min.js?v=6", b"/healthz", b"/metrics",
            b"/media/0123.png", b"/_stcore/health", b"/_stcore/host-config",
            b"/_stcore/bidi-components/x/y.js", b"/_stcore/upload_file/s/f", b"/static/js/x.js",
        ]  # fmt: skip

    def _exports(self) -> list[bytes]:
        """Each that is right starts a process, which takes a second."""
        export = b"/api/runs/" + self.run_id + b"/export/"
        return [export + b"csv?lane=0&zoom=1", export + b"zip"]

    def addresses(self, count: int) -> None:
        paths, chance = [*self._paths(), *self._exports()], self.chance
        methods = (b"GET",) * 8 + (b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"G\xffT")
        for _ in range(count):
            path = mutations.line(mutations.mutated(chance.choice(paths), chance))
            if chance.random() < 0.7:  # as a browser would write it
                path = quote_from_bytes(path, safe="/?&=%.,:").encode()
            self._ask("addresses", chance.choice(methods), path)

    def cookies(self, count: int) -> None:
        known = (b"skipviz_lecturer=abc", b"skipviz_voter=a.b", b"_streamlit_user=x; a=1", b"a")
        paths, chance = self._paths(), self.chance
        for _ in range(count):
            value = mutations.line(mutations.mutated(b"; ".join(known), chance)).strip()
            self._ask("cookies", b"GET", chance.choice(paths), b"Cookie: %s\r\n" % value)

    def bodies(self, count: int) -> None:
        chance, vote = self.chance, b"/v/%s/vote" % self.code
        step = b"/v/%s/step" % self.code
        a_step = b'{"run":"%s","step":3}' % self.run_id
        known = (self.vote, a_step, b"passphrase=abcdefghijkl", b"{}")
        upload = b"/_stcore/upload_file/session/file"
        for _ in range(count):
            path = chance.choice((vote, vote, step, b"/lecturer", b"/lecturer/out", upload))
            method = b"PUT" if path == upload else b"POST"
            self._ask("bodies", method, path, body=mutations.message(known, chance))

    def _ask(
        self, door: str, method: bytes, path: bytes, headers: bytes = b"", body: bytes = b""
    ) -> None:
        if b"/state" in path:  # a poll that has nothing new is answered after 20 s
            path = path.replace(b"/state", b"/status")
        status = self.wire.ask(method, path, headers, body)
        self.damage.answered(door, status, b" ".join((method, path, headers, body)))

    # --- sockets

    def phones(self, count: int) -> None:
        known = (self.vote, b'{"look":true}', b"{}")
        self._socket("phones", f"/v/{self.code.decode()}/live", count, known)

    def viewers(self, count: int) -> None:
        known = (b'{"get":12}', b'{"sample":3}')
        self._socket("viewers", f"/api/runs/{self.run_id.decode()}/live", count, known)

    def streamlit(self, count: int) -> None:
        with streamlit_page(self.server.url) as page:
            known = [page.open(name).wish for name in ("", "lab", "data")]
        self._socket("streamlit", "/_stcore/stream", count, known, subprotocols=["streamlit"])

    def _socket(
        self, door: str, path: str, count: int, known: Sequence[bytes], **options: object
    ) -> None:
        address = self.server.url.replace("http", "ws") + path
        sent = 0
        while sent < count:
            with connect(address, max_size=None, **options) as socket:  # type: ignore[arg-type]
                for _ in range(A_SOCKET):
                    given = mutations.message(known, self.chance)
                    sent += 1
                    self.damage.answered(door, 0, given)
                    try:
                        is_text = self.chance.random() < 0.5
                        socket.send(given.decode("utf-8", "replace") if is_text else given)
                    except WebSocketException:
                        break  # the server closed it, and another is opened
        if Wire(self.server.url).ask(b"GET", b"/healthz") != 200:
            self.damage.faults.append(f"{door}: the server is not well afterwards")

    # --- pages and files

    def specs(self, count: int) -> None:
        chance = self.chance
        known = (
            b"lane=resnet:backbone=dense,depth=50&lane=plain:depth=4&data=digits&steps=100&lr=0.03",
            b"lane=highway:backbone=dense,depth=9,gate_bias=-2&seed=3&seeds=4&optimiser=adam",
            b"scenes=lesion,degradation&at=2&phase=1&seeds=1&room=abcdefgh&run=" + self.run_id,
        )
        done = 0
        while done < count:
            with streamlit_page(self.server.url) as page:
                for _ in range(min(A_SOCKET, count - done)):
                    given = mutations.mutated(chance.choice(known), chance, most=4000)
                    self._opened(page, chance.choice(("lab", "lecture", "architecture")), given)
                    done += 1

    def _opened(self, page: StreamlitPage, name: str, given: bytes) -> None:
        page.open(name, given.decode("utf-8", "replace"))
        self.damage.answered("specs", 0, given)
        self.damage.faults += [f"specs: {text} for {given!r}" for text in page.exceptions]

    def archives(self, count: int) -> None:
        self._added("archives", count, lambda files: mutations.mutated(files, self.chance))

    def pictures(self, count: int) -> None:
        self._added("pictures", count, lambda files: files)

    def _added(self, door: str, count: int, change: Callable[[bytes], bytes]) -> None:
        """Archives, damaged or of damaged pictures, are added as a data set each."""
        from benchmarks.hall.own_pictures import add, kinds

        stage = self.server.runs / "stage"
        stage.mkdir(exist_ok=True)
        before = tree(stage)
        for number in range(count):
            picture = kinds()[number % len(kinds())]
            broken = picture if door == "archives" else mutations.mutated(picture, self.chance)
            names = ("cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png", "dog/e.png")
            data = change(mutations.archive(names, [picture] * 4 + [broken]))
            self.damage.answered(door, 0, data)
            try:
                add(stage / "x.zip", data)
            except Exception as error:  # what it may raise it raises as a sentence: `add` knows
                self.damage.faults.append(f"{door}: {type(error).__name__}: {error}")
        (stage / "x.zip").unlink()
        self.damage.faults += [f"{door}: left {path}" for path in tree(stage) if path not in before]

    def runs(self, count: int) -> None:
        """Archives of a run, damaged or with a damaged file, are taken in as runs."""
        store, path = Store(self.server.runs), self.server.runs / "stage" / "run.zip"
        path.parent.mkdir(exist_ok=True)
        run_zip.pack(store.folder(self.run_id.decode()), path)
        whole, before = path.read_bytes(), set(store.root.iterdir())
        for _ in range(count):
            path.write_bytes(given := mutations.rewritten(whole, self.chance))
            self.damage.answered("runs", 0, given)
            try:
                self._look_at(run_import.import_run(path, store))
            except SpecError as error:
                if "\n" in str(error) or len(str(error)) > 400:
                    self.damage.faults.append(f"runs: no sentence: {error}")
            except Exception as error:
                self.damage.faults.append(f"runs: {type(error).__name__}: {error}")
        left = set(store.root.iterdir()) - before - set(map(store.folder, store.runs()))
        self.damage.faults += [f"runs: left {each}" for each in left]

    def _look_at(self, run_id: str) -> None:
        """Whoever opens the run that was taken in gets its page and answers."""
        with streamlit_page(self.server.url) as page:
            page.open("lab", f"run={run_id}")
        self.damage.faults += [f"runs: {text} in the Lab with {run_id}" for text in page.exceptions]
        run = f"/api/runs/{run_id}"
        for path in ("poll?from=0", "maps?lane=0&sample=0&parts=1&from=0", "samples"):
            status = self.wire.ask(b"GET", f"{run}/{path}".encode())
            self.damage.statuses[status] += 1
            if status >= 500:
                self.damage.faults.append(f"runs: status {status} for {path} of {run_id}")
