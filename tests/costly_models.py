"""Small networks that take much memory to ask, one for each way in which memory grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

Build = Callable[..., Any]


def _end(x: Any) -> Any:
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D()(x)
    elif len(x.shape) == 3:
        x = layers.GlobalAveragePooling1D()(x)
    return layers.Dense(1, activation="sigmoid")(x)


def _model(side: int | None, body: Callable[[Any], Any]) -> keras.Model:
    x = keras.Input((side, side, 3))
    return keras.Model(x, _end(body(x)))


def upsampled(side: int = 64, factor: int = 16) -> keras.Model:
    """A convolution, then every place many times, as the first file that was found did."""
    return _model(
        side,
        lambda x: layers.Conv2D(4, 3)(layers.UpSampling2D(factor)(layers.Conv2D(4, 3)(x))),
    )


def transposed(side: int = 32, kernel: int = 32, stride: int = 8) -> keras.Model:
    """A transposed convolution with a large kernel: its windows alone take much."""
    return _model(
        side, lambda x: layers.Conv2DTranspose(2, kernel, strides=stride, padding="same")(x)
    )


def attention(side: int = 28, heads: int = 4) -> keras.Model:
    """Attention from every place to every place: memory grows with the square."""

    def body(x: Any) -> Any:
        x = layers.Reshape((side * side, 3))(x)
        return layers.MultiHeadAttention(heads, 4)(x, x)

    return _model(side, body)


def branches(side: int = 96, count: int = 24) -> keras.Model:
    """Many branches that all wait to be joined."""

    def body(x: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same")(x)
        return layers.Concatenate()([layers.Conv2D(4, 3, padding="same")(x) for _ in range(count)])

    return _model(side, body)


def repeated(side: int = 64, times: int = 300) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.RepeatVector(times)(layers.Flatten()(layers.MaxPooling2D(2)(x)))
        return layers.Dense(4)(x)

    return _model(side, body)


def nested(side: int = 64) -> keras.Model:
    """The flood one model down."""
    return _model(side, lambda x: upsampled_body(side)(x))


def upsampled_body(side: int) -> keras.Model:
    x = keras.Input((side, side, 3))
    return keras.Model(x, layers.ReLU()(layers.UpSampling2D(20)(layers.Conv2D(3, 3)(x))))


def shared(side: int = 128, times: int = 12) -> keras.Model:
    """One layer used again and again, whose results all stay."""

    def body(x: Any) -> Any:
        layer = layers.Conv2D(8, 3, padding="same", activation="relu")
        x = layers.Conv2D(8, 3, padding="same")(x)
        outputs = [x := layer(x) for _ in range(times)]
        return layers.Add()(outputs)

    return _model(side, body)


def outer(side: int = 40) -> keras.Model:
    """Operations of Keras as layers: every value times every other."""

    def body(x: Any) -> Any:
        x = layers.Flatten()(layers.MaxPooling2D(2)(x))
        return ops.expand_dims(x, 2) * ops.expand_dims(x, 1)

    return _model(side, body)


def across_photos(side: int = 24) -> keras.Model:
    """Every value of every photo times every other: grows with the square of the batch."""

    def body(x: Any) -> Any:
        flat = ops.reshape(x, (-1,))
        square = ops.expand_dims(flat, 0) * ops.expand_dims(flat, 1)
        return x + ops.mean(square)

    return _model(side, body)


def recurrent(side: int = 64, units: int = 16) -> keras.Model:
    """A recurrent layer along the places, which TensorFlow does as a loop."""

    def body(x: Any) -> Any:
        x = layers.Conv2D(8, 3, strides=2)(x)
        x = layers.Reshape((x.shape[1] * x.shape[2], 8))(x)
        return layers.LSTM(units, return_sequences=True)(x)

    return _model(side, body)


def any_size() -> keras.Model:
    """A network that takes photos of any size."""
    return _model(None, lambda x: layers.ReLU()(layers.UpSampling2D(8)(layers.Conv2D(6, 3)(x))))


def unfolded(side: int = 128) -> keras.Model:
    """Late layers that work without places, where a heat map's gradient goes through."""

    def body(x: Any) -> Any:
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
        x = layers.Reshape((side * side, 8))(x)
        for _ in range(6):
            x = layers.Conv1D(8, 3, padding="same", activation="tanh")(x)
        return x

    return _model(side, body)


def half(side: int = 200) -> keras.Model:
    """In half precision."""
    with_policy = keras.dtype_policies.DTypePolicy("mixed_float16")

    def body(x: Any) -> Any:
        x = layers.Conv2D(32, 3, dtype=with_policy, activation="relu")(x)
        return layers.Conv2D(32, 3, dtype=with_policy)(x)

    return _model(side, body)


def counted(side: int = 32) -> keras.Model:
    """How much it takes hangs on the photo's values: one brighter photo, gigabytes more."""

    def body(x: Any) -> Any:
        bins = ops.bincount(ops.cast(ops.reshape(x, (-1,)) * 1e6, "int32"))
        return x + ops.cast(ops.max(bins), "float32")

    return _model(side, body)


KINDS: dict[str, Build] = {
    build.__name__: build
    for build in (
        *(upsampled, transposed, attention, branches, repeated, nested, shared, outer),
        *(across_photos, recurrent, any_size, unfolded, half),
    )
}
