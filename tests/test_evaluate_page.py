"""The Evaluate page: a model is asked, figures and photos come of it; without TensorFlow."""

import re
import shutil
from types import SimpleNamespace

import fakes
import numpy as np
import pytest
from evaluated_runs import (
    caption_text,
    html_text,
    make_dataset_run,
    open_evaluate_page,
    open_evaluated_run,
    open_link,
    show_tab,
    wait_for_job,
    write_answers,
)

from catdog_core.analysis import predictions
from catdog_core.base import jobs
from catdog_core.data import datasets
from catdog_ui import loaders, widgets
from catdog_ui.evaluate import evaluate_view

pytestmark = pytest.mark.usefixtures("workspace")


def test_an_empty_lab_says_what_to_do(monkeypatch):
    assert "There's no dataset yet" in fakes.joined_text(open_evaluate_page().info)
    monkeypatch.setattr("catdog_core.runs.model_registry.load_default_run", lambda: None)
    assert "There's no model to evaluate yet." in fakes.joined_text(open_evaluate_page().info)


def test_a_run_without_a_model_is_told(dataset):
    folder = fakes.make_run()
    assert "no model yet" in fakes.joined_text(open_evaluate_page(run=folder.name).info)


def test_the_newest_run_with_a_model_comes_first_not_a_newer_one_without(dataset):
    folder = make_dataset_run(dataset)
    fakes.make_run("newer")
    app = open_evaluate_page()
    assert app.query_params["run"] == folder.name
    assert app.selectbox(key="chosen_run").options[0] == "newer"


def test_classes_that_fit_no_dataset_are_told(dataset):
    folder = make_dataset_run(dataset, classes=["birds", "fish"])
    assert "birds, fish" in fakes.joined_text(open_evaluate_page(run=folder.name).info)


def test_a_model_is_asked_in_the_background_and_the_page_follows(dataset, monkeypatch):
    folder = make_dataset_run(dataset)

    def evaluate(run_dir, dataset, split, job, mapping=None):
        write_answers(run_dir, dataset, split)

    monkeypatch.setattr(loaders, "evaluate_run", evaluate)
    app = open_evaluate_page(run=folder.name)
    assert "hasn't been evaluated" in caption_text(app)
    app.button(f"start_evaluate-{folder.name}-{dataset.id}-validation").click().run()
    wait_for_job(jobs.get_job(f"evaluate-{folder.name}-{dataset.id}-validation"))
    app.run()
    assert not app.exception
    assert "16 of 24 predictions are correct" in caption_text(app)


def test_a_pass_that_failed_says_why(dataset, monkeypatch):
    folder = make_dataset_run(dataset)
    from catdog_core.base.errors import ModelError

    def evaluate(*_):
        raise ModelError("The model is broken.")

    monkeypatch.setattr(loaders, "evaluate_run", evaluate)
    app = open_evaluate_page(run=folder.name)
    app.button(f"start_evaluate-{folder.name}-{dataset.id}-validation").click().run()
    wait_for_job(jobs.get_job(f"evaluate-{folder.name}-{dataset.id}-validation"))
    app.run()
    assert "The model is broken." in fakes.joined_text(app.error)


def test_a_torn_table_is_told_and_can_be_made_anew(dataset):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)
    path = predictions.predictions_path(folder, dataset.id, "validation")
    path.write_bytes(path.read_bytes()[:100])
    app = open_evaluate_page(run=folder.name)
    assert "is damaged" in caption_text(app)
    assert [b for b in app.button if b.key.startswith("start_")]


def test_a_model_that_learnt_more_is_asked_again(dataset):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)
    (folder / "best.keras").write_bytes(b"more")
    app = open_evaluate_page(run=folder.name)
    assert "has trained more since" in caption_text(app)
    assert "predictions are correct." not in caption_text(app)


def test_figures_come_from_the_table(dataset):
    app = open_evaluated_run(dataset)
    text = caption_text(app)
    assert "16 of 24 predictions are correct" in text and "46.7%" in text  # Wilson's lower end
    assert "gets 8 of 24 photos wrong. Most often it predicts dogs for cats: 4 of 12" in text
    table = app.dataframe[0].value
    assert list(table["Recall"]) == [pytest.approx(200 / 3)] * 2
    assert "best epoch was chosen with these photos" in text


def test_the_slider_moves_every_figure(dataset):
    app = open_evaluated_run(dataset)
    app.slider("threshold").set_value(0.95).run()
    assert not app.exception
    text = caption_text(app)
    assert "12 of 24 predictions are correct" in text  # nothing is called dogs any more
    assert "Most often it predicts cats for dogs: 12 of 12" in text
    precision = app.dataframe[0].value["Precision"]
    assert precision[0] == 50 and np.isnan(precision[1])
    app.button("evaluate_best").click().run()
    assert app.slider("threshold").value != 0.95


def test_a_threshold_chosen_on_these_photos_says_so(dataset):
    folder = make_dataset_run(dataset)
    items = dataset.items("validation")
    answers = {item.file: np.array([0.4, 0.6] if item.label else [0.45, 0.55]) for item in items}
    table = predictions.build_prediction_table(dataset, "validation", answers)
    digest = predictions.digest_model(folder / "best.keras")
    predictions.write_predictions(folder, dataset, "validation", table, digest)
    app = open_evaluate_page(run=folder.name)
    said = "This threshold was chosen on these very photos"
    show_tab(app, "curves")
    assert "that threshold is chosen on these very ones" in caption_text(app)
    show_tab(app, "overview")
    assert said not in caption_text(app)
    app.button("evaluate_best").click().run()
    assert "24 of 24 predictions are correct" in caption_text(app)
    assert said in caption_text(app)
    app.button("evaluate_half").click().run()
    assert said not in caption_text(app)


