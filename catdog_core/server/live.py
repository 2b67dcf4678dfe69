"""The live camera: a frame in; its class, probabilities and heat map out. Nothing is kept.

    POST /live/predict?model=ID&heat_map=1     a JPEG, with a ticket in the header `tickets.HEADER`

answers ``{"probabilities", "heat_map", "ms", "wait_ms"}``, or ``{"error"}`` with a sentence in the
language that ``Accept-Language`` names. A page has one frame on the way at a time and sends the
next one when the answer is there, so nothing piles up, and watchers take turns in the order they
ask. While a training runs, the frames rest between two answers: see `Lane`.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import logging
import os
import time
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .. import runs
from ..base import access, limits, report_language
from ..base.errors import AccessError, CatDogError, ModelError, PhotoError
from . import loaded_models, tickets

if TYPE_CHECKING:
    from ..analysis.predict import Predictor

log = logging.getLogger("catdog")

PATH = "/live/predict"
MAX_FRAME_BYTES = 2_000_000
MAX_FRAME_PIXELS = 2_100_000
"""Of a camera's full-HD picture. A page sends frames as small as the model takes them."""
FRAMES_PER_SECOND, BURST = 100.0, 30.0
"""Frames a ticket may send in the long run, and at once."""
MAX_MAP_SIDE = 64
"""Rows and columns of a heat map that is sent; the browser enlarges it."""
_BODY_TIMEOUT = 10.0  # seconds a frame may take to arrive
_REMEMBERED = 1.0  # seconds for which a model that was found counts as there
_LOOK_SECONDS = 2.0  # between two looks whether a training runs


class Answer(TypedDict):
    """What a model says of a frame.

    `heat_map` is None where none was asked for, or there is none and `note` says why. `ms` is what
    decoding, the forward pass and the map took.
    """

    probabilities: list[float]
    heat_map: dict[str, Any] | None
    note: str
    ms: float


class RefusedFrame(Exception):  # noqa: N818 - the error is within
    """A frame is not answered, with an HTTP status and the reason."""

    def __init__(self, status: int, error: CatDogError) -> None:
        super().__init__(status, error)
        self.status, self.error = status, error


