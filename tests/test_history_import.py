"""A history from elsewhere becomes a run to compare; nothing in its file is ever run."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import zlib
from pathlib import Path

import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import histories, history_formats, history_import
from catdog_core.base.errors import ModelError, RunError
from catdog_core.data import datasets
from catdog_core.export import report
from catdog_core.runs import model_registry
from tests import fakes

COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")
HISTORY = {name: [0.5 + n / 16 for n in range(3)] for name in COLUMNS}
RECORDED = Path(__file__).parents[1] / "benchmarks" / "histories" / "notes_plain_50.csv"


def stored(path, data):
    path.write_bytes(data)
    return path


def test_json_is_read_as_lists_or_as_rows(tmp_path):
    rows = [
        dict(zip(HISTORY, values, strict=True)) for values in zip(*HISTORY.values(), strict=True)
    ]
    for content in (HISTORY, {"history": HISTORY}, rows):
        path = stored(tmp_path / "h.json", json.dumps(content).encode())
        assert [row["loss"] for row in history_import.read_history(path).rows] == HISTORY["loss"]


class Runs:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def npz(**arrays):
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def npy(value):
    out = io.BytesIO()
    np.save(out, value, allow_pickle=True)
    return out.getvalue()


NUMBERS = {name: [np.float32(x) for x in v] for name, v in HISTORY.items()}
PICKLES = {
    **{f"protocol {n}": pickle.dumps(HISTORY, protocol=n) for n in range(6)},
    **{f"NumPy's numbers, {n}": pickle.dumps(NUMBERS, protocol=n) for n in range(6)},
    **{f"a program, {n}": pickle.dumps({"loss": Runs()}, protocol=n) for n in range(6)},
    "a list": pickle.dumps([HISTORY], protocol=0),
    "an old instance": b"(S'touch harmed'\nios\nsystem\n.",
    "the same object 1,500 times": pickle.dumps([[0.0] * 10_000] * 1500),
    "cut short": pickle.dumps(HISTORY)[:-20],
    "of a newer protocol": b"\x80\x09" + pickle.dumps(HISTORY)[2:],
}
PACKED = {
    "gzip": gzip.compress(PICKLES["protocol 4"]),
    "bzip2": bz2.compress(PICKLES["protocol 4"]),
    "xz": lzma.compress(PICKLES["protocol 4"]),
    "lzma": lzma.compress(PICKLES["protocol 4"], lzma.FORMAT_ALONE),
    "zlib, as joblib packs": zlib.compress(PICKLES["protocol 4"]),
    "npz": npz(**{name: np.array(v) for name, v in HISTORY.items()}),
    "npy": npy(HISTORY),
}


@pytest.mark.parametrize("end", ["pkl", "csv", "json"])
@pytest.mark.parametrize("name", [*PICKLES, *PACKED])
def test_a_pickle_is_refused_whatever_its_name_with_the_line_that_writes_json(
    tmp_path, monkeypatch, name, end
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pickle, "_Unpickler", None)
    path = stored(tmp_path / f"h.{end}", {**PICKLES, **PACKED}[name])
    with pytest.raises(RunError) as caught:
        history_import.read_history(path)
    assert history_formats.JSON_EXPORT_LINE in str(caught.value)
    assert ("is a pickle" in str(caught.value)) == (name in PICKLES)
    assert not (tmp_path / "harmed").exists()


def test_the_line_a_refusal_names_writes_what_is_read(tmp_path, monkeypatch):
    class Keras:
        history = NUMBERS

    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as closed:
        opened = lambda *given: closed.enter_context(open(*given))  # noqa: E731
        exec(history_formats.JSON_EXPORT_LINE, {"json": json, "history": Keras, "open": opened})
    assert (
        history_import.read_history(Path("history.json")).rows[1]["val_loss"]
        == HISTORY["val_loss"][1]
    )


@pytest.mark.parametrize(
    "start",
    ["PK,loss", "BZh,loss", "x^2,loss", "(loss),loss", "Name.,loss", "V.1,loss", "]loss,loss"],
)
def test_a_table_is_no_pickle_because_of_how_its_first_column_is_called(tmp_path, start):
    text = f"{start},accuracy,val_loss,val_accuracy\n1,0.5,0.5,0.5,0.\n1,2,3,4,1."
    assert len(history_import.read_history(stored(tmp_path / "h.csv", text.encode())).rows) == 2


@pytest.mark.parametrize(
    "text", ["{", "[1, 2]", "[]", "{}", '{"val_loss": [1]}', "[" * 100_000, '{"lr": {"a": 1}}', ""]
)
def test_json_that_is_no_history_is_refused_in_words(tmp_path, text):
    with pytest.raises(RunError):
        history_import.read_history(stored(tmp_path / "h.json", text.encode()))


def test_lists_of_different_lengths_are_refused(tmp_path):
    path = stored(tmp_path / "h.json", json.dumps({**HISTORY, "loss": [1.0]}).encode())
    with pytest.raises(RunError, match="1 to 3 entries"):
        history_import.read_history(path)


def test_it_becomes_a_run_with_a_verdict_and_a_report(workspace, tmp_path):
    folder = history_import.import_history(RECORDED, "from the class", validation_photos=1000)
    run = runs.load_run(folder)
    assert (run.status, run.is_history, run.model, run.best_model) == ("done", True, "", None)
    assert (len(run.epochs), run.validation_photos) == (50, 1000)
    verdict = histories.diagnose_run(run)
    assert (verdict.kind, verdict.since) == ("overfitting", (20, 20))
    report.write_html_report(folder, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "training settings are unknown" in text and "from the class" in text


def test_it_cannot_be_resumed_or_asked_about_photos_and_says_why(workspace):
    folder = history_import.import_history(RECORDED)
    with pytest.raises(RunError, match="is an imported history"):
        runs.start_run(folder)
    with pytest.raises(ModelError, match="is an imported history"):
        model_registry.find_model_file(folder)


def test_numbers_out_of_range_are_refused_before_anything_is_written(workspace):
    with pytest.raises(RunError, match="1 class "):
        history_import.import_history(RECORDED, classes=1)
    assert not (workspace / "runs").exists()


def test_the_command_brings_it_in_and_diagnose_judges_every_kind(workspace, tmp_path, capsys):
    status, output, _ = fakes.run_cli(capsys, "history", RECORDED, "--name", "from the class")
    assert status == 0 and output.startswith("Run ")
    assert runs.list_runs()[0].name == "from the class"
    path = stored(tmp_path / "h.json", json.dumps(HISTORY).encode())
    assert fakes.run_cli(capsys, "diagnose", path)[1].startswith("too_short")


@pytest.mark.parametrize("command", ["diagnose", "history"])
def test_the_command_says_in_one_line_how_a_pickle_becomes_json(
    workspace, tmp_path, capsys, command
):
    path = stored(tmp_path / "h.pkl", PICKLES["protocol 0"])
    status, _, err = fakes.run_cli(capsys, command, path)
    assert (
        status == 1
        and history_formats.JSON_EXPORT_LINE in err
        and len(err.strip().splitlines()) == 1
    )


def test_the_compare_page_takes_a_file_and_shows_the_run(workspace):
    fakes.make_run()
    page = fakes.open_page("4_Compare")
    page.file_uploader(key="history_file").upload(RECORDED.name, RECORDED.read_bytes(), "text/csv")
    page.number_input(key="history_photos").set_value(1000)
    next(b for b in page.button if b.label == "Import").click().run()
    assert not page.exception and "is now a run" in fakes.joined_text(page.success)
    assert page.multiselect(key="chosen_runs").value[0] == runs.list_runs()[0].id
    assert "Overfitting since epoch 21" in fakes.joined_text(page.caption)


def test_the_compare_page_says_what_is_wrong_with_a_file(workspace):
    page = fakes.open_page("4_Compare")
    page.file_uploader(key="history_file").upload("<b>.pkl", PICKLES["a program, 2"], "")
    next(b for b in page.button if b.label == "Import").click().run()
    assert "is a pickle" in fakes.joined_text(page.error) and not runs.list_runs()
    assert "json.dump" in fakes.joined_text(page.error)


def test_the_export_page_offers_its_report_and_no_model(workspace):
    folder = history_import.import_history(RECORDED)
    page = fakes.open_page("7_Export", run=folder.name)
    assert not page.exception and "it has no model" in fakes.joined_text(page.info)
    assert [b.label for b in page.get("download_button")] == ["Download report"]


def test_the_train_page_tells_what_it_is_and_takes_no_speed_from_it(workspace, demo):
    datasets.open_folder(demo)
    folder = history_import.import_history(RECORDED)
    page = fakes.open_page("3_Train", run=folder.name)
    assert not page.exception and "Imported history. " in fakes.joined_text(page.info)
    text = fakes.joined_text([*page.markdown, *page.caption])
    assert "without a model or known settings" in text and "at the speed of" not in text
