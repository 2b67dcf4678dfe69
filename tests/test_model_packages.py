"""Models that come as a zip or a folder, with their class names."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from catdog_core.analysis import isolated_models, predict
from catdog_core.base.errors import ModelError
from catdog_core.models import keras_models, model_packages, model_sandbox, untrusted_models
from catdog_core.runs import model_registry

LABELS = "0 Cat\n1 Big dog\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model as Teachable Machine builds them, which calls bright photos its second class."""
    x = keras.Input((16, 16, 3))
    network = keras.Model(x, layers.Conv2D(2, 1, use_bias=False, name="conv")(x), name="model1")
    features = keras.Sequential([keras.Input((16, 16, 3)), network, layers.GlobalAvgPool2D()])
    head = keras.Sequential([keras.Input((2,)), layers.Dense(2, activation="relu")])
    head.add(layers.Dense(2, activation="softmax", use_bias=False))
    whole = keras.Sequential([keras.Input((16, 16, 3)), features, head])
    network.get_layer("conv").set_weights([np.full((1, 1, 3, 2), 1 / 3)])
    head.layers[0].set_weights([np.eye(2), np.zeros(2)])
    head.layers[1].set_weights([np.array([[0.0, 1], [0, 1]])])
    path = tmp_path_factory.mktemp("teachable") / "keras_model.h5"
    whole.save(path)
    return path.read_bytes()


@pytest.fixture
def make_zip(tmp_path):
    def make(name="converted_keras.zip", **members):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
        return path

    return make


def test_a_teachable_machine_zip_predicts_with_its_classes_and_range(model, make_zip):
    junk = {"__MACOSX/._keras_model.h5": b"x", "sub/": b""}
    path = make_zip(**{"keras_model.h5": model, "labels.txt": LABELS}, **junk)
    predictor = predict.load_predictor(path)
    assert predictor.classes == ("Cat", "Big dog") and predictor.names_known
    metadata = keras_models.read_metadata(path)
    assert metadata["classes"] == ["Cat", "Big dog"] and metadata["scale"] == "-1..1"


@pytest.mark.parametrize("inside", ["converted_keras/", "", "a/b/"])
@pytest.mark.parametrize("name", ["keras_model.h5", "cats.hdf5", "best.H5"])
def test_a_model_may_have_any_name_and_folder_in_its_zip(model, make_zip, inside, name):
    path = make_zip(**{f"{inside}{name}": model, f"{inside}labels.txt": LABELS})
    assert predict.load_predictor(path).classes == ("Cat", "Big dog")


@pytest.mark.long
def test_a_zip_opens_in_its_own_process_with_its_classes(model, make_zip, workspace, apart):
    path = make_zip(**{"keras_model.h5": model, "labels.txt": LABELS})
    predictor = isolated_models.load_isolated(path)
    try:
        assert predictor.classes == ("Cat", "Big dog")
    finally:
        isolated_models.end_all_processes()


def test_a_folder_with_one_model_is_that_model_and_labels_beside_a_file_count(model, tmp_path):
    folder = tmp_path / "converted_keras"
    folder.mkdir()
    (folder / "keras_model.h5").write_bytes(model)
    (folder / "labels.txt").write_text(LABELS)
    for path in (folder, folder / "keras_model.h5"):
        assert predict.load_predictor(path).classes == ("Cat", "Big dog")
    (folder / "other.keras").write_bytes(b"")
    with pytest.raises(ModelError, match=r"several models .*keras_model.h5, other.keras"):
        predict.load_predictor(folder)


def test_the_file_alone_tells_its_range_by_its_form_and_no_classes(model, tmp_path):
    (tmp_path / "x.h5").write_bytes(model)
    assert keras_models.read_metadata(tmp_path / "x.h5") == {"scale": "-1..1"}
    other = keras.Sequential([keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(2)])
    other.save(tmp_path / "other.h5")
    assert keras_models.read_metadata(tmp_path / "other.h5") == {}


