"""Sort a pile: photos in, guesses that learn from answers, a dataset out."""

import io
import itertools
import time
import zipfile

import numpy as np
import pytest

from catdog_core.analysis import sorting
from catdog_core.analysis.sorting import Guesses, SeenPhotos
from catdog_core.base import access, jobs
from catdog_core.base.access import Visitor
from catdog_core.base.errors import AccessError, CatDogError, DatasetError
from catdog_core.data import piles
from catdog_core.data.decisions import Decision
from catdog_core.data.piles import Answer

pytestmark = pytest.mark.usefixtures("workspace")
_numbers = itertools.count()


@pytest.fixture
def pile(demo):
    made = piles.create_pile_from_folder(demo / "train")
    return piles.set_classes(made.id, ["cats", "dogs"])


def truth(file):
    return file.split("/")[0]


def answer(pile, file, label, guess=""):
    made = Decision(f"answer-{next(_numbers)}", file, "relabel", label, guess)
    assert piles.record_answers(pile.id, [made])[1] == {}
    return made


def seen(pile, noise=0.3, names=()):
    """Features in which the classes are apart but for some noise."""
    rng = np.random.default_rng(0)
    kinds = np.array([truth(file) == "dogs" for file in pile.photos], float)
    values = rng.normal(0, noise, (len(kinds), 8))
    values[:, 0] += 2 * kinds - 1
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    first = np.tile([0.6, 0.4], (len(kinds), 1)) if names else np.empty((len(kinds), 0))
    return SeenPhotos(tuple(pile.photos), values.astype(np.float32), first, tuple(names))


def test_a_folder_is_a_pile_of_all_its_photos_which_stay_there(pile, demo):
    assert len(pile.photos) == 48 and pile.root == demo / "train"
    assert piles.load_pile(pile.id) == pile and piles.list_piles() == [pile]
    assert all(pile.path(file).is_file() for file in pile.photos)


def test_uploads_are_photos_and_archives_with_names_of_their_own(demo):
    cat = (demo / "train/cats/cat.0000.jpg").read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("some/cat.jpg", cat)
        archive.writestr("notes.txt", "no photo")
    uploads = [("cat.jpg", cat), ("cat.jpg", cat), ("pets.zip", packed.getvalue()), ("a.txt", b"")]
    pile = piles.create_pile_from_uploads(uploads, "My pets")
    assert list(pile.photos) == ["cat.jpg", "cat (2).jpg", "some/cat.jpg"]
    assert {pile.path(file).read_bytes() for file in pile.photos} == {cat}
    piles.remove_pile(pile.id)
    assert not piles.list_piles() and not any(piles.piles_folder().iterdir())


def test_an_unsafe_archive_leaves_nothing_behind():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../cat.jpg", b"x")
    with pytest.raises(CatDogError):
        piles.create_pile_from_uploads([("pets.zip", packed.getvalue())], "pets")
    assert not any(piles.piles_folder().glob("*"))


def test_answers_count_once_and_an_undo_takes_back_the_last_one(pile):
    first, second = list(pile.photos)[:2]
    made = answer(pile, first, "cats", "dogs")
    answer(pile, second, "dogs")
    piles.record_answers(pile.id, [made, Decision("answer-out", first, "exclude")])
    assert [a.label for a in piles.read_answers(pile.id)] == ["dogs", ""]
    undo = Decision("undo-once", first, "undo", "answer-out")
    piles.record_answers(pile.id, [undo])
    piles.record_answers(pile.id, [undo])
    assert piles.read_answers(pile.id) == [
        Answer(made.id, first, "cats", "dogs"),
        Answer(piles.read_answers(pile.id)[1].id, second, "dogs", ""),
    ]


def test_answers_about_no_photo_or_class_are_refused_and_the_others_kept(pile):
    file = next(iter(pile.photos))
    made = [
        Decision("answer-a", "../../pile.json", "exclude"),
        Decision("answer-b", file, "relabel", "birds"),
        Decision("answer-c", file, "relabel", "cats"),
    ]
    applied, refused = piles.record_answers(pile.id, made)
    assert applied == ("answer-c",) and set(refused) == {"answer-a", "answer-b"}
    with pytest.raises(DatasetError):
        piles.set_classes(pile.id, ["dogs"])  # an answer needs the other one
    with pytest.raises(DatasetError):
        piles.set_classes(pile.id, ["cats", "dogs", "a/b"])


def test_an_audience_sorts_nothing(pile, workspace, demo):
    (workspace / access.FILE).write_text('{"format": 1, "shared": true}')
    file = next(iter(pile.photos))
    with access.act_as(Visitor("Ann", "audience")):
        for change in (
            lambda: piles.create_pile_from_folder(demo),
            lambda: piles.create_pile_from_uploads([("a.jpg", b"x")], "a"),
            lambda: piles.set_classes(pile.id, []),
            lambda: piles.record_answers(pile.id, [Decision("answer-x", file, "exclude")]),
            lambda: piles.remove_pile(pile.id),
            lambda: piles.make_dataset(pile, {file: "cats"}, "x"),
        ):
            with pytest.raises(AccessError):
                change()


def test_groups_by_likeness_find_what_is_apart_the_largest_first():
    rng = np.random.default_rng(1)
    centers = np.eye(3, 16)[[0] * 30 + [1] * 20 + [2] * 10]
    features = (centers + rng.normal(0, 0.05, centers.shape)).astype(np.float32)
    groups, share = sorting.group_photos(features, 3)
    assert groups.tolist() == [0] * 30 + [1] * 20 + [2] * 10
    assert (share > 0.5).all() and (share <= 1).all()
    again, _ = sorting.group_photos(features, 3)
    assert (groups == again).all()
    same, _ = sorting.group_photos(np.ones((5, 4), np.float32), 2)
    assert len(same) == 5
    with pytest.raises(DatasetError):
        sorting.group_photos(features, 61)


