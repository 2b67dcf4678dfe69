"""Commands that decide about photos, and that all others go by what was decided."""

import json
import shutil

import pytest
from fakes import run_cli as run

from catdog_core.base import files
from catdog_core.data import datasets

CAT, DOG = "train/cats/cat.0000.jpg", "train/dogs/dog.0001.jpg"


@pytest.fixture
def ours(workspace, demo):
    return demo


def counts(folder):
    return datasets.read_folder(folder).counts()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["exclude", CAT], "train: 23 cats, 24 dogs"),
        (["move", CAT, DOG, "--to", "validation"], "validation: 13 cats, 13 dogs"),
        (["relabel", CAT, "--to", "dogs"], "train: 23 cats, 25 dogs"),
    ],
)
def test_a_decision_is_told_kept_and_undone(capsys, ours, words, told):
    status, out, err = run(capsys, "decide", ours, *words)
    assert (status, err) == (0, "")
    assert told in out
    assert told in run(capsys, "check", ours)[1]
    assert "train: 24 cats, 24 dogs" in run(capsys, "undo", ours)[1]


def test_photos_are_named_by_their_paths_as_well(capsys, ours, monkeypatch):
    monkeypatch.chdir(ours.parent)
    run(capsys, "decide", ours.name, "exclude", ours / CAT, f"{ours.name}/{DOG}")
    assert "excluded: 2" in run(capsys, "decide", ours.name, "keep", "train/cats/cat.0001.jpg")[1]
    run(capsys, "decide", ours.name, "restore", ours / CAT)
    assert datasets.read_folder(ours).excluded == (DOG,)


def test_kept_findings_are_not_told_again(capsys, workspace, demo, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(demo, folder)
    (folder / "train/cats/cat.0000.jpg").rename(folder / "train/cats/cat.0000.png")
    assert "wrong_extension" in run(capsys, "check", folder)[1]
    run(capsys, "decide", folder, "keep", "train/cats/cat.0000.png", "--to", "wrong_extension")
    assert "No problems found." in run(capsys, "check", folder)[1]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["decide", "DIR", "delete", CAT], "exclude, move, relabel, keep, restore"),
        (["decide", "DIR", "exclude", "none.jpg"], "no photo 'none.jpg'"),
        (["decide", "DIR", "exclude", "/etc/hostname"], "no photo"),
        (["undo", "DIR"], "no changes to undo"),
        (["split", "DIR", "--validation", "0.6", "--test", "0.6"], "add up to less than 1"),
        (["classes", "DIR", "dogs", "birds"], "List each class once: cats, dogs"),
        (["pack", "DIR", "out", "--classes", "dogs"], "List each class once"),
    ],
)
def test_a_mistake_changes_nothing(capsys, ours, words, part):
    words = [ours if word == "DIR" else word for word in words]
    status, out, err = run(capsys, *words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert part in err
    assert datasets.read_folder(ours) == datasets.scan_folder(ours)


def test_a_folder_is_split_anew_with_a_test_part(capsys, workspace, demo):
    out = run(capsys, "split", demo / "train", "--seed", 3, "--validation", 0.25, "--test", 0.25)[1]
    assert "train: 12 cats, 12 dogs\nvalidation: 6 cats, 6 dogs\ntest: 6 cats, 6 dogs" in out
    assert datasets.read_folder(demo / "train").note["split"]["seed"] == 3


def test_classes_are_numbered_and_counted_in_another_order(capsys, ours):
    assert run(capsys, "classes", ours)[1] == "0 cats\n1 dogs\n"
    assert run(capsys, "classes", ours, "dogs", "cats")[1] == "0 dogs\n1 cats\n"
    assert "train: 24 dogs, 24 cats" in run(capsys, "check", ours)[1]


@pytest.mark.slow
def test_shards_leave_out_what_was_excluded_and_count_classes_as_told(capsys, ours, tmp_path):
    run(capsys, "decide", ours, "exclude", CAT)
    status, out, _ = run(
        capsys, "pack", ours, tmp_path / "out", "--size", 32, "--classes", "dogs,cats"
    )
    index = files.read_json(tmp_path / "out" / "index.json")
    assert (status, index["counts"]["train"], index["classes"]) == (0, 47, ["dogs", "cats"])
    assert "47 train" in out
    assert datasets.read_folder(ours).classes == ("cats", "dogs")


@pytest.mark.slow
def test_a_model_is_asked_about_the_photos_as_they_were_decided(capsys, ours, tmp_path):
    from catdog_core.models import keras_models

    model = tmp_path / "m.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 32), model, {"classes": ["cats", "dogs"]}
    )
    run(capsys, "decide", ours, "move", CAT, "--to", "validation")
    evaluation = json.loads(
        run(capsys, "evaluate", model, ours, "--json", "--classes", "dogs,cats")[1]
    )
    assert (evaluation["n"], evaluation["classes"]) == (25, ["dogs", "cats"])


def test_the_photos_of_a_dataset_of_the_workspace_are_that_dataset(capsys, workspace, demo):
    dataset = datasets.register_dataset(
        "pets", "Pets", "zip", lambda folder: shutil.copytree(demo, folder) and {}
    )
    run(capsys, "decide", dataset.root, "exclude", CAT)
    assert datasets.load_dataset("pets").excluded == (CAT,)
    assert (
        counts(dataset.root)
        == counts(dataset.root.parent)
        == datasets.load_dataset("pets").counts()
    )
    assert [each.id for each in datasets.list_datasets()] == ["pets"]
