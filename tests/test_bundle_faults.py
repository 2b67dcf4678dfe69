"""Bundles from outside and broken ones: refused in a sentence, with nothing left behind."""

import contextlib
import hashlib
import io
import json
import re
import stat
import warnings
import zipfile

import numpy as np
import pytest
from bundles import (
    drop_files,
    edit_answers,
    edit_json,
    repack_bundle,
    replace_file,
    rewrite_files,
    swap_model,
)

from catdog_core import runs
from catdog_core.base import files
from catdog_core.base.errors import CatDogError, ModelError, RunError
from catdog_core.export import bundle_import
from catdog_core.export.bundle import RUN_FILES

BAD = {
    "leads out of its folder": {"extra": [("../evil.txt", b"x")]},
    "an absolute path": {"extra": [("/etc/evil", b"x")]},
    "backslashes that lead out": {"extra": [("run\\..\\..\\evil", b"x")]},
    "a file no run has": {"extra": [("run/evil.py", b"x")]},
    "odd names of tables": {"extra": [("run/predictions/../../x-test.csv", b"x")]},
    "a file twice": {"extra": [("run/about.json", b"{}")]},
    "a flipped bit": {"change": replace_file("run/best.keras", b"PK\x03\x04zzz"), "lies": True},
    "a file that is missing": {"change": replace_file("run/best.keras", None), "lies": True},
    "no model": {"change": replace_file("run/best.keras", None)},
    "a model that is none": {"change": replace_file("run/best.keras", b"no model")},
    "metrics of text": {
        "change": replace_file("run/metrics.jsonl", b'{"epoch": 0, "loss": "<b>"}\n')
    },
    "no epoch": {"change": replace_file("run/metrics.jsonl", b"")},
    "settings that are no JSON": {"change": replace_file("run/settings.json", b"[" * 9000)},
    "settings of a list": {"change": replace_file("run/settings.json", b"[]")},
    "a newer format": {"change": edit_json("manifest.json", format=99)},
    "something else's manifest": {"change": edit_json("manifest.json", kind="recipe")},
    "another class": {"change": edit_json("run/settings.json", classes=["cats", "cows"])},
    "one class": {"change": edit_json("run/settings.json", classes=["cats"])},
    "an absurd time": {"change": edit_json("run/settings.json", created=1e99)},
    "photos below zero": {"change": edit_json("run/settings.json", dataset__train=-1)},
    "a setting out of range": {"change": edit_json("run/settings.json", training__epochs=10**9)},
    "a pipeline that doesn't exist": {"change": edit_json("run/settings.json", pipeline=99)},
    "a pipeline of true": {"change": edit_json("run/settings.json", pipeline=True)},
    "an unknown setting": {"change": edit_json("run/settings.json", training__evil=1)},
    "a resume point of text": {"change": edit_json("run/backup.json", epoch="1")},
    "a resume point of a million": {"change": edit_json("run/backup.json", epoch=10**6)},
    "a resume point that is a list": {"change": replace_file("run/backup.json", b"[1]")},
    "a name in an array without end": {"change": replace_file("run/about.json", b"[" * 90_000)},
    "a state that is no object": {"change": replace_file("run/state.json", b"7")},
    "a format of true": {"change": edit_json("manifest.json", format=True)},
    "a format of text": {"change": edit_json("manifest.json", format="1")},
    "a format below one": {"change": edit_json("manifest.json", format=0)},
    "files that are a list": {"change": edit_json("manifest.json", files=[]), "lies": True},
    "files of text": {"change": edit_json("manifest.json", files={"a": "b"}), "lies": True},
    "a manifest of a list": {"change": replace_file("manifest.json", b"[]"), "lies": True},
    "a manifest in the run": {"extra": [("run/manifest.json", b"{}")]},
    "a name in other case": {"extra": [("run/BEST.KERAS", b"x")]},
    "a folder in other case": {"extra": [("RUN/best.keras", b"x")]},
    "a name with a dot inside": {"extra": [("run/./best.keras", b"x")]},
    "a name with two slashes": {"extra": [("run//best.keras", b"x")]},
    "a name with a backslash": {"extra": [("run\\best.keras", b"x")]},
    "a name with a drive": {"extra": [("C:/run/best.keras", b"x")]},
    "a name that ends in a dot": {"extra": [("run/best.keras.", b"x")]},
    "a name of letters that look alike": {"extra": [("run/b\u0435st.keras", b"x")]},
    "a folder": {"extra": [("run/predictions/", b"")]},
    "a bundle in the bundle": {"extra": [("run/run.zip", b"PK\x05\x06" + bytes(18))]},
    "epochs below zero": {"change": replace_file("run/metrics.jsonl", b'{"epoch": -1}\n')},
    "epochs that are halves": {"change": replace_file("run/metrics.jsonl", b'{"epoch": 0.5}\n')},
    "epoch true": {"change": replace_file("run/metrics.jsonl", b'{"epoch": true}\n')},
    "epoch a billion": {"change": replace_file("run/metrics.jsonl", b'{"epoch": 1000000000}\n')},
    "a loss below zero": {
        "change": replace_file("run/metrics.jsonl", b'{"epoch": 0, "loss": -1}\n')
    },
    "a loss of a list": {
        "change": replace_file("run/metrics.jsonl", b'{"epoch": 0, "loss": [1]}\n')
    },
    "a huge loss": {"change": replace_file("run/metrics.jsonl", b'{"epoch": 0, "loss": 1e300}\n')},
    "batches below zero": {
        "change": replace_file("run/batches.jsonl", b'{"epoch": 0, "batch": -1}\n')
    },
    "classes of numbers": {"change": edit_json("run/settings.json", classes=[1, 2])},
    "classes that are one text": {"change": edit_json("run/settings.json", classes="ab")},
    "one name for both classes": {
        "change": edit_json("run/settings.json", classes=["cats", "cats"])
    },
    "a class that is no name": {"change": edit_json("run/settings.json", classes=["a", "\x1b[1m"])},
    "a dataset of text": {"change": edit_json("run/settings.json", dataset="x")},
    "photos without end": {"change": edit_json("run/settings.json", dataset__train=1e400)},
    "a time that is none": {"change": edit_json("run/settings.json", created=float("nan"))},
    "a network without end": {
        "change": edit_json("run/settings.json", training__network={"filters": [8] * 60_000})
    },
    "a number without end": {
        "change": replace_file("run/settings.json", b'{"created": ' + b"9" * 5000 + b"}")
    },
    "an augmentation of text": {"change": edit_json("run/settings.json", augmentation="strong")},
    "a model of another run": {"change": swap_model("run/best.keras", b"cows")},
    "no settings": {"change": replace_file("run/settings.json", None)},
    "answers without their CSV": {"change": drop_files("run/predictions/", ".csv")},
    "answers without what they are of": {"change": drop_files("run/predictions/", ".json")},
    "answers that are none": {"change": rewrite_files("run/predictions/", ".csv", b"a,b\n1,2\n")},
    "answers told of in a list": {"change": rewrite_files("run/predictions/", ".json", b"[]")},
}
for _name, _value in {
    "not a number": "nan",
    "without end": "inf",
    "below zero": "-0.5",
    "above one": "1.5",
    "a formula": "=1+1",
}.items():
    BAD[f"a probability that is {_name}"] = {"change": edit_answers(_value)}


