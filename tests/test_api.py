"""The API: predictions, models, runs, errors and limits, as a program sees them."""

import asyncio
import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import fakes
import httpx
import jsonschema
import numpy as np
import pytest
from starlette.applications import Starlette

from catdog_core import runs
from catdog_core.analysis import gradcam, predict
from catdog_core.base import access, files
from catdog_core.base.errors import ModelError
from catdog_core.data import synthetic
from catdog_core.imaging import decode
from catdog_core.runs import model_registry
from catdog_core.server import api, batching, bodies, loaded_models, openapi, standalone, tokens
from catdog_core.server.origin_check import KnownNames
from catdog_ui import server

LOCAL = ("127.0.0.1", 50_000)
REMOTE = ("192.168.1.30", 50_000)


class Model:
    """Says how bright a photo is, between "dark" and "bright"; of a black one it says nothing."""

    classes, size, batch = ("dark", "bright"), (8, 8), 32
    remote = object()  # so that one thread asks it

    def __init__(self):
        self.sizes = []
        self.open, self.started = threading.Event(), threading.Event()
        self.open.set()

    def predict_with_scores(self, photos):
        self.started.set()
        assert self.open.wait(20)
        self.sizes.append(len(photos))
        bright = photos.mean(axis=(1, 2, 3)) / 255
        if (bright == 0).any():
            raise ModelError("The model outputs NaN or infinite values for these photos.")
        return np.stack([1 - bright, bright], axis=1), bright[:, np.newaxis]


@pytest.fixture
def model(monkeypatch, workspace):
    """What answers instead of any model of the registry."""
    fake = Model()
    monkeypatch.setattr(predict, "load_predictor", lambda path: fake)
    monkeypatch.setattr(predict, "apply_import_settings", lambda model, path: model)
    monkeypatch.setattr(loaded_models, "begin_preload", lambda: None)
    monkeypatch.setattr(loaded_models, "freeze_gc", lambda: None)
    monkeypatch.setattr(
        gradcam,
        "predict_with_maps",
        lambda model, photos: (
            model.predict_with_scores(photos)[0],
            np.full((len(photos), 2, 2), 0.5, np.float32),
        ),
    )
    loaded_models.forget_models()
    yield fake
    loaded_models.forget_models()


class Program:
    """Asks an ASGI application as a program at an address would."""

    def __init__(self, app, peer=LOCAL, host="127.0.0.1:8501"):
        self.url = f"http://{host}"
        self.transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=peer)

    def request_all(self, method, path, options):
        """The replies to requests that are made at once."""

        async def ask():
            async with httpx.AsyncClient(transport=self.transport, base_url=self.url) as client:
                asked = (client.request(method, path, timeout=60, **each) for each in options)
                return await asyncio.gather(*asked)

        return asyncio.run(ask())

    def request(self, method, path, **options):
        return self.request_all(method, path, [options])[0]

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)


def client_from(peer, host="127.0.0.1:8501"):
    app = standalone.build_app(KnownNames(("127.0.0.1", "localhost", "192.168.1.20")))
    return Program(app, peer, host)


@pytest.fixture
def client(model):
    """A program on the same machine."""
    return client_from(LOCAL)


@pytest.fixture
def remote(model):
    """A program on another machine."""
    return client_from(REMOTE, "192.168.1.20:8501")


def photo(value=200, side=16):
    return decode.encode_photo(np.full((side, side, 3), value, np.uint8), "png")


def check(reply, name):
    """The JSON of a reply, which is as the OpenAPI document says."""
    schemas = openapi.build_document()["components"]["schemas"]
    content = reply.json()
    jsonschema.validate(content, {"$ref": f"#/$defs/{name}", "$defs": _as_definitions(schemas)})
    return content


def _as_definitions(schemas):
    return json.loads(json.dumps(schemas).replace("#/components/schemas/", "#/$defs/"))


def problem(reply, status):
    assert reply.status_code == status, reply.text
    return check(reply, "ErrorReply")["error"]["message"]


def test_a_photo_as_the_body_is_predicted(client):
    reply = client.post(
        "/api/v1/predict", content=photo(204), headers={"Content-Type": "image/png"}
    )
    content = check(reply, "PredictReply")
    assert content["model"]["kind"] == "built-in"
    (prediction,) = content["predictions"]
    assert prediction["label"] == "bright" and prediction["error"] is None
    assert prediction["probabilities"] == pytest.approx({"bright": 0.8, "dark": 0.2})
    assert next(iter(prediction["probabilities"])) == "bright" and prediction["heat_map"] is None


