"""What models from elsewhere answer: probabilities, logits, or numbers that are neither."""

import keras
import numpy as np
import pytest
from keras import layers
from model_factory import build_brightness_model

from catdog_core.analysis import model_graph, model_outputs, predict
from catdog_core.base.errors import ModelError
from catdog_core.imaging import decode

PHOTOS = np.stack([np.full((32, 32, 3), value, np.uint8) for value in (20, 120, 240)])
TWO = {"kernel": (-3.0, 3.0), "bias": (1.0, -1.0)}
X = PHOTOS[:, 0, 0, :1] / 255
Z1, Z2 = 20 * X - 10, np.hstack([1 - 3 * X, 3 * X - 1])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def pair(p):
    return np.hstack([1 - p, p])


def ensemble():
    one, other = (build_brightness_model(**TWO, activation="softmax") for _ in range(2))
    photos = keras.Input((32, 32, 3))
    return keras.Model(photos, layers.Average()([one(photos), other(photos)]))


def heads(activation):
    one = build_brightness_model(activation=activation)
    other = build_brightness_model(kernel=(-20.0,), bias=(10.0,), activation=activation)
    photos = keras.Input((32, 32, 3))
    return keras.Model(photos, layers.Concatenate()([one(photos), other(photos)]))


UNDERSTOOD = {
    "sigmoid": (lambda: build_brightness_model(), pair(sigmoid(Z1)), False),
    "logit": (lambda: build_brightness_model(activation=None), pair(sigmoid(Z1)), True),
    "logits": (lambda: build_brightness_model(**TWO, activation=None), softmax(Z2), True),
    "softmax": (lambda: build_brightness_model(**TWO, activation="softmax"), softmax(Z2), False),
    "softmax layer": (
        lambda: build_brightness_model(**TWO, activation=None, after=[layers.Softmax()]),
        softmax(Z2),
        False,
    ),
    "softmax operation": (
        lambda: build_brightness_model(**TWO, activation=None, after=[keras.ops.softmax]),
        softmax(Z2),
        False,
    ),
    "log softmax": (
        lambda: build_brightness_model(**TWO, activation="log_softmax"),
        softmax(Z2),
        True,
    ),
    "scaled logits": (
        lambda: build_brightness_model(**TWO, activation=None, after=[lambda x: x / 2.0]),
        softmax(Z2 / 2),
        True,
    ),
    "logits without bias term": (
        lambda: build_brightness_model(
            **TWO, activation=None, after=[layers.Activation("linear"), layers.Reshape((2,))]
        ),
        softmax(Z2),
        True,
    ),
    "dropout last": (
        lambda: build_brightness_model(**TWO, activation="softmax", after=[layers.Dropout(0.5)]),
        softmax(Z2),
        False,
    ),
    "two sigmoids": (
        lambda: build_brightness_model(**TWO),
        sigmoid(Z2),
        True,
    ),
    "ensemble": (ensemble, softmax(Z2), False),
    "two heads of one sigmoid": (
        lambda: heads("sigmoid"),
        sigmoid(np.hstack([Z1, -Z1])),
        True,
    ),
    "two heads of one logit": (lambda: heads(None), softmax(np.hstack([Z1, -Z1])), True),
    "both of a sigmoid": (
        lambda: build_brightness_model(after=[lambda p: keras.ops.concatenate([1 - p, p], -1)]),
        pair(sigmoid(Z1)),
        False,
    ),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_outputs_become_probabilities_and_it_is_said_where_they_were_none(name):
    build, expected, is_said = UNDERSTOOD[name]
    predictor = predict.build_predictor("m.keras", build(), {"scale": "0..1"})
    assert predictor.predict(PHOTOS) == pytest.approx(expected, abs=1e-5)
    assert bool(predictor.warnings) == is_said


REFUSED = {
    "tanh": lambda: build_brightness_model(activation="tanh"),
    "tanh layer": lambda: build_brightness_model(
        activation=None, after=[layers.Activation("tanh")]
    ),
    "relu": lambda: build_brightness_model(**TWO, activation="relu"),
    "relu layer": lambda: build_brightness_model(activation=None, after=[layers.ReLU()]),
    "softplus operation": lambda: build_brightness_model(
        activation=None, after=[keras.ops.softplus]
    ),
    "softmax of one unit": lambda: build_brightness_model(activation="softmax"),
    "softmax layer of one unit": lambda: build_brightness_model(
        activation=None, after=[layers.Softmax()]
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_outputs_that_are_no_probabilities_are_refused_in_a_sentence(name):
    with pytest.raises(ModelError, match=r"m\.keras ends in .*Use "):
        predict.build_predictor("m.keras", REFUSED[name](), {})


def test_a_probability_outside_0_to_1_is_never_given():
    model = build_brightness_model(after=[lambda p: keras.ops.square(p) * 3.0])
    predictor = predict.build_predictor("m.keras", model, {"scale": "0..1"})
    with pytest.raises(ModelError, match=r"aren't probabilities \(for example"):
        predictor.predict(PHOTOS)


def test_a_photo_whose_outputs_are_nan_is_told_and_the_others_are_answered():
    # 0 / 0 for a black photo only
    model = build_brightness_model(
        **TWO, activation=None, before=[lambda x: x / keras.ops.max(x, (1, 2, 3), True)]
    )
    predictor = predict.build_predictor("m.keras", model, {"scale": "0..1"})
    files = [
        (str(value), decode.encode_photo(np.full((32, 32, 3), value, np.uint8), "png"))
        for value in (200, 0, 90)
    ]
    rows = predict.predict_photos(predictor, files)
    assert [bool(row.error) for row in rows] == [False, True, False]
    assert isinstance(rows[1].error, ModelError) and "NaN" in str(rows[1].error)
    with pytest.raises(ModelError, match="NaN"):
        predictor.predict(np.zeros((2, 32, 32, 3), np.uint8))


def test_the_kind_is_that_of_the_output_not_of_the_layer_listed_last():
    one = build_brightness_model(activation=None)
    x = layers.Activation("sigmoid", name="answer")(one.outputs[0])
    model = keras.Model(one.inputs, x)
    graph = model_graph.build_model_graph(model)
    assert model_outputs.find_output_kind(graph) == "probabilities"
