"""The API: predict, and read models and runs, as JSON over HTTP.

    POST /api/v1/predict        photos in, probabilities out
    GET  /api/v1/models         all models
    GET  /api/v1/runs           all runs
    GET  /api/v1/runs/{id}      a run's status and the metrics of its epochs so far
    GET  /api/v1/health         for containers, needs no token
    GET  /api/v1/openapi.json   the description of all this for programs, needs no token

Nothing in a request is a path of this machine: models and runs are found by id or name. TensorFlow
loads with the first prediction.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import logging
import os
import re
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from .. import runs
from ..base import access, jobs, limits, report_language
from ..base.errors import (
    AccessError,
    CatDogError,
    ModelError,
    PhotoError,
    RunError,
    SettingsError,
)
from ..base.files import truncate_for_display
from ..base.report_language import Translator
from ..runs import model_registry
from ..runs.run_folder import RunRecord
from . import batching, callers, loaded_models
from .bodies import LimitedBody
from .callers import Caller
from .openapi import API_PREFIX, build_document
from .rates import RateLimit
from .schemas import (
    HEAT_MAP_KINDS,
    EpochMetrics,
    ErrorReply,
    Health,
    HeatMapKind,
    ModelInfo,
    ModelList,
    PhotoPrediction,
    PredictReply,
    Problem,
    RunDetail,
    RunList,
    RunSummary,
)

if TYPE_CHECKING:
    from ..analysis.predict import Predictor
    from ..imaging.decode import Photo

log = logging.getLogger("catdog")

MAX_REQUESTS = 64
"""Requests to predict that are worked on at once; more are told to come again."""
MAX_BODY_BYTES = 100_000_000
"""Bytes of a request with several photos at most; a single photo may have what its limit allows."""
PATIENCE = 60.0
"""Seconds that a photo waits for its prediction at most."""
_RETRY_SECONDS = 1  # after which who was refused may come again
_FORM_OVERHEAD = 2**16  # bytes that a form adds to its files
_MOST_FILES, _MOST_FIELDS = 1000, 10  # of a form that are read before it is refused
_LONGEST_NAME = 200
_PARAMETERS = ("model", "heat_map", "top")
_STATUS_BY_KIND = {PhotoError: 422, ModelError: 422, AccessError: 403}

P = ParamSpec("P")
T = TypeVar("T")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_rates = RateLimit()
_CORES = max(2, os.cpu_count() or 1)
_decoders = ThreadPoolExecutor(_CORES, thread_name_prefix="decode")
"""As many photos are decoded at once as there are cores: each may take 300 MB."""
_loaders = ThreadPoolExecutor(MAX_REQUESTS, thread_name_prefix="load")
"""Where requests wait for their models: one that takes long to load keeps no other waiting."""
_in_progress = 0  # requests to predict; changed on the server's loop only


class RefusalError(Exception):
    """An error with its HTTP status and headers."""

    def __init__(self, status: int, error: CatDogError, headers: dict[str, str] | None = None):
        super().__init__(str(error))
        self.status, self.error, self.headers = status, error, headers or {}


@dataclass(frozen=True)
class PredictRequest:
    """What a request to predict asks for."""

    photos: list[tuple[str, bytes]]
    model: str
    heat_map: HeatMapKind
    top: int | None
    is_single: bool
    """Whether the body was the photo itself: then its error is the request's."""


async def report_health(_request: Request) -> Response:
    """Say that the server answers."""
    return _reply(Health())


async def describe_api(_request: Request) -> Response:
    """Return the OpenAPI document."""
    return JSONResponse(build_document())


