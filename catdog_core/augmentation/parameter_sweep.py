"""Draw a photo under one setting from its least value to its greatest; others change nothing.

Made by `augment.apply_transform` and `mixing.apply_mix`, as the variants and the training photos
are; how far a sweep goes is read off the setting's own control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np

from ..base.errors import N_, SettingsError
from ..base.field_specs import FieldSpec, describe_fields
from ..config import Augmentation
from ..imaging.decode import Photo
from . import augment, mixing
from .mixing import Mix
from .transform import Transform

Value = float | bool | str


@dataclass(frozen=True)
class SweepStep:
    """One step of a sweep.

    `label` is the value with its unit, or the message id of a word; `image` is (H, W, 3) uint8;
    `in_range` tells whether the settings at hand would ever draw this value.
    """

    value: Value
    label: str
    image: Photo
    in_range: bool


_CORNERS: dict[str, Any] = {"theta": 20.0, "zx": 1.2, "zy": 1.2}
"""A photo turned and made smaller, so that what fills its corners comes into view."""
_PAINT = (127, 127, 127)
_TRANSFORMS: dict[str, Callable[[Any, int, int], Transform]] = {
    # of a value and the photo's height and width in pixels
    "rotation_range": lambda v, h, w: Transform(theta=v),
    "width_shift_range": lambda v, h, w: Transform(shift_x=v * w),
    "height_shift_range": lambda v, h, w: Transform(shift_y=v * h),
    "zoom_range": lambda v, h, w: Transform(zx=v, zy=v),
    "shear_range": lambda v, h, w: Transform(shear=v),
    "brightness_range": lambda v, h, w: Transform(brightness=v),
    "channel_shift_range": lambda v, h, w: Transform(channel_shift=v),
    "horizontal_flip": lambda v, h, w: Transform(flip_horizontal=v),
    "vertical_flip": lambda v, h, w: Transform(flip_vertical=v),
    "fill_mode": lambda v, h, w: Transform(fill_mode=v, **_CORNERS),
    "cval": lambda v, h, w: Transform(fill_mode="constant", cval=v, **_CORNERS),
    "contrast_range": lambda v, h, w: Transform(contrast=v),
    "saturation_range": lambda v, h, w: Transform(saturation=v),
    "hue_range": lambda v, h, w: Transform(hue=v),
    "blur_range": lambda v, h, w: Transform(blur=v),
    "noise_range": lambda v, h, w: Transform(noise=v),
    "erasing_area": lambda v, h, w: Transform(erased=_centered_rectangle(v, h, w), paint=_PAINT),
}
_MIXES: dict[str, Callable[[float, int, int], Mix]] = {
    "mixup_alpha": lambda share, h, w: Mix(share),
    "cutmix_alpha": lambda share, h, w: _centered_cutmix(share, h, w),
}


def list_sweepable_settings(with_other: bool = True) -> list[str]:
    """List the settings a sweep can show, in order; MixUp and CutMix only with another photo."""
    known = {**_TRANSFORMS, **_MIXES} if with_other else _TRANSFORMS
    return [control.name for control in describe_fields(Augmentation) if control.name in known]


def sweep_setting(
    image: Photo, name: str, settings: Augmentation, count: int = 9, other: Photo | None = None
) -> list[SweepStep]:
    """Draw one photo under one setting, from the least value it can have to the greatest.

    A setting that draws either way goes from minus to plus its maximum, an odd `count` having the
    unchanged photo in the middle. The shares of mixed photos go from all to nothing.

    Args:
        image: (H, W, 3) uint8.
        name: one of `list_sweepable_settings()`.
        settings: which values lie inside; they change no image, but for the grey of `fill_mode`.
        count: steps of a number, at least 2; flips have two steps, fill modes one each.
        other: for MixUp and CutMix, a photo of the same shape.

    Raises:
        SettingsError: no sweep shows this setting, or it takes another photo.
    """
    control = next((c for c in describe_fields(Augmentation) if c.name == name), None)
    if control is None or name not in list_sweepable_settings():
        raise SettingsError(
            "You can't sweep '{name}'. Choose one of: {names}.",
            name=name[:60],
            names=", ".join(list_sweepable_settings()),
        )
    if name in _MIXES:
        return list(_sweep_mix(image, name, settings, count, other))
    height, width = image.shape[:2]
    steps = []
    for value in _sweep_values(control, count):
        transform = _TRANSFORMS[name](value, height, width)
        if name == "fill_mode":
            transform = replace(transform, cval=settings.cval)
        shown = augment.apply_transform(image, transform)
        steps.append(
            SweepStep(value, _label(control, value), shown, _can_be_drawn(control, settings, value))
        )
    return steps


def _sweep_mix(
    image: Photo, name: str, settings: Augmentation, count: int, other: Photo | None
) -> Iterator[SweepStep]:
    if other is None:
        raise SettingsError(
            "A sweep of {name} mixes two photos, but there's only one. Add another photo.",
            name=name,
        )
    height, width = image.shape[:2]
    for share in np.linspace(1.0, 0.0, count).tolist():
        mixed = mixing.apply_mix(image, other, _MIXES[name](share, height, width))
        in_range = share == 1.0 or getattr(settings, name) > 0  # Beta(α, α) draws any share
        yield SweepStep(share, f"{100 * share:.0f} %", mixed, in_range)


def _sweep_values(control: FieldSpec, count: int) -> list[Value]:
    if control.kind == "bool":
        return [False, True]
    if control.kind == "choice":
        return list(control.choices)
    assert control.low is not None and control.high is not None
    if control.one_sided:
        return list(np.linspace(control.low, control.high, count).tolist())
    if control.kind == "range":
        low, neutral, high = control.low, 1.0, control.high
    else:
        neutral = _neutral_value(control)
        low, high = neutral - control.high, neutral + control.high
    # Half the steps to either side of what changes nothing, however far the sides go.
    values = np.interp(np.linspace(-1, 1, count), [-1, 0, 1], [low, neutral, high])
    return list(values.tolist())


def _can_be_drawn(control: FieldSpec, settings: Augmentation, value: Any) -> bool:
    """Whether `augment.sample_transform` could give this value; flips leave half the photos."""
    now = getattr(settings, control.name)
    if control.kind == "bool":
        return now or not value
    if control.kind == "choice":
        return bool(value == now)
    if control.name == "cval":
        return settings.fill_mode == "constant" and abs(value - now) < 0.5
    if control.name == "erasing_area" and not settings.erasing_probability:
        return False
    if control.kind == "range":
        low, high = now or (1.0, 1.0)
    elif control.one_sided:
        low, high = control.low, now
    else:
        low, high = _neutral_value(control) - now, _neutral_value(control) + now
    return bool(low - 1e-9 <= value <= high + 1e-9)


def _neutral_value(control: FieldSpec) -> float:
    return 1.0 if control.name == "zoom_range" else 0.0


def _label(control: FieldSpec, value: Any) -> str:
    if control.kind == "bool":
        return N_("on") if value else N_("off")
    if control.kind == "choice":
        return str(value)
    if control.kind == "range" or control.name == "zoom_range":
        return f"× {value:.3g}"
    sign = "" if control.one_sided or not value else "+"
    space = "" if control.unit == "°" else " "
    return f"{value:{sign}.3g}{space}{control.unit}".rstrip()


def _centered_rectangle(share: float, height: int, width: int) -> tuple[int, int, int, int]:
    """A rectangle of the photo's shape in its middle: (left, top, width, height) in pixels."""
    side = sqrt(share)
    w, h = round(width * side), round(height * side)
    return (width - w) // 2, (height - h) // 2, w, h


def _centered_cutmix(share: float, height: int, width: int) -> Mix:
    left, top, w, h = _centered_rectangle(1 - share, height, width)
    return Mix(share, (left, top, left + w, top + h))
