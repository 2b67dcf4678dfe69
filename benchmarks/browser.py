"""In Chromium: from a key on a slider to the repaint of the 20 variants."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from .race import console, report
from .server import lab

SLIDER = ".st-key-augment_rotation_range"
ROUNDS = 40
_WARM_UP = 3
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
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


def browser(folder: Path | None = None) -> None:
    """A real Chromium before a real server on this machine, keys first, then the mouse."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        console.print("playwright is not installed: the browser is left out.\n")
        return
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        console.print(f"No browser: none of {', '.join(_BROWSERS)} is installed: left out.\n")
        return
    with lab() as address, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(_OPTIONS))
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_PATIENCE)
        page.goto(f"http://{address}/Augment")
        page.locator('img[alt="Variant 20"]').wait_for()
        rows = {
            "an arrow key on the slider": _measured(page, _press),
            "the mouse let go of the slider": _measured(page, _drag),
        }
        chromium.close()
    report(f"A moved slider until the 20 variants are painted, {ROUNDS} rounds", rows)
    console.print("Target: 300 ms at the median.\n")


def _measured(page: Any, act: Any) -> list[float]:
    """Seconds of each round; values not seen before, so that nothing is cached."""
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
    page.locator(SLIDER).get_by_role("slider").press("ArrowRight")


def _drag(page: Any, number: int) -> None:
    """Grab the thumb and let go of it at a place of its own for each round, left to right."""
    thumb = page.locator(SLIDER).get_by_role("slider")
    thumb.scroll_into_view_if_needed()
    track = page.locator(f"{SLIDER} [role=group]").bounding_box()
    now = float(thumb.get_attribute("value")) / float(thumb.get_attribute("max"))
    soon = 0.1 + 0.8 * number / (_WARM_UP + ROUNDS)
    height = track["y"] + track["height"] / 2
    page.mouse.move(track["x"] + now * track["width"], height)
    page.mouse.down()
    page.mouse.move(track["x"] + soon * track["width"], height, steps=4)
    page.mouse.up()