def test_named_groups_of_one_name_are_one_class(pile):
    photos = seen(pile)
    groups, share = sorting.group_photos(photos.features, 4)
    guesses = sorting.name_groups(photos, ["cats", "dogs", "cats", ""], groups, share)
    assert guesses.classes == ("cats", "dogs")
    assert set(guesses.labels[groups == 2]) == {0} and set(guesses.labels[groups == 3]) == {-1}


def test_a_head_learns_from_answers_and_beats_first_guesses_that_are_wrong(pile):
    photos = seen(pile, names=("cats", "dogs"))
    first = sorting.first_guesses(photos, pile)
    assert set(first.labels) == {0} and first.source == "model"
    files = list(pile.photos)
    for file in files[:6] + files[-6:]:
        answer(pile, file, truth(file), "cats")
    learned = sorting.learn(pile, piles.read_answers(pile.id), first, photos)
    right = [pile.classes[n] == truth(f) for n, f in zip(learned.labels, files, strict=True)]
    assert learned.source == "answers" and learned.answers == 12
    assert np.mean(right) > 0.95


def test_first_guesses_stay_where_the_head_would_be_worse(pile):
    noise = seen(pile, noise=100)
    files = list(pile.photos)
    labels = np.array([truth(file) == "dogs" for file in files], np.int64)
    first = Guesses(noise.files, labels, np.ones(len(files)), pile.classes, 0, "model")
    for file in files[:6] + files[-6:]:
        answer(pile, file, truth(file))
    learned = sorting.learn(pile, piles.read_answers(pile.id), first, noise)
    assert learned.source == "model" and (learned.labels == labels).all()


def test_guesses_are_made_anew_in_the_background_after_twenty_answers(pile):
    sorting.write_seen(pile.id, seen(pile))
    guesses = sorting.first_guesses(sorting.read_seen(pile.id), pile)
    sorting.write_guesses(pile.id, guesses)
    files = list(pile.photos)
    for file in files[:10] + files[-9:]:
        answer(pile, file, truth(file))
    assert not sorting.is_due(guesses, piles.read_answers(pile.id))
    answer(pile, files[-10], truth(files[-10]))
    assert sorting.is_due(guesses, piles.read_answers(pile.id))
    sorting.learn_in_background(pile.id)
    while jobs.get_job(sorting.job_key(pile.id)).status == "running":
        time.sleep(0.01)
    learned = sorting.read_guesses(pile.id)
    assert (learned.answers, learned.source) == (20, "answers")
    queue = sorting.build_queue(pile, learned, piles.read_answers(pile.id))
    waiting = [photo for photo in queue if not photo.is_reviewed]
    assert len(queue) == 48 and len(waiting) == 28
    assert [p.certainty for p in waiting] == sorted(p.certainty for p in waiting)


def test_guesses_count_as_good_once_38_of_the_last_40_were_right():
    def answers(rights):
        return [Answer(str(n), str(n), "a", "a" if r else "b") for n, r in enumerate(rights)]

    bad = sorting.record_guesses(answers([False] * 10 + [True] * 37))
    assert (bad.right, bad.counted, bad.reached) == (37, 40, None)
    good = sorting.record_guesses(answers([False] * 10 + [True] * 40 + [False] * 5))
    assert good.reached == 48 and (good.right, good.counted) == (35, 40)
    assert good.interval[0] < 35 / 40 < good.interval[1]
    # Excluded photos and those without a guess say nothing of guesses.
    none = [Answer("a", "a", "", "cats"), Answer("b", "b", "cats", "")]
    assert sorting.record_guesses(none).counted == 0


def test_a_dataset_has_answers_sure_guesses_and_copies_on_one_side(pile, demo):
    files = list(pile.photos)
    labels = np.array([truth(file) == "dogs" for file in files], np.int64)
    certainty = np.linspace(0.5, 1, len(files))
    guesses = Guesses(tuple(files), labels, certainty, pile.classes, 0, "model")
    answer(pile, files[0], "dogs")
    piles.record_answers(pile.id, [Decision("answer-out", files[1], "exclude")])
    only = sorting.choose_labels(guesses, piles.read_answers(pile.id), None)
    assert only == {files[0]: "dogs"}
    chosen = sorting.choose_labels(guesses, piles.read_answers(pile.id), 0.0)
    assert chosen[files[0]] == "dogs" and files[1] not in chosen and len(chosen) == 47
    dataset = piles.make_dataset(pile, chosen, "Sorted pets", validation_fraction=0.25)
    assert dataset.classes == ("cats", "dogs") and len(dataset.photos) == 47
    assert dataset.counts()["validation"].keys() == {"cats", "dogs"}
    assert dataset.changes[-1].division is not None  # near copies were looked for


def test_what_is_damaged_counts_as_not_there(pile):
    sorting.write_seen(pile.id, seen(pile))
    (pile.folder / "seen.npz").write_bytes(b"PK torn")
    (pile.folder / "guesses.npz").write_bytes(b"")
    assert sorting.read_seen(pile.id) is None and sorting.read_guesses(pile.id) is None
    (pile.folder / "answers.jsonl").write_text('{"id": "a"\n{"file": 3}\n')
    assert piles.read_answers(pile.id) == []
    with pytest.raises(DatasetError):
        piles.load_pile("../datasets")
