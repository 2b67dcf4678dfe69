"""Suspicious labels: confident learning on features, folds, outliers, and the command."""

import json
import shutil

import numpy as np
import pytest
from fakes import run_cli as run
from PIL import Image

from catdog_core.analysis import label_errors, similar_photos
from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import audit, datasets
from catdog_core.data.datasets import PhotoEdit

CAT, DOG = "train/cats/cat.0000.jpg", "train/dogs/dog.0001.jpg"


def unit_clusters(per_class, classes, seed=0, spread=0.4):
    """Features (N, 32) of length 1 around one direction a class, and their labels."""
    rng = np.random.default_rng(seed)
    centers = np.eye(32)[:classes]
    labels = np.repeat(np.arange(classes), per_class)
    values = centers[labels] + spread / np.sqrt(32) * rng.standard_normal((len(labels), 32))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32), labels


def flip(labels, share, seed):
    """Labels of which a share is another class now, and the rows of these."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(labels), round(share * len(labels)), replace=False)
    wrong, classes = labels.copy(), labels.max() + 1
    wrong[rows] = (labels[rows] + rng.integers(1, classes, len(rows))) % classes
    return wrong, rows


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_planted_errors_lead_the_ranking_for_any_number_of_classes(classes):
    features, labels = unit_clusters(200, classes)
    wrong, planted = flip(labels, 0.05, seed=1)
    judgment = label_errors.judge_labels(features, wrong, np.arange(len(labels)))
    assert set(planted) == set(judgment.ranking[: len(planted)])
    assert judgment.is_likely[planted].mean() > 0.9
    assert judgment.is_likely.sum() <= 1.5 * len(planted)
    assert judgment.probabilities.shape == (len(labels), classes)
    assert judgment.probabilities.sum(axis=1) == pytest.approx(1)


def test_right_labels_are_not_suspected():
    features, labels = unit_clusters(60, 3)
    judgment = label_errors.judge_labels(features, labels, np.arange(len(labels)))
    assert not judgment.is_likely.any() and (judgment.margins > 0).all()


def test_the_same_seed_gives_the_same_judgment_and_another_seed_other_folds():
    features, labels = unit_clusters(40, 2, spread=2)
    groups = np.arange(len(labels))
    first, again, other = (
        label_errors.judge_labels(features, labels, groups, s) for s in (0, 0, 1)
    )
    assert (first.probabilities == again.probabilities).all()
    assert (first.probabilities != other.probabilities).any()


def test_photos_of_the_same_picture_are_in_one_fold_and_classes_in_every_fold():
    labels = np.repeat([0, 1, 2], [50, 40, 5])
    groups = np.concatenate([np.arange(50) // 2, 100 + np.arange(40) // 4, 200 + np.arange(5)])
    folds = label_errors.divide_folds(labels, groups, seed=3)
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1
    counts = np.array([[np.sum((labels == c) & (folds == f)) for f in range(5)] for c in range(3)])
    assert (counts.max(axis=1) - counts.min(axis=1) <= [2, 4, 0]).all() and counts.min() > 0


def test_a_wrong_label_is_found_although_a_copy_repeats_it():
    """A copy in training would tell its label: both are judged by the others alone."""
    features, labels = unit_clusters(30, 2)
    features = np.concatenate([features, features[:1]])
    labels = np.concatenate([labels, [1]])
    labels[0] = 1
    groups = np.arange(len(labels))
    groups[-1] = 0
    judgment = label_errors.judge_labels(features, labels, groups)
    assert set(judgment.ranking[:2]) == {0, 60} and judgment.is_likely[[0, 60]].all()


def test_a_photo_far_from_all_others_is_an_outlier_even_with_a_copy():
    features, _ = unit_clusters(50, 2)
    odd = np.zeros((2, 32), np.float32)
    odd[:, 31] = 1
    features = np.concatenate([features, odd])
    groups = np.arange(len(features))
    groups[-1] = groups[-2]
    assert set(label_errors.rank_outliers(features, groups)) == {100, 101}
    assert not len(label_errors.rank_outliers(features[:100], groups[:100]))


def test_what_a_check_raises_ends_the_judgment():
    features, labels = unit_clusters(20, 2)

    def stop():
        raise CatDogError("Stopped.")

    with pytest.raises(CatDogError, match="Stopped"):
        label_errors.judge_labels(features, labels, np.arange(len(labels)), check=stop)


@pytest.fixture(scope="module")
def messy(demo, tmp_path_factory):
    """Drawn pets with a copy in validation, a broken file and a class of two photos; opened, and
    the features are there."""
    folder = tmp_path_factory.mktemp("messy") / "set"
    shutil.copytree(demo, folder)
    shutil.copy(folder / CAT, folder / "validation/cats/copy.jpg")
    (folder / "train/cats/broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    for number, split in enumerate(("train", "validation")):
        (folder / split / "owls").mkdir()
        Image.new("RGB", (64, 64), (number * 90, 40, 200)).save(folder / split / "owls/owl.png")
    workspace = tmp_path_factory.mktemp("messy") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATDOG_WORKSPACE", str(workspace))
        dataset = datasets.open_folder(folder)
        similar_photos.load_photo_features(dataset)
    return folder, workspace


@pytest.fixture
def opened(messy, tmp_path, monkeypatch):
    """The messy dataset in a workspace that the test may change; no network can be run."""
    folder, prepared = messy
    shutil.copytree(prepared, tmp_path / "workspace")
    monkeypatch.setenv("CATDOG_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(similar_photos, "compile_network", None)
    return datasets.open_folder(folder)


def test_a_dataset_is_judged_by_stored_features_and_says_what_it_left_out(opened):
    found = label_errors.find_label_errors(opened)
    assert found.small_classes == ("owls",) and found.unreadable == ("train/cats/broken.jpg",)
    assert len(found.ranking) == 73
    assert found.accuracy > 0.6
    for kind in label_errors.SUSPECT_KINDS:
        assert all(suspect.kind == kind for suspect in found.of_kind(kind))
    wrong = found.of_kind("wrong_label")
    assert [suspect.item.file for suspect in wrong] == [
        file for file in found.ranking if file in {suspect.item.file for suspect in wrong}
    ]
    assert all(suspect.guess != suspect.item.label for suspect in found.suspects)


def test_relabeled_photos_need_no_new_features_and_kept_ones_are_hidden(opened):
    first = label_errors.find_label_errors(opened)
    surest = first.ranking[-1]
    other = "dogs" if "cats" in surest else "cats"
    relabeled = datasets.edit_photos(opened.id, [PhotoEdit(surest, "relabel", other)])
    found = label_errors.find_label_errors(relabeled)
    assert sorted(found.ranking) == sorted(first.ranking)
    assert found.ranking.index(surest) < 5
    suspect = found.of_kind("wrong_label")[0].item.file
    for kind, shown in (("outlier", True), ("wrong_label", False)):
        kept = datasets.edit_photos(opened.id, [PhotoEdit(suspect, "keep", kind)])
        files = {s.item.file for s in label_errors.find_label_errors(kept).of_kind("wrong_label")}
        assert (suspect in files) == shown


def test_too_few_photos_are_a_sentence(workspace, demo, tmp_path):
    folder = tmp_path / "few"
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for file in sorted((demo / "train" / name).iterdir())[:4]:
            shutil.copy(file, folder / name)
    with pytest.raises(DatasetError, match="at least 5 different ones"):
        label_errors.find_label_errors(datasets.open_folder(folder))


def test_missing_weights_are_a_sentence(workspace, demo, monkeypatch):
    from catdog_core.models import transfer

    similar_photos.compile_network.cache_clear()
    monkeypatch.setattr(transfer, "_LITE0_PACKAGE", "no_such_package")
    with pytest.raises(CatDogError, match="aren't installed"):
        label_errors.find_label_errors(datasets.open_folder(demo))


def test_similar_photos_name_copies_and_leave_the_photo_itself_out(opened):
    known = similar_photos.load_photo_features(opened)
    found = similar_photos.find_similar(known, CAT)
    assert len(found) == 12 and CAT not in [each.item.file for each in found]
    assert (found[0].item.file, found[0].is_copy) == ("validation/cats/copy.jpg", True)
    assert found[0].similarity == pytest.approx(1)
    values = [each.similarity for each in found]
    assert values == sorted(values, reverse=True)
    assert not any(each.is_copy for each in found[1:])
    dogs = similar_photos.find_similar(known, CAT, 4, [opened.classes.index("dogs")])
    assert {opened.classes[each.item.label] for each in dogs} == {"dogs"} and len(dogs) == 4
    told = [str(each) for each in similar_photos.describe_similar(found, opened.classes, "train")]
    assert "1 photo is the same picture." in told
    assert any("in train and in validation" in sentence for sentence in told)


def test_a_photo_from_elsewhere_finds_its_copy(messy, monkeypatch):
    folder, workspace = messy
    monkeypatch.setenv("CATDOG_WORKSPACE", str(workspace))
    known = similar_photos.load_photo_features(datasets.open_folder(folder))
    found = similar_photos.find_similar(known, (folder / DOG).read_bytes(), 3)
    assert (found[0].item.file, found[0].is_copy) == (DOG, True)
    assert found[0].similarity == pytest.approx(1, abs=1e-5)
    with pytest.raises(CatDogError):
        similar_photos.find_similar(known, b"no photo")
    with pytest.raises(DatasetError, match="no readable photo"):
        similar_photos.find_similar(known, "gone.jpg")


def test_features_of_a_training_are_used(workspace, demo, monkeypatch):
    from catdog_core.models.backbones import BACKBONES
    from catdog_core.storage import shard_cache
    from catdog_core.training import features, phases

    dataset = datasets.open_folder(demo)
    entry = shard_cache.packed_folder(dataset.fingerprint, 256)
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        rows = {
            item.file: rng.random(BACKBONES["lite0"].features).astype(np.float32)
            for item in dataset.items(split)
        }
        path = phases.features_path(entry, "lite0", split, features.FeaturePass())
        path.parent.mkdir(parents=True, exist_ok=True)
        features.write_features(path, rows)
    monkeypatch.setattr(similar_photos, "compile_network", None)
    known = similar_photos.load_photo_features(dataset)
    assert len(known.items) == 72
    last = known.features[-1] * np.linalg.norm(rows[dataset.items("validation")[-1].file])
    assert last == pytest.approx(rows[dataset.items("validation")[-1].file], rel=1e-4)


def test_the_commands_print_text_and_json(capsys, opened):
    folder = opened.root
    status, out, err = run(capsys, "label-errors", folder, "--json")
    told = json.loads(out)
    assert (status, err, told["photos"], told["small_classes"]) == (0, "", 73, ["owls"])
    first = told["suspects"][0]
    assert first["kind"] == "wrong_label" and first["label"] != first["other"]
    status, out, _ = run(capsys, "label-errors", folder)
    assert status == 0 and f"  {first['file']}: {first['label']}" in out
    run(capsys, "decide", folder, "keep", first["file"], "--to", "wrong_label")
    assert f"  {first['file']}:" not in run(capsys, "label-errors", folder)[1]
    status, out, _ = run(capsys, "similar", CAT, folder, "--json", "--count", "3")
    rows = json.loads(out)["similar"]
    assert status == 0 and len(rows) == 3
    assert rows[0]["file"] == "validation/cats/copy.jpg" and rows[0]["same_picture"]
    status, out, _ = run(capsys, "similar", folder / CAT, folder)
    assert "validation/cats/copy.jpg: cats, validation, same picture" in out
    status, _, err = run(capsys, "similar", "missing.jpg", folder)
    assert status == 1 and "missing.jpg" in err


def test_the_audit_ignores_kept_suspects_of_other_kinds(opened):
    kept = datasets.edit_photos(opened.id, [PhotoEdit(CAT, "keep", "wrong_label")])
    assert any(CAT in finding.files for finding in audit.audit_dataset(kept))
