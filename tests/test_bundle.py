"""Runs that travel: out as a zip, in elsewhere, with nothing lost and nothing believed."""

import dataclasses
import json
import shutil
import textwrap
import zipfile

import fakes
import numpy as np
import pytest
from bundles import repack_bundle
from exec_snippets import find_unnamed_imports, hide_optional_modules

from catdog_core import export, runs
from catdog_core.analysis import histories, predict, predictions
from catdog_core.base import access
from catdog_core.base.errors import AccessError, CatDogError, ModelError, RunError
from catdog_core.config import PIPELINE_VERSION
from catdog_core.data import datasets
from catdog_core.data.synthetic import draw_pet
from catdog_core.export import bundle_import
from catdog_core.models import model_sandbox
from catdog_core.runs import final_evaluation, training_photos
from catdog_core.runs.final_evaluation import EpochEvaluation, FinalEvaluation
from catdog_core.training.execution import execute_run


@pytest.fixture
def here(workspace, demo, tmp_path):
    """An empty workspace, and the same photos in another place of this machine."""
    shutil.copytree(demo, tmp_path / "copied")
    return tmp_path / "copied"


def test_a_run_that_travelled_is_the_same_run(exported_run, here):
    from catdog_core.analysis import predict

    run, path = exported_run
    datasets.open_folder(here)
    imported = bundle_import.import_bundle(path)
    before, after = runs.load_run(run), imported.run
    assert (after.name, after.note, after.status) == ("far *away*", "What a run.", "stopped")
    assert after.training == before.training and after.epochs == before.epochs
    assert after.pipeline == before.pipeline == PIPELINE_VERSION
    assert runs.read_batches(after.folder) == runs.read_batches(before.folder)
    assert histories.diagnose_run(after) == histories.diagnose_run(before)
    photos = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.uint8)
    answers = [predict.load_predictor(folder).predict(photos) for folder in (run, after.folder)]
    assert np.array_equal(*answers)


@pytest.mark.parametrize("change", [{}, {"confusion": [[1]]}, {"best": None}, {"extra": 1}])
def test_what_its_models_do_on_clean_photos_comes_along_if_it_is_sound(
    exported_run, tmp_path, monkeypatch, change
):
    run = shutil.copytree(exported_run[0], tmp_path / "run")
    rows = runs.load_run(run).epochs
    one = EpochEvaluation(runs.load_run(run).best_epoch, 0.9, 0.3, 48, 0.75, 0.5)
    last = dataclasses.replace(one, epoch=rows[-1]["epoch"])
    evaluation = FinalEvaluation(len(rows), one, last, ((9, 3), (3, 9)))
    final_evaluation.write_final_evaluation(run, evaluation)
    path = run / final_evaluation.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    bundle = export.export_in_process(run, "bundle", tmp_path / "run.zip")
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "elsewhere"))
    imported = bundle_import.import_bundle(bundle).run
    is_sound = change in ({}, {"extra": 1})
    assert imported.final_evaluation == (evaluation if is_sound else None)
    assert imported.validation_counts == (12, 12)
    if is_sound:
        stored = json.loads((imported.folder / final_evaluation.FILE_NAME).read_text())
        assert set(stored) == {"format", "epochs", "best", "last", "confusion"}


@pytest.mark.parametrize("is_damaged", [False, True])
def test_which_photos_trained_it_comes_along_if_it_is_sound(
    exported_run, tmp_path, monkeypatch, is_damaged
):
    run = shutil.copytree(exported_run[0], tmp_path / "run")
    record = run / training_photos.FILE_NAME
    if is_damaged:
        record.write_bytes(record.read_bytes()[:-1])
    bundle = export.export_in_process(run, "bundle", tmp_path / "run.zip")
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "elsewhere"))
    photos = training_photos.parse_training_photos(bundle_import.import_bundle(bundle).run.folder)
    assert photos is None if is_damaged else (len(photos.train), len(photos.validation)) == (48, 24)


def test_its_photos_are_recognised_under_another_name(exported_run, here):
    run, path = exported_run
    dataset = datasets.open_folder(here)
    imported = bundle_import.import_bundle(path)
    assert imported.dataset is not None and imported.dataset.id == dataset.id
    assert imported.run.dataset_id == dataset.id != runs.load_run(run).dataset_id
    # What the model said of them elsewhere need not be asked again.
    table = predictions.read_predictions(imported.run.folder, dataset, "validation").table
    assert table is not None and len(table) == 24


def test_it_trains_on_where_it_stopped_even_if_its_photos_come_later(exported_run, here):
    run, path = exported_run
    imported = bundle_import.import_bundle(path)
    assert imported.dataset is None and imported.run.can_resume
    with pytest.raises(CatDogError, match="no dataset"):
        execute_run(imported.run.folder)
    datasets.open_folder(here)
    execute_run(imported.run.folder)
    ended = runs.load_run(imported.run.folder)
    assert ended.status == "done" and len(ended.epochs) == 4
    assert ended.epochs[:2] == runs.load_run(run).epochs


