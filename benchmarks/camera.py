"""A camera that shows drawn pets, and the way from it to a model: recorded, trained, answering.

Chromium plays a video in place of a camera. It shows the cats, then the dogs, and begins again. Who
records looks which pet is on the screen: on a busy machine the video falls behind the clock.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from catdog_core.data import synthetic

from . import server
from .measure import console, table
from .pages import BROWSER_OPTIONS, find_browser

NAMES = synthetic.CLASSES
PETS = 40
"""Pets of each class in the video."""
_REPEATS = 9  # frames of the video that show one pet, of 30 a second
_SIDE, _WIDTH = 240, 320
_SEEN = (16, 12)  # pixels by which pets are told apart
_PATIENCE = 280_000  # milliseconds
_SMALL = (64, 48)
_GREEN_JS = f"""(video) => {{
  const canvas = document.createElement("canvas");
  const [width, height] = [canvas.width, canvas.height] = {list(_SMALL)};
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, width, height);
  const {{data}} = context.getImageData(0, 0, width, height);
  return Array.from({{length: width * height}}, (_, n) => data[4 * n + 1]);
}}"""
"""The green of the picture a video shows now, made small, row by row."""

Hold = Callable[[], None]


class Camera:
    """A video of drawn pets in a file, and the flags that make it Chromium's camera."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "pets.mjpeg"
        frames = [_draw_frame(label, number) for label in (0, 1) for number in range(PETS)]
        with open(self.file, "wb") as file:  # a .mjpeg is JPEG files one after the other
            for frame in frames:
                buffer = io.BytesIO()
                Image.fromarray(frame).save(buffer, "JPEG", quality=90)
                file.write(buffer.getvalue() * _REPEATS)
        self._known = np.stack([_mark(frame[..., 1]) for frame in frames])
        self.flags = (
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self.file}",
        )

    def recognize(self, green: NDArray[np.uint8]) -> tuple[int, int]:
        """Return label and number of the pet in the green channel of a picture, (H, W) uint8."""
        best = int(np.argmax(self._known @ _mark(green)))
        return best // PETS, best % PETS

    def look(self, page: Any) -> tuple[int, int]:
        """Return label and number of the pet that the page's camera shows now."""
        green = page.locator("video").evaluate(_GREEN_JS)
        return self.recognize(np.array(green, np.uint8).reshape(_SMALL[::-1]))

    def record(self, page: Any, label: int, first: int, last: int, press: Hold, free: Hold) -> None:
        """Hold a button while the camera shows a range of the pets of a class.

        Args:
            page: of the recorder, with the camera on.
            label: of the class.
            first, last: numbers of the pets.
            press, free: hold the button, and release it.
        """
        self.wait_for(page, label, first, last)
        press()
        while self.look(page) in self._range(label, first, last):
            page.wait_for_timeout(50)
        free()

    def wait_for(self, page: Any, label: int, first: int, last: int) -> None:
        """Wait until the camera shows one of a range of the pets of a class."""
        while self.look(page) not in self._range(label, first, last):
            page.wait_for_timeout(50)

    @staticmethod
    def _range(label: int, first: int, last: int) -> set[tuple[int, int]]:
        return {(label, number) for number in range(first, last)}


def _draw_frame(label: int, number: int) -> NDArray[np.uint8]:
    pet = synthetic.draw_pet(label, _SIDE, np.random.default_rng((label, number)))
    frame = Image.new("RGB", (_WIDTH, _SIDE), (90, 100, 110))
    frame.paste(pet, ((_WIDTH - _SIDE) // 2, 0))
    return np.asarray(frame)


def _mark(green: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(green, _SEEN, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / (np.linalg.norm(small) + 1e-6), np.float32)


def turn_on(page: Any) -> None:
    """Turn on the recorder's camera, and wait until its buttons can be held."""
    page.get_by_role("button", name="Start camera").click()
    page.wait_for_function("() => document.querySelector('.recorder-hold:enabled')")
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")


def record_all(page: Any, camera: Camera) -> None:
    """Record two clips of cats and two of dogs, by their number keys."""
    for label in (0, 1):
        key = str(label + 1)
        for first, last in ((0, 22), (25, 32)):
            camera.record(
                page,
                label,
                first,
                last,
                lambda key=key: page.keyboard.down(key),  # type: ignore[misc]
                lambda key=key: page.keyboard.up(key),  # type: ignore[misc]
            )


def journey(_folder: Path | None = None) -> None:
    """Measure the way from an empty lab to a model that answers the camera."""
    executable = find_browser()
    if executable is None:
        return
    from playwright.sync_api import sync_playwright

    os.environ["CATDOG_WARM_UP"] = "1"  # as the lab starts by itself: TensorFlow loads meanwhile
    with (
        tempfile.TemporaryDirectory() as directory,
        server.running(Path(directory)) as address,
        sync_playwright() as playwright,
    ):
        camera = Camera(Path(directory))
        chromium = playwright.chromium.launch(
            executable_path=executable, args=[*BROWSER_OPTIONS, *camera.flags]
        )
        page = chromium.new_page()
        page.set_default_timeout(_PATIENCE)
        times = [time.perf_counter()]
        page.goto(f"http://{address}/?lang=en")
        page.get_by_role("link", name="Use your camera").click()
        turn_on(page)
        times.append(time.perf_counter())
        record_all(page, camera)
        times.append(time.perf_counter())
        page.locator(".st-key-recording_train button:enabled").click()
        page.get_by_text("Done. The best epoch is").wait_for()
        times.append(time.perf_counter())
        page.get_by_role("link", name="Try it live").click()
        page.get_by_role("button", name="Start camera").click()
        page.wait_for_function("() => document.querySelector('.live-label')?.textContent")
        times.append(time.perf_counter())
        chromium.close()
    sheet = table("From an empty lab to a model that answers the camera", "step", "seconds")
    steps = ("the page opened, the camera on", "four clips recorded", "trained", "answered live")
    for step, begun, ended in zip(steps, times, times[1:], strict=False):
        sheet.add_row(step, f"{ended - begun:.1f}")
    sheet.add_row("in all", f"{times[-1] - times[0]:.1f}")
    console.print(sheet)