def test_many_photos_as_a_form_are_answered_in_order_each_with_its_own_error(client):
    files = [
        ("any", ("a.png", photo(204))),
        ("name", ("b.png", b"no photo")),
        ("any", ("c.png", photo(51))),
        ("any", ("d.png", photo(0))),
    ]
    content = check(client.post("/api/v1/predict", files=files, data={"top": "1"}), "PredictReply")
    rows = content["predictions"]
    assert [row["file"] for row in rows] == ["a.png", "b.png", "c.png", "d.png"]
    assert [row["label"] for row in rows] == ["bright", None, "dark", None]
    assert rows[0]["probabilities"] == pytest.approx({"bright": 0.8})
    assert rows[1]["error"]["kind"] == "PhotoError" and "photo" in rows[1]["error"]["message"]
    assert rows[3]["error"]["kind"] == "ModelError"


@pytest.mark.parametrize("wanted", ["true", "overlay", "map"])
def test_a_heat_map_comes_as_a_picture_of_the_models_size(client, wanted):
    reply = client.post(f"/api/v1/predict?heat_map={wanted}", content=photo())
    data = base64.b64decode(check(reply, "PredictReply")["predictions"][0]["heat_map"])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture.shape == ((8, 8) if wanted == "map" else (8, 8, 3))
    if wanted == "map":
        assert (picture == 128).all()


@pytest.mark.parametrize(
    ("query", "body", "status", "sentence"),
    [
        ("", b"no photo", 422, "photo"),
        ("", b"", 400, "has no photo"),
        ("?top=0", photo(), 400, "'top' is '0'"),
        ("?top=two", photo(), 400, "whole number"),
        ("?heat_map=red", photo(), 400, "none, overlay, map"),
        ("?model=nothing", photo(), 404, "There's no model 'nothing'"),
        ("?model=../../etc", photo(), 404, "There's no model"),
        ("", photo(0), 422, "NaN"),
    ],
)
def test_what_is_wrong_is_told_in_the_labs_sentences(client, query, body, status, sentence):
    assert sentence in problem(client.post(f"/api/v1/predict{query}", content=body), status)


def test_errors_are_in_the_language_of_the_request(client):
    headers = {"Accept-Language": "fr;q=0.9, ko-KR;q=0.8, en;q=0.1"}
    reply = client.post("/api/v1/predict", content=b"no photo", headers=headers)
    assert "사진" in problem(reply, 422)


def test_a_fault_in_the_lab_shows_no_details(client, model):
    model.predict_with_scores = lambda photos: 1 / 0
    message = problem(client.post("/api/v1/predict", content=photo()), 500)
    assert "log" in message and "Zero" not in message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/predict", 405), ("GET", "/api/v1/x", 404), ("POST", "/api/v1/runs", 405)],
)
def test_what_the_api_does_not_have_is_no_page(client, method, path, status):
    assert "/api/v1/openapi.json" in problem(client.request(method, path), status)


def test_models_and_runs_are_listed_and_a_run_is_read_while_it_trains(client):
    folder = fakes.make_run("first", epochs=1)
    row = {"epoch": 1, "loss": float("nan"), "accuracy": 0.7, "val_loss": 0.1, "val_accuracy": 0.75}
    files.append_json_line(folder / "metrics.jsonl", row)
    fakes.add_fake_model(folder)
    listed = check(client.get("/api/v1/models"), "ModelList")["models"]
    assert [(each["id"], each["kind"]) for each in listed] == [
        (folder.name, "run"),
        (model_registry.load_default_run().id, "built-in"),
    ]
    (summary,) = check(client.get("/api/v1/runs"), "RunList")["runs"]
    assert summary["name"] == "first" and summary["epochs"] == 2
    assert summary["best"]["epoch"] == 2 and str(folder) not in json.dumps(summary)
    for key in (folder.name, "first"):
        detail = check(client.get(f"/api/v1/runs/{key}"), "RunDetail")
        assert [row["epoch"] for row in detail["rows"]] == [1, 2]
        assert detail["rows"][1]["loss"] is None  # JSON knows no NaN
        assert detail["rows"][1]["val_accuracy"] == 0.75


def test_why_a_run_failed_is_told(client):
    words = "There's no host named {host} ({reason}). Check the address and the network."
    error = {"message": words, "params": {"host": "x", "reason": "y"}}
    folder = fakes.make_run("first", status="failed", state={"error": error})
    detail = check(client.get(f"/api/v1/runs/{folder.name}"), "RunDetail")
    assert detail["status"] == "failed" and detail["error"].startswith("There's no host named x")


@pytest.mark.parametrize("key", ["nothing", "%2e%2e", "%2e%2e%2fruns", "a%00b"])
def test_a_run_is_found_by_id_or_name_and_never_by_a_path(client, key):
    reply = client.get(f"/api/v1/runs/{key}")
    assert "has no GET" in problem(reply, 404) or "There's no run" in problem(reply, 404)


