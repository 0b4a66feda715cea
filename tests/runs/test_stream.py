"""The stream: messages of bounded size, encoded once, nothing lost, nobody else's page."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from skipviz.access.origins import same_host
from skipviz.core.frame import Frame, LaneFrame
from skipviz.core.protocol import PackedKind
from skipviz.store.frame_log import FrameLog, schema, to_batch
from skipviz.stream import broadcast as broadcasts
from skipviz.stream import messages
from skipviz.stream.broadcast import PULSE_S, RunBroadcast, Viewer
from skipviz.stream.packed import KEPT_BYTES, KEPT_S, Packed
from skipviz.stream.routes import Streams, _serve, routes
from tests import unpacking
from tests.synthetic import GrowingRun, track

with warnings.catch_warnings():
    # Which HTTP library stands behind it is the same to these tests; the older one warns.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PAIR = [track("Plain-50", "plain", 50), track("ResNet-50", "resnet", 50)]
HIGHWAY = [track("Highway-20", "highway", 20, cells=30)]


def pair(frames: int, steps: int = 400) -> GrowingRun:
    run = GrowingRun("pair", PAIR, steps)
    run.grow(frames)
    return run


def unpack(run: GrowingRun, message: str | bytes) -> dict[str, Any]:
    assert isinstance(message, bytes)
    return unpacking.unpack(message, run.tracks)


def updates(run: GrowingRun, found: list[str | bytes]) -> list[dict[str, Any]]:
    packed = [unpack(run, m) for m in found if isinstance(m, bytes)]
    return [m for m in packed if m["kind"] == PackedKind.UPDATE]


def run_async(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


# --- Messages -------------------------------------------------------------------------------


def test_curves_and_profiles_arrive_as_they_were_recorded() -> None:
    run = pair(50)
    got = unpacking.unpack(messages.snapshot(run.log, 0, 50), PAIR)
    assert (got["from"], got["to"], got["diverged"]) == (0, 50, [-1, -1])
    assert got["points"]["step"].tolist() == got["columns"]["step"].tolist() == list(range(50))
    for i in range(2):
        want = run.log.lane(i, "signal_gradient_norm")[:, 0]
        column = got["columns"]["lanes"][i]["signal_gradient_norm"]
        np.testing.assert_allclose(column, np.log10(want), rtol=1e-6)
        loss = run.log.lane(i, "loss")[:, 0, 0]
        np.testing.assert_allclose(got["points"]["lanes"][i]["loss"], loss, rtol=1e-6)


@pytest.mark.slow
def test_a_page_that_asks_for_one_profile_gets_the_newest() -> None:
    run = GrowingRun("pair", PAIR, 400)
    run.grow(50)
    got = unpacking.unpack(messages.snapshot(run.log, 0, 50, columns=1), PAIR)
    assert got["columns"]["step"].tolist() == [49]


def test_a_snapshot_is_thinned_and_keeps_extremes_and_newest() -> None:
    run = GrowingRun("long", [track("ResNet-2", "resnet", 2)], steps=20_000)
    run.grow(20_000)
    got = unpacking.unpack(messages.snapshot(run.log, 0, 20_000), run.tracks)
    loss = run.log.lane(0, "loss")[:, 0, 0]
    steps = set(got["points"]["step"].tolist())
    assert len(steps) <= messages.SNAPSHOT_POINTS
    assert {0, 19_999, int(loss.argmax()), int(loss.argmin())} <= steps
    assert len(got["columns"]["step"]) == messages.SNAPSHOT_COLUMNS


@pytest.mark.parametrize("between", [1, 2, 23, 24, 25, 100, 1000, 10_000])
def test_a_delta_of_two_50_layer_lanes_stays_below_2_kb(between: int) -> None:
    run = pair(200)
    # The log is what matters here: many rows are made at once from a few.
    log = FrameLog()
    frames = [run.log.frame(i % 200) for i in range(between + 1)]
    frames = [Frame(step=i, lanes=frame.lanes) for i, frame in enumerate(frames)]
    log.append(to_batch(frames, [0.0] * len(frames), schema('{"steps": 9}', PAIR)))
    data = messages.delta(log, 1, between + 1)
    got = unpacking.unpack(data, PAIR)
    assert len(data) <= 2048
    assert got["points"]["step"][-1] == got["columns"]["step"][-1] == between
    loss = log.lane(0, "loss", slice(1, None))[:, 0, 0]
    shown = got["points"]["lanes"][0]["loss"]
    assert shown.max() == np.float32(loss.max()) and shown.min() == np.float32(loss.min())


@pytest.mark.parametrize("seeds", [1, 5, 16])
@pytest.mark.parametrize("between", [1, 9, 50, 200])
def test_a_delta_of_a_run_that_is_evaluated_stays_below_2_kb_and_has_the_newest_evaluation(
    between: int, seeds: int
) -> None:
    names = (("Plain-50", "plain"), ("ResNet-50", "resnet"))
    tracks = [track(*name, 50, seeds=seeds, held_out=True) for name in names]
    run = GrowingRun("seeds", tracks, 300)
    run.grow(300)
    data = messages.delta(run.log, 91, 91 + between)
    got = unpacking.unpack(data, tracks)
    assert len(data) <= 2048
    steps = got["held_out"]["step"]
    due = range(100, 91 + between, 10)
    assert set(steps.tolist()) <= set(due) and (seeds > 1 or len(steps) == min(6, len(due)))
    if due:
        assert steps[-1] == due[-1]
        at = run.log.frame(int(steps[-1])).lanes[1]
        middle = np.median(np.atleast_1d(at.held_out_error))
        assert got["held_out"]["lanes"][1]["error"][-1] == pytest.approx(middle, rel=1e-6)


def test_every_seed_arrives_and_the_band_is_theirs() -> None:
    tracks = [track("Plain-50", "plain", 50, seeds=5), track("ResNet-50", "resnet", 50, seeds=5)]
    run = GrowingRun("seeds", tracks, 300)
    run.grow(300)
    got = unpacking.unpack(messages.snapshot(run.log, 0, 300), tracks)["points"]
    for i in range(2):
        lane, loss = got["lanes"][i], run.log.lane(i, "loss")[:, :, 0]
        np.testing.assert_allclose(lane["losses"], loss, rtol=1e-4)
        np.testing.assert_allclose(lane["errors"], run.log.lane(i, "error")[:, :, 0], atol=1e-5)
        np.testing.assert_allclose(lane["loss"], np.median(loss, axis=1), rtol=1e-6)
        np.testing.assert_allclose(lane["low"], loss.min(axis=1), rtol=1e-6)
        np.testing.assert_allclose(lane["high"], loss.max(axis=1), rtol=1e-6)


def test_a_seed_that_is_no_number_any_more_is_told_and_leaves_the_band_to_the_others() -> None:
    of = track("Plain-2", "plain", 2, seeds=3)
    norms, log = np.ones((3, 2)), FrameLog()
    losses = ([2.0, np.nan, 0.5], [np.inf, np.inf, 3.0], [np.nan] * 3, [0.0, 1.0, 1.0])
    lanes = [LaneFrame(np.array(x), np.full(3, 0.25), norms, norms, norms) for x in losses]
    frames = [Frame(step, (lane,)) for step, lane in enumerate(lanes)]
    log.append(to_batch(frames, [0.0] * 4, schema("{}", [of])))
    got = unpacking.unpack(messages.snapshot(log, 0, 4), [of])["points"]["lanes"][0]
    np.testing.assert_allclose(got["losses"][0], [2.0, np.nan, 0.5], rtol=1e-4)
    np.testing.assert_allclose(got["losses"][1], [np.nan, np.nan, 3.0], rtol=1e-4)
    assert np.isnan(got["losses"][2]).all() and np.isnan(got["low"][2])
    np.testing.assert_allclose(got["losses"][3], [1e-8, 1, 1], rtol=1e-4)
    np.testing.assert_array_equal(got["low"][:2], [0.5, 3.0])
    np.testing.assert_allclose(got["errors"], 0.25, atol=1e-5)
    np.testing.assert_allclose(got["loss"], [1.25, 3.0, np.inf, 1.0])  # of those that live
    np.testing.assert_allclose(got["error"], [0.25, 0.25, np.inf, 0.25])


def test_norms_outside_float32_survive_and_zero_is_told_from_nothing() -> None:
    norms = np.array([1e-300, 0.0, np.nan, np.inf, 1.0])
    of = track("Plain-5", "plain", 5)
    lane = LaneFrame(1.0, 0.5, norms, norms, norms, diverged_at=3)
    log = FrameLog()
    log.append(to_batch([Frame(7, (lane,))], [0.0], schema("{}", [of])))
    got = unpacking.unpack(messages.exact(log, 7), [of])
    profile = got["columns"]["lanes"][0]["weight_gradient_norm"][0]
    np.testing.assert_array_equal(profile, np.float32([-300, -np.inf, np.nan, np.inf, 0]))
    assert got["diverged"] == [3]


def test_the_maps_of_a_sample_come_exactly_as_they_are_kept() -> None:
    run = GrowingRun("highway", HIGHWAY, 100)
    run.grow(30)
    want = run.log.frame(20).lanes[0]
    assert want.gate_map is not None and want.output_map is not None
    data = messages.maps(run.log, 0, 29, sample=2)
    got = unpacking.unpack(data, HIGHWAY)
    assert (got["lane"], got["sample"], got["step"]) == (0, 2, 20)
    np.testing.assert_array_equal(got["gate_bias_map"], want.gate_bias_map)
    np.testing.assert_array_equal(got["gate_mean_map"], want.gate_mean_map)
    np.testing.assert_array_equal(got["gate_map"], want.gate_map[2])
    np.testing.assert_array_equal(got["output_map"], want.output_map[2])
    assert got["output_reach"] == run.log.reach(0, "output_map") > 0.5
    assert got["bias_reach"] == pytest.approx(run.log.reach(0, "gate_bias_map"))


def test_maps_come_in_the_parts_that_are_asked_for() -> None:
    run = GrowingRun("highway", HIGHWAY, 100)
    run.grow(1)
    sizes = {parts: len(messages.maps(run.log, 0, 0, 0, parts)) for parts in (1, 2, 3, 12, 15)}
    cells = 19 * 30
    assert sizes == {
        1: 20 + 4 * cells, 2: 20 + 2 * cells, 3: 20 + 6 * cells,
        12: 20 + 4 * cells, 15: 20 + 10 * cells,
    }  # fmt: skip
    of_sample = unpacking.unpack(messages.maps(run.log, 0, 0, 1, messages.OF_SAMPLE), HIGHWAY)
    assert "gate_map" in of_sample and "gate_bias_map" not in of_sample
    last = unpacking.unpack(messages.maps(run.log, 0, 0, 99), HIGHWAY)
    assert last["sample"] == HIGHWAY[0].samples - 1


def test_the_maps_of_fifty_layers_of_fifty_cells_stay_below_40_kb() -> None:
    run = GrowingRun("deep", [track("Highway-51", "highway", 51, cells=50)], 10)
    run.grow(1)
    assert len(messages.maps(run.log, 0, 0, 0)) <= 40_000


def test_an_odd_number_of_cells_keeps_every_part_aligned() -> None:
    of = [track("Highway-4", "highway", 4, cells=5)]
    run = GrowingRun("odd", of, 10)
    run.grow(1)
    data = messages.maps(run.log, 0, 0, 1)
    assert len(data) % 4 == 0
    frame = run.log.frame(0).lanes[0]
    assert frame.output_map is not None
    np.testing.assert_array_equal(unpacking.unpack(data, of)["output_map"], frame.output_map[1])


def test_joined_messages_come_apart_again() -> None:
    found: list[str | bytes] = ["hello Ω", b"\x01\x02", b"", "{}"]
    assert unpacking.split(messages.join(found)) == found


# --- Viewers ---------------------------------------------------------------------------------


def test_fifty_viewers_cost_one_encoding() -> None:
    async def scenario() -> None:
        run = pair(10)
        broadcast = RunBroadcast(run)
        viewers = [Viewer(broadcast) for _ in range(50)]
        first = [viewer.news() for viewer in viewers]
        assert broadcast.packed.encoded == 1 and all(news == first[0] for news in first)
        for n in range(11, 31):
            run.grow(n)
            broadcast.look()
            assert len({viewer.news()[-1] for viewer in viewers}) == 1
        assert broadcast.packed.encoded == 21

    run_async(scenario)


def test_a_slow_viewer_gets_one_bounded_message_for_all_it_missed() -> None:
    async def scenario() -> None:
        run = pair(10)
        broadcast = RunBroadcast(run)
        viewer = Viewer(broadcast)
        viewer.news()
        for n in range(11, 391):
            run.grow(n)
            broadcast.look()
        late = [m for m in viewer.news() if isinstance(m, bytes)]
        assert len(late) == 1 and len(late[0]) <= 2048
        assert (unpack(run, late[0])["from"], unpack(run, late[0])["to"]) == (10, 390)

    run_async(scenario)


def test_reconnecting_leaves_no_gap_and_repeats_nothing() -> None:
    async def scenario() -> None:
        run = pair(100)
        broadcast = RunBroadcast(run)
        seen = updates(run, Viewer(broadcast).news())
        run.grow(160)
        broadcast.look()
        again = Viewer(broadcast, held=seen[-1]["to"])
        seen += updates(run, again.news())
        steps = np.concatenate([m["points"]["step"] for m in seen])
        assert steps.tolist() == list(range(160))
        assert [(m["from"], m["to"]) for m in seen] == [(0, 100), (100, 160)]
        assert updates(run, again.news()) == []

    run_async(scenario)


def test_a_viewer_that_claims_more_than_there_is_begins_anew() -> None:
    async def scenario() -> None:
        run = pair(20)
        assert updates(run, Viewer(RunBroadcast(run), held=999).news())[0]["from"] == 0

    run_async(scenario)


def test_a_broadcast_looks_at_once_and_then_not_before_the_next_pulse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pulse lasts until the test ends it."""
    pulses, over = list[float](), asyncio.Event()

    async def pulse(seconds: float) -> None:
        pulses.append(seconds)
        await over.wait()
        over.clear()

    async def all_others() -> None:
        for _ in range(5):
            await turn(0)

    async def scenario() -> None:
        run = pair(1)
        broadcast = RunBroadcast(run)
        async with broadcast.watched():
            run.grow(2)
            await broadcast.after(broadcast.tick)
            assert broadcast.n == 2
            looks = broadcast.tick
            for n in range(3, 103):
                run.grow(n)
                await all_others()
            assert broadcast.tick == looks and broadcast.n == 2
            over.set()
            await broadcast.after(looks)
            assert broadcast.tick == looks + 1 and broadcast.n == 102
            await all_others()
        assert broadcast.viewers == 0 and pulses == [PULSE_S] * 2

    turn = asyncio.sleep
    monkeypatch.setattr(broadcasts.asyncio, "sleep", pulse)
    run_async(scenario)