def test_a_bundle_packed_in_other_ways_is_taken_in_whole(exported_run, workspace):
    harmless = {
        "other order": lambda data: repack_bundle(exported_run[1], order=-1).getvalue(),
        "deflated": lambda data: repack_bundle(
            exported_run[1], how=zipfile.ZIP_DEFLATED
        ).getvalue(),
        "data in front": lambda data: b"#!/bin/sh\n" * 99 + data,
        "an unknown field": lambda data: repack_bundle(
            exported_run[1], edit_json("manifest.json", evil="../../x", created="never")
        ).getvalue(),
    }
    for name, change in harmless.items():
        came = bundle_import.import_bundle(io.BytesIO(change(exported_run[1].read_bytes()))).run
        assert came.epochs == runs.load_run(exported_run[0]).epochs, name
        assert came.folder.parent == runs.runs_folder()
        assert {p.name for p in came.folder.iterdir()} <= {*RUN_FILES, "predictions"}
        files.remove_tree(came.folder)


def test_numbers_that_broke_and_names_that_are_formulas_stay_what_they_are(exported_run, workspace):
    rows = b'{"epoch": 0, "loss": NaN}\n{"epoch": 1, "loss": Infinity}\n'
    file = repack_bundle(exported_run[1], replace_file("run/metrics.jsonl", rows))
    assert [row["epoch"] for row in bundle_import.import_bundle(file).run.epochs] == [0, 1]
    named = repack_bundle(exported_run[1], edit_json("run/about.json", name="=cmd|' /C calc'!A0"))
    assert bundle_import.import_bundle(named).run.name == "=cmd|' /C calc'!A0"


