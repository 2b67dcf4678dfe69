"""Predict → Live in Chromium, with a video of drawn pets as its camera.

Beside each model stands what its frames cost bare: decoding, the forward pass and the heat map, in
a loop of their own, in turns with the browser. ``python -m benchmarks.live MINUTES`` also watches
the server's memory for so long.

Chromium is driven by its own protocol: Playwright looks at every request, for 9 ms a frame here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from websockets.sync.client import ClientConnection, connect

from catdog_core.data.synthetic import draw_pet
from catdog_core.imaging import decode

from . import server
from .camera import Camera
from .measure import console, table
from .pages import BROWSER_OPTIONS, find_browser

SECONDS = 8.0
"""Of one measurement in the browser."""
ROUNDS = 3
WATCHERS = 5
_TRAINING_SECONDS = 25.0
_BARE = 40  # frames of a round
_MODELS = {"notes": 150, "transfer": 224}
_PATIENCE = 240.0  # seconds

_SETUP = """
import json, sys, tempfile
from pathlib import Path
from catdog_core import runs
from catdog_core.base import library_output
library_output.import_tensorflow()
import keras
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.models import keras_models
from catdog_core.runs import model_registry
keras.utils.set_random_seed(0)
ids = {}
with tempfile.TemporaryDirectory() as folder:
    for name, side in json.loads(sys.argv[1]).items():
        path = Path(folder) / f"{name}.keras"
        classes = ("cats", "dogs")
        model = keras_models.build_model(name, side, classes)
        keras_models.save_model(model, path, {"classes": list(classes), "model": name})
        data = path.read_bytes()
        ids[name] = model_registry.register_imported_model(data, path.name, classes, "0..255").id