def test_who_comes_within_a_second_gets_the_others_first_message_and_what_is_newer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(broadcasts.time, "monotonic", lambda: now)
    run = pair(100)
    broadcast = RunBroadcast(run)
    first = updates(run, Viewer(broadcast).news())
    run.grow(150)
    broadcast.look()
    second = Viewer(broadcast)
    seen = updates(run, second.news())
    assert [(m["from"], m["to"]) for m in first] == [(0, 100)]
    assert [(m["from"], m["to"]) for m in seen] == [(0, 100), (100, 150)]
    assert broadcast.packed.encoded == 2 and second.held == 150 and not second.fresh
    back = updates(run, Viewer(broadcast, held=120).news())
    assert [(m["from"], m["to"]) for m in back] == [(120, 150)]
    now += broadcasts.FIRST_S
    late = updates(run, Viewer(broadcast).news())
    assert [(m["from"], m["to"]) for m in late] == [(0, 150)]


def test_three_hundred_pages_do_not_keep_three_hundred_first_messages() -> None:
    now = 100.0
    packed = Packed(lambda: now)
    runs = {str(i): pair(400) for i in range(12)}
    streams = Streams(runs.get)
    streams.packed = packed
    viewers, largest = [], 0
    for i in range(300):
        broadcast = streams.broadcast(str(i % 12))
        assert broadcast is not None
        broadcast.viewers = 1
        viewer = Viewer(broadcast, columns=100 - i // 12)
        (first,) = [m for m in viewer.news() if isinstance(m, bytes)]
        viewers.append(viewer)
        largest = max(largest, packed.nbytes)
    assert packed.encoded == 300 and 300 * len(first) > 2 * KEPT_BYTES >= largest
    now += KEPT_S
    packed.let_go()
    assert packed.nbytes == 0 and not packed._kept


def test_bytes_that_are_larger_than_all_that_is_kept_are_not_kept() -> None:
    packed = Packed()
    assert len(packed.once("large", lambda: bytes(KEPT_BYTES + 1))) == KEPT_BYTES + 1
    assert packed.once("small", lambda: b"x") == packed.once("small", lambda: b"y") == b"x"
    assert packed.nbytes == 1 and packed.encoded == 2


class SlowSocket:
    """A browser's socket whose other side takes nothing until it is let."""

    def __init__(self, is_slow: bool) -> None:
        self.client_state = WebSocketState.CONNECTED
        self.messages: list[str | bytes] = []
        self.takes, self.is_gone = asyncio.Event(), asyncio.Event()
        if not is_slow:
            self.takes.set()

    async def send(self, message: str | bytes) -> None:
        await self.takes.wait()
        self.messages.append(message)

    send_text = send_bytes = send

    async def receive(self) -> dict[str, str]:
        await self.is_gone.wait()
        return {"type": "websocket.disconnect"}


def test_a_slow_viewer_is_served_less_often_and_holds_nobody_up() -> None:
    async def scenario() -> None:
        run = pair(1)
        broadcast = RunBroadcast(run)
        slow, quick = SlowSocket(True), SlowSocket(False)
        served = [
            asyncio.create_task(_serve(cast(WebSocket, socket), Viewer(broadcast)))
            for socket in (slow, quick)
        ]
        for n in range(2, 60):
            run.grow(n)
            broadcast.look()
            while not quick.messages or updates(run, quick.messages)[-1]["to"] != n:
                await asyncio.sleep(0)
        assert not slow.messages
        slow.takes.set()
        while not updates(run, slow.messages) or updates(run, slow.messages)[-1]["to"] != 59:
            await asyncio.sleep(0)
        assert len(updates(run, quick.messages)) == 58 and len(updates(run, slow.messages)) == 2
        for socket in (slow, quick):
            socket.is_gone.set()
        await asyncio.gather(*served)

    run_async(scenario)


def test_a_server_that_leaves_answers_whoever_waits() -> None:
    async def scenario() -> None:
        streams = Streams({"pair": pair(3)}.get)
        broadcast = streams.broadcast("pair")
        assert broadcast is not None
        async with broadcast.watched():
            waiting = asyncio.create_task(broadcast.after(broadcast.tick))
            await asyncio.sleep(0)
            streams.leave()
            assert await waiting == broadcast.tick
        later = streams.broadcast("pair")
        assert later is not None and await later.after(later.tick) == later.tick

    run_async(scenario)


def test_maps_come_when_they_are_new_to_whoever_wants_them() -> None:
    async def scenario() -> None:
        run = GrowingRun("highway", HIGHWAY, 100)
        run.grow(5)
        broadcast = RunBroadcast(run)
        viewer, other = Viewer(broadcast, sample=1), Viewer(broadcast)

        def maps(found: list[str | bytes]) -> list[tuple[int, int]]:
            packed = [unpack(run, m) for m in found if isinstance(m, bytes)]
            return [(m["step"], m["sample"]) for m in packed if m["kind"] == PackedKind.MAPS]

        assert maps(other.news()) == []
        assert maps(viewer.news()) == [(0, 1)] and maps(viewer.news()) == []
        run.grow(30)
        run.tell(state="finished")
        broadcast.look()
        assert maps(viewer.news()) == [(20, 1)]
        assert maps(viewer.shows(2)) == [(20, 2)] and viewer.shows(2) == []
        assert maps(viewer.exactly(19)) == []

    run_async(scenario)


def test_maps_are_sent_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(broadcasts.time, "monotonic", lambda: now)
    run = GrowingRun("highway", HIGHWAY, 400)
    run.grow(1)
    broadcast = RunBroadcast(run)
    viewer = Viewer(broadcast, sample=0)
    viewer.news()
    sent = []
    for tick in range(1, 31):
        now = 100.0 + tick / 10
        run.grow(run.log.n + 7)
        broadcast.look()
        packed = [unpack(run, m) for m in viewer.news() if isinstance(m, bytes)]
        sent += [tick for m in packed if m["kind"] == PackedKind.MAPS]
    assert sent == [10, 20, 30]


def test_a_run_that_has_no_frames_yet_says_hello_again_when_it_has_lanes() -> None:
    async def scenario() -> None:
        run = pair(0)
        full, run.log = run.log, FrameLog()
        broadcast = RunBroadcast(run)
        viewer = Viewer(broadcast)
        (first,) = viewer.news()
        run.log = full
        run.grow(3)
        broadcast.look()
        second, update = viewer.news()
        assert json.loads(first)["tracks"] == [] and len(json.loads(second)["tracks"]) == 2
        assert unpack(run, update)["to"] == 3

    run_async(scenario)


# --- Routes ---------------------------------------------------------------------------------


@pytest.fixture
def run() -> GrowingRun:
    return pair(30)


@pytest.fixture
def client(run: GrowingRun) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes({"pair": run}.get))) as made:
        yield made


