"""The Augment page: sliders, variants, presets, links, sweeps, a model's answers, code, files."""

import re

import fakes
import numpy as np
import pytest

from catdog_core.augmentation import presets
from catdog_core.base.field_specs import describe_fields
from catdog_core.config import PRESETS, Augmentation
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.runs import model_registry
from catdog_ui.augment import augment_panels, augment_view
from catdog_ui.augment.augment_panels import VariantSet

pytestmark = pytest.mark.usefixtures("workspace")


def page(path="", **query):
    app = fakes.open_page(path, **query)
    assert not app.exception
    return app


def pictures(app):
    """The 20 variants, the steps of the sweep, and the original with the average."""
    sources = re.findall(r'<img src="([^"]+)"', " ".join(e.value for e in app.get("html")))
    return sources[:20], sources[22:], sources[20:22]


@pytest.fixture
def bench(demo):
    """The page on the drawn photos."""
    return page("2_Augment", dataset=datasets.open_folder(demo).id)


def test_the_sliders_are_those_of_the_settings(bench):
    for control in describe_fields(Augmentation):
        if control.kind == "float":
            slider = bench.slider(f"augment_{control.name}")
            assert (slider.min, slider.max) == (control.low, control.high)
            assert slider.value == control.default


def test_a_moved_slider_changes_the_20_variants(bench):
    before, _, (original, average) = pictures(bench)
    bench.slider("augment_rotation_range").set_value(90.0).run()
    after, _, summary = pictures(bench)
    assert len(set(before)) == len(set(after)) == 20
    assert all(one != two for one, two in zip(before, after, strict=True))
    assert summary[0] == original and summary[1] != average


def test_new_draw_and_reset(bench):
    first, _, _ = pictures(bench)
    bench.button("new_draw").click().run()
    assert pictures(bench)[0] != first
    bench.slider("augment_zoom_range").set_value(0.5).run()
    bench.button("augment_reset").click().run()
    assert pictures(bench)[0] == first


def test_a_preset_sets_the_sliders(bench):
    bench.segmented_control("augment_preset").set_value("strong").run()
    assert bench.slider("augment_brightness_range").value == PRESETS["strong"].brightness_range
    assert bench.selectbox("augment_fill_mode").value == "reflect"


def test_the_settings_go_to_training_and_outlive_the_page(bench):
    bench.slider("augment_rotation_range").set_value(45.0).run()
    variants = pictures(bench)[0]
    bench.button("use_in_training").click().run()
    assert fakes.page_state(bench).train.augmentation.rotation_range == 45
    bench.switch_page("pages/3_Train.py").run()
    assert "Rotation ±45°" in fakes.joined_text(bench.caption)
    bench.switch_page("pages/2_Augment.py").run()
    assert bench.slider("augment_rotation_range").value == 45
    assert pictures(bench)[0] == variants


def test_an_own_photo_is_used_and_no_photo_is_refused_in_a_sentence():
    app = page("2_Augment")
    photo = decode.encode_photo(np.full((50, 80, 3), 90, dtype=np.uint8))
    app.file_uploader("augment_upload").set_value([("mine.jpg", photo, "image/jpeg")]).run()
    assert len(pictures(app)[0]) == 20
    app.file_uploader("augment_upload").set_value([("mine.jpg", b"text", "image/jpeg")]).run()
    assert not app.exception
    assert "The lab can't read this file as a photo." in fakes.joined_text(app.error)


def test_links_open_with_their_settings_and_name_what_is_refused(demo):
    query = {"rotation_range": "33", "vertical_flip": "false", "zoom_range": "9", "hue_range": "x"}
    app = page("2_Augment", dataset=datasets.open_folder(demo).id, **query)
    assert app.slider("augment_rotation_range").value == 33
    assert app.toggle("augment_vertical_flip").value is False
    warning_text = fakes.joined_text(app.warning)
    assert "zoom\\_range is '9'" in warning_text and "from 0 to 0.9" in warning_text
    assert "hue\\_range is 'x'" in warning_text
    assert app.slider("augment_zoom_range").value == 0.1
    app.slider("augment_zoom_range").set_value(0.2).run()
    assert not app.warning