run = runs.create_run(datasets.create_demo(), Training(model="notes", epochs=200), None)
print(json.dumps({**ids, "run": str(run)}))
"""
"""Makes a workspace: untrained models, which answer as quickly as trained ones, and a training."""

_ANSWERS = """[...document.querySelectorAll("*")].find((one) => one.catdogLive)
  .catdogLive.answers"""
"""The frames that the page had answered in the last seconds, as assets/live.js keeps them."""


def live(_folder: Path | None = None, minutes: float = 0.0) -> None:
    """Measure frames per second, alone, beside a training and five at once.

    Args:
        _folder: not used.
        minutes: how long to watch the server's memory; 0 leaves it out.
    """
    executable = find_browser()
    if executable is None:
        return
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        made = _make_workspace(folder / "workspace")
        with (
            server.process(folder) as (address, pid),
            _chromium(executable, folder) as chromium,
        ):
            lab = Lab(chromium, address, folder, made)
            _measure_models(lab)
            _measure_watchers(lab)
            _measure_training(lab)
            if minutes:
                _measure_memory(lab, pid, minutes)


@dataclass(frozen=True)
class Lab:
    """What is measured: the port of a browser, the address and folder of a server, and the ids of
    its models, with the folder of a run that was not started."""

    browser: int
    address: str
    folder: Path
    made: dict[str, str]


@contextmanager
def _chromium(executable: str, folder: Path) -> Iterator[int]:
    """Run Chromium with the camera within the block; gives the port of its protocol."""
    port = server.free_port()
    flags = [*BROWSER_OPTIONS, *Camera(folder).flags, "--headless=new"]
    with open(folder / "chromium.log", "wb") as log:
        browser = subprocess.Popen(
            [
                *(executable, *flags, f"--remote-debugging-port={port}"),
                *(f"--user-data-dir={folder / 'profile'}", "about:blank"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                _ask_browser(port, "version")
                break
            except OSError:
                if time.monotonic() > end or browser.poll() is not None:
                    raise
                time.sleep(0.2)
        yield port
    finally:
        children = psutil.Process(browser.pid).children(recursive=True)
        for each in (browser, *children):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        browser.wait(10)


def _ask_browser(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/{path}", timeout=10) as answer:
        return json.load(answer)


class Window:
    """A window that watches: Live with a model, and the camera on."""

    def __init__(self, lab: Lab, model: str, with_map: bool) -> None:
        port = lab.browser
        browser = _ask_browser(port, "version")["webSocketDebuggerUrl"]
        with connect(browser, max_size=None) as line:
            url = f"http://{lab.address}/Predict?view=live&run={model}"
            size = {"width": 1440, "height": 1000}
            target = _command(line, "Target.createTarget", url=url, newWindow=True, **size)
        self._id = target["targetId"]
        address = f"ws://127.0.0.1:{port}/devtools/page/{self._id}"
        self._held = ExitStack()
        self._line = self._held.enter_context(connect(address, max_size=None))
        self.wait_for("document.querySelector('.catdog-live')")
        if not with_map:
            self.run("document.querySelector('.catdog-live input[type=checkbox]').click()")
        self.switch()
        self.wait_for("document.querySelector('.live-speed')?.textContent")
        time.sleep(2)

    def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        result = _command(self._line, "Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(f"Boolean({script})"):
            if time.monotonic() > end:
                raise RuntimeError(f"The page never had {script}.")
            time.sleep(0.2)

    def switch(self) -> None:
        """Turn the camera on, or off."""
        self.run("document.querySelector('.catdog-live button').click()")

    def close(self) -> None:
        """Close the window."""
        _command(self._line, "Target.closeTarget", targetId=self._id)
        self._held.close()


def _command(line: ClientConnection, method: str, **parameters: Any) -> Any:
    """Send a command of the DevTools protocol, and return its result."""
    line.send(json.dumps({"id": 1, "method": method, "params": parameters}))
    while True:  # events come, too
        message = json.loads(line.recv())
        if message.get("id") == 1:
            if "error" in message:
                raise RuntimeError(message["error"]["message"])
            return message["result"]


def _make_workspace(workspace: Path) -> dict[str, str]:
    """Return the ids of the models, and the folder of a run that was not started."""
    made = subprocess.run(
        [sys.executable, "-c", _SETUP, json.dumps(_MODELS)],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        check=True,
        stdout=subprocess.PIPE,
    )
    result: dict[str, str] = json.loads(made.stdout)
    return result


def _measure_models(lab: Lab) -> None:
    sheet = table(
        f"Live, {ROUNDS} rounds of {SECONDS:.0f} s, load {_load()}",
        "model",
        *("frames/s", "ms per frame", "95%", "model", "ratio", "bare"),
    )
    for name, side in _MODELS.items():
        path = lab.folder / "workspace" / "guests" / lab.made[name] / "best.keras"
        for with_map in (False, True):
            run_bare = _prepare_bare(path, side, with_map)
            window = Window(lab, lab.made[name], with_map)
            rates: list[float] = []
            times: list[float] = []
            own: list[float] = []
            bare: list[float] = []
            for _ in range(ROUNDS):
                ((rate, answers),) = _watch([window], SECONDS)
                rates.append(rate)
                times += [total for _, total, _ in answers]
                own += [model for _, _, model in answers]
                window.switch()
                bare += run_bare()
                window.switch()
                window.wait_for("document.querySelector('.live-speed').textContent")
            window.close()
            total, model = statistics.median(times), statistics.median(own)
            high = statistics.quantiles(times, n=20)[-1]
            sheet.add_row(
                f"{name}, {side} px" + (", heat map" if with_map else ""),
                *(f"{value:.1f}" for value in (statistics.median(rates), total, high, model)),
                f"{total / model:.2f}",
                f"{statistics.median(bare):.1f}",
            )
    console.print(sheet)
    console.print(
        "“model” is decoding, forward pass and map in the server meanwhile, “bare” the same "
        "without server and browser.\nTargets on two quiet cores: notes 30 frames/s, transfer 20, "
        "with heat map 15, 60 ms. On a busy machine: ratio 1.5.\n"
    )


def _prepare_bare(path: Path, side: int, with_map: bool) -> Callable[[], list[float]]:
    """Return a function that answers frames without server and browser: milliseconds of each."""
    from catdog_core.base import library_output, report_language

    library_output.import_tensorflow()
    import keras

    from catdog_core.analysis import predict
    from catdog_core.server import live as route

    model = keras.models.load_model(path)
    predictor = predict.build_predictor(path.name, model, {"classes": ["cats", "dogs"]})
    pet = draw_pet(0, side, np.random.default_rng(0))
    data = decode.encode_photo(np.asarray(pet))

    def run() -> list[float]:
        return [
            route.answer_frame(predictor, data, with_map, report_language.format_english)["ms"]
            for _ in range(_BARE)
        ][_BARE // 4 :]

    run()
    return run


def _measure_watchers(lab: Lab) -> None:
    windows = [Window(lab, lab.made["transfer"], True) for _ in range(WATCHERS)]
    rates = [rate for rate, _ in _watch(windows, SECONDS)]
    for window in windows:
        window.close()
    console.print(
        f"{WATCHERS} watchers of transfer with heat map, frames/s: "
        f"{', '.join(f'{rate:.1f}' for rate in rates)} (target 3 each), load {_load()}\n"
    )


def _measure_training(lab: Lab) -> None:
    """Measure a training without and with a watcher, in turns."""
    run = Path(lab.made["run"])
    with _training(run, lab.folder / "workspace"):
        alone, beside, rates = [], [], []
        for _ in range(2):
            alone.append(_training_speed(run, lambda: time.sleep(_TRAINING_SECONDS)))
            window = Window(lab, lab.made["transfer"], True)
            time.sleep(3)  # until the lane has seen that a run trains

            def watch(window: Window = window) -> None:
                rates.append(_watch([window], _TRAINING_SECONDS)[0][0])

            beside.append(_training_speed(run, watch))
            window.close()
    kept = statistics.mean(beside) / statistics.mean(alone)
    console.print(
        f"Beside a training of notes: {statistics.mean(rates):.1f} frames/s of transfer with heat "
        f"map (target 5). The training makes {statistics.mean(alone):.2f} steps/s alone and "
        f"{statistics.mean(beside):.2f} watched, {kept:.0%} (target 67%), load {_load()}\n"
    )


@contextmanager
def _training(run: Path, workspace: Path) -> Iterator[None]:
    """Let a run train within the block, from its first steps on."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "catdog_core", "resume", str(run)],
        cwd=server.PROJECT,
        env=server.with_workspace(workspace),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while _steps(run) < 3:
            if worker.poll() is not None:
                raise RuntimeError("The training ended before it began.")
            time.sleep(0.5)
        yield
    finally:
        for each in (*psutil.Process(worker.pid).children(recursive=True), worker):
            each.kill()
        worker.wait(10)


