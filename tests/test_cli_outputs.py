"""An output never replaces an input, nor a file of another kind that nobody gave up for it."""

import os
import shutil

import fakes
import pytest
from fakes import run_cli as run

from catdog_core.base import files
from catdog_core.base.errors import CatDogError
from catdog_core.cli import output_files
from catdog_core.export.formats import FORMATS

FOLDERS = [name for name, exporter in FORMATS.items() if exporter.is_folder]


@pytest.fixture
def things(workspace, tmp_path, photo, monkeypatch):
    """Inputs of commands, files of many kinds, and no work behind the commands."""
    monkeypatch.chdir(tmp_path)
    for name in ("train/cats", "train/dogs", "validation/cats", "validation/dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        shutil.copy(photo, tmp_path / "pets" / name / "one.png")
    fakes.make_run("mine", status="done")
    home = next((workspace / "runs").iterdir())
    fakes.add_fake_model(home)
    home.rename(tmp_path / "run")
    fakes.add_fake_model(tmp_path, "model.keras")
    os.link(photo, tmp_path / "hard.csv")
    (tmp_path / "soft.csv").symlink_to(photo)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "wrong.csv").write_bytes(photo.read_bytes())
    (tmp_path / "words.txt").write_text("Dear diary,\nno table.\n")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 a photo")
    (tmp_path / "settings.json").write_text('{"rotation_range": 20}')
    (tmp_path / "photos.zip").write_bytes(b"PK\3\4 cats/one.png")
    return tmp_path


PREDICT = ["predict", "run", "photo.png", "--csv"]
EVALUATE = ["evaluate", "run", "pets", "--csv"]
EMBED = ["evaluate", "run", "pets", "--embedding"]
AUGMENT = ["augment", "photo.png"]
PLOT = ["plot", "run"]


def export(kind):
    return ["export", "run", kind]


INPUTS = [
    (AUGMENT, "photo.png"),
    (AUGMENT, "./folder.csv/../photo.png"),
    (AUGMENT, "hard.csv"),
    (AUGMENT, "soft.csv"),
    ([*AUGMENT, "--with", "photo.jpg"], "photo.jpg"),
    ([*AUGMENT, "--augment", "settings.json"], "settings.json"),
    (PREDICT, "photo.png"),
    (PREDICT, "hard.csv"),
    (PREDICT, "soft.csv"),
    (PREDICT, "run/best.keras"),
    (PREDICT, "run/metrics.jsonl"),
    (["predict", "model.keras", "photo.png", "--csv"], "model.keras"),
    (EVALUATE, "pets/train/cats/one.png"),
    (EVALUATE, "run/settings.json"),
    (EMBED, "pets/validation/dogs/one.png"),
    ([*EVALUATE, "new.csv", "--embedding"], "new.csv"),
    (PLOT, "run/settings.json"),
    (export("keras"), "run/best.keras"),
    (export("h5"), "run/best.keras"),
    (export("bundle"), "run/state.json"),
    (["export", "model.keras", "litert"], "model.keras"),
]
OTHERS = [
    (PREDICT, "photo.jpg"),
    (PREDICT, "wrong.csv"),
    (PREDICT, "words.txt"),
    (PREDICT, "settings.json"),
    (EVALUATE, "photos.zip"),
    (EMBED, "photo.jpg"),
    (AUGMENT, "words.txt"),
    (AUGMENT, "model.keras"),
    (PLOT, "photos.zip"),
    (PLOT, "settings.json"),
    (export("keras"), "photo.jpg"),
    (export("keras"), "photos.zip"),
    (export("h5"), "model.keras"),
    (export("bundle"), "photos.zip"),
    (export("script"), "words.txt"),
    (export("notebook"), "settings.json"),
    (export("report"), "photo.jpg"),
    (export("litert"), "photos.zip"),
    (export("saved_model"), "photos.zip"),
]


