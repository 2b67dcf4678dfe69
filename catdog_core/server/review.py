"""What a review in the browser uses: photos of a bounded size, and a place for its decisions.

A photo is named as in its dataset and looked up there; a name that is not in it leads nowhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base import access, report_language
from ..base.errors import AccessError, CatDogError, DatasetError
from ..data import datasets, decisions
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
    """Send a photo of a dataset, ``?dataset=&file=``, as a JPEG."""

    def work(_: Ticket) -> Response:
        data = load_photo(
            request.query_params.get("dataset", ""), request.query_params.get("file", "")
        )
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    return await _answer(request, "review photo", work)


async def _take_decisions(request: Request) -> Response:
    """Apply decisions, ``{"dataset", "decisions": […]}``, and tell what became of them."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY:
            return JSONResponse({"error": "too large"}, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def work(_: Ticket) -> Response:
        given = parse_body(body)
        outcome = decisions.apply_decisions(
            str(given.get("dataset")), decisions.parse_decisions(given.get("decisions"))
        )
        say = _translator(request)
        refused = {
            id_: say(error.message, **error.params) for id_, error in outcome.refused.items()
        }
        return JSONResponse({"applied": outcome.applied, "refused": refused})

    return await _answer(request, "review decisions", work)


def load_photo(dataset_id: str, file: str) -> bytes:
    """Return a photo of a dataset as a JPEG of at most `PHOTO_SIDE` pixels, upright.

    Raises:
        DatasetError: there is no such dataset, or no such photo in it.
        PhotoError: it cannot be read.
    """
    dataset = datasets.load_dataset(dataset_id)
    known = {name for name, _, _ in dataset.photos} | set(dataset.excluded)
    if file not in known:
        raise DatasetError(
            "There's no photo '{file}' in the dataset. Choose one of its files.", file=file[:120]
        )
    data = decode.read_photo_bytes(dataset.root / file)
    photo = decode.decode_photo(data, at_least=PHOTO_SIDE)
    return decode.encode_photo(decode.make_thumbnail(photo, PHOTO_SIDE), quality=_QUALITY)


def parse_body(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object that came from outside. Raises DatasetError where it is none."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DatasetError("A decision is damaged. Reload the page and decide again.")
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
