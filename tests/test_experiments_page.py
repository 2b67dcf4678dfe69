"""Experiments on the Compare page: their form, their panel, their place in the address."""

import time
from pathlib import Path

import fakes
import pytest

from catdog_core import datasets, files, runs
from catdog_core.outcomes import experiments, histories
from catdog_core.settings import PRESETS

pytestmark = pytest.mark.usefixtures("workspace")
RECORDED = Path(__file__).parent / "histories"
TWIN = {"id": "t1", "kind": "twin", "name": "does it help?"}


@pytest.fixture
def started(monkeypatch):
    found = []
    monkeypatch.setattr(runs, "start", lambda folder, follow=False: found.append(folder.name))
    return found


def page(**query):
    return fakes.page("4_Compare", **query)


def member(group, name, recorded=None, augmentation=None, **training):
    folder = fakes.run(name, epochs=0, augmentation=augmentation, **training)
    runs.join(folder, group)
    rows = histories.read_csv(RECORDED / f"{recorded}.csv") if recorded else []
    for row in rows:
        files.append_line(folder / "metrics.jsonl", {**row, "seconds": 1.0})
    return folder


@pytest.fixture
def twins(workspace):
    member(TWIN, "plain", "notes_plain_50")
    member(TWIN, "augmented", "notes_augmented_50", PRESETS["notes"])


@pytest.mark.usefixtures("twins")
def test_an_address_opens_its_experiment_and_says_what_it_showed():
    member({**TWIN, "id": "t2", "name": "another"}, "plain")
    app = page(group="t1")
    assert not app.exception
    said = fakes.said(app.markdown)
    assert "Augmentation closed the gap" in said and "no difference can be told" in said
    assert "It overfits since epoch 21" in fakes.said(app.caption)
    assert list(app.dataframe[0].value["Verdict"]) == ["overfitting", "healthy"]


@pytest.mark.usefixtures("twins")
def test_the_curves_of_an_experiment_can_be_laid_over_each_other():
    app = page(group="t1")
    app.button("group_curves").click().run()
    assert not app.exception
    assert len(app.multiselect[0].value) == 2
    assert "group" not in app.query_params


def test_a_click_makes_and_starts_a_twin(demo, started):
    app = page(dataset=datasets.open_folder(demo).id)
    app.segmented_control("compare_view").set_value("experiments").run()
    assert "2 runs, one after another" in fakes.said(app.markdown)
    app.button("experiment_start").click().run()
    assert not app.exception
    (group,) = experiments.listing()
    assert started == [group.runs[0].id]
    assert [run.augmentation for run in group.runs] == [None, PRESETS["notes"]]
    assert app.query_params["group"] in (group.id, [group.id])


def test_a_dataset_too_small_for_parts_says_so(demo):
    app = page(dataset=datasets.open_folder(demo).id)
    app.segmented_control("compare_view").set_value("experiments").run()
    app.segmented_control("experiment_kind").set_value("small-data").run()
    assert not app.exception
    assert "has 48 training photos" in fakes.said(app.info)


def test_a_small_data_experiment_has_a_run_for_each_size_and_variant(demo, started, monkeypatch):
    monkeypatch.setattr(experiments, "SIZES", (12, 24, 48))
    app = page(dataset=datasets.open_folder(demo).id)
    app.segmented_control("compare_view").set_value("experiments").run()
    app.segmented_control("experiment_kind").set_value("small-data").run()
    app.button("experiment_start").click().run()
    assert not app.exception
    (group,) = experiments.listing()
    assert [run.train_photos for run in group.runs] == [12, 12, 24, 24, 48, 48]
    assert {run.training.steps_per_epoch for run in group.runs} == {3}


def test_a_small_data_experiment_shows_its_points_as_they_come(demo):
    group = {"id": "s1", "kind": "small-data", "name": "how much?"}
    for size in (50, 200):
        runs.join(fakes.run(f"{size} photos"), group)
    runs.join(fakes.run("later", epochs=0, status=None), group)
    app = page(group="s1")
    assert not app.exception
    assert "2 of 3 runs are done" in str(app.get("progress")[0].proto.text)
    assert "no difference can be told" in fakes.said(app.markdown)


def test_a_paused_experiment_goes_on_by_its_button(started):
    first = member(TWIN, "plain")
    member(TWIN, "augmented", augmentation=PRESETS["notes"])
    files.write_json(first / "state.json", {"status": "stopped", "time": time.time()})
    app = page(group="t1")
    app.button("group_start").click().run()
    assert not app.exception
    assert started == [first.name]


def test_a_name_of_an_experiment_cannot_bring_markdown():
    member({**TWIN, "name": "**<b>bold**"}, "plain", "notes_plain_50")
    app = page(group="t1")
    assert not app.exception
    assert r"\*\*" in app.subheader[0].value
