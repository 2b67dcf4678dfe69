"""One change of fixed strength to a photo, the same each time: what robustness is measured with.

Geometry and values change as in training, by `augment`. JPEG is none of its changes, and noise is
cut from a store. What has to be drawn, a direction or noise, depends on a seed and the photo's name
alone, so every model and every strength meets the same photos.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_, SettingsError
from ..config import Augmentation
from ..imaging import decode
from ..imaging.decode import Photo
from . import augment
from .transform import Transform

ChangeName = Literal[
    "rotation",
    "shift",
    "zoom",
    "brightness",
    "contrast",
    "blur",
    "noise",
    "jpeg",
    "horizontal_flip",
    "vertical_flip",
]


@dataclass(frozen=True)
class PhotoChange:
    """A kind of change and the strengths it can have.

    Attributes:
        label: its name; a message of the catalogue.
        axis: what its strength is, with its unit; a message of the catalogue.
        strengths: measured by default, ascending; `clean` is among them.
        clean: the strength that leaves a photo as it is.
        low, high: the weakest and strongest allowed.
        text: writes a strength, such as "{:g}°".
    """

    label: str
    axis: str
    strengths: tuple[float, ...]
    clean: float
    low: float
    high: float
    text: str = "{:g}"

    @property
    def is_flip(self) -> bool:
        """Whether it is either done or not."""
        return len(self.strengths) == 2


_FLIPS = ((0.0, 1.0), 0.0, 0.0, 1.0)
CHANGES: dict[ChangeName, PhotoChange] = {
    "rotation": PhotoChange(
        N_("Rotation"),
        N_("Degrees, half of the photos rotated each way"),
        (0, 15, 30, 45, 60, 90, 120, 150, 180),
        *(0, 0, 180),
        "{:g}°",
    ),
    "shift": PhotoChange(
        N_("Shift"),
        N_("Fraction of the side, left, right, up or down"),
        (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6),
        *(0, 0, 0.9),
        "{:.0%}",
    ),
    "zoom": PhotoChange(
        N_("Zoom"),
        N_("Zoom factor (above 1 shrinks the picture)"),
        (0.25, 0.4, 0.6, 0.8, 1, 1.25, 1.6, 2, 3),
        *(1, 0.1, 5),
        "×{:g}",
    ),
    "brightness": PhotoChange(
        N_("Brightness"),
        N_("Factor for all values"),
        (0.15, 0.3, 0.5, 0.75, 1, 1.25, 1.5, 2, 3),
        *(1, 0, 5),
        "×{:g}",
    ),
    "contrast": PhotoChange(
        N_("Contrast"),
        N_("Factor for the distance from mean gray"),
        (0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 2.5, 3),
        *(1, 0, 5),
        "×{:g}",
    ),
    "blur": PhotoChange(
        N_("Blur"),
        N_("Standard deviation as % of the width"),
        (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8),
        *(0, 0, 20),
        "{:g}%",
    ),
    "noise": PhotoChange(
        N_("Noise"),
        N_("Standard deviation of the values (0 to 255)"),
        (0, 5, 10, 20, 30, 45, 60, 80, 100),
        *(0, 0, 255),
    ),
    "jpeg": PhotoChange(
        N_("JPEG quality"),
        N_("JPEG quality (100 isn't compressed again)"),
        (2, 5, 10, 20, 30, 50, 75, 90, 100),
        *(100, 1, 100),
    ),
    "horizontal_flip": PhotoChange(N_("Horizontal flip"), N_("Photos"), *_FLIPS),
    "vertical_flip": PhotoChange(N_("Vertical flip"), N_("Photos"), *_FLIPS),
}
"""By their names in addresses, files and commands."""


def format_strength(name: ChangeName, strength: float, label: str = "") -> str:
    """Return a strength with its unit, such as "45°".

    Args:
        name: of the change.
        strength: one it can have.
        label: the change's name in the reader's language, to stand before it: "Rotation 45°". A
            flip is its name alone.
    """
    change = CHANGES[name]
    parts = [label, "" if change.is_flip else change.text.format(strength)]
    return " ".join(filter(None, parts))


def check_strengths(name: ChangeName, strengths: tuple[float, ...]) -> tuple[float, ...]:
    """Return strengths in order, each once, with the clean one among them.

    Raises:
        SettingsError: one is beyond what the change allows.
    """
    change = CHANGES[name]
    for strength in strengths:
        if not change.low <= strength <= change.high or (change.is_flip and strength % 1):
            raise SettingsError(
                "{change} can't have the strength {strength:g}. Use {low:g} to {high:g}.",
                change=name,
                strength=strength,
                low=change.low,
                high=change.high,
            )
    return tuple(sorted({*map(float, strengths), float(change.clean)}))


def find_trained_range(
    name: ChangeName, augmentation: Augmentation | None, image_size: int
) -> tuple[float, float] | None:
    """Return the strengths that a training's augmentation drew from; None where it drew none.

    Args:
        name: of the change.
        augmentation: of the training, None for none.
        image_size: side of its photos in pixels, of which its blur is told.
    """
    if augmentation is None:
        return None
    side = max(augmentation.width_shift_range, augmentation.height_shift_range)
    zoom = augmentation.zoom_range
    ranges: dict[ChangeName, tuple[float, float] | None] = {
        "rotation": (0, augmentation.rotation_range),
        "shift": (0, side),
        "zoom": (1 - zoom, 1 + zoom),
        "brightness": augmentation.brightness_range,
        "contrast": augmentation.contrast_range,
        "blur": (0, 100 * augmentation.blur_range / image_size),
        "noise": (0, augmentation.noise_range),
        "horizontal_flip": (0, float(augmentation.horizontal_flip)),
        "vertical_flip": (0, float(augmentation.vertical_flip)),
    }
    found = ranges.get(name)
    return found if found is not None and found[0] < found[1] else None


def apply_change(photo: Photo, name: ChangeName, strength: float, key: str, seed: int = 0) -> Photo:
    """Return a photo changed by one kind of change.

    Args:
        photo: (H, W, 3) uint8, fitted to a network's size.
        name: of the change.
        strength: as `PhotoChange` tells; its `clean` gives the photo back.
        key: the photo's name, from which follow its direction and its noise.
        seed: another one gives other directions and other noise.
    """
    if strength == CHANGES[name].clean:
        return photo
    if name == "jpeg":
        return _compress(photo, round(strength))
    text = f"{seed} {key}".encode("utf-8", "surrogateescape")
    lot = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
    if name == "noise":
        return _add_noise(photo, strength, lot)
    return augment.apply_transform(photo, _make_transform(photo, name, strength, lot))


def _make_transform(photo: Photo, name: ChangeName, strength: float, lot: int) -> Transform:
    height, width = photo.shape[:2]
    sign = 1 - 2 * (lot & 1)
    if name == "rotation":
        return Transform(theta=sign * strength)
    if name == "shift":
        across, down = (width, 0) if lot & 2 else (0, height)
        return Transform(shift_x=sign * strength * across, shift_y=sign * strength * down)
    if name == "zoom":
        return Transform(zx=strength, zy=strength)
    if name == "brightness":
        return Transform(brightness=strength)
    if name == "contrast":
        return Transform(contrast=strength)
    if name == "blur":
        return Transform(blur=strength * width / 100)
    return Transform(
        flip_horizontal=name == "horizontal_flip", flip_vertical=name == "vertical_flip"
    )


def _add_noise(photo: Photo, deviation: float, lot: int) -> Photo:
    """Add Gaussian noise as `color.apply_pixel_ops` does, cut from a store at a drawn place.

    To draw it for each photo and strength would take a fifth of the time of a small network.
    """
    store = _noise_store(1 << max(20, photo.size.bit_length() + 1))
    start = lot % (len(store) - photo.size)
    noise = store[start : start + photo.size].reshape(photo.shape) * np.float32(deviation)
    return np.asarray(cv2.add(photo, noise, dtype=cv2.CV_8U), np.uint8)


@lru_cache(maxsize=2)
def _noise_store(count: int) -> NDArray[np.float32]:
    rng = np.random.Generator(np.random.SFC64(0))
    return rng.standard_normal(count, dtype=np.float32)


def _compress(photo: Photo, quality: int) -> Photo:
    data = np.frombuffer(decode.encode_photo(photo, quality=quality), np.uint8)
    # The lab's own bytes: none of the checks of `decode_photo` is needed, which take longer.
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)
