"""The Evaluate page: figures, photos behind them, decisions, two models; without TensorFlow."""

import re
import shutil

import fakes
import numpy as np
import pytest

from catdog_core import datasets, files, jobs, runs
from catdog_core.datasets import Choice
from catdog_core.insight import predictions, shipped
from catdog_ui import loaders
from catdog_ui.evaluate import evaluate_charts, evaluate_words

pytestmark = pytest.mark.usefixtures("workspace")
WRONG = 4  # photos of each class that the first model gets wrong


@pytest.fixture
def dataset(demo):
    return datasets.open_folder(demo)


def run(dataset, name="first", classes=None):
    """A run on the dataset with a model that nobody loads."""
    folder = fakes.run(name)
    settings = files.read_json(folder / "settings.json")
    about = {"id": dataset.id, "fingerprint": dataset.fingerprint, "name": dataset.name}
    settings["dataset"] |= about
    settings["classes"] = list(classes or dataset.classes)
    files.write_json(folder / "settings.json", settings)
    (folder / "best.keras").write_bytes(name.encode())
    return folder


def answer(folder, dataset, split="validation", wrong=range(WRONG)):
    """Keep answers in a run: 90 % and less for the true class, `wrong` photos of each not."""
    answers = {}
    places = dict.fromkeys(range(len(dataset.classes)), 0)
    for item in dataset.items(split):
        place = places[item.label]
        places[item.label] += 1
        row = np.full(len(dataset.classes), 0.0)
        sure = 0.9 - place / 100
        called = (item.label + (place in wrong)) % len(row)
        row[called] = sure
        row[(called + 1) % len(row)] += 1 - sure
        answers[item.file] = row
    table = predictions.make(dataset, split, answers)
    predictions.write(folder, dataset, split, table, predictions.digest(folder / "best.keras"))
    return table


def page(**query):
    app = fakes.page("5_Evaluate", **query)
    assert not app.exception
    return app


def evaluated(dataset, **query):
    folder = run(dataset)
    answer(folder, dataset)
    app = page(run=folder.name, **query)
    assert not app.error
    return app


def captions(app):
    return fakes.said([*app.caption, *app.markdown])


def pictures(app):
    return " ".join(element.value for element in app.get("html"))


def test_an_empty_lab_says_what_to_do(monkeypatch):
    assert "There is no dataset yet" in fakes.said(page().info)
    monkeypatch.setattr("catdog_core.insight.shipped.run", lambda: None)
    assert "no model to look at yet" in fakes.said(page().info)


def test_a_run_without_a_model_is_told(dataset):
    folder = fakes.run()
    assert "no model yet" in fakes.said(page(run=folder.name).info)


def test_classes_that_fit_no_dataset_are_told(dataset):
    folder = run(dataset, classes=["birds", "fish"])
    assert "birds, fish" in fakes.said(page(run=folder.name).info)


def test_a_model_is_asked_in_the_background_and_the_page_follows(dataset, monkeypatch):
    folder = run(dataset)

    def evaluate(run_dir, dataset, split, job):
        answer(run_dir, dataset, split)

    monkeypatch.setattr(loaders, "evaluate", evaluate)
    app = page(run=folder.name)
    assert "has not been asked" in captions(app)
    app.button(f"start_evaluate-{folder.name}-{dataset.id}-validation").click().run()
    job = jobs.get(f"evaluate-{folder.name}-{dataset.id}-validation")
    for _ in range(100):
        if job.status != "running":
            break
        job._stop.wait(0.05)
    app.run()
    assert not app.exception
    assert "16 of 24 photos are right" in captions(app)


def test_a_pass_that_failed_says_why(dataset, monkeypatch):
    folder = run(dataset)
    from catdog_core.errors import ModelError

    def evaluate(*_):
        raise ModelError("The model is broken.")

    monkeypatch.setattr(loaders, "evaluate", evaluate)
    app = page(run=folder.name)
    app.button(f"start_evaluate-{folder.name}-{dataset.id}-validation").click().run()
    app.run()
    assert "The model is broken." in fakes.said(app.error)


def test_a_torn_table_is_told_and_can_be_made_anew(dataset):
    folder = run(dataset)
    answer(folder, dataset)
    place = predictions.path(folder, dataset.id, "validation")
    place.write_bytes(place.read_bytes()[:100])
    app = page(run=folder.name)
    assert "is damaged" in captions(app)
    assert [b for b in app.button if b.key.startswith("start_")]


