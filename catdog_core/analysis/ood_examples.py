"""Drawn pictures that show no pet, to see what a model of cats and dogs makes of them."""

from __future__ import annotations

import cv2
import numpy as np

from ..base.errors import N_
from ..imaging.decode import Photo

IMAGE_SIZE = 320
TITLES = {
    "grey": N_("plain gray"),
    "noise": N_("noise"),
    "squares": N_("checkerboard"),
    "sunset": N_("a sunset"),
    "house": N_("a house"),
    "car": N_("a car"),
}
"""The pictures by name, with what they show."""


def draw_example(name: str) -> Photo:
    """Draw one of `TITLES`, (320, 320, 3) uint8; the same each time."""
    return _DRAW_FUNCTIONS[name]()


def _plain(colour: tuple[int, int, int]) -> Photo:
    return np.full((IMAGE_SIZE, IMAGE_SIZE, 3), colour, dtype=np.uint8)


def _noise() -> Photo:
    return np.random.default_rng(0).integers(0, 256, (IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)


def _squares() -> Photo:
    row, column = np.indices((IMAGE_SIZE, IMAGE_SIZE)) // 40
    light = ((row + column) % 2)[..., None]
    return np.where(light, (235, 235, 235), (30, 30, 30)).astype(np.uint8)


def _sunset() -> Photo:
    down = np.linspace(0, 1, IMAGE_SIZE)[:, None, None]
    sky = (1 - down) * np.array([50, 60, 140]) + down * np.array([255, 150, 70])
    photo = np.repeat(sky, IMAGE_SIZE, axis=1).astype(np.uint8)
    cv2.circle(photo, (160, 210), 45, (255, 225, 150), -1, cv2.LINE_AA)
    cv2.rectangle(photo, (0, 230), (IMAGE_SIZE, IMAGE_SIZE), (40, 45, 80), -1)
    return photo


def _house() -> Photo:
    photo = _plain((150, 200, 240))
    cv2.rectangle(photo, (0, 250), (IMAGE_SIZE, IMAGE_SIZE), (90, 150, 70), -1)
    cv2.rectangle(photo, (80, 140), (240, 260), (220, 205, 170), -1)
    cv2.fillPoly(photo, [np.array([[60, 140], [160, 60], [260, 140]])], (160, 70, 50))
    cv2.rectangle(photo, (140, 190), (180, 260), (100, 60, 40), -1)
    for left in (95, 195):
        cv2.rectangle(photo, (left, 165), (left + 32, 197), (120, 160, 200), -1)
    return photo


def _car() -> Photo:
    photo = _plain((200, 210, 215))
    cv2.rectangle(photo, (0, 220), (IMAGE_SIZE, IMAGE_SIZE), (95, 95, 100), -1)
    roof = np.array([[95, 165], [125, 115], [205, 115], [240, 165]])
    cv2.fillPoly(photo, [roof], (60, 90, 130))
    cv2.rectangle(photo, (45, 160), (280, 215), (190, 40, 40), -1)
    for centre in (100, 225):
        cv2.circle(photo, (centre, 218), 27, (25, 25, 25), -1, cv2.LINE_AA)
        cv2.circle(photo, (centre, 218), 12, (170, 170, 170), -1, cv2.LINE_AA)
    return photo


_DRAW_FUNCTIONS = {
    "grey": lambda: _plain((128, 128, 128)),
    "noise": _noise,
    "squares": _squares,
    "sunset": _sunset,
    "house": _house,
    "car": _car,
}
