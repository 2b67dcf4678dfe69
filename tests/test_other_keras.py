"""Model files of other versions of Keras: what they predict, and what is refused as data."""

import copy
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import h5py
import hostile_models
import keras
import keras2_models
import model_factory
import numpy as np
import pytest
from keras import layers

from catdog_core.analysis import gradcam, predict
from catdog_core.base.errors import ModelError
from catdog_core.export import model_writers
from catdog_core.models import keras_configs, keras_models, untrusted_models

EXPORTS = {"notes": ("cats", "dogs"), "compact": ("a", "b", "c"), "transfer": ("cats", "dogs")}


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A folder for each network of the lab: its file and its export as h5."""
    folder = tmp_path_factory.mktemp("exports")
    for name, classes in EXPORTS.items():
        exported = folder / f"export-{name}"
        exported.mkdir()
        source = model_factory.make_model_file(exported, name, classes)
        model_writers.write_h5(source, exported / "model.h5")
    return folder


@pytest.fixture(scope="module")
def keras2(tmp_path_factory):
    """Files of small models that Keras 2 wrote, and its predictions."""
    folder = tmp_path_factory.mktemp("keras2")
    with zipfile.ZipFile(keras2_models.ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def written(exports):
    """All models as Keras 2 writes them now, and its predictions of the exports."""
    names = [*keras2_models.SMALL, *keras2_models.PRETRAINED]
    command = [sys.executable, keras2_models.__file__, str(exports), *names]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return exports


def assert_same_predictions(folder, file):
    path = folder / file
    if not path.exists():
        assert file in json.loads((folder / "unsaved.json").read_text())
        return
    untrusted_models.inspect_model_file(path)
    model = keras_models.load_checked_model(path, path.name)
    with np.load(folder / f"{path.stem}.npz") as saved:
        outputs = np.asarray(model(saved["photos"], training=False))
        spread = np.ptp(saved["outputs"], axis=0).max()
        assert spread > 1e-5  # else any model would pass
        # Rounding: Keras 2 fuses each batch normalization, which moves its result by one unit in
        # the last place. A deep network amplifies that a hundredfold, and either Keras is as far
        # from the same network in float64. A wrong order of weights is far off.
        bound = max(1e-6, 1e-4 * spread) if path.stem in keras2_models.PRETRAINED else 1e-6
        assert np.abs(outputs - saved["outputs"]).max() < bound


def long(test):
    """Marks what has Keras 2 write all models anew: minutes on a busy machine."""
    return pytest.mark.long(pytest.mark.timeout(1200)(test))


@pytest.mark.parametrize("extension", ["h5", "keras"])
@pytest.mark.parametrize("name", keras2_models.SMALL)
def test_a_file_of_keras_2_predicts_as_it_did_there(keras2, name, extension):
    assert_same_predictions(keras2, f"{name}.{extension}")


@long
@pytest.mark.slow
@pytest.mark.parametrize("extension", ["h5", "keras"])
@pytest.mark.parametrize("name", keras2_models.PRETRAINED)
def test_a_pretrained_network_of_keras_2_predicts_as_it_did_there(written, name, extension):
    assert_same_predictions(written, f"{name}.{extension}")


@long
@pytest.mark.parametrize("name", keras2_models.SMALL)
def test_the_files_that_are_kept_are_those_that_keras_2_writes(keras2, written, name):
    with np.load(keras2 / f"{name}.npz") as then, np.load(written / f"{name}.npz") as now:
        assert np.array_equal(then["photos"], now["photos"])
        assert np.allclose(then["outputs"], now["outputs"], atol=1e-5)
    for extension in ("h5", "keras"):
        files = [folder / f"{name}.{extension}" for folder in (keras2, written)]
        assert files[0].exists() == files[1].exists()


def predictions_in_keras_3(exported, photos):
    """Of a network's file and of its export, in this order."""
    for path in (next(exported.glob("*.keras")), exported / "model.h5"):
        model = keras.models.load_model(path, compile=False)
        with warnings.catch_warnings():  # of inputs that Keras 2 lists
            warnings.simplefilter("ignore", UserWarning)
            yield np.asarray(model(photos, training=False))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_h5_predicts_as_the_network_does(exports, name):
    photos = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")
    network, exported = predictions_in_keras_3(exports / f"export-{name}", photos)
    assert np.ptp(network) > 1e-3
    assert np.abs(exported - network).max() < 1e-6


