"""A class at once: 20 sessions over real websockets, with no training and with one.

    python -m benchmarks load
    python -m benchmarks.load --minutes 5 --sessions 20

Three of five sessions move sliders of the Augment page, one of five uploads photos to the Predict
page, one of five watches the training, or looks around where there is none. Each thinks for about
two seconds between two actions, redraws by itself what a browser would, and goes away after a
minute for another one to come. First the same number of sessions does the like with a bare
Streamlit app, whose slider and sentence are the floor of what any page takes here.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from . import server
from .measure import console, table
from .websocket_client import Visitor, visitor

SLIDER = "augment_rotation_range"
THINKS = 2.0
"""Seconds between two actions of a visitor, half as long to half longer."""
STAYS = 60.0
"""Seconds until a visitor goes and another one comes."""
TARGETS = {"no training": 0.6, "during training": 1.0}
"""Seconds the 95th percentile of an interaction may take."""
BARE = """import streamlit as st
value = st.slider("Value", 0.0, 100000.0, key="augment_rotation_range")
st.write(f"The value is {value}.")
"""
_ANSWER = "predict_csv"  # the button for the table, which comes with the answers
_PATIENCE = 120.0  # seconds until they do
_ROOMS = ("", "Data", "Compare", "Evaluate", "Train")


@dataclass
class Tally:
    """What the visitors of a phase met: seconds by kind of interaction, and faults."""

    times: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the start, megabytes of the server."""
    cpu: float = 0.0
    """Of the server, in seconds."""
    seconds: float = 0.0

    def add(self, kind: str, seconds: float) -> None:
        """Take note of one interaction."""
        self.times.setdefault(kind, []).append(seconds)

    def all(self) -> list[float]:
        """Return every interaction a person waited for; what redraws itself is none."""
        return [t for kind, times in self.times.items() if kind != "redrawn" for t in times]


Act = Callable[[Visitor, Tally, random.Random], None]


def load(
    folder: Path | None = None, minutes: float = 5.0, sessions: int = 20, training: bool = True
) -> None:
    """Run all phases and print them; each of those of the lab takes an equal part of the minutes.

    Args:
        folder: not used; the lab of the measurement has the drawn dataset.
        minutes: in all, without the floor, which takes one at most.
        sessions: at once.
        training: whether there is a second phase, with a training.
    """
    console.print(f"{sessions} sessions, {os.cpu_count()} cores, load {_load()}\n")
    part = minutes * (30 if training else 60)
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "bare.py"
        script.write_text(BARE)
        with server.process(Path(directory), script) as (address, pid):
            floor = crowd(address, pid, [_move] * sessions, min(part, 60), page="")
    with tempfile.TemporaryDirectory() as directory:
        environment = server.with_workspace(Path(directory) / "workspace")
        _python("from catdog_core.data import datasets; datasets.create_demo()", environment)
        with server.process(Path(directory)) as (address, pid):
            hundred = _hundred(address)
            phases = {"no training": crowd(address, pid, _roles(sessions, watch=False), part)}
            if training:
                with _training(environment):
                    busy = crowd(address, pid, _roles(sessions, watch=True), part)
                phases["during training"] = busy
    _print(floor, phases)
    console.print(
        f"100 photos in one upload to the Predict page: {hundred:.1f} s until the predictions show."
    )
    console.print(f"Load at the end: {_load()}\n")


def crowd(address: str, pid: int, acts: list[Act], seconds: float, page: str = "Augment") -> Tally:
    """Let visitors come, act and go for some time; every act has a visitor at any moment."""
    tally, end = Tally(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_seat, args=(address, act, tally, end, number, page), daemon=True)
        for number, act in enumerate(acts)
    ]
    process = psutil.Process(pid)
    before, start = sum(process.cpu_times()[:2]), time.monotonic()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        tally.memory.append((time.monotonic() - start, process.memory_info().rss / 1e6))
        time.sleep(min(5.0, seconds / 20))
    tally.cpu = sum(process.cpu_times()[:2]) - before
    tally.seconds = time.monotonic() - start
    return tally


