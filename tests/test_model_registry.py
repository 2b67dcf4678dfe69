"""One list of models: each is in every picker, found by id or name, renamed, deleted, exported."""

import json

import fakes
import model_factory
import numpy as np
import pytest
from fakes import run_cli as run

from catdog_core.analysis import predict
from catdog_core.base import access, trash
from catdog_core.base.errors import AccessError
from catdog_core.data import datasets
from catdog_core.imaging import decode
from catdog_core.runs import model_registry

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A model of another program: bright photos are of its second class, values are 0 to 255."""
    return model_factory.save_foreign_model(tmp_path_factory.mktemp("foreign"), 0.02, -7.65)


@pytest.fixture
def imported(foreign):
    return model_registry.register_imported_model(
        foreign.read_bytes(), "theirs.h5", ["night", "day"], "0..255"
    )


def photo(value=240):
    return decode.encode_photo(np.full((40, 50, 3), value, np.uint8))


def test_every_kind_of_model_is_in_one_list(imported):
    folder = fakes.make_run("mine")
    fakes.make_run("without a model")
    fakes.add_fake_model(folder)
    models = model_registry.list_models()
    assert [model.id for model in models] == [folder.name, "default", imported.id]
    assert all(model.best_model.is_file() for model in models)
    assert [model.classes for model in models][2] == ("night", "day")
    scales = [model_registry.get_model_scale(model) for model in models]
    assert scales == ["0..255", "0..255", "0..255"]
    assert model_registry.get_model_scale(models[2]) == imported.scale


def test_a_model_is_found_by_its_id_or_a_name_that_no_other_has(imported, foreign):
    for key in (imported.id, "theirs.h5"):
        assert model_registry.find_model(key) == imported
        assert model_registry.find_model_file(model_registry.Path(key)) == imported.best_model
    assert model_registry.find_model("nothing") is None
    other = model_registry.register_imported_model(b"x", "theirs.h5", ["a", "b"], "0..1")
    assert model_registry.find_model("theirs.h5") == imported
    assert model_registry.find_model(other.id) == model_registry.find_model(other.name) == other


def test_a_file_of_the_same_name_comes_before_a_model(imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.h5").write_bytes(b"a file")
    path = model_registry.Path("theirs.h5")
    assert model_registry.find_model_file(path) == path


def test_commands_take_an_imported_model_with_its_classes_and_values(
    imported, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, value in (("dark", 5), ("light", 250)):
        (tmp_path / f"{name}.jpg").write_bytes(photo(value))
    for key in (imported.id, "theirs.h5"):
        status, out, err = run(capsys, "predict", key, "dark.jpg", "light.jpg")
        assert (status, err) == (0, "")
        assert "dark.jpg: night" in out and "light.jpg: day" in out


@pytest.mark.slow
@pytest.mark.parametrize("kind, name", [("keras", "m.keras"), ("h5", "m.h5")])
def test_an_exported_file_keeps_the_classes_and_values(
    imported, tmp_path, capsys, kind, name, jobs_in_process
):
    status, _, err = run(capsys, "export", "theirs.h5", kind, tmp_path / name)
    assert (status, err) == (0, "")
    predictor = predict.load_predictor(tmp_path / name)
    assert (predictor.classes, predictor.input_scale) == (("night", "day"), "0..255")
    status, _, err = run(capsys, "export", imported.id, "report", tmp_path / "r.html")
    assert status == 1 and err.count("\n") == 1


def test_a_folder_is_imported_with_the_class_names_in_it(foreign, tmp_path, capsys):
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / f"m{foreign.suffix}").write_bytes(foreign.read_bytes())
    (folder / "class_indices.json").write_text('{"day": 1, "night": 0}')
    status, _, err = run(capsys, "models", "import", folder, "--scale", "0..255")
    assert status == 0, err
    (imported,) = model_registry.list_imported_models()
    assert (imported.name, imported.classes) == ("pets", ("night", "day"))


def test_the_commands_import_list_rename_and_delete(foreign, capsys):
    flags = ["--scale", "0..255", "--classes", "night,day"]
    status, _, err = run(capsys, "models", "import", foreign)
    assert status == 1 and "--scale" in err
    status, out, _ = run(capsys, "models", "import", foreign, *flags, "--name", "sky")
    assert status == 0
    (imported,) = model_registry.list_imported_models()
    assert imported.id in out and imported.name == "sky"
    assert run(capsys, "models", "rename", "sky", "clouds")[0] == 0
    status, out, _ = run(capsys, "models", "list")
    assert status == 0 and "clouds" in out and "night, day" in out and "default" in out
    listed = json.loads(run(capsys, "models", "list", "--json")[1])["models"]
    assert [(each["id"], each["kind"]) for each in listed] == [
        ("default", "built-in"),
        (imported.id, "imported"),
    ]
    status, out, _ = run(capsys, "models", "delete", "clouds")
    assert status == 0 and model_registry.list_imported_models() == []
    assert run(capsys, "trash", "restore", trash.list_trash()[0].id)[0] == 0
    assert model_registry.find_model("clouds").classes == ("night", "day")


def test_runs_are_renamed_and_deleted_by_the_same_commands(capsys):
    folder = fakes.make_run("mine")
    fakes.add_fake_model(folder)
    assert run(capsys, "models", "rename", folder.name, "ours")[0] == 0
    assert run(capsys, "models", "delete", "ours")[0] == 0
    assert [entry.kind for entry in trash.list_trash()] == ["run"]


@pytest.mark.parametrize(
    "arguments", [("rename", "default", "x"), ("delete", "default"), ("delete", "nothing")]
)
def test_what_cannot_be_changed_is_one_line(capsys, arguments):
    status, out, err = run(capsys, "models", *arguments)
    assert (status, out, err.count("\n")) == (1, "", 1)


def test_only_the_owner_renames_and_deletes(monkeypatch):
    monkeypatch.setenv("CATDOG_ACCESS", '{"shared": true}')
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("mina", "student"))
    imported = model_registry.register_imported_model(b"x", "m.h5", ["a", "b"], "0..1")
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("jun", "student"))
    with pytest.raises(AccessError, match="mina"):
        model_registry.rename_model(imported, "mine")
    with pytest.raises(AccessError, match="mina"):
        model_registry.remove_model(imported)
    assert model_registry.list_imported_models() == [imported]


def test_predict_takes_an_imported_model_with_its_classes(imported):
    app = fakes.open_page("6_Predict", run=imported.id, tab="figures")
    assert app.selectbox("chosen_run").value == imported.id
    app.file_uploader("predict_photos").set_value([("a.jpg", photo(), "image/jpeg")]).run()
    assert not app.exception
    assert list(app.dataframe[0].value["Class"]) == ["day"]
    assert "Outputs in order: night, day" in fakes.joined_text(app.caption)


def test_a_model_uploaded_on_predict_is_imported_and_chosen(foreign):
    app = fakes.open_page("6_Predict")
    app.segmented_control("predict_kind").set_value("file").run()
    upload = [("theirs.h5", foreign.read_bytes(), "")]
    app.file_uploader("predict_model").set_value(upload).run()
    app.button("predict_keep").click().run()
    assert not app.exception
    (imported,) = model_registry.list_imported_models()
    assert app.selectbox("chosen_run").value == imported.id


def test_augment_asks_an_imported_model_about_the_variants(imported, demo):
    app = fakes.open_page("2_Augment", dataset=datasets.open_folder(demo).id)
    app.segmented_control("augment_panel").set_value("model").run()
    app.selectbox("augment_model").set_value(imported.id).run()
    assert not app.exception
    assert "night" in fakes.joined_text([*app.caption, *app.metric]) + str(app.get("html"))


def test_export_offers_an_imported_model_in_the_formats_of_models(imported):
    app = fakes.open_page("7_Export", run=imported.id)
    assert not app.exception
    keys = {button.key for button in app.download_button}
    assert "download_keras" in keys and "download_report" not in keys


def test_an_imported_model_is_renamed_and_deleted_where_runs_are(imported):
    fakes.make_run("mine")
    app = fakes.open_page("4_Compare")
    app.selectbox("chosen_run").set_value(imported.id).run()
    app.text_input(f"name_{imported.id}").set_value("sky")
    app.button(f"rename_{imported.id}").click().run()
    assert not app.exception and model_registry.find_model("sky") is not None
    app.button("delete").click().run()
    app.button("delete_sure").click().run()
    assert not app.exception and model_registry.list_imported_models() == []
    app.button("trash_undo_care").click().run()
    assert model_registry.find_model("sky") is not None
