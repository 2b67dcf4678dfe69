"""The review: queues in their order, photos of a bounded size, decisions by request, its page."""

import asyncio
import json
import shutil
from urllib.parse import urlencode

import fakes
import numpy as np
import pytest
from starlette.applications import Starlette

from catdog_core.analysis import review_queue
from catdog_core.base import access
from catdog_core.base.access import OWNER, Visitor
from catdog_core.data import datasets, decisions
from catdog_core.data.decisions import Decision
from catdog_core.imaging import decode
from catdog_core.server import review, tickets

CAT = "train/cats/cat.0000.jpg"


@pytest.fixture
def ask(workspace):
    """Asks a route as a page of a visitor does; returns the status and the body."""
    app = Starlette(routes=review.build_routes())

    def request(path, body=None, visitor=OWNER, ticket=None, **query):
        token = tickets.issue(lambda: visitor) if ticket is None else ticket
        scope = {
            "type": "http",
            "method": "GET" if body is None else "POST",
            "path": path,
            "query_string": urlencode(query).encode(),
            "headers": [(tickets.HEADER.lower().encode(), token.encode())],
        }
        given = [{"type": "http.request", "body": body or b"", "more_body": False}]
        sent = []

        async def receive():
            return given.pop(0) if given else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        data = b"".join(message.get("body", b"") for message in sent[1:])
        return sent[0]["status"], data

    return request


def decide(ask, dataset, *made, **options):
    rows = [{"id": f"id-{n:06}", **each} for n, each in enumerate(made)]
    body = json.dumps({"dataset": dataset.id, "decisions": rows}).encode()
    status, data = ask(review.DECISIONS_PATH, body, **options)
    return status, json.loads(data)


def test_the_least_certain_photos_come_first_and_those_without_a_prediction_last(dataset):
    answers = {
        "train/cats/cat.0001.jpg": np.array([0.9, 0.1]),
        "train/dogs/dog.0003.jpg": np.array([0.4, 0.6]),
    }
    queue = review_queue.build_queue(dataset, answers=answers, least_certain_first=True)
    first, second, third = queue.photos[:3]
    assert (first.file, first.label, first.guess) == ("train/dogs/dog.0003.jpg", 1, 1)
    assert (second.certainty, third.guess) == (0.9, -1)
    assert len(queue.photos) == queue.total == len(dataset.photos)


def test_a_queue_holds_one_class_in_natural_order_or_the_files_it_is_told(dataset):
    queue = review_queue.build_queue(dataset, label=1)
    assert {photo.label for photo in queue.photos} == {1}
    files = ["train/dogs/dog.0002.jpg", "gone.jpg", CAT]
    queue = review_queue.build_queue(dataset, files=files)
    assert [photo.file for photo in queue.photos] == [files[0], CAT]


def test_a_long_queue_is_cut_to_photos_nobody_has_reviewed(dataset, monkeypatch):
    monkeypatch.setattr(review_queue, "MAX_QUEUE", 10)
    decided = [Decision("decision-1", CAT, "keep")]
    now = decisions.apply_decisions(dataset.id, decided).dataset
    queue = review_queue.build_queue(now)
    assert len(queue.photos) == 10 and queue.total == len(now.photos)
    assert CAT not in {photo.file for photo in queue.photos}
    monkeypatch.setattr(review_queue, "MAX_QUEUE", 1000)
    assert [p.file for p in review_queue.build_queue(now).photos if p.is_reviewed] == [CAT]


def test_a_large_photo_comes_as_a_small_jpeg(ask, demo, tmp_path):
    folder = shutil.copytree(demo, tmp_path / "pets")
    large = np.zeros((300, 3 * review.PHOTO_SIDE, 3), np.uint8)
    (folder / CAT).write_bytes(decode.encode_photo(large, "png"))
    dataset = datasets.open_folder(folder)
    status, data = ask(review.PHOTO_PATH, dataset=dataset.id, file=CAT)
    assert status == 200 and decode.decode_photo(data).shape == (100, review.PHOTO_SIDE, 3)


@pytest.mark.parametrize("file", ["../../access.json", "/etc/passwd", "", "train/cats"])
def test_a_name_that_is_no_photo_of_the_dataset_leads_nowhere(ask, dataset, file):
    status, data = ask(review.PHOTO_PATH, dataset=dataset.id, file=file)
    assert status == 422 and "photo" in json.loads(data)["error"]


def test_a_request_without_a_ticket_or_of_a_closed_page_is_refused(ask, dataset):
    query = {"dataset": dataset.id, "file": CAT}
    assert ask(review.PHOTO_PATH, ticket="guessed", **query)[0] == 401
    assert ask(review.PHOTO_PATH, visitor=None, **query)[0] == 401
    status, _ = decide(ask, dataset, {"file": CAT, "action": "exclude"}, ticket="guessed")
    assert status == 401 and datasets.load_dataset(dataset.id) == dataset


def test_decisions_are_applied_and_refused_ones_named_in_the_visitors_language(ask, dataset):
    made = [{"file": CAT, "action": "relabel", "to": "dogs"}, {"file": "no.jpg", "action": "keep"}]
    status, answer = decide(ask, dataset, *made, lang="ko")
    assert status == 200 and answer["applied"] == ["id-000000"]
    assert "no.jpg" in answer["refused"]["id-000001"]
    assert "There's no photo" not in answer["refused"]["id-000001"]
    assert len(datasets.load_dataset(dataset.id).changes) == 1


def test_an_audience_sees_photos_and_decides_nothing(ask, dataset, workspace):
    (workspace / access.FILE).write_text('{"format": 1, "shared": true}')
    visitor = Visitor("Ann", "audience")
    assert ask(review.PHOTO_PATH, visitor=visitor, dataset=dataset.id, file=CAT)[0] == 200
    status, answer = decide(ask, dataset, {"file": CAT, "action": "exclude"}, visitor=visitor)
    assert status == 403 and answer["error"].startswith("View only")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"dataset": "demo"}', b"[" * 50_000])
def test_a_damaged_body_is_refused_with_a_sentence(ask, body):
    status, data = ask(review.DECISIONS_PATH, body)
    assert status == 422 and json.loads(data)["error"]


def test_a_long_body_is_not_read_to_its_end(ask):
    assert ask(review.DECISIONS_PATH, b" " * 300_000)[0] == 413


def test_too_many_requests_have_to_wait(ask, dataset, monkeypatch):
    monkeypatch.setattr(review, "_BURST", 1.0)
    monkeypatch.setattr(review, "_RATE", 0.0)
    token = tickets.issue(lambda: OWNER)
    query = {"dataset": dataset.id, "file": CAT, "ticket": token}
    assert [ask(review.PHOTO_PATH, **query)[0] for _ in range(2)] == [200, 429]


def test_the_page_offers_lists_and_keeps_the_queue_while_it_is_reviewed(dataset):
    app = fakes.open_page("1_Data", dataset=dataset.id, part="review", list="class", label="1")
    assert not app.exception
    before = app.session_state["page_state"].data.review[1]
    assert {photo.label for photo in before.photos} == {1}
    made = [Decision("decision-1", before.photos[0].file, "relabel", "cats")]
    decisions.apply_decisions(dataset.id, made)
    app.run()
    assert app.session_state["page_state"].data.review[1] is before
