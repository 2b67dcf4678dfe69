"""The Predict page beyond its answers: heat maps, unsure photos, files in folders, votes, X-ray."""

import base64
import io
import re
import threading
import time
import zipfile

import fakes
import keras
import numpy as np
import pytest

from catdog_core.analysis import gradcam, ood_examples
from catdog_core.analysis.predict import Prediction
from catdog_core.base import jobs
from catdog_core.config import Augmentation
from catdog_core.imaging import decode
from catdog_core.models import keras_models
from catdog_ui.predict import predict_panels

pytestmark = pytest.mark.usefixtures("workspace")


def photo(value=120):
    photo = np.full((40, 50, 3), value, dtype=np.uint8)
    photo[10:30, 10:30] = (250, 40, 90)
    return decode.encode_photo(photo)


def opened(model, count=2, **query):
    """The page with a run of this model and some photos."""
    folder = fakes.make_run()
    keras_models.save_model(
        model, folder / "best.keras", {"format": 1, "classes": ["cats", "dogs"]}
    )
    app = fakes.open_page("6_Predict", run=folder.name, **query)
    files = [(f"{n}.jpg", photo(100 + n), "image/jpeg") for n in range(count)]
    app.file_uploader("predict_photos").set_value(files).run()
    assert not app.exception
    return app


def pictures(app, size=(40, 50)):
    """The pictures of this height and width on the page, (N, H, W, 3)."""
    text = " ".join(str(html.proto.body) for html in app.get("html"))
    encoded = re.findall(r"data:image/jpeg;base64,([^\"]+)", text)
    decoded = [decode.decode_photo(base64.b64decode(one)) for one in encoded]
    return np.stack([one for one in decoded if one.shape[:2] == size]).astype(int)


@pytest.fixture(scope="module")
def notes():
    keras.utils.set_random_seed(0)
    return keras_models.build_model("notes", 32)


def test_heat_maps_lie_over_the_photos_as_much_as_the_slider_says(notes):
    app = opened(notes)
    plain = pictures(app)
    app.query_params["tab"] = "look"
    app.run()
    assert not app.exception
    half = pictures(app)
    app.slider("predict_heat_opacity").set_value(0).run()
    assert plain.shape == half.shape and not np.allclose(plain, half, atol=20)
    assert np.array_equal(pictures(app), plain)
    assert "Grad-CAM" in fakes.joined_text(app.caption)


def test_maps_of_many_photos_come_later_and_the_cards_are_there_meanwhile(notes, monkeypatch):
    begin, plain = threading.Event(), gradcam.heat_maps
    monkeypatch.setattr(gradcam, "heat_maps", lambda *asked: begin.wait(60) and plain(*asked))
    app = opened(notes, 6)
    plain_cards = pictures(app)
    app.query_params["tab"] = "look"
    app.run()
    assert not app.exception
    assert np.array_equal(pictures(app), plain_cards) and "Grad-CAM" not in fakes.joined_text(
        app.caption
    )
    begin.set()
    while any(job.status == "running" for job in jobs._jobs.values()):
        time.sleep(0.05)
    app.run()
    assert not np.allclose(pictures(app), plain_cards, atol=20)
    assert "Grad-CAM" in fakes.joined_text(app.caption)


def test_both_classes_have_maps_of_their_own(notes):
    app = opened(notes)
    app.query_params["tab"] = "look"
    app.run()
    shown = []
    for label in (0, 1):
        app.selectbox("predict_heat_class_2").set_value(label).run()
        assert not app.exception
        shown.append(pictures(app))
    assert not np.allclose(*shown, atol=20)


def test_a_network_without_places_is_told_in_a_sentence_and_the_photos_stay():
    layers = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    app = opened(keras.Sequential(layers))
    app.query_params["tab"] = "look"
    app.run()
    assert not app.exception
    assert "no convolution" in fakes.joined_text(app.warning)
    assert len(pictures(app)) == 2


def test_photos_below_the_threshold_are_unsure_and_told(notes):
    app = opened(notes)
    (threshold,) = app.slider
    threshold.set_value(50).run()
    assert "unsure" not in fakes.joined_text(app.caption)
    app.slider[0].set_value(100).run()
    assert not app.exception
    assert "2 of 2 photos are unsure" in fakes.joined_text(app.caption)
    assert "so the model can't answer “none of these”" in fakes.joined_text(app.caption)
    app.query_params["tab"] = "figures"
    app.run()
    table = app.dataframe[0].value
    assert list(table["Class"]) == ["unsure"] * 2
    assert all(0 < bits <= 1 for bits in table["Entropy (bits)"])


def test_photos_are_downloaded_in_folders():
    rows = [
        ("a.jpg", b"1", Prediction("a.jpg", "cats", (0.9, 0.1))),
        ("b.jpg", b"2", Prediction("b.jpg", "dogs", (0.4, 0.6))),
    ]
    data = predict_panels._build_zip(("cats", "dogs"), 0.7, rows)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["cats/a.jpg", "unsure/b.jpg"]
        assert archive.read("unsure/b.jpg") == b"2"


def test_twenty_variants_vote_with_their_spread(notes):
    app = opened(notes, tab="look", look="vote")
    assert "of 20 votes" in fakes.joined_text(
        app.caption
    ) and "mean probability of" in fakes.joined_text(app.caption)
    assert len(pictures(app, (32, 32))) == 20


def test_votes_are_those_of_the_preview_and_the_model():
    class Model:
        size, classes = 8, ("dark", "bright")

        def predict(self, photos):
            bright = photos.mean(axis=(1, 2, 3)) / 255
            return np.stack([1 - bright, bright], axis=1)

    photo = np.full((8, 8, 3), 204, np.uint8)
    dim = Augmentation(brightness_range=(0.1, 1.0))
    variants = predict_panels.predict_variants(Model(), photo, dim)
    assert variants.original_probabilities == pytest.approx([0.2, 0.8])
    assert len(variants.labels) == 20 and set(variants.labels) == {0, 1}
    assert variants.probabilities[:, 1].std() > 0.1


def test_pictures_of_no_pets_can_be_tried_and_put_away_by_photos(notes):
    folder = fakes.make_run()
    keras_models.save_model(
        notes, folder / "best.keras", {"format": 1, "classes": ["cats", "dogs"]}
    )
    app = fakes.open_page("6_Predict", run=folder.name)
    app.button("predict_neither").click().run()
    assert not app.exception
    assert "right" not in fakes.joined_text(app.caption)
    assert "so the model can't answer “none of these”" in fakes.joined_text(app.caption)
    app.query_params["tab"] = "figures"
    app.run()
    assert list(app.dataframe[0].value["Photo"])[-1] == "a car.jpg"
    app.file_uploader("predict_photos").set_value([("a.jpg", photo(), "image/jpeg")]).run()
    assert list(app.dataframe[0].value["Photo"]) == ["a.jpg"]


def test_the_pictures_are_the_same_each_time_and_differ():
    drawn = [ood_examples.draw_example(name) for name in ood_examples.TITLES]
    assert all(one.shape == (320, 320, 3) and one.dtype == np.uint8 for one in drawn)
    assert np.array_equal(drawn, [ood_examples.draw_example(name) for name in ood_examples.TITLES])
    assert len({one.tobytes() for one in drawn}) == len(drawn)
