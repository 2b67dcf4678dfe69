"""Copy as code: what each library makes of a setting, measured on the photos it gives."""

import cv2
import numpy as np
import pytest
from exec_snippets import only_settings, run_snippet
from PIL import Image

from catdog_core.augmentation import augment
from catdog_core.augmentation.augment import Transform
from catdog_core.augmentation.code_templates import LIBRARIES, make_snippets
from catdog_core.data.synthetic import draw_pet

# Keras itself calls SciPy by a name SciPy deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Please import .affine_transform.:DeprecationWarning"
)
NEWER = LIBRARIES[1:]
"""Those that have more than ImageDataGenerator had."""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Texts run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")  # else it asks the network at import


def moved(library, settings, x, y):
    """Where a bright spot at (x, y) from the middle lies in each variant: (20, 2) pixels."""
    photo = np.zeros((150, 150, 3), np.uint8)
    cv2.circle(photo, (75 + x, 75 + y), 3, (255, 255, 255), -1)
    settings = settings.model_copy(update={"fill_mode": "constant"})
    weights = np.asarray(run_snippet(library, settings, photo)["variants"], np.float64)[..., 0]
    weights = weights.reshape(20, -1)
    coordinates = np.mgrid[:150, :150][::-1].reshape(2, -1)
    return weights @ coordinates.T / weights.sum(axis=1, keepdims=True) - 75


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("across", "down"), [(0.2, 0.0), (0.0, 0.2), (0.1, 0.3)])
def test_width_shift_moves_columns_and_height_shift_rows(library, across, down):
    offsets = moved(library, only_settings(width_shift_range=across, height_shift_range=down), 0, 0)
    reach = np.abs(offsets).max(axis=0)
    limits = np.array([across, down]) * 150
    assert (reach <= limits + 1).all()
    assert (reach >= 0.6 * limits).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_rotation_turns_by_up_to_so_many_degrees(library):
    x, y = moved(library, only_settings(rotation_range=40), 40, 0).T
    angles = np.degrees(np.arctan2(y, x))
    assert np.abs(np.hypot(x, y) - 40).max() < 1
    assert np.abs(angles).max() <= 41 and np.ptp(angles) > 40


@pytest.mark.parametrize("library", LIBRARIES)
def test_zoom_scales_height_and_width_each_by_its_own_factor(library):
    seen = 30 / np.abs(moved(library, only_settings(zoom_range=0.4), 30, -30))
    assert seen.min() >= 0.57 and seen.max() <= 1.43
    assert seen.min() < 0.8 and seen.max() > 1.2
    assert np.corrcoef(seen.T)[0, 1] < 0.6


@pytest.mark.parametrize("library", LIBRARIES)
def test_shear_slants_upright_lines_by_the_same_slope(library):
    photo = np.zeros((150, 150, 3), np.uint8)
    photo[:, 72:78] = 255
    variants = run_snippet(library, only_settings(shear_range=20, fill_mode="constant"), photo)[
        "variants"
    ][..., 0]
    middle = np.asarray(variants, np.float64)[:, 60:91]
    columns = (middle * np.arange(150)).sum(axis=2) / middle.sum(axis=2)
    slopes = (columns[:, -1] - columns[:, 0]) / 30
    assert np.abs(slopes).max() <= np.sin(np.radians(20)) + 0.01
    assert slopes.min() < -0.15 and slopes.max() > 0.15