def _guarded(handler: Callable[[Request, Caller], Awaitable[Response]]) -> Handler:
    """Answer errors as JSON, in the caller's language; let in only who may ask."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        try:
            caller = _identify(request)
            with access.act_as(caller.visitor):
                return await handler(request, caller)
        except RefusalError as refusal:
            return _error_reply(request, refusal.status, refusal.error, refusal.headers)
        except CatDogError as error:
            return _error_reply(request, _STATUS_BY_KIND.get(type(error), 500), error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:
            log.exception("The API failed")
            return _error_reply(request, 500, CatDogError(jobs.UNEXPECTED_ERROR))

    return guarded


def _identify(request: Request) -> Caller:
    try:
        return callers.identify_caller(request.scope)
    except AccessError as error:
        raise RefusalError(401, error, {"WWW-Authenticate": "Bearer"}) from error


@_guarded
async def list_models(_request: Request, _caller: Caller) -> Response:
    """Return all models."""

    def read() -> ModelList:
        return ModelList(models=list(map(ModelInfo.of, model_registry.list_models())))

    return _reply(await asyncio.to_thread(read))


@_guarded
async def list_runs(request: Request, _caller: Caller) -> Response:
    """Return all runs."""

    def read() -> RunList:
        say = _translator(request)
        return RunList(runs=[RunSummary.of(run, say) for run in runs.list_runs()])

    return _reply(await asyncio.to_thread(read))


@_guarded
async def read_run(request: Request, _caller: Caller) -> Response:
    """Return a run and its metrics so far."""
    run = await asyncio.to_thread(_find_run, request.path_params["run"])
    rows = list(map(EpochMetrics.of, run.epochs))
    return _reply(RunDetail.of(run, _translator(request), rows=rows))


def _find_run(key: str) -> RunRecord:
    found = model_registry.find_by_id_or_name(key, runs.list_runs())
    if found is None:
        error = RunError(
            "There's no run '{name}'. Use an id or name from the list of runs.",
            name=truncate_for_display(key),
        )
        raise RefusalError(404, error)
    return found


@_guarded
async def predict(request: Request, caller: Caller) -> Response:
    """Predict the photos of a request."""
    global _in_progress
    _check_rate(caller, 1)
    if _in_progress >= MAX_REQUESTS:
        raise _busy()
    _in_progress += 1
    try:
        wanted = await _read_request(request)
        _check_rate(caller, len(wanted.photos) - 1)
        record, predictor = await _in_thread(_loaders, _load_model, wanted.model)
        results = await _predict_photos(predictor, wanted)
    finally:
        _in_progress -= 1
    failed = results[0][1] if wanted.is_single else None
    if failed is not None:
        raise failed
    say = _translator(request)
    predictions = [
        prediction.model_copy(update={"error": _describe(error, say)}) if error else prediction
        for prediction, error in results
    ]
    return _reply(PredictReply(model=ModelInfo.of(record), predictions=predictions))


def _busy() -> RefusalError:
    return RefusalError(503, batching.BusyError(), {"Retry-After": str(_RETRY_SECONDS)})


def _check_rate(caller: Caller, photos: int) -> None:
    """Refuse photos of who has a token, where these come too fast; the owner may do as they like.

    Raises:
        RefusalError: 429.
    """
    most = limits.current_limits().api_rate
    if not caller.token or photos < 1:
        return
    seconds = _rates.spend(caller.token, photos, most / 60, most)
    if seconds:
        error = AccessError(
            "You can send {most:,} photos per minute. Wait {seconds:,.0f} s, then send more.",
            most=most,
            seconds=max(1.0, seconds),
        )
        raise RefusalError(429, error, {"Retry-After": f"{max(1.0, seconds):.0f}"})


async def _read_request(request: Request) -> PredictRequest:
    """Read the photos and parameters of a request, within the limits.

    Raises:
        RefusalError: the body is too large, stopped coming or is no form; there are too many
            photos or none; a parameter makes no sense.
    """
    allowed = limits.current_limits()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = kind == "multipart/form-data"
    most = max(MAX_BODY_BYTES, allowed.photo_bytes) if is_form else allowed.photo_bytes
    most += _FORM_OVERHEAD if is_form else 0
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise RefusalError(413, _too_large(most))
    body = Request(request.scope, LimitedBody(request.receive, most).read)
    parameters = {name: request.query_params.get(name, "") for name in _PARAMETERS}
    try:
        if not is_form:
            photos = [("", await body.body())]
        else:
            photos, fields = await _read_form(body, allowed.api_photos)
            parameters |= {name: fields[name] for name in _PARAMETERS if name in fields}
    except HTTPException as error:
        stopped = CatDogError("The upload stopped before it was complete. Send it again.")
        too_large = error.status_code == 413
        raise RefusalError(error.status_code, _too_large(most) if too_large else stopped) from error
    if not photos or not any(data for _, data in photos):
        raise RefusalError(
            400,
            PhotoError(
                "The request has no photo. Send one as the body, or several as files of a form."
            ),
        )
    return PredictRequest(
        photos=photos,
        model=parameters["model"],
        heat_map=_parse_heat_map(parameters["heat_map"]),
        top=_parse_top(parameters["top"]),
        is_single=not is_form,
    )


def _too_large(most: int) -> PhotoError:
    return PhotoError(
        "The request is larger than {most:,} bytes. Send fewer or smaller photos.", most=most
    )


async def _read_form(request: Request, most: int) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """Return the files of a form, whatever their fields are called, and the other fields."""
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=_MOST_FILES, max_fields=_MOST_FIELDS
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RefusalError(
            400,
            CatDogError("The form couldn't be read. Send it as multipart/form-data with files."),
        ) from error
    try:
        files = sum(isinstance(value, UploadFile) for _, value in form.multi_items())
        if files > most:
            raise RefusalError(
                413,
                PhotoError(
                    "The request has {n} photos, and the limit is {most}. Send several smaller"
                    " requests.",
                    n=files,
                    most=most,
                ),
            )
        photos, fields = [], {}
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                shown = truncate_for_display(value.filename or "", _LONGEST_NAME)
                photos.append((shown, await value.read()))
            else:
                fields[name] = value
        return photos, fields
    finally:
        await form.close()


def _parse_heat_map(text: str) -> HeatMapKind:
    kind = {"": "none", "false": "none", "0": "none", "true": "overlay", "1": "overlay"}.get(
        text.lower(), text.lower()
    )
    for known in HEAT_MAP_KINDS:
        if kind == known:
            return known
    error = SettingsError(
        "'{name}' is '{value}'. Use one of {expected}.",
        name="heat_map",
        value=truncate_for_display(text),
        expected=", ".join(HEAT_MAP_KINDS),
    )
    raise RefusalError(400, error)


def _parse_top(text: str) -> int | None:
    if not text:
        return None
    if re.fullmatch(r"[1-9][0-9]{0,8}", text):
        return int(text)
    error = SettingsError(
        "'{name}' is '{value}'. Use a whole number of at least 1.",
        name="top",
        value=truncate_for_display(text),
    )
    raise RefusalError(400, error)


def _load_model(key: str) -> tuple[RunRecord, Predictor]:
    try:
        record = loaded_models.find_model(key)
    except ModelError as error:
        raise RefusalError(404, error) from error
    return record, loaded_models.load_model(record)


Result = tuple[PhotoPrediction, CatDogError | None]


async def _predict_photos(predictor: Predictor, wanted: PredictRequest) -> list[Result]:
    """Return a prediction or an error of each photo, in their order.

    One request has at most as many photos decoded at once as there are decoders, so that a single
    photo of another request waits for no more than these.
    """
    slots = asyncio.Semaphore(_CORES)

    async def one(name: str, data: bytes) -> Result:
        try:
            async with slots:
                photo = await _in_thread(_decoders, _decode, data, predictor.size)
            with_map = wanted.heat_map != "none"
            ask = batching.predict_with_map if with_map else batching.predict
            row, heat = await _result(ask, predictor, photo)
            order = row.argsort()[::-1]
            chances = {predictor.classes[n]: float(row[n]) for n in order[: wanted.top]}
            image = None
            if with_map:
                image = await _in_thread(_decoders, _draw_heat_map, photo, heat, wanted.heat_map)
        except CatDogError as error:
            return PhotoPrediction(file=name), error
        label = predictor.classes[int(order[0])]
        reply = PhotoPrediction(file=name, label=label, probabilities=chances, heat_map=image)
        return reply, None

    tasks = [asyncio.ensure_future(one(*photo)) for photo in wanted.photos]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:  # where one fails the request, nobody waits for the others
            task.cancel()


def _decode(data: bytes, size: tuple[int, int]) -> Photo:
    from ..imaging import decode

    return decode.decode_and_fit(data, size)


async def _in_thread(
    pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do work in a thread of a pool, for the same visitor."""
    call = partial(contextvars.copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(pool, call)


async def _result(
    ask: Callable[[Predictor, Photo], Future[Any]], predictor: Predictor, photo: Photo
) -> Any:
    """Wait for what `batching` computes. Raises RefusalError: it takes too long, or is full."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(ask(predictor, photo)), PATIENCE)
    except (TimeoutError, batching.BusyError) as error:
        raise _busy() from error


def _draw_heat_map(photo: Photo, heat: Any, kind: HeatMapKind) -> str:
    """Return a heat map (h, w), 0..1, as a PNG of the photo's size in Base64."""
    import cv2
    import numpy as np

    from ..analysis import heatmap
    from ..imaging import decode

    if kind == "overlay":
        data = decode.encode_photo(heatmap.overlay_heatmap(photo, heat), "png")
    else:
        fitted = cv2.resize(heat, (photo.shape[1], photo.shape[0]))
        data = cv2.imencode(".png", np.round(fitted * 255).astype(np.uint8))[1].tobytes()
    return base64.b64encode(data).decode()


def _translator(request: Request) -> Translator:
    accepted = request.headers.get("accept-language", "")
    return report_language.get_translator(report_language.choose_language(accepted))


def _describe(error: CatDogError, say: Translator) -> Problem:
    return Problem(kind=type(error).__name__, message=say(error.message, **error.params))


def _error_reply(
    request: Request, status: int, error: CatDogError, headers: dict[str, str] | None = None
) -> Response:
    reply = ErrorReply(error=_describe(error, _translator(request)))
    return _reply(reply, status, headers)


def _reply(reply: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(reply.model_dump_json(), status, headers, "application/json")


async def _refuse_unknown(request: Request) -> Response:
    """Answer what the API does not have, which the pages' server would answer with a page."""
    is_known = any(route.matches(request.scope)[0] == Match.PARTIAL for route in _ROUTES)
    error = CatDogError(
        "The API has no {method} {path}. See {document} for what it offers.",
        method=request.method,
        path=truncate_for_display(request.url.path),
        document=f"{API_PREFIX}/openapi.json",
    )
    return _error_reply(request, 405 if is_known else 404, error)


_ROUTES = [
    Route(f"{API_PREFIX}/health", report_health),
    Route(f"{API_PREFIX}/openapi.json", describe_api),
    Route(f"{API_PREFIX}/models", list_models),
    Route(f"{API_PREFIX}/runs", list_runs),
    Route(f"{API_PREFIX}/runs/{{run}}", read_run),
    Route(f"{API_PREFIX}/predict", predict, methods=["POST"]),
]


def build_routes() -> list[Route]:
    """Return the routes of the API."""
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return [*_ROUTES, Route(f"{API_PREFIX}/{{rest:path}}", _refuse_unknown, methods=methods)]
