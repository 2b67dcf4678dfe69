"""What a network computes, done by hand in numpy, small enough to look at every number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..base.errors import N_
from ..imaging.decode import Photo

GreyImage = NDArray[np.float64]
"""(H, W), 0..1 where it comes from a photo; sums of a convolution may be anything."""

KERNELS: dict[str, tuple[str, tuple[tuple[float, ...], ...]]] = {
    "edges": (N_("vertical edges"), ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))),
    "lines": (N_("horizontal edges"), ((-1, -2, -1), (0, 0, 0), (1, 2, 1))),
    "spots": (N_("spots and outlines"), ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1))),
    "blur": (N_("blur"), ((1 / 9,) * 3,) * 3),
}
"""Filters of 3 × 3 by name; the first three are those of Sobel and Laplace."""


def to_grey(photo: Photo) -> GreyImage:
    """Return a photo, (H, W, 3) uint8, as one number a pixel, 0..1: the mean of its colours."""
    mean: GreyImage = photo.mean(axis=2) / 255
    return mean


def convolve(image: GreyImage, kernel: str) -> GreyImage:
    """Return the sums of a filter laid on every position: (H, W) to (H - 2, W - 2).

    As networks do it, the filter is not turned round, so strictly it is a cross-correlation.
    """
    weights = np.asarray(KERNELS[kernel][1])
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    sums: GreyImage = np.einsum("ijkl,kl->ij", windows, weights)
    return sums


def relu(values: GreyImage) -> GreyImage:
    """Replace what is below zero by zero."""
    return np.maximum(values, 0)


def max_pool(values: GreyImage) -> GreyImage:
    """Return the largest of every 2 × 2 numbers, (H, W) to (H // 2, W // 2); odd rims are left."""
    height, width = values.shape[0] // 2, values.shape[1] // 2
    blocks = values[: 2 * height, : 2 * width].reshape(height, 2, width, 2)
    largest: GreyImage = blocks.max(axis=(1, 3))
    return largest


def to_picture(values: GreyImage) -> Photo:
    """Return numbers as grey, smallest black, largest white: (H, W) to (H, W, 3) uint8."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low or 1) * 255
    return np.repeat(scaled.round().astype(np.uint8)[:, :, None], 3, axis=2)


def sigmoid(score: float) -> float:
    """Return a sum, any number, as a probability."""
    return float(1 / (1 + np.exp(-score)))


def softmax(scores: tuple[float, ...]) -> tuple[float, ...]:
    """Return sums, one a class, as probabilities that add up to 1."""
    powers = np.exp(np.asarray(scores) - max(scores))
    return tuple(float(power) for power in powers / powers.sum())


def cross_entropy(probability: float) -> float:
    """Return the loss of an answer that gives the true class this probability, above 0 to 1."""
    return float(-np.log(probability))


def apply_dropout(values: GreyImage, rate: float, seed: int) -> GreyImage:
    """Return values after Dropout in training: a share is 0, the others are scaled up for it."""
    keeps = np.random.default_rng(seed).random(values.shape) >= rate
    left: GreyImage = values * keeps / (1 - rate)
    return left


@dataclass(frozen=True)
class TinyStep:
    """A network of one weight and one bias after a number of training steps.

    Attributes:
        weight, bias: its two parameters.
        predictions: probabilities of class 1, one a photo of `TINY_BRIGHTNESS`.
        loss: the mean cross-entropy of these.
        weight_gradient, bias_gradient: how the loss changes with each parameter.
    """

    weight: float
    bias: float
    predictions: tuple[float, ...]
    loss: float
    weight_gradient: float
    bias_gradient: float


TINY_BRIGHTNESS = (0.1, 0.2, 0.3, 0.45, 0.5, 0.65, 0.8, 0.9)
"""The one number by which the tiny network knows each of eight photos."""
TINY_LABELS = (0, 0, 0, 1, 0, 1, 1, 1)


def train_tiny_network(steps: int, seed: int, rate: float = 4.0) -> list[TinyStep]:
    """Return a tiny network at its random start and after each step of plain gradient descent."""
    x, labels = np.array(TINY_BRIGHTNESS), np.array(TINY_LABELS)
    weight, bias = np.random.default_rng(seed).uniform(-3, 3, 2)
    history = []
    for _ in range(steps + 1):
        predictions = 1 / (1 + np.exp(-(weight * x + bias)))
        losses = -np.log(np.where(labels == 1, predictions, 1 - predictions))
        errors = predictions - labels  # the gradient of cross-entropy with respect to the sum
        gradients = float((errors * x).mean()), float(errors.mean())
        shown = tuple(float(p) for p in predictions)
        step = TinyStep(float(weight), float(bias), shown, float(losses.mean()), *gradients)
        history.append(step)
        weight, bias = weight - rate * gradients[0], bias - rate * gradients[1]
    return history


def gradient_descent(rate: float, steps: int = 20, start: float = -0.9) -> list[float]:
    """Return the positions of plain gradient descent in the valley y = x², the start first.

    The slope at x is 2x, so a rate above 1 throws it out; it is followed no further than 10.
    """
    positions = [start]
    for _ in range(steps):
        position = positions[-1] - rate * 2 * positions[-1]
        positions.append(position)
        if abs(position) > 10:
            break
    return positions


def batch_indices(photos: int, batch: int, number: int, seed: int = 0) -> list[int]:
    """Return the indices of the photos in a batch, numbered from 1, of an endless generator.

    Each pass over the photos is shuffled anew; the last batch of a pass may be smaller, as Keras's
    generator does it.
    """
    steps = -(-photos // batch)
    epoch, step = divmod(number - 1, steps)
    order = np.random.default_rng((seed, epoch)).permutation(photos)
    return [int(index) for index in order[step * batch : (step + 1) * batch]]
