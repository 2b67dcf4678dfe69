"""Models from elsewhere on the Evaluate page, and how they are kept."""

import fakes
import model_factory
import numpy as np
import pytest
from evaluated_runs import (
    caption_text,
    make_dataset_run,
    open_evaluate_page,
    show_tab,
    wait_for_job,
    write_answers,
)

from catdog_core.analysis import predictions
from catdog_core.base import access, files, jobs, trash
from catdog_core.base.errors import AccessError, CatDogError, ModelError
from catdog_core.runs import model_registry

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A model as other code saves it, which calls photos brighter than 0.5 the second class."""
    folder = tmp_path_factory.mktemp("foreign")
    return model_factory.save_foreign_model(folder, 10.0, -15.0).read_bytes()


def test_a_file_asked_otherwise_is_another_guest_and_the_same_one_is_kept_once():
    one = model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..1")
    assert model_registry.register_imported_model(b"x", "other.h5", ["cats", "dogs"], "0..1") == one
    others = [
        model_registry.register_imported_model(b"x", "m.h5", ["dogs", "cats"], "0..1"),
        model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..255"),
        model_registry.register_imported_model(b"y", "m.h5", ["cats", "dogs"], "0..1"),
    ]
    assert len({one.folder, *(other.folder for other in others)}) == 4
    assert (
        model_registry.find_imported_model(one.folder) == one
        and len(model_registry.list_imported_models()) == 4
    )
    assert model_registry.find_imported_model(fakes.make_run()) is None


@pytest.mark.parametrize("names", [["cats"], ["cats", "cats"], []])
def test_names_that_cannot_be_told_apart_are_refused(names):
    with pytest.raises(ModelError, match="two or more different names"):
        model_registry.register_imported_model(b"x", "m.h5", names, "0..1")
    assert model_registry.list_imported_models() == []


def test_a_full_disk_leaves_no_half_of_a_guest(monkeypatch):
    def fail(path, value):
        raise CatDogError("The disk is full.")

    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(CatDogError, match="disk is full"):
        model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..1")
    assert list(model_registry.imported_models_folder().iterdir()) == []


def test_a_damaged_guest_is_left_out_and_the_page_goes_on(dataset):
    model_registry.register_imported_model(b"x", "good.h5", ["cats", "dogs"], "0..1")
    bad = model_registry.register_imported_model(b"y", "bad.h5", ["cats", "dogs"], "0..1")
    (bad.folder / "guest.json").write_bytes(b"{")
    assert [imported.name for imported in model_registry.list_imported_models()] == ["good.h5"]
    assert "good.h5 (imported)" in open_evaluate_page().selectbox("chosen_run").options


def test_a_deleted_guest_comes_back_with_its_answers(dataset):
    imported = model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..1")
    write_answers(imported.folder, dataset)
    app = open_evaluate_page(run=imported.folder.name)
    app.button("evaluate_guest_delete").click().run()
    assert not app.exception and model_registry.list_imported_models() == []
    assert "model “m.h5”" in caption_text(app)
    trash.restore_from_trash(trash.list_trash()[0].id)
    assert predictions.read_predictions(imported.folder, dataset, "validation").table is not None


def test_a_model_from_elsewhere_is_uploaded_named_asked_and_compared(dataset, foreign):
    other = make_dataset_run(dataset)
    write_answers(other, dataset)
    app = open_evaluate_page()
    app.file_uploader("evaluate_model").set_value([("model.h5", foreign, "")]).run()
    assert not app.exception and not app.error
    assert app.text_input("evaluate_names_2").value == "cats, dogs"  # as the dataset's
    app.text_input("evaluate_names_2").set_value("dogs, cats").run()
    app.button("evaluate_guest_keep").click().run()
    (imported,) = model_registry.list_imported_models()
    assert imported.classes == ("dogs", "cats") and app.query_params["run"] == imported.folder.name
    assert "Outputs in order: dogs, cats" in caption_text(app)
    key = f"evaluate-{imported.folder.name}-{dataset.id}-validation"
    app.button(f"start_{key}").click().run()
    wait_for_job(jobs.get_job(key))
    app.run()
    assert not app.exception and not app.error
    text = caption_text(app)
    assert "of 24 predictions are correct" in text
    assert "doesn't know which photos this model was trained on" in text
    assert "“model.h5”" in caption_text(show_tab(app, "versus"))  # set against the run
    show_tab(app, "mistakes")
    assert not [b for b in app.button if b.key == "evaluate_again"]
    bright = predictions.read_predictions(
        imported.folder, dataset, "validation"
    ).table.probabilities[:, 0]
    assert 0 <= bright.min() < bright.max() <= 1


def test_its_answers_follow_its_names_and_its_range_of_values(dataset, foreign):
    from catdog_ui import loaders

    tables = []
    for classes, scale in ((("cats", "dogs"), "0..1"), (("dogs", "cats"), "0..1")):
        imported = model_registry.register_imported_model(foreign, "model.h5", classes, scale)
        loaders.evaluate_run(imported.folder, dataset, "validation", jobs.Job("x"))
        tables.append(
            predictions.read_predictions(imported.folder, dataset, "validation").table.probabilities
        )
    assert np.allclose(tables[0], tables[1][:, ::-1])
    imported = model_registry.register_imported_model(
        foreign, "model.h5", ("cats", "dogs"), "0..255"
    )
    loaders.evaluate_run(imported.folder, dataset, "validation", jobs.Job("x"))
    white = predictions.read_predictions(imported.folder, dataset, "validation").table.probabilities
    assert white[:, 1].min() > 0.999  # all photos are far brighter than 0.5 of 255


def test_a_file_that_is_no_model_is_refused_in_one_sentence_and_not_kept(dataset):
    app = open_evaluate_page()
    app.file_uploader("evaluate_model").set_value([("cat.keras", b"meow", "")]).run()
    assert not app.exception and "isn't a Keras model." in fakes.joined_text(app.error)
    assert model_registry.list_imported_models() == []


def test_the_audience_of_a_shared_lab_keeps_no_model(dataset, monkeypatch):
    monkeypatch.setenv("CATDOG_ACCESS", '{"shared": true}')
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("", "audience"))
    with pytest.raises(AccessError):
        model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..1")


def test_a_student_deletes_own_models_only(dataset, monkeypatch):
    monkeypatch.setenv("CATDOG_ACCESS", '{"shared": true}')
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("mina", "student"))
    imported = model_registry.register_imported_model(b"x", "m.h5", ["cats", "dogs"], "0..1")
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("jun", "student"))
    with pytest.raises(AccessError, match="mina"):
        model_registry.remove_imported_model(imported)
    assert model_registry.list_imported_models() == [imported]


def test_a_file_that_is_silent_about_its_values_shows_what_each_range_gives(dataset, foreign):
    app = open_evaluate_page()
    app.file_uploader("evaluate_model").set_value([("model.h5", foreign, "")]).run()
    assert not app.exception and not app.error
    assert app.radio("evaluate_scale").options == [
        "0 to 1, as after rescale=1/255",
        "0 to 255 (the model rescales)",
        "−1 to 1, as after x / 127.5 − 1",
        "ImageNet mean and deviation, as in PyTorch",
        "BGR minus ImageNet means, as for VGG16",
    ]
    (table,) = [f.value for f in app.dataframe if "Range" in f.value.columns]
    answers = dict(zip(table["Range"], table["Predictions"], strict=True))
    assert answers["0 to 255 (the model rescales)"] == "dogs × 8"  # all are far brighter than 0.5
    assert set(table["Correct"].str.endswith("/ 8")) == {True}
    app.radio("evaluate_scale").set_value("-1..1").run()
    app.button("evaluate_guest_keep").click().run()
    assert [each.scale for each in model_registry.list_imported_models()] == ["-1..1"]


def test_a_model_of_other_names_for_the_same_classes_is_evaluated_and_it_is_said(dataset, foreign):
    imported = model_registry.register_imported_model(foreign, "m.h5", ["Dog", "Cat"], "0..1")
    app = open_evaluate_page(run=imported.folder.name)
    assert "Cat = cats, Dog = dogs" in caption_text(app)
    from catdog_ui import loaders

    loaders.evaluate_run(imported.folder, dataset, "validation", jobs.Job("x"))
    table = predictions.read_predictions(imported.folder, dataset, "validation").table
    straight = model_registry.register_imported_model(foreign, "m.h5", ["dogs", "cats"], "0..1")
    loaders.evaluate_run(straight.folder, dataset, "validation", jobs.Job("x"))
    same = predictions.read_predictions(straight.folder, dataset, "validation").table
    assert table.classes == ("cats", "dogs") and (table.probabilities == same.probabilities).all()


def test_classes_that_nothing_matches_are_mapped_by_the_user(dataset, foreign):
    imported = model_registry.register_imported_model(foreign, "m.h5", ["dim", "bright"], "0..1")
    app = open_evaluate_page(run=imported.folder.name)
    assert "other class names than the model (dim, bright)" in fakes.joined_text(app.info)
    first, second = (f"evaluate_map_{imported.folder.name}_{dataset.id}_{n}" for n in (0, 1))
    app.selectbox(first).set_value("bright").run()
    key = f"evaluate-{imported.folder.name}-{dataset.id}-validation"
    assert not [b for b in app.button if b.key == f"start_{key}"]
    app.selectbox(second).set_value("bright").run()
    assert "once" in fakes.joined_text(app.warning)
    app.selectbox(second).set_value("dim").run()
    app.button(f"start_{key}").click().run()
    wait_for_job(jobs.get_job(key))
    stored = predictions.read_predictions(imported.folder, dataset, "validation")
    assert stored.table is not None
    # Another mapping is not answered with these numbers, and a new session starts with this one.
    again = predictions.read_predictions(imported.folder, dataset, "validation", ["dim", "bright"])
    assert again.problem == predictions.OTHER_MAPPING
    app = open_evaluate_page(run=imported.folder.name)
    assert app.selectbox(first).value == "bright" and not app.error
    assert "of 24 predictions are correct" in caption_text(app)
