"""The map on the Evaluate page: drawn, laid out anew, chosen on, and decided from."""

import threading
import time

import fakes
import numpy as np
import pytest
from evaluated_runs import (
    caption_text,
    make_dataset_run,
    open_evaluate_page,
    wait_for_job,
    write_answers,
)

from catdog_core.analysis import embedding, predictions, projections
from catdog_core.base import jobs
from catdog_core.base.errors import CatDogError
from catdog_core.data import datasets
from catdog_ui import loaders
from catdog_ui.evaluate import evaluate_map

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def dataset(demo):
    return datasets.open_folder(demo)


def mapped(folder, dataset, lost=1):
    """Keep a map in which each class is a cloud of its own, but for the first cats."""
    items = dataset.items("validation")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(items), 30))
    sides = [item.label for item in items]
    sides[:lost] = [1] * lost
    features[:, 0] += 25 * np.array(sides)
    names = [item.file for item in items]
    embeddings = embedding.build_embedding(
        names, features.astype(np.float32), [b"\xff\xd8"] * len(names), 30
    )
    digest = predictions.digest_model(folder / "best.keras")
    embedding.write_embedding(folder, dataset, "validation", embeddings, digest)
    return embeddings


def shown(dataset, **keep):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)
    mapped(folder, dataset, **keep)
    app = open_evaluate_page(run=folder.name, tab="map")
    assert not app.error
    return folder, app


def ended(key):
    return wait_for_job(jobs.get_job(key))


def test_the_map_is_drawn_at_once_and_told_in_words(dataset):
    _, app = shown(dataset)
    assert len(app.get("arrow_vega_lite_chart") or app.get("vega_lite_chart")) == 1
    text = caption_text(app)
    assert "Each point is a photo" in text
    assert "For 95.8% of 24 photos, most of the" in text
    assert "near photos of another class: 1 of 8." in text


def test_the_threshold_moves_the_mistakes_on_the_map(dataset):
    _, app = shown(dataset)
    app.slider("threshold").set_value(0.95).run()
    assert "(12) are near other photos of their class" in caption_text(app)


def test_photos_chosen_on_the_map_are_decided_about(dataset, monkeypatch):
    folder = make_dataset_run(dataset)
    table = write_answers(folder, dataset)
    mapped(folder, dataset)
    monkeypatch.setattr(evaluate_map, "_selected_rows", lambda selection, xy, rows: rows[:2])
    app = open_evaluate_page(run=folder.name, tab="map")
    assert "Photos selected on the map: 2" in caption_text(app)
    app.button("evaluate_map_choose0").click().run()
    app.menu_button("evaluate_map_several").click_index(0).run()
    app.run()
    assert not app.exception
    assert set(datasets.load_dataset(dataset.id).excluded) == set(table.files[:2])
    assert "of 22 photos, most of the" in caption_text(app)


def test_what_is_chosen_are_points_clicked_and_those_in_the_rectangle():
    xy = np.array([[0, 0], [1, 1], [2, 2], [9, 9]], np.float32)
    rows = np.array([10, 11, 12, 13])
    area = {"x": [2.5, 0.5], "y": [0.5, 2.5]}
    pick = evaluate_map._selected_rows
    assert list(pick({}, xy, rows)) == []
    assert list(pick({"points": [{"row": 13}], "area": {}}, xy, rows)) == [13]
    assert list(pick({"points": [{"row": 10}], "area": area}, xy, rows)) == [10, 11, 12]


def test_tsne_is_worked_out_in_the_background_and_kept(dataset, monkeypatch, jobs_in_process):
    folder, app = shown(dataset)
    monkeypatch.setattr(projections, "available_methods", lambda: ["pca", "tsne"])
    app.segmented_control("evaluate_map_method").set_value("tsne").run()
    app.button("evaluate_map_tsne").click().run()
    job = ended(f"map-tsne-evaluate-{folder.name}-{dataset.id}-validation")
    assert job.status == "done"
    app.run()
    assert not app.exception
    assert not [button for button in app.button if button.key == "evaluate_map_tsne"]
    assert "of 24 photos, most of the" in caption_text(app)
    assert "The two directions explain" not in caption_text(app)