@long
@pytest.mark.parametrize("name", EXPORTS)
def test_an_exported_h5_predicts_the_same_in_keras_2_and_3(written, name):
    with np.load(written / f"export-{name}" / "outputs.npz") as there:
        photos, outputs = there["photos"], there["outputs"]
    assert np.ptp(outputs) > 1e-3
    for here in predictions_in_keras_3(written / f"export-{name}", photos):
        assert np.abs(here - outputs).max() < 1e-6


def dense_model(*first):
    stack = [keras.Input((8, 8, 3)), *first, layers.Conv2D(4, 3, name="conv"), layers.Flatten()]
    return keras.Sequential([*stack, layers.Dense(1, activation="sigmoid", name="out")])


@pytest.fixture(scope="module")
def current(tmp_path_factory):
    """A small model of the Keras installed, in both formats."""
    folder = tmp_path_factory.mktemp("current")
    keras.utils.set_random_seed(0)
    model = dense_model(layers.BatchNormalization(name="norm"))
    for name in ("model.keras", "model.h5"):
        model.save(folder / name)
    return folder


PHOTOS = np.random.default_rng(0).uniform(0, 1, (3, 8, 8, 3)).astype(np.float32)


def outputs_of(path):
    untrusted_models.inspect_model_file(path)
    return np.asarray(keras_models.load_checked_model(path, path.name)(PHOTOS, training=False))


def layer_of(config, name):
    return next(
        entry for entry in config["config"]["layers"] if entry["config"].get("name") == name
    )


def with_policy(config):
    policy = {"class_name": "Policy", "config": {"name": "float32"}}
    layer_of(config, "conv")["config"]["dtype"] = policy


def as_first_layers(config):
    entries = config["config"]["layers"]
    shape = entries.pop(0)["config"]["batch_shape"]
    entries[0]["config"]["batch_input_shape"] = shape


def as_keras_1_list(config):
    as_first_layers(config)
    config["config"] = config["config"]["layers"]


def in_modules(prefix):
    def change(config):
        config["module"] = f"{prefix}.engine.sequential"
        for entry in config["config"]["layers"]:
            entry["module"] = f"{prefix}.layers.some.file"
            entry["registered_name"] = None

    return change


def without_modules(config):
    for entry in config["config"]["layers"]:
        for key in ("module", "registered_name", "build_config"):
            entry.pop(key, None)


def with_arguments(name, **values):
    return lambda config: layer_of(config, name)["config"].update(values)


def with_initializer_of_tensorflow_2_1(config):
    made = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
    layer_of(config, "conv")["config"]["kernel_initializer"] = made


def with_sync_norm(config):
    layer_of(config, "norm").update(
        class_name="SyncBatchNormalization", module="keras.layers.experimental"
    )


SPELLINGS = {
    "policy of mixed precision": with_policy,
    "input shape in the first layer": as_first_layers,
    "layers as the configuration": as_keras_1_list,
    "no modules": without_modules,
    "modules of tf_keras": in_modules("tf_keras.src"),
    "modules of keras 2.13": in_modules("keras.src"),
    "modules of tensorflow": in_modules("tensorflow.python.keras"),
    "modules of keras_core": in_modules("keras_core.src"),
    "groups that are none": with_arguments("out", groups=1, rng_type=None),
    "arguments of a later Keras": with_arguments("conv", new_in_keras_4=None, another=False),
    "axis as a list": with_arguments("norm", axis=[3], renorm=False, virtual_batch_size=None),
    "initializer of TensorFlow 2.1": with_initializer_of_tensorflow_2_1,
    "regularizer that no prediction needs": with_arguments("out", depthwise_regularizer="evil"),
    "norm of several devices": with_sync_norm,
}


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_is_the_same_model(current, tmp_path, name, kind):
    source, target = current / f"model.{kind}", tmp_path / f"x.{kind}"
    rewrite(source, target, SPELLINGS[name])
    assert np.array_equal(outputs_of(target), outputs_of(source))