def test_health_and_the_document_need_no_token_and_load_no_model(remote, monkeypatch):
    monkeypatch.setattr(loaded_models, "load_model", lambda model: pytest.fail("loaded"))
    assert check(remote.get("/api/v1/health"), "Health") == {"status": "ok"}
    assert remote.get("/api/v1/openapi.json").json()["openapi"].startswith("3.1")


def test_the_document_is_valid_and_has_every_route(client):
    validator = pytest.importorskip("openapi_spec_validator")
    document = client.get("/api/v1/openapi.json").json()
    validator.validate(document)
    routes = {route.path for route in api.build_routes()} - {
        "/api/v1/openapi.json",
        "/api/v1/{rest:path}",
    }
    assert set(document["paths"]) == routes


def test_another_machine_needs_a_token(remote):
    assert "needs a token" in problem(remote.get("/api/v1/models"), 401)
    reply = remote.post("/api/v1/predict", content=photo())
    assert problem(reply, 401) and reply.headers["WWW-Authenticate"] == "Bearer"
    secret = tokens.add_token("lab laptop", "audience")
    headers = {"Authorization": f"Bearer {secret}"}
    assert remote.post("/api/v1/predict", content=photo(), headers=headers).status_code == 200
    tokens.revoke_token("Lab laptop")
    assert "revoked" in problem(remote.get("/api/v1/models", headers=headers), 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "127.0.0.1"},
        {"X-Forwarded-For": "203.0.113.5"},
        {"X-Forwarded-Host": "lab.school.org"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Host": "192.168.1.20:8501"},  # the name that others call a proxy here by
    ],
)
def test_a_proxy_on_this_machine_makes_nobody_the_owner(client, headers):
    assert problem(client.get("/api/v1/models", headers=headers), 401)


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "127.0.0.1"}, {"X-Real-IP": "::1"}])
def test_no_header_makes_another_machine_local(remote, headers):
    assert problem(remote.get("/api/v1/models", headers=headers), 401)


@pytest.mark.parametrize("peer", ["::1", "::ffff:127.0.0.1", "127.8.0.1"])
def test_every_loopback_address_is_this_machine(model, peer):
    assert client_from((peer, 1), "localhost:8501").get("/api/v1/models").status_code == 200


def test_where_the_lab_is_shared_this_machine_needs_a_token_as_well(client, monkeypatch):
    monkeypatch.setenv(access.OVERRIDES, json.dumps({"shared": True}))
    assert problem(client.get("/api/v1/runs"), 401)
    headers = {"Authorization": f"bearer {tokens.add_token('me', 'student')}"}
    seen = []
    monkeypatch.setattr(runs, "list_runs", lambda: seen.append(access.current_visitor()) or [])
    assert client.get("/api/v1/runs", headers=headers).status_code == 200
    assert seen == [access.Visitor("me", "student")]


def test_a_wrong_token_counts_for_nothing_even_here(client):
    for secret in ("", "catdog_x", "é"):
        headers = {"Authorization": f"Bearer {secret}".encode()}
        assert problem(client.get("/api/v1/models", headers=headers), 401)


def test_a_foreign_host_or_origin_is_refused(client):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert client.get("/api/v1/models", headers=headers).status_code == 403
        assert client.post("/api/v1/predict", content=photo(), headers=headers).status_code == 403
    own = {"Origin": "http://127.0.0.1:8501"}
    assert client.get("/api/v1/models", headers=own).status_code == 200
    assert client.get("/api/v1/health", headers={"Host": "balancer"}).status_code == 200


def test_too_many_photos_too_large_ones_and_too_many_pixels_are_refused(client, set_limits):
    set_limits(api_photos=2, photo_bytes=100_000, photo_pixels=10_000)
    three = [("photo", (f"{n}.png", photo())) for n in range(3)]
    assert "has 3 photos" in problem(client.post("/api/v1/predict", files=three), 413)
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3), np.uint8)
    large = decode.encode_photo(noise, "png")
    assert "larger than 100,000" in problem(client.post("/api/v1/predict", content=large), 413)
    flat = photo(side=200)
    assert "pixels" in problem(client.post("/api/v1/predict", content=flat), 422)


def test_a_body_without_a_length_is_cut_at_the_limit(client, set_limits):
    set_limits(photo_bytes=100_000)

    async def parts():
        for _ in range(100):
            yield b"x" * 10_000

    assert problem(client.post("/api/v1/predict", content=parts()), 413)