def test_tsne_can_be_stopped_and_begun_anew(dataset, monkeypatch):
    folder, app = shown(dataset)
    started = threading.Event()

    def wait(parts, method, stopped):
        started.set()
        while not stopped():
            time.sleep(0.02)
        raise CatDogError("The embedding map was stopped. Nothing was saved.")

    monkeypatch.setattr(projections, "compute_layout_in_subprocess", wait)
    app.segmented_control("evaluate_map_method").set_value("tsne").run()
    app.button("evaluate_map_tsne").click().run()
    assert started.wait(60)
    app.run()
    app.button("stop_evaluate_map_tsne").click().run()
    job = ended(f"map-tsne-evaluate-{folder.name}-{dataset.id}-validation")
    assert job.status == "stopped"
    app.run()
    assert not app.exception and "was stopped" in fakes.joined_text(app.info)
    assert [button for button in app.button if button.key == "evaluate_map_tsne"]


def test_answers_from_before_there_were_maps_are_looked_at_once_more(dataset, monkeypatch):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)

    def look(run_dir, dataset, split, job):
        mapped(run_dir, dataset)

    monkeypatch.setattr(loaders, "compute_run_embeddings", look)
    app = open_evaluate_page(run=folder.name, tab="map")
    assert "looks at 24 photos again" in caption_text(app)
    app.button("evaluate_map_look").click().run()
    ended(f"look-evaluate-{folder.name}-{dataset.id}-validation")
    app.run()
    assert not app.exception
    assert "of 24 photos, most of the" in caption_text(app)


def test_a_look_that_failed_says_why(dataset, monkeypatch):
    from catdog_core.base.errors import ModelError

    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)

    def look(*_):
        raise ModelError("The model is broken.")

    monkeypatch.setattr(loaders, "compute_run_embeddings", look)
    app = open_evaluate_page(run=folder.name, tab="map")
    app.button("evaluate_map_look").click().run()
    ended(f"look-evaluate-{folder.name}-{dataset.id}-validation")
    app.run()
    assert "The model is broken." in fakes.joined_text(app.error)


def table_of(classes, n=300, seed=0):
    rng = np.random.default_rng(seed)
    names = tuple(f"class {label:02}" for label in range(classes))
    rows = rng.dirichlet(np.ones(classes), n)
    files = tuple(f"{number}.jpg" for number in range(n))
    return predictions.PredictionTable(files, names, rng.integers(classes, size=n), rows)


def test_of_many_classes_those_with_most_mistakes_have_a_colour_of_their_own():
    table = table_of(60)
    guesses = table.probabilities.argmax(axis=1)
    groups = evaluate_map.point_groups(table, guesses)
    assert len(groups.legend) == 7 and groups.legend[-1][0] == "54 other classes"
    assert len({color for _, color in groups.legend}) == 7
    assert len(groups.group_of_class) == 60 and max(groups.group_of_class) == 6
    few = evaluate_map.point_groups(table_of(3), np.zeros(300, int))
    assert few.group_of_class == (0, 1, 2)


def test_mistakes_differ_in_shape_not_in_colour_alone():
    spec = evaluate_map.chart_spec(evaluate_map.point_groups(table_of(2), np.zeros(300, int)), True)
    assert spec["encoding"]["shape"]["scale"]["range"] == ["circle", "cross"]
    assert {"field": "picture", "title": "image"} in spec["encoding"]["tooltip"]


def test_a_map_without_neighbours_says_so():
    table = table_of(2, n=1)
    embeddings = embedding.build_embedding(table.files, np.ones((1, 4), np.float32), [b""], 4)
    assert "too few" in evaluate_map.map_caption(embeddings, table, np.zeros(1, int), "pca")
