"""Two models on the same photos, and the one that comes with the lab, on the Evaluate page."""

import fakes
import numpy as np
import pytest
from evaluated_runs import (
    caption_text,
    make_dataset_run,
    open_evaluate_page,
    open_evaluated_run,
    show_tab,
    write_answers,
)

from catdog_core.analysis import predictions
from catdog_core.base import files
from catdog_core.runs import model_registry
from catdog_ui.evaluate import evaluate_charts

pytestmark = pytest.mark.usefixtures("workspace")


def test_the_model_that_comes_with_the_lab_is_asked_and_nothing_is_written_beside_it(dataset):
    ready = model_registry.load_default_run()
    before = sorted(model_registry.default_model_folder().rglob("*"))
    write_answers(ready.folder, dataset, wrong=())
    app = open_evaluate_page(run="default")
    assert "24 of 24 predictions are correct" in caption_text(app)
    assert "None of these 24 photos trained this model" in caption_text(app)
    assert sorted(model_registry.default_model_folder().rglob("*")) == before
    assert predictions.predictions_path(ready.folder, dataset.id, "validation").is_relative_to(
        files.workspace_folder()
    )


def test_a_run_is_set_against_the_model_that_comes_with_the_lab(dataset):
    write_answers(model_registry.default_model_folder(), dataset, wrong=())
    text = caption_text(open_evaluated_run(dataset, tab="versus"))
    assert "gets 8 photos right that “first” gets wrong" in text


def test_training_again_as_the_model_that_comes_with_the_lab(dataset):
    write_answers(model_registry.default_model_folder(), dataset)
    app = open_evaluate_page(run="default", tab="mistakes")
    app.button("evaluate_again").click().run()
    assert not app.exception
    assert app.radio("train_model").value == "transfer"


def test_the_run_trained_again_is_the_one_compared_with(dataset):
    old, other, new = (make_dataset_run(dataset, name) for name in ("old", "other", "new"))
    write_answers(new, dataset)
    app = open_evaluate_page(run=new.name, tab="versus")
    assert app.selectbox("evaluate_other").value == other.name
    app = fakes.open_page("3_Train", run=new.name)
    fakes.page_state(app).evaluate.run_to_compare = old.name
    app.switch_page("pages/5_Evaluate.py").run()
    show_tab(app, "versus")
    assert app.selectbox("evaluate_other").value == old.name


def test_two_models_are_set_against_each_other(dataset):
    other = make_dataset_run(dataset, "second")
    write_answers(other, dataset, wrong=())
    text = caption_text(open_evaluated_run(dataset, tab="versus"))
    assert "“second” gets 8 photos right that “first” gets wrong, and 0" in text
    assert "0.008" in text and "“second” is better" in text


def test_a_second_model_that_was_not_asked_yet_can_be(dataset):
    other = make_dataset_run(dataset, "second")
    app = open_evaluated_run(dataset, tab="versus")
    assert [
        b for b in app.button if b.key == f"start_evaluate-{other.name}-{dataset.id}-validation"
    ]


def test_a_difference_that_chance_explains_is_called_so():
    from catdog_core.analysis.metrics import ModelComparison, mcnemar_test

    rows = np.arange(4)
    comparison = ModelComparison(rows, rows[:2], rows[:3], rows, mcnemar_test(2, 3))
    assert "the difference is within chance." in evaluate_charts.comparison_caption(
        comparison, "a", "b"
    )
