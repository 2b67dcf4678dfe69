"""The warp equals Keras's on real photographs: 200 draws for each fill mode and shape."""

import numpy as np
import peers
import pytest

from catdog_core import augment, images
from catdog_core.settings import Augmentation

pytestmark = peers.SCIPY
DRAWS = 200
EVERYTHING = Augmentation(
    rotation_range=40, zoom_range=0.3, shear_range=20, width_shift_range=0.2, height_shift_range=0.2
)


@pytest.fixture(scope="module")
def sources(photos):
    """Photos of both classes: squares of 150 pixels, and others at their shape up to 200."""
    files = [
        path for kind in ("cats", "dogs") for path in sorted((photos / "train" / kind).iterdir())
    ]
    decoded = [images.decode(path.read_bytes()) for path in files[::40]]
    natural = [images.thumbnail(photo, 200) for photo in decoded]
    return {
        "square": [images.fit(photo, 150) for photo in decoded],
        "wide or tall": [photo for photo in natural if photo.shape[0] != photo.shape[1]],
    }


def pairs(photos, fill_mode):
    """(drawn values, the difference from Keras) of one draw after the other."""
    settings = EVERYTHING.model_copy(update={"fill_mode": fill_mode, "cval": 90})
    for seed in range(DRAWS):
        photo = photos[seed % len(photos)]
        drawn = augment.draw(settings, photo.shape[:2], np.random.default_rng(seed))
        yield drawn, np.abs(augment.apply(photo, drawn) - peers.keras_result(photo, drawn))


@pytest.mark.parametrize("shape", ["square", "wide or tall"])
@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
def test_all_pixels_equal_keras_to_within_rounding(sources, shape, fill_mode):
    differences = [difference for _, difference in pairs(sources[shape], fill_mode)]
    assert len(sources[shape]) > 30
    assert max(each.mean() for each in differences) <= 1.0
    assert max(np.percentile(each, 99.9) for each in differences) <= 12


@pytest.mark.parametrize("shape", ["square", "wide or tall"])
@pytest.mark.parametrize("fill_mode", ["wrap", "constant"])
def test_pixels_from_inside_the_photo_equal_keras(sources, shape, fill_mode):
    differences = [
        difference[peers.inside(drawn, difference.shape[:2])]
        for drawn, difference in pairs(sources[shape], fill_mode)
    ]
    assert max(each.mean() for each in differences) <= 1.0
    assert max(np.percentile(each, 99.9) for each in differences) <= 12