class Lane:
    """Where frames take turns, so that watchers share the processor and leave a training most.

    As many frames are at work as half the processors, in the order they came. While a training
    runs, it is one, and the lane rests after each for `REST` times as long as that one took, at
    most so long that there are still `LEAST_RATE` frames a second.
    """

    REST = 3.5
    LEAST_RATE = 6.0

    def __init__(self) -> None:
        self._workers = max(1, (os.cpu_count() or 1) // 2)
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="live")
        self._turns = asyncio.Semaphore(self._workers)
        self._alone = asyncio.Semaphore(1)
        self._free_at = 0.0
        self._is_training, self._looked_at = False, 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it within the block."""
        async with self._turns:
            if not await self._training_runs():
                self._free_at = 0.0
                yield
                return
            async with self._alone:
                await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
                begun = time.monotonic()
                yield
                took = time.monotonic() - begun
                self._free_at = begun + max(took, min((1 + self.REST) * took, 1 / self.LEAST_RATE))

    @property
    def wait(self) -> float:
        """Seconds until the next frame has its turn; 0 where no training runs."""
        return max(0.0, self._free_at - time.monotonic())

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Do the work in one of the lane's threads, for the visitor of the request."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, partial(context.run, work)
        )

    async def _training_runs(self) -> bool:
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            self._is_training = await asyncio.to_thread(_is_training)
        return self._is_training


def _is_training() -> bool:
    return any(run.is_active and run.status != "queued" for run in runs.list_runs())


class Live:
    """The route, its lane, and the tickets that have a frame on the way."""

    def __init__(self) -> None:
        self._lane: Lane | None = None
        self._on_the_way: set[str] = set()
        self._found: dict[str, tuple[float, weakref.ref[Predictor]]] = {}

    async def predict(self, request: Request) -> Response:
        """Answer a frame."""
        say = report_language.get_translator(request.headers.get("accept-language", ""))
        try:
            ticket = tickets.check(request.headers)
            if ticket.token in self._on_the_way or not ticket.spend(
                "live", FRAMES_PER_SECOND, BURST
            ):
                raise RefusedFrame(429, PhotoError("Too many frames at once. Wait a moment."))
            self._on_the_way.add(ticket.token)
            try:
                with access.act_as(ticket.visitor()):
                    return await self._answer(request, say)
            finally:
                self._on_the_way.discard(ticket.token)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except CatDogError as error:
            return _refuse(403 if isinstance(error, AccessError) else 422, error, say)
        except RefusedFrame as refused:
            return _refuse(refused.status, refused.error, say)

    async def _answer(self, request: Request, say: report_language.Translator) -> Response:
        data = await _read_frame(request)
        predictor = await self._find_model(request.query_params.get("model", ""))
        lane = self._lane = self._lane or Lane()
        with_map = request.query_params.get("heat_map") == "1"
        async with lane.turn():
            if await request.is_disconnected():
                raise ClientDisconnect
            answer = await lane.run(partial(answer_frame, predictor, data, with_map, say))
        return JSONResponse({**answer, "wait_ms": round(1000 * lane.wait, 1)})

    async def _find_model(self, key: str) -> Predictor:
        """Return the model of an id, loaded. To look for it reads every run: it is remembered."""
        found_at, found = self._found.get(key, (0.0, None))
        predictor = found() if found is not None else None
        if predictor is None or time.monotonic() - found_at > _REMEMBERED:
            self._found.pop(key, None)
            predictor = await asyncio.to_thread(_load_model, key)
            while len(self._found) >= loaded_models.MAX_FILES:
                del self._found[next(iter(self._found))]
            self._found[key] = time.monotonic(), weakref.ref(predictor)
        return predictor


def _load_model(key: str) -> Predictor:
    try:
        model = loaded_models.find_model(key)
    except ModelError as error:
        raise RefusedFrame(404, error) from error
    return loaded_models.load_model(model)


async def _read_frame(request: Request) -> bytes:
    """Return the body of a request. Raises RefusedFrame."""
    most = min(MAX_FRAME_BYTES, limits.current_limits().photo_bytes)
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT):
            async for part in request.stream():
                data += part
                if len(data) > most:
                    raise _too_large_frame()
    except TimeoutError as error:
        raise ClientDisconnect from error
    if data[:2] != b"\xff\xd8":
        raise RefusedFrame(415, PhotoError("The frame isn't a JPEG. Use another browser."))
    return bytes(data)


def _too_large_frame() -> RefusedFrame:
    return RefusedFrame(
        413, PhotoError("The frame is too large. Choose a lower resolution for the camera.")
    )


def _refuse(status: int, error: CatDogError, say: report_language.Translator) -> Response:
    return JSONResponse({"error": say(error.message, **error.params)}, status)


def answer_frame(
    predictor: Predictor, data: bytes, with_map: bool, say: report_language.Translator
) -> Answer:
    """Decode a frame and predict it.

    Args:
        predictor: the model.
        data: a JPEG.
        with_map: whether a heat map of the most likely class is made, too.
        say: translates a note.

    Raises:
        RefusedFrame: it has more pixels than a camera's.
        PhotoError: it is no photo.
        ModelError: the outputs are no probabilities.
    """
    from ..analysis import gradcam
    from ..imaging import decode, image_header

    begun = time.perf_counter()
    header = image_header.read_image_header(data)
    if header.width * header.height > MAX_FRAME_PIXELS:
        raise _too_large_frame()
    photos = decode.decode_and_fit(data, predictor.size)[None]
    heat_map, note = None, ""
    if with_map:
        try:
            probabilities, maps = gradcam.predict_with_maps(predictor, photos)
            heat_map = _pack_map(maps[0])
        except ModelError as error:  # no feature map, or one that takes too much memory
            probabilities, note = predictor.predict(photos), say(error.message, **error.params)
    else:
        probabilities = predictor.predict(photos)
    return {
        "probabilities": [round(float(each), 5) for each in probabilities[0]],
        "heat_map": heat_map,
        "note": note,
        "ms": round(1000 * (time.perf_counter() - begun), 1),
    }


def _pack_map(heat: Any) -> dict[str, Any]:
    """Return a map (h, w), 0..1, as JSON: its sides, and its values 0..255 row by row in base64."""
    import cv2
    import numpy as np

    rows, columns = (min(side, MAX_MAP_SIDE) for side in heat.shape)
    if (rows, columns) != heat.shape:
        heat = cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_AREA)
    levels = np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)
    return {"rows": rows, "columns": columns, "values": base64.b64encode(levels).decode()}


def build_routes() -> list[Route]:
    """Return the route of the live camera."""
    return [Route(PATH, Live().predict, methods=["POST"])]
