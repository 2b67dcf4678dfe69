"""Number formats that Keras writes, and training settings that nobody needs to ask a model."""

import json
import warnings

import h5py
import hostile_models
import keras
import numpy as np
import pytest
from keras import layers

from catdog_core.analysis import predict
from catdog_core.base.errors import ModelError
from catdog_core.models import allowed_classes, keras_models, untrusted_models


def small(dtype=None):
    keras.utils.set_random_seed(0)
    x = keras.Input((16, 16, 3))
    y = layers.Flatten()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(x)))
    y = layers.Dense(8, activation="relu", dtype=dtype)(y)
    return keras.Model(x, layers.Dense(1, activation="sigmoid", dtype=dtype)(y))


def quantized(mode):
    model = small()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of layers that stay as they are
        model.quantize(mode)
    return model


def with_lora():
    model = small()
    model.layers[4].enable_lora(2)
    model.layers[-1].enable_lora(2)
    return model


def with_a_map():
    model = small()
    policies = keras.dtype_policies.DTypePolicyMap()
    for layer in model.layers:
        policies[layer.path] = layer.dtype_policy
    config = model.get_config()
    config["dtype"] = policies
    return keras.Model.from_config(config)


MADE = {
    **{mode: lambda mode=mode: quantized(mode) for mode in ("int8", "int4", "float8")},
    **{
        dtype: lambda dtype=dtype: small(dtype)
        for dtype in (
            *("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"),
            *("int8_from_float32", "int4_from_float32", "int4/64_from_float32"),
            "float8_from_float32",
        )
    },
    "lora": with_lora,
    "map": with_a_map,
}


QUICK = ("int8", "int4", "float8", "float16", "mixed_float16", "lora", "map")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.long) for n in MADE]
)
def test_a_model_of_any_number_format_of_keras_predicts(tmp_path, name):
    path = tmp_path / "model.keras"
    MADE[name]().save(path)
    probabilities = predict.load_predictor(path).predict(np.full((2, 16, 16, 3), 90, np.uint8))
    assert np.isfinite(probabilities).all() and np.allclose(probabilities.sum(axis=1), 1)


def test_the_list_of_number_formats_is_that_of_the_keras_installed():
    precision_classes = set()
    for module in (keras.dtype_policies, keras.quantizers):
        name = f"keras.{module.__name__.rsplit('.', 1)[-1]}"
        precision_classes |= {
            (name, kind) for kind in dir(module) if isinstance(getattr(module, kind), type)
        }
    abstract = {"Quantizer", "QuantizationConfig"}
    precision_classes = {
        (module, kind) for module, kind in precision_classes if kind not in abstract
    }
    old = {"keras", "keras.mixed_precision"}
    assert {
        pair for pair in allowed_classes.ALLOWED_PRECISION_CLASSES if pair[0] not in old
    } == precision_classes


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("keras.quantizers", "Quantizer"),
        ("keras.quantizers.evil", "Int8QuantizationConfig"),
        ("keras.layers", "Int8QuantizationConfig"),
        ("evil", "Int8QuantizationConfig"),
        ("keras.quantizers", "abs_max_quantize"),
    ],
)
def test_a_number_format_of_another_module_is_refused(tmp_path, module, kind):
    quantized("int8").save(tmp_path / "model.keras")

    def change(config):
        dense = hostile_models.first_layer(config, "Dense")["config"]
        dense["quantization_config"].update(module=module, class_name=kind)

    path = hostile_models.rewrite_config(tmp_path / "model.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match=f"'{kind}'"):
        untrusted_models.inspect_model_file(path)


LAMBDA = {"class_name": "__lambda__", "config": {"code": "x", "defaults": None, "closure": None}}
CUSTOM = {"class_name": "Evil>Own", "module": "evil", "config": {}, "registered_name": "Evil>Own"}
SETTINGS = {
    "metric": {"metrics": [[CUSTOM]], "loss": "mse", "optimizer": "adam"},
    "loss": {"loss": CUSTOM},
    "lambda": {"loss": LAMBDA},
    "optimizer": {"optimizer": CUSTOM, "loss": "mse"},
    "optimizer of Keras 2": {"optimizer_config": {"class_name": "Custom>RMSprop", "config": {}}},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", [".keras", ".h5"])
def test_what_only_training_needs_keeps_no_model_from_being_asked(tmp_path, kind, name):
    first, path = tmp_path / f"first{kind}", tmp_path / f"x{kind}"
    small().save(first)
    if kind == ".keras":
        change = lambda config: config.update(compile_config=SETTINGS[name])  # noqa: E731
        hostile_models.rewrite_config(first, path, change)
    else:
        path.write_bytes(first.read_bytes())
        with h5py.File(path, "a") as file:
            file.attrs["training_config"] = json.dumps(SETTINGS[name])
    assert predict.load_predictor(path).batch == 32
    with pytest.raises(ModelError, match=r"Own|RMSprop|lambda"):
        keras_models.load_model(path, compiled=True)


def test_training_settings_of_a_model_within_are_still_looked_at(tmp_path):
    inner = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(2, 3)], name="inner")
    x = keras.Input((16, 16, 3))
    model = keras.Model(x, layers.Dense(1, activation="sigmoid")(layers.Flatten()(inner(x))))
    model.save(tmp_path / "model.keras")

    def change(config):
        hostile_models.first_layer(config, "Sequential")["compile_config"] = SETTINGS["loss"]

    path = hostile_models.rewrite_config(tmp_path / "model.keras", tmp_path / "x.keras", change)
    with pytest.raises(ModelError, match="Own"):
        untrusted_models.inspect_model_file(path)


@pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`")  # as Keras 2 wrote them
@pytest.mark.parametrize(
    "name", ["files/int8.keras", "models/customloss.h5", "models/notes_k2.tf215.h5"]
)
def test_models_that_people_sent_predict(field, name):
    predictor = predict.load_predictor(field / name)
    photos = np.zeros((2, *predictor.size, 3), np.uint8)
    assert predictor.predict(photos).shape == (2, len(predictor.classes))
