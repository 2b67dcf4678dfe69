"""Sweeps: one setting from end to end, by the transforms that train, all else unchanged."""

import numpy as np
import pytest

from catdog_core.augmentation import augment
from catdog_core.augmentation.mixing import Mix
from catdog_core.augmentation.mixing import apply_mix as mix_apply
from catdog_core.augmentation.parameter_sweep import list_sweepable_settings, sweep_setting
from catdog_core.augmentation.transform import Transform
from catdog_core.base.errors import SettingsError
from catdog_core.base.field_specs import describe_fields
from catdog_core.config import NO_AUGMENTATION, Augmentation

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(30, 220, (40, 60, 3), dtype=np.uint8)
OTHER = RNG.integers(30, 220, (40, 60, 3), dtype=np.uint8)
BOTH_WAYS = ("rotation_range", "width_shift_range", "shear_range", "hue_range")


def test_all_settings_but_the_chance_of_erasing_can_be_swept():
    names = [control.name for control in describe_fields(Augmentation)]
    assert [name for name in names if name not in list_sweepable_settings()] == [
        "erasing_probability"
    ]


@pytest.mark.parametrize("name", list_sweepable_settings())
def test_steps_are_photos_of_the_same_shape_with_labels_of_their_own(name):
    steps = sweep_setting(PHOTO, name, Augmentation(), other=OTHER)
    assert all(s.image.shape == PHOTO.shape and s.image.dtype == np.uint8 for s in steps)
    assert len({s.label for s in steps}) == len(steps) >= 2
    assert all(s.label for s in steps)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_draws_either_way_goes_from_minus_to_plus_its_maximum(name):
    high = next(c.high for c in describe_fields(Augmentation) if c.name == name)
    steps = sweep_setting(PHOTO, name, NO_AUGMENTATION)
    assert [steps[0].value, steps[4].value, steps[-1].value] == [-high, 0, high]
    assert np.array_equal(steps[4].image, PHOTO)
    assert [s.in_range for s in steps] == [n == 4 for n in range(9)]


def test_a_sweep_uses_the_transform_that_trains():
    steps = sweep_setting(PHOTO, "rotation_range", Augmentation(), count=5)
    assert [s.label for s in steps] == ["-180°", "-90°", "0°", "+90°", "+180°"]
    assert np.array_equal(steps[3].image, augment.apply_transform(PHOTO, Transform(theta=90)))
    shifted = sweep_setting(PHOTO, "width_shift_range", Augmentation(), count=3)[2].image
    assert np.array_equal(shifted, augment.apply_transform(PHOTO, Transform(shift_x=0.9 * 60)))


def test_inside_is_what_the_settings_would_draw():
    settings = Augmentation(rotation_range=90, brightness_range=(0.5, 1.5), zoom_range=0.5)
    marks = {
        name: [s.value for s in sweep_setting(PHOTO, name, settings) if s.in_range]
        for name in ("rotation_range", "brightness_range", "zoom_range", "contrast_range")
    }
    assert marks["rotation_range"] == [-90, -45, 0, 45, 90]
    assert marks["brightness_range"] == [0.5, 0.75, 1.0, 1.5]
    assert marks["zoom_range"] == pytest.approx([0.55, 0.775, 1, 1.225, 1.45])
    assert marks["contrast_range"] == [1.0]


def test_factors_have_the_unchanged_photo_in_the_middle():
    for name in ("brightness_range", "contrast_range", "saturation_range", "zoom_range"):
        steps = sweep_setting(PHOTO, name, NO_AUGMENTATION)
        assert steps[4].label == "× 1"
        assert np.array_equal(steps[4].image, PHOTO)
    assert np.all(sweep_setting(PHOTO, "brightness_range", NO_AUGMENTATION)[0].image == 0)


def test_flips_are_off_and_on():
    off, on = sweep_setting(PHOTO, "horizontal_flip", Augmentation(horizontal_flip=False))
    assert (off.label, off.in_range, on.label, on.in_range) == ("off", True, "on", False)
    assert np.array_equal(on.image, PHOTO[:, ::-1])
    assert all(s.in_range for s in sweep_setting(PHOTO, "vertical_flip", Augmentation()))


def test_each_fill_mode_shows_its_corners():
    steps = sweep_setting(PHOTO, "fill_mode", Augmentation(cval=200))
    assert [s.label for s in steps] == ["nearest", "reflect", "wrap", "constant"]
    assert [s.in_range for s in steps] == [True, False, False, False]
    assert len({s.image[0, 0].tobytes() for s in steps}) == 4
    assert np.all(steps[3].image[0, 0] == 200)


def test_the_fill_value_shows_in_the_corners():
    steps = sweep_setting(PHOTO, "cval", Augmentation(fill_mode="constant", cval=255))
    assert [s.image[0, 0, 0] for s in steps[::8]] == [0, 255]
    assert [s.in_range for s in steps] == [False] * 8 + [True]


def test_erasing_grows_from_the_middle_and_needs_a_chance_to_be_drawn():
    steps = sweep_setting(PHOTO, "erasing_area", Augmentation(erasing_area=0.5))
    erased = [np.mean(np.all(s.image == 127, axis=2)) for s in steps]
    assert erased == pytest.approx([s.value for s in steps], abs=0.02)
    assert not any(s.in_range for s in steps)
    drawn = sweep_setting(
        PHOTO, "erasing_area", Augmentation(erasing_area=0.5, erasing_probability=1)
    )
    assert [s.in_range for s in drawn] == [s.value <= 0.5 for s in drawn]


@pytest.mark.parametrize("name", ["mixup_alpha", "cutmix_alpha"])
def test_mixing_goes_from_one_photo_to_the_other(name):
    steps = sweep_setting(PHOTO, name, Augmentation(), count=5, other=OTHER)
    assert [s.label for s in steps] == ["100 %", "75 %", "50 %", "25 %", "0 %"]
    assert np.array_equal(steps[0].image, PHOTO)
    assert np.array_equal(steps[4].image, OTHER)
    assert [s.in_range for s in steps] == [True, False, False, False, False]
    with pytest.raises(SettingsError, match="another photo"):
        sweep_setting(PHOTO, name, Augmentation())


def test_mixing_uses_the_step_that_trains():
    half = sweep_setting(PHOTO, "mixup_alpha", Augmentation(mixup_alpha=0.2), count=3, other=OTHER)[
        1
    ]
    assert np.array_equal(half.image, mix_apply(PHOTO, OTHER, Mix(0.5)))
    assert half.in_range
    cut = sweep_setting(PHOTO, "cutmix_alpha", Augmentation(), count=3, other=OTHER)[1].image
    assert np.mean(np.all(cut == OTHER, axis=2)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", ["erasing_probability", "zoom", ""])
def test_what_cannot_be_swept_is_refused_with_what_can(name):
    with pytest.raises(SettingsError, match="Choose one of: rotation_range"):
        sweep_setting(PHOTO, name, Augmentation())
