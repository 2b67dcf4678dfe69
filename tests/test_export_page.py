"""The Export page: cards, making in the background, what is said of a file; without TensorFlow."""

import threading
from functools import partial

import fakes
import pytest

from catdog_core import export, runs
from catdog_core.base import jobs
from catdog_core.base.errors import CatDogError
from catdog_core.export import ExportResult, export_cache
from catdog_core.runs import model_registry
from catdog_core.storage import shard_cache
from catdog_ui.export import export_view

pytestmark = pytest.mark.usefixtures("workspace")
PARITY = {
    "photos": 50,
    "dataset": "",
    "difference": 2e-7,
    "labels": 0,
    "runtime": "onnxruntime 1.32.0",
}
NETWORK = {"shape": [20, 30, 1], "gives_scores": True, "is_keras2": True}


@pytest.fixture
def folder():
    """A run with a model that nobody loads."""
    run_folder = fakes.make_run("first")
    fakes.add_fake_model(run_folder)
    return run_folder


@pytest.fixture(autouse=True)
def forget():
    yield
    for key in list(jobs._jobs):
        jobs.forget_job(key)


@pytest.fixture
def quick(monkeypatch):
    """Exports made in no time; the kinds that were asked for."""
    kinds = []

    def make(source, kind, folder, phase, packed=False, language="en"):
        phase("Saving the file…")
        kinds.append(kind)
        path = folder / f"model{export.FORMATS[kind].extension}"
        path.write_bytes(kind.encode())
        if export.FORMATS[kind].group != "model":
            return ExportResult(path, 1_234_567, None)
        return ExportResult(path, 1_234_567, PARITY, NETWORK)

    monkeypatch.setattr(export.export_files, "export_in_subprocess", make)
    return kinds


def page(folder):
    app = fakes.open_page("7_Export", run=folder.name)
    assert not app.exception
    return app


def ended(app, folder, kind):
    """The page after a job has ended."""
    ended_job(f"export-{kind}-{folder.name}")
    return app.run()


def ended_job(key):
    waiting = threading.Event()
    while jobs.get_job(key).status == "running":
        waiting.wait(0.05)


def test_an_imported_models_export_says_how_it_is_used(quick):
    """Its own size, grey photos, scale of values and scores, and the Keras that opens it."""
    imported = model_registry.register_imported_model(b"x", "m.h5", ["day", "night"], "-1..1")
    export_cache.ExportCache(imported.folder, imported.classes).make("h5", lambda _: None)
    code = page(imported.folder).code[0].value
    assert "import tf_keras as keras" in code and "rows=20, columns=30" in code and "0.299" in code
    assert "/ 127.5 - 1" in code and "np.exp(-p)" in code and "'night'" in code


def texts(app):
    return fakes.joined_text([*app.markdown, *app.caption])


def test_a_run_without_a_model_says_where_it_comes_from(monkeypatch):
    monkeypatch.setattr(model_registry, "load_default_run", lambda: None)
    assert "no run yet" in fakes.joined_text(fakes.open_page("7_Export").info)
    app = page(fakes.make_run("bare"))
    assert "no model yet" in fakes.joined_text(app.info)


def test_the_model_that_comes_with_the_lab_can_be_exported_too():
    app = fakes.open_page("7_Export")
    assert not app.exception
    assert app.download_button(key="download_onnx").label == "Download"


def test_every_format_has_a_card_with_what_it_is_for(folder):
    app = page(folder)
    for one in export.FORMATS.values():
        assert f"**{one.label}**" in texts(app)
        assert one.about in texts(app)


def test_a_file_is_made_by_a_click_and_then_offered(folder, quick):
    app = page(folder)
    app.download_button(key="download_onnx").click().run()
    app = ended(app, folder, "onnx")
    assert not app.exception and not app.error
    assert "1.2 MB" in texts(app) and "by at most **2e-07**" in texts(app)
    assert "All predicted classes match." in texts(app)
    assert "import onnxruntime" in fakes.joined_text(app.code)
    assert quick == ["onnx"]
    page(folder)  # another window makes nothing anew
    assert quick == ["onnx"]


def test_the_web_page_says_how_it_is_opened_and_made_offline(folder, quick):
    export_cache.ExportCache(folder, ("cats", "dogs")).make("web", lambda phase: None)
    app = page(folder)
    assert "double-click `index.html`" in texts(app)
    lines = fakes.joined_text(app.code)
    assert f"export {folder.name} web " in lines and "--runtime node_modules" in lines


def test_the_click_that_makes_a_file_downloads_it(folder, quick, monkeypatch):
    shelf = export_cache.ExportCache(folder, ("cats", "dogs"))
    wait = partial(export_view._wait_for_file, shelf, "onnx", "a key")
    monkeypatch.setattr(export_view, "_LONGEST_WAIT", 0.05)
    monkeypatch.setattr(export_view, "_WAIT_STEP", 0.01)
    with pytest.raises(CatDogError):  # nobody started it: the download alone makes nothing
        wait(None)
    failed = jobs.start_background_job("a key", _fail, None)
    ended_job("a key")
    with pytest.raises(CatDogError, match="too odd"):
        wait(None)
    with pytest.raises(CatDogError, match="Try again"):  # the failure of an earlier click
        wait(failed)
    jobs.start_background_job("a key", lambda job: shelf.make("onnx", lambda phase: None), None)
    monkeypatch.setattr(export_view, "_LONGEST_WAIT", 60)
    assert wait(failed) == b"onnx" and quick == ["onnx"]


