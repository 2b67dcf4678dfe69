"""A history from elsewhere becomes a run to compare; nothing in its file is ever run."""

import json
import os
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

from catdog_core import datasets, runs
from catdog_core.errors import ModelError, RunError
from catdog_core.exports import report
from catdog_core.insight import model_file
from catdog_core.outcomes import histories, history_files, pickled
from tests import fakes

COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")
HISTORY = {name: [0.5 + n / 16 for n in range(3)] for name in COLUMNS}
RECORDED = Path(__file__).parent / "histories" / "notes_plain_50.csv"


def stored(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "kind",
    [list, tuple, np.array, lambda v: np.array(v, ">f4"), lambda v: [np.float32(x) for x in v]],
)
def test_a_pickled_history_is_read_whatever_its_numbers_are(tmp_path, protocol, kind):
    data = pickle.dumps({name: kind(v) for name, v in HISTORY.items()}, protocol=protocol)
    rows = history_files.read(stored(tmp_path / "h.pkl", data))
    assert [row["val_loss"] for row in rows] == HISTORY["val_loss"]


@pytest.mark.parametrize("shape", [OrderedDict, lambda h: defaultdict(list, h)])
def test_other_dicts_are_read_too(tmp_path, shape):
    path = stored(tmp_path / "h.pkl", pickle.dumps(shape(HISTORY)))
    assert len(history_files.read(path)) == 3


def test_json_is_read_as_lists_or_as_rows(tmp_path):
    rows = [
        dict(zip(HISTORY, values, strict=True)) for values in zip(*HISTORY.values(), strict=True)
    ]
    for found in (HISTORY, {"history": HISTORY}, rows):
        path = stored(tmp_path / "h.json", json.dumps(found).encode())
        assert [row["loss"] for row in history_files.read(path)] == HISTORY["loss"]


class Runs:
    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


def claims(size):
    """A pickle that says a bytearray of so many bytes follows."""
    return b"\x80\x05\x96" + size.to_bytes(8, "little") + b"x."


