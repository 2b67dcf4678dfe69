"""MixUp and CutMix: photos of a batch mixed with each other, and their labels with them.

The only step of the augmentation that touches labels. A mixed label is a row of shares that add
up to 1, so the loss must take shares: binary or categorical cross-entropy, not the sparse one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from ..base.errors import SettingsError
from ..config import Augmentation
from ..imaging.decode import Photo

_STREAM = 1  # of chance, beside that of the variants themselves


@dataclass(frozen=True)
class Mix:
    """How one photo is mixed with another.

    `share` is the part of the first photo, and of its label, 0..1. With a `box`, (left, top,
    right, bottom) in pixels, the other photo is put in there; without, it is laid over the whole.
    """

    share: float = 1.0
    box: tuple[int, int, int, int] | None = None


def sample_mix(settings: Augmentation, size: tuple[int, int], rng: np.random.Generator) -> Mix:
    """Draw how to mix one photo; where both ways are on, each has half the photos.

    MixUp is Zhang et al. 2017 (arXiv:1710.09412), CutMix Yun et al. 2019 (arXiv:1905.04899).
    Each photo has a share of its own.

    Args:
        settings: the two parameters α; 0 is off.
        size: (H, W) of the photos in pixels.
        rng: the source of chance.
    """
    coin, across, down = rng.random(3).tolist()
    cuts = settings.cutmix_alpha > 0 and (settings.mixup_alpha == 0 or coin < 0.5)
    alpha = settings.cutmix_alpha if cuts else settings.mixup_alpha
    if not alpha:
        return Mix()
    share = float(rng.beta(alpha, alpha))
    return Mix(share) if not cuts else _cutmix(share, size, across, down)


def _cutmix(share: float, size: tuple[int, int], across: float, down: float) -> Mix:
    """A rectangle of the photo's shape about a random centre; what juts out is cut off.

    The share is then that of the pixels left, as in the paper's own code.
    """
    height, width = size
    side = sqrt(1 - share)
    half_w, half_h = width * side / 2, height * side / 2
    x, y = across * width, down * height
    left, right = max(0, round(x - half_w)), min(width, round(x + half_w))
    top, bottom = max(0, round(y - half_h)), min(height, round(y + half_h))
    return Mix(1 - (right - left) * (bottom - top) / (width * height), (left, top, right, bottom))


def apply_mix(image: Photo, other: Photo, mix: Mix) -> Photo:
    """Mix two photos: (H, W, 3) uint8 each, and the result."""
    if mix.box is None:
        mixed = np.empty_like(image)
        cv2.addWeighted(image, mix.share, other, 1 - mix.share, 0, dst=mixed)
        return mixed
    left, top, right, bottom = mix.box
    result = image.copy()
    result[top:bottom, left:right] = other[top:bottom, left:right]
    return result


def make_mixed_variants(
    photos: Sequence[Photo], others: Sequence[Photo], settings: Augmentation, seed: int = 0
) -> list[tuple[Photo, Mix]]:
    """Mix each photo with the other of its place, for a preview; both are augmented before.

    The draw for photo i depends on (seed, i) alone.

    Args:
        photos: (H, W, 3) uint8 each.
        others: as many, of the same shape.
        settings: with MixUp or CutMix on.
        seed: another seed, other shares.
    """
    variants = []
    for n, (photo, other) in enumerate(zip(photos, others, strict=True)):
        drawn = sample_mix(settings, photo.shape[:2], np.random.default_rng((seed, n, _STREAM)))
        variants.append((apply_mix(photo, other, drawn), drawn))
    return variants


def mix_batch(
    images: Photo,
    labels: NDArray[np.float32],
    settings: Augmentation,
    rng: np.random.Generator,
) -> tuple[Photo, NDArray[np.float32]]:
    """Mix every photo of a batch with another of it, drawn at random, and their labels likewise.

    Args:
        images: (B, H, W, 3) uint8.
        labels: (B, classes) float32, shares that add up to 1 in each row: one-hot to begin with.
        settings: with MixUp or CutMix on; otherwise nothing changes.
        rng: the source of chance.

    Returns:
        images and labels of the same shapes.

    Raises:
        SettingsError: the labels are not rows of shares, as class numbers are not.
    """
    if labels.ndim != 2 or len(labels) != len(images):
        raise SettingsError(
            "Mixing photos mixes their labels, but these have shape {received} instead of "
            "({count}, classes). Turn class numbers into rows with a single 1.",
            count=len(images),
            received=str(labels.shape),
        )
    if not settings.mixes:
        return images, labels
    mixed, shares = np.empty_like(images), np.empty_like(labels, np.float32)
    for number, other in enumerate(rng.permutation(len(images)).tolist()):
        drawn = sample_mix(settings, images.shape[1:3], rng)
        mixed[number] = apply_mix(images[number], images[other], drawn)
        shares[number] = drawn.share * labels[number] + (1 - drawn.share) * labels[other]
    return mixed, shares
