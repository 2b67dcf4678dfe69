"""Questions about settings that make little sense for photos of pets: to think about, no bans.

A change to a training photo must leave its label true, and should give photos the model will
meet. Nobody knows for sure what helps; so each question also says which experiment answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..base.errors import N_
from ..base.files import truncate_for_display
from ..base.messages import Params
from ..config import Augmentation


@dataclass(frozen=True)
class SettingWarning:
    """A message id and the values to fill in, and the setting it is about."""

    setting: str
    text: str
    params: Params


WarningRule = tuple[str, Callable[[Augmentation], bool], str]

_RULES: tuple[WarningRule, ...] = (
    (
        "rotation_range",
        lambda s: s.rotation_range > 60,
        N_(
            "Will you ever see {classes} rotated by {value:g}°? Gravity shows which way is up, "
            "and a model can use that. Train once with 20° and once with {value:g}°, then compare "
            "the validation accuracy."
        ),
    ),
    (
        "width_shift_range",
        lambda s: s.width_shift_range > 0.4,
        N_(
            "After a shift of {value:g} of the width, is the animal still in the photo? The label "
            "stays, even if only a tail is left. Look for such variants here, then train once "
            "with 0.2 and once with {value:g}."
        ),
    ),
    (
        "height_shift_range",
        lambda s: s.height_shift_range > 0.4,
        N_(
            "After a shift of {value:g} of the height, is the head still in the photo? The label "
            "stays, even if only paws are left. Look for such variants here, then train once with "
            "0.2 and once with {value:g}."
        ),
    ),
    (
        "zoom_range",
        lambda s: s.zoom_range > 0.5,
        N_(
            "Height and width are scaled separately. At {value:g}, can you still tell {classes} "
            "apart by shape, or do you only see fur? Train once with 0.2 and once with {value:g}, "
            "then compare the validation loss."
        ),
    ),
    (
        "shear_range",
        lambda s: s.shear_range > 35,
        N_(
            "Would a camera slant {classes} by {value:g}°? Train once with 15° and once with "
            "{value:g}°, then compare the validation accuracy."
        ),
    ),
    (
        "vertical_flip",
        lambda s: s.vertical_flip,
        N_(
            "This flip turns half the photos upside down. Will you ever see {classes} that way? "
            "Train once with and once without this flip, then compare the validation accuracy."
        ),
    ),
    (
        "brightness_range",
        lambda s: s.brightness_range is not None and s.brightness_range[0] < 0.2,
        N_(
            "A factor of {low:g} leaves almost nothing to see. Could you name the animal in the "
            "darkest variant? Train once from 0.6 up and once from {low:g} up, then compare the "
            "training loss."
        ),
    ),
    (
        "brightness_range",
        lambda s: s.brightness_range is not None and s.brightness_range[1] > 2,
        N_(
            "A factor of {high:g} turns light fur pure white, and its detail is lost. Train once "
            "up to 1.5 and once up to {high:g}, then test both models on overexposed photos."
        ),
    ),
    (
        "contrast_range",
        lambda s: s.contrast_range is not None and s.contrast_range[0] < 0.2,
        N_(
            "A factor of {low:g} looks like fog. Could you name the animal in the palest variant? "
            "Train once from 0.6 up and once from {low:g} up, then compare the training loss."
        ),
    ),
    (
        "contrast_range",
        lambda s: s.contrast_range is not None and s.contrast_range[1] > 2,
        N_(
            "A factor of {high:g} leaves little between black and white. Would your camera take "
            "such photos? Train once up to 1.5 and once up to {high:g}, then compare the "
            "validation loss."
        ),
    ),
    (
        "saturation_range",
        lambda s: s.saturation_range is not None and s.saturation_range[0] < 0.2,
        N_(
            "At a factor of {low:g}, photos are nearly gray. Does color help tell {classes} "
            "apart? Train once with 1 to 1 and once with 0 to 0, then compare. The difference "
            "shows how much color helps."
        ),
    ),
    (
        "saturation_range",
        lambda s: s.saturation_range is not None and s.saturation_range[1] > 2,
        N_(
            "A factor of {high:g} gives colors that no fur has. Train once up to 1.4 and once up "
            "to {high:g}, then compare the validation loss."
        ),
    ),
    (
        "channel_shift_range",
        lambda s: s.channel_shift_range > 80,
        N_(
            "A shift of {value:g} out of 255 turns many values black or white. Is the face still "
            "there? Train once with 30 and once with {value:g}, then compare the validation loss."
        ),
    ),
    (
        "hue_range",
        lambda s: s.hue_range > 40,
        N_(
            "A hue shift of {value:g}° turns ginger green. Have you ever seen such {classes}? "
            "Train once with 15° and once with {value:g}°. If nothing changes, color didn't "
            "matter."
        ),
    ),
    (
        "fill_mode",
        lambda s: s.fill_mode == "wrap" and _shows_borders(s),
        N_(
            "Parts that leave the photo on one side come back on the other. Is a second tail at "
            "the edge part of {classes}? Train once with 'wrap' and once with 'reflect', then "
            "compare the validation accuracy."
        ),
    ),
    (
        "blur_range",
        lambda s: s.blur_range > 2.5,
        N_(
            "A blur of {value:g} px removes fur and whiskers at 150 px. Will your photos be that "
            "blurred? Train once with 1 and once with {value:g}, then test both models on sharp "
            "photos."
        ),
    ),
    (
        "noise_range",
        lambda s: s.noise_range > 40,
        N_(
            "Noise of {value:g} hides fine detail. Is your camera that noisy? Train once with 10 "
            "and once with {value:g}, then compare the validation loss. Validation photos get no "
            "noise."
        ),
    ),
    (
        "erasing_area",
        lambda s: s.erasing_area > 0.5 and s.erasing_probability > 0,
        N_(
            "Up to {value:g} of the photo is painted over. Can that hide the animal completely "
            "while its label stays? Train once with 0.3 and once with {value:g}, then compare the "
            "training loss."
        ),
    ),
    (
        "erasing_probability",
        lambda s: s.erasing_probability > 0.8,
        N_(
            "Nearly every photo has a part erased, but the photos to predict don't. Train once "
            "with 0.5 and once with {value:g}, then compare the validation accuracy."
        ),
    ),
    (
        "mixup_alpha",
        lambda s: s.mixup_alpha > 1,
        N_(
            "With α above 1, most photos are half one animal, half another. What should a model "
            "predict? Train once with 0.2 and once with {value:g}. Is the model ever sure?"
        ),
    ),
    (
        "cutmix_alpha",
        lambda s: s.cutmix_alpha > 1,
        N_(
            "With α above 1, few photos keep most of their animal. Train once with 0.5 and once "
            "with {value:g}. Is the model ever sure?"
        ),
    ),
)


def list_setting_warnings(
    settings: Augmentation, classes: Sequence[str] = ()
) -> list[SettingWarning]:
    """Return what to ask oneself about these settings, in the order of the settings.

    Args:
        settings: an augmentation.
        classes: the names of the dataset's classes, as the texts shall say them; cats and dogs
            where nothing is known. They are a user's own: escape them before showing.
    """
    named = ", ".join(truncate_for_display(name, 40) for name in classes[:4]) + (
        ", …" if len(classes) > 4 else ""
    )
    return [
        SettingWarning(name, text, _params(getattr(settings, name), named or "cats, dogs"))
        for name, applies, text in _RULES
        if applies(settings)
    ]


def _params(value: object, classes: str) -> Params:
    if isinstance(value, tuple):
        return {"low": value[0], "high": value[1], "classes": classes}
    return {"value": value, "classes": classes}


def _shows_borders(settings: Augmentation) -> bool:
    """Whether a photo is ever moved so that its borders come into view."""
    return bool(
        settings.rotation_range
        or settings.width_shift_range
        or settings.height_shift_range
        or settings.zoom_range
        or settings.shear_range
    )