def test_a_socket_brings_hello_snapshot_and_exact_frames(
    client: TestClient, run: GrowingRun
) -> None:
    with client.websocket_connect("/api/runs/pair/live?from=10") as socket:
        hello = json.loads(socket.receive_text())
        assert (hello["type"], hello["steps"], hello["n"]) == ("hello", 400, 30)
        assert hello["tracks"][0]["label"] == "Plain-50" and hello["status"]["state"] == "running"
        snapshot = unpack(run, socket.receive_bytes())
        assert (snapshot["from"], snapshot["to"]) == (10, 30)
        for nonsense in ("[]", "no json", '{"get": "x"}', '{"get": 1e999}', "7"):
            socket.send_text(nonsense)
        socket.send_bytes(b"\x00")
        socket.send_json({"get": 17})
        exact = unpack(run, socket.receive_bytes())
        assert exact["kind"] == PackedKind.EXACT and exact["points"]["step"].tolist() == [17]


def test_an_unknown_run_is_told_in_one_sentence(client: TestClient) -> None:
    with client.websocket_connect("/api/runs/nothing/live") as socket:
        told = json.loads(socket.receive_text())
        assert told["type"] == "missing" and told["message"].startswith("There is no run nothing")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    (polled,) = unpacking.split(client.get("/api/runs/nothing/poll").content)
    assert json.loads(polled) == told
    assert client.get("/api/runs/nothing/frame?step=1").status_code == 404
    assert client.get("/api/runs/nothing/columns?steps=1").status_code == 404


