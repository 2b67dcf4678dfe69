"""Roles and quotas are checked before any of a file is read, unpacked or parsed."""

import io
import json

import fakes
import pytest

from catdog_core import runs
from catdog_core.analysis import history_import
from catdog_core.augmentation import presets
from catdog_core.base import access, files
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError, CatDogError
from catdog_core.config import Augmentation
from catdog_core.data import archives, datasets, imports, tfrecord_import
from catdog_core.export import bundle_import
from catdog_ui import permissions

GATED = {
    "1_Data": ("source_kind", "archive", "source_zip"),
    "4_Compare": (None, None, "history_file"),
    "5_Evaluate": (None, None, "evaluate_model"),
    "7_Export": (None, None, "export_bundle"),
}


class Untouched(io.BytesIO):
    """A file that tells whether somebody looked into it."""

    name, touched = "photos.zip", False

    def _touch(self, *_):
        self.touched = True
        return b""

    read = read1 = readinto = seek = tell = getvalue = getbuffer = _touch


@pytest.fixture(autouse=True)
def shared(workspace, monkeypatch):
    """A class's lab in which Ada has the one run she may have."""
    workspace.mkdir()
    settings = {"format": 1, "shared": True, "runs_each": 1}
    (workspace / access.FILE).write_text(json.dumps(settings))
    folder = fakes.make_run("adas")
    about = files.read_json(folder / "about.json")
    files.write_json(folder / "about.json", {**about, "owner": "ada"})


@pytest.fixture(params=["the audience", "a student whose quota is used up"])
def visitor(request, monkeypatch):
    who = Visitor("ada", "student" if "student" in request.param else "audience")
    monkeypatch.setattr(access, "_visitor_provider", lambda: who)
    return who


@pytest.mark.usefixtures("visitor")
def test_a_bundle_is_not_opened_for_who_may_not_have_a_run(tmp_path):
    file = Untouched()
    with pytest.raises(AccessError):
        bundle_import.import_bundle(file)
    assert not file.touched
    with pytest.raises(AccessError):
        bundle_import.import_bundle(tmp_path / "is not even there.zip")
    assert len(runs.list_runs()) == 1


@pytest.mark.usefixtures("visitor")
def test_a_history_is_not_opened_for_who_may_not_have_a_run(tmp_path):
    with pytest.raises(AccessError):
        history_import.import_history(tmp_path / "is not even there.csv")
    assert len(runs.list_runs()) == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda file, tmp_path: archives.inspect_archive(file, "photos.zip"),
        lambda file, tmp_path: imports.import_archive(file, "photos.zip"),
        lambda file, tmp_path: imports.preview_photos({"cats": [("a.jpg", file)]}, "x"),
        lambda file, tmp_path: tfrecord_import.preview_tfrecords(tmp_path / "gone.tfrecord"),
        lambda file, tmp_path: tfrecord_import.import_tfrecords(tmp_path / "gone.tfrecord"),
        lambda file, tmp_path: presets.save_preset("x", Augmentation()),
    ],
)
def test_photos_and_presets_are_not_looked_at_for_the_audience(read, tmp_path, monkeypatch):
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("", "audience"))
    file = Untouched()
    with pytest.raises(AccessError):
        read(file, tmp_path)
    assert not file.touched


def test_a_bundle_that_would_pass_the_quota_of_the_disk_is_not_unpacked(
    exported_run, workspace, monkeypatch
):
    settings = {"format": 1, "shared": True, "runs_each": 9, "megabytes_each": 1}
    (workspace / access.FILE).write_text(json.dumps(settings))
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("bob", "student"))
    with pytest.raises(AccessError, match="This run takes"):
        bundle_import.import_bundle(exported_run[1])
    assert len(runs.list_runs()) == 1 and not list(runs.runs_folder().glob(".*"))
    settings["megabytes_each"] = 1000
    (workspace / access.FILE).write_text(json.dumps(settings))
    assert bundle_import.import_bundle(exported_run[1]).run.owner == "bob"


@pytest.mark.parametrize("path", GATED)
def test_what_a_page_takes_up_is_off_for_the_audience(path, demo, monkeypatch):
    datasets.open_folder(demo)
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("", "audience"))
    radio, value, key = GATED[path]
    page = fakes.open_page(path)
    if radio:
        page.session_state[radio] = value
        page.run()
    uploader = next(u for u in page.get("file_uploader") if key in u.proto.id)
    assert uploader.proto.disabled and not page.exception


def test_a_history_that_is_sent_all_the_same_is_not_read(monkeypatch):
    def gate(action, owner=None, disabled=False, help=None):
        return {"disabled": disabled, "help": help}

    monkeypatch.setattr(permissions, "permission_kwargs", gate)
    monkeypatch.setattr(access, "_visitor_provider", lambda: Visitor("ada", "student"))
    monkeypatch.setattr(history_import, "read_history", None)
    page = fakes.open_page("4_Compare")
    page.file_uploader(key="history_file").upload("h.csv", b"loss\n1\n", "text/csv")
    next(b for b in page.button if b.label == "Import").click().run()
    assert "You have 1 of 1 run" in fakes.joined_text(page.error)


def test_the_code_that_is_tried_has_a_length(workspace):
    code = "meow" * 20
    settings = {"format": 1, "shared": True, "student_code": access.hash_code(code)}
    (workspace / access.FILE).write_text(json.dumps(settings))
    assert access.role_by_code(code) == "student"
    assert access.role_by_code(code + " " * 50_000_000) is None


@pytest.mark.parametrize("name", [access.FILE, "limits.json"])
@pytest.mark.parametrize("text", ["[" * 90_000, '{"a":' * 900 + "1" + "}" * 900, "9" * 5000, " "])
def test_a_file_of_settings_without_end_shuts_and_says_so(workspace, name, text):
    from catdog_core.base import limits

    (workspace / name).write_text(text)
    limits._load_limits.cache_clear()
    with pytest.raises(CatDogError):
        access.load_access_settings() if name == access.FILE else limits.current_limits()
    limits._load_limits.cache_clear()