HOSTILE = {
    "system": pickle.dumps(Runs(os.system, "touch harmed")),
    "eval": pickle.dumps(Runs(eval, "open('harmed', 'w')")),
    "nested": pickle.dumps({"loss": [Runs(exec, "open('harmed', 'w')")]}),
    "getattr": pickle.dumps({"loss": Runs(getattr, "x", "upper")}),
    "numpy load": b"\x80\x02cnumpy\nload\n(U\x01xtR.",
    "object dtype": pickle.dumps({name: np.array([object]) for name in COLUMNS}),
    "protocol 0": b"cos\nsystem\n(S'touch harmed'\ntR.",
    "old instance": b"\x80\x02(S'touch harmed'\nios\nsystem\n.",
    "build": b"\x80\x02cnumpy\nndarray\n}(U\x08__class__K\x01ubR.",
    "huge": claims(2**40),
    "memo": b"\x80\x02]r\xff\xff\xff\xff.",
    "deep": b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
    "cut": pickle.dumps(HISTORY)[:-20],
    "empty": b"\x80",
    "number": pickle.dumps(7),
    "itself": b"\x80\x02]q\x00h\x00a.",
    "texts": pickle.dumps(dict.fromkeys(COLUMNS, "abc")),
    "long integer": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "frames": b"\x80\x04\x95" + (2**60).to_bytes(8, "little") + b".",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_nothing_of_it_is_run(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError):
        history_files.read(stored(tmp_path / "h.pkl", HOSTILE[name]))
    assert not (tmp_path / "harmed").exists()


def test_a_pickle_of_too_many_bytes_is_not_opened(tmp_path):
    path = stored(tmp_path / "h.pkl", b"\x80" + b"0" * pickled.MOST)
    with pytest.raises(RunError, match="more than 2,000,000 bytes"):
        history_files.read(path)


@pytest.mark.parametrize(
    "text", ["{", "[1, 2]", "[]", "{}", '{"loss": [1]}', "[" * 100_000, '{"loss": {"a": 1}}', ""]
)
def test_json_that_is_no_history_is_refused_in_words(tmp_path, text):
    with pytest.raises(RunError):
        history_files.read(stored(tmp_path / "h.json", text.encode()))


def test_lists_of_different_lengths_are_refused(tmp_path):
    path = stored(tmp_path / "h.json", json.dumps({**HISTORY, "loss": [1.0]}).encode())
    with pytest.raises(RunError, match="1 to 3 entries"):
        history_files.read(path)


def test_it_becomes_a_run_with_a_verdict_and_a_report(workspace, tmp_path):
    folder = history_files.bring(RECORDED, "from the class", validation_photos=1000)
    run = runs.load(folder)
    assert (run.status, run.is_history, run.model, run.best_model) == ("done", True, "", None)
    assert (len(run.epochs), run.validation_photos) == (50, 1000)
    verdict = histories.of_run(run)
    assert (verdict.kind, verdict.since) == ("overfitting", 20)
    report.html(folder, tmp_path / "r.html")
    told = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "the settings of this training are not known" in told and "from the class" in told


def test_it_cannot_be_resumed_or_asked_about_photos_and_says_why(workspace):
    folder = history_files.bring(RECORDED)
    with pytest.raises(RunError, match="a history from a file"):
        runs.start(folder)
    with pytest.raises(ModelError, match="a history from a file"):
        model_file.find(folder)


def test_numbers_out_of_range_are_refused_before_anything_is_written(workspace):
    with pytest.raises(RunError, match="1 classes"):
        history_files.bring(RECORDED, classes=1)
    assert not (workspace / "runs").exists()


def test_the_command_brings_it_in_and_diagnose_judges_every_kind(workspace, tmp_path, capsys):
    status, told, _ = fakes.shell(capsys, "history", RECORDED, "--name", "from the class")
    assert status == 0 and told.startswith("Run ")
    assert runs.listing()[0].name == "from the class"
    path = stored(tmp_path / "h.pkl", pickle.dumps(HISTORY))
    assert fakes.shell(capsys, "diagnose", path)[1].startswith("too_short")


def test_the_compare_page_takes_a_file_and_shows_the_run(workspace):
    fakes.run()
    page = fakes.page("4_Compare")
    page.file_uploader(key="history_file").upload(RECORDED.name, RECORDED.read_bytes(), "text/csv")
    page.number_input(key="history_photos").set_value(1000)
    next(b for b in page.button if b.label == "Bring it in").click().run()
    assert not page.exception and "is a run now" in fakes.said(page.success)
    assert page.multiselect(key="compare_runs").value[0] == runs.listing()[0].id
    assert "It overfits since epoch 21" in fakes.said(page.caption)


def test_the_compare_page_says_what_is_wrong_with_a_file(workspace):
    page = fakes.page("4_Compare")
    page.file_uploader(key="history_file").upload("<b>.pkl", HOSTILE["system"], "")
    next(b for b in page.button if b.label == "Bring it in").click().run()
    assert "no pickle of a history" in fakes.said(page.error) and not runs.listing()


def test_the_export_page_offers_its_report_and_no_model(workspace):
    folder = history_files.bring(RECORDED)
    page = fakes.page("7_Export", run=folder.name)
    assert not page.exception and "it has no model" in fakes.said(page.info)
    assert [b.label for b in page.get("download_button")] == ["Download the report"]


def test_the_train_page_tells_what_it_is_and_takes_no_speed_from_it(workspace, demo):
    datasets.open_folder(demo)
    folder = history_files.bring(RECORDED)
    page = fakes.page("3_Train", run=folder.name)
    assert not page.exception and "A history from a file" in fakes.said(page.info)
    told = fakes.said([*page.markdown, *page.caption])
    assert "its settings are not known" in told and "at the speed of" not in told
