"""A run's report: one file that holds everything, says it in words, and trusts no name."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluated_runs import make_dataset_run, write_answers

from catdog_core import runs
from catdog_core.analysis import histories, metrics
from catdog_core.analysis.predictions import PredictionTable
from catdog_core.base import files, report_language
from catdog_core.base.errors import RunError
from catdog_core.config import Training
from catdog_core.data import datasets
from catdog_core.export import report, report_text
from catdog_core.runs import training_photos
from catdog_core.training.execution import execute_run
from tests import fakes

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def page(folder, tmp_path, write=report.write_html_report, say=None):
    write(folder, tmp_path / "report.html", say)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    return text, Tags(text)


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    """A tiny run on photos with hostile names, trained for two epochs."""
    pets = Path(shutil.copytree(demo, tmp_path_factory.mktemp("photos") / "pets"))
    for split in ("train", "validation"):
        (pets / split / "cats").rename(pets / split / "<b>cats & co")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CATDOG_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        training = Training(image_size=64, epochs=2, batch_size=12)
        folder = runs.create_run(datasets.open_folder(pets), training, None, name=HOSTILE)
        execute_run(folder)
        yield folder


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    """The report of that run: its text, and its tags."""
    return page(trained, tmp_path_factory.mktemp("report"))


@pytest.mark.slow
def test_a_report_tells_verdict_curves_matrix_mistakes_and_settings(trained, written):
    _, parsed = written
    for heading in ("Verdict", "Curves", "Confusion matrix", "Worst mistakes", "Settings"):
        assert heading in parsed.text
    right = report_text.gather_report_data(trained).result.right
    assert f"{right} of 24 predictions are correct" in parsed.text
    assert "epoch was chosen with these photos" in parsed.text
    assert "epoch was chosen with the validation photos" in parsed.text
    assert len([tag for tag, _ in parsed.tags if tag == "svg"]) == 2
    pictures = [a for tag, a in parsed.tags if tag == "img"]
    assert len(pictures) == 2 * min(24 - right, 12)
    assert all(a["alt"] and a["src"].startswith("data:image/jpeg;base64,") for a in pictures)


@pytest.mark.slow
def test_a_report_loads_nothing_and_no_name_becomes_markup(written):
    text, parsed = written
    assert not {"script", "link", "iframe"} & {tag for tag, _ in parsed.tags}
    assert HOSTILE not in text and "<b>cats" not in text and "<b>cats & co" in parsed.text
    assert all(not key.startswith("on") for _, a in parsed.tags for key in a)
    addresses = [v for _, a in parsed.tags for k, v in a.items() if k.endswith(("src", "href"))]
    assert all(v.startswith(("data:", "#")) for v in addresses)
    assert "default-src 'none'" in text


@pytest.mark.slow
def test_live_curves_bring_their_script_along_and_end_in_no_name(trained, tmp_path):
    text, parsed = page(trained, tmp_path, report.write_live_report)
    scripts = [a for tag, a in parsed.tags if tag == "script"]
    assert len(scripts) == 3 and not any("src" in a for a in scripts)
    assert 3_000_000 < len(text) < 8_000_000 and HOSTILE not in text


def test_a_report_is_in_the_readers_language(workspace, tmp_path):
    def say(message, **values):
        return f"«{message.format(**values)}»" if values else f"«{message}»"

    _, parsed = page(fakes.make_run(), tmp_path, say=say)
    assert "«Settings»" in parsed.text and "«Verdict»" in parsed.text


def test_a_run_whose_photos_are_gone_still_has_its_curves(workspace, tmp_path):
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    _, parsed = page(folder, tmp_path)
    assert "The photos of this run aren't here" in parsed.text and "66.0%" in parsed.text


def test_its_validation_photos_are_found_by_their_content_in_another_split(dataset, tmp_path):
    folder = make_dataset_run(dataset)
    (folder / "best.keras").write_bytes(b"PK\x05\x06" + b"\0" * 18)
    training_photos.write_training_photos(folder, dataset)
    copy = tmp_path / "copy"
    for split, other in (("train", "validation"), ("validation", "train")):
        shutil.copytree(dataset.root / split, copy / other)
    datasets.remove_dataset(dataset.id)
    write_answers(folder, datasets.open_folder(copy), "train", wrong=())
    _, parsed = page(folder, tmp_path)
    assert "24 of 24 predictions are correct" in parsed.text
    assert "best epoch was chosen with these photos" in parsed.text


def test_many_classes_get_their_mistakes_named_and_no_huge_table(workspace, tmp_path):
    run, count = runs.load_run(fakes.make_run()), 60
    classes = tuple(f"kind {n}" for n in range(count))
    labels = np.arange(count)
    shares = np.eye(count)[np.roll(labels, 1)]
    table = PredictionTable(tuple(map(str, labels)), classes, labels, shares)
    facts = report_text.ReportData(
        run, histories.diagnose_run(run), table, metrics.metrics_at_threshold(table)
    )
    parsed = Tags(report.render_page(facts, report_language.format_english, "en", live=False))
    assert "kind 0 predicted as kind 59: 1 of 1" in parsed.text
    assert len([tag for tag, _ in parsed.tags if tag == "td"]) < 500


def test_a_run_without_an_epoch_has_no_report(workspace, tmp_path):
    with pytest.raises(RunError, match="no finished epoch"):
        report.write_html_report(fakes.make_run(epochs=0), tmp_path / "report.html")


def test_a_loss_that_broke_is_told_as_a_dash(workspace, tmp_path):
    folder = fakes.make_run()
    row = {"epoch": 3, "loss": None, "accuracy": 0.5, "val_loss": None, "val_accuracy": 0.5}
    files.append_json_line(folder / "metrics.jsonl", row)
    text, parsed = page(folder, tmp_path)
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL).lower()
    assert "–" in parsed.text


def test_the_command_line_writes_a_report(workspace, tmp_path, capsys, jobs_in_process):
    status, _, error = fakes.run_cli(
        capsys, "export", fakes.make_run(), "report", tmp_path / "r.html"
    )
    assert (status, error) == (0, "") and "<!doctype html>" in (tmp_path / "r.html").read_text()