def rewrite(source, target, change):
    if source.suffix == ".keras":
        hostile_models.rewrite_config(source, target, change)
        return
    target.write_bytes(source.read_bytes())
    with h5py.File(target, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: name.replace("layers/", "_layer_checkpoint_dependencies/"),
        lambda name: name.replace("/", "\\"),
        lambda name: name.replace("layers/", "_layer_checkpoint_dependencies\\"),
    ],
    ids=["Keras 2.13", "Windows", "both"],
)
def test_weights_under_the_names_of_keras_2_are_the_same(current, tmp_path, rename):
    path, weights = tmp_path / "x.keras", tmp_path / "weights.h5"
    with zipfile.ZipFile(current / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        (tmp_path / "old.h5").write_bytes(old.read("model.weights.h5"))
        with h5py.File(tmp_path / "old.h5") as source, h5py.File(weights, "w") as target:
            arrays = {}
            source.visititems(
                lambda name, item: arrays.update({name: item[()]} if hasattr(item, "shape") else {})
            )
            for name, values in arrays.items():
                target.create_dataset(rename(name), data=values)
        new.writestr("config.json", old.read("config.json"))
        new.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        new.write(weights, "model.weights.h5")
    assert np.array_equal(outputs_of(path), outputs_of(current / "model.keras"))


def operation(name, *call, kind="TFOpLambda", **arguments):
    """A functional model of Keras 2: an input, one operation, a dense layer."""
    entry = {
        "class_name": kind,
        "name": "op",
        "config": {"name": "op", "function": name, **arguments},
        "inbound_nodes": [list(call)],
    }
    photo = {
        "class_name": "InputLayer",
        "name": "x",
        "config": {"name": "x", "batch_input_shape": [None, 8, 8, 3]},
        "inbound_nodes": [],
    }
    return {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [photo, entry],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["op", 0, 0]],
        },
    }


def graph_operation(name, constants, inputs, **attributes):
    definition = {"op": name, "input": inputs, "attr": attributes}
    return operation(
        None,
        ["x", 0, 0, {}],
        kind="TensorFlowOpLayer",
        node_def=definition,
        constants=constants,
    )


