"""What a review in the browser uses: photos of a bounded size, and a place for its decisions.

A photo is named as in its dataset and looked up there; a name that is not in it leads nowhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base import access, report_language
from ..base.errors import AccessError, CatDogError, DatasetError
from ..base.files import truncate_for_display
from ..data import datasets, decisions, piles
from ..imaging import decode
from . import tickets
from .tickets import Ticket

PHOTO_PATH, DECISIONS_PATH = "/review/photo", "/review/decisions"
PHOTO_SIDE = 1024
"""Pixels of the longer side of a photo that is shown, at most."""
_MAX_BODY = 200_000  # bytes of a batch of decisions
_QUALITY = 82
_RATE, _BURST = 30.0, 100.0  # requests of a session, a second and at once


def build_routes() -> list[Route]:
    """Return the routes of the review."""
    return [
        Route(PHOTO_PATH, _send_photo),
        Route(DECISIONS_PATH, _take_decisions, methods=["POST"]),
    ]


async def _send_photo(request: Request) -> Response:
    """Send a photo, ``?dataset=&file=`` or ``?pile=&file=``, as a JPEG."""

    def work(_: Ticket) -> Response:
        query = request.query_params
        file = query.get("file", "")
        path = (
            piles.load_pile(query["pile"]).path(file)
            if "pile" in query
            else find_photo(query.get("dataset", ""), file)
        )
        return Response(
            encode_photo(path), media_type="image/jpeg", headers={"Cache-Control": "no-store"}
        )

    return await _answer(request, "review photo", work)


async def _take_decisions(request: Request) -> Response:
    """Apply decisions, ``{"dataset" or "pile", "decisions": […]}``, and tell what became of them.

    For a pile, ``"round"`` tells how many answers the photos in the browser were guessed by. Where
    there are newer guesses, the answer brings its photos in their order.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            return JSONResponse({"error": "too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def work(_: Ticket) -> Response:
        given = parse_body(body)
        made = decisions.parse_decisions(given.get("decisions"))
        more: dict[str, object] = {}
        if "pile" in given:
            applied, refused = piles.record_answers(str(given["pile"]), made)
            more = _guess_anew(str(given["pile"]), given.get("round"))
        else:
            outcome = decisions.apply_decisions(str(given.get("dataset")), made)
            applied, refused = outcome.applied, dict(outcome.refused)
        say = _translator(request)
        reasons = {id_: say(error.message, **error.params) for id_, error in refused.items()}
        return JSONResponse({"applied": applied, "refused": reasons, **more})

    return await _answer(request, "review decisions", work)


def _guess_anew(pile_id: str, known_round: object) -> dict[str, object]:
    """Begin to learn from answers where enough have come; return newer guesses, if any."""
    from ..analysis import sorting

    guesses = sorting.read_guesses(pile_id)
    if guesses is None:
        return {}
    answers = piles.read_answers(pile_id)
    if sorting.is_due(guesses, answers):
        sorting.learn_in_background(pile_id)
    if guesses.answers == known_round:
        return {}
    queue = sorting.build_queue(piles.load_pile(pile_id), guesses, answers)
    return {
        "round": guesses.answers,
        "photos": [photo.to_row() for photo in queue if not photo.is_reviewed],
    }


def find_photo(dataset_id: str, file: str) -> Path:
    """Return where a photo of a dataset is, also an excluded one.

    Raises:
        DatasetError: there is no such dataset, or no such photo in it.
    """
    dataset = datasets.load_dataset(dataset_id)
    if file not in dataset.excluded and all(file != name for name, _, _ in dataset.photos):
        raise DatasetError(
            "There's no photo '{file}' in the dataset. Choose one of its files.",
            file=truncate_for_display(file, 120),
        )
    return dataset.root / file


def encode_photo(path: Path) -> bytes:
    """Return a photo as a JPEG of at most `PHOTO_SIDE` pixels, upright. Raises PhotoError."""
    photo = decode.decode_photo(decode.read_photo_bytes(path), at_least=PHOTO_SIDE)
    return decode.encode_photo(decode.make_thumbnail(photo, PHOTO_SIDE), quality=_QUALITY)


def parse_body(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object that came from outside. Raises DatasetError where it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DatasetError("A decision couldn't be read. Reload the page and decide again.")
    return value


async def _answer(request: Request, purpose: str, work: Callable[[Ticket], Response]) -> Response:
    """Do work in a thread for the visitor of the page; an error becomes its sentence."""
    say = _translator(request)
    try:
        ticket = tickets.check(request.headers)
    except AccessError as error:
        return _error(
            say, error, HTTPStatus.UNAUTHORIZED
        )  # the page gets a new ticket and asks again
    if not ticket.spend(purpose, _RATE, _BURST):
        return JSONResponse({"error": "too many"}, HTTPStatus.TOO_MANY_REQUESTS)
    try:
        with access.act_as(ticket.visitor()):
            return await asyncio.to_thread(work, ticket)
    except AccessError as error:
        return _error(say, error, HTTPStatus.FORBIDDEN)
    except CatDogError as error:
        return _error(say, error, HTTPStatus.UNPROCESSABLE_ENTITY)


def _translator(request: Request) -> report_language.Translator:
    return report_language.get_translator(request.query_params.get("lang", "en"))


def _error(say: report_language.Translator, error: CatDogError, status: HTTPStatus) -> Response:
    return JSONResponse({"error": say(error.message, **error.params)}, status)