def test_the_address_follows_the_sliders(bench):
    bench.slider("augment_noise_range").set_value(12.0).run()
    scripts = [e.value for e in bench.get("html") if "replaceState" in e.value]
    assert len(scripts) == 1 and '"noise_range": "12"' in scripts[0]


def test_a_preset_of_ones_own_is_saved_loaded_and_deleted(bench):
    bench.slider("augment_blur_range").set_value(2.0).run()
    bench.text_input("augment_preset_name").set_value("foggy").run()
    bench.button("augment_preset_save").click().run()
    assert presets.find_preset("foggy").settings.blur_range == 2
    bench.button("augment_reset").click().run()
    assert bench.slider("augment_blur_range").value == 0
    bench.button("augment_preset_load").click().run()
    assert bench.slider("augment_blur_range").value == 2
    bench.button("augment_preset_delete").click().run()
    assert presets.find_preset("foggy")  # it asks first
    bench.button("augment_preset_delete_sure").click().run()
    assert presets.list_presets() == []


def test_a_name_no_preset_can_have_takes_nothing_away_from_the_page(bench):
    bench.text_input("augment_preset_name").set_value("a\u200bb").run()
    assert not bench.error and len(pictures(bench)[0]) == 20


def test_a_preset_without_a_fit_name_is_refused_in_a_sentence(bench):
    bench.text_input("augment_preset_name").set_value("strong").run()
    bench.button("augment_preset_save").click().run()
    assert "is a built-in preset." in fakes.joined_text(bench.error)
    assert presets.list_presets() == []


def test_a_file_from_elsewhere_is_refused_by_name_and_changes_nothing(bench):
    upload = ("theirs.json", b'{"rotation_range": 400}', "application/json")
    bench.file_uploader("augment_preset_file").set_value([upload]).run()
    error_text = fakes.joined_text(bench.error)
    assert "a number from 0 to 180" in error_text and "theirs.json" in error_text
    assert bench.slider("augment_rotation_range").value == 20


def test_a_presets_file_sets_the_sliders(bench):
    text = presets.dump_preset("shared", Augmentation(hue_range=25))
    upload = ("shared.json", text.encode(), "application/json")
    bench.file_uploader("augment_preset_file").set_value([upload]).run()
    assert bench.slider("augment_hue_range").value == 25
    assert bench.text_input("augment_preset_name").value == "shared"


def test_questions_stand_where_a_setting_makes_little_sense(bench):
    bench.segmented_control("augment_preset").set_value("none").run()
    assert ":material/help:" not in fakes.joined_text(bench.caption)
    bench.slider("augment_hue_range").set_value(120.0).run()
    assert fakes.joined_text(bench.caption).count(":material/help:") == 1


def test_every_number_tells_its_typical_range(bench):
    for control in describe_fields(Augmentation):
        if control.typical:
            assert "Typical:" in bench.slider(f"augment_{control.name}").help


def test_mixing_needs_no_more_than_the_slider_and_tells_the_shares(bench):
    before, _, _ = pictures(bench)
    bench.slider("augment_mixup_alpha").set_value(1.0).run()
    assert not bench.exception and pictures(bench)[0] != before
    gallery = next(e.value for e in bench.get("html") if e.value.count("<img") == 20)
    assert re.search(r'title="(cats|dogs) \d+%, (cats|dogs) \d+%', gallery)


def test_the_swept_setting_runs_from_end_to_end(bench):
    _, steps, _ = pictures(bench)
    assert len(steps) == 9
    bench.selectbox("augment_swept").set_value("fill_mode").run()
    _, modes, _ = pictures(bench)
    assert len(set(modes)) == 4


def test_the_average_is_that_of_the_variants(bench):
    bench.segmented_control("augment_preset").set_value("none").run()
    _, _, (original, average) = pictures(bench)
    assert original == average


def test_the_code_holds_the_settings(bench):
    bench.slider("augment_rotation_range").set_value(45.0)
    bench.segmented_control("augment_panel").set_value("code").run()
    codes = set()
    for library in ("ImageDataGenerator", "Keras layers", "CatDog Lab"):
        bench.segmented_control("augment_code").set_value(library).run()
        code = next(code.value for code in bench.code if "import" in code.value)
        assert "45" in code
        compile(code, "<page>", "exec")
        codes.add(code)
    assert len(codes) == 3


