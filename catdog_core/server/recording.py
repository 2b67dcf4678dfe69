"""The routes of a recording in progress: frames of the camera come in, small pictures go out.

Each request brings the ticket of a page's session (`tickets`) and works for its visitor. An answer
that refuses is ``{"error": sentence}``, in the language of the header Accept-Language.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..base import access
from ..base.errors import AccessError, CatDogError, PhotoError
from ..base.report_language import get_translator
from ..data import recording
from ..imaging import decode
from . import tickets

PATH = "/recording"
THUMB_SIDE = 128
"""Pixels of the longer side of a small picture."""
_FRAMES = ("recorded frames", 15.0, 30.0)  # a second, and at once
_PHOTOS = ("recorded photos", 60.0, 2.0 * recording.MAX_PHOTOS)
_SILENCE = 15.0  # seconds in which a frame must have come

_Answer = Callable[[Request], Awaitable[Response]]


def build_routes() -> list[Route]:
    """Return the routes."""
    return [
        Route(f"{PATH}/frames", _for_visitor(_add_frame, *_FRAMES), methods=["POST"]),
        Route(f"{PATH}/photos/{{name}}", _for_visitor(_show_photo, *_PHOTOS), methods=["GET"]),
        Route(f"{PATH}/photos/{{name}}", _for_visitor(_remove_photo, *_PHOTOS), methods=["DELETE"]),
    ]


async def _add_frame(request: Request) -> Response:
    """Keep the frame in the body: ``{"name": …}``, empty where it is like one that is kept."""
    numbers = [request.query_params.get(name, "") for name in ("class", "clip")]
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        return JSONResponse({"error": "class and clip are numbers"}, 400)
    async with asyncio.timeout(_SILENCE):
        data = await _read_body(request)
    label, clip = (int(number[:20]) for number in numbers)
    name = await asyncio.to_thread(recording.add_frame, label, clip, data)
    return JSONResponse({"name": name})


async def _show_photo(request: Request) -> Response:
    """A photo, made small, as JPEG."""
    small = await asyncio.to_thread(_make_small, request.path_params["name"])
    return Response(small, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


def _make_small(name: str) -> bytes:
    photo = decode.decode_photo(recording.read_photo(name), at_least=THUMB_SIDE)
    return decode.encode_photo(decode.make_thumbnail(photo, THUMB_SIDE))


async def _remove_photo(request: Request) -> Response:
    await asyncio.to_thread(recording.remove_photo, request.path_params["name"])
    return Response(status_code=204)


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > recording.FRAME_BYTES:
            raise PhotoError("The frame is too large. Choose a lower resolution for the camera.")
    return bytes(body)


def _for_visitor(
    answer: _Answer, purpose: str, per_second: float, burst: float
) -> Callable[[Request], Awaitable[Response]]:
    """Answer as the visitor of the request's ticket, at most so often; errors become sentences."""

    async def respond(request: Request) -> Response:
        try:
            ticket = tickets.check(request.headers)
            if not ticket.spend(purpose, per_second, burst):
                return JSONResponse({"error": "Too many requests."}, 429)
            with access.act_as(ticket.visitor()):
                return await answer(request)
        except (ClientDisconnect, TimeoutError):
            return JSONResponse({"error": "The request broke off."}, 408)
        except CatDogError as error:
            say = get_translator(request.headers.get("accept-language", ""))
            status = 403 if isinstance(error, AccessError) else 409
            return JSONResponse({"error": say(error.message, **error.params)}, status)

    return respond