def test_a_model_that_learnt_more_is_asked_again(dataset):
    folder = run(dataset)
    answer(folder, dataset)
    (folder / "best.keras").write_bytes(b"more")
    app = page(run=folder.name)
    assert "learnt more" in captions(app)
    assert "photos are right" not in captions(app)


def test_figures_come_from_the_table(dataset):
    app = evaluated(dataset)
    text = captions(app)
    assert "16 of 24 photos are right" in text and "46.7%" in text  # Wilson's lower end
    assert "8 of 24 photos are called wrong. Most often cats are called dogs: 4 of 12" in text
    table = app.dataframe[0].value
    assert list(table["Recall"]) == [pytest.approx(200 / 3)] * 2
    assert "chosen by these photos" in text


def test_the_slider_moves_every_figure(dataset):
    app = evaluated(dataset)
    app.slider("threshold").set_value(0.95).run()
    assert not app.exception
    text = captions(app)
    assert "12 of 24 photos are right" in text  # nothing is called dogs any more
    assert "Most often dogs are called cats: 12 of 12" in text
    precision = app.dataframe[0].value["Precision"]
    assert precision[0] == 50 and np.isnan(precision[1])
    app.button("evaluate_best").click().run()
    assert app.slider("threshold").value != 0.95


def test_photos_are_shown_with_names_the_largest_loss_first(dataset):
    app = evaluated(dataset)
    names = list(dict.fromkeys(re.findall(r"(?:cat|dog)\.\d+\.jpg", pictures(app))))
    assert names[:3] == ["cat.0000.jpg", "dog.0000.jpg", "cat.0001.jpg"]
    assert len(names) == 12
    app.segmented_control("evaluate_list").set_value("wrong").run()
    assert "8 answers are wrong, and 2 of them were given with 90 % or more" in captions(app)


def test_a_cell_of_the_matrix_opens_its_photos(dataset):
    app = evaluated(dataset)
    app.segmented_control("evaluate_list").set_value("cell").run()
    app.selectbox("evaluate_truth").set_value("dogs").run()
    app.selectbox("evaluate_guess").set_value("cats").run()
    assert "4 photos of dogs are called cats" in captions(app)
    assert "dog.0003.jpg" in pictures(app) and "dog.0004.jpg" not in pictures(app)


def test_a_photo_is_excluded_and_taken_back_without_a_new_pass(dataset):
    app = evaluated(dataset)
    app.menu_button[0].click_index(0).run()
    app.run()
    assert not app.exception
    assert len(datasets.load(dataset.id).excluded) == 1
    assert "17 of 23" not in captions(app) and "16 of 23 photos are right" in captions(app)
    app.button("decision_undo").click().run()
    app.run()
    assert "16 of 24 photos are right" in captions(app)


def ticked(app, key="evaluate_loss"):
    return [box for box in app.checkbox if box.key.startswith(key) and box.value]


def test_several_photos_are_left_out_at_once_and_come_back_at_once(dataset):
    app = evaluated(dataset)
    boxes = [box for box in app.checkbox if box.key.startswith("evaluate_loss")]
    for box in boxes[:3]:
        app.checkbox(box.key).check().run()
    assert len(ticked(app)) == 3
    app.menu_button("evaluate_loss_several").click_index(0).run()
    app.run()
    assert not app.exception
    assert len(datasets.load(dataset.id).excluded) == 3
    assert len(datasets.load(dataset.id).changes) == 1
    assert "16 of 21 photos are right" in captions(app) and not ticked(app)
    app.button("decision_undo").click().run()
    app.run()
    assert not datasets.load(dataset.id).excluded
    assert "16 of 24 photos are right" in captions(app)


def test_several_photos_are_relabelled_at_once_those_of_that_class_aside(dataset):
    app = evaluated(dataset)
    app.segmented_control("evaluate_list").set_value("wrong").run()
    app.button("evaluate_wrong_choose0").click().run()
    assert len(ticked(app, "evaluate_wrong")) == 8
    menu = app.menu_button("evaluate_wrong_several")
    assert menu.label == "Decide about 8"
    menu.click_index(1 + dataset.classes.index("dogs")).run()
    app.run()
    (change,) = datasets.load(dataset.id).changes
    assert {(c.action, c.to) for c in change.choices} == {("relabel", "dogs")}
    assert all("cats" in c.file for c in change.choices) and len(change.choices) == 4


