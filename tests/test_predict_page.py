"""The Predict page: a model, photos, and an answer for each."""

import json
import threading
import time

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import training_domain
from catdog_core.base import jobs
from catdog_core.data import datasets, photo_domain, sample_photos
from catdog_core.imaging import decode
from catdog_core.runs import model_registry
from catdog_ui.predict import predict_results
from catdog_ui.session import InputPhoto

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A small untrained model of the lab."""
    from catdog_core.models import keras_models

    path = tmp_path_factory.mktemp("model") / "best.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 32), path, {"format": 1, "classes": ["cats", "dogs"]}
    )
    return path


@pytest.fixture(scope="module")
def foreign_file(tmp_path_factory):
    """A model as other code saves it: no rescaling inside, no class names."""
    import keras

    path = tmp_path_factory.mktemp("foreign") / "model.h5"
    layers = [keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2, "softmax")]
    keras.Sequential(layers).save(path)
    return path


def photo(value=120):
    return decode.encode_photo(np.full((40, 50, 3), value, dtype=np.uint8))


def page(**query):
    """The page at its figures, which stand as a table."""
    return fakes.open_page("6_Predict", tab="figures", **query)


def run_with_model(model_file):
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(model_file.read_bytes())
    return folder


def test_without_a_run_the_model_that_comes_with_the_lab_is_ready():
    app = page()
    assert not app.exception
    assert app.selectbox(key="chosen_run").value == "default"
    assert "Built-in model." in fakes.joined_text(app.caption)


def test_without_any_model_the_page_says_what_to_do(monkeypatch):
    monkeypatch.setattr(model_registry, "load_default_run", lambda: None)
    app = page()
    assert not app.exception
    assert "No run has a model yet" in fakes.joined_text(app.info)


def test_a_model_is_not_loaded_before_there_are_photos():
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(b"no model, but nobody looks")
    app = page(run=folder.name)
    assert not app.exception and not app.error
    assert "Drop in your own photos" in fakes.joined_text(app.caption)


def test_photos_get_a_row_each_and_unreadable_ones_a_reason(model_file):
    app = page(run=run_with_model(model_file).name)
    files = [("a.jpg", photo(), "image/jpeg"), ("b_c.png", b"text", "image/png")]
    app.file_uploader("predict_photos").set_value(files).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["Photo"]) == ["a.jpg"]
    assert table["p_0"][0] + table["p_1"][0] == pytest.approx(1)
    assert "1 of 2 photos couldn't be read" in fakes.joined_text(app.warning)


def test_photos_of_the_validation_set_can_be_tried(model_file, demo):
    from catdog_core.data import datasets

    folder = run_with_model(model_file)
    app = page(run=folder.name, dataset=datasets.open_folder(demo).id)
    app.button("predict_try").click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 12
    app.query_params["tab"] = "answers"
    app.run()
    app.slider[0].set_value(50).run()
    assert "of 12 right" in fakes.joined_text(app.caption)


def test_two_sessions_share_one_model(model_file, monkeypatch):
    from catdog_core.analysis import predict
    from catdog_core.server import loaded_models

    loads, plain = [], predict.load_predictor
    monkeypatch.setattr(predict, "load_predictor", lambda path: loads.append(path) or plain(path))
    loaded_models.forget_models()
    folder = run_with_model(model_file)
    for _ in range(2):
        app = page(run=folder.name)
        app.file_uploader("predict_photos").set_value([("a.jpg", photo(), "image/jpeg")]).run()
        assert not app.exception
    assert loads == [folder / "best.keras"]


def many(count):
    return [(f"{n}.jpg", photo(n), "image/jpeg") for n in range(count)]


def test_many_photos_are_looked_at_in_the_background(model_file, monkeypatch):
    from catdog_core.analysis import predict

    begin, plain = threading.Event(), predict.predict_photos

    def slowly(model, files):
        begin.wait(60)
        return plain(model, files)

    monkeypatch.setattr(predict, "predict_photos", slowly)
    app = page(run=run_with_model(model_file).name)
    app.file_uploader("predict_photos").set_value(many(70)).run()
    assert not app.exception and not app.dataframe  # the page is drawn, and can be used
    begin.set()
    settled(app)
    assert len(app.dataframe[0].value) == 70


def test_a_stopped_look_keeps_what_it_has(model_file, monkeypatch):
    from catdog_core.analysis import predict

    plain = predict.predict_photos

    def stopping(model, files):
        next(job for job in jobs._jobs.values() if job.status == "running").stop()
        return plain(model, files)

    monkeypatch.setattr(predict, "predict_photos", stopping)
    app = page(run=run_with_model(model_file).name)
    app.file_uploader("predict_photos").set_value(many(70)).run()
    settled(app)
    assert "Stopped after 32 of 70 photos" in fakes.joined_text(app.info)
    assert len(app.dataframe[0].value) == 32


def settled(app):
    """Wait for the work in the background, and draw the page once more."""
    while any(job.status == "running" for job in jobs._jobs.values()):
        time.sleep(0.05)
    app.run()
    assert not app.exception and not app.error


def test_photos_can_be_pasted_and_put_away(default_model_loaded):
    app = page()
    app.segmented_control("predict_source").set_value("clipboard").run()
    assert not app.exception
    fakes.page_state(app).predict.pasted_photos = [InputPhoto("shot.png", "one", photo())]
    app.run()
    assert app.dataframe[0].value["Photo"][0] == "shot.png"
    app.button("predict_unpaste").click().run()
    assert not app.exception and not app.dataframe


def test_the_energy_stands_beside_the_entropy(model_file):
    app = page(run=run_with_model(model_file).name)
    app.file_uploader("predict_photos").set_value(many(2)).run()
    table = app.dataframe[0].value
    scores = np.log(table["p_1"] / table["p_0"])
    assert list(table["Energy"]) == pytest.approx(
        list(-np.log(np.exp(scores / 2) + np.exp(-scores / 2))), abs=0.006
    )
    assert "before the sigmoid" in fakes.joined_text(app.caption)
    assert "highest for" in fakes.joined_text(app.caption)


def test_a_foreign_model_is_asked_for_its_scale_and_names(foreign_file):
    app = page()
    app.segmented_control("predict_kind").set_value("file").run()
    data = foreign_file.read_bytes()
    app.file_uploader("predict_model").set_value([("model.h5", data, "")]).run()
    assert not app.exception
    assert app.radio("predict_scale").value == "0..1"
    app.text_input("predict_names_2").set_value("cats, dogs")
    app.file_uploader("predict_photos").set_value([("a.jpg", photo(), "image/jpeg")]).run()
    scales = app.dataframe[0].value
    assert next(iter(scales["Range"])).startswith("0 to 255") and len(scales) == 5
    app.slider[0].set_value(50).run()
    assert app.dataframe[1].value["Class"][0] in ("cats", "dogs")


def drawn_run(model_file):
    """A run that was trained on the demo dataset of drawn pets."""
    folder = run_with_model(model_file)
    settings = json.loads((folder / "settings.json").read_text())
    settings["dataset"] |= {"id": "demo", "domain": "drawn"}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def test_a_model_of_drawings_says_so_and_the_built_in_one_answers_beside_it(
    model_file, default_model_loaded
):
    folder = drawn_run(model_file)
    app = fakes.open_page("6_Predict", run=folder.name)
    app.button("predict_samples").click().run()
    assert "has only seen drawings" in fakes.joined_text(app.warning)
    cards = fakes.joined_text(app.get("html"))
    assert "Built-in model" not in cards
    app.button("predict_built_in").click().run()
    assert not app.exception
    assert fakes.joined_text(app.get("html")).count("Built-in model") == 4
    assert "and the built-in model 2." in fakes.joined_text(app.caption)
    app.button("predict_built_in").click().run()
    assert "Built-in model" not in fakes.joined_text(app.get("html"))


def test_samples_and_both_models_survive_a_reload(model_file, demo, default_model_loaded):
    dataset = datasets.open_folder(demo)
    app = page(run=drawn_run(model_file).name, dataset=dataset.id)
    app.query_params["tab"] = "answers"
    for _ in range(2):
        app.button("predict_try").click().run()
    app.button("predict_built_in").click().run()
    cards = fakes.joined_text(app.main.get("html"))
    assert cards.count("Built-in model") == 12
    again = fakes.open_page("6_Predict", **fakes.page_address(app))
    assert not again.exception and fakes.joined_text(again.main.get("html")) == cards
    again.button("predict_built_in").click().run()
    assert "built_in" not in again.query_params
    again.button("predict_neither").click().run()
    assert fakes.page_address(again)["try"] == "no-pets"


@pytest.mark.parametrize("source", ["unlabeled", "validation", "?.3", "samples.x"])
def test_samples_that_an_address_cannot_have_are_left_out(model_file, source):
    app = page(run=run_with_model(model_file).name, **{"try": source})
    assert not app.exception
    assert ("try" in app.query_params) is source.startswith("samples")


@pytest.mark.parametrize(
    ("domains", "says"), [(("drawn",), False), (("drawn", None), True), (("photos",), True)]
)
def test_drawings_are_no_surprise_to_a_model_of_drawings(model_file, domains, says):
    run = runs.load_run(drawn_run(model_file))
    assert bool(training_domain.describe_domain(run, domains)) is says


def test_nothing_is_said_where_the_training_photos_are_unknown(model_file):
    run = runs.load_run(run_with_model(model_file))
    for unknown in (run, None):
        assert training_domain.describe_domain(unknown, [None, "drawn", "photos"]) == ""
    built_in = model_registry.load_default_run()
    assert "seen real photos" in training_domain.describe_domain(built_in, ["drawn"])
    assert training_domain.describe_domain(built_in, ["photos", None]) == ""


def test_the_built_in_model_is_right_on_the_samples(default_model_loaded):
    app = page()
    app.button("predict_samples").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["Actual class"]) == ["cats", "dogs", "", ""]
    assert list(table["Class"])[:2] == ["cats", "dogs"]
    assert table["Class"][2] == "unsure"  # a raccoon


def test_samples_are_small_and_have_credits():
    credits = (sample_photos._FOLDER / "CREDITS.md").read_text()
    for path in sample_photos._FOLDER.glob("*.jpg"):
        assert path.stat().st_size < 60_000 and f"`{path.name}`" in credits
    assert {one.domain for one in sample_photos.SAMPLES} == {"drawn", "photos"}
    assert photo_domain.is_drawn_photo(sample_photos.SAMPLES[1].read())


def test_a_file_that_is_no_model_is_refused_in_one_sentence():
    app = page()
    app.segmented_control("predict_kind").set_value("file").run()
    app.file_uploader("predict_model").set_value([("cat.keras", b"meow", "")]).run()
    assert not app.exception
    assert "isn't a Keras model." in fakes.joined_text(app.error)


def test_texts_on_cards_are_escaped():
    card = predict_results.PredictionCard("<b>.jpg", b"", "<i>", (0.25, 0.75), truth="<u>")
    text = predict_results.cards_html(["<i>", "dogs"], [card])
    assert "<b>" not in text and "<i>" not in text and "<u>" not in text
    assert "75.0%" in text


def test_of_many_classes_the_likeliest_get_bars():
    card = predict_results.PredictionCard("a", b"", "c9", tuple(n / 45 for n in range(10)))
    text = predict_results.cards_html([f"c{n}" for n in range(10)], [card])
    assert "c9" in text and "c5" in text and "c4" not in text


def test_a_folder_becomes_one_table_in_natural_order(model_file):
    app = page(run=run_with_model(model_file).name)
    app.segmented_control("predict_source").set_value("folder").run()
    names = ["pile/10.jpg", "pile/2.jpg", "pile/sub/1.jpg", "pile/notes.txt", "pile/.DS_Store"]
    files = [(name, photo(), "image/jpeg") for name in names]
    app.file_uploader("predict_folder").set_value(files).run()
    assert not app.exception
    assert list(app.dataframe[0].value["Photo"]) == ["2.jpg", "10.jpg", "sub/1.jpg"]
    assert "notes.txt" in fakes.joined_text(app.caption)
