"""The review: from a key until Chromium has painted the next photo."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import server
from .measure import console, report

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SIDE, _PHOTOS, _KEYS = 1024, 160, 60
_PACES = {"a key every 0.5 s": 500, "a key every 0.15 s": 150}
_MAKE = """
import sys
from pathlib import Path
from catdog_core.data import datasets
folder = Path(sys.argv[1])
datasets.make_demo(folder, int(sys.argv[2]) - 20, 20, int(sys.argv[3]))
print(datasets.open_folder(folder).id)
"""
_WATCH = """() => {
  const stage = document.querySelector('.review-stage');
  window.took = new Promise(done => {
    let pressed;
    const before = stage.dataset.file;
    const press = event => { pressed = event.timeStamp; };
    addEventListener('keydown', press, {capture: true, once: true});
    const look = async () => {
      const image = stage.querySelector('img');
      if (!image || stage.dataset.file === before || !stage.dataset.file) return;
      watcher.disconnect();
      await image.decode();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - pressed)));
    };
    const watcher = new MutationObserver(look);
    watcher.observe(stage, {attributes: true, childList: true});
  });
}"""
"""Resolves once a frame with the next photo is painted, with the milliseconds since the key."""


def review(folder: Path | None = None) -> None:
    """Time keys in a real Chromium on drawn photos of 1,024 pixels."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        console.print("playwright isn't installed, so the review is left out.\n")
        return
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        console.print(f"No browser found ({', '.join(_BROWSERS)}), so it's left out.\n")
        return
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        environment = server.with_workspace(Path(directory) / "workspace")
        photos = [str(Path(directory) / "pets"), str(_PHOTOS), str(_SIDE)]
        made = subprocess.run(
            [sys.executable, "-c", _MAKE, *photos],
            cwd=server.PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        with server.running(Path(directory)) as address:
            chromium = playwright.chromium.launch(
                executable_path=executable, args=["--no-sandbox", "--disable-gpu"]
            )
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"http://{address}/Data?dataset={made.stdout.strip()}&part=review")
            page.locator(".review-stage img").wait_for(timeout=120_000)
            page.locator(".review-stage").focus()
            rows = {name: _time_keys(page, pause) for name, pause in _PACES.items()}
            chromium.close()
    report(f"Key until the next photo is painted, {_KEYS} keys each", rows)
    console.print("Target: 150 ms at the 95th percentile.\n")


def _time_keys(page: Any, pause: int) -> list[float]:
    """Return seconds of each key: keep, a class and exclude by turns, `pause` ms after the last."""
    times = []
    for number in range(_KEYS):
        page.wait_for_timeout(pause)
        page.evaluate(_WATCH)
        page.keyboard.press(("Space", "1", "x")[number % 3])
        times.append(page.evaluate("() => window.took") / 1e3)
    return times
