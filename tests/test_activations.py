"""Inside a network: maps, filters, receptive fields."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from catdog_core.analysis import activations, gradcam, model_graph, predict
from catdog_core.analysis.max_pooling import Pooling, find_pooling_winners
from catdog_core.base.errors import ModelError
from catdog_core.models import architecture, keras_models


def predictor(model, classes=("cats", "dogs")):
    return predict.build_predictor("model", model, {"classes": list(classes)})


def noise(size, count=1):
    photos = np.random.default_rng(0).integers(0, 255, (count, *size, 3))
    return photos.astype(np.uint8)


def skipping():
    """A foreign functional model: a skip connection around a nested one, a gate of the whole."""
    inner_in = keras.Input((None, None, 4))
    inner = keras.Model(inner_in, kl.Conv2D(4, 3, padding="same", name="inner")(inner_in))
    photos = keras.Input((33, 33, 3))
    x = kl.MaxPooling2D(name="pool")(kl.Conv2D(4, 3, activation="relu", name="first")(photos))
    x = kl.Add(name="skip")([x, inner(x)])
    gate = kl.Dense(4, "sigmoid")(kl.GlobalAveragePooling2D(keepdims=True)(x))
    x = kl.Conv2D(5, 3, name="gated")(kl.Multiply(name="gate")([x, gate]))
    return keras.Model(photos, kl.Dense(1, "sigmoid")(kl.GlobalMaxPooling2D()(x)))


def foreign():
    """A foreign sequential model with a sequential one inside."""
    stem = [kl.Conv2D(4, 3, activation="relu", name="inner"), kl.MaxPooling2D(name="pool")]
    layers = [keras.Input((33, 33, 3)), keras.Sequential(stem), kl.Conv2D(3, 3, name="after")]
    return keras.Sequential([*layers, kl.Flatten(), kl.Dense(2, "softmax")])


NETWORKS = {
    "notes": lambda: keras_models.build_model("notes", 48),
    "compact": lambda: keras_models.build_model("compact", 32),
    "transfer": lambda: keras_models.build_model("transfer", 64),
    "foreign functional": skipping,
    "foreign sequential": foreign,
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """A predictor of each kind of network, on tiny photos."""
    keras.utils.set_random_seed(0)
    return predictor(NETWORKS[request.param]())


def test_maps_have_the_shapes_told_and_kerass_own(network):
    map_layers = activations.list_map_layers(network)
    assert len(map_layers) > 2
    for one in (map_layers[0], map_layers[len(map_layers) // 2], map_layers[-1]):
        layer = next(x for x in model_graph.list_layers(network.model) if x.name == one.name)
        values = activations.compute_activations(network, noise(network.size, 2), one.index)
        assert values.shape == (2, *one.shape) and one.kind == type(layer).__name__
        if layer in network.model.layers:
            assert one.shape == layer.output.shape[1:]


def test_pooling_keeps_what_the_layer_gives(network):
    photos = noise(network.size)
    for one in activations.list_map_layers(network):
        if one.kind != "MaxPooling2D":
            continue
        pooling, before = activations.pooling_of_layer(network, one.index)
        inputs = activations.compute_activations(network, photos, before)[0, ..., 0]
        winners = find_pooling_winners(inputs, pooling)
        result = activations.compute_activations(network, photos, one.index)[0, ..., 0]
        assert np.array_equal(inputs[winners.rows, winners.columns], result)


def test_every_unit_has_a_field_or_a_reason(network):
    for one in activations.list_map_layers(network):
        box = activations.receptive_field(network, one.index, one.shape[0] - 1, one.shape[1] - 1)
        assert box.bottom - max(box.top, 0) > 0 and box.top < network.size[0]


def test_the_strongest_photos_are_found_where_they_answer(network):
    photos = noise(network.size, 40)
    layer = activations.list_map_layers(network)[-1]
    values = activations.compute_activations(network, photos, layer.index)[..., 1]
    seen = []
    top_photos = activations.top_activations(
        network, iter(photos), layer.index, 1, 3, progress=seen.append
    )
    assert [one.value for one in top_photos] == sorted(values.max(axis=(1, 2)), reverse=True)[:3]
    assert all(values[one.photo, one.row, one.column] == one.value for one in top_photos)
    assert seen == [32, 40]
    means = activations.top_activations(network, iter(photos), layer.index, 1, 1, by_mean=True)
    assert means[0].photo == values.mean(axis=(1, 2)).argmax()


def test_heat_maps_and_scores_of_every_network(network):
    photos = noise(network.size, 2)
    heat_maps = gradcam.heat_maps(network, photos, [0, 1])
    assert heat_maps.shape == (2, *network.size)
    assert heat_maps.min() >= 0 and heat_maps.max() <= 1 and heat_maps.any()
    probabilities, scores = network.predict_with_scores(photos)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    last = 1 / (1 + np.exp(-scores)) if scores.shape[1] == 1 else np.exp(scores)
    last = last if scores.shape[1] == 1 else last / last.sum(axis=1, keepdims=True)
    assert probabilities[:, -1] == pytest.approx(last[:, -1], abs=1e-6)


def test_the_network_is_as_it_was_once_it_has_been_opened():
    model = skipping()
    before, names = model.get_config(), [layer.name for layer in model.layers]
    activations.list_map_layers(predictor(model))
    assert model.get_config() == before and [one.name for one in model.layers] == names
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    batch = noise((33, 33)).astype(np.float32)
    assert np.array_equal(np.asarray(again(batch)), np.asarray(model(batch)))


def test_a_unit_behind_a_gate_of_the_whole_sees_the_whole():
    network = predictor(skipping())
    layer_indices = {one.name: one.index for one in activations.list_map_layers(network)}
    assert activations.receptive_field(network, layer_indices["skip"], 0, 0) == activations.Box(
        -2, -2, 6, 6
    )
    for name in ("gate", "gated"):
        assert activations.receptive_field(network, layer_indices[name], 3, 2) == activations.Box(
            0, 0, 33, 33
        )


def test_maps_are_what_the_layers_give():
    model = keras_models.build_model("notes", 64)
    network = predictor(model)
    layer = model.layers[2]
    layer_index = next(
        one.index for one in activations.list_map_layers(network) if one.name == layer.name
    )
    direct = keras.Model(model.inputs[0], layer.output)(noise((64, 64)).astype(np.float32))
    assert activations.compute_activations(network, noise((64, 64)), layer_index) == pytest.approx(
        np.asarray(direct), abs=1e-5
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    ("pool", "strides"), [((2, 2), (2, 2)), ((3, 2), (2, 1)), ((3, 3), (3, 3))]
)
def test_the_winners_are_those_of_kerass_pooling(padding, pool, strides):
    values = np.random.default_rng(0).normal(size=(11, 14)).astype(np.float32)
    winners = find_pooling_winners(values, Pooling(pool, strides, padding))
    direct = kl.MaxPooling2D(pool, strides, padding)(values[None, ..., None])
    assert np.array_equal(values[winners.rows, winners.columns], np.asarray(direct)[0, ..., 0])
    assert not winners.tied.any()
    assert winners.mask(values.shape).sum() <= winners.rows.size


def test_of_equal_values_the_first_stands_for_all():
    winners = find_pooling_winners(np.zeros((4, 4), np.float32), Pooling((2, 2), (2, 2), "valid"))
    assert winners.tied.all() and not winners.window_positions.any()
    assert winners.mask((4, 4)).sum() == 4


def test_filters_of_the_notes_network():
    filters = activations.first_layer_filters(predictor(keras_models.build_model("notes", 64)))
    assert filters.shape == (
        architecture.list_model_layers("notes", 64)[1].output_shape[-1],
        3,
        3,
        3,
    )
    assert filters.min() >= 0 and filters.max() <= 1


def test_a_model_without_convolutions_has_no_filters():
    model = keras.Sequential([keras.Input((8, 8, 3)), kl.Flatten(), kl.Dense(1, "sigmoid")])
    with pytest.raises(ModelError, match="three colors"):
        activations.first_layer_filters(predictor(model))


def linear(build):
    """A network whose every path counts: sums of ones, so that a gradient shows what is seen."""
    photos = keras.Input((33, 33, 3))
    x = build(photos)
    out = kl.Dense(1, "sigmoid")(kl.GlobalAveragePooling2D()(x))
    model = keras.Model(photos, out)
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    return model, x


def asked(model):
    """The place of the layer of that name."""
    return next(
        one.index for one in activations.list_map_layers(predictor(model)) if one.name == "asked"
    )


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
    box = activations.receptive_field(predictor(model), asked(model), *unit)
    assert (max(box.top, 0), max(box.left, 0)) == (rows.min(), columns.min())
    assert (min(box.bottom, 33), min(box.right, 33)) == (rows.max() + 1, columns.max() + 1)


def test_where_maps_grow_again_no_receptive_field_is_claimed():
    model, _ = linear(lambda x: kl.UpSampling2D(name="asked")(kl.Conv2D(2, 3)(x)))
    with pytest.raises(ModelError, match="enlarges its feature map"):
        activations.receptive_field(predictor(model), asked(model), 0, 0)