def _fail(job):
    raise CatDogError("It is too odd.")


def test_an_export_goes_with_its_model(folder, quick):
    shelf = export_cache.ExportCache(folder, ("cats", "dogs"))
    assert shelf.make("keras", lambda phase: None).path.read_bytes() == b"keras"
    (folder / "best.keras").write_bytes(b"another model, of the next epoch")
    later = export_cache.ExportCache(folder, ("cats", "dogs"))
    assert later.find("keras") is None
    later.make("keras", lambda phase: None)
    assert quick == ["keras", "keras"]


def test_a_stopped_export_leaves_nothing(folder, monkeypatch):
    begun = threading.Event()

    def make(source, kind, folder, phase, packed=False, language="en"):
        (folder / "half.onnx").write_bytes(b"half")
        begun.set()
        while True:
            phase("Saving the file…")

    monkeypatch.setattr(export.export_files, "export_in_subprocess", make)
    app = page(folder)
    app.download_button(key="download_onnx").click().run()
    assert begun.wait(60)
    app.run()
    app.button(key=f"stop_export-onnx-{folder.name}").click().run()
    app = ended(app, folder, "onnx")
    assert "stopped" in fakes.joined_text(app.info)
    assert list(export_cache.export_cache_folder().iterdir()) == []


def test_a_failed_export_says_why_and_can_be_tried_again(folder, monkeypatch):
    def make(*_args, **_more):
        raise CatDogError("The model could not be written as {kind}: too odd.", kind="onnx")

    monkeypatch.setattr(export.export_files, "export_in_subprocess", make)
    app = page(folder)
    app.download_button(key="download_onnx").click().run()
    app = ended(app, folder, "onnx")
    assert "could not be written as onnx" in fakes.joined_text(app.error)
    assert not app.download_button(key="download_onnx").disabled


def test_old_exports_make_room_for_new_ones(folder, quick, monkeypatch):
    shelf = export_cache.ExportCache(folder, ("cats", "dogs"))
    monkeypatch.setattr(export_cache, "MAX_BYTES", 300)
    shelf.make("keras", lambda phase: None)
    newest = shelf.make("h5", lambda phase: None)
    assert [entry.name for entry in export_cache.export_cache_folder().iterdir()] == [
        newest.path.parent.name
    ]


def test_exports_are_shown_and_cleared_with_the_cache(folder, quick):
    shelf = export_cache.ExportCache(folder, ("cats", "dogs"))
    shelf.make("keras", lambda phase: None)
    (entry,) = shard_cache.list_cache_entries()
    assert (entry.kind, entry.is_complete) == ("exports", True) and entry.bytes > 5
    assert shard_cache.clear_cache() == entry.bytes
    assert shard_cache.list_cache_entries() == [] and shelf.find("keras") is None


def test_a_damaged_entry_of_the_cache_is_made_anew(folder, quick):
    shelf = export_cache.ExportCache(folder, ("cats", "dogs"))
    entry = shelf.make("keras", lambda phase: None)
    (entry.path.parent / "export.json").write_text('{"format": 1, "file": "../../x", "bytes": 1')
    assert shelf.find("keras") is None
    shelf.make("keras", lambda phase: None)
    assert quick == ["keras", "keras"]


def test_what_was_not_compared_is_said_with_the_package_that_would():
    assert "`onnxruntime` isn't installed" in export_view.parity_text({"missing": "onnxruntime"})
    assert "Python can't run this format" in export_view.parity_text({"missing": ""})
    parity = {**PARITY, "labels": 2, "dataset": "*pets*", "accuracy": [0.9, 0.85], "counted": 1000}
    text = export_view.parity_text(parity)
    assert "2 photos get a different class" in text and r"\*pets\*" in text
    assert "Accuracy is **85.0%**, compared with 90.0%" in text


def test_a_bundle_dropped_on_the_page_becomes_a_run(folder, workspace, tmp_path):
    bundle = export.export_in_process("default", "bundle", tmp_path / "b.zip")
    app = page(folder)
    app.file_uploader(key="export_bundle").upload("b.zip", bundle.read_bytes(), "application/zip")
    app.run()
    app.button(key="export_bring").click().run()
    assert not app.exception and not app.error
    assert "is imported, with 15 trained epochs" in fakes.joined_text(app.success)
    assert len(runs.list_runs()) == 2
    app.run()  # nothing is brought in twice
    assert len(runs.list_runs()) == 2


def test_a_bundle_that_is_none_is_refused_in_words(folder):
    app = page(folder)
    app.file_uploader(key="export_bundle").upload("b.zip", b"PK no zip", "application/zip")
    app.run()
    app.button(key="export_bring").click().run()
    assert "This bundle can't be imported" in fakes.joined_text(app.error) and not app.exception
    assert len(runs.list_runs()) == 1