def test_a_settings_file_that_names_a_folder_leads_nowhere(exported_run, workspace, tmp_path):
    for path in ("../../elsewhere", str(tmp_path), "C:\\Windows", "a/../../b"):
        change = edit_json("run/settings.json", dataset__id=path, dataset__folder=path)
        came = bundle_import.import_bundle(repack_bundle(exported_run[1], change))
        assert came.dataset is None
        assert came.run.folder.parent == runs.runs_folder()


@pytest.mark.parametrize("bit", ["encrypted", "links", "claims"])
def test_entries_of_another_kind_are_refused(bit, exported_run, workspace):
    file = exported_run[1].read_bytes()
    table = file.index(b"PK\x01\x02")
    changed = bytearray(file)
    if bit == "encrypted":
        changed[table + 8] |= 1
    elif bit == "links":
        changed[table + 5] = 3  # Unix
        changed[table + 38 : table + 42] = ((stat.S_IFLNK | 0o777) << 16).to_bytes(4, "little")
    else:
        changed[table + 24 : table + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    with pytest.raises(CatDogError):
        bundle_import.import_bundle(io.BytesIO(changed))
    assert not list(runs.runs_folder().iterdir())


def _mutated(rng, path):
    """A bundle with one to three changes of its members, its manifest right or not."""
    with zipfile.ZipFile(path) as source:
        parts = [(name, source.read(name)) for name in source.namelist()]
    for _ in range(rng.integers(1, 4)):
        n = int(rng.integers(len(parts)))
        name, data = parts[n]
        change = rng.choice(["drop", "twin", "rename", "swap", "cut", "bytes", "json", "line"])
        other = parts[int(rng.integers(len(parts)))]
        if change == "drop" and len(parts) > 1:
            del parts[n]
        elif change == "twin":
            parts.append((other[0], data))
        elif change == "rename":
            ends = ["../x", "/x", "run/x", name.upper(), f"./{name}", f"{name}/", "run/start.keras"]
            parts[n] = (str(rng.choice(ends)), data)
        elif change == "swap":
            parts[n] = (name, other[1])
        elif change == "cut":
            parts[n] = (name, data[: int(rng.integers(len(data) + 1))])
        elif change == "bytes":
            parts[n] = (name, bytes(rng.integers(0, 256, 99, np.uint8)))
        elif change == "json":
            odd = [b"null", b"NaN", b"-1", b'""', b"[]", b"{}", b"1e999", b"9" * 50, b"[" * 99]
            parts[n] = (name, re.sub(rb"\d+", odd[int(rng.integers(len(odd)))], data, count=1))
        else:
            parts[n] = (name, data.replace(b"}", b',"x":1}', 1))
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as target:
        warnings.simplefilter("ignore", UserWarning)  # of a name twice
        manifest = next((data for name, data in parts if name == "manifest.json"), None)
        if manifest is not None and rng.random() < 0.7:
            with contextlib.suppress(ValueError, AttributeError, TypeError):
                parsed = json.loads(manifest)
                parsed["files"] = {
                    name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                    for name, data in parts
                    if name != "manifest.json"
                }
                manifest = json.dumps(parsed).encode()
        for name, data in parts:
            target.writestr(name, manifest if name == "manifest.json" else data)
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "seeds",
    [
        range(1),
        pytest.param(range(1, 4), marks=[pytest.mark.long, pytest.mark.slow]),
        pytest.param(range(4, 25), marks=pytest.mark.soak),
    ],
)
def test_a_bundle_with_members_changed_by_chance_is_whole_or_refused(
    seeds, exported_run, workspace
):
    for one in seeds:
        rng = np.random.default_rng(one)
        for number in range(60):
            file = _mutated(rng, exported_run[1])
            try:
                came = bundle_import.import_bundle(file).run
            except CatDogError as error:
                assert not list(runs.runs_folder().iterdir()), (number, error)
                assert "\n" not in str(error) and len(str(error)) < 700, (number, error)
                continue
            again = runs.load_run(came.folder)
            assert again.status in ("stopped", "done") and again.problem is None, number
            assert came.folder.parent == runs.runs_folder()
            files.remove_tree(came.folder)


