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
            "Would you meet {classes} turned by {value:g}°? Gravity says where up is, and a model"
            " may use that. Train once with 20° and once with {value:g}°, and compare the"
            " validation accuracy."
        ),
    ),
    (
        "width_shift_range",
        lambda s: s.width_shift_range > 0.4,
        N_(
            "Moved by {value:g} of its width, is the animal still in the photo? Its label stays,"
            " even when only a tail is left. Look for such variants here, then train once with 0.2"
            " and once with {value:g}."
        ),
    ),
    (
        "height_shift_range",
        lambda s: s.height_shift_range > 0.4,
        N_(
            "Moved by {value:g} of its height, is the head still in the photo? Its label stays,"
            " even when only paws are left. Look for such variants here, then train once with 0.2"
            " and once with {value:g}."
        ),
    ),
    (
        "zoom_range",
        lambda s: s.zoom_range > 0.5,
        N_(
            "Height and width are scaled each on its own: with {value:g}, would you still tell"
            " {classes} apart by their shape, or see fur alone? Train once with 0.2 and once with"
            " {value:g}, and compare the validation loss."
        ),
    ),
    (
        "shear_range",
        lambda s: s.shear_range > 35,
        N_(
            "Which camera slants {classes} by {value:g}°? Train once with 15° and once with"
            " {value:g}°, and compare the validation accuracy."
        ),
    ),
    (
        "vertical_flip",
        lambda s: s.vertical_flip,
        N_(
            "Half the photos stand on their head: would you meet {classes} upside down? Train once"
            " with and once without this flip, and compare the validation accuracy."
        ),
    ),
    (
        "brightness_range",
        lambda s: s.brightness_range is not None and s.brightness_range[0] < 0.2,
        N_(
            "A factor of {low:g} leaves next to nothing to see: could you name the animal in the"
            " darkest variant? Train once from 0.6 up and once from {low:g} up, and compare the"
            " training loss."
        ),
    ),
    (
        "brightness_range",
        lambda s: s.brightness_range is not None and s.brightness_range[1] > 2,
        N_(
            "A factor of {high:g} turns light fur into plain white, and what is white has lost its"
            " detail. Train once up to 1.5 and once up to {high:g}, and ask the model about"
            " overexposed photos."
        ),
    ),
    (
        "contrast_range",
        lambda s: s.contrast_range is not None and s.contrast_range[0] < 0.2,
        N_(
            "A factor of {low:g} is fog: could you name the animal in the palest variant? Train"
            " once from 0.6 up and once from {low:g} up, and compare the training loss."
        ),
    ),
    (
        "contrast_range",
        lambda s: s.contrast_range is not None and s.contrast_range[1] > 2,
        N_(
            "A factor of {high:g} leaves little between black and white. Would your camera? Train"
            " once up to 1.5 and once up to {high:g}, and compare the validation loss."
        ),
    ),
    (
        "saturation_range",
        lambda s: s.saturation_range is not None and s.saturation_range[0] < 0.2,
        N_(
            "Near grey at a factor of {low:g}: does colour help to tell {classes} apart? Train once"
            " with 1 to 1, once with 0 to 0, and compare: the difference is what colour is worth."
        ),
    ),
    (
        "saturation_range",
        lambda s: s.saturation_range is not None and s.saturation_range[1] > 2,
        N_(
            "A factor of {high:g} gives colours no fur has. Train once up to 1.4 and once up to"
            " {high:g}, and compare the validation loss."
        ),
    ),
    (
        "channel_shift_range",
        lambda s: s.channel_shift_range > 80,
        N_(
            "Shifted by {value:g} of 255, many values end at black or white: is the face still"
            " there? Train once with 30 and once with {value:g}, and compare the validation loss."
        ),
    ),
    (
        "hue_range",
        lambda s: s.hue_range > 40,
        N_(
            "Turned by {value:g}°, ginger becomes green: did you ever meet such {classes}? Train"
            " once with 15° and once with {value:g}°; if nothing changes, colour did not matter."
        ),
    ),
    (
        "fill_mode",
        lambda s: s.fill_mode == "wrap" and _shows_borders(s),
        N_(
            "What leaves the photo on one side comes back on the other: is a second tail at the"
            " edge part of {classes}? Train once with 'wrap' and once with 'reflect', and compare"
            " the validation accuracy."
        ),
    ),
    (
        "blur_range",
        lambda s: s.blur_range > 2.5,
        N_(
            "Blurred by {value:g} px, fur and whiskers are gone at 150 px. Are the photos you"
            " will ask about so blurred? Train once with 1 and once with {value:g}, and ask both"
            " models about sharp photos."
        ),
    ),
    (
        "noise_range",
        lambda s: s.noise_range > 40,
        N_(
            "Noise of {value:g} hides fine detail: does your camera make so much? Train once with"
            " 10 and once with {value:g}, and compare the validation loss, whose photos have none."
        ),
    ),
    (
        "erasing_area",
        lambda s: s.erasing_area > 0.5 and s.erasing_probability > 0,
        N_(
            "Up to {value:g} of the photo is painted over: can the animal be hidden whole while"
            " its label stays? Train once with 0.3 and once with {value:g}, and compare the"
            " training loss."
        ),
    ),
    (
        "erasing_probability",
        lambda s: s.erasing_probability > 0.8,
        N_(
            "Nearly no photo stays whole, but those to be predicted are whole. Train once with 0.5"
            " and once with {value:g}, and compare the validation accuracy."
        ),
    ),
    (
        "mixup_alpha",
        lambda s: s.mixup_alpha > 1,
        N_(
            "With α above 1 most photos are half one animal, half another: what should a model"
            " call them? Train once with 0.2 and once with {value:g}, and see whether it is still"
            " ever sure."
        ),
    ),
    (
        "cutmix_alpha",
        lambda s: s.cutmix_alpha > 1,
        N_(
            "With α above 1 few photos keep most of their animal. Train once with 0.5 and once"
            " with {value:g}, and see whether the model is still ever sure."
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
