"""Heat maps: on networks whose right answer is known, and on one that learned a planted cue."""

import keras
import numpy as np
import pytest
from keras import layers as kl

from catdog_core.analysis import gradcam, predict
from catdog_core.analysis.heatmap import add_inset, draw_frame, overlay_heatmap
from catdog_core.base.errors import ModelError
from catdog_core.config import Network
from catdog_core.data.synthetic import draw_pet
from catdog_core.models import keras_models

SIDE = 32


def predictor(model, classes=("cats", "dogs")):
    return predict.build_predictor("model", model, {"classes": list(classes)})


def red_and_blue(units=1):
    """Averages the red and the blue of a photo: red speaks for class 0, blue for class 1."""
    photos = keras.Input((SIDE, SIDE, 3))
    x = kl.Conv2D(2, 1, use_bias=False, activation="relu")(photos)
    x = kl.GlobalAveragePooling2D()(x)
    activation = "sigmoid" if units == 1 else "softmax"
    model = keras.Model(photos, kl.Dense(units, activation, use_bias=False)(x))
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0, 0] = kernel[0, 0, 2, 1] = 1
    toward = [[-9.0], [9.0]] if units == 1 else [[9.0, 0.0], [0.0, 9.0]]
    model.set_weights([kernel, np.array(toward, np.float32)])
    return model


def photo_of_two_patches():
    """Red at the top left, blue at the bottom right."""
    photo = np.zeros((SIDE, SIDE, 3), np.uint8)
    photo[4:12, 4:12, 0] = 255
    photo[20:28, 20:28, 2] = 255
    return photo


@pytest.mark.parametrize("units", [1, 2])
def test_each_class_is_seen_where_its_colour_is(units):
    model = predictor(red_and_blue(units))
    photos = np.stack([photo_of_two_patches()] * 2)
    red, blue = gradcam.heat_maps(model, photos, [0, 1])
    assert np.array_equal(red > 0.5, photos[0, :, :, 0] > 0)
    assert np.array_equal(blue > 0.5, photos[0, :, :, 2] > 0)
    assert red.max() == blue.max() == 1 and red.dtype == np.float32


@pytest.mark.parametrize("units", [1, 2])
def test_one_pass_gives_the_prediction_and_the_map_of_the_likeliest_class(units):
    model = predictor(red_and_blue(units))
    photos = np.stack([photo_of_two_patches(), photo_of_two_patches()])
    photos[1, 6:26, 6:26, 0] = 255  # more red than blue
    photos[0, :, :, 0] //= 2
    probabilities, maps = gradcam.predict_with_maps(model, photos)
    assert np.allclose(probabilities, model.predict(photos))
    labels = probabilities.argmax(axis=1)
    assert labels.tolist() == [1, 0]
    assert np.allclose(maps, gradcam.heat_maps(model, photos, labels))  # as large as the photo here


def test_a_saturated_probability_has_a_map_all_the_same():
    model = predictor(red_and_blue())
    photo = photo_of_two_patches()
    photo[20:28, 20:28] = 0
    assert model.predict(photo[None])[0, 0] == 1.0  # its gradient is 0 in 32 bits
    assert gradcam.heat_maps(model, photo[None], 0)[0, 8, 8] == 1


def test_where_nothing_speaks_for_a_class_its_map_is_empty():
    photo = photo_of_two_patches()
    photo[..., 2] = 0
    assert not gradcam.heat_maps(predictor(red_and_blue()), photo[None], 1).any()


@pytest.mark.parametrize("end", ["outside", "activation", "logits"])
def test_nested_models_and_all_ends_give_the_same_map(end):
    inner = red_and_blue()
    x = photos = keras.Input((SIDE, SIDE, 3))
    if end == "outside":
        x = inner(photos)
    else:
        for layer in inner.layers[1:-1]:
            x = layer(x)
        last = kl.Dense(1, use_bias=False)
        x = last(x)
        last.set_weights(inner.layers[-1].get_weights())
        x = kl.Activation("sigmoid")(x) if end == "activation" else x
    batch = photo_of_two_patches()[None]
    for label in (0, 1):
        expected = gradcam.heat_maps(predictor(inner), batch, label)
        heat_maps = gradcam.heat_maps(predictor(keras.Model(photos, x)), batch, label)
        assert heat_maps == pytest.approx(expected, abs=1e-5)


