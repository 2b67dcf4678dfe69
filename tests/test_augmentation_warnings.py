"""Questions to think about: there for odd settings, absent for usual ones, never a ban."""

import pytest

from catdog_core.augmentation.warnings import list_setting_warnings
from catdog_core.base.field_specs import describe_fields
from catdog_core.config import NO_AUGMENTATION, PRESETS, Augmentation

ODD = {
    "rotation_range": 90,
    "width_shift_range": 0.5,
    "height_shift_range": 0.5,
    "zoom_range": 0.6,
    "shear_range": 50,
    "vertical_flip": True,
    "brightness_range": (0.05, 2.5),
    "contrast_range": (0.0, 3.0),
    "saturation_range": (0.0, 3.0),
    "channel_shift_range": 120,
    "hue_range": 90,
    "blur_range": 4,
    "noise_range": 60,
    "erasing_probability": 0.9,
    "erasing_area": 0.7,
    "mixup_alpha": 1.5,
    "cutmix_alpha": 1.5,
}


def told(settings, classes=("cats", "dogs")):
    return [q.text.format(**q.params) for q in list_setting_warnings(settings, classes)]


@pytest.mark.parametrize("name", ["gentle", "strong", "none"])
def test_usual_settings_raise_no_question(name):
    assert list_setting_warnings(PRESETS[name]) == []


def test_the_notes_own_preset_asks_about_cats_upside_down():
    (question,) = list_setting_warnings(Augmentation())
    assert question.setting == "vertical_flip"
    assert "ever see cats, dogs that way?" in question.text.format(**question.params)


def test_typical_values_raise_no_question():
    typical = {c.name: c.typical for c in describe_fields(Augmentation) if c.typical}
    values = {
        name: pair if name in ("brightness_range", "contrast_range", "saturation_range") else top
        for name, pair in typical.items()
        for top in [pair[1]]
    }
    assert list_setting_warnings(NO_AUGMENTATION.model_copy(update=values)) == []


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_is_asked_about_under_its_setting(name):
    settings = NO_AUGMENTATION.model_copy(update={"erasing_probability": 0.1, name: ODD[name]})
    setting_warnings = list_setting_warnings(settings)
    assert {question.setting for question in setting_warnings} == {name}
    assert len(setting_warnings) == (2 if isinstance(ODD[name], tuple) else 1)


def test_every_question_asks_and_names_an_experiment():
    every = Augmentation(**ODD, fill_mode="wrap")
    texts = told(every, ("cats", "dogs"))
    assert len(texts) == len(ODD) + 3 + 1  # pairs ask at both ends; wrap
    for text in texts:
        assert "train once" in text.lower()
        assert "{" not in text


def test_wrap_is_asked_about_only_where_borders_come_into_view():
    still = NO_AUGMENTATION.model_copy(update={"fill_mode": "wrap"})
    assert list_setting_warnings(still) == []
    (question,) = list_setting_warnings(still.model_copy(update={"zoom_range": 0.1}))
    assert question.setting == "fill_mode"


def test_classes_are_named_a_few_and_made_printable():
    assert "ever see cats, dogs that way" in told(Augmentation(), ())[0]
    assert "ever see a, b, c, d, … that way" in told(Augmentation(), tuple("abcdef"))[0]
    assert "\\n" in told(Augmentation(), ("a\nb",))[0]