def test_all_photos_of_a_list_are_chosen_and_let_go(dataset):
    app = evaluated(dataset)
    app.button("evaluate_loss_choose1").click().run()
    assert app.menu_button("evaluate_loss_several").label == "Decide about 24"
    assert len(ticked(app)) == 12
    app.button("evaluate_loss_none").click().run()
    assert not ticked(app)


def test_the_address_tells_part_and_cell(dataset):
    app = evaluated(dataset)
    assert app.query_params["part"] == "validation" and "truth" not in app.query_params
    app.segmented_control("evaluate_list").set_value("cell").run()
    app.selectbox("evaluate_truth").set_value("dogs").run()
    assert app.query_params["truth"] == "dogs" and app.query_params["called"] == "dogs"


def test_an_address_opens_the_part_the_threshold_and_the_cell(dataset):
    folder = run(dataset)
    answer(folder, dataset, "train")
    query = {"part": "train", "threshold": "0.95", "truth": "dogs", "called": "cats"}
    app = linked(folder, **query)
    assert app.slider("threshold").value == 0.95
    assert "24 photos of dogs are called cats" in captions(app)
    assert "learnt from these very photos" in captions(app)


def linked(folder, **query):
    """The page opened by an address, as a link to it opens it."""
    app = fakes.page(run=folder.name, **query)
    app.switch_page("pages/5_Evaluate.py")
    for name, value in {"run": folder.name, **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception and not app.error
    return app


@pytest.mark.parametrize("text", ["much", "7", "nan"])
def test_an_address_that_makes_no_sense_opens_what_is_usual(dataset, text):
    folder = run(dataset)
    answer(folder, dataset)
    app = linked(folder, part="holiday", threshold=text, truth="mice", called="cats")
    assert app.slider("threshold").value == 0.5
    assert "16 of 24 photos are right" in captions(app)


def test_the_model_that_comes_with_the_lab_is_asked_and_nothing_is_written_beside_it(dataset):
    ready = shipped.run()
    before = sorted(shipped.folder().rglob("*"))
    answer(ready.folder, dataset, wrong=())
    app = page(run="default")
    assert "24 of 24 photos are right" in captions(app)
    assert "another dataset than this one" in captions(app)
    assert sorted(shipped.folder().rglob("*")) == before
    assert predictions.path(ready.folder, dataset.id, "validation").is_relative_to(
        files.workspace()
    )


def test_a_run_is_set_against_the_model_that_comes_with_the_lab(dataset):
    answer(shipped.folder(), dataset, wrong=())
    text = captions(evaluated(dataset))
    assert "“default, comes with the lab” is right on 8 photos where “first” is wrong" in text


def test_training_again_as_the_model_that_comes_with_the_lab(dataset):
    answer(shipped.folder(), dataset)
    app = page(run="default")
    app.button("evaluate_again").click().run()
    assert not app.exception
    assert app.selectbox("train_model").value == "transfer"


def test_a_relabelled_photo_counts_as_what_it_is_now(dataset):
    folder = run(dataset)
    table = answer(folder, dataset)
    datasets.change(dataset.id, [Choice(table.files[0], "relabel", "dogs")])
    assert "17 of 24 photos are right" in captions(page(run=folder.name))


def test_photos_the_model_was_trained_with_are_told(dataset):
    folder = run(dataset)
    moved = [item.file for item in dataset.items("train")[:2]]
    changed = datasets.change(dataset.id, [Choice(file, "move", "validation") for file in moved])
    answer(folder, changed)
    assert "trained with 2 of these photos" in fakes.said(page(run=folder.name).warning)


def test_training_again_fills_the_form_from_this_run(dataset):
    app = evaluated(dataset)
    app.button("evaluate_again").click().run()
    assert not app.exception
    assert app.session_state["train_name"] == "first again"


def test_from_the_mistakes_to_a_new_training_to_the_comparison(dataset, monkeypatch):
    def start(folder):
        (folder / "best.keras").write_bytes(b"second")
        answer(folder, datasets.load(dataset.id), wrong=range(1))

    monkeypatch.setattr("catdog_core.runs.start", start)
    app = evaluated(dataset)
    app.segmented_control("evaluate_list").set_value("wrong").run()
    for box in [box for box in app.checkbox if box.key.startswith("evaluate_wrong")][:2]:
        app.checkbox(box.key).check().run()
    app.menu_button("evaluate_wrong_several").click_index(0).run()
    app.run()
    app.button("evaluate_again").click().run()
    app.switch_page("pages/3_Train.py").run()  # where the button led; AppTest would go back
    app.button("train_start").click().run()
    (old,) = (run for run in runs.listing() if run.name == "first")
    (new,) = (run for run in runs.listing() if run.name == "first again")
    assert new.dataset_fingerprint == datasets.load(dataset.id).fingerprint
    steps = {"steps_per_epoch", "validation_steps"}  # they follow the photos that are left
    assert new.training.model_dump(exclude=steps) == old.training.model_dump(exclude=steps)
    app.switch_page("pages/5_Evaluate.py")
    app.query_params["run"] = new.id
    app.run()
    assert not app.exception
    assert app.selectbox("evaluate_other").value == old.id
    assert "“first” is right on 0 photos where “first again” is wrong" in captions(app)
    assert "wrong on 4 where" in captions(app)


def test_the_run_trained_again_is_the_one_compared_with(dataset):
    old, other, new = (run(dataset, name) for name in ("old", "other", "new"))
    answer(new, dataset)
    assert page(run=new.name).selectbox("evaluate_other").value == other.name
    app = fakes.page("3_Train", run=new.name)
    app.session_state["evaluate_before"] = old.name
    app.switch_page("pages/5_Evaluate.py").run()
    assert app.selectbox("evaluate_other").value == old.name


def test_two_models_are_set_against_each_other(dataset):
    other = run(dataset, "second")
    answer(other, dataset, wrong=())
    text = captions(evaluated(dataset))
    assert "“second” is right on 8 photos where “first” is wrong, and wrong on 0" in text
    assert "0.008" in text and "“second” is better" in text


def test_a_second_model_that_was_not_asked_yet_can_be(dataset):
    other = run(dataset, "second")
    app = evaluated(dataset)
    assert [
        b for b in app.button if b.key == f"start_evaluate-{other.name}-{dataset.id}-validation"
    ]


def test_three_classes_have_no_threshold_and_everything_else(tmp_path, demo):
    for split, count in (("train", 6), ("validation", 5)):
        for name, source in (("cats", "cats"), ("dogs", "dogs"), ("foxes", "dogs")):
            place = tmp_path / "three" / split / name
            place.mkdir(parents=True)
            for path in sorted((demo / split / source).iterdir())[:count]:
                shutil.copyfile(path, place / path.name)
    dataset = datasets.open_folder(tmp_path / "three")
    app = evaluated(dataset)
    assert not app.slider
    text = captions(app)
    assert "3 of 15 photos are right" in text and "Areas: from" in text
    assert len(app.dataframe[0].value) == 3


def test_names_are_escaped_in_figures():
    counts = np.array([[3, 1], [0, 4]])
    figure = evaluate_charts.matrix(counts, ("<b>x</b>", "dogs"), [0, 1], (0, 1))
    assert "<b>x" not in str(figure.layout.xaxis.ticktext)
    assert figure.data[0].marker.line.width == (0, 3)
    assert figure.data[0].customdata[1][:2] == [0, 1]


def test_of_many_classes_the_curves_with_the_smallest_areas_are_drawn():
    from catdog_core.insight.scores import Curve

    flat = np.zeros(2)
    curves = [Curve(label, flat, flat, area=label / 20) for label in range(20)][::-1]
    assert evaluate_charts.drawn(curves) == list(range(7))


def test_curves_of_many_classes_differ_in_colour():
    names = [f"class {label}" for label in range(60)]
    colors = evaluate_charts.line_colors(names, [3, 10, 17, 24, 31, 38, 45])
    assert len(set(colors.values())) == 7
    assert evaluate_charts.line_colors(names[:7], [5]) == {5: evaluate_charts.class_color(5)}


def test_a_difference_that_chance_explains_is_called_so():
    from catdog_core.insight.versus import Versus, mcnemar

    rows = np.arange(4)
    found = Versus(rows, rows[:2], rows[:3], rows, mcnemar(2, 3))
    assert "can well be chance" in evaluate_words.versus(found, "a", "b")
