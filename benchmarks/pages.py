"""The pages: a moved slider until the server has answered, and until Chromium has painted."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from . import server
from .measure import console, report
from .websocket_client import Arrival, visitor

ROTATION = "augment_rotation_range"
ROUNDS = 40
_WARM_UP = 5
_SLIDER = f".st-key-{ROTATION}"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
)
_PATIENCE = 60_000  # milliseconds

_WATCH = """() => {
  const pictures = () => [...document.querySelectorAll('img[alt^="Variant"]')];
  const before = pictures()[0].src;
  window.repainted = new Promise((done, fail) => {
    let released;
    const look = async () => {
      const now = pictures();
      if (now.length !== 20 || now[0].src === before) return;
      watcher.disconnect();
      await Promise.all(now.map(each => each.decode()));
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - released)));
    };
    const watcher = new MutationObserver(look);
    const options = {subtree: true, childList: true, attributes: true, attributeFilter: ['src']};
    watcher.observe(document.body, options);
    const begin = event => { released = event.timeStamp; };
    for (const kind of ['keydown', 'pointerup'])
      window.addEventListener(kind, begin, {capture: true, once: true});
    setTimeout(fail, 20000, new Error('The variants stayed as they were'));
  });
  window.repainted.catch(() => {});  // told to who waits for it
}"""
"""Sets `window.repainted`: milliseconds from the next key or release of the pointer until 20
variants are new, decoded and painted. The time of the event is the browser's own."""
_PHOTOS = 1000
_MAKE = f"""
import numpy as np
from pathlib import Path
from catdog_core.data import datasets
from catdog_core.analysis import predictions
from catdog_core.runs import model_registry

folder = Path(__import__("sys").argv[1])
datasets.make_demo(folder, train=8, validation={_PHOTOS}, size=64, seed=0)
dataset = datasets.open_folder(folder)
rng = np.random.default_rng(0)
answers = {{}}
for item in dataset.items("validation"):
    second = 1 / (1 + np.exp(-rng.normal(2 * item.label - 1, 1.5)))
    answers[item.file] = np.array([1 - second, second])
table = predictions.build_prediction_table(dataset, "validation", answers)
model = predictions.digest_model(model_registry.default_model_folder() / "best.keras")
run = model_registry.default_model_folder()
predictions.write_predictions(run, dataset, "validation", table, model)
"""


def page(folder: Path | None = None) -> None:
    """Time a moved slider on a real Streamlit server; the client draws nothing."""
    pictures, ends, sizes = [], [], []
    with server.lab() as address, visitor(address) as one:
        one.open("Augment")
        for number in range(_WARM_UP + ROUNDS):
            arrivals = one.move(ROTATION, 21.0 + number)  # a value not seen before, never cached
            gallery = next(filter(_is_gallery, arrivals))
            if number >= _WARM_UP:
                pictures.append(gallery.after)
                sizes.append(gallery.size)
                ends.append(arrivals[-1].after)
    rows = {"20 images sent": pictures, "fragment script finished": ends}
    report(f"Slider move, on the server, {ROUNDS} rounds", rows)
    console.print(f"{max(sizes) / 1e3:.0f} kB at most. Target: median of 40 ms.\n")


def _is_gallery(arrival: Arrival) -> bool:
    html = arrival.message.delta.new_element.html.body
    return bool(html.count("data:image/") >= 20)


def threshold(_folder: Path | None = None) -> None:
    """Time a moved threshold on the Evaluate page, with answers made up."""
    walls, busy = [], []
    with tempfile.TemporaryDirectory() as directory:
        environment = server.with_workspace(Path(directory) / "workspace")
        make = [sys.executable, "-c", _MAKE, str(Path(directory) / "pets")]
        subprocess.run(make, cwd=server.PROJECT, env=environment, check=True)
        with server.process(Path(directory)) as (address, pid), visitor(address) as one:
            one.open("Evaluate")
            lab = psutil.Process(pid)
            for number in range(_WARM_UP + ROUNDS):
                before = sum(lab.cpu_times()[:2])
                arrivals = one.move("threshold", round(0.1 + 0.01 * number, 2))
                if number >= _WARM_UP:
                    walls.append(arrivals[-1].after)
                    busy.append(sum(lab.cpu_times()[:2]) - before)
    report(
        f"Threshold move, {_PHOTOS:,} photos, on the server, {ROUNDS} rounds",
        {"fragment script finished": walls, "CPU": busy},
    )
    console.print(f"CPU in all: {1e3 * sum(busy) / len(busy):.1f} ms per step.\n")


def find_browser() -> str | None:
    """Return a browser that Playwright can drive; None, after a line that says why, without one."""
    if importlib.util.find_spec("playwright") is None:
        console.print("playwright isn't installed, so the browser is left out.\n")
        return None
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        console.print(f"No browser found ({', '.join(_BROWSERS)}), so it's left out.\n")
    return executable


def browser(folder: Path | None = None) -> None:
    """Time a moved slider in a real Chromium, by keys first, then by the mouse."""
    executable = find_browser()
    if executable is None:
        return
    from playwright.sync_api import sync_playwright

    with server.lab() as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=list(BROWSER_OPTIONS)
        )
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_PATIENCE)
        page.goto(f"http://{address}/Augment")
        page.locator('img[alt="Variant 20"]').wait_for()
        rows = {
            "arrow key on the slider": _measured(page, _press),
            "mouse releases the slider": _measured(page, _drag),
        }
        chromium.close()
    report(f"Slider move until the 20 variants are painted, {ROUNDS} rounds", rows)
    console.print("Target: median of 300 ms.\n")


def _measured(page: Any, act: Any) -> list[float]:
    """Return seconds of each round; values not seen before, so that nothing is cached."""
    times = []
    for number in range(_WARM_UP + ROUNDS):
        page.wait_for_timeout(250)  # a person looks, the server comes to rest
        page.evaluate(_WATCH)
        act(page, number)
        took = page.evaluate("() => window.repainted")
        if number >= _WARM_UP:
            times.append(took / 1e3)
    return times


def _press(page: Any, number: int) -> None:
    page.locator(_SLIDER).get_by_role("slider").press("ArrowRight")


def _drag(page: Any, number: int) -> None:
    """Drag the thumb and let go of it at another position each round, left to right."""
    thumb = page.locator(_SLIDER).get_by_role("slider")
    thumb.scroll_into_view_if_needed()
    track = page.locator(f"{_SLIDER} [role=group]").bounding_box()
    now = float(thumb.get_attribute("value")) / float(thumb.get_attribute("max"))
    soon = 0.1 + 0.8 * number / (_WARM_UP + ROUNDS)
    height = track["y"] + track["height"] / 2
    page.mouse.move(track["x"] + now * track["width"], height)
    page.mouse.down()
    page.mouse.move(track["x"] + soon * track["width"], height, steps=4)
    page.mouse.up()
