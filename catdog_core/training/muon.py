"""Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) for convolutions.

The momentum of a kernel is a matrix, its inputs by its filters. Muon steps along the nearest
matrix whose directions all have the same strength, where Adam follows the few strong ones; so a
training needs about half the epochs. Keras's own takes matrices alone and leaves out convolutions.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

MUON_MOMENTUM = 0.95
_QUINTIC = (3.4445, -4.7750, 2.0315)  # pulls all singular values near 1 in a few steps
_NEWTON_SCHULZ_STEPS = 5
_ADAM_STEP_RMS = 0.2  # root mean square of Adam's usual step (Liu et al. 2025, arXiv:2502.16982)


def make(rate: float, decay: float) -> keras.optimizers.AdamW:
    """Return an optimizer that updates convolutions with Muon and other weights with AdamW.

    It has AdamW's state and is saved as AdamW, so its files open without this lab.

    Args:
        rate: the learning rate of both. Muon's steps are scaled to the size of AdamW's.
        decay: the weight decay of both.
    """
    optimizer = keras.optimizers.AdamW(rate, weight_decay=decay)
    adam_step = optimizer.update_step

    def update_step(gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        if len(variable.shape) != 4:
            adam_step(gradient, variable, learning_rate)
            return
        momentum = _get_momentum(optimizer, variable)
        optimizer.assign(momentum, MUON_MOMENTUM * momentum + gradient)
        ahead = gradient + MUON_MOMENTUM * momentum  # Nesterov's
        step = orthogonalize(ops.reshape(ahead, (-1, variable.shape[-1])))
        scale = _ADAM_STEP_RMS * math.sqrt(max(step.shape))
        rate_now = ops.cast(learning_rate, variable.dtype) * scale
        optimizer.assign_sub(variable, rate_now * ops.reshape(step, variable.shape))

    optimizer.update_step = update_step
    return optimizer


def _get_momentum(optimizer: keras.optimizers.AdamW, variable: keras.Variable) -> keras.Variable:
    """Return AdamW's first moment of a variable, which has the variable's shape.

    Keras has no public access to it: `optimizer.variables` is a flat list without stable names,
    and Keras wouldn't save a subclass with its own moments as AdamW.
    """
    return optimizer._momentums[optimizer._get_variable_index(variable)]


def orthogonalize(matrix: Any) -> Any:
    """Push all singular values of a (rows, columns) matrix near 1, by Newton-Schulz steps.

    The steps use the smaller of the two squares of the matrix and multiply the matrix once at the
    end. Kernels are long, so this is less than half the work.
    """
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix / (ops.norm(matrix) + 1e-7)
    square = ops.transpose(x) @ x if tall else x @ ops.transpose(x)
    one = total = ops.eye(square.shape[0], dtype=x.dtype)
    for step in range(_NEWTON_SCHULZ_STEPS):
        change = a * one + b * square + c * square @ square
        total = change @ total if step else change
        if step < _NEWTON_SCHULZ_STEPS - 1:
            square = change @ square @ change
    return x @ total if tall else total @ x
