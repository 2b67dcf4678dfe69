"""Sort photos on the Data page: names of groups, how good the predictions are, the dataset."""

import fakes
import numpy as np
import pytest

from catdog_core.analysis import sorting
from catdog_core.analysis.sorting import Guesses, SeenPhotos
from catdog_core.data import datasets, piles
from catdog_core.data.decisions import Decision
from catdog_ui import widgets

pytestmark = pytest.mark.usefixtures("workspace")


@pytest.fixture
def pile(demo):
    """A pile whose photos were looked at: the classes are apart in the first feature."""
    made = piles.create_pile_from_folder(demo / "train")
    kinds = np.array([file.startswith("dogs") for file in made.photos], np.float32)
    features = np.stack([2 * kinds - 1, np.linspace(-0.2, 0.2, len(kinds))], axis=1)
    files = tuple(made.photos)
    seen = SeenPhotos(files, features.astype(np.float32), np.empty((len(files), 0)), ())
    sorting.write_seen(made.id, seen)
    return made


def page(pile):
    app = fakes.open_page("1_Data", pile=pile.id)
    assert not app.exception
    return app


def button(app, label):
    return next(each for each in app.button if each.label == label)


def texts(app):
    return " ".join(each.value for each in app.markdown)


def test_named_groups_become_the_first_predictions(pile):
    app = page(pile)
    app.slider[0].set_value(2).run()
    assert button(app, "Use these names").disabled
    shown = [field for field in app.text_input if field.label.startswith("Name of group")]
    assert len(shown) == 2
    shown[0].set_value("cats")
    shown[1].set_value("dogs")
    app.run()
    button(app, "Use these names").click().run()
    assert not app.exception
    assert set(piles.load_pile(pile.id).classes) == {"cats", "dogs"}
    guesses = sorting.read_guesses(pile.id)
    assert guesses.source == "groups" and set(guesses.labels) == {0, 1}
    assert "Answer some photos" in texts(app)


def test_the_page_says_how_good_predictions_were_and_makes_a_dataset(pile):
    piles.set_classes(pile.id, ["cats", "dogs"])
    files = tuple(pile.photos)
    labels = np.array([file.startswith("dogs") for file in files], np.int64)
    certainty = np.linspace(0.6, 1, len(files))
    guesses = Guesses(files, labels, certainty, ("cats", "dogs"), 20, "answers")
    sorting.write_guesses(pile.id, guesses)
    made = [
        Decision(f"answer-{n}", file, "relabel", file.split("/")[0], "cats")
        for n, file in enumerate([*files[:3], *files[-2:]])
    ]
    piles.record_answers(pile.id, made)
    app = page(pile)
    assert "3 of the last 5 predictions were right (23% to 88%)." in texts(app)
    assert "based on 20 answers" in texts(app)
    assert "cats 3 · dogs 2" in texts(app)
    app.toggle[0].set_value(True).run()
    assert "cats 3 · dogs 12" in texts(app)  # those at least 90% certain are dogs
    button(app, "Create dataset").click().run()
    assert not app.exception
    dataset = datasets.list_datasets()[0]
    assert dataset.classes == ("cats", "dogs") and len(dataset.photos) == 15


def test_a_pile_that_is_gone_is_said_and_others_can_be_opened(pile):
    app = fakes.open_page("1_Data", pile="gone-12345678")
    assert not app.exception and "no pile" in app.error[0].value
    button(app, "Back to datasets").click().run()
    assert not app.exception and "pile" not in app.query_params


def test_a_pile_of_a_folder_has_the_name_of_the_field_or_of_the_folder(demo):
    for name, expected in (("Friends", "Friends"), ("", "validation")):
        app = fakes.open_page("1_Data", source="sort")
        app.text_input(key="sort_folder").set_value(str(demo / "validation"))
        app.text_input(key="sort_name").set_value(name).run()
        button(app, "Start sorting").click().run()
        assert not app.exception
        assert any(each.name == expected for each in piles.list_piles())
        # Without a model, groups come first, and the button says what it does.
        assert any(each.value == f"Sort “{expected}”" for each in app.subheader)
        button(app, "Predict 24 photos" if app.selectbox else "Group 24 photos")


def test_a_finished_review_brings_the_form_of_the_dataset_into_view(pile, monkeypatch):
    shown = []
    monkeypatch.setattr(widgets, "scroll_into_view", shown.append)
    piles.set_classes(pile.id, ["cats", "dogs"])
    seen = sorting.read_seen(pile.id)
    sorting.write_guesses(pile.id, sorting.first_guesses(seen, piles.load_pile(pile.id)))
    app = page(pile)
    assert not shown
    app.session_state["page_state"].data.is_sorted = True
    app.run().run()
    assert shown == ["sort_dataset"]
