"""Models loaded once: by whom, when anew, and how many stay."""

import os
import threading

import pytest

from catdog_core.analysis import predict
from catdog_core.base.errors import ModelError
from catdog_core.runs import model_registry
from catdog_core.server import loaded_models


@pytest.fixture
def loads(monkeypatch, workspace):
    """The paths that were loaded; a model is its file's name here."""
    paths = []
    monkeypatch.setattr(predict, "load_predictor", lambda path: paths.append(path) or path.name)
    monkeypatch.setattr(loaded_models, "freeze_gc", lambda: None)
    loaded_models.forget_models()
    yield paths
    loaded_models.forget_models()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pets.keras"
    path.write_bytes(b"one")
    return path


def test_threads_that_ask_at_once_share_one_model(loads, file, monkeypatch):
    begin, fake = threading.Event(), predict.load_predictor
    monkeypatch.setattr(predict, "load_predictor", lambda path: begin.wait(10) and fake(path))
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(loaded_models.load_model(file)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    begin.set()
    for thread in threads:
        thread.join()
    assert got == ["pets.keras"] * 5 and loads == [file]


def test_a_file_that_changed_is_loaded_again(loads, file):
    loaded_models.load_model(file)
    loaded_models.load_model(file)
    assert loads == [file]
    file.write_bytes(b"another")
    loaded_models.load_model(file)
    assert loads == [file, file]


def test_an_upload_is_known_by_its_content(loads):
    for name in ("a.keras", "b.keras"):
        assert loaded_models.load_model_bytes(b"one", name) == "a.keras"
    assert loaded_models.load_model_bytes(b"two", "b.keras") == "b.keras"


def test_the_least_recently_used_goes_first(loads, tmp_path):
    paths = [tmp_path / f"{n}.keras" for n in range(loaded_models.MAX_FILES + 1)]
    for path in paths:
        path.write_bytes(b"model")
        loaded_models.load_model(path)
        loaded_models.load_model(paths[0])
    assert loads == paths
    loaded_models.load_model(paths[1])
    assert loads == [*paths, paths[1]]


def test_a_model_that_fails_is_tried_again(loads, file, monkeypatch):
    def fail(path):
        loads.append(path)
        raise ModelError("No.")

    monkeypatch.setattr(predict, "load_predictor", fail)
    for _ in range(2):
        with pytest.raises(ModelError, match="No"):
            loaded_models.load_model(file)
    assert loads == [file, file]


def test_a_model_is_found_by_id_or_name_and_never_by_a_path(workspace, file):
    built_in = model_registry.load_default_run()
    assert loaded_models.find_model() == built_in
    assert loaded_models.find_model(built_in.id).folder == built_in.folder
    assert loaded_models.find_model(built_in.name).folder == built_in.folder
    for key in ("nothing", str(file), os.fspath(built_in.folder), "..", "../runs", "a\0b"):
        with pytest.raises(ModelError, match="There's no model"):
            loaded_models.find_model(key)


def test_without_any_model_the_sentence_says_when_there_is_one(workspace, monkeypatch):
    monkeypatch.setattr(model_registry, "load_default_run", lambda: None)
    with pytest.raises(ModelError, match="after the first finished epoch"):
        loaded_models.find_model()
