"""Cartoon cats and dogs, drawn: a dataset for the first start, without a network.

Both kinds share colours, backgrounds, poses, sizes and eyes, so that none of these gives the
answer away. What tells them apart overlaps too: ears (mostly pointed against mostly hanging),
muzzle, nose and whiskers. The same seed draws the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import cos, pi, sin
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import files
from .errors import DatasetError

CLASSES = ("cats", "dogs")
_FURS = [
    (222, 168, 106),
    (120, 84, 60),
    (70, 66, 70),
    (236, 226, 210),
    (168, 160, 156),
    (200, 120, 62),
    (96, 70, 44),
    (240, 200, 150),
]
_SUPER = 2  # drawn this much larger, then shrunk: smooth edges

Colour = tuple[int, int, int]
Point = tuple[float, float]


def make_demo(
    folder: Path,
    train: int = 400,
    validation: int = 200,
    size: int = 150,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw ``train/`` and ``validation/`` folders of JPEGs, half cats and half dogs.

    Args:
        folder: made when missing.
        train: training photos in all.
        validation: validation photos in all.
        size: side of the square photos in pixels.
        seed: the same seed draws the same photos.
        progress: called with (photos done, photos in all).

    Raises:
        DatasetError: the folder already holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(
            "{folder} already holds something. Expected a new or empty folder for the demo dataset."
            " Name another.",
            folder=folder,
        )
    jobs = []
    for number, (split, count) in enumerate((("train", train), ("validation", validation))):
        for index in range(count):
            label = index % 2
            name = f"{CLASSES[label][:-1]}.{index // 2:04d}.jpg"
            jobs.append((folder / split / CLASSES[label] / name, label, (seed, number, index)))
    for place in {path.parent for path, _, _ in jobs}:
        place.mkdir(parents=True, exist_ok=True)

    def make(job: tuple[Path, int, tuple[int, int, int]]) -> None:
        path, label, key = job
        with files.replacing(path) as temporary:
            draw_pet(label, size, np.random.default_rng(key)).save(temporary, quality=88)

    with ThreadPoolExecutor(2) as pool:
        for done, _ in enumerate(pool.map(make, jobs), start=1):
            if progress and (done % 20 == 0 or done == len(jobs)):
                progress(done, len(jobs))


def draw_pet(label: int, size: int, rng: np.random.Generator) -> Image.Image:
    """Draw one pet: label 0 a cat, 1 a dog; an RGB picture of `size` × `size` pixels."""
    side = size * _SUPER
    picture = _background(side, rng)
    fur = _vary(_FURS[rng.integers(len(_FURS))], 12, rng)
    pet = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    _Pet(ImageDraw.Draw(pet), side, fur, rng).draw(dog=label == 1)
    pet = pet.rotate(float(rng.normal(0, 8)), resample=Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        pet = pet.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.paste(pet, mask=pet)
    _occlude(ImageDraw.Draw(picture), side, rng)
    small = picture.resize((size, size), Image.Resampling.BOX)
    if rng.random() < 0.25:
        small = small.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.1))))
    return _noisy(small, rng)


class _Pet:
    """One face and a hint of a body, drawn with the pen given; positions in face radii."""

    def __init__(
        self, pen: ImageDraw.ImageDraw, side: int, fur: Colour, rng: np.random.Generator
    ) -> None:
        self.pen, self.fur, self.rng = pen, fur, rng
        self.radius = side * rng.uniform(0.22, 0.3)
        self.x = side * rng.uniform(0.38, 0.62)
        self.y = side * rng.uniform(0.4, 0.52)
        self.wide = rng.uniform(0.92, 1.14)
        self.dark = _shade(fur, 0.62)
        self.light = _shade(fur, 1.0, toward=255, part=0.55)
        self.line = _shade(fur, 0.38)

    def draw(self, dog: bool) -> None:
        rng = self.rng
        self._body()
        # One in eight wears the other's ears: ears alone do not decide.
        hanging = dog != (rng.random() < 0.12)
        if hanging:
            self._face()
            self._hanging_ears()
        else:
            self._pointed_ears()
            self._face()
        if rng.random() < 0.45:
            self._marks()
        self._eyes(slit=not dog and rng.random() < 0.6)
        self._muzzle(dog)
        if rng.random() < (0.25 if dog else 0.85):
            self._whiskers()

    def _at(self, x: float, y: float) -> Point:
        return self.x + x * self.radius * self.wide, self.y + y * self.radius

    def _oval(self, x: float, y: float, w: float, h: float, fill: Colour) -> None:
        (left, top), (right, bottom) = self._at(x - w, y - h), self._at(x + w, y + h)
        self.pen.ellipse((left, top, right, bottom), fill=fill)

    def _body(self) -> None:
        lean = self.rng.uniform(-0.5, 0.5)
        self._oval(lean, 1.75, self.rng.uniform(0.85, 1.3), 1.25, self.dark)
        if self.rng.random() < 0.5:
            self._oval(lean, 1.75, 0.5, 0.9, self.light)

    def _face(self) -> None:
        self._oval(0, 0, 1.0, self.rng.uniform(0.86, 1.0), self.fur)

    def _pointed_ears(self) -> None:
        height, spread = self.rng.uniform(1.15, 1.6), self.rng.uniform(0.55, 0.85)
        for mirror in (-1, 1):
            points = [(0.18, -0.72), (spread + 0.12, -height), (0.98, -0.25)]
            self.pen.polygon([self._at(mirror * x, y) for x, y in points], fill=self.fur)
            inner = [(0.36, -0.76), (spread + 0.08, -height + 0.22), (0.84, -0.42)]
            self.pen.polygon([self._at(mirror * x, y) for x, y in inner], fill=(224, 160, 160))

    def _hanging_ears(self) -> None:
        drop, out = self.rng.uniform(0.15, 0.6), self.rng.uniform(0.82, 1.05)
        length = self.rng.uniform(0.5, 0.85)
        for mirror in (-1, 1):
            self._oval(mirror * out, drop - 0.25, 0.3, length, self.dark)

    def _marks(self) -> None:
        if self.rng.random() < 0.5:
            for x in (-0.25, 0.0, 0.25):
                self.pen.line([self._at(x, -0.9), self._at(x * 0.8, -0.5)], self.dark, 5)
        else:
            mirror = -1 if self.rng.random() < 0.5 else 1
            self._oval(mirror * 0.4, -0.15, 0.34, 0.36, self.dark)

    def _eyes(self, slit: bool) -> None:
        size = self.rng.uniform(0.13, 0.19)
        apart, level = self.rng.uniform(0.36, 0.46), self.rng.uniform(-0.26, -0.1)
        iris = [(120, 170, 70), (210, 170, 60), (90, 130, 170), (80, 55, 35)][self.rng.integers(4)]
        for mirror in (-1, 1):
            self._oval(mirror * apart, level, size * 1.15, size, (250, 250, 246))
            self._oval(mirror * apart, level, size * 0.85, size * 0.9, iris)
            self._oval(
                mirror * apart, level, size * (0.22 if slit else 0.5), size * 0.75, (20,) * 3
            )
            self._oval(mirror * apart + 0.05, level - 0.06, 0.04, 0.04, (255, 255, 255))

    def _muzzle(self, dog: bool) -> None:
        rng = self.rng
        if dog:
            self._oval(0, 0.42, rng.uniform(0.38, 0.56), rng.uniform(0.34, 0.48), self.light)
            self._oval(0, 0.22, rng.uniform(0.15, 0.22), rng.uniform(0.11, 0.16), (34, 28, 30))
            if rng.random() < 0.5:
                self._oval(0.04, 0.78, 0.13, 0.22, (226, 110, 120))
        else:
            width = rng.uniform(0.2, 0.28)
            for mirror in (-1, 1):
                self._oval(mirror * width, 0.42, width, rng.uniform(0.17, 0.24), self.light)
            nose = (214, 120, 126) if rng.random() < 0.7 else (60, 46, 48)
            points = [(-0.11, 0.2), (0.11, 0.2), (0, 0.34)]
            self.pen.polygon([self._at(x, y) for x, y in points], fill=nose)
        self.pen.line([self._at(0, 0.3), self._at(0, 0.56)], self.line, 3)

    def _whiskers(self) -> None:
        colour = self.line if sum(self.fur) > 420 else (230, 228, 224)
        for mirror in (-1, 1):
            for slope in (-0.14, 0.02, 0.18):
                ends = [self._at(mirror * 0.3, 0.42), self._at(mirror * 1.2, 0.38 + slope)]
                self.pen.line(ends, colour, 2)


def _background(side: int, rng: np.random.Generator) -> Image.Image:
    top, bottom = np.array(_random_colour(rng)), np.array(_random_colour(rng))
    fade = np.linspace(0, 1, side)[:, None, None]
    rows = (top * (1 - fade) + bottom * fade).astype(np.uint8)
    picture = Image.fromarray(np.repeat(rows, side, axis=1))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 5)):
        x, y = rng.uniform(0, side, 2)
        w, h = rng.uniform(0.05, 0.35, 2) * side
        colour = _random_colour(rng)
        if rng.random() < 0.5:
            pen.ellipse((x - w, y - h, x + w, y + h), fill=colour)
        else:
            turn = rng.uniform(0, pi)
            corners = [(turn + k * pi / 2) for k in range(4)]
            pen.polygon([(x + w * cos(a), y + h * sin(a)) for a in corners], fill=colour)
    return picture


def _occlude(pen: ImageDraw.ImageDraw, side: int, rng: np.random.Generator) -> None:
    if rng.random() > 0.25:
        return
    x, y = rng.uniform(0, side, 2)
    w, h = rng.uniform(0.06, 0.2, 2) * side
    pen.rectangle((x - w, y - h, x + w, y + h), fill=_random_colour(rng))


def _noisy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    values = np.asarray(picture, np.float32) * np.float32(rng.uniform(0.75, 1.2))
    grain = rng.standard_normal(values.shape, np.float32) * np.float32(rng.uniform(1, 6))
    return Image.fromarray(np.clip(values + grain, 0, 255).astype(np.uint8))


def _random_colour(rng: np.random.Generator) -> Colour:
    # Half way to grey: rooms and meadows, not neon.
    loud = rng.integers(60, 240, 3)
    red, green, blue = (int(value) for value in (loud + loud.mean()) / 2)
    return red, green, blue


def _vary(colour: Colour, by: float, rng: np.random.Generator) -> Colour:
    moved = np.clip(np.array(colour) + rng.normal(0, by, 3), 20, 250)
    red, green, blue = (int(value) for value in moved)
    return red, green, blue


def _shade(colour: Colour, factor: float, toward: int = 0, part: float = 0.0) -> Colour:
    red, green, blue = (int(c * factor * (1 - part) + toward * part) for c in colour)
    return red, green, blue
