"""The API beside what bounds it: one photo alone, and 20 programs at once while a page is used.

    python -m benchmarks api

The floor is the same model called in this process: decode and forward pass. The peer is a bare
Starlette route that decodes the body and calls the model in a thread. Each asks over a kept
connection on the loopback, and they take turns, with and without a person who uses a page.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from catdog_core.base import library_output
from catdog_core.data import synthetic
from catdog_core.imaging import decode

from . import server
from .measure import console, report, table
from .websocket_client import visitor

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Predictor

CLIENTS, SECONDS, TURNS, ROUNDS = 20, 30.0, 3, 200
TARGET = 0.005
"""Seconds that the API may add to the forward pass."""
_SIDES = (375, 500)  # height and width of a photo of the course dataset, pixels
_PATH = "/api/v1/predict"
_SLIDER = "augment_rotation_range"
_PATIENCE = 120.0
BARE = """
import asyncio, sys, uvicorn
from catdog_core.analysis import predict
from catdog_core.imaging import decode
from catdog_core.server import loaded_models
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

model = predict.load_predictor(loaded_models.find_model().best_model)

def compute(data):
    row = model.predict(decode.decode_and_fit(data, model.size)[None])[0]
    return dict(zip(model.classes, map(float, row)))

async def answer(request):
    return JSONResponse(await asyncio.to_thread(compute, await request.body()))

async def health(request):
    return PlainTextResponse("ok")

routes = [Route("/api/v1/predict", answer, methods=["POST"]), Route("/health", health)]
uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), log_level="error")
"""


def api(folder: Path | None = None, seconds: float = SECONDS) -> None:
    """Measure, and print.

    Args:
        folder: not used; the photos are drawn.
        seconds: that each crowd is measured, in turns.
    """
    library_output.import_tensorflow()
    from catdog_core.server import loaded_models

    model = loaded_models.load_model(loaded_models.find_model())
    photos = [_draw(number) for number in range(32)]
    console.print(f"Built-in model, {model.size[0]} px, photos of {_SIDES[1]} × {_SIDES[0]} px.")
    console.print(f"{os.cpu_count()} cores, load {_load()}\n")
    with server.lab() as lab, _bare() as bare:
        for address in (lab, bare):
            _wait_until_loaded(address, photos[0])
        _measure_one(model, photos, lab, bare)
        _measure_crowd(model, photos, lab, bare, seconds)
    console.print(f"Load at the end: {_load()}\n")


def _measure_one(model: Predictor, photos: list[bytes], lab: str, bare: str) -> None:
    fitted = decode.decode_and_fit(photos[0], model.size)[np.newaxis]
    asks = {
        "forward pass": lambda: model.predict(fitted),
        "decode, forward pass": lambda: model.predict(
            decode.decode_and_fit(photos[0], model.size)[np.newaxis]
        ),
        "bare Starlette": _asker(bare, photos[0]),
        "the API": _asker(lab, photos[0]),
    }
    times: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(ROUNDS + 5):
        for name, ask in asks.items():
            start = time.perf_counter()
            ask()
            if number >= 5:
                times[name].append(time.perf_counter() - start)
    report("One photo, warm", times)
    forward, added = times["forward pass"], np.subtract(times["the API"], times["forward pass"])
    console.print(
        f"Target: at most {TARGET * 1e3:.0f} ms more than the forward pass. Measured: "
        f"{np.median(added) * 1e3:.1f} ms (median of {len(forward)} pairs).\n"
    )


def _measure_crowd(
    model: Predictor, photos: list[bytes], lab: str, bare: str, seconds: float
) -> None:
    fitted = np.stack([decode.decode_and_fit(photo, model.size) for photo in photos])
    rates = {
        "forward passes of 32": _rate(lambda: model.predict(fitted), len(fitted)),
        "forward passes of 1": _rate(lambda: model.predict(fitted[:1]), 1),
    }
    sheet = table(
        f"{CLIENTS} programs at once", "", "photos per second", "median, ms", "95%, ms", "lost"
    )
    for name, rate in rates.items():
        sheet.add_row(name, f"{rate:,.1f}", "", "", "")
    page = {"nothing else": _use_page(lab, seconds / 2)}
    times: dict[str, list[float]] = {}
    lost: Counter[str] = Counter()
    spent: dict[str, float] = {}
    for _ in range(TURNS):
        for name, address, with_page in (
            ("bare Starlette", bare, False),
            ("the API", lab, False),
            ("bare Starlette, a page in use", bare, True),
            ("the API, a page in use", lab, True),
        ):
            crowd = _Crowd(address, photos, seconds / TURNS)
            if with_page:
                used = page.setdefault(f"{CLIENTS} programs at {name.partition(',')[0]}", [])
                used.extend(_use_page(lab, seconds / TURNS))
            times.setdefault(name, []).extend(crowd.join())
            lost[name] += crowd.lost
            spent[name] = spent.get(name, 0.0) + crowd.seconds
    for name, each in times.items():
        high = statistics.quantiles(each, n=20)[-1]
        numbers = (len(each) / spent[name], statistics.median(each) * 1e3, high * 1e3)
        sheet.add_row(name, *(f"{number:,.1f}" for number in numbers), f"{lost[name]}")
    console.print(sheet)
    report("A slider of the Augment page beside", page)


class _Crowd:
    """Programs that send one photo after the other for some seconds, in threads.

    `lost` counts photos without an answer, `seconds` is how long it took.
    """

    def __init__(self, address: str, photos: list[bytes], seconds: float) -> None:
        self.times: list[float] = []
        self.lost = 0
        self._start = time.perf_counter()
        self._end = self._start + seconds
        self.seconds = seconds
        self._threads = [
            threading.Thread(target=self._send, args=(address, photos[number % len(photos)]))
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, address: str, photo: bytes) -> None:
        ask = _asker(address, photo)
        while time.perf_counter() < self._end:
            start = time.perf_counter()
            try:
                ask()
                self.times.append(time.perf_counter() - start)
            except (OSError, http.client.HTTPException, RuntimeError):
                self.lost += 1

    def join(self) -> list[float]:
        """Wait for the end; return the seconds that each answer took."""
        for thread in self._threads:
            thread.join()
        self.seconds = time.perf_counter() - self._start
        return self.times


def _use_page(address: str, seconds: float) -> list[float]:
    """Return the seconds that a slider takes which a visitor moves now and then."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    with visitor(address) as one:
        one.open("Augment")
        while time.perf_counter() < end:
            times.append(one.move(_SLIDER, round(len(times) * 1.7 % 180, 3))[-1].after)
            one.rest(0.3)
        if one.faults:
            raise RuntimeError(f"The page met {one.faults[0]}")
    return times