@pytest.mark.parametrize("library", LIBRARIES)
def test_two_flips_are_drawn_apart(library):
    offsets = moved(library, only_settings(horizontal_flip=True, vertical_flip=True), 30, 20)
    assert {tuple(signs) for signs in np.sign(offsets)} == {(1, 1), (1, -1), (-1, 1), (-1, -1)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_new_ground_is_filled_as_asked(library):
    shift = only_settings(width_shift_range=0.4, fill_mode="constant", cval=200)
    photo = np.full((150, 150, 3), 50, np.uint8)
    assert np.asarray(run_snippet(library, shift, photo)["variants"]).max() == 200
    wrapped = shift.model_copy(update={"fill_mode": "wrap"})
    assert np.asarray(run_snippet(library, wrapped, photo)["variants"]).max() == 50


@pytest.mark.parametrize("library", LIBRARIES)
def test_channel_shift_adds_one_number_to_all_values(library):
    photo = np.full((150, 150, 3), (0, 128, 255), np.uint8)
    photo[:, 75:] = (255, 128, 0)
    added = (
        np.asarray(run_snippet(library, only_settings(channel_shift_range=40), photo)["variants"])[
            ..., 1
        ]
        - 128.0
    )
    assert np.ptp(added, axis=(1, 2)).max() < 1
    assert np.abs(added).max() <= 40.5 and np.ptp(added) > 40


@pytest.mark.parametrize(
    ("library", "name"),
    [
        (library, name)
        for library in LIBRARIES
        for name in ("brightness", "contrast", "saturation")
        if library != "ImageDataGenerator" or name == "brightness"
    ],
)
def test_a_factor_is_the_labs_own(library, name):
    settings = only_settings(**{f"{name}_range": (0.5, 0.5)})
    photo = np.asarray(draw_pet(1, 150, np.random.default_rng(3)))
    variants = np.asarray(run_snippet(library, settings, photo)["variants"], np.float64)
    assert np.abs(variants - augment.apply_transform(photo, Transform(**{name: 0.5}))).max() <= 2
    assert name != "brightness" or abs(variants.mean() - photo.mean() / 2) < 1


@pytest.mark.parametrize("library", NEWER)
def test_hue_turns_by_up_to_so_many_degrees(library):
    photo = np.full((150, 150, 3), (150, 90, 90), np.uint8)
    variants = np.asarray(run_snippet(library, only_settings(hue_range=60), photo)["variants"])[
        :, 0, 0
    ]
    hues = cv2.cvtColor(variants[None].astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[0, :, 0]
    turned = (hues + 180) % 360 - 180
    assert np.abs(turned).max() < 80 and np.ptp(turned) > 60


@pytest.mark.parametrize("library", NEWER)
def test_noise_has_at_most_the_deviation_and_differs_by_photo(library):
    photo = np.full((150, 150, 3), 128, np.uint8)
    spread = np.asarray(run_snippet(library, only_settings(noise_range=20), photo)["variants"]).std(
        axis=(1, 2, 3)
    )
    assert spread.max() < 20.5 and spread.max() > 12
    assert spread.min() < 8


@pytest.mark.parametrize("library", NEWER)
def test_blur_softens_and_keeps_the_middle_of_a_flat_photo(library):
    photo = np.full((150, 150, 3), 128, np.uint8)
    photo[:, 75:] = 60
    variants = np.asarray(
        run_snippet(library, only_settings(blur_range=3), photo)["variants"], np.float64
    )
    assert np.abs(variants[:, 30:60, 30:50] - 128).max() < 1.5
    steepest = np.abs(np.diff(variants[:, 75, :, 0], axis=1))[:, 60:90].max(axis=1)
    assert steepest.min() < 40


@pytest.mark.parametrize("library", NEWER)
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_erasing_hits_as_many_photos_and_as_much_of_them(library, share):
    photo = np.full((150, 150, 3), 128, np.uint8)
    settings = only_settings(erasing_probability=share, erasing_area=0.2)
    variants = np.asarray(run_snippet(library, settings, photo)["variants"])
    areas = (variants != 128).any(axis=3).mean(axis=(1, 2))
    assert areas.max() < 0.21 and areas[areas > 0].min() > 0.015
    assert 0.2 <= (areas > 0).mean() <= 0.8 if share < 1 else areas.min() > 0


@pytest.mark.parametrize("library", ["Keras layers", "CatDog Lab"])
@pytest.mark.parametrize("alphas", [(1, 0), (0, 1), (1, 1)])
def test_mixed_labels_are_the_shares_of_the_pixels(library, alphas):
    for colour in ("black", "white"):
        Image.new("RGB", (150, 150), colour).save(f"{colour}.png")
    settings, names = only_settings(mixup_alpha=alphas[0], cutmix_alpha=alphas[1]), {}
    code = make_snippets(settings)[library].code
    exec(code.replace('"photo.jpg", "photo.jpg"', '"black.png", "white.png"'), names)
    white = np.asarray(names["variants"], np.float64).mean(axis=(1, 2, 3)) / 255
    assert np.abs(white - names["labels"][:, 1]).max() < 0.02
    assert ((white > 0.02) & (white < 0.98)).any()


def test_keras_still_does_what_the_comments_say():
    from keras import layers

    spots = np.zeros((40, 9, 9, 3), np.float32)
    spots[:, 1, 1] = 255
    flipped = np.asarray(layers.RandomFlip(seed=1)(spots, training=True))
    assert {tuple(position) for position in np.argwhere(flipped[..., 0])[:, 1:]} == {(1, 1), (7, 7)}
    middle = np.zeros((40, 9, 9, 3), np.float32)
    middle[:, 4, 4] = 255
    slanted = np.asarray(layers.RandomShear(0.9, seed=1)(middle, training=True))
    assert (slanted[:, 4, 4, 0] == 0).any()  # about the centre, it would stay
    assert layers.RandomContrast((0.5, 0.2)).factor == (0.2, 0.5)
    assert layers.RandomErasing(0.5).factor == (0, 0.5)
    white = np.full((4, 30, 30, 3), 255, np.float32)
    blurred = np.asarray(layers.RandomGaussianBlur((1, 1), 9, sigma=(0.9, 1))(white, training=True))
    assert blurred[:, 0].max() < 200 and np.ptp(blurred, axis=0).max() == 0
    for refused in (layers.CutMix, layers.GaussianNoise):
        with pytest.raises(ValueError, match=r"1\.5"):
            refused((1.5, 1.5) if refused is layers.CutMix else 1.5)


def test_albumentations_still_does_what_the_comments_say():
    peer = pytest.importorskip("albumentations")
    photo = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    flips = peer.Compose([peer.HorizontalFlip(), peer.VerticalFlip()], seed=0)
    assert {int(flips(image=photo)["image"][0, 0, 0]) for _ in range(40)} == {0, 45}
    erasing = peer.Compose([peer.Erasing((0.02, 0.8), p=1)], seed=0)
    erased = [(erasing(image=np.ones((90, 90, 3), np.uint8))["image"] == 0) for _ in range(60)]
    assert 0.2 < max(area.mean() for area in erased) < 0.31