def _training_speed(run: Path, meanwhile: Callable[[], None]) -> float:
    """Return steps per second while something else goes on."""
    steps, begun = _steps(run), time.perf_counter()
    meanwhile()
    return (_steps(run) - steps) / (time.perf_counter() - begun)


def _steps(run: Path) -> int:
    """Return how many steps a training has made."""
    try:
        last = json.loads((run / "batches.jsonl").read_text().splitlines()[-1])
    except (OSError, ValueError, IndexError):  # not yet, or half a line
        return 0
    return int(last["epoch"] * last["steps"] + last["batch"])


def _measure_memory(lab: Lab, pid: int, minutes: float) -> None:
    window = Window(lab, lab.made["transfer"], True)
    _watch([window], 20.0)
    process, sizes, frames = psutil.Process(pid), [], 0
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        sizes.append(process.memory_info().rss / 1e6)
        frames += len(_watch([window], 20.0)[0][1])
    window.close()
    console.print(
        f"Memory of the server over {minutes:g} minutes and {frames:,} frames: from "
        f"{sizes[0]:,.0f} to {sizes[-1]:,.0f} MB, at most {max(sizes):,.0f}\n"
    )


def _watch(windows: Sequence[Window], seconds: float) -> list[tuple[float, list[list[float]]]]:
    """Return frames per second of windows at the same time, and each frame answered.

    A frame is: when, its milliseconds, and of these the server's for the model.
    """
    seen: list[dict[float, list[float]]] = [{} for _ in windows]
    begun = time.monotonic()
    starts = [window.run("performance.now()") for window in windows]
    while time.monotonic() - begun < seconds:
        time.sleep(0.5)
        for window, answers in zip(windows, seen, strict=True):
            answers |= {answer[0]: answer for answer in window.run(_ANSWERS)}
    took = time.monotonic() - begun
    frames = [
        [answer for when, answer in answers.items() if when > start]
        for start, answers in zip(starts, seen, strict=True)
    ]
    return [(len(each) / took, each) for each in frames]


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("minutes", metavar="MINUTES", type=float, nargs="?", default=10.0)
    live(minutes=parser.parse_args().minutes)


if __name__ == "__main__":
    main()
