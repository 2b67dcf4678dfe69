"""Names from outside through every page: shown as they are, never as HTML or Markdown."""

import os
import re

import fakes
import numpy as np
import pytest
from test_pages import PAGES, page

from catdog_core import runs
from catdog_core.augmentation import presets
from catdog_core.base import files
from catdog_core.config import Augmentation
from catdog_core.data import datasets
from catdog_core.imaging import decode

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no file names of this kind")

HTML = '<img src=x onerror="pwned=1">'
MARKDOWN = "[a](javascript:pwned=1) **b** $c$ :red[d]"
HOSTILE = f"{HTML} {MARKDOWN}"
RENDERED = ("markdown", "caption", "error", "warning", "info", "success", "header", "subheader")
LABELS = ("page_link", "button", "expander", "checkbox", "toggle", "popover", "tab", "metric")


@pytest.fixture
def hostile(workspace, tmp_path):
    """A dataset, a run and a preset whose every name is an attack."""
    rng = np.random.default_rng(0)
    folder = tmp_path / HOSTILE
    for split, count in (("train", 6), ("validation", 4)):
        for name in (f"a {HOSTILE}", f"b {HOSTILE}"):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                photo = rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)
                path = folder / split / name / f"{number} {HOSTILE}.jpg"
                path.write_bytes(decode.encode_photo(photo))
    (folder / "train" / f"a {HOSTILE}" / f"bad {HOSTILE}.jpg").write_bytes(b"no photo")
    dataset = datasets.open_folder(folder)
    run = fakes.make_run(HOSTILE)
    settings = files.read_json(run / "settings.json")
    settings["dataset"] |= {"id": dataset.id, "name": HOSTILE}
    settings["classes"] = list(dataset.classes)
    files.write_json(run / "settings.json", settings)
    runs.set_note(run, HOSTILE)
    presets.save_preset(HOSTILE[:60], Augmentation(rotation_range=40))
    return {"dataset": dataset.id, "run": run.name}


def rendered(app):
    """Whatever a page shows that is read as Markdown or HTML."""
    texts = [str(each.value) for kind in RENDERED for each in getattr(app, kind)]
    for kind in LABELS:
        for each in app.get(kind):
            texts.append(str(getattr(each, "label", "") or getattr(each.proto, "label", "")))
    return texts


def harmless(text):
    """Whether no part of the attack would be more than text."""
    code = re.sub(r"`[^`]*`", "", text)
    return (
        not re.search(r"(?<!\\)\[a\\?\]\(javascript", code)
        and not re.search(r"(?<!\\)\*\*b(?<!\\)\*\*", code)
        and not re.search(r"(?<!\\):red\[", code)
    )


@pytest.mark.parametrize("path", PAGES)
def test_hostile_names_are_text_on_every_page(path, hostile):
    app = page(path, **hostile)
    assert not fakes.joined_text(app.error)
    shown = rendered(app)
    for text in shown:
        assert harmless(text), text
    if path in ("", "1_Data", "3_Train"):  # they are there, so they were looked at
        assert any("pwned" in text for text in shown)
    for element in app.get("html"):
        assert "<img src=x" not in element.value
    for chart in app.get("plotly_chart"):  # its texts are read as HTML
        assert "<img" not in chart.proto.spec.replace("\\u003c", "<")
    assert not any(each.proto.allow_html for each in app.markdown if "pwned" in str(each.value))


@pytest.mark.long
@pytest.mark.parametrize("part", ["health", "labels", "split", "tfrecord"])
def test_hostile_names_are_text_in_every_part_of_the_data_page(part, hostile):
    app = page("1_Data", part=part, **hostile)
    for text in rendered(app):
        assert harmless(text), text
    assert all("<img src=x" not in element.value for element in app.get("html"))


def test_a_fault_inside_a_page_is_one_sentence_without_its_details(workspace, monkeypatch):
    def fail():
        raise RuntimeError("secret-4711 in /home/teacher")

    monkeypatch.setattr(datasets, "list_datasets", fail)
    for path in PAGES:
        app = fakes.open_page(path)
        shown = "".join(str(each) for each in app.main) + fakes.joined_text(app.error)
        assert "secret-4711" not in shown and "Traceback" not in shown