def growth(memory: list[tuple[float, float]]) -> float:
    """Return by what part the last fifth is larger than the third fifth, by their medians.

    The first two fifths are left aside: there the model, TensorFlow and the caches are loaded.
    """
    sizes = [size for _, size in memory]
    fifth = max(len(sizes) // 5, 1)
    early = statistics.median(sizes[2 * fifth : 3 * fifth] or sizes)
    return statistics.median(sizes[-fifth:]) / early - 1


def _seat(address: str, act: Act, tally: Tally, end: float, number: int, page: str) -> None:
    """Let one visitor after the other do the same, until the time is up."""
    chance = random.Random(number)
    time.sleep(chance.uniform(0, THINKS))
    while time.monotonic() < end:
        try:
            with visitor(address) as one:
                leave = min(end, time.monotonic() + STAYS * chance.uniform(0.5, 1.5))
                if act is _move:
                    tally.add("page opened", one.open(page)[-1].after)
                while time.monotonic() < leave:
                    act(one, tally, chance)
                    pause = THINKS * chance.uniform(0.5, 1.5)
                    for took in one.rest(pause):
                        tally.add("redrawn", took)
                tally.faults += one.faults
        except Exception as error:  # a visitor who is thrown out is what is looked for
            tally.faults.append(f"{type(error).__name__}: {error}")
            time.sleep(1)


def _move(one: Visitor, tally: Tally, chance: random.Random) -> None:
    tally.add("slider moved", one.move(SLIDER, round(chance.uniform(0, 180), 3))[-1].after)


def _predict(one: Visitor, tally: Tally, chance: random.Random) -> None:
    if not one.has("predict_photos"):
        tally.add("page opened", one.open("Predict")[-1].after)
    tally.add("photo predicted", _answered(one, {f"{chance.random()}.jpg": _photo(chance)}))


def _answered(one: Visitor, photos: dict[str, bytes]) -> float:
    """Return seconds from photos on the server to all answers on the page, in one upload."""
    took = one.upload("predict_photos", photos)[-1].after
    start = time.perf_counter()
    while not one.shows(_ANSWER):
        if time.perf_counter() - start > _PATIENCE:
            raise TimeoutError("no prediction arrived")
        one.rest(0.1)
    return took + time.perf_counter() - start


def _watch(one: Visitor, tally: Tally, chance: random.Random) -> None:
    if not one.watches:
        tally.add("page opened", one.open("Train")[-1].after)


def _browse(one: Visitor, tally: Tally, chance: random.Random) -> None:
    tally.add("page opened", one.open(chance.choice(_ROOMS))[-1].after)


def _roles(sessions: int, watch: bool) -> list[Act]:
    fifth = max(sessions // 5, 1)
    others: list[Act] = [_predict] * fifth + [_watch if watch else _browse] * fifth
    return others + [_move] * (sessions - len(others))


def _photo(chance: random.Random) -> bytes:
    """Return a drawn pet as a JPEG, another one each time."""
    import numpy as np

    from catdog_core.data import synthetic
    from catdog_core.imaging import decode

    rng = np.random.default_rng(chance.getrandbits(32))
    return decode.encode_photo(np.asarray(synthetic.draw_pet(chance.randrange(2), 300, rng)))


def _hundred(address: str) -> float:
    """Return seconds from 100 photos on the server to their answers."""
    chance = random.Random(1)
    with visitor(address) as one:
        one.open("Predict")
        _answered(one, {"warm.jpg": _photo(chance)})
        took = _answered(one, {f"{number}.jpg": _photo(chance) for number in range(100)})
    if one.faults:
        raise RuntimeError(f"100 photos met {one.faults[0]}")
    return took


@contextmanager
def _training(environment: dict[str, str]) -> Iterator[None]:
    """Train the class notes' network, as a page would have started it, during the block."""
    code = (
        "from catdog_core.data import datasets; from catdog_core import runs\n"
        "from catdog_core.config import Training\n"
        "run = runs.create_run(datasets.load_dataset('demo'), Training(epochs=500), None)\n"
        "runs.start_run(run)\n"
        "print(run)"
    )
    folder = Path(_python(code, environment))
    stopping = f"from catdog_core import runs; runs.stop_run({str(folder)!r})"
    try:
        while not (folder / "batches.jsonl").exists():
            time.sleep(0.2)
        yield
    finally:
        _python(stopping, environment)


def _python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=server.PROJECT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _print(floor: Tally, phases: dict[str, Tally]) -> None:
    bare = statistics.median(floor.all())
    head = ("interactions", "median", "95%", "slowest", "ratio")
    sheet = table("Interactions, in seconds", "", *head)
    _row(sheet, "minimal Streamlit app", floor.all(), bare)
    for phase, tally in phases.items():
        _row(sheet, f"the lab, {phase}", tally.all(), bare)
        for kind, times in sorted(tally.times.items()):
            _row(sheet, f"  {kind}", times, bare)
    console.print(sheet)
    for phase, tally in {"bare": floor, **phases}.items():
        steps = tally.memory[:: max(len(tally.memory) // 8, 1)]
        sizes = ", ".join(f"{size:,.0f}" for _, size in steps)
        console.print(
            f"{phase}: {len(tally.faults)} errors. The server used {tally.cpu / tally.seconds:.2f}"
            f" cores, {1e3 * tally.cpu / max(len(tally.all()), 1):.0f} ms of CPU per interaction;"
            f" memory {sizes} MB, {growth(tally.memory):+.1%}"
        )
        for fault in dict.fromkeys(tally.faults[:5]):
            console.print(f"  {fault}", markup=False)
    for phase, tally in phases.items():
        console.print(
            f"Target, {phase}: 95% within {TARGETS[phase]} s. Measured: {_p95(tally.all()):.2f} s."
        )


def _row(sheet: object, name: str, times: list[float], bare: float) -> None:
    middle = statistics.median(times)
    values = (middle, _p95(times), max(times))
    numbers = [f"{value:.3f}" for value in values]
    sheet.add_row(name, f"{len(times):,}", *numbers, f"{middle / bare:.1f}")  # type: ignore[attr-defined]


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def _load() -> str:
    return " ".join(f"{value:.1f}" for value in psutil.getloadavg())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m benchmarks.load``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load", description="Several sessions at once over websockets."
    )
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--no-training", dest="training", action="store_false")
    return parser


if __name__ == "__main__":
    load(**vars(build_parser().parse_args()))