def test_every_model_is_tried_in_a_process_of_its_own_first(exported_run, workspace, monkeypatch):
    checked_names = []
    monkeypatch.setattr(
        model_sandbox, "check_model", lambda path, name, digest: checked_names.append(name)
    )
    bundle_import.import_bundle(exported_run[1])
    assert checked_names == ["backup.keras", "best.keras"]

    def refuse(path, name, digest):
        raise ModelError("{name} took too long.", name=name)

    monkeypatch.setattr(model_sandbox, "check_model", refuse)
    with pytest.raises(ModelError, match="took too long"):
        bundle_import.import_bundle(exported_run[1])
    assert len(runs.list_runs()) == 1


def test_nobody_learns_from_a_bundle_where_its_photos_lie(exported_run, demo):
    with zipfile.ZipFile(exported_run[1]) as archive:
        for name in archive.namelist():
            assert str(demo.parent).encode() not in archive.read(name), name


def test_a_bundle_tells_what_another_program_must_know(exported_run):
    with zipfile.ZipFile(exported_run[1]) as archive:
        preprocessing = json.loads(archive.read("preprocessing.json"))
        assert preprocessing["resize"]["width"] == 32 and preprocessing["input"]["values"] == [
            0,
            255,
        ]
        assert archive.read("labels.txt") == b"cats\ndogs\n"
        assert "keras" in json.loads(archive.read("environment.json"))["training"]
        readme = archive.read("README.txt").decode()
        assert "32 x 32" in readme and "resumed" in readme
        manifest = json.loads(archive.read("manifest.json"))
        assert set(manifest["files"]) | {"manifest.json"} == set(archive.namelist())


def test_the_lines_in_its_readme_predict_as_the_lab_does(
    exported_run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(exported_run[1]) as archive:
        archive.extract("run/best.keras")
        readme = archive.read("README.txt").decode()
    code = textwrap.dedent(readme.split("photo.jpg:\n")[1].split("manifest.json")[0])
    assert find_unnamed_imports(code) == []
    draw_pet(0, 100, np.random.default_rng(0)).save("photo.jpg")
    hide_optional_modules(monkeypatch)
    exec(code, {})
    label, value = capsys.readouterr().out.split()
    predictor = predict.load_predictor(tmp_path / "run/best.keras")
    (own,) = predict.predict_photos(predictor, [("", (tmp_path / "photo.jpg").read_bytes())])
    assert label == own.label and abs(float(value.strip("[]")) - own.probabilities[1]) < 1e-5


def test_no_run_that_is_there_is_touched(exported_run, workspace):
    first = bundle_import.import_bundle(exported_run[1]).run
    runs.rename_run(first.folder, "mine")
    second = bundle_import.import_bundle(exported_run[1]).run
    assert second.id != first.id and runs.load_run(first.folder).name == "mine"
    assert len(runs.list_runs()) == 2


def test_the_shipped_model_travels_too(workspace, tmp_path):
    path = export.export_in_process("default", "bundle", tmp_path / "default.zip")
    run = bundle_import.import_bundle(path).run
    assert run.status == "done" and run.model == "transfer"


def test_what_has_no_model_or_is_training_is_not_bundled(workspace, tmp_path):
    with pytest.raises(RunError, match="no model yet"):
        export.export_in_process(fakes.make_run("bare"), "bundle", tmp_path / "b.zip")
    with pytest.raises(CatDogError, match="There's no run at"):
        export.export_in_process(tmp_path / "nowhere", "bundle", tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_the_command_brings_a_run_in_and_says_what_can_be_done(exported_run, here, capsys):
    assert fakes.run_cli(capsys, "import-run", exported_run[1])[0] == 0
    datasets.open_folder(here)
    status, out, _ = fakes.run_cli(capsys, "import-run", exported_run[1])
    assert status == 0 and "2 epochs, stopped" in out and "Continue with 'resume" in out
    status, out, _ = fakes.run_cli(capsys, "import-run", exported_run[1], "--json")
    assert json.loads(out)["dataset"] == datasets.list_datasets()[0].id
    status, _, error = fakes.run_cli(capsys, "import-run", here / "nothing.zip")
    assert status == 1 and "couldn't be read" in error


def test_in_a_shared_lab_a_run_that_comes_in_has_its_owner(exported_run, workspace, monkeypatch):
    monkeypatch.setenv("CATDOG_ACCESS", '{"shared": true}')
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("mina", "student"))
    assert bundle_import.import_bundle(exported_run[1]).run.owner == "mina"
    monkeypatch.setattr(access, "_visitor_provider", lambda: access.Visitor("", "audience"))
    with pytest.raises(AccessError):
        bundle_import.import_bundle(exported_run[1])
    assert len(runs.list_runs()) == 1


def test_a_run_of_an_earlier_version_keeps_its_pipeline(exported_run, workspace):
    def drop(name, data):
        if name != "run/settings.json":
            return data
        settings = json.loads(data)
        del settings["pipeline"]
        return json.dumps(settings).encode()

    imported = bundle_import.import_bundle(repack_bundle(exported_run[1], drop))
    assert imported.run.pipeline == 1
