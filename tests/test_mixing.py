"""MixUp and CutMix: labels follow the pixels."""

import numpy as np
import pytest

from catdog_core.augmentation import augment, mixing
from catdog_core.base.errors import SettingsError
from catdog_core.config import Augmentation


@pytest.fixture
def batch():
    """Black photos of class 0 and white ones of class 1, so that a share can be measured."""
    labels = np.eye(2, dtype=np.float32)[np.arange(20) % 2]
    images = np.zeros((20, 64, 48, 3), np.uint8)
    images[1::2] = 255
    return images, labels


@pytest.mark.parametrize("settings", [{"mixup_alpha": 1.0}, {"cutmix_alpha": 1.0}])
def test_labels_are_mixed_in_the_shares_of_the_pixels(batch, settings):
    images, labels = augment.mix_batch(*batch, Augmentation(**settings), np.random.default_rng(0))
    assert images.dtype == np.uint8 and images.shape == batch[0].shape
    white = images.mean(axis=(1, 2, 3)) / 255
    assert np.abs(white - labels[:, 1]).max() < 0.005
    assert np.allclose(labels.sum(axis=1), 1)
    assert ((labels > 0.02) & (labels < 0.98)).any()


def test_mixup_blends_and_cutmix_keeps_every_pixel_whole(batch):
    blended, _ = augment.mix_batch(*batch, Augmentation(mixup_alpha=1.0), np.random.default_rng(1))
    cut, _ = augment.mix_batch(*batch, Augmentation(cutmix_alpha=1.0), np.random.default_rng(1))
    assert ((blended > 0) & (blended < 255)).any()
    assert set(np.unique(cut)) == {0, 255}


def test_both_at_once_take_turns():
    rng = np.random.default_rng(2)
    settings = Augmentation(mixup_alpha=0.4, cutmix_alpha=1.0)
    cuts = [mixing.sample_mix(settings, (50, 50), rng).box is not None for _ in range(1000)]
    assert 0.45 < np.mean(cuts) < 0.55


def test_shares_follow_the_beta_distribution():
    rng = np.random.default_rng(3)
    shares = [
        mixing.sample_mix(Augmentation(mixup_alpha=0.3), (9, 9), rng).share for _ in range(4000)
    ]
    assert abs(np.mean(shares) - 0.5) < 0.02
    assert abs(np.var(shares) - 1 / (4 * (2 * 0.3 + 1))) < 0.01  # variance of Beta(a, a)


def test_off_changes_nothing_and_the_same_chance_gives_the_same_batch(batch):
    images, labels = augment.mix_batch(*batch, Augmentation(), np.random.default_rng(4))
    assert images is batch[0] and labels is batch[1]
    settings = Augmentation(mixup_alpha=0.2, cutmix_alpha=0.2)
    one, two = (augment.mix_batch(*batch, settings, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])


def test_class_numbers_are_refused_with_what_is_expected(batch):
    with pytest.raises(SettingsError, match=r"instead of \(20, classes\)"):
        augment.mix_batch(
            batch[0], np.arange(20) % 2, Augmentation(mixup_alpha=1), np.random.default_rng()
        )
