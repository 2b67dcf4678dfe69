"""Prediction and evaluation with the lab's own models and those from elsewhere."""

import csv
import io
from pathlib import Path

import keras
import numpy as np
import pytest

from catdog_core import export
from catdog_core.analysis import evaluate, predict
from catdog_core.base.errors import CatDogError, ModelError
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.models import keras_models

MARKER = Path("/tmp/catdog_pwned")
"""What the collected attacks would create."""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A model file as the lab writes it."""
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("own") / "best.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 32), path, {"classes": ["cats", "dogs"]}
    )
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A model by the notes' own code: values 0..1 in, no rescaling inside, `.h5`."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((40, 40, 3)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    path = tmp_path_factory.mktemp("foreign") / "cat_dog_small_cnn.h5"
    model.save(path)
    return path


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)


def test_a_lab_model_knows_its_classes_size_and_scale(own):
    predictor = predict.load_predictor(own)
    assert predictor.classes == ("cats", "dogs")
    assert (predictor.input_shape, predictor.input_scale) == ((32, 32, 3), "0..255")
    assert predictor.names_known
    assert predictor.warnings == ()


def test_the_notes_own_model_is_fed_values_of_0_to_1(foreign, photo):
    predictor = predict.load_predictor(foreign)
    assert (predictor.classes, predictor.input_scale) == (("p_0", "p_1"), None)
    assert predictor.size == (40, 40)
    fitted = decode.resize_photo(photo, 40)[None]
    direct = float(keras.models.load_model(foreign, compile=False)(fitted / 255.0)[0, 0])
    assert predictor.predict(fitted)[0] == pytest.approx([1 - direct, direct], abs=1e-6)
    assert not np.allclose(predictor.with_scale("0..255").predict(fitted)[0, 1], direct)


def test_probabilities_equal_kerass_own(own, photo):
    fitted = np.stack([decode.resize_photo(photo, 32)] * 70)
    rows = predict.load_predictor(own).predict(fitted)
    direct = keras.models.load_model(own).predict(fitted.astype("float32"), verbose=0)[:, 0]
    assert rows[:, 1] == pytest.approx(direct, abs=1e-6)
    assert rows.sum(axis=1) == pytest.approx(np.ones(70))


def test_h5_and_keras_exports_predict_the_same(own, photo, tmp_path):
    fitted = decode.resize_photo(photo, 32)[None]
    for kind, name in (("h5", "model.h5"), ("keras", "model.keras"), ("h5", "model.anything")):
        export.export_in_process(own, kind, tmp_path / name)
        again = predict.load_predictor(tmp_path / name)
        assert again.classes == ("cats", "dogs")
        assert np.array_equal(again.predict(fitted), predict.load_predictor(own).predict(fitted))


def test_an_unreadable_photo_is_reported_and_the_others_go_on(own, photo):
    good = decode.encode_photo(photo)
    rows = predict.predict_photos(
        predict.load_predictor(own), [("a", good), ("b", b"no"), ("c", good)] * 20
    )
    assert [bool(row.error) for row in rows] == [False, True, False] * 20
    assert rows[0].label in ("cats", "dogs")
    assert rows[0].probabilities == pytest.approx(rows[-1].probabilities, abs=1e-6)


def test_csv_has_a_row_a_photo_and_is_safe_in_a_spreadsheet():
    rows = [predict.Prediction("=cmd.jpg", "cats", (0.75, 0.25)), predict.Prediction('a",b.jpg')]
    raw = list(csv.reader(io.StringIO(predict.predictions_to_csv(rows, ("cats", "dogs"), False))))
    assert raw[0] == ["file", "label", "p_cats", "p_dogs"]
    assert raw[1] == ["=cmd.jpg", "cats", "0.750000", "0.250000"]
    assert raw[2] == ['a",b.jpg', "", "", ""]
    safe = predict.predictions_to_csv(rows, ("cats", "dogs"), True)
    assert "'=cmd.jpg" in safe


def test_class_names_can_be_given_to_a_foreign_model(foreign):
    predictor = predict.load_predictor(foreign).with_classes(["Katze", "Hund"])
    assert predictor.classes == ("Katze", "Hund")
    for names in (["one"], ["same", "same"]):
        with pytest.raises(ModelError, match="Enter 2 different names"):
            predictor.with_classes(names)


def test_raw_scores_are_turned_into_probabilities_and_it_is_said(tmp_path):
    stack = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(stack).save(tmp_path / "logits.keras")
    predictor = predict.load_predictor(tmp_path / "logits.keras")
    rows = predictor.predict(np.full((1, 32, 32, 3), 200, np.uint8))
    assert rows.sum() == pytest.approx(1)
    assert "raw scores" in predictor.warnings[0]


def test_weights_that_are_no_numbers_are_refused(own, tmp_path):
    model = keras.models.load_model(own)
    model.layers[-1].bias.assign([float("nan")])
    model.save(tmp_path / "nan.keras")
    with pytest.raises(ModelError, match="NaN"):
        predict.load_predictor(tmp_path / "nan.keras")


@pytest.mark.parametrize("data", [b"", b"text" * 100, b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_model_is_refused_in_a_sentence(tmp_path, data):
    (tmp_path / "m.keras").write_bytes(data)
    with pytest.raises(ModelError, match=r"Use a \.keras or|is damaged or incomplete"):
        predict.load_predictor(tmp_path / "m.keras")


@pytest.mark.parametrize("name", ["gone.keras", "no/run"])
def test_a_missing_model_is_told(name):
    with pytest.raises(ModelError, match="no model at"):
        predict.load_predictor(name)


def test_evaluation_counts_what_the_model_says(own, demo):
    dataset = datasets.scan_folder(demo)
    evaluation = evaluate.evaluate(own, dataset, "validation")
    direct = predict.load_predictor(own).predict(
        np.stack(
            [decode.decode_and_fit(i.path.read_bytes(), 32) for i in dataset.items("validation")]
        )
    )
    truth = np.array([item.label for item in dataset.items("validation")])
    assert evaluation.n == 24 == sum(map(sum, evaluation.confusion))
    assert evaluation.accuracy == np.mean(direct.argmax(1) == truth)
    loss = -np.mean(np.log(direct[np.arange(24), truth]))
    assert evaluation.loss == pytest.approx(loss, abs=1e-5)


def test_classes_are_matched_by_name_not_by_order(own, demo):
    straight = evaluate.evaluate(own, datasets.scan_folder(demo), "validation")
    turned = evaluate.evaluate(
        own, datasets.scan_folder(demo, classes=("dogs", "cats")), "validation"
    )
    assert turned.classes == ("dogs", "cats")
    assert turned.accuracy == straight.accuracy
    assert turned.confusion == [row[::-1] for row in straight.confusion[::-1]]


def test_other_classes_than_the_models_are_refused(own, demo, tmp_path):
    import shutil

    shutil.copytree(demo, tmp_path / "set")
    for split in ("train", "validation"):
        (tmp_path / "set" / split / "dogs").rename(tmp_path / "set" / split / "birds")
    with pytest.raises(ModelError, match=r"knows cats, dogs, but the dataset has birds, cats"):
        evaluate.evaluate(own, datasets.scan_folder(tmp_path / "set"))


def test_every_collected_model_ends_as_its_manifest_says(bad_inputs):
    with open(bad_inputs / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"].startswith("model/")]
    assert len(rows) > 20
    for row in rows:
        try:
            predictor = predict.load_predictor(bad_inputs / "files" / row["file"])
            outcome = "accept with warning" if predictor.warnings else "accept"
        except CatDogError:
            outcome = "reject"
        assert outcome in row["expectation"], (row["file"], outcome)
    assert not MARKER.exists()


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_what_is_no_model_is_never_exported_as_one(tmp_path, kind):
    (tmp_path / "m.keras").write_bytes(b"text" * 100)
    with pytest.raises(ModelError, match=r"isn't a Keras model\."):
        export.export_in_process(tmp_path / "m.keras", kind, tmp_path / "out")
    assert not (tmp_path / "out").exists()
