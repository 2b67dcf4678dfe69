"""Decisions of a review: each counts once, can be taken back alone, and a batch is one edit."""

import itertools

import pytest

from catdog_core.base import access
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError, DatasetError
from catdog_core.data import datasets, decisions
from catdog_core.data.datasets import PhotoEdit
from catdog_core.data.decisions import Decision

CAT, DOG = "train/cats/cat.0000.jpg", "train/dogs/dog.0001.jpg"
OTHER = "validation/cats/cat.0002.jpg"
_numbers = itertools.count()


def decide(action, file=CAT, to="", id_=None):
    return Decision(id_ or f"decision-{next(_numbers)}", file, action, to)


def found(dataset):
    return {item.file: (dataset.classes[item.label], item.split) for item in dataset.items()}


def test_a_batch_is_one_edit_and_each_of_its_decisions_counts(dataset):
    made = [decide("relabel", CAT, "dogs"), decide("exclude", DOG), decide("keep", OTHER)]
    outcome = decisions.apply_decisions(dataset.id, made)
    assert outcome.applied == tuple(each.id for each in made) and not outcome.refused
    assert len(outcome.dataset.changes) == 1
    now = found(datasets.load_dataset(dataset.id))
    assert now[CAT] == ("dogs", "train") and DOG not in now
    assert outcome.dataset.dismissed_findings == {OTHER: {decisions.CONFIRMED}}
    assert decisions.reviewed_files(outcome.dataset.changes) == {CAT, DOG, OTHER}
    assert datasets.undo_last_edit(dataset.id).photos == dataset.photos


def test_a_decision_sent_again_does_not_overrule_a_later_one(dataset):
    first = decide("relabel", CAT, "dogs")
    decisions.apply_decisions(dataset.id, [first])
    decisions.apply_decisions(dataset.id, [decide("exclude", CAT)])
    outcome = decisions.apply_decisions(dataset.id, [first, first])
    assert outcome.applied == (first.id, first.id) and CAT not in found(outcome.dataset)
    assert len(outcome.dataset.changes) == 2


def test_an_undo_brings_back_what_was_before_also_an_earlier_edit_and_within_a_batch(dataset):
    datasets.edit_photos(
        dataset.id,
        [PhotoEdit(CAT, "relabel", "dogs"), PhotoEdit(CAT, "move", "validation")],
    )
    datasets.edit_photos(dataset.id, [PhotoEdit(CAT, "keep", "tiny")])
    before = datasets.load_dataset(dataset.id)
    out = decide("exclude")
    decisions.apply_decisions(dataset.id, [decide("keep", DOG), out])
    undo = decide("undo", CAT, out.id)
    outcome = decisions.apply_decisions(dataset.id, [undo])
    assert found(outcome.dataset) == found(before)
    assert outcome.dataset.dismissed_findings[CAT] == {"tiny"}
    assert decisions.reviewed_files(outcome.dataset.changes) == {DOG}
    again = decisions.apply_decisions(dataset.id, [undo, decide("undo", CAT, out.id)])
    assert again.dataset.changes == outcome.dataset.changes and not again.refused
    one = decide("relabel", DOG, "cats")
    both = decisions.apply_decisions(dataset.id, [one, decide("undo", DOG, one.id)])
    assert found(both.dataset) == found(before)


def test_an_undo_of_what_was_changed_since_is_refused_alone(dataset):
    first = decide("relabel", CAT, "dogs")
    decisions.apply_decisions(dataset.id, [first])
    datasets.edit_photos(dataset.id, [PhotoEdit(CAT, "exclude")])
    undo, other = decide("undo", CAT, first.id), decide("exclude", DOG)
    outcome = decisions.apply_decisions(dataset.id, [undo, other])
    assert outcome.applied == (other.id,) and "changed since" in str(outcome.refused[undo.id])
    assert not {CAT, DOG} & found(outcome.dataset).keys()


def test_what_would_empty_a_class_or_is_about_no_photo_is_refused_and_the_others_count(dataset):
    cats = [item.file for item in dataset.items("validation") if item.label == 0]
    made = [decide("exclude", file) for file in cats]
    made += [decide("exclude", "no/such.jpg"), decide("relabel", DOG, "birds"), decide("keep", DOG)]
    outcome = decisions.apply_decisions(dataset.id, made)
    assert set(outcome.refused) == {each.id for each in made[-4:-1]}
    assert sum(row[2] == "validation" and row[1] == 0 for row in outcome.dataset.photos) == 1


def test_a_photo_taken_back_after_a_new_split_stays_where_that_put_it(dataset):
    out = decide("exclude")
    decisions.apply_decisions(dataset.id, [out])
    divided = found(datasets.resplit(dataset.id, seed=3))
    outcome = decisions.apply_decisions(dataset.id, [decide("undo", CAT, out.id)])
    assert {**divided, CAT: found(outcome.dataset)[CAT]} == found(outcome.dataset)


def test_an_audience_decides_nothing(dataset, workspace):
    (workspace / access.FILE).write_text('{"format": 1, "shared": true}')
    with access.act_as(Visitor("Ann", "audience")), pytest.raises(AccessError):
        decisions.apply_decisions(dataset.id, [decide("exclude")])
    assert datasets.load_dataset(dataset.id) == dataset


@pytest.mark.parametrize(
    "value",
    [
        "text",
        [1],
        [{"id": "short", "file": "a", "action": "keep"}],
        [{"id": "12345678", "file": "a", "action": "delete"}],
        [{"id": "12345678", "file": ["a"], "action": "keep"}],
        [{"id": "12345678", "file": "a", "action": "keep"}] * (decisions.MAX_BATCH + 1),
    ],
)
def test_damaged_decisions_are_refused(value):
    with pytest.raises(DatasetError):
        decisions.parse_decisions(value)


def test_decisions_come_from_objects():
    row = {"id": "12345678", "file": "a", "action": "relabel", "to": "dogs", "more": 1}
    assert decisions.parse_decisions([row]) == [Decision("12345678", "a", "relabel", "dogs")]
