"""The networks: the notes' table to the last parameter, and files that describe themselves."""

import numpy as np
import pytest

from catdog_core.base.errors import SettingsError
from catdog_core.models import architecture, keras_models


def test_the_notes_network_has_the_notes_shapes_and_parameters():
    rows = architecture.list_model_layers("notes")
    shapes = [row.output_shape for row in rows if row.kind not in ("Rescaling", "Dropout")]
    assert shapes == [
        (148, 148, 32),
        (74, 74, 32),
        (72, 72, 64),
        (36, 36, 64),
        (34, 34, 128),
        (17, 17, 128),
        (36_992,),
        (1,),
    ]
    assert [row.parameters for row in rows if row.parameters] == [896, 18_496, 73_856, 36_993]
    assert architecture.count_parameters(rows) == 130_241
    assert keras_models.build_model("notes").count_params() == 130_241


@pytest.mark.parametrize("name", architecture.NETWORKS)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_table_agrees_with_the_network_built(name, classes):
    size = architecture.min_model_image_size(name) + 3
    model = keras_models.build_model(name, size, tuple("abc"[:classes]))
    rows = architecture.list_model_layers(name, size, classes)
    assert [row.output_shape for row in rows] == [tuple(x.output.shape[1:]) for x in model.layers]
    assert architecture.count_parameters(rows) == model.count_params()


@pytest.mark.parametrize("name", architecture.NETWORKS)
def test_photos_that_shrink_to_nothing_are_refused_before_building(name):
    least = architecture.min_model_image_size(name)
    assert architecture.list_model_layers(name, least)[-1].output_shape == (1,)
    with pytest.raises(SettingsError, match=f"at least {least} px"):
        keras_models.build_model(name, least - 1)


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(SettingsError, match=r"no model 'vgg'.*notes, notes-deep"):
        architecture.list_model_layers("vgg")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_saved_model_tells_its_classes_and_predicts_the_same(tmp_path, suffix):
    import keras

    model = keras_models.build_model("notes", 32)
    keras_models.compile_for_training(model, 1e-3)
    path = tmp_path / f"model{suffix}"
    keras_models.save_model(model, path, {"classes": ["cats", "dogs"]})
    photos = np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32")
    assert keras_models.read_metadata(path) == {"classes": ["cats", "dogs"]}
    again = keras.models.load_model(path)
    assert np.array_equal(again(photos), model(photos))


def test_a_model_from_elsewhere_tells_nothing(tmp_path):
    keras_models.build_model("notes", 32).save(tmp_path / "m.keras")
    assert keras_models.read_metadata(tmp_path / "m.keras") == {}


def test_accuracy_on_mixed_labels_counts_the_larger_share():
    metric = keras_models.SoftLabelAccuracy()
    metric.update_state(np.array([[0.8], [0.3], [0.6]]), np.array([[0.9], [0.2], [0.1]]))
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_three_classes_learn_from_mixed_labels():
    model = keras_models.build_model("notes", 64, ("a", "b", "c"))
    keras_models.compile_for_training(model, 1e-3, shares=True)
    images = np.zeros((4, 64, 64, 3), np.float32)
    labels = np.full((4, 3), 1 / 3, np.float32)
    loss, _ = model.train_on_batch(images, labels)
    assert float(loss) == pytest.approx(np.log(3), abs=0.1)