def test_photos_are_shown_with_names_the_largest_loss_first(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    names = list(dict.fromkeys(re.findall(r"(?:cat|dog)\.\d+\.jpg", html_text(app))))
    assert names[:3] == ["cat.0000.jpg", "dog.0000.jpg", "cat.0001.jpg"]
    assert len(names) == 12
    app.segmented_control("evaluate_list").set_value("wrong").run()
    assert "8 predictions are wrong, and 2 of them" in caption_text(app)


def test_a_cell_of_the_matrix_opens_its_photos(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.segmented_control("evaluate_list").set_value("cell").run()
    app.selectbox("evaluate_truth").set_value("dogs").run()
    app.selectbox("evaluate_guess").set_value("cats").run()
    assert "predicts cats for 4 photos of dogs" in caption_text(app)
    assert "dog.0003.jpg" in html_text(app) and "dog.0004.jpg" not in html_text(app)


@pytest.mark.parametrize("clicked", ["matrix", "mix_ups"])
def test_a_click_on_a_mistake_opens_its_photos_and_brings_them_into_view(
    dataset, clicked, monkeypatch
):
    scrolled = []
    monkeypatch.setattr(widgets, "scroll_into_view", scrolled.append)
    points, rows = [{"customdata": [1, 0]}], [1]
    click = SimpleNamespace(selection=SimpleNamespace(points=points, rows=rows))
    callback = {
        "matrix": lambda classes: evaluate_view.choose_cell(classes),
        "mix_ups": lambda classes: evaluate_view.choose_confusion(classes, [(0, 0, 5), (1, 0, 4)]),
    }[clicked]
    # AppTest can't click on a chart: the threshold's button stands in for it.
    monkeypatch.setattr(evaluate_view, "clicked_selection", lambda key: click.selection)
    monkeypatch.setattr(evaluate_view, "_set_threshold", lambda value: callback(dataset.classes))
    app = open_evaluated_run(dataset, tab="mistakes")
    app.segmented_control("evaluate_list").set_value("wrong").run()
    show_tab(app, "overview").button("evaluate_half").click().run()
    assert not app.exception
    assert app.query_params["tab"] == "mistakes"
    assert (app.query_params["truth"], app.query_params["called"]) == ("dogs", "cats")
    assert "predicts cats for 4 photos of dogs" in caption_text(app)
    assert scrolled == ["evaluate_photos"]
    app.run()
    assert len(scrolled) == 1


def test_the_address_tells_part_and_cell(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    assert app.query_params["part"] == "validation" and "truth" not in app.query_params
    app.segmented_control("evaluate_list").set_value("cell").run()
    app.selectbox("evaluate_truth").set_value("dogs").run()
    assert app.query_params["truth"] == "dogs" and app.query_params["called"] == "dogs"


def test_choices_survive_other_tabs_and_the_photos_are_evaluated_once(dataset, monkeypatch):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.segmented_control("evaluate_list").set_value("cell").run()
    app.selectbox("evaluate_truth").set_value("dogs").run()
    app.selectbox("evaluate_guess").set_value("cats").run()
    app.slider("threshold").set_value(0.4).run()
    monkeypatch.setattr(loaders, "evaluate_run", None)
    for name in ("map", "curves", "versus", "overview"):
        show_tab(app, name)
        assert app.query_params["tab"] == name
        assert app.slider("threshold").value == 0.4
    show_tab(app, "mistakes")
    assert app.segmented_control("evaluate_list").value == "cell"
    assert app.selectbox("evaluate_truth").value == "dogs"
    assert app.selectbox("evaluate_guess").value == "cats"


def test_an_address_opens_the_part_the_threshold_and_the_cell(dataset):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset, "train")
    query = {"part": "train", "threshold": "0.95", "truth": "dogs", "called": "cats"}
    app = open_link(folder, **query)
    assert app.query_params["tab"] == "mistakes"  # an address of before there were tabs
    assert app.slider("threshold").value == 0.95
    assert "predicts cats for 24 photos of dogs" in caption_text(app)
    assert "trained on these very photos" in caption_text(app)


@pytest.mark.parametrize("text", ["much", "7", "nan"])
def test_an_address_that_makes_no_sense_opens_what_is_usual(dataset, text):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)
    app = open_link(folder, part="holiday", threshold=text, truth="mice", called="cats")
    assert app.slider("threshold").value == 0.5
    assert "16 of 24 predictions are correct" in caption_text(app)


def test_three_classes_have_no_threshold_and_everything_else(tmp_path, demo):
    for split, count in (("train", 6), ("validation", 5)):
        for name, source in (("cats", "cats"), ("dogs", "dogs"), ("foxes", "dogs")):
            folder = tmp_path / "three" / split / name
            folder.mkdir(parents=True)
            for path in sorted((demo / split / source).iterdir())[:count]:
                shutil.copyfile(path, folder / path.name)
    dataset = datasets.open_folder(tmp_path / "three")
    app = open_evaluated_run(dataset)
    assert not app.slider
    assert "3 of 15 predictions are correct" in caption_text(app)
    assert len(app.dataframe[0].value) == 3
    assert "Areas range from" in caption_text(show_tab(app, "curves"))
