"""What is decided about photos on the Evaluate page, and the training that follows from it."""

import fakes
import pytest
from evaluated_runs import (
    caption_text,
    make_dataset_run,
    open_evaluate_page,
    open_evaluated_run,
    ticked_boxes,
    write_answers,
)

from catdog_core import runs
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit

pytestmark = pytest.mark.usefixtures("workspace")


def test_a_photo_is_excluded_and_taken_back_without_a_new_pass(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.menu_button[0].click_index(0).run()
    app.run()
    assert not app.exception
    assert len(datasets.load_dataset(dataset.id).excluded) == 1
    assert "17 of 23" not in caption_text(
        app
    ) and "16 of 23 predictions are correct" in caption_text(app)
    app.button("decision_undo").click().run()
    app.run()
    assert "16 of 24 predictions are correct" in caption_text(app)


def test_several_photos_are_left_out_at_once_and_come_back_at_once(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    boxes = [box for box in app.checkbox if box.key.startswith("evaluate_loss")]
    for box in boxes[:3]:
        app.checkbox(box.key).check().run()
    assert len(ticked_boxes(app)) == 3
    app.menu_button("evaluate_loss_several").click_index(0).run()
    app.run()
    assert not app.exception
    assert len(datasets.load_dataset(dataset.id).excluded) == 3
    assert len(datasets.load_dataset(dataset.id).changes) == 1
    assert "16 of 21 predictions are correct" in caption_text(app) and not ticked_boxes(app)
    app.button("decision_undo").click().run()
    app.run()
    assert not datasets.load_dataset(dataset.id).excluded
    assert "16 of 24 predictions are correct" in caption_text(app)


def test_several_photos_are_relabelled_at_once_those_of_that_class_aside(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.segmented_control("evaluate_list").set_value("wrong").run()
    app.button("evaluate_wrong_choose0").click().run()
    assert len(ticked_boxes(app, "evaluate_wrong")) == 8
    menu = app.menu_button("evaluate_wrong_several")
    assert menu.label == "Review 8"
    menu.click_index(1 + dataset.classes.index("dogs")).run()
    app.run()
    (change,) = datasets.load_dataset(dataset.id).changes
    assert {(c.action, c.to) for c in change.choices} == {("relabel", "dogs")}
    assert all("cats" in c.file for c in change.choices) and len(change.choices) == 4


def test_all_photos_of_a_list_are_chosen_and_let_go(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.button("evaluate_loss_choose1").click().run()
    assert app.menu_button("evaluate_loss_several").label == "Review 24"
    assert len(ticked_boxes(app)) == 12
    app.button("evaluate_loss_none").click().run()
    assert not ticked_boxes(app)


def test_a_relabelled_photo_counts_as_what_it_is_now(dataset):
    folder = make_dataset_run(dataset)
    table = write_answers(folder, dataset)
    datasets.edit_photos(dataset.id, [PhotoEdit(table.files[0], "relabel", "dogs")])
    assert "17 of 24 predictions are correct" in caption_text(open_evaluate_page(run=folder.name))


def test_photos_the_model_was_trained_with_are_told(dataset):
    folder = make_dataset_run(dataset)
    moved = [item.file for item in dataset.items("train")[:2]]
    changed = datasets.edit_photos(
        dataset.id, [PhotoEdit(file, "move", "validation") for file in moved]
    )
    write_answers(folder, changed)
    assert "trained on 2 of these 26 photos" in fakes.joined_text(
        open_evaluate_page(run=folder.name).warning
    )


def test_training_again_fills_the_form_from_this_run(dataset):
    app = open_evaluated_run(dataset, tab="mistakes")
    app.button("evaluate_again").click().run()
    assert not app.exception
    assert app.session_state["train_name"] == "first (repeat)"


def test_from_the_mistakes_to_a_new_training_to_the_comparison(dataset, monkeypatch):
    def start(folder):
        (folder / "best.keras").write_bytes(b"second")
        write_answers(folder, datasets.load_dataset(dataset.id), wrong=range(1))

    monkeypatch.setattr("catdog_core.runs.start_run", start)
    app = open_evaluated_run(dataset, tab="mistakes")
    app.segmented_control("evaluate_list").set_value("wrong").run()
    for box in [box for box in app.checkbox if box.key.startswith("evaluate_wrong")][:2]:
        app.checkbox(box.key).check().run()
    app.menu_button("evaluate_wrong_several").click_index(0).run()
    app.run()
    app.button("evaluate_again").click().run()
    app.switch_page("pages/3_Train.py").run()  # where the button led; AppTest would go back
    app.button("train_start").click().run()
    (old,) = (run for run in runs.list_runs() if run.name == "first")
    (new,) = (run for run in runs.list_runs() if run.name == "first (repeat)")
    assert new.dataset_fingerprint == datasets.load_dataset(dataset.id).fingerprint
    steps = {"steps_per_epoch", "validation_steps"}  # they follow the photos that are left
    assert new.training.model_dump(exclude=steps) == old.training.model_dump(exclude=steps)
    app.switch_page("pages/5_Evaluate.py")
    app.query_params["run"] = new.id
    app.query_params["tab"] = "versus"
    app.run()
    assert not app.exception
    assert app.selectbox("evaluate_other").value == old.id
    assert "gets 0 photos right that" in caption_text(app)
    assert "and 4 the other way around" in caption_text(app)
