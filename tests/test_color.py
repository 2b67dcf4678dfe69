"""Colour, blur, noise and erasing: what each does to known pixels, and that each is off alone."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from catdog_core.augmentation import augment, color
from catdog_core.augmentation.augment import Transform
from catdog_core.config import Augmentation
from catdog_core.data import synthetic


@pytest.fixture(scope="module")
def photo():
    return np.asarray(synthetic.draw_pet(1, 150, np.random.default_rng(4)))


@pytest.mark.parametrize("factor", [0.3, 1.6])
@pytest.mark.parametrize(
    ("name", "peer"), [("contrast", ImageEnhance.Contrast), ("saturation", ImageEnhance.Color)]
)
def test_contrast_and_saturation_equal_pillows(photo, name, peer, factor):
    expected = np.asarray(peer(Image.fromarray(photo)).enhance(factor)).astype(int)
    difference = np.abs(
        augment.apply_transform(photo, Transform(**{name: factor})).astype(int) - expected
    )
    assert difference.max() <= 2


def test_contrast_is_about_the_mean_after_brightness(photo):
    both = augment.apply_transform(photo, Transform(brightness=0.5, contrast=1.5)).astype(int)
    steps = augment.apply_transform(
        augment.apply_transform(photo, Transform(brightness=0.5)), Transform(contrast=1.5)
    )
    assert np.abs(both - steps).max() <= 2


@pytest.mark.parametrize(
    ("brightness", "contrast", "shift"),
    [(1.8, 1.6, 0), (3.0, 0.5, 0), (1.4, 2.5, 60), (0.5, 3.0, -90), (1.0, 1.7, 90), (2.2, 0, 40)],
)
@pytest.mark.parametrize("kind", ["drawn", "bright", "dark", "noise"])
def test_contrast_is_about_the_mean_of_what_was_clipped_before(
    photo, kind, brightness, contrast, shift
):
    rng = np.random.default_rng(3)
    photo = {
        "drawn": photo,
        "bright": np.clip(photo.astype(int) + 120, 0, 255).astype(np.uint8),
        "dark": (photo // 4).astype(np.uint8),
        "noise": rng.integers(0, 256, (40, 30, 3), np.uint8),
    }[kind]
    got = augment.apply_transform(
        photo, Transform(brightness=brightness, contrast=contrast, channel_shift=shift)
    )
    before = augment.apply_transform(photo, Transform(brightness=brightness, channel_shift=shift))
    expected = ImageEnhance.Contrast(Image.fromarray(before)).enhance(contrast)
    assert np.abs(got.astype(int) - np.asarray(expected)).max() <= 2 + contrast


def test_runs_that_began_with_the_computed_mean_keep_it(photo):
    settings = Augmentation(brightness_range=(2, 3), contrast_range=(2, 3))
    batch = np.stack([photo] * 3)

    def variants(pipeline):
        return augment.augment_batch(batch, settings, np.random.default_rng(5), pipeline)

    assert not np.array_equal(variants(1), variants(2))
    drawn = augment.sample_transform(settings, photo.shape[:2], np.random.default_rng(5))
    drawn = Transform(brightness=drawn.brightness, contrast=drawn.contrast)
    grey = drawn.brightness * (photo.reshape(-1, 3).mean(0) @ (0.299, 0.587, 0.114))
    middle = min(max(grey, 0.0), 255.0)
    light = (photo * drawn.brightness).clip(0, 255)
    expected = ((light - middle) * drawn.contrast + middle).clip(0, 255).round()
    target = photo.copy()
    color.apply_pixel_ops(target, drawn, pipeline=1)
    assert np.abs(target - expected).max() <= 1


@pytest.mark.parametrize("angle", [15, 40, 90, -20, -60])
@pytest.mark.parametrize("rgb", [(160, 110, 90), (90, 150, 100), (100, 110, 170), (150, 140, 90)])
def test_hue_turns_in_the_sense_of_hsv(rgb, angle):
    def hue_of(image):
        hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        return float(hsv[0, 0, 0])

    color_field = np.full((2, 2, 3), rgb, np.uint8)
    turned = augment.apply_transform(color_field, Transform(hue=angle))
    moved = (hue_of(turned) - hue_of(color_field) + 180) % 360 - 180
    assert moved == pytest.approx(angle, abs=0.5 * abs(angle) + 3)
    grey_of = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[0, 0] for image in (color_field, turned)]
    assert abs(int(grey_of[0]) - int(grey_of[1])) <= 3


def test_hue_turns_red_to_green_and_leaves_grey():
    grey = np.full((2, 2, 3), 90, np.uint8)
    assert np.array_equal(augment.apply_transform(grey, Transform(hue=120)), grey)
    red = np.full((2, 2, 3), (200, 60, 60), np.uint8)
    assert augment.apply_transform(red, Transform(hue=120))[0, 0].argmax() == 1
    assert augment.apply_transform(red, Transform(hue=-120))[0, 0].argmax() == 2


def test_the_pixels_of_a_drawn_hue_are_those_of_earlier_versions(photo):
    """The value is written with another sign, and so is the matrix: no run changes."""
    settings = Augmentation(hue_range=70)
    yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    for seed in range(8):
        chance = np.random.default_rng(seed)
        chance.uniform(-1.0, 1.0, size=7)
        then = 70 * (2 * chance.random(16).tolist()[5] - 1)
        a, b = np.cos(np.radians(then)), np.sin(np.radians(then))
        turn = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
        before = cv2.transform(photo, np.linalg.inv(yiq) @ turn @ yiq)
        drawn = augment.sample_transform(settings, photo.shape[:2], np.random.default_rng(seed))
        assert drawn.hue == -then
        assert np.array_equal(augment.apply_transform(photo, Transform(hue=drawn.hue)), before)


@pytest.mark.parametrize(
    ("rgb", "hue", "share"),
    [((90, 90, 90), 180, 0), ((120, 110, 100), 30, 0), ((255, 0, 0), 120, 1), ((0, 0, 255), 40, 1)],
)
def test_how_much_a_turned_hue_clips_is_measured(rgb, hue, share):
    field = np.full((4, 4, 3), rgb, np.uint8)
    assert color.measure_clipping(field, hue) == share
    assert color.largest_clipping(field, 0) == 0
    half = np.concatenate([field, np.full((4, 4, 3), 90, np.uint8)])
    assert color.largest_clipping(half, hue) == share / 2


def test_blur_lowers_detail_and_keeps_the_mean(photo):
    blurred = augment.apply_transform(photo, Transform(blur=2.0))
    assert (
        np.abs(np.diff(blurred.astype(int), axis=1)).mean()
        < 0.6 * np.abs(np.diff(photo.astype(int), axis=1)).mean()
    )
    assert abs(blurred.mean() - photo.mean()) < 1


def test_noise_has_the_standard_deviation_drawn_and_repeats_by_its_seed():
    flat = np.full((150, 150, 3), 128, np.uint8)
    noisy = augment.apply_transform(flat, Transform(noise=12.0, noise_seed=7))
    assert abs(noisy.std() - 12) < 0.3
    assert abs(noisy.mean() - 128) < 0.3
    assert np.array_equal(noisy, augment.apply_transform(flat, Transform(noise=12.0, noise_seed=7)))
    assert not np.array_equal(
        noisy, augment.apply_transform(flat, Transform(noise=12.0, noise_seed=8))
    )


def test_erasing_paints_one_rectangle_of_the_area_asked_for():
    settings = Augmentation(erasing_probability=1.0, erasing_area=0.4)
    rng = np.random.default_rng(0)
    draws = [augment.sample_transform(settings, (100, 160), rng) for _ in range(500)]
    shares = []
    for drawn in draws:
        left, top, width, height = drawn.erased
        assert left >= 0 and left + width <= 160 and top >= 0 and top + height <= 100
        shares.append(width * height / 16000)
    assert min(shares) > 0.01 and max(shares) <= 0.41
    assert 0.15 < np.mean(shares) < 0.22
    picture = augment.apply_transform(
        np.zeros((100, 160, 3), np.uint8), Transform(erased=(5, 6, 7, 8), paint=(1, 2, 3))
    )
    assert np.argwhere((picture == (1, 2, 3)).all(axis=2)).min(axis=0).tolist() == [6, 5]
    assert (picture[..., 0] == 1).sum() == 56


def test_erasing_happens_as_often_as_asked():
    rng = np.random.default_rng(1)
    settings = Augmentation(erasing_probability=0.25)
    hit = [
        augment.sample_transform(settings, (50, 50), rng).erased is not None for _ in range(2000)
    ]
    assert 0.22 < np.mean(hit) < 0.28


def test_new_changes_are_off_by_default():
    rng = np.random.default_rng(2)
    for _ in range(50):
        drawn = augment.sample_transform(Augmentation(), (150, 150), rng)
        assert (drawn.contrast, drawn.saturation, drawn.hue) == (1.0, 1.0, 0.0)
        assert (drawn.blur, drawn.noise, drawn.erased) == (0.0, 0.0, None)


@pytest.mark.parametrize(
    ("settings", "name", "low", "high"),
    [
        ({"contrast_range": (0.5, 1.5)}, "contrast", 0.5, 1.5),
        ({"saturation_range": (0.0, 2.0)}, "saturation", 0.0, 2.0),
        ({"hue_range": 40}, "hue", -40, 40),
        ({"blur_range": 3}, "blur", 0, 3),
        ({"noise_range": 30}, "noise", 0, 30),
    ],
)
def test_drawn_values_are_uniform_in_their_range(settings, name, low, high):
    rng = np.random.default_rng(3)
    drawn = [
        getattr(augment.sample_transform(Augmentation(**settings), (9, 9), rng), name)
        for _ in range(3000)
    ]
    scaled = (np.array(drawn) - low) / (high - low)
    assert scaled.min() >= 0 and scaled.max() <= 1
    assert abs(scaled.mean() - 0.5) < 0.02
    assert abs(scaled.std() - 1 / np.sqrt(12)) < 0.01