def test_a_teachable_machine_model_names_its_input_only_in_its_network(model, tmp_path):
    path = tmp_path / "older.h5"
    path.write_bytes(model)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for entry in (config, config["config"]["layers"][1]):
            del entry["config"]["layers"][0]
            entry["config"].pop("build_input_shape")
        network = config["config"]["layers"][0]["config"]["layers"][0]
        network["class_name"] = "Model"
        for key in ("module", "registered_name"):
            network.pop(key, None)
        file.attrs["model_config"] = json.dumps(config)
    assert keras_models.read_metadata(path) == {"scale": "-1..1"}
    photos = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)
    (tmp_path / "m.h5").write_bytes(model)
    first, second = (
        predict.load_predictor(each).predict(photos) for each in (path, tmp_path / "m.h5")
    )
    assert np.allclose(first, second) and first.std() > 0


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        (b"0 Cat\r\n1 Dog\r\n", ["Cat", "Dog"]),
        (b"\xef\xbb\xbf0 Cat\n1 Dog", ["Cat", "Dog"]),
        ("0 고양이\n1 개\n\n".encode(), ["고양이", "개"]),
        (b"0\tCat\n1\tDog", ["Cat", "Dog"]),
        (b"cat\ndog\n", ["cat", "dog"]),
        (b"1 Cat\n2 Dog", ["1 Cat", "2 Dog"]),
        (b"0 Cat\n1 Cat", ["0 Cat", "1 Cat"]),
        (b"cat\ncat\n", None),
        (b"0 Cat\n", None),
        (b"", None),
        (b"x" * 200_000, None),
        (b"\xff\xfe\x00", None),
    ],
)
def test_labels_are_read_in_every_usual_form(make_zip, text, classes):
    path = make_zip(**{"m.h5": b"x", "labels.txt": text})
    assert model_packages.read_package_metadata(path).get("classes") == classes


LABEL_FILES = {
    "class_names.txt": ("cat\ndog\n", True),
    "classes.txt": ("cat\ndog\n", False),
    "classes.TXT": ("0: cat\n1: dog\n", True),
    "labels.txt": ("0,cat\n1,dog\n", True),
    "class_names.json": ('["cat", "dog"]', True),
    "class_indices.json": ('{"dog": 1, "cat": 0}', True),
    "id2label.json": ('{"id2label": {"0": "cat", "1": "dog"}}', True),
    "labels.json": ('{"1": "dog", "0": "cat"}', True),
    "class_index.json": ('{"0": ["n02", "cat"], "1": ["n03", "dog"]}', True),
}


@pytest.mark.parametrize("name", LABEL_FILES)
def test_class_names_of_other_programs_are_read_in_a_zip_and_beside_a_file(
    make_zip, tmp_path, name
):
    text, is_sure = LABEL_FILES[name]
    path = make_zip(**{"m.h5": b"x", f"a/{name}": text, "b/readme.txt": "x\ny"})
    found = model_packages.read_package_metadata(path)
    assert found == {"classes": ["cat", "dog"], "labels_file": True}
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpacked = model_packages.unpack_model(path, path.name, folder)
    assert model_packages.read_package_metadata(unpacked) == found
    if name == name.lower():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / "m.h5").write_bytes(b"x")
        beside = model_packages.read_package_metadata(tmp_path / "m.h5")
        assert beside == (found if is_sure else {})


@pytest.mark.parametrize(
    "text",
    ["{", '["cat"]', '["cat", "cat"]', '["cat", 1]', '{"a": 0, "b": 2}', '{"a": [], "b": {}}', "7"],
)
def test_json_that_holds_no_class_names_says_nothing(make_zip, text):
    path = make_zip(**{"m.h5": b"x", "class_names.json": text})
    assert model_packages.read_package_metadata(path) == {}