def test_a_network_of_ones_own_has_maps():  # tests/test_activations.py tries the other networks
    size, classes = 64, ("a", "b", "c")
    network = Network(batch_norm=True, pooling="stride")
    model = predictor(keras_models.build_model("custom", size, classes, network), classes)
    photos = np.random.default_rng(0).integers(0, 255, (3, size, size, 3)).astype(np.uint8)
    heat_maps = gradcam.heat_maps(model, photos, [0, 1, 2])
    assert heat_maps.shape == (3, size, size)
    assert heat_maps.min() >= 0 and heat_maps.max() <= 1 and heat_maps.any()


def test_a_map_does_not_depend_on_the_photos_beside_it():
    model = predictor(keras_models.build_model("compact", 32))
    photos = np.random.default_rng(0).integers(0, 255, (40, 32, 32, 3)).astype(np.uint8)
    alone = gradcam.heat_maps(model, photos[37:38], 1)
    assert gradcam.heat_maps(model, photos, 1)[37:38] == pytest.approx(alone, abs=1e-3)


def test_a_network_without_places_is_told():
    layers = [keras.Input((SIDE, SIDE, 3)), kl.Rescaling(1 / 255), kl.Flatten(), kl.Dense(1)]
    with pytest.raises(ModelError, match="no convolution"):
        gradcam.heat_maps(predictor(keras.Sequential(layers)), photo_of_two_patches()[None], 0)


def test_no_photos_are_no_maps():
    empty = np.empty((0, SIDE, SIDE, 3), np.uint8)
    assert gradcam.heat_maps(predictor(red_and_blue()), empty, 0).shape == (0, SIDE, SIDE)


def test_an_overlay_mixes_photo_and_map():
    photo = np.full((30, 40, 3), 100, np.uint8)
    heat = np.zeros((10, 10), np.float32)
    heat[:, 5:] = 1
    assert np.array_equal(overlay_heatmap(photo, heat, 0.0), photo)
    mixed = overlay_heatmap(photo, heat, 0.5)
    assert mixed.shape == photo.shape and mixed.dtype == np.uint8
    assert mixed[15, 2].mean() < 60 < 100 < mixed[15, 38].mean()


def test_a_frame_dims_what_is_outside_and_is_cut_at_the_edge():
    photo = np.full((30, 40, 3), 90, np.uint8)
    framed_photo = draw_frame(photo, (-5, 10, 12, 20))
    assert framed_photo[6, 15, 0] == 90 and framed_photo[20, 15, 0] == 30
    assert framed_photo[5, 9, 0] == framed_photo[5, 20, 0] == framed_photo[12, 15, 0] == 255


def test_a_small_part_stands_enlarged_in_the_corner_away_from_it():
    photo = np.full((50, 50, 3), 100, np.uint8)
    photo[4:6, 4:6] = (10, 220, 30)
    inset_photo = add_inset(photo, (4, 4, 6, 6))
    assert inset_photo[5, 5].tolist() == [10, 220, 30] and inset_photo[40, 40].tolist() == [
        10,
        220,
        30,
    ]
    assert inset_photo[45, 5].tolist() == [70] * 3
    large = add_inset(photo, (0, 0, 40, 40))
    assert np.array_equal(large, draw_frame(photo, (0, 0, 40, 40), dim=0.7))


@pytest.mark.long  # networks of known weights are asked in the quick run
def test_the_heat_map_of_a_drawn_cat_lands_on_a_planted_cue():
    """A network that learned drawn pets of which only dogs wear a red collar tag."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    size = 64
    pets = [draw_pet(n % 2, size, np.random.default_rng(n)) for n in range(80)]
    photos = np.stack([np.asarray(pet) for pet in pets]).copy()
    labels = np.arange(80) % 2
    rng.shuffle(labels)  # the tag, not the animal, tells the class
    corners = rng.integers(2, size - 12, (80, 2))
    for photo, label, (top, left) in zip(photos, labels, corners, strict=True):
        if label:
            photo[top : top + 10, left : left + 10] = (255, 0, 255)
    layers = [
        keras.Input((size, size, 3)),
        kl.Rescaling(1 / 255),
        kl.Conv2D(8, 3, activation="relu", padding="same"),
        kl.MaxPooling2D(),
        kl.Conv2D(8, 3, activation="relu", padding="same"),
        kl.GlobalMaxPooling2D(),
        kl.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    model.fit(photos[:60].astype(np.float32), labels[:60], epochs=20, batch_size=12, verbose=0)
    unseen = np.arange(60, 80)[labels[60:] == 1]
    heat_maps = gradcam.heat_maps(predictor(model), photos[unseen], 1)
    for heat, (top, left) in zip(heat_maps, corners[unseen], strict=True):
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        assert top - 2 <= y < top + 12 and left - 2 <= x < left + 12
