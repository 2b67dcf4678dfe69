"""Inside a network: maps, filters, receptive fields."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from catdog_core import models, predict
from catdog_core.errors import ModelError
from catdog_core.insight import xray
from catdog_core.networks import architecture


def predictor(model, classes=("cats", "dogs")):
    return predict._describe("model", model, {"classes": list(classes)})


def noise(size, count=1):
    photos = np.random.default_rng(0).integers(0, 255, (count, size, size, 3))
    return photos.astype(np.uint8)


@pytest.mark.parametrize("name", ["notes", "notes-deep", "compact", "transfer"])
def test_maps_have_the_shapes_of_kerass_own_layers(name):
    model = models.build(name, 96)
    found = xray.feature_maps(predictor(model), noise(96)[0])
    assert len(found) > 5
    for one in found:
        layer = model.get_layer(one.name)
        assert one.values.shape == layer.output.shape[1:] and one.kind == type(layer).__name__


def test_maps_are_what_the_layers_give():
    model = models.build("notes", 64)
    found = {one.name: one.values for one in xray.feature_maps(predictor(model), noise(64)[0])}
    layer = model.layers[2]
    direct = keras.Model(model.inputs[0], layer.output)(noise(64).astype(np.float32))
    assert found[layer.name] == pytest.approx(np.asarray(direct)[0], abs=1e-5)


def test_filters_of_the_notes_network():
    found = xray.filters(predictor(models.build("notes", 64)))
    assert found.shape == (architecture.layers("notes", 64)[1].output_shape[-1], 3, 3, 3)
    assert found.min() >= 0 and found.max() <= 1


def test_a_model_without_convolutions_has_no_filters():
    model = keras.Sequential([keras.Input((8, 8, 3)), kl.Flatten(), kl.Dense(1, "sigmoid")])
    with pytest.raises(ModelError, match="three colours"):
        xray.filters(predictor(model))


def test_the_photo_a_channel_answers_to_comes_first():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            kl.Conv2D(1, 1, use_bias=False, name="red"),
            kl.Flatten(),
            kl.Dense(1, "sigmoid"),
        ]
    )
    model.layers[0].set_weights([np.array([1, 0, 0], np.float32).reshape(1, 1, 3, 1)])
    photos = np.zeros((40, 8, 8, 3), np.uint8)
    photos[:, 2, 2, 0] = np.arange(40)
    found = xray.strongest(predictor(model), photos, "red", 0)
    assert found.tolist() == list(range(39, -1, -1))


def linear(build):
    """A network whose every path counts: sums of ones, so that a gradient shows what is seen."""
    photos = keras.Input((33, 33, 3))
    x = build(photos)
    out = kl.Dense(1, "sigmoid")(kl.GlobalAveragePooling2D()(x))
    model = keras.Model(photos, out)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    return model, x


def plain(x):
    x = kl.Conv2D(2, 3)(x)
    x = kl.AveragePooling2D(2)(x)
    return kl.Conv2D(2, 3, name="asked")(x)


def same(x):
    x = kl.Conv2D(2, 5, strides=2, padding="same")(x)
    x = kl.AveragePooling2D(3, 2, padding="same")(x)
    return kl.Conv2D(2, 3, padding="same", dilation_rate=2, name="asked")(x)


def branches(x):
    x = kl.ZeroPadding2D(((1, 0), (2, 1)))(x)
    y = kl.Conv2D(2, 3, strides=2, padding="same")(x)
    return kl.Add(name="asked")([kl.Conv2D(2, 3, padding="same")(y), kl.Conv2D(2, 1)(y)])


@pytest.mark.parametrize("build", [plain, same, branches])
@pytest.mark.parametrize("unit", [(0, 0), (2, 4), (5, 3)])
def test_a_unit_sees_exactly_the_pixels_whose_change_reaches_it(build, unit):
    import tensorflow as tf

    model, x = linear(build)
    batch = tf.ones((1, 33, 33, 3))
    with tf.GradientTape() as tape:
        tape.watch(batch)
        result = keras.Model(model.inputs[0], x)(batch)[0, unit[0], unit[1], 0]
    rows, columns = np.nonzero(np.abs(tape.gradient(result, batch).numpy()[0]).sum(axis=-1))
    box = xray.receptive_field(predictor(model), "asked", *unit)
    assert (max(box.top, 0), max(box.left, 0)) == (rows.min(), columns.min())
    assert (min(box.bottom, 33), min(box.right, 33)) == (rows.max() + 1, columns.max() + 1)


def test_where_maps_grow_again_no_receptive_field_is_claimed():
    model, _ = linear(lambda x: kl.UpSampling2D(name="asked")(kl.Conv2D(2, 3)(x)))
    with pytest.raises(ModelError, match="larger"):
        xray.receptive_field(predictor(model), "asked", 0, 0)