def content(folder):
    return {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(("command", "out"), INPUTS)
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_input_is_never_replaced(things, capsys, command, out, force):
    before = content(things)
    status, _, err = run(capsys, *command, out, *force)
    assert (status, err.count("\n")) == (1, 1)
    assert "is an input" in err and content(things) == before


@pytest.mark.parametrize(("command", "out"), OTHERS)
def test_a_file_of_another_kind_is_not_replaced_unasked(things, capsys, command, out):
    before = content(things)
    status, _, err = run(capsys, *command, out)
    assert (status, err.count("\n")) == (1, 1)
    assert "--force" in err and content(things) == before


@pytest.mark.parametrize("command", [PREDICT, EVALUATE, EMBED, AUGMENT, PLOT, export("keras")])
@pytest.mark.parametrize("out", ["folder.csv", "pets", "pipe", os.devnull])
def test_folders_pipes_and_devices_are_refused(things, capsys, command, out):
    if out == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("this system has no named pipes")
        os.mkfifo(things / "pipe")
    status, _, err = run(capsys, *command, out, "--force")
    assert (status, err.count("\n")) == (1, 1)
    assert any(word in err for word in ("is a folder", "is a device", "is an input"))


@pytest.mark.parametrize("kind", FOLDERS)
@pytest.mark.parametrize("out", ["pets", "words.txt", "run"])
def test_a_folder_is_written_where_nothing_is_only(things, capsys, kind, out):
    before = content(things)
    assert run(capsys, *export(kind), out, "--force")[0] == 1
    assert content(things) == before


KINDS = {
    "table": [("old.csv", "file,label\na,b\n"), ("old.txt", "a,b\n1,2\n"), ("old", "a,b\n")],
    "picture": [("old.png", b"\x89PNG\r\n\x1a\n"), ("old.webp", b"RIFF\0\0\0\0WEBP")],
    "pdf": [("old.pdf", b"%PDF-1.7")],
    "svg": [("old.svg", "<?xml?><svg/>")],
    "notebook": [("old.ipynb", '{"cells": [], "nbformat": 4}')],
    "script": [("old.py", "import keras\n")],
    "page": [("old.html", "<!doctype html><p>")],
    "keras": [("old.keras", b"PK\3\4 config.json model.weights.h5")],
    "hdf5": [("old.h5", b"\x89HDF\r\n\x1a\n")],
    "litert": [("old.tflite", b"\0\0\0\0TFL3")],
    "onnx": [("old.onnx", b"\x08\x07\x12\0\0")],
    "bundle": [("old.zip", b"PK\3\4 run/settings.json manifest.json")],
    "model-zip": [("old.zip", b"PK\3\4 model/saved_model.pb")],
}
SAME = [(kind, name, data) for kind, found in KINDS.items() for name, data in found]


@pytest.mark.parametrize(("kind", "name", "data"), SAME)
def test_a_file_of_its_own_kind_is_replaced_as_ever_and_an_empty_one(tmp_path, kind, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert output_files.resolve_output(path, kind) == path
    path.write_bytes(b"")
    assert output_files.resolve_output(path, kind) == path
    for other in KINDS:
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        if other != kind and (other, name) != ("table", "old"):
            with pytest.raises(CatDogError, match="--force"):
                output_files.resolve_output(path, other)


def test_a_link_is_followed_so_that_what_it_leads_to_is_looked_at(things):
    (things / "link.csv").symlink_to(things / "real.csv")
    (things / "real.csv").write_text("a,b\n1,2\n")
    target = output_files.resolve_output(things / "link.csv", "table")
    files.write_bytes(target, b"c,d\n")
    assert (things / "real.csv").read_bytes() == b"c,d\n" and (things / "link.csv").is_symlink()
    (things / "loop").symlink_to(things / "loop")
    with pytest.raises(CatDogError, match="loop"):
        output_files.resolve_output(things / "loop", "table")


def test_force_replaces_a_file_of_another_kind(things, capsys):
    assert run(capsys, *AUGMENT, "words.txt", "--count", 1, "--force")[0] == 0
    assert (things / "words.txt").read_bytes().startswith(b"\x89PNG")


def test_new_outputs_beside_the_inputs_are_written(things, capsys):
    assert run(capsys, *AUGMENT, "pets/sheet.png", "--count", 1)[0] == 0
    for _ in range(2):  # the second time over its own
        assert run(capsys, *PLOT, "run/curve.png")[0] == 0
