"""Models to export."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def save_foreign_model(folder, kernel, bias):
    """Save `model.h5` as other code does: one sigmoid of a photo's mean color, (32, 32, 3)."""
    import keras

    path = folder / "model.h5"
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    model.set_weights([np.full((3, 1), kernel), np.array([bias])])
    model.save(path)
    return path


def make_model_file(
    folder: Path, name: str, classes: tuple[str, ...] = ("cats", "dogs"), **more: Any
) -> Path:
    """A model file of one of the lab's networks, 64 pixels, untrained but with class names."""
    import keras

    from catdog_core.models import keras_models

    keras.utils.set_random_seed(0)
    model = keras_models.build_model(name, 64, classes, **more)
    last = next(layer for layer in model.layers[::-1] if layer.weights)
    last.kernel.assign(last.kernel * 30)  # untrained, it would call every photo a half
    path = folder / f"{name}.keras"
    keras_models.save_model(model, path, {"classes": list(classes), "model": name})
    return path


def build_brightness_model(
    shape: tuple[int | None, int | None, int] = (32, 32, 3),
    before: Sequence[Callable[[Any], Any]] = (),
    kernel: Sequence[float] = (20.0,),
    bias: Sequence[float] = (-10.0,),
    activation: Any = "sigmoid",
    after: Sequence[Callable[[Any], Any]] = (),
) -> Any:
    """A network as other code builds it: a dense layer on the mean of a photo's values.

    Args:
        shape: height, width and channels of its photos.
        before: layers or functions that photos pass first.
        kernel, bias: of the dense layer, a number for each unit; by default values of 0..1 that
            are brighter than a half are the second class.
        activation: of the dense layer.
        after: layers or functions that its outputs pass.
    """
    import keras
    from keras import layers

    x = inputs = keras.Input(shape)
    for step in before:
        x = step(x)
    mean = layers.Conv2D(1, 1, name="seen")
    dense = layers.Dense(len(kernel), activation)
    x = dense(layers.GlobalAveragePooling2D()(mean(x)))
    for step in after:
        x = step(x)
    mean.set_weights(
        [np.full((1, 1, mean.kernel.shape[2], 1), 1 / mean.kernel.shape[2]), np.zeros(1)]
    )
    dense.set_weights([np.array([kernel]), np.array(bias)])
    return keras.Model(inputs, x)