@pytest.mark.parametrize(
    ("origin", "host", "welcome"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("https://skip.example.edu", "skip.example.edu", True),
        ("http://skip.example.edu", "skip.example.edu:80", True),
        ("http://[::1]:8501", "[::1]:8501", True),
        ("http://127.0.0.1:8501", "127.0.0.1", True),
        (None, "localhost:8501", True),
        ("http://evil.example", "localhost:8501", False),
        ("http://localhost:9999", "localhost:8501", False),
        ("null", "localhost:8501", False),
        ("http://localhost:port", "localhost:8501", False),
        ("", "", False),
    ],
)
def test_only_pages_of_this_server_may_watch(origin: str | None, host: str, welcome: bool) -> None:
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    assert same_host(headers) is welcome


def test_a_proxy_may_name_the_host_that_the_browser_saw() -> None:
    headers = {"host": "127.0.0.1:8501", "x-forwarded-host": "skip.example.edu"}
    assert same_host({**headers, "origin": "https://skip.example.edu"})


def test_polling_brings_the_same_messages_in_turn(client: TestClient, run: GrowingRun) -> None:
    first = unpacking.split(client.get("/api/runs/pair/poll?from=0&columns=7").content)
    assert json.loads(first[0])["type"] == "hello"
    got = unpack(run, first[1])
    assert (got["from"], got["to"], len(got["columns"]["step"])) == (0, 30, 7)
    run.grow(45)
    second = unpacking.split(client.get("/api/runs/pair/poll?from=30").content)
    assert json.loads(second[0])["type"] == "status"
    assert (unpack(run, second[1])["from"], unpack(run, second[1])["to"]) == (30, 45)


