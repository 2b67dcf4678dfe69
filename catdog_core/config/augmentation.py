"""The settings of the augmentation: how far each random change to a training photo may go.

The first eleven fields have the names, units and meaning `ImageDataGenerator` documents; the
others are what later practice added. Which of the pixels' new values they give is `augment`'s.
"""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from ..base.field_specs import Settings, factor_range_field, field

FillMode = Literal["nearest", "reflect", "wrap", "constant"]
_HIGHEST_FACTOR = 3.0
_WARPS = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "zoom_range",
    "shear_range",
)
"""What moves a photo so that its borders come into view."""
MIXES = ("mixup_alpha", "cutmix_alpha")
"""What mixes photos with each other."""


class Augmentation(Settings):
    """Random changes to a training photo; every photo gets a draw of its own, every time."""

    rotation_range: float = field(
        20.0,
        "Rotation",
        "Rotates the photo by a random angle, up to this many degrees in either direction.",
        low=0,
        high=180,
        step=1,
        unit="°",
        typical=(10, 40),
    )
    width_shift_range: float = field(
        0.1,
        "Width shift",
        "Moves the photo left or right by up to this fraction of its width.",
        low=0,
        high=0.9,
        step=0.01,
        typical=(0.05, 0.2),
    )
    height_shift_range: float = field(
        0.1,
        "Height shift",
        "Moves the photo up or down by up to this fraction of its height.",
        low=0,
        high=0.9,
        step=0.01,
        typical=(0.05, 0.2),
    )
    zoom_range: float = field(
        0.1,
        "Zoom",
        "Scales height and width separately by random factors from 1 − z to 1 + z. Factors above "
        "1 shrink the picture.",
        low=0,
        high=0.9,
        step=0.01,
        typical=(0.1, 0.3),
    )
    shear_range: float = field(
        0.0,
        "Shear",
        "Slants the photo by a random angle, up to this many degrees in either direction.",
        low=0,
        high=60,
        step=1,
        unit="°",
        typical=(5, 20),
    )
    brightness_range: tuple[float, float] | None = factor_range_field(
        "Brightness",
        "Multiplies all values by a random factor from this range. 1 changes nothing.",
        high=_HIGHEST_FACTOR,
        typical=(0.7, 1.3),
    )
    channel_shift_range: float = field(
        0.0,
        "Channel shift",
        "Shifts all values (0 to 255) up or down by one random number, up to this.",
        low=0,
        high=255,
        step=1,
        typical=(10, 40),
    )
    horizontal_flip: bool = field(
        True, "Horizontal flip", "Mirrors a random half of the photos left to right."
    )
    vertical_flip: bool = field(
        True, "Vertical flip", "Mirrors a random half of the photos top to bottom."
    )
    fill_mode: FillMode = field(
        "nearest",
        "Fill mode",
        "Fills the corners that come into view. nearest repeats the edge, reflect mirrors the "
        "photo, wrap uses the opposite side, and constant uses one gray value.",
    )
    cval: float = field(
        0.0,
        "Fill value",
        "Gray value (0 black to 255 white) for the fill mode 'constant'.",
        low=0,
        high=255,
        step=1,
        one_sided=True,
    )
    contrast_range: tuple[float, float] | None = factor_range_field(
        "Contrast",
        "Moves all values away from the photo's mean gray, or toward it, by a random factor from "
        "this range. 1 changes nothing.",
        high=_HIGHEST_FACTOR,
        typical=(0.7, 1.3),
    )
    saturation_range: tuple[float, float] | None = factor_range_field(
        "Saturation",
        "Makes colors stronger or paler by a random factor from this range. 0 gives a gray photo, "
        "and 1 changes nothing.",
        high=_HIGHEST_FACTOR,
        typical=(0.6, 1.4),
    )
    hue_range: float = field(
        0.0,
        "Hue",
        "Rotates all colors around the color wheel by a random angle, up to this in either "
        "direction. Brightness stays, so vivid colors can get values below 0 or above 255 and are "
        "clipped.",
        low=0,
        high=180,
        step=1,
        unit="°",
        typical=(5, 20),
    )
    blur_range: float = field(
        0.0,
        "Blur",
        "Blurs the photo with a Gaussian filter. Its standard deviation is random, up to this "
        "many pixels of the run's image size. Smaller photos get blurrier.",
        low=0,
        high=5,
        step=0.1,
        unit="px",
        typical=(0.5, 1.5),
        one_sided=True,
    )
    noise_range: float = field(
        0.0,
        "Noise",
        "Adds Gaussian noise to every value (0 to 255). Its standard deviation is random, up to "
        "this.",
        low=0,
        high=80,
        step=1,
        typical=(5, 20),
        one_sided=True,
    )
    erasing_probability: float = field(
        0.0,
        "Random erasing",
        "Fraction of photos in which a random rectangle is filled with one random color.",
        low=0,
        high=1,
        step=0.05,
        typical=(0.25, 0.5),
        one_sided=True,
    )
    erasing_area: float = field(
        0.33,
        "Erased area",
        "The largest part of the photo that random erasing can cover. The smallest is 0.02.",
        low=0.02,
        high=0.8,
        step=0.01,
        typical=(0.1, 0.4),
        one_sided=True,
    )
    mixup_alpha: float = field(
        0.0,
        "MixUp",
        "Blends another photo of the batch into this one and mixes the labels in the same "
        "proportions. They come from Beta(α, α). A small α leaves one photo nearly unchanged, and "
        "1 makes all proportions equally likely.",
        low=0,
        high=2,
        step=0.05,
        unit="α",
        typical=(0.1, 0.4),
        one_sided=True,
    )
    cutmix_alpha: float = field(
        0.0,
        "CutMix",
        "Pastes a rectangle of another photo of the batch into this one and mixes the labels by "
        "area. The areas come from Beta(α, α).",
        low=0,
        high=2,
        step=0.05,
        unit="α",
        typical=(0.5, 1),
        one_sided=True,
    )

    @field_validator("brightness_range", "contrast_range", "saturation_range")
    @classmethod
    def _check_factors(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] <= value[1] <= _HIGHEST_FACTOR:
            raise ValueError("two numbers from 0 to 3, the smaller first")
        return value

    @property
    def mixes(self) -> bool:
        """True when photos are mixed with each other, and so are their labels."""
        return bool(self.mixup_alpha or self.cutmix_alpha)

    @property
    def active(self) -> tuple[str, ...]:
        """The names of the fields that change something, in their order."""
        values = self.model_dump()
        warps = any(values[name] for name in _WARPS)
        matters = {
            "fill_mode": warps,
            "cval": warps and self.fill_mode == "constant",
            "erasing_area": self.erasing_probability > 0,
        }
        return tuple(
            name
            for name, value in values.items()
            if matters.get(name, bool(value) and value != (1.0, 1.0))
        )

    @property
    def is_off(self) -> bool:
        """True when no field changes anything."""
        return not self.active


NO_AUGMENTATION = Augmentation(
    rotation_range=0,
    width_shift_range=0,
    height_shift_range=0,
    zoom_range=0,
    horizontal_flip=False,
    vertical_flip=False,
)

PRESETS: dict[str, Augmentation] = {
    "notes": Augmentation(),
    "gentle": Augmentation(
        rotation_range=8,
        width_shift_range=0.05,
        height_shift_range=0.05,
        zoom_range=0.05,
        vertical_flip=False,
    ),
    "strong": Augmentation(
        rotation_range=35,
        width_shift_range=0.2,
        height_shift_range=0.2,
        zoom_range=0.3,
        shear_range=15,
        brightness_range=(0.6, 1.4),
        channel_shift_range=30,
        vertical_flip=False,
        fill_mode="reflect",
    ),
    "none": NO_AUGMENTATION,
}
"""Starting points by name; "notes" is the class notes' own."""
