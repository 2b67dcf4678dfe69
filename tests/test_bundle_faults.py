"""Bundles from strangers and broken ones: refused in a sentence, with nothing left behind."""

import io
import stat
import zipfile

import numpy as np
import pytest
from bundles import edited, repacked, replaced

from catdog_core import files, runs
from catdog_core.errors import CatDogError, ModelError, RunError
from catdog_core.exports import bundle_in

BAD = {
    "leads out of its folder": {"extra": [("../evil.txt", b"x")]},
    "an absolute path": {"extra": [("/etc/evil", b"x")]},
    "backslashes that lead out": {"extra": [("run\\..\\..\\evil", b"x")]},
    "a file no run has": {"extra": [("run/evil.py", b"x")]},
    "odd names of tables": {"extra": [("run/predictions/../../x-test.csv", b"x")]},
    "a file twice": {"extra": [("run/about.json", b"{}")]},
    "a flipped bit": {"change": replaced("run/best.keras", b"PK\x03\x04zzz"), "lies": True},
    "a file that is missing": {"change": replaced("run/best.keras", None), "lies": True},
    "no model": {"change": replaced("run/best.keras", None)},
    "a model that is none": {"change": replaced("run/best.keras", b"no model")},
    "metrics of text": {"change": replaced("run/metrics.jsonl", b'{"epoch": 0, "loss": "<b>"}\n')},
    "no epoch": {"change": replaced("run/metrics.jsonl", b"")},
    "settings that are no JSON": {"change": replaced("run/settings.json", b"[" * 9000)},
    "settings of a list": {"change": replaced("run/settings.json", b"[]")},
    "a newer format": {"change": edited("manifest.json", format=99)},
    "something else's manifest": {"change": edited("manifest.json", kind="recipe")},
    "another class": {"change": edited("run/settings.json", classes=["cats", "cows"])},
    "one class": {"change": edited("run/settings.json", classes=["cats"])},
    "an absurd time": {"change": edited("run/settings.json", created=1e99)},
    "photos below zero": {"change": edited("run/settings.json", dataset__train=-1)},
    "a setting out of range": {"change": edited("run/settings.json", training__epochs=10**9)},
    "an unknown setting": {"change": edited("run/settings.json", training__evil=1)},
    "a resume point of text": {"change": edited("run/backup.json", epoch="1")},
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bundle_with_a_fault_is_refused_and_leaves_nothing(fault, travelled, workspace, tmp_path):
    with pytest.raises((RunError, ModelError, CatDogError)) as caught:
        with pytest.warns(UserWarning) if "twice" in fault else io.BytesIO():
            file = repacked(travelled[1], **BAD[fault])
        bundle_in.bring(file)
    assert type(caught.value) is not CatDogError and len(str(caught.value)) > 40
    assert not (runs.root().is_dir() and list(runs.root().iterdir()))
    assert not list(tmp_path.rglob("evil*"))


def test_a_bundle_that_claims_little_and_unpacks_to_much_is_refused(travelled, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b" " * 40_000_000) for n in range(4)]
    bomb = repacked(travelled[1], extra=extra, how=zipfile.ZIP_DEFLATED)
    with pytest.raises(RunError, match=r"unpacks from [\d,]+ to"):
        bundle_in.bring(bomb)
    large = repacked(travelled[1], replaced("run/about.json", b" " * 5_000_000))
    with pytest.raises(CatDogError, match=r"about\.json has 5,000,000 bytes"):
        bundle_in.bring(large)


def test_links_and_what_is_no_zip_are_refused(travelled, workspace, tmp_path):
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        info = zipfile.ZipInfo("run/best.keras")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(CatDogError, match="link"):
        bundle_in.bring(tmp_path / "l.zip")
    for content in (b"", b"no zip at all", travelled[1].read_bytes()[:-500]):
        (tmp_path / "n.zip").write_bytes(content)
        with pytest.raises(RunError, match="cannot be brought in"):
            bundle_in.bring(tmp_path / "n.zip")
    assert not list(runs.root().iterdir())


def test_a_zip_of_photos_is_no_bundle(workspace, tmp_path, photo):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(photo, "cats/1.png")
    with pytest.raises(RunError, match=r"cats/1\.png, which no run has"):
        bundle_in.bring(tmp_path / "photos.zip")


def test_a_full_disk_leaves_no_half_of_a_run(travelled, workspace, monkeypatch):
    real = files.write_json

    def fail(path, value):
        if path.name == "state.json":
            raise CatDogError("The disk is full.")
        real(path, value)

    monkeypatch.setattr(files, "write_json", fail)
    with pytest.raises(CatDogError, match="disk is full"):
        bundle_in.bring(travelled[1])
    assert not list(runs.root().iterdir())


def test_names_that_would_be_markup_or_a_path_stay_names(travelled, workspace):
    file = repacked(
        travelled[1], edited("run/about.json", name="../../<b>x</b>\x1b[31m", group={"id": "g"})
    )
    run = bundle_in.bring(file).run
    assert run.folder.parent == runs.root() and not run.group
    assert "\x1b" not in run.name
    file = repacked(travelled[1], edited("manifest.json", run__id="../../outside"))
    assert bundle_in.bring(file).run.folder.parent == runs.root()


def test_a_bundle_of_many_files_is_refused_before_it_is_unpacked(travelled, workspace):
    extra = [(f"run/predictions/d{n}-test.csv", b"") for n in range(300)]
    with pytest.raises(RunError, match="more than 200 files"):
        bundle_in.bring(repacked(travelled[1], extra=extra))


@pytest.mark.long
def test_the_models_of_a_bundle_pass_the_check_in_a_process_of_its_own(travelled, workspace, apart):
    assert bundle_in.bring(travelled[1]).run.can_resume
    assert len(list((workspace / "models_checked").iterdir())) == 2


@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 12), marks=pytest.mark.long)])
def test_a_bundle_with_bytes_changed_by_chance_is_whole_or_refused(seed, travelled, workspace):
    whole = travelled[1].read_bytes()
    for one in [seed] if isinstance(seed, int) else seed:
        rng = np.random.default_rng(one)
        for _ in range(40):
            changed = bytearray(whole)
            # Half of the places lie in the table of contents and the manifest, at the end.
            for place in rng.integers(0, rng.choice([len(whole), 3000]), rng.integers(1, 5)):
                changed[-1 - place] = rng.integers(0, 256)
            try:
                came = bundle_in.bring(io.BytesIO(changed)).run
            except CatDogError:
                assert not list(runs.root().iterdir())
                continue
            assert came.epochs == runs.load(travelled[0]).epochs
            files.remove_tree(came.folder)
