"""Runs whose models have answered, without a model, and the Evaluate page that shows them."""

import time

import fakes
import numpy as np

from catdog_core.analysis import predictions
from catdog_core.base import files

WRONG_PER_CLASS = 4  # photos of each class that the first model gets wrong


def make_dataset_run(dataset, name="first", classes=None):
    """A run on the dataset with a model that nobody loads."""
    folder = fakes.make_run(name)
    settings = files.read_json(folder / "settings.json")
    about = {name: getattr(dataset, name) for name in ("id", "fingerprint", "name", "domain")}
    settings["dataset"] |= about
    settings["classes"] = list(classes or dataset.classes)
    files.write_json(folder / "settings.json", settings)
    (folder / "best.keras").write_bytes(name.encode())
    return folder


def write_answers(folder, dataset, split="validation", wrong=range(WRONG_PER_CLASS)):
    """Keep answers in a run: 90 % and less for the true class, `wrong` photos of each not."""
    answers = {}
    counts = dict.fromkeys(range(len(dataset.classes)), 0)
    for item in dataset.items(split):
        index = counts[item.label]
        counts[item.label] += 1
        row = np.full(len(dataset.classes), 0.0)
        sure = 0.9 - index / 100
        called = (item.label + (index in wrong)) % len(row)
        row[called] = sure
        row[(called + 1) % len(row)] += 1 - sure
        answers[item.file] = row
    table = predictions.build_prediction_table(dataset, split, answers)
    predictions.write_predictions(
        folder, dataset, split, table, predictions.digest_model(folder / "best.keras")
    )
    return table


def open_evaluate_page(**query):
    app = fakes.open_page("5_Evaluate", **query)
    assert not app.exception
    return app


def show_tab(app, name):
    app.segmented_control("tab_tab").set_value(name).run()
    assert not app.exception
    return app


def open_evaluated_run(dataset, **query):
    folder = make_dataset_run(dataset)
    write_answers(folder, dataset)
    app = open_evaluate_page(run=folder.name, **query)
    assert not app.error
    return app


def caption_text(app):
    return fakes.joined_text([*app.caption, *app.markdown])


def html_text(app):
    return " ".join(element.value for element in app.get("html"))


def open_link(folder, **query):
    """The page opened by an address, as a link to it opens it."""
    app = fakes.open_page(run=folder.name, **query)
    app.switch_page("pages/5_Evaluate.py")
    for name, value in {"run": folder.name, **query}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception and not app.error
    return app


def ticked_boxes(app, key="evaluate_loss"):
    return [box for box in app.checkbox if box.key.startswith(key) and box.value]


def wait_for_job(job, seconds=60):
    """A job that has ended; the page is drawn anew after it."""
    end = time.monotonic() + seconds
    while job.status == "running":
        assert time.monotonic() < end, "the job goes on and on"
        time.sleep(0.05)
    return job
