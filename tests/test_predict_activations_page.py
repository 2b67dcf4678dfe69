"""The X-ray on the Predict page: closer looks at a photo inside a network."""

import time

import fakes
import keras
import numpy as np
import pytest
from keras import layers as kl

from catdog_core.analysis import activations, predict
from catdog_core.base import jobs
from catdog_core.imaging import decode
from catdog_core.models import keras_models
from catdog_core.training import epoch_weights
from catdog_ui.predict import activations_view
from catdog_ui.predict.activation_selection import ActivationSelection

pytestmark = pytest.mark.usefixtures("workspace")


def photo(value=120):
    photo = np.full((40, 50, 3), value, dtype=np.uint8)
    photo[10:30, 10:30] = (250, 40, 90)
    return decode.encode_photo(photo)


@pytest.fixture(scope="module")
def notes():
    keras.utils.set_random_seed(0)
    return keras_models.build_model("notes", 48)


def opened(model, epochs=(), **query):
    """The X-ray of a run with this model."""
    folder = fakes.make_run()
    keras_models.save_model(
        model, folder / "best.keras", {"format": 1, "classes": ["cats", "dogs"]}
    )
    for epoch, weights in enumerate(epochs):
        epoch_weights.save_epoch_weights(folder, epoch, weights, 8)
    app = fakes.open_page("6_Predict", run=folder.name, tab="look", look="xray", **query)
    files = [(f"{n}.jpg", photo(100 + n), "image/jpeg") for n in range(2)]
    app.file_uploader("predict_photos").set_value(files).run()
    assert not app.exception and not app.error
    return app


def look(app, name):
    """What the captions say once a closer look is chosen."""
    control = next(x for x in app.segmented_control if x.key.startswith("predict_xray_look"))
    control.set_value(name).run()
    assert not app.exception and not app.error
    return fakes.joined_text(app.caption)


def settled(app):
    """Wait for the work in the background, and draw the page once more."""
    while any(job.status == "running" for job in jobs._jobs.values()):
        time.sleep(0.05)
    app.run()
    assert not app.exception and not app.error


def test_each_closer_look_says_how_to_read_it_and_what_it_shows(notes):
    app = opened(notes)
    text = fakes.joined_text(app.caption)
    assert "channels vary most over this photo, each scaled separately." in text
    assert "sees 3 × 3 px of 48 × 48" in text and "covers 0.39% of the photo" in text
    assert "filters of the first convolution" in look(app, "filters")
    text = look(app, "pooling")
    assert "each window of 2 × 2 values" in text and "529 of 2,116 values are kept" in text
    assert "Of 2 photos (the photos above)" in look(app, "strongest")
    assert [x for x in app.segmented_control if x.key == "predict_xray_look_4"]  # no epochs


def test_the_strongest_photos_come_from_the_validation_set(notes, demo):
    from catdog_core.data import datasets

    app = opened(notes, dataset=datasets.open_folder(demo).id)
    text = look(app, "strongest")
    assert "Of 24 photos" in text and "of these 8 photos are labeled" in text


def test_an_earlier_epoch_shows_what_the_network_was_then(notes):
    last = notes.get_weights()
    app = opened(notes, [[0 * one for one in last], last])
    text = fakes.joined_text(app.caption)
    assert "with 0, the strongest with 0" not in text
    slider = next(x for x in app.select_slider if x.key.startswith("predict_xray_epoch"))
    slider.set_value(0).run()
    assert not app.exception
    assert "with 0, the strongest with 0" in fakes.joined_text(app.caption)
    look(app, "epochs")
    settled(app)
    assert "The first or the last map has the same value everywhere." in fakes.joined_text(
        app.caption
    )


def test_damaged_weights_of_an_epoch_are_told(notes):
    app = opened(notes, [notes.get_weights()])
    (run,) = (path for path in epoch_files())
    run.write_bytes(b"PK no more")
    slider = next(x for x in app.select_slider if x.key.startswith("predict_xray_epoch"))
    slider.set_value(0).run()
    assert not app.exception
    assert "can't be read" in fakes.joined_text(app.error)


def epoch_files():
    from catdog_core import runs

    return runs.runs_folder().glob("*/epochs/*.npz")


def test_a_network_with_skip_connections_and_without_pooling(notes):
    photos = keras.Input((40, 40, 3))
    x = kl.Conv2D(3, 3, padding="same", strides=2)(photos)
    x = kl.Add()([x, kl.Conv2D(3, 3, padding="same")(x)])
    out = kl.Dense(2, "softmax")(kl.GlobalAveragePooling2D()(x))
    app = opened(keras.Model(photos, out))
    look(app, "pooling")
    assert "No max pooling follows" in fakes.joined_text(app.info)


def test_the_map_can_be_clicked_wherever_it_is_and_shows_the_chosen_unit(notes):
    model = predict.build_predictor("model", notes, {"classes": ["cats", "dogs"]})
    layer = activations.list_map_layers(model)[1]
    fitted = np.zeros((48, 48, 3), np.uint8)
    values = activations.compute_activations(model, fitted[None], layer.index)[0]
    what = ActivationSelection(None, model, fitted, [], [layer], layer, 3, values, {})
    chart = activations_view.channel_figure(what, 7, 11)
    assert len(chart.data[0].x) == 46 * 46
    assert (list(chart.data[1].x), list(chart.data[1].y)) == ([11], [7])
    assert list(chart.data[0].customdata[47]) == [1, 1, f"{values[1, 1, 3]:.3g}"]


def test_the_most_varied_map_comes_first_and_a_flat_one_last():
    values = np.zeros((4, 4, 3), np.float32)
    values[..., 0] = 9  # bright, and the same everywhere
    values[2, 2, 1], values[1, 1, 2] = 1, 3
    order = activations_view.order_channels(values)
    assert order == [2, 1, 0]
    chart = activations_view.thumbnail_figure(values, order, 1)
    assert list(chart.data[1].customdata) == order and len(chart.layout.images) == 1
    (frame,) = chart.layout.shapes
    assert frame.x0 < chart.data[1].x[1] < frame.x1
