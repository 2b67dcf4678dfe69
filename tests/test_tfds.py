"""Datasets of tensorflow_datasets by name, played by a stand-in; without it, a sentence."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from catdog_core import cli
from catdog_core.base.errors import DatasetError
from catdog_core.data import tfds
from catdog_core.imaging import decode
from catdog_core.storage import shard_cache


class Image:
    """Named as the package's feature is."""


class ClassLabel:
    def __init__(self, *names):
        self.names = list(names)


def photo(shade):
    return decode.encode_photo(np.full((20, 24, 3), shade, np.uint8))


class Builder:
    """One dataset of the stand-in: rows by split, as the package gives them undecoded."""

    def __init__(self, rows, features, prepare=None, known=True):
        self.rows, self.prepare = rows, None
        self.info = SimpleNamespace(features=features, splits={}, download_size=2_000_000)
        if known:
            self.download_and_prepare()
        self.prepare = prepare

    def download_and_prepare(self):
        if self.prepare:
            raise self.prepare
        for name, some in self.rows.items():
            self.info.splits[name] = SimpleNamespace(num_examples=len(some))

    def as_dataset(self, split, decoders, shuffle_files):
        assert decoders == {"image": "raw"} and not shuffle_files
        return self.rows[split]


def rows(count, classes=2):
    return [{"image": photo(7 * n % 256), "label": n % classes, "id": n} for n in range(count)]


FEATURES = {"image": Image(), "label": ClassLabel("cat", "dog/wolf"), "id": object()}


@pytest.fixture
def package(monkeypatch, workspace):
    """The stand-in; a test puts builders into what it gives, by name."""
    known = {}

    def builder(name, data_dir):
        assert str(workspace) in data_dir
        if name not in known:
            raise ValueError(f"Dataset {name} not found.\nAvailable: many")
        return known[name]

    fake = SimpleNamespace(
        builder=builder,
        as_numpy=iter,
        decode=SimpleNamespace(SkipDecoding=lambda: "raw"),
        disable_progress_bar=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", fake)
    return known


def test_splits_and_labels_become_a_dataset(package):
    package["pets"] = Builder({"train": rows(8), "test": rows(4)}, FEATURES)
    reports = []
    dataset = tfds.import_tfds_dataset("pets", lambda *now: reports.append(now))
    assert (dataset.name, dataset.source, dataset.classes) == ("pets", "tfds", ("cat", "dog-wolf"))
    assert dataset.counts()["test"] == {"cat": 2, "dog-wolf": 2}
    assert (
        sum(dataset.counts()["train"].values()) + sum(dataset.counts()["validation"].values()) == 8
    )
    assert reports[0][0] == tfds.PREPARING and reports[-1][1] == reports[-1][2] > 0
    decode.decode_and_fit(dataset.items()[0].path.read_bytes(), 20)


def test_what_was_fetched_goes_after_the_import_and_stays_when_it_fails(package):
    tfds.tfds_folder().mkdir(parents=True)
    (tfds.tfds_folder() / "part").write_bytes(b"half")
    package["pets"] = Builder({"train": rows(8)}, FEATURES, prepare=OSError("no network"))
    with pytest.raises(DatasetError, match="no network"):
        tfds.import_tfds_dataset("pets")
    assert [entry.bytes for entry in shard_cache.list_cache_entries()] == [4]
    package["pets"].prepare = None
    tfds.import_tfds_dataset("pets")
    assert shard_cache.list_cache_entries() == []


def test_splits_of_other_names_are_divided_by_the_lab(package):
    package["pets"] = Builder({"all": rows(8)}, FEATURES)
    dataset = tfds.import_tfds_dataset("pets")
    assert dataset.note["layout"] == "seeded" and len(dataset.items()) == 8


def test_splits_known_only_after_the_fetch_are_all_taken(package):
    package["pets"] = Builder({"train": rows(8), "test": rows(4)}, FEATURES, known=False)
    assert len(tfds.import_tfds_dataset("pets").items()) == 12


def test_photos_without_a_label_are_left_out(package):
    secret = [{"image": photo(9), "label": -1, "id": 0}]
    package["pets"] = Builder({"train": rows(8), "test": secret + rows(2)}, FEATURES)
    assert sum(tfds.import_tfds_dataset("pets").counts()["test"].values()) == 2


def test_a_look_tells_classes_counts_and_size_and_fetches_nothing(package, workspace):
    package["pets"] = Builder({"train": rows(8)}, FEATURES, prepare=AssertionError())
    info = tfds.inspect_tfds_dataset("pets")
    assert (info.classes, info.counts, info.size) == (
        ("cat", "dog-wolf"),
        {"train": 8},
        2_000_000,
    )
    assert not workspace.exists()


def test_an_unknown_name_is_one_sentence(package):
    with pytest.raises(DatasetError, match=r"no dataset 'nope' \(Dataset nope not found\.\)"):
        tfds.inspect_tfds_dataset("nope")


@pytest.mark.parametrize(
    "features",
    [
        {"text": object()},
        {"image": Image()},
        {"a": Image(), "b": Image(), "label": ClassLabel("x")},
    ],
)
def test_what_is_not_photos_with_one_label_is_refused(package, features):
    package["odd"] = Builder({"train": rows(2)}, features)
    with pytest.raises(DatasetError, match="one of each"):
        tfds.inspect_tfds_dataset("odd")


@pytest.mark.parametrize("classes", [1, 201])
def test_too_few_and_too_many_classes_are_refused_before_anything_is_fetched(package, classes):
    features = {**FEATURES, "label": ClassLabel(*map(str, range(classes)))}
    package["odd"] = Builder({"train": rows(4)}, features)
    with pytest.raises(DatasetError, match=f"in {classes} class"):
        tfds.inspect_tfds_dataset("odd")


def test_a_fetch_that_fails_is_one_sentence(package):
    package["pets"] = Builder({"train": rows(4)}, FEATURES, prepare=OSError("no route to host"))
    with pytest.raises(DatasetError, match=r"couldn't download 'pets' \(no route to host\)"):
        tfds.import_tfds_dataset("pets")


def test_without_the_package_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DatasetError, match="pip install tensorflow-datasets"):
        tfds.inspect_tfds_dataset("pets")


def test_the_command_tells_then_brings(package, capsys):
    package["pets"] = Builder({"train": rows(8)}, FEATURES)
    assert cli.main(["import", "tfds:pets", "--look"]) == 0
    assert capsys.readouterr().out == "8 train; classes: cat, dog-wolf\n2 MB to download\n"
    package["dogs"] = Builder({"train": rows(8)}, FEATURES, known=False)
    package["dogs"].info.download_size = None
    assert cli.main(["import", "tfds:dogs", "--look"]) == 0
    assert "size unknown" in capsys.readouterr().out
    assert cli.main(["import", "tfds:pets"]) == 0
    assert "8 photos in" in capsys.readouterr().out
