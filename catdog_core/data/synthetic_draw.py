"""Draw a pet's face: what cats and dogs share, and the little that tells them apart.

Positions and sizes are in radii of the head, its middle the origin, y downwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]

FURS: tuple[Colour, ...] = (
    (222, 168, 106),  # fawn
    (120, 84, 60),  # chocolate
    (66, 62, 66),  # black
    (236, 226, 210),  # cream
    (160, 154, 152),  # grey
    (204, 122, 62),  # ginger
    (150, 108, 70),  # brown
    (240, 200, 150),  # apricot
    (110, 116, 126),  # blue grey
)
IRISES: tuple[Colour, ...] = ((120, 170, 70), (210, 170, 60), (90, 140, 190), (96, 62, 36))
COLLARS: tuple[Colour, ...] = ((200, 60, 60), (60, 110, 190), (70, 150, 90), (230, 180, 60))
MIXED_EARS = 0.1  # pets that wear the other kind's ears: ears alone do not decide
_BLACK: Colour = (30, 26, 28)
_PINK: Colour = (224, 156, 160)


def shade_colour(colour: Colour, factor: float, white: float = 0.0) -> Colour:
    """Darken a colour by `factor`, then mix in `white` of white, 0..1."""
    red, green, blue = (min(255, int(c * factor * (1 - white) + 255 * white)) for c in colour)
    return red, green, blue


def vary_colour(colour: Colour, rng: np.random.Generator) -> Colour:
    """Return a natural neighbour of a colour: mostly lighter or darker, hardly another hue."""
    moved = np.clip(np.array(colour) * rng.normal(1, 0.09) + rng.normal(0, 5, 3), 22, 250)
    red, green, blue = (int(value) for value in moved)
    return red, green, blue


class Pen:
    """Draws in head radii on a picture."""

    def __init__(
        self, canvas: ImageDraw.ImageDraw, x: float, y: float, radius: float, wide: float
    ) -> None:
        self.canvas, self.x, self.y, self.radius, self.wide = canvas, x, y, radius, wide

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel position of a point."""
        return self.x + x * self.radius * self.wide, self.y + y * self.radius

    def oval(self, x: float, y: float, w: float, h: float, fill: Colour) -> None:
        """Draw a filled oval around (x, y) of half width w and half height h."""
        self.canvas.ellipse((*self.at(x - w, y - h), *self.at(x + w, y + h)), fill=fill)

    def shape(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """Draw a filled polygon."""
        self.canvas.polygon([self.at(x, y) for x, y in points], fill=fill)

    def line(self, points: Sequence[tuple[float, float]], fill: Colour, width: float) -> None:
        """Draw a line through points, `width` in head radii."""
        pixels = max(1, round(width * self.radius))
        self.canvas.line([self.at(x, y) for x, y in points], fill, pixels, joint="curve")

    def arc(self, x: float, y: float, w: float, h: float, span: tuple[int, int]) -> None:
        """Draw a dark arc of an oval; `span` is in degrees clockwise from the right."""
        box = (*self.at(x - w, y - h), *self.at(x + w, y + h))
        self.canvas.arc(box, *span, fill=_BLACK, width=max(1, round(0.045 * self.radius)))


class Pet:
    """One animal; `dog` decides ears, muzzle, nose and whiskers, and only mostly."""

    def __init__(self, dog: bool, rng: np.random.Generator) -> None:
        self.dog, self.rng = dog, rng
        self.fur = vary_colour(FURS[rng.integers(len(FURS))], rng)
        self.dark, self.light = shade_colour(self.fur, 0.68), shade_colour(self.fur, 1.0, white=0.6)
        self.body_fur = shade_colour(self.fur, 0.86)
        self.marks = ("none", "stripes", "patch", "blaze", "mask", "spots")[rng.integers(6)]

    def body(self, pen: Pen) -> None:
        """Draw the shoulders down to the picture's lower edge, chest, tail and maybe a collar."""
        rng = self.rng
        lean, wide = rng.uniform(-0.3, 0.3), rng.uniform(0.85, 1.25)
        side = 1 if rng.random() < 0.5 else -1
        if rng.random() < 0.6:
            tail = [(lean + side * wide * f, y) for f, y in ((0.7, 2.4), (1.3, 1.8), (1.4, 0.95))]
            width = rng.uniform(0.18, 0.32)
            pen.line(tail, self.dark, width)
            pen.oval(*tail[-1], width / 2, width / 2, self.dark)
        pen.oval(lean, 3.0, wide, 2.5, self.body_fur)
        if self.marks == "spots":
            for x, y in rng.uniform((-0.7, 1.3), (0.7, 2.6), (4, 2)):
                pen.oval(lean + x * wide, y, 0.16, 0.2, self.dark)
        if self.marks == "stripes":
            for y in (1.3, 1.6, 1.9):
                for x in (-1, 1):
                    edge, tip = lean + x * wide * 0.95, lean + x * wide * 0.5
                    pen.shape([(edge, y - 0.1), (edge, y + 0.1), (tip, y + 0.1)], self.dark)
        if rng.random() < 0.6:
            pen.oval(lean, 1.9, wide * 0.5, 0.95, self.light)
        if rng.random() < 0.35:
            colour = COLLARS[rng.integers(len(COLLARS))]
            pen.oval(lean * 0.5, 0.98, 0.66, 0.24, colour)
            pen.oval(lean * 0.5, 1.24, 0.12, 0.12, (240, 204, 80))

    def head(self, pen: Pen) -> None:
        """Draw the face with ears, marks, eyes, muzzle and whiskers."""
        rng = self.rng
        hanging = self.dog != (rng.random() < MIXED_EARS)
        if not hanging:
            self._pointed_ears(pen)
        pen.oval(0, 0, 1.0, rng.uniform(0.84, 1.0), self.fur)
        if rng.random() < 0.4:
            pen.oval(0, 0.3, 1.06, 0.6, self.fur)  # full cheeks
        self._markings(pen)
        if hanging:
            self._hanging_ears(pen)
        self._eyes(pen)
        self._muzzle(pen)
        if rng.random() < (0.3 if self.dog else 0.8):
            self._whiskers(pen)

    def _pointed_ears(self, pen: Pen) -> None:
        rng = self.rng
        height, spread = rng.uniform(1.1, 1.55), rng.uniform(0.55, 0.9)
        folded = rng.random() < 0.12
        for side in (-1, 1):
            tip = (side * (spread + 0.12), -height)
            pen.shape([(side * 0.16, -0.7), tip, (side * 0.98, -0.2)], self.fur)
            if folded:
                bend = [(side * 0.42, -0.98), tip, (side * 1.0, -0.74)]
                pen.shape([*bend[:1], (side * (spread + 0.16), -0.62), *bend[2:]], self.dark)
                continue
            inner = (side * (spread + 0.08), -height + 0.24)
            pen.shape([(side * 0.36, -0.76), inner, (side * 0.84, -0.4)], _PINK)

    def _hanging_ears(self, pen: Pen) -> None:
        rng = self.rng
        drop, out = rng.uniform(-0.05, 0.35), rng.uniform(0.8, 1.02)
        long, wide = rng.uniform(0.45, 0.85), rng.uniform(0.22, 0.34)
        colour = self.dark if rng.random() < 0.8 else shade_colour(self.fur, 0.9)
        for side in (-1, 1):
            pen.oval(side * out, drop - 0.1, wide, long, colour)
            pen.oval(side * (out - 0.12), drop - 0.1 - 0.6 * long, wide, 0.4 * long, colour)

    def _markings(self, pen: Pen) -> None:
        side = 1 if self.rng.random() < 0.5 else -1
        if self.marks == "stripes":
            for x in (-0.28, 0.0, 0.28):
                pen.line([(x, -0.82), (x * 0.7, -0.46)], self.dark, 0.09)
            for x in (-1, 1):
                pen.line([(x * 0.92, 0.16), (x * 0.66, 0.2)], self.dark, 0.07)
        elif self.marks == "patch":
            pen.oval(side * 0.42, -0.16, 0.34, 0.38, self.dark)
        elif self.marks == "blaze":
            pen.shape([(-0.08, -0.86), (0.08, -0.86), (0.24, 0.3), (-0.24, 0.3)], self.light)
        elif self.marks == "mask":
            for x in (-0.42, 0.42):
                pen.oval(x, -0.12, 0.36, 0.34, self.dark)
        elif self.marks == "spots":
            for x, y in self.rng.uniform((-0.8, -0.7), (0.8, 0.5), (4, 2)):
                pen.oval(x * 0.9, y, 0.1, 0.1, self.dark)

    def _eyes(self, pen: Pen) -> None:
        rng = self.rng
        size, apart, level = (
            rng.uniform(0.14, 0.2),
            rng.uniform(0.36, 0.46),
            rng.uniform(-0.26, -0.1),
        )
        if rng.random() < 0.12:  # asleep
            for x in (-apart, apart):
                pen.arc(x, level, size, size * 0.8, (10, 170))
            return
        iris = IRISES[rng.integers(len(IRISES))]
        pupil = 0.24 if rng.random() < (0.25 if self.dog else 0.5) else 0.56
        gaze_offset = rng.uniform(-0.05, 0.05)
        for x in (-apart, apart):
            pen.oval(x, level, size * 1.2, size * 1.06, (250, 250, 246))
            pen.oval(x + gaze_offset, level, size * 0.9, size * 0.94, iris)
            pen.oval(x + gaze_offset, level, size * pupil, size * 0.76, _BLACK)
            pen.oval(x + gaze_offset + 0.05, level - 0.06, 0.045, 0.045, (255, 255, 255))

    def _muzzle(self, pen: Pen) -> None:
        rng = self.rng
        tongue = rng.random() < (0.5 if self.dog else 0.12)
        if tongue:
            pen.oval(0.02, 0.76, 0.13, 0.22, (226, 106, 118))
        if self.dog:
            pen.oval(0, 0.44, rng.uniform(0.36, 0.54), rng.uniform(0.3, 0.44), self.light)
            pen.line([(0, 0.3), (0, 0.54)], _BLACK, 0.045)
            pen.oval(0, 0.24, rng.uniform(0.14, 0.22), rng.uniform(0.1, 0.15), _BLACK)
            reach = 0.17
        else:
            reach = rng.uniform(0.19, 0.27)
            for x in (-reach, reach):
                pen.oval(x, 0.44, reach * 1.05, rng.uniform(0.17, 0.24), self.light)
            nose = _PINK if rng.random() < 0.6 else _BLACK
            pen.shape([(-0.12, 0.2), (0.12, 0.2), (0, 0.34)], nose)
            pen.line([(0, 0.32), (0, 0.46)], _BLACK, 0.04)
        for x in (-1, 1):
            pen.arc(x * reach / 2, 0.46, reach / 2, 0.13, (0, 180))

    def _whiskers(self, pen: Pen) -> None:
        colour = _BLACK if sum(self.fur) > 420 else (236, 234, 230)
        long = self.rng.uniform(0.95, 1.3)
        for side in (-1, 1):
            for slope in (-0.14, 0.02, 0.18):
                pen.line([(side * 0.3, 0.42), (side * long, 0.38 + slope)], colour, 0.022)
