"""The routes of a recording: whose frames they take, how many, and what they refuse."""

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from test_recording import frame

from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.data import recording
from catdog_core.server import recording as routes
from catdog_core.server import tickets

pytestmark = pytest.mark.usefixtures("workspace")
KIM, LEE = Visitor("kim", "student"), Visitor("lee", "student")


@pytest.fixture
def client(monkeypatch):
    """Asks the routes: method, path, and what else httpx takes."""
    monkeypatch.setattr(tickets, "_tickets", {})
    transport = httpx.ASGITransport(Starlette(routes=routes.build_routes()))

    def ask(method, path, **options):
        async def once():
            async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
                return await client.request(method, f"{routes.PATH}/{path}", **options)

        return asyncio.run(once())

    return ask


def headers(who=access.OWNER):
    return {tickets.HEADER: tickets.issue(lambda: who)}


def post(client, data, query="class=0&clip=1", **more):
    return client("POST", f"frames?{query}", content=data, **more)


def test_a_frame_goes_in_and_a_small_picture_comes_out(client):
    recording.begin_recording(("cats", "dogs"))
    mine = headers()
    name = post(client, frame(0, 1, 320), headers=mine).json()["name"]
    assert [photo.name for photo in recording.find_recording().photos] == [name]
    assert post(client, frame(0, 1, 320), headers=mine).json() == {"name": ""}
    answer = client("GET", f"photos/{name}", headers=mine)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    head = routes.decode.decode_photo(answer.content)
    assert max(head.shape) == routes.THUMB_SIDE
    for _ in range(2):
        assert client("DELETE", f"photos/{name}", headers=mine).status_code == 204
    assert client("GET", f"photos/{name}", headers=mine).status_code == 409
    assert recording.find_recording().photos == ()


def test_without_a_ticket_nothing_is_taken_or_shown(client):
    recording.begin_recording(("cats", "dogs"))
    name = recording.add_frame(0, 1, frame(0, 1))
    for method, path in (
        ("POST", "frames?class=0&clip=1"),
        ("GET", f"photos/{name}"),
        ("DELETE", f"photos/{name}"),
    ):
        for sent in ({}, {tickets.HEADER: "guessed"}):
            answer = client(method, f"{path}", headers=sent)
            assert answer.status_code == 403 and "Reload" in answer.json()["error"]
    assert len(recording.find_recording().photos) == 1


def test_a_ticket_works_for_its_visitor_and_by_the_role_of_now(client, monkeypatch):
    monkeypatch.setattr(access, "load_access_settings", lambda: access.Access(shared=True))
    with access.act_as(KIM):
        recording.begin_recording(("cats", "dogs"))
    now = [KIM]
    mine, others = {tickets.HEADER: tickets.issue(lambda: now[0])}, headers(LEE)
    name = post(client, frame(0, 1), headers=mine).json()["name"]
    assert post(client, frame(0, 2), headers=others).status_code == 409  # has none
    assert client("GET", f"photos/{name}", headers=others).status_code == 409
    assert client("DELETE", f"photos/{name}", headers=others).status_code == 409
    now[0] = Visitor("kim", "audience")
    assert post(client, frame(0, 3), headers=mine).status_code == 403
    assert client("DELETE", f"photos/{name}", headers=mine).status_code == 403
    with access.act_as(KIM):
        assert len(recording.find_recording().photos) == 1


def test_a_refusal_is_a_sentence_in_the_language_of_the_page(client):
    korean = post(client, frame(0, 1), headers={**headers(), "Accept-Language": "ko"})
    english = post(client, frame(0, 1), headers=headers())
    assert english.json() == {"error": "There's no recording in progress. Reload the page."}
    assert korean.status_code == 409 and korean.json()["error"] not in ("", english.json()["error"])


@pytest.mark.parametrize(
    "query", ["", "class=0", "class=a&clip=1", "class=-1&clip=1", "class=²&clip=1"]
)
def test_class_and_clip_are_numbers(client, query):
    recording.begin_recording(("cats", "dogs"))
    assert post(client, frame(0, 1), query, headers=headers()).status_code == 400
    assert (
        post(client, frame(0, 1), f"class=7&clip={'9' * 400}", headers=headers()).status_code == 409
    )


def test_a_frame_too_large_is_given_up_while_it_comes(client):
    recording.begin_recording(("cats", "dogs"))
    parts = []

    async def body():
        for _ in range(50):
            parts.append(1)
            yield bytes(100_000)

    answer = post(client, body(), headers=headers())
    assert answer.status_code == 409 and "too large" in answer.json()["error"]
    assert recording.find_recording().photos == ()


def test_more_frames_than_a_page_sends_are_refused_for_a_moment(client):
    recording.begin_recording(("cats", "dogs"))
    mine = headers()
    codes = [post(client, b"x", headers=mine).status_code for _ in range(50)]
    assert 429 in codes and codes[0] == 409
    assert post(client, frame(0, 1), headers=headers()).status_code == 200  # another page


@pytest.mark.parametrize("name", ["..%2frecording.json", "recording.json", "0-1-1.jpg", "%00"])
def test_no_other_file_is_shown_or_deleted(client, name):
    folder = recording.begin_recording(("cats", "dogs")).folder
    mine = headers()
    for method in ("GET", "DELETE"):
        assert client(method, f"photos/{name}", headers=mine).status_code in (
            204,
            404,
            409,
        )
    assert json.loads((folder / "recording.json").read_text())["classes"]