X = PHOTOS
ONE_TO_THREE = np.array([1, 2, 3])
OPERATIONS = {
    "x / 127.5": (operation("math.truediv", "x", 0, 0, {"y": 127.5, "name": None}), X / 127.5),
    "x - 1": (operation("math.subtract", "x", 0, 0, {"y": 1.0}), X - 1),
    "1 - x": (operation("math.subtract", "_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0]}), 1 - X),
    "x + a list": (
        operation("__operators__.add", "x", 0, 0, {"y": [1.0, 2.0, 3.0]}),
        X + ONE_TO_THREE,
    ),
    "2 x": (operation("math.multiply", "_CONSTANT_VALUE", -1, 2, {"y": ["x", 0, 0]}), 2 * X),
    "-x": (operation("math.negative", "x", 0, 0, {"name": None}), -X),
    "2 / x": (operation("math.truediv", "_CONSTANT_VALUE", -1, 2, {"y": ["x", 0, 0]}), 2 / X),
    "x x": (operation("math.multiply", "x", 0, 0, {"y": ["x", 0, 0]}), X * X),
    "bias": (operation("nn.bias_add", "x", 0, 0, {"bias": [[[[-1, -2, -3]]]]}), X - ONE_TO_THREE),
    "cast": (operation("cast", "x", 0, 0, {"dtype": "float32"}), X),
    "relu": (operation("nn.relu", "x", 0, 0, {}), np.maximum(X, 0)),
    "mean": (operation("math.reduce_mean", "x", 0, 0, {"axis": [1, 2]}), X.mean((1, 2))),
    "largest": (operation("math.reduce_max", "x", 0, 0, {"axis": [1, 2]}), X.max((1, 2))),
    "reshape": (operation("reshape", "x", 0, 0, {"shape": [-1, 4, 48]}), X.reshape(3, 4, 48)),
    "pad": (
        operation("pad", "x", 0, 0, {"paddings": [[0, 0], [1, 2], [0, 3], [0, 0]]}),
        np.pad(X, [(0, 0), (1, 2), (0, 3), (0, 0)]),
    ),
    "clip": (
        operation("clip_by_value", "x", 0, 0, {"clip_value_min": 0.2, "clip_value_max": 0.5}),
        X.clip(0.2, 0.5),
    ),
    "unit length": (
        operation("math.l2_normalize", "x", 0, 0, {"axis": [-1]}),
        X / np.linalg.norm(X, axis=-1, keepdims=True),
    ),
    "leaky relu": (operation("nn.leaky_relu", "x", 0, 0, {"alpha": 0.3}), np.maximum(X, 0.3 * X)),
    "resize": (
        operation("image.resize", "x", 0, 0, {"size": [4, 4], "method": "bilinear"}),
        X.reshape(3, 4, 2, 4, 2, 3).mean((2, 4)),
    ),
    "gray": (
        operation("image.rgb_to_grayscale", "x", 0, 0, {"name": None}),
        X @ np.array([[0.2989], [0.587], [0.114]]),
    ),
    "concat": (
        operation("concat", ["x", 0, 0, {"axis": -1}], ["x", 0, 0, {"axis": -1}]),
        np.concatenate([X, X], -1),
    ),
    "flip": (
        operation(
            "__operators__.getitem",
            *("x", 0, 0),
            {
                "slice_spec": [
                    {"class_name": "__ellipsis__"},
                    {"start": None, "stop": None, "step": -1},
                ]
            },
            kind="SlicingOpLambda",
        ),
        X[..., ::-1],
    ),
    "x / 255 of TensorFlow 2.1": (
        graph_operation("RealDiv", {"1": 255.0}, ["x", "y"], T={"type": "DT_FLOAT"}),
        X / 255,
    ),
    "1 - x of TensorFlow 2.1": (graph_operation("Sub", {"0": 1.0}, ["y", "x"]), 1 - X),
    "cast of TensorFlow 2.1": (
        graph_operation("Cast", {}, ["x"], DstT={"type": "DT_FLOAT"}),
        X,
    ),
    "flip of TensorFlow 2.1": (
        graph_operation(
            "StridedSlice",
            {"1": [0, 0], "2": [0, 0], "3": [1, -1]},
            ["x", "b", "e", "s"],
            ellipsis_mask={"i": "1"},
            begin_mask={"i": "2"},
            end_mask={"i": "2"},
        ),
        X[..., ::-1],
    ),
}


def translated(config, version="2.4.0"):
    config = keras_configs.translate_config("a.h5", copy.deepcopy(config), version)
    untrusted_models.check_model_config("a.h5", config, set())
    return config


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_of_keras_2_computes_the_same(name):
    config, expected = OPERATIONS[name]
    model = keras.Model.from_config(translated(config)["config"])
    assert np.allclose(np.asarray(model(X)), expected, rtol=1e-6, atol=1e-7)


def test_arithmetic_before_the_first_weights_is_a_rescaling_and_after_them_none():
    config = copy.deepcopy(OPERATIONS["x / 127.5"][0])
    assert translated(config)["config"]["layers"][1]["class_name"] == "Rescaling"
    conv = layers.Conv2D(4, 3).get_config() | {"name": "conv"}
    after = {"class_name": "Conv2D", "name": "conv", "config": conv, "inbound_nodes": []}
    after["inbound_nodes"] = [[["x", 0, 0, {}]]]
    entries = config["config"]["layers"]
    entries[1]["inbound_nodes"][0][0] = "conv"
    entries.insert(1, after)
    assert translated(config)["config"]["layers"][2]["class_name"] == "TrueDivide"


def operations_of_keras_3(x):
    y = keras.ops.image.resize(x, (6, 6)) / 127.5 - 1
    y = keras.ops.stack([y[..., 2], y[..., 1], y[..., 0]], axis=-1) + np.array([0.5, 0, 1])
    y = keras.ops.relu(layers.Conv2D(4, 3)(y)) * keras.ops.sigmoid(layers.Conv2D(4, 3)(y))
    y = keras.ops.reshape(layers.Add()([y, y]), (-1, 64))
    return keras.ops.softmax(layers.Dense(2)(y))


def preprocessing(x):
    return layers.Flatten()(keras.applications.resnet.preprocess_input(x))


@pytest.mark.parametrize("build", [operations_of_keras_3, preprocessing])
def test_an_h5_file_of_keras_3_with_operations_opens_though_keras_refuses_it(tmp_path, build):
    x = keras.Input((8, 8, 3))
    model = keras.Model(x, build(x))
    expected = np.asarray(model(PHOTOS))
    for path in (tmp_path / "m.h5", tmp_path / "m.keras"):
        model.save(path)
        assert np.allclose(outputs_of(path), expected, rtol=1e-6, atol=1e-7)
    with pytest.raises(ValueError, match="Unknown layer"):
        keras.models.load_model(tmp_path / "m.h5")


def test_an_operation_without_a_module_is_held_to_keras_own(tmp_path):
    for kind in ("Lambda", "TFSMLayer", "os.system", "eval-x"):
        entry = {"class_name": kind, "name": "e", "config": {"name": "e"}, "inbound_nodes": []}
        config = {"class_name": "Functional", "config": {"name": "m", "layers": [entry]}}
        with pytest.raises(ModelError, match=r"runs code|isn't part of Keras"):
            translated(config, "3.9.0")


def test_photos_as_whole_numbers_are_taken_as_numbers(tmp_path):
    x = keras.Input((8, 8, 3), dtype="uint8")
    conv = layers.Conv2D(2, 3, activation="relu")(layers.Rescaling(1 / 255)(x))
    model = keras.Model(x, layers.Dense(2, activation="softmax")(layers.Flatten()(conv)))
    model.save(tmp_path / "m.keras")
    photos = np.random.default_rng(1).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    predictor = predict.load_predictor(tmp_path / "m.keras")
    assert predictor.input_scale == "0..255"
    assert np.allclose(predictor.predict(photos), np.asarray(model(photos)), atol=1e-6)
    assert gradcam.heat_maps(predictor, photos, 0).max() <= 1


def test_grey_photos_without_a_side_for_colors_are_predicted(tmp_path):
    stack = [keras.Input((8, 9)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential(stack)
    model.save(tmp_path / "m.h5")
    photos = np.random.default_rng(1).integers(0, 256, (2, 8, 9, 1)).astype(np.uint8)
    predictor = predict.load_predictor(tmp_path / "m.h5").with_scale("0..255")
    assert predictor.input_shape == (8, 9, 1)
    expected = np.asarray(model(photos[..., 0].astype(np.float32)))
    assert np.allclose(predictor.predict(photos.repeat(3, -1)), expected, atol=1e-6)


def test_a_model_with_colors_first_is_refused_with_the_argument_to_change(tmp_path):
    stack = [keras.Input((3, 8, 8)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    keras.Sequential(stack).save(tmp_path / "m.keras")
    with pytest.raises(ModelError, match="channels_last"):
        predict.load_predictor(tmp_path / "m.keras")


REFUSED_OPERATIONS = {
    "a program's file": operation("io.write_file", "x", 0, 0, {"contents": "x"}),
    "Python": operation("py_function", "x", 0, 0, {}),
    "an unknown function": operation("math.floordiv", "x", 0, 0, {"y": 2}),
    "a text for a number": operation("math.truediv", "x", 0, 0, {"y": "os.system"}),
    "an infinite number": operation("math.multiply", "x", 0, 0, {"y": float("inf")}),
    "a whole number's format": operation("cast", "x", 0, 0, {"dtype": "uint8"}),
    "a mean over the batch": operation("math.reduce_max", "x", 0, 0, {"axis": [0, 1]}),
    "a reshape over photos": operation("reshape", "x", 0, 0, {"shape": [1, -1]}),
    "a size that is none": operation("image.resize", "x", 0, 0, {"size": ["a", -1]}),
    "a padding of the channels": operation("pad", "x", 0, 0, {"paddings": [[0, 0]] * 3 + [[1, 1]]}),
    "too many constants": operation("math.add", "x", 0, 0, {"y": [1.0] * 5000}),
    "no call": operation("math.add"),
    "a call of nothing": operation("math.add", None),
    "a graph's file": graph_operation("WriteFile", {"0": "/tmp/x"}, ["x", "y"]),
    "a graph in bytes": operation(
        None, ["x", 0, 0, {}], kind="TensorFlowOpLayer", node_def="\u0000", constants={}
    ),
    "a method": operation("x", "x", 0, 0, {}, kind="ClassMethod", cls_symbol="io.gfile"),
}


@pytest.mark.parametrize("name", REFUSED_OPERATIONS)
def test_any_other_operation_is_refused_as_data(name):
    config = copy.deepcopy(REFUSED_OPERATIONS[name])
    with pytest.raises(ModelError, match=r"Keras 2 and uses|isn't part of Keras"):
        translated(config)


def test_hard_sigmoid_of_keras_2_is_refused_because_keras_3_computes_another():
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                {"class_name": "Activation", "config": {"name": "a", "activation": "hard_sigmoid"}}
            ],
        },
    }
    with pytest.raises(ModelError, match="hard_sigmoid"):
        translated(config, "2.15.0")
    translated(config, "3.0.5")


def test_names_with_slashes_are_renamed_wherever_they_are_used():
    config = copy.deepcopy(OPERATIONS["x - 1"][0])
    text = json.dumps(config).replace('"op"', '"a/op"').replace('"x"', '"a_op"')
    names = [entry["name"] for entry in translated(json.loads(text))["config"]["layers"]]
    assert len(set(names)) == 2 and not any("/" in name for name in names)
    model = keras.Model.from_config(translated(json.loads(text))["config"])
    assert np.allclose(np.asarray(model(X)), X - 1)


@pytest.mark.parametrize("kind", ["ThresholdedReLU", "LocallyConnected2D"])
def test_a_layer_that_only_keras_2_has_is_named_with_the_way(kind):
    entry = {"class_name": kind, "config": {"name": "d"}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}
    with pytest.raises(ModelError, match=f"from Keras 2 and uses '{kind}'"):
        translated(config, "2.15.0")


@pytest.mark.parametrize(
    "spelling",
    [
        {"class_name": "Custom>CastToFloat32"},
        {"class_name": "autokeras>CastToFloat32"},
        {"module": "autokeras.keras_layers", "class_name": "CastToFloat32"},
    ],
)
def test_autokeras_cast_before_a_network_changes_nothing(current, tmp_path, spelling):
    def insert(config):
        layer = {"config": {"name": "cast", "dtype": "float32"}, "registered_name": "x>Cast"}
        config["config"]["layers"].insert(1, {**layer, **spelling})

    rewrite(current / "model.h5", tmp_path / "x.h5", insert)
    assert np.array_equal(outputs_of(tmp_path / "x.h5"), outputs_of(current / "model.h5"))


@pytest.mark.parametrize("name", ["Custom>Evil", "evil>CastToFloat32", "Custom>Lambda"])
def test_any_other_registered_layer_is_refused(name):
    entry = {"class_name": name, "config": {"name": "d"}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}
    with pytest.raises(ModelError, match="isn't part of Keras"):
        translated(config)


@pytest.mark.parametrize("module", ["evil", "evil.keras", "kerasx.layers", "tensorflow.io", 3, []])
def test_a_foreign_module_stays_foreign(module):
    entry = {"class_name": "Dense", "module": module, "config": {"name": "d", "units": 1}}
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}
    with pytest.raises(ModelError, match="isn't part of Keras"):
        translated(config)


@pytest.mark.parametrize("prefix", ["tf_keras", "keras.src", "tensorflow.keras", "keras_core"])
@pytest.mark.parametrize("name", sorted(hostile_models.code_execution_models(Path("x"))))
def test_an_escape_under_the_modules_of_another_keras_is_refused_as_data(
    current, tmp_path, prefix, name
):
    change = hostile_models.code_execution_models(tmp_path / "marker")[name]

    def moved(config):
        replacement = change(config) or config
        text = json.dumps(replacement).replace('"keras.', f'"{prefix}.')
        return json.loads(text)

    path = hostile_models.rewrite_config(current / "model.keras", tmp_path / "x.keras", moved)
    with pytest.raises(ModelError, match="Use a"):
        untrusted_models.inspect_model_file(path, compiled=True)


def test_a_file_of_the_keras_installed_is_read_as_it_is(current):
    config = untrusted_models.read_model_config(current / "model.keras", "model.keras")
    assert config.saved == config.translated


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_an_export_of_a_keras_2_model_opens_in_its_version(keras2, tmp_path, kind):
    source, out = keras2 / "course.h5", tmp_path / f"out.{kind}"
    (model_writers.write_h5 if kind == "h5" else model_writers.write_keras)(source, out)
    version = untrusted_models.read_model_config(out, out.name).keras_version
    assert version.startswith("2." if kind == "h5" else "3.")
    with h5py.File(source) as file:
        assert "training_config" in file.attrs
    if kind == "h5":
        with h5py.File(out) as file:
            assert "training_config" not in file.attrs
    photos = np.full((2, keras2_models.SIZE, keras2_models.SIZE, 3), 99, np.uint8)
    first, second = predict.load_predictor(source), predict.load_predictor(out)
    assert np.allclose(first.predict(photos), second.predict(photos), atol=1e-6)