@pytest.mark.parametrize("fault", BAD)
def test_a_bundle_with_a_fault_is_refused_and_leaves_nothing(
    fault, exported_run, workspace, tmp_path
):
    with pytest.raises((RunError, ModelError, CatDogError)) as caught:
        with pytest.warns(UserWarning) if "twice" in fault else io.BytesIO():
            file = repack_bundle(exported_run[1], **BAD[fault])
        bundle_import.import_bundle(file)
    assert type(caught.value) is not CatDogError and len(str(caught.value)) > 40
    assert not (runs.runs_folder().is_dir() and list(runs.runs_folder().iterdir()))
    assert not list(tmp_path.rglob("evil*"))


def test_a_bundle_that_claims_little_and_unpacks_to_much_is_refused(exported_run, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b" " * 40_000_000) for n in range(4)]
    bomb = repack_bundle(exported_run[1], extra=extra, how=zipfile.ZIP_DEFLATED)
    with pytest.raises(RunError, match=r"unpacks from [\d,]+ to"):
        bundle_import.import_bundle(bomb)
    large = repack_bundle(exported_run[1], replace_file("run/about.json", b" " * 5_000_000))
    with pytest.raises(CatDogError, match=r"about\.json has 5,000,000 bytes"):
        bundle_import.import_bundle(large)


def test_links_and_what_is_no_zip_are_refused(exported_run, workspace, tmp_path):
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        info = zipfile.ZipInfo("run/best.keras")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CatDogError, match="link"):
        bundle_import.import_bundle(tmp_path / "l.zip")
    for content in (b"", b"no zip at all", exported_run[1].read_bytes()[:-500]):
        (tmp_path / "n.zip").write_bytes(content)
        with pytest.raises(RunError, match="This bundle can't be imported"):
            bundle_import.import_bundle(tmp_path / "n.zip")
    assert not list(runs.runs_folder().iterdir())


def test_a_zip_of_photos_is_no_bundle(workspace, tmp_path, photo):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(photo, "cats/1.png")
    with pytest.raises(RunError, match=r"cats/1\.png, which doesn't belong there"):
        bundle_import.import_bundle(tmp_path / "photos.zip")


def test_a_full_disk_leaves_no_half_of_a_run(exported_run, workspace, monkeypatch):
    real = files.write_json

    def fail(path, value):
        if path.name == "state.json":
            raise CatDogError("The disk is full.")
        real(path, value)

    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(CatDogError, match="disk is full"):
        bundle_import.import_bundle(exported_run[1])
    assert not list(runs.runs_folder().iterdir())


def test_names_that_would_be_markup_or_a_path_stay_names(exported_run, workspace):
    file = repack_bundle(
        exported_run[1],
        edit_json("run/about.json", name="../../<b>x</b>\x1b[31m", group={"id": "g"}),
    )
    run = bundle_import.import_bundle(file).run
    assert run.folder.parent == runs.runs_folder() and not run.group
    assert "\x1b" not in run.name
    file = repack_bundle(exported_run[1], edit_json("manifest.json", run__id="../../outside"))
    assert bundle_import.import_bundle(file).run.folder.parent == runs.runs_folder()


def test_a_bundle_of_many_files_is_refused_before_it_is_unpacked(exported_run, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b"") for n in range(300)]
    with pytest.raises(RunError, match="more than 200 files"):
        bundle_import.import_bundle(repack_bundle(exported_run[1], extra=extra))


@pytest.mark.long
def test_the_models_of_a_bundle_pass_the_check_in_a_process_of_its_own(
    exported_run, workspace, apart
):
    assert bundle_import.import_bundle(exported_run[1]).run.can_resume
    assert len(list((workspace / "models_checked").glob("*.json"))) == 2
