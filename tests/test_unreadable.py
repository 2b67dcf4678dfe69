"""Folders and files that cannot be read are counted and named, never dropped in silence."""

import os

import numpy as np
import pytest

from catdog_core import cli
from catdog_core.base.errors import DatasetError
from catdog_core.data import audit, datasets, preview
from catdog_core.imaging import decode

JPEG = decode.encode_photo(np.full((16, 16, 3), 90, np.uint8))


@pytest.fixture
def pets(tmp_path):
    """Two classes of six photos, a part of each in a folder below its class."""
    root = tmp_path / "pets"
    for number in range(12):
        name = "cats" if number % 2 else "dogs"
        path = root / name / ("more" if number < 4 else "") / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + bytes([number]))
    return root


def agreed(root):
    """What preview, check and opening say of a folder, which is the same."""
    seen, dataset = preview.preview_folder(root), datasets.open_folder(root)
    assert seen.counts == dataset.counts() == datasets.scan_folder(root).counts()
    assert seen.warnings == dataset.note["warnings"]
    return dataset, " ".join(text.format(**values) for text, values in seen.warnings)


DENIED, BROKEN = PermissionError(13, "Permission denied"), OSError(5, "Input/output error")


def refuse(monkeypatch, module, name, *paths, error=DENIED):
    """Make a call of the system fail for paths that end so."""
    before = getattr(module, name)

    def call(path, *rest, **more):
        if str(path).endswith(paths):
            raise error
        return before(path, *rest, **more)

    monkeypatch.setattr(module, name, call)


def test_a_folder_below_a_class_that_may_not_be_listed_is_named(workspace, pets, monkeypatch):
    refuse(monkeypatch, os, "scandir", "cats/more")
    dataset, warning_text = agreed(pets)
    assert len(dataset.items()) == 10
    assert "1 unreadable files or folders are skipped: cats/more." in warning_text


def test_an_error_amid_a_folder_keeps_what_came_before(workspace, pets, monkeypatch):
    scandir = os.scandir

    class Broken:
        def __init__(self, inside):
            self.inside = inside

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.inside.close()

        def __iter__(self):
            yield from sorted(self.inside, key=lambda entry: entry.name)[:3]
            raise BROKEN

    broken = str(pets / "dogs")
    monkeypatch.setattr(
        os, "scandir", lambda path: Broken(scandir(path)) if path == broken else scandir(path)
    )
    dataset, warning_text = agreed(pets)
    assert dataset.counts()["train"]["dogs"] >= 1 and "skipped: dogs." in warning_text


def test_files_that_may_not_be_opened_are_named_and_in_the_check(
    workspace, pets, monkeypatch, capsys
):
    refuse(monkeypatch, os, "open", "/5.jpg", "11.jpg", "6.jpg", "/0.jpg")
    dataset, warning_text = agreed(pets)
    assert len(dataset.items()) == 8
    assert "4 unreadable files or folders are skipped: cats/11.jpg, cats/5.jpg" in warning_text
    left_out = ["cats/11.jpg", "cats/5.jpg", "dogs/6.jpg", "dogs/more/0.jpg"]
    assert dataset.note["unusable"] == left_out
    assert cli.main(["check", str(pets)]) == 0
    again = audit.audit_dataset(datasets.load_dataset(dataset.id))
    assert [(f.kind, f.files) for f in audit.audit_dataset(dataset)] == [
        (f.kind, f.files) for f in again
    ]
    out = capsys.readouterr().out
    assert "4 unreadable files or folders" in out and "No problems" not in out


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_broken_links_circles_and_links_that_lead_out_are_named(
    workspace, pets, tmp_path, monkeypatch
):
    monkeypatch.setenv("CATDOG_ROOTS", str(pets))
    (pets / "cats" / "gone.jpg").symlink_to(pets / "cats" / "never.jpg")
    (pets / "cats" / "circle").symlink_to(pets)
    (tmp_path / "secret").mkdir()
    (pets / "private").symlink_to(tmp_path / "secret")
    dataset, warning_text = agreed(pets)
    assert dataset.classes == ("cats", "dogs") and len(dataset.items()) == 12
    assert "2 unreadable files or folders are skipped: cats/circle, cats/gone.jpg" in warning_text
    assert "1 links lead out of the allowed folders and are skipped: private." in warning_text


def test_a_class_that_cannot_be_listed_is_no_empty_class(workspace, pets, monkeypatch):
    refuse(monkeypatch, os, "scandir", "cats")
    with pytest.raises(DatasetError, match="cats can't be read: Permission denied"):
        preview.preview_folder(pets)
    with pytest.raises(DatasetError, match="cats can't be read: Permission denied"):
        datasets.open_folder(pets)


def test_the_folder_itself_that_cannot_be_listed_is_refused(workspace, pets, monkeypatch):
    refuse(monkeypatch, os, "scandir", "pets", error=BROKEN)
    with pytest.raises(DatasetError, match="can't be read: Input/output error"):
        datasets.scan_folder(pets)
