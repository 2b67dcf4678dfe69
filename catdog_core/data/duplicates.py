"""Find photos that show the same picture, though their bytes differ.

Resized, recompressed, brightened, greyed, slightly cropped or mirrored copies are found in two
steps. A perceptual hash of 64 bits is compared with every other, which is quick: it tells which of
the 63 lowest frequencies of a small grey picture are above their median (the "pHash" of Zauner,
"Implementation and Benchmarking of Perceptual Image Hash Functions", 2010). Pairs that are close by
it are compared pixel by pixel. Both steps work on thumbnails.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..imaging.decode import Photo

THUMB_SIDE = 16
"""Pixels of a thumbnail's side."""
Thumbnail = NDArray[np.uint8]
"""A small grey picture: (SIDE, SIDE) uint8."""

MAX_HASH_BITS = 14
"""Of 64 bits of hash, so many may differ.

31 of 63 bits are set in each hash, since they are above the median. If these were drawn at random,
31.5 bits of two hashes would differ in the mean, with a standard deviation of 4, and 14 or fewer in
one pair of 100,000. So the second step has few pairs to compare.
"""
MIN_CORRELATION = 0.9
"""Least correlation of the pixels. Of the 3,000 real photos' 4.5 million pairs, the two pairs of
the same picture reach 0.998, and no other that is close by hash reaches 0.85."""
MIN_MIRRORED_CORRELATION = 0.96
"""As `MIN_CORRELATION`, of mirrored copies: animals look like themselves from both sides."""
_FLAT = 3.0  # grey levels of spread below which a thumbnail has no picture to compare
_CELLS = 2_000_000  # of the table of hash distances that are held at once
_CHECKED = 50_000  # pairs whose pixels are compared at once


def make_grey_thumbnail(photo: Photo) -> Thumbnail:
    """Shrink a photo, (H, W, 3) uint8, to (SIDE, SIDE) uint8 grey, whatever its shape."""
    small = cv2.resize(photo, (2 * THUMB_SIDE, 2 * THUMB_SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    return np.asarray(
        cv2.resize(grey, (THUMB_SIDE, THUMB_SIDE), interpolation=cv2.INTER_AREA), np.uint8
    )


def hash_thumbnails(thumbs: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Hash thumbnails, (N, SIDE, SIDE) uint8, to (N,) uint64: like pictures differ in few bits.

    Pictures without structure have the hash 0, which no other has.
    """
    hashes = _perceptual_hashes(thumbs.astype(np.float32))
    hashes[thumbs.reshape(len(thumbs), -1).std(axis=1) < _FLAT] = 0
    return hashes


def find_duplicate_groups(
    thumbs: NDArray[np.uint8], known: Iterable[Sequence[int]] = ()
) -> list[list[int]]:
    """Find the pictures among thumbnails that are there more than once, also mirrored.

    Likeness is passed on: when A is like B and B like C, the three are one group. Pictures without
    structure, such as one even colour, are like no other. Takes N² comparisons: 0.2 s for 3,000
    photos, under a minute for 100,000.

    Args:
        thumbs: (N, SIDE, SIDE) uint8.
        known: groups of positions known to be the same photo, such as exact copies.

    Returns:
        Positions of the like ones, ascending, a list for each group of two or more.
    """
    parents = np.arange(len(thumbs))
    for group in known:
        for index in group[1:]:
            _join_groups(parents, group[0], index)
    indices = np.nonzero(thumbs.reshape(len(thumbs), -1).std(axis=1) >= _FLAT)[0]
    pictures = thumbs[indices].astype(np.float32)
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    # A mirrored copy is found where one photo is like the mirror image of the other.
    straight, own = _perceptual_hashes(pictures), _unit_rows(pictures)
    rows = max(1, _CELLS // max(1, len(indices)))
    turned = (_perceptual_hashes(mirrored), _unit_rows(mirrored), MIN_MIRRORED_CORRELATION)
    for others, theirs, least in ((straight, own, MIN_CORRELATION), turned):
        for start in range(0, len(indices), rows):
            part = straight[start : start + rows, None] ^ others[None, start:]
            pairs = np.argwhere(np.bitwise_count(part) <= MAX_HASH_BITS) + start
            for first, second in _correlated_pairs(
                pairs[pairs[:, 0] < pairs[:, 1]], own, theirs, least
            ):
                _join_groups(parents, int(indices[first]), int(indices[second]))
    groups: dict[int, list[int]] = {}
    for index in range(len(thumbs)):
        groups.setdefault(_group_root(parents, index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _perceptual_hashes(pictures: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Hash pictures, (N, SIDE, SIDE) float32, to (N,) uint64: a bit a frequency of the DCT-II."""
    steps, positions = np.arange(8)[:, None], np.arange(THUMB_SIDE)[None]
    basis = np.cos(np.pi * steps * (2 * positions + 1) / (2 * THUMB_SIDE)).astype(
        np.float32
    )  # DCT-II
    waves = (basis @ pictures @ basis.T).reshape(len(pictures), 64)
    bits = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
    bits[:, 0] = False  # the mean brightness is no mark of a picture
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def _unit_rows(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of mean 0 and length 1, so that a product of two is their correlation."""
    rows = pictures.reshape(len(pictures), THUMB_SIDE * THUMB_SIDE)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _correlated_pairs(
    pairs: NDArray[Any], own: NDArray[np.float32], theirs: NDArray[np.float32], least: float
) -> NDArray[Any]:
    """Those of the pairs, (P, 2), whose pixels correlate by `least` or more."""
    matches = [np.empty((0, 2), pairs.dtype)]
    for start in range(0, len(pairs), _CHECKED):
        part = pairs[start : start + _CHECKED]
        agree = np.einsum("ij,ij->i", own[part[:, 0]], theirs[part[:, 1]])
        matches.append(part[agree >= least])
    return np.concatenate(matches)


def _join_groups(parents: NDArray[Any], first: int, second: int) -> None:
    a, b = _group_root(parents, first), _group_root(parents, second)
    parents[max(a, b)] = min(a, b)


def _group_root(parents: NDArray[Any], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = int(parents[index])
    return index
