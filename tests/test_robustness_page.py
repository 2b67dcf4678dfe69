"""The Robustness tab of the Evaluate page: measured, drawn, told, kept in the address."""

import evaluated_runs
import fakes
import numpy as np
import pytest

from catdog_core.analysis import robustness
from catdog_core.augmentation.photo_changes import CHANGES
from catdog_core.base import files, jobs
from catdog_core.base.errors import CatDogError
from catdog_core.config import PRESETS
from catdog_ui import loaders
from catdog_ui.evaluate import robustness_view

pytestmark = pytest.mark.usefixtures("workspace")


def write_curve(folder, dataset, rights, change="rotation", strengths=None):
    """Keep answers of which so many are right at each strength."""
    items = dataset.items("validation")
    labels = np.array([item.label for item in items])
    strengths = strengths or CHANGES[change].strengths
    guesses = np.stack([np.where(np.arange(len(items)) < n, labels, 1 - labels) for n in rights])
    curve = robustness.RobustnessCurve(
        change,
        tuple(item.file for item in items),
        labels,
        tuple(map(float, strengths)),
        guesses,
        np.full(guesses.shape, 0.9, np.float32),
    )
    subject = robustness.RobustnessSubject(
        FakePredictor(), (0, 1), robustness.predictions.digest_model(folder / "best.keras"), folder
    )
    robustness._write_curve(subject, dataset, "validation", curve)


class FakePredictor:
    classes = ("cats", "dogs")
    input_scale = "0..255"


def open_tab(folder, **query):
    return evaluated_runs.open_evaluate_page(run=folder.name, tab="robustness", **query)


def drawn_text(app):
    return evaluated_runs.caption_text(app) + evaluated_runs.html_text(app)


def test_the_tab_offers_to_measure_and_draws_what_was_measured(dataset, monkeypatch):
    folder = evaluated_runs.make_dataset_run(dataset)
    app = open_tab(folder)
    assert app.query_params["change"] == "rotation" and not app.get("plotly_chart")

    def measure(run_dirs, dataset, split, change, job, mapping=None):
        assert run_dirs == [folder] and (split, change, mapping) == ("validation", "rotation", None)
        write_curve(folder, dataset, (24, 20, 18, 16, 14, 12, 10, 8, 6))

    monkeypatch.setattr(loaders, "measure_robustness", measure)
    start = next(button for button in app.button if button.label == "Measure")
    start.click().run()
    key = start.key.removeprefix("start_")
    evaluated_runs.wait_for_job(jobs.get_job(key))
    app.run()
    assert not app.exception and len(app.get("plotly_chart")) == 1
    assert app.query_params["strength"] == "180"
    assert "“first” falls from 100% to 25%." in drawn_text(app)
    assert drawn_text(app).count("✗ first") == 12  # below the photos, and for those who can't see
    chosen = open_tab(folder, strength="0")
    assert drawn_text(chosen).count("✓ first: ") == 12


def test_a_pass_that_was_stopped_shows_what_is_there_and_can_continue(dataset):
    folder = evaluated_runs.make_dataset_run(dataset)
    write_curve(folder, dataset, (24, 12), strengths=(0, 15))
    app = open_tab(folder)
    assert len(app.get("plotly_chart")) == 1 and "strength" not in app.query_params
    assert [button.label for button in app.button if button.label == "Measure"]
    assert "Rotation 15°" in drawn_text(app)


def test_models_are_compared_on_the_same_photos(dataset):
    first = evaluated_runs.make_dataset_run(dataset, "first")
    second = evaluated_runs.make_dataset_run(dataset, "second")
    settings = files.read_json(second / "settings.json")
    settings["augmentation"] = PRESETS["notes"].model_dump()
    files.write_json(second / "settings.json", settings)
    write_curve(first, dataset, (24, 20, 18, 16, 14, 12, 8, 6, 4))
    write_curve(second, dataset, (22, 22, 22, 22, 22, 22, 22, 22, 22))
    app = open_tab(first, **{"with": second.name})
    text = drawn_text(app)
    assert "“first” falls from 100% to 17%. “second” stays at 92%." in text
    assert "Range used to train “second”" in text and "Range “first”" not in text
    assert app.query_params["with"] == second.name
    assert text.count("✓ second") == 12 == text.count("✗ first")


def test_a_paired_run_is_compared_with_its_partner(dataset):
    pair = [evaluated_runs.make_dataset_run(dataset, name) for name in ("plain", "augmented")]
    for folder, changes in zip(pair, (None, PRESETS["notes"]), strict=True):
        settings = files.read_json(folder / "settings.json")
        settings["augmentation"] = changes and changes.model_dump()
        files.write_json(folder / "settings.json", settings)
        about = files.read_json(folder / "about.json")
        group = {"id": "g", "kind": "twin", "name": "pair"}
        files.write_json(folder / "about.json", {**about, "group": group})
    assert open_tab(pair[0]).query_params["with"] == pair[1].name
    app = fakes.open_page("4_Compare", tab="experiments", group="g")
    assert not app.exception
    (link,) = [one for one in app.get("page_link") if "tab=robustness" in str(one.proto)]
    assert f"with={pair[1].name}" in str(link.proto) and f"run={pair[0].name}" in str(link.proto)


def test_the_other_tabs_still_begin_with_an_evaluation(dataset):
    folder = evaluated_runs.make_dataset_run(dataset)
    app = open_tab(folder)
    evaluated_runs.show_tab(app, "overview")
    assert any(button.label.startswith("Evaluate 24 photos") for button in app.button)


def test_a_job_is_stopped_between_batches(monkeypatch, dataset):
    job = jobs.Job("key")
    progress = loaders._pass_progress(job, "Stopped here.")
    progress(3, 10)
    assert (job.done, job.total) == (3, 10)
    job._stop.set()
    with pytest.raises(CatDogError, match="Stopped here"):
        progress(4, 10)


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_has_a_chart_that_plotly_accepts(change, dataset):
    folder = evaluated_runs.make_dataset_run(dataset)
    strengths = CHANGES[change].strengths
    write_curve(folder, dataset, [24 - n for n in range(len(strengths))], change)
    curve = robustness.read_curve(folder, dataset, "validation", change)
    figure = robustness_view.robustness_figure([curve], ["a <b>"], [(0.2, 0.9)], 0.5, strengths[0])
    line = figure.data[-1]
    assert list(line.x) == list(strengths) and line.y[0] == 1 and "<b>" not in line.name
    low, high = figure.layout.yaxis.range
    assert low < min(end for end, _ in map(curve.interval, strengths)) and high > 1
    assert robustness_view.describe_finding([curve], ["a"])