def test_a_body_that_stops_coming_is_given_up(monkeypatch, workspace):
    monkeypatch.setattr(bodies, "SILENCE", 0.05)
    app = standalone.build_app(KnownNames(("127.0.0.1",)))
    sent = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/api/v1/predict",
        "raw_path": b"/api/v1/predict",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1:8501")],
        "client": LOCAL,
        "server": ("127.0.0.1", 8501),
    }

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, asyncio.Event().wait, send))
    assert sent[0]["status"] == 408 and b"stopped" in sent[1]["body"]


def test_a_form_that_is_damaged_is_told(client):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = client.post("/api/v1/predict", content=b"--y\r\n\r\n", headers=headers)
    assert "form couldn't be read" in problem(reply, 400)
    assert "form couldn't be read" in problem(
        client.post(
            "/api/v1/predict", content=b"x", headers={"Content-Type": headers["Content-Type"][:19]}
        ),
        400,
    )


def test_a_token_has_a_rate_and_the_owner_has_none(client, remote, set_limits):
    set_limits(api_rate=5)
    headers = {"Authorization": f"Bearer {tokens.add_token('quick', 'audience')}"}
    two = [("photo", (f"{n}.png", photo())) for n in range(2)]
    for _ in range(2):
        assert remote.post("/api/v1/predict", files=two, headers=headers).status_code == 200
    reply = remote.post("/api/v1/predict", files=two, headers=headers)
    assert "5 photos per minute" in problem(reply, 429)
    assert 1 <= int(reply.headers["Retry-After"]) <= 24
    for _ in range(6):
        assert client.post("/api/v1/predict", content=photo()).status_code == 200


def test_who_comes_while_all_is_taken_is_told_to_come_again(client, monkeypatch):
    monkeypatch.setattr(api, "MAX_REQUESTS", 0)
    reply = client.post("/api/v1/predict", content=photo())
    assert "busy" in problem(reply, 503) and reply.headers["Retry-After"] == "1"
    monkeypatch.setattr(api, "MAX_REQUESTS", 1)
    monkeypatch.setattr(batching, "MAX_WAITING_BYTES", 0)
    assert "busy" in problem(client.post("/api/v1/predict", content=photo()), 503)
    monkeypatch.undo()
    assert api._in_progress == 0


def test_a_photo_waits_no_longer_than_its_patience(client, model, monkeypatch):
    monkeypatch.setattr(api, "PATIENCE", 0.05)
    model.open.clear()
    assert "busy" in problem(client.post("/api/v1/predict", content=photo()), 503)
    model.open.set()


def test_requests_that_wait_together_go_through_the_model_as_one_batch(client, model, monkeypatch):
    monkeypatch.setattr(batching, "_BATCH", 4)
    model.open.clear()
    photos = [{"content": photo(10 * n)} for n in range(1, 10)]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.request_all, "POST", "/api/v1/predict", photos[:1])
        assert model.started.wait(20)
        others = pool.submit(client.request_all, "POST", "/api/v1/predict", photos[1:])
        with batching._changed:
            assert batching._changed.wait_for(lambda: _waiting() == 8, 20)
        model.open.set()
        replies = first.result(20) + others.result(20)
    labels = [reply.json()["predictions"][0]["probabilities"] for reply in replies]
    assert [row["bright"] for row in labels] == pytest.approx([n * 10 / 255 for n in range(1, 10)])
    assert model.sizes == [1, 4, 4]


def _waiting():
    return sum(len(queue.waiting) for queue in batching._queues.values())


def test_the_pages_server_has_the_routes_under_its_base_path(monkeypatch):
    monkeypatch.setattr(server.st, "get_option", lambda name: "/lab/")
    client = Program(Starlette(routes=server.build_routes()))
    assert client.get("/lab/api/v1/health").json() == {"status": "ok"}
    assert client.post("/lab/api/v1/health").status_code == 405


def test_the_built_in_model_answers_as_on_the_page(workspace):
    data = decode.encode_photo(
        np.asarray(synthetic.draw_pet(0, 300, np.random.default_rng(3))), "png"
    )
    client = client_from(LOCAL)
    reply = client.post("/api/v1/predict?heat_map=map", content=data)
    (prediction,) = check(reply, "PredictReply")["predictions"]
    model = loaded_models.load_model(loaded_models.find_model())
    fitted = decode.decode_and_fit(data, model.size)[np.newaxis]
    expected = model.predict(fitted)[0]
    assert list(prediction["probabilities"].values()) == pytest.approx(sorted(expected)[::-1])
    heat = cv2.resize(gradcam.predict_with_maps(model, fitted)[1][0], model.size)
    data = np.frombuffer(base64.b64decode(prediction["heat_map"]), np.uint8)
    assert np.abs(cv2.imdecode(data, cv2.IMREAD_UNCHANGED) / 255 - heat).max() < 0.003
