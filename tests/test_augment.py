"""Augmentation: Keras's documented meaning, exactly, on uint8."""

import numpy as np
import pytest
import reference_impls
from reference_impls import IGNORE_SCIPY_WARNING

from catdog_core.augmentation import augment
from catdog_core.config import NO_AUGMENTATION, Augmentation
from catdog_core.data import synthetic

EVERYTHING = Augmentation(
    rotation_range=40, zoom_range=0.3, shear_range=20, width_shift_range=0.2, height_shift_range=0.2
)


@pytest.fixture(scope="module")
def photo():
    return np.asarray(synthetic.draw_pet(0, 150, np.random.default_rng(1)))


@IGNORE_SCIPY_WARNING
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
@pytest.mark.parametrize("shape", [(150, 150), (110, 150)])
def test_warp_equals_keras_to_within_rounding(photo, fill_mode, shape):
    source = np.ascontiguousarray(photo[: shape[0], : shape[1]])
    settings = EVERYTHING.model_copy(update={"fill_mode": fill_mode})
    for seed in range(60):
        drawn = augment.sample_transform(settings, shape, np.random.default_rng(seed))
        difference = np.abs(
            augment.apply_transform(source, drawn) - reference_impls.keras_transform(source, drawn)
        )
        assert difference.mean() <= 1.0
        assert np.percentile(difference, 99.9) <= 12


@IGNORE_SCIPY_WARNING
@pytest.mark.parametrize("fill_mode", ["wrap", "constant"])
def test_other_borders_equal_keras_inside_the_photo(photo, fill_mode):
    settings = EVERYTHING.model_copy(update={"fill_mode": fill_mode, "cval": 90})
    for seed in range(60):
        drawn = augment.sample_transform(settings, (150, 150), np.random.default_rng(seed))
        inside = reference_impls.inside_mask(drawn, (150, 150))
        difference = np.abs(
            augment.apply_transform(photo, drawn) - reference_impls.keras_transform(photo, drawn)
        )[inside]
        assert np.percentile(difference, 99.9) <= 12


def test_width_shift_moves_columns_and_height_shift_moves_rows():
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[20, 30] = 255
    across = augment.apply_transform(photo, augment.Transform(shift_x=7, fill_mode="constant"))
    down = augment.apply_transform(photo, augment.Transform(shift_y=7, fill_mode="constant"))
    assert np.argwhere(across[..., 0] == 255).tolist() == [[20, 23]]
    assert np.argwhere(down[..., 0] == 255).tolist() == [[13, 30]]


def test_drawn_values_fill_their_documented_ranges_evenly():
    rng = np.random.default_rng(0)
    settings = Augmentation(shear_range=10, brightness_range=(0.5, 1.5), channel_shift_range=30)
    draws = [augment.sample_transform(settings, (100, 200), rng) for _ in range(4000)]
    for name, reach, middle in (
        ("theta", 20, 0),
        ("shift_x", 20, 0),
        ("shift_y", 10, 0),
        ("shear", 10, 0),
        ("zx", 0.1, 1),
        ("zy", 0.1, 1),
        ("brightness", 0.5, 1),
        ("channel_shift", 30, 0),
    ):
        values = (np.array([getattr(drawn, name) for drawn in draws]) - middle) / reach
        assert abs(values).max() <= 1
        assert abs(values.mean()) < 0.05
        assert abs(values.std() - 1 / np.sqrt(3)) < 0.02
    assert 0.46 < np.mean([drawn.flip_horizontal for drawn in draws]) < 0.54
    assert np.corrcoef([d.zx for d in draws], [d.zy for d in draws])[0, 1] < 0.05


def test_settings_that_are_off_change_nothing(photo):
    for image, _ in augment.make_variants(photo, NO_AUGMENTATION, count=3):
        assert np.array_equal(image, photo)


def test_variants_repeat_by_seed_and_more_keeps_the_first(photo):
    few, many = (
        augment.make_variants(photo, EVERYTHING, 2),
        augment.make_variants(photo, EVERYTHING, 20),
    )
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(few, many, strict=False))
    other = augment.make_variants(photo, EVERYTHING, 2, seed=1)
    assert not np.array_equal(few[0][0], other[0][0])


def test_one_slider_leaves_the_draws_of_the_others():
    more = EVERYTHING.model_copy(update={"rotation_range": 80.0})
    one = augment.sample_transform(EVERYTHING, (150, 150), np.random.default_rng(3))
    two = augment.sample_transform(more, (150, 150), np.random.default_rng(3))
    assert two.theta == pytest.approx(2 * one.theta)
    assert (one.shift_x, one.zx, one.flip_horizontal) == (two.shift_x, two.zx, two.flip_horizontal)


def test_preview_and_training_share_the_transform(photo):
    rng = np.random.default_rng(5)
    drawn = augment.sample_transform(EVERYTHING, (150, 150), np.random.default_rng(5))
    assert np.array_equal(
        augment.augment_batch(photo[None], EVERYTHING, rng)[0],
        augment.apply_transform(photo, drawn),
    )


def test_brightness_and_channel_shift_are_clipped_not_wrapped():
    photo = np.full((4, 4, 3), 200, np.uint8)
    photo[0, 0] = 0
    assert augment.apply_transform(photo, augment.Transform(brightness=2.0))[1:].min() == 255
    assert augment.apply_transform(photo, augment.Transform(channel_shift=-250)).max() == 0
    assert augment.apply_transform(photo, augment.Transform(channel_shift=10)).max() == 200
    assert augment.apply_transform(photo, augment.Transform(channel_shift=10))[0, 0].tolist() == [
        10,
        10,
        10,
    ]


@pytest.mark.parametrize("drawn", [{"brightness": 1.3}, {"brightness": 0.4}, {"channel_shift": 35}])
def test_light_equals_keras_to_within_rounding(photo, drawn):
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    names = {"channel_shift": "channel_shift_intensity"}
    values = {names.get(name, name): value for name, value in drawn.items()}
    expected = ImageDataGenerator().apply_transform(photo.astype(np.float32), values)
    difference = np.abs(augment.apply_transform(photo, augment.Transform(**drawn)) - expected)
    assert difference.max() <= 1
