"""The route of the live camera: frames in, answers out, and everything it refuses."""

import asyncio
import base64
import json
import socket
from types import SimpleNamespace

import fakes
import httpx
import model_factory
import numpy as np
import pytest
from starlette.applications import Starlette

from catdog_core.analysis import gradcam, isolated_models, model_sandbox_process, predict
from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.data.synthetic import draw_pet
from catdog_core.imaging import decode
from catdog_core.models import model_sandbox
from catdog_core.runs import model_registry
from catdog_core.server import live, loaded_models, tickets
from catdog_ui import camera, permissions, server

ORIGIN = "http://lab"


@pytest.fixture(autouse=True)
def fresh(workspace, monkeypatch):
    """No tickets and models of other tests."""
    monkeypatch.setattr(tickets, "_tickets", {})
    loaded_models.forget_models()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Model files by kind: a convolutional network of the lab, and one without convolutions."""
    import keras

    folder = tmp_path_factory.mktemp("models")
    layers = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    keras.Sequential(layers).save(folder / "flat.keras")
    return {
        "notes": model_factory.make_model_file(folder, "notes"),
        "flat": folder / "flat.keras",
    }


@pytest.fixture
def run(files):
    """The id of a run with a model."""
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(files["notes"].read_bytes())
    return folder.name


def jpeg(side=64, height=None, label=0):
    pet = draw_pet(label, side, np.random.default_rng(label))
    return decode.encode_photo(np.asarray(pet.resize((side, height or side))))


def ticket(visitor=access.OWNER):
    return {tickets.HEADER: tickets.issue(lambda: visitor)}


def app():
    return Starlette(routes=server.build_routes(), middleware=server.build_middleware())


async def post(client, model, data, headers, heat_map=1):
    query = {"model": model, "heat_map": heat_map}
    return await client.post(live.PATH, params=query, content=data, headers=headers)


def client(application=None):
    transport = httpx.ASGITransport(application or app())
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def ask(model, data, headers=None, **options):
    """The answer to one frame."""

    async def one():
        async with client() as asking:
            return await post(asking, model, data, headers or ticket(), **options)

    return asyncio.run(one())


def test_a_frame_is_answered_as_a_photo_is(run, files):
    model = predict.load_predictor(files["notes"])
    for label in (0, 1):
        data = jpeg(label=label)
        photos = decode.decode_and_fit(data, model.size)[None]
        answer = ask(run, data).json()
        assert np.allclose(answer["probabilities"], model.predict(photos)[0], atol=1e-4)
        packed = answer["heat_map"]
        values = np.frombuffer(base64.b64decode(packed["values"]), np.uint8)
        expected = gradcam.predict_with_maps(model, photos)[1][0]
        assert values.max() == 255 and expected.shape == (packed["rows"], packed["columns"])
        assert np.abs(values.reshape(expected.shape) / 255 - expected).max() < 0.01
        assert answer["ms"] > 0 and answer["wait_ms"] == 0
    assert ask(run, jpeg(), heat_map=0).json()["heat_map"] is None


def test_nothing_of_a_frame_is_stored(run, workspace, tmp_path):
    def held():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    ask(run, jpeg())  # opening a run may leave a cache
    before = held()
    assert ask(run, jpeg(label=1)).status_code == 200
    assert held() == before


def test_a_network_without_convolutions_answers_and_says_why_there_is_no_map(files):
    imported = model_registry.register_imported_model(
        files["flat"].read_bytes(), "flat.keras", ["cats", "dogs"], "0..1"
    )
    answer = ask(imported.id, jpeg()).json()
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-3)
    assert answer["heat_map"] is None and "no convolution" in answer["note"]


def test_a_large_map_is_sent_small():
    heat = np.zeros((200, 100), np.float32)
    heat[100:] = 1
    packed = live._pack_map(heat)
    values = np.frombuffer(base64.b64decode(packed["values"]), np.uint8).reshape(64, 64)
    assert packed["rows"] == packed["columns"] == 64
    assert not values[:31].any() and (values[33:] == 255).all()


@pytest.mark.parametrize("headers", [{}, {tickets.HEADER: "guessed"}])
def test_without_a_ticket_nothing_is_answered(run, headers):
    async def one():
        async with client() as asking:
            return await post(asking, run, jpeg(), headers)

    answer = asyncio.run(one())
    assert answer.status_code == 403 and "Reload the page" in answer.json()["error"]


def test_a_closed_page_is_answered_no_more(run):
    now = [access.OWNER]
    headers = {tickets.HEADER: tickets.issue(lambda: now[0])}
    assert ask(run, jpeg(), headers).status_code == 200
    now[0] = None
    assert ask(run, jpeg(), headers).status_code == 403


def test_the_audience_may_watch_and_the_work_is_for_them(run, workspace, monkeypatch):
    (workspace / access.FILE).write_text(json.dumps({"format": 1, "shared": True}))
    seen = []
    real = live.answer_frame

    def answer_frame(*arguments):
        seen.append(access.current_visitor())
        return real(*arguments)

    monkeypatch.setattr(live, "answer_frame", answer_frame)
    ann = Visitor("Ann", "audience")
    assert ask(run, jpeg(), ticket(ann)).status_code == 200
    assert seen == [ann]


def test_another_site_is_refused_even_with_a_ticket(run):
    headers = {**ticket(), "Origin": "http://evil.example"}
    assert ask(run, jpeg(), headers).status_code == 403
    assert ask(run, jpeg(), {**ticket(), "Origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (lambda: jpeg() + b"\0" * live.MAX_FRAME_BYTES, 413, "too large"),
        (lambda: jpeg(1500, 1500), 413, "too large"),
        (lambda: decode.encode_photo(np.zeros((64, 64, 3), np.uint8), "png"), 415, "JPEG"),
        (lambda: b"", 415, "JPEG"),
        (lambda: jpeg()[:300], 422, ""),
        (lambda: b"\xff\xd8" + b"x" * 500, 422, ""),
    ],
)
def test_what_is_no_frame_of_a_camera_is_refused(run, data, status, reason):
    answer = ask(run, data())
    assert answer.status_code == status and reason in answer.json()["error"]


def test_a_reason_comes_in_the_language_of_the_page(run):
    answer = ask(run, b"GIF89a", {**ticket(), "Accept-Language": "ko"})
    assert "다른 브라우저" in answer.json()["error"]


def test_a_model_that_is_gone_is_named(run, workspace, monkeypatch):
    monkeypatch.setattr(live, "_REMEMBERED", 0.0)
    headers = ticket()

    async def before_and_after():
        async with client() as asking:
            yield await post(asking, run, jpeg(), headers)
            (workspace / "runs" / run / "best.keras").unlink()
            yield await post(asking, run, jpeg(), headers)

    async def both():
        return [answer async for answer in before_and_after()]

    first, second = asyncio.run(both())
    assert (first.status_code, second.status_code) == (200, 404)
    assert run in second.json()["error"]


def test_a_ticket_has_a_rate(run, monkeypatch):
    monkeypatch.setattr(live, "FRAMES_PER_SECOND", 0.0)
    monkeypatch.setattr(live, "BURST", 2.0)
    headers = ticket()
    assert [ask(run, jpeg(), headers).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(run, jpeg(), ticket()).status_code == 200


def test_a_watcher_has_one_frame_on_the_way_and_watchers_take_turns(monkeypatch):
    monkeypatch.setattr(live.os, "cpu_count", lambda: 2)
    order = []

    async def find_model(self, key):  # at once, so that all ask for their turn together
        return None, key

    def answer_frame(model, *_):
        order.append(model[1])
        return {"probabilities": [], "heat_map": None, "note": "", "ms": 0.0}

    monkeypatch.setattr(live.Live, "_find_model", find_model)
    monkeypatch.setattr(live, "answer_frame", answer_frame)
    names = [f"watcher {n}" for n in range(5)]

    async def watch(asking, name):
        headers = ticket()
        twice = await asyncio.gather(*(post(asking, name, jpeg(), headers) for _ in range(2)))
        assert sorted(answer.status_code for answer in twice) == [200, 429]
        for _ in range(9):
            assert (await post(asking, name, jpeg(), headers)).status_code == 200

    async def all_five():
        async with client() as asking:
            await asyncio.gather(*(watch(asking, name) for name in names))

    asyncio.run(all_five())
    # As each asks again when it has its answer, none is ever more than one frame ahead.
    counts = dict.fromkeys(names, 0)
    for name in order:
        counts[name] += 1
        assert max(counts.values()) - min(counts.values()) <= 2
    assert set(counts.values()) == {10}


def test_who_has_left_is_not_computed_for(run, monkeypatch):
    computed = []
    monkeypatch.setattr(live, "answer_frame", lambda *arguments: computed.append(arguments))
    messages = [{"type": "http.request", "body": jpeg()}, {"type": "http.disconnect"}]
    headers = [(name.lower().encode(), value.encode()) for name, value in ticket().items()]
    scope = {
        **{"type": "http", "method": "POST", "path": live.PATH, "headers": headers},
        "query_string": f"model={run}".encode(),
    }
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(Starlette(routes=live.build_routes())(scope, receive, send))
    assert not computed and sent[0]["status"] == 400


def test_a_model_from_elsewhere_answers_from_a_process_apart(files, workspace, monkeypatch):
    imported = model_registry.register_imported_model(
        files["notes"].read_bytes(), "theirs.keras", ["cats", "dogs"], "0..255"
    )
    (workspace / access.FILE).write_text(json.dumps({"format": 1, "shared": True}))
    monkeypatch.setattr(model_sandbox, "is_own_model", lambda path: False)
    own = predict.load_predictor(files["notes"])
    called = []

    class Apart:
        """Stands for the process: `test_isolated_models` asks a real one."""

        def call(self, function, **arguments):
            called.append(function)
            return model_sandbox_process.REQUEST_HANDLERS[function](own, **arguments)

    def load_isolated(path):
        return predict.replace(own, model=None, run_batch=None, remote=Apart())

    monkeypatch.setattr(isolated_models, "load_isolated", load_isolated)
    answer = ask(imported.id, jpeg(), ticket(Visitor("Ann", "student"))).json()
    photos = decode.decode_and_fit(jpeg(), own.size)[None]
    assert called == ["predict_with_maps"]
    assert np.allclose(answer["probabilities"], own.predict(photos)[0], atol=1e-4)


def test_while_a_training_runs_frames_rest_for_most_of_the_time(monkeypatch):
    clock, rests = [100.0], []

    async def sleep(seconds):
        rests.append(round(seconds, 3))
        clock[0] += seconds

    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(live.asyncio, "sleep", sleep)
    training = [True]
    monkeypatch.setattr(live, "_is_training", lambda: training[0])

    async def frames(lane, seconds, count=4):
        for _ in range(count):
            async with lane.turn():
                clock[0] += seconds
        return lane.wait

    async def all_frames():
        lane = live.Lane()
        rest = lane.REST * 0.02
        assert await frames(lane, 0.02) == pytest.approx(rest)
        assert rests == [0, *[pytest.approx(rest)] * 3]
        rests.clear()
        await frames(lane, 0.1)  # as slow as it is, it keeps the least rate
        assert rests[1:] == [round(1 / lane.LEAST_RATE - 0.1, 3)] * 3
        rests.clear()
        await frames(lane, 0.5)
        assert rests[1:] == [0] * 3
        training[0], clock[0] = False, clock[0] + 10
        rests.clear()
        assert await frames(lane, 0.02) == 0 and not rests

    asyncio.run(all_frames())


def test_below_a_base_path_the_routes_are_where_the_page_asks(run, monkeypatch):
    monkeypatch.setattr(server.st, "get_option", {"server.baseUrlPath": "/lab/"}.get)
    (mount,) = server.build_routes()
    assert mount.path == "/lab"
    assert any(route.path == live.PATH for route in mount.routes)
    monkeypatch.setattr(permissions, "issue_ticket", lambda: "t")
    assert camera.request_data(live.PATH)["url"] == f"/lab{live.PATH}"


def test_an_answer_is_sent_at_once_through_the_socket_that_streamlit_makes():
    option = socket.IPPROTO_TCP, socket.TCP_NODELAY
    inherited = []

    async def accepted(_reader, writer):
        inherited.append(writer.get_extra_info("socket").getsockopt(*option))
        writer.close()

    async def serve():
        listening = socket.socket()  # as Streamlit's: asyncio takes it for no TCP
        listening.bind(("127.0.0.1", 0))
        async with await asyncio.start_server(accepted, sock=listening) as answering:
            await server._send_at_once(SimpleNamespace(started=True, servers=[answering]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            await reader.read()
            writer.close()

    asyncio.run(serve())
    assert inherited == [1]