def _asker(address: str, photo: bytes) -> Callable[[], None]:
    """Return what sends a photo over a kept connection, and checks that it was predicted."""
    connection = http.client.HTTPConnection(address, timeout=_PATIENCE)

    def ask() -> None:
        connection.request("POST", _PATH, photo, {"Content-Type": "image/jpeg"})
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200 or not json.loads(body):
            raise RuntimeError(f"{reply.status}: {body[:200]!r}")

    return ask


def _rate(run: Callable[[], object], photos: int, seconds: float = 5.0) -> float:
    run()
    start, done = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        run()
        done += photos
    return done / (time.perf_counter() - start)


@contextmanager
def _bare() -> Iterator[str]:
    """Run the peer on a free port; yields ``127.0.0.1:port``."""
    port = server.free_port()
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(port)],
            cwd=server.PROJECT,
            env=server.with_workspace(Path(directory) / "workspace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def _wait_until_loaded(address: str, photo: bytes) -> None:
    end = time.perf_counter() + _PATIENCE
    while True:
        try:
            for _ in range(5):
                _asker(address, photo)()
            return
        except OSError:
            if time.perf_counter() > end:
                raise
            time.sleep(0.2)


def _draw(number: int) -> bytes:
    """Return a drawn pet as a JPEG of the size that photos of the course dataset have."""
    pet = np.asarray(synthetic.draw_pet(number % 2, 500, np.random.default_rng(number)))
    top = (pet.shape[0] - _SIDES[0]) // 2
    return decode.encode_photo(np.ascontiguousarray(pet[top : top + _SIDES[0], : _SIDES[1]]))


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
