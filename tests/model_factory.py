"""Models to export."""

from pathlib import Path
from typing import Any


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
