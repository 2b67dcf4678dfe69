"""Small networks that take much memory to ask, each of a kind; and a few that are merely usual."""

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


def upsampled_smoothly(side: int = 64, factor: int = 16) -> keras.Model:
    """The same by interpolation."""
    return _model(
        side,
        lambda x: layers.ReLU()(
            layers.UpSampling2D(factor, interpolation="bilinear")(layers.Conv2D(4, 3)(x))
        ),
    )


def chain(side: int = 64, steps: int = 4) -> keras.Model:
    """Twice as many places, step by step, with a convolution each."""

    def body(x: Any) -> Any:
        for _ in range(steps):
            x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.UpSampling2D()(x))
        return x

    return _model(side, body)


def transposed(side: int = 32, kernel: int = 32, stride: int = 8) -> keras.Model:
    """A transposed convolution with a large kernel: its windows alone take much."""
    return _model(
        side, lambda x: layers.Conv2DTranspose(2, kernel, strides=stride, padding="same")(x)
    )


def transposed_small(side: int = 64, stride: int = 8) -> keras.Model:
    return _model(side, lambda x: layers.Conv2DTranspose(8, 3, strides=stride)(x))


def broadcast(side: int = 48, units: int = 512) -> keras.Model:
    """A Dense layer at every place."""
    return _model(side, lambda x: layers.Dense(units, activation="relu")(layers.Dense(units)(x)))


def attention(side: int = 28, heads: int = 4) -> keras.Model:
    """Attention from every place to every place: memory grows with the square."""

    def body(x: Any) -> Any:
        x = layers.Reshape((side * side, 3))(x)
        return layers.MultiHeadAttention(heads, 4)(x, x)

    return _model(side, body)


def plain_attention(side: int = 28) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.Reshape((side * side, 3))(x)
        return layers.Attention()([x, x])

    return _model(side, body)


def branches(side: int = 96, count: int = 24) -> keras.Model:
    """Many branches that all wait to be joined."""

    def body(x: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same")(x)
        return layers.Concatenate()([layers.Conv2D(4, 3, padding="same")(x) for _ in range(count)])

    return _model(side, body)


def padded(side: int = 64, pad: int = 400) -> keras.Model:
    return _model(side, lambda x: layers.Conv2D(2, 3)(layers.ZeroPadding2D(pad)(x)))


def repeated(side: int = 64, times: int = 300) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.RepeatVector(times)(layers.Flatten()(layers.MaxPooling2D(2)(x)))
        return layers.Dense(4)(x)

    return _model(side, body)


def resized(side: int = 64, to: int = 900) -> keras.Model:
    return _model(side, lambda x: layers.Conv2D(2, 3)(layers.Resizing(to, to)(x)))


def embedded(side: int = 64, width: int = 64) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.Embedding(256, width)(ops.cast(layers.Reshape((side * side * 3,))(x), "int32"))
        return layers.LayerNormalization()(x)

    return _model(side, body)


def separable(side: int = 200) -> keras.Model:
    return _model(side, lambda x: layers.SeparableConv2D(16, 7, depth_multiplier=8)(x))


def depthwise(side: int = 200) -> keras.Model:
    return _model(side, lambda x: layers.DepthwiseConv2D(9, depth_multiplier=16)(x))


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
        found = [x := layer(x) for _ in range(times)]
        return layers.Add()(found)

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


def tiled(side: int = 64) -> keras.Model:
    return _model(side, lambda x: ops.relu(ops.tile(x, (1, 16, 16, 1))))


def summed(side: int = 64) -> keras.Model:
    """An einsum with a large result."""
    return _model(side, lambda x: ops.einsum("bijc,bklc->bijkl", x, x[:, :16, :16])[..., 0])


def large_kernel(side: int = 256, kernel: int = 31) -> keras.Model:
    return _model(side, lambda x: layers.Conv2D(4, kernel, padding="same")(x))


def dilated(side: int = 256) -> keras.Model:
    return _model(side, lambda x: layers.Conv2D(16, 9, dilation_rate=8, padding="same")(x))


def wide(side: int = 128, filters: int = 64) -> keras.Model:
    """Two convolutions of many channels, as real networks begin."""

    def body(x: Any) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    return _model(side, body)


def volume(side: int = 64) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.Conv3D(16, 3, padding="same")(ops.expand_dims(layers.UpSampling2D(2)(x), -1))
        return ops.max(x, axis=3)

    return _model(side, body)


def distributed(side: int = 64) -> keras.Model:
    """The same layer for every row."""

    def body(x: Any) -> Any:
        return layers.TimeDistributed(layers.Dense(256, activation="relu"))(x)

    return _model(side, body)


def recurrent(side: int = 64, units: int = 16) -> keras.Model:
    """A recurrent layer along the places, which TensorFlow does as a loop."""

    def body(x: Any) -> Any:
        x = layers.Conv2D(8, 3, strides=2)(x)
        x = layers.Reshape((x.shape[1] * x.shape[2], 8))(x)
        return layers.LSTM(units, return_sequences=True)(x)

    return _model(side, body)


def convolved_in_time(side: int = 48) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.Reshape((16, side, side // 16, 3))(x)
        return layers.ConvLSTM2D(16, 3, padding="same")(x)

    return _model(side, body)


def normalized(side: int = 200) -> keras.Model:
    def body(x: Any) -> Any:
        x = layers.Conv2D(16, 3)(x)
        return layers.LayerNormalization()(layers.GroupNormalization(4)(x))

    return _model(side, body)


def locally_sorted(side: int = 200) -> keras.Model:
    return _model(side, lambda x: ops.sort(layers.Conv2D(16, 3)(x), axis=1))


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


def looked_at_by_a_loop(side: int = 32) -> keras.Model:
    """A heat map's gradient through a loop, which keeps every round."""
    return recurrent(side, 32)


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
        *(upsampled, upsampled_smoothly, chain, transposed, transposed_small, broadcast),
        *(attention, plain_attention, branches, padded, repeated, resized, embedded, separable),
        *(depthwise, nested, shared, outer, across_photos, tiled, summed, large_kernel, dilated),
        *(wide, volume, distributed, recurrent, convolved_in_time, normalized, locally_sorted),
        *(any_size, unfolded, looked_at_by_a_loop, half),
    )
}
