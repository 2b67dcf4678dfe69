"""Settings: one source of ranges; errors that name the field, the value and what is accepted."""

import pytest

from catdog_core.base.errors import SettingsError
from catdog_core.base.field_specs import describe_fields, parse_settings
from catdog_core.config import PRESETS, RECIPES, Augmentation, Training


def test_defaults_of_augmentation_are_the_notes():
    assert Augmentation().model_dump() == {
        "rotation_range": 20.0,
        "width_shift_range": 0.1,
        "height_shift_range": 0.1,
        "zoom_range": 0.1,
        "shear_range": 0.0,
        "brightness_range": None,
        "channel_shift_range": 0.0,
        "horizontal_flip": True,
        "vertical_flip": True,
        "fill_mode": "nearest",
        "cval": 0.0,
        "contrast_range": None,
        "saturation_range": None,
        "hue_range": 0.0,
        "blur_range": 0.0,
        "noise_range": 0.0,
        "erasing_probability": 0.0,
        "erasing_area": 0.33,
        "mixup_alpha": 0.0,
        "cutmix_alpha": 0.0,
    }


def test_defaults_of_training_are_the_notes():
    recipe = RECIPES["notes"].training
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (50, 20, 1e-4)
    assert (recipe.steps(2000), recipe.validation_batches(1000)) == (100, 50)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"rotation_range": 200}, ["rotation_range", "200", "0 to 180"]),
        ({"fill_mode": "blur"}, ["fill_mode", "'blur'", "nearest, reflect, wrap, constant"]),
        ({"zoom": 0.1}, ["no setting 'zoom'", "zoom_range"]),
        ({"brightness_range": [1.5, 0.5]}, ["brightness_range", "the smaller first"]),
        ({"zoom_range": float("nan")}, ["zoom_range", "nan", "0 to 0.9"]),
        ({"horizontal_flip": "maybe"}, ["horizontal_flip", "true or false"]),
        ([1, 2], ["Use an object of settings by name.", "list"]),
    ],
)
def test_bad_values_are_refused_by_name(values, parts):
    with pytest.raises(SettingsError) as caught:
        parse_settings(Augmentation, values, "preset.json")
    assert all(part in str(caught.value) for part in ["preset.json", *parts])


@pytest.mark.parametrize("model", [Augmentation, Training])
def test_every_field_tells_its_label_help_and_range(model):
    for control in describe_fields(model):
        assert control.label
        assert control.help.endswith(".")
        if control.kind in ("int", "float", "range"):
            assert control.low < control.high


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Augmentation().zoom_range = 0.5


def test_only_the_preset_none_is_off():
    assert [name for name, preset in PRESETS.items() if preset.is_off] == ["none"]


def test_validation_steps_never_exceed_the_photos():
    assert Training(validation_steps=50).validation_batches(90) == 5
    assert Training().steps(2010) == 101