def test_without_a_model_the_panel_says_where_one_comes_from(bench, monkeypatch):
    monkeypatch.setattr(model_registry, "load_default_run", lambda: None)
    bench.segmented_control("augment_panel").set_value("model").run()
    assert "no trained model yet" in fakes.joined_text(bench.info)


def test_a_model_answers_for_each_variant(monkeypatch):
    class Model:
        classes, size = ("cats", "dogs"), 64

        def predict(self, photos):
            assert photos.shape == (21, 64, 64, 3)
            dogs = np.linspace(0.1, 0.9, 21)
            return np.stack([1 - dogs, dogs], axis=1)

    class Chosen:
        best_model = "best.keras"

    monkeypatch.setattr(augment_panels, "chosen_model", Chosen)
    monkeypatch.setattr(augment_panels.loaders, "load_predictor", lambda path: Model())
    photo = np.zeros((150, 150, 3), np.uint8)
    predictions = augment_panels.ask_model(VariantSet([photo] * 20, [], [""] * 20), photo)
    assert predictions.answers[0] == "cats 86%" and predictions.answers[-1] == "dogs 90%"
    assert sum(predictions.labels) == 10  # from 54 % up
    assert predictions.original_probabilities == pytest.approx([0.9, 0.1])


def test_the_contact_sheet_is_a_picture_or_a_pdf():
    photo = np.zeros((150, 150, 3), np.uint8)
    settings = Augmentation()
    subject = augment_view.SubjectPhoto(photo, "train/cats/cat.jpg", 0)
    variants = augment_view._draw_variants(subject, settings, None)
    assert augment_view._contact_sheet(photo, variants, settings, "png").startswith(b"\x89PNG")
    assert augment_view._contact_sheet(photo, variants, settings, "pdf").startswith(b"%PDF")


def test_the_first_photo_that_can_be_read_is_shown(tmp_path):
    datasets.make_demo(tmp_path / "pets", train=8, validation=8, size=32, seed=0)
    for name in ("cats/a.jpg", "cats/b.jpg"):  # before all others
        (tmp_path / "pets" / "train" / name).write_bytes(b"no photo")
    app = page("2_Augment", dataset=datasets.open_folder(tmp_path / "pets").id)
    assert not app.error
    assert len(set(pictures(app)[0])) == 20


def shown_size(app):
    return re.search(r"Shown at (\d+) × (\d+) px", fakes.joined_text(app.caption)).groups()


def test_photos_have_the_size_of_the_next_run(bench):
    assert shown_size(bench) == ("150", "150")
    before, _, _ = pictures(bench)
    bench.session_state["train_image_size"] = 64
    bench.run()
    assert not bench.exception
    assert shown_size(bench) == ("64", "64")
    assert pictures(bench)[0] != before


def test_photos_have_the_size_of_the_model_that_predicts_them(demo, monkeypatch):
    dataset = datasets.open_folder(demo)
    folder = fakes.make_run(image_size=96)
    fakes.add_fake_model(folder)
    seen = []

    def answer(variants, original, model):
        seen.append((original.shape, {photo.shape for photo in variants.photos}))
        return variants

    monkeypatch.setattr(augment_panels, "with_answers", answer)
    monkeypatch.setattr(augment_panels.loaders, "load_predictor", lambda path: None)
    app = page("2_Augment", dataset=dataset.id)
    app.segmented_control("augment_panel").set_value("model").run()
    app.selectbox("augment_model").set_value(folder.name).run()
    assert not app.exception and shown_size(app) == ("96", "96")
    assert seen[-1] == ((96, 96, 3), {(96, 96, 3)})


def test_a_hue_that_clips_is_told(bench):
    assert "clipped" not in fakes.joined_text(bench.caption)
    bench.slider("augment_hue_range").set_value(180.0).run()
    assert re.search(
        r"±180°, up to \d+% of this photo's pixels are clipped", fakes.joined_text(bench.caption)
    )