def test_a_frame_is_told_exactly_and_numbers_that_json_lacks_have_names(
    client: TestClient, run: GrowingRun
) -> None:
    told = client.get("/api/runs/pair/frame?step=12").json()
    want = run.log.frame(12).lanes[0]
    assert told["step"] == 12
    assert told["lanes"][0]["loss"] == want.loss
    assert told["lanes"][0]["signal_gradient_norm"] == want.signal_gradient_norm.tolist()
    assert client.get("/api/runs/pair/frame?step=x").status_code == 404
    odd = LaneFrame(float("inf"), 0.5, np.array([np.nan]), np.array([-np.inf]), np.array([1.0]))
    lane = json.loads(messages.frame_json(Frame(0, (odd,))))["lanes"][0]
    assert (lane["loss"], lane["signal_gradient_norm"]) == ("Infinity", ["NaN"])


def test_missing_columns_are_brought(client: TestClient, run: GrowingRun) -> None:
    (found,) = unpacking.split(client.get("/api/runs/pair/profiles?steps=3,9,9,1000").content)
    before = client.get("/api/runs/pair/columns?steps=3,9,9,1000")
    assert unpacking.split(before.content) == [found]
    got = unpack(run, found)
    assert got["kind"] == PackedKind.PROFILES and got["columns"]["step"].tolist() == [3, 9, 29]


def test_routes_lie_under_the_base_path() -> None:
    paths = [getattr(route, "path", "") for route in routes(lambda _: None, base="/lecture/")]
    assert all(path.startswith("/lecture/") for path in paths) and len(paths) == 9


def test_broadcasts_that_nobody_watches_are_let_go() -> None:
    async def scenario() -> None:
        runs = {str(i): pair(1) for i in range(5)}
        streams = Streams(runs.get)
        for key in runs:
            streams.broadcast(key)
        assert list(streams.broadcasts) == ["4"]

    run_async(scenario)


# --- The component's files --------------------------------------------------------------------


def test_plotly_and_the_component_are_served_for_good_from_here(client: TestClient) -> None:
    from skipviz.stream import assets

    plotly = client.get("/" + assets.plotly_path())
    assert plotly.headers["content-encoding"] == "gzip" and len(plotly.content) > 4_000_000
    assert "immutable" in plotly.headers["cache-control"]
    script = client.get("/" + assets.script_path())
    assert "javascript" in script.headers["content-type"] and "export" in script.text
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/assets/old/live.js").headers["cache-control"] == "no-cache"
    assert client.get("/assets/x/..%2f..%2fLICENSE").status_code == 404