OTHERS = {
    "m.tflite": (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
    "m.bin": (b"\x1c\0\0\0TFL3....", "TensorFlow Lite"),
    "m.onnx": (b"\x08\x07", "ONNX"),
    "m.pth": (b"PK\x03\x04....", "PyTorch"),
    "m.safetensors": (b"{", "PyTorch"),
    "frozen_graph.pb": (b"\n", "TensorFlow"),
    "m.pkl": (b"\x80\x04.", "pickle"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_model_of_another_program_is_refused_by_its_name(tmp_path, make_zip, name):
    content, program = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"is a model for .*{program}"):
        predict.load_predictor(tmp_path / name)


def test_a_model_of_pytorch_is_known_in_any_zip(make_zip):
    for members in ({"a/data.pkl": b"x", "a/data/0": b"x"}, {"best.pt": b"x"}):
        with pytest.raises(ModelError, match="for PyTorch"):
            predict.load_predictor(make_zip(**members))


def test_labels_without_numbers_say_nothing_of_the_range_of_values(make_zip, tmp_path):
    stack = [keras.Input((16, 16, 3)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    keras.Sequential(stack).save(tmp_path / "own.h5")
    content = (tmp_path / "own.h5").read_bytes()
    predictor = predict.load_predictor(make_zip(**{"own.h5": content, "labels.txt": "cat\ndog\n"}))
    assert predictor.classes == ("cat", "dog") and predictor.input_scale is None


def test_labels_that_do_not_fit_the_outputs_are_left_out(model, make_zip):
    path = make_zip(**{"keras_model.h5": model, "labels.txt": "0 a\n1 b\n2 c\n"})
    predictor = predict.load_predictor(path)
    assert predictor.classes == ("p_0", "p_1") and not predictor.names_known


REFUSED = {
    "several models": ({"a.h5": b"a", "b.keras": b"b"}, "several models"),
    "SavedModel of Keras 2": (
        {"sm/saved_model.pb": b"x", "sm/keras_metadata.pb": b"x", "labels.txt": b"0 a\n1 b"},
        r"tf_keras.models.load_model",
    ),
    "SavedModel of TensorFlow 2.1": (
        {"saved_model.pb": b"..._tf_keras_sequential..."},
        r"tf_keras.models.load_model",
    ),
    "exported SavedModel": ({"saved_model.pb": b"x"}, r'model.save\("model.keras"\)'),
    "LiteRT": ({"model_unquant.tflite": b"x", "labels.txt": b"0 a"}, "as Tensorflow, Keras"),
    "TensorFlow.js": ({"model.json": b"{}", "weights.bin": b"x"}, "as Tensorflow, Keras"),
    "photos": ({"cats/1.jpg": b"x"}, "config.json is missing|doesn't belong"),
    "only weights": ({"m.weights.h5": b"x"}, "config.json is missing|doesn't belong"),
    "a model that is none": ({"m.h5": b"x", "labels.txt": b""}, "isn't a Keras model"),
    "a bomb": ({"m.h5": bytes(60_000_000)}, "not a standard Keras model"),
    "an empty zip": ({}, "isn't a Keras model"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_any_other_zip_is_refused_with_what_to_do(make_zip, name):
    members, words = REFUSED[name]
    with pytest.raises(ModelError, match=words):
        predict.load_predictor(make_zip(**members))


def test_a_model_inside_is_checked_like_any_other(tmp_path, make_zip):
    hostile = keras.Sequential([keras.Input((16, 16, 3)), layers.Lambda(lambda x: x)])
    hostile.save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="runs code"):
        predict.load_predictor(make_zip(**{"m.h5": (tmp_path / "m.h5").read_bytes()}))


def test_what_a_zip_unpacks_to_is_bounded(model, make_zip, set_limits):
    path = make_zip(**{"m.h5": model})
    set_limits(model_bytes=len(model) - 1)
    with pytest.raises(ModelError, match=r"at most|at least"):
        predict.load_predictor(path)


@pytest.mark.parametrize("marked", [True, False])
def test_a_folder_of_a_saved_model_is_refused_with_the_lines_that_convert_it(tmp_path, marked):
    folder = tmp_path / "my_model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"_tf_keras_network" if marked else b"serve")
    words = r'load_model\("my_model"\).save' if marked else r'model.save\("model.keras"\)'
    for path in (folder, tmp_path):
        with pytest.raises(ModelError, match=words):
            model_registry.find_model_file(path)


def test_a_keras_file_is_no_package(tmp_path, model, make_zip):
    (tmp_path / "m.h5").write_bytes(model)
    loaded = keras.models.load_model(tmp_path / "m.h5", compile=False)
    loaded.save(tmp_path / "m.keras")
    assert model_packages.unpack_model(tmp_path / "m.keras", "m.keras", tmp_path) is None
    with model_sandbox.checked_model_file(tmp_path / "m.keras") as safe:
        assert untrusted_models.inspect_model_file(safe) == ".keras"
