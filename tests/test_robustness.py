"""Accuracy under changes: what is changed, measured, kept and said."""

import itertools
import json

import fakes
import keras
import numpy as np
import pytest

from catdog_core.analysis import isolated_models, metrics, predict, robustness
from catdog_core.analysis.robustness import RobustnessCurve
from catdog_core.augmentation import photo_changes
from catdog_core.augmentation.photo_changes import CHANGES
from catdog_core.base.errors import CatDogError, SettingsError
from catdog_core.config import NO_AUGMENTATION, PRESETS
from catdog_core.data import datasets
from catdog_core.data.datasets import PhotoEdit
from catdog_core.models import keras_models

PHOTO = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "best.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 32), path, {"format": 1, "classes": ["cats", "dogs"]}
    )
    return path


@pytest.fixture(scope="module")
def predictor(model_file):
    return predict.load_predictor(model_file)


@pytest.fixture
def run(workspace, model_file):
    folder = fakes.make_run()
    (folder / "best.keras").write_bytes(model_file.read_bytes())
    return folder


def measure(subjects, dataset, change="rotation", split="validation", **options):
    return list(robustness.measure_robustness(subjects, dataset, split, change, **options))[-1]


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_leaves_the_photo_at_its_clean_strength_and_changes_it_elsewhere(name):
    change = CHANGES[name]
    assert change.clean in change.strengths and list(change.strengths) == sorted(change.strengths)
    assert change.low <= change.strengths[0] and change.strengths[-1] <= change.high
    assert photo_changes.apply_change(PHOTO, name, change.clean, "a") is PHOTO
    for strength in set(change.strengths) - {change.clean}:
        once, again = (
            photo_changes.apply_change(PHOTO, name, strength, "a.jpg", seed=3) for _ in range(2)
        )
        assert (once == again).all() and (once != PHOTO).any()
        assert once.shape == PHOTO.shape and once.dtype == np.uint8


def test_noise_and_directions_follow_the_photos_name_and_the_seed():
    noise = [
        photo_changes.apply_change(PHOTO, "noise", 20, key, seed)
        for key, seed in (("a", 0), ("b", 0), ("a", 1))
    ]
    assert all((one != other).any() for one, other in itertools.pairwise(noise))
    gray = np.full((200, 300, 3), 128, np.uint8)
    added = photo_changes.apply_change(gray, "noise", 20, "a").astype(float) - 128
    assert abs(added.mean()) < 0.3 and abs(added.std() - 20) < 0.3
    turned = {
        photo_changes.apply_change(PHOTO, "rotation", 90, str(n)).tobytes() for n in range(20)
    }
    moved = {photo_changes.apply_change(PHOTO, "shift", 0.5, str(n)).tobytes() for n in range(40)}
    assert len(turned) == 2 and len(moved) == 4
    assert np.rot90(PHOTO).tobytes() in turned and np.rot90(PHOTO, -1).tobytes() in turned


def test_the_trained_range_is_that_of_the_augmentation():
    notes = PRESETS["notes"]
    assert photo_changes.find_trained_range("rotation", notes, 64) == (0, 20)
    assert photo_changes.find_trained_range("zoom", notes, 64) == (0.9, 1.1)
    assert photo_changes.find_trained_range("vertical_flip", notes, 64) == (0, 1)
    assert photo_changes.find_trained_range("brightness", notes, 64) is None
    blurred = notes.model_copy(update={"blur_range": 1.6})
    assert photo_changes.find_trained_range("blur", blurred, 160) == (0, 1)
    for name in CHANGES:
        assert photo_changes.find_trained_range(name, NO_AUGMENTATION, 64) is None
        assert photo_changes.find_trained_range(name, None, 64) is None


def test_strengths_are_checked_sorted_and_hold_the_clean_one():
    assert photo_changes.check_strengths("zoom", (2, 0.5)) == (0.5, 1, 2)
    for name, wrong in (("rotation", 200), ("jpeg", 0), ("vertical_flip", 0.5)):
        with pytest.raises(SettingsError, match="can't have the strength"):
            photo_changes.check_strengths(name, (wrong,))


def test_unchanged_photos_come_first_and_agree_with_the_evaluation(run, dataset, predictor):
    subject = robustness.make_subject(predictor, dataset, run)
    steps, seen = [], []
    for curves in robustness.measure_robustness(
        [subject],
        dataset,
        "validation",
        "brightness",
        (0.5, 2),
        progress=lambda *at: seen.append(at),
    ):
        steps.append(curves[0].strengths)
    assert steps == [(), (1,), (0.5, 1), (0.5, 1, 2)] and seen[-1] == (72, 72)
    curve = curves[0]
    from catdog_core.analysis import evaluate

    result = evaluate.evaluate(predictor, dataset, "validation")
    assert curve.accuracy(1) == result.accuracy and curve.files == result.table.files
    right = round(result.accuracy * 24)
    assert curve.interval(1) == metrics.wilson_interval(right, 24)
    photos = np.stack(
        [
            photo_changes.apply_change(photo, "brightness", 0.5, "any")
            for photo in robustness.load_photos(dataset, "validation", {(32, 32)}, 99)[(32, 32)][0]
        ]
    )
    assert (curve.guesses[0] == predictor.predict(photos).argmax(axis=1)).all()


def test_what_is_kept_is_not_measured_again_and_a_stopped_pass_continues(run, dataset, predictor):
    subject = robustness.make_subject(predictor, dataset, run)

    def stop(done, total):
        if done > 40:
            raise CatDogError("enough")

    with pytest.raises(CatDogError, match="enough"):
        measure([subject], dataset, progress=stop)
    kept = robustness.read_curve(run, dataset, "validation", "rotation")
    assert kept.strengths == (0,)
    seen = []
    curve = measure([subject], dataset, progress=lambda *at: seen.append(at))[0]
    assert seen[-1] == (8 * 24, 8 * 24) and curve.strengths == CHANGES["rotation"].strengths
    seen.clear()
    again = measure([subject], dataset, progress=lambda *at: seen.append(at))[0]
    assert not seen and (again.guesses == curve.guesses).all()
    assert robustness.read_curve(run, dataset, "validation", "shift") is None


def test_kept_answers_follow_the_dataset_and_the_model(run, dataset, predictor):
    subject = robustness.make_subject(predictor, dataset, run)
    curve = measure([subject], dataset, strengths=(90,))[0]
    out, relabeled = curve.files[0], curve.files[1]
    other = dataset.classes[1 - int(curve.labels[1])]
    changed = datasets.edit_photos(
        dataset.id, [PhotoEdit(out, "exclude"), PhotoEdit(relabeled, "relabel", other)]
    )
    kept = robustness.read_curve(run, changed, "validation", "rotation")
    assert kept.files == curve.files[1:] and kept.labels[0] == 1 - curve.labels[1]
    assert (kept.guesses == curve.guesses[:, 1:]).all()
    assert robustness.read_curve(run, dataset, "validation", "rotation", ["dogs", "cats"]) is None
    path = robustness.curve_path(run, dataset.id, "validation", "rotation")
    sound = path.read_bytes()
    for damage in (sound[: len(sound) // 2], b"", b"PK" + sound[2:200]):
        path.write_bytes(damage)
        assert robustness.read_curve(run, dataset, "validation", "rotation") is None
    path.write_bytes(sound)
    with open(run / "best.keras", "ab") as file:
        file.write(b" ")
    assert robustness.read_curve(run, dataset, "validation", "rotation") is None


def test_photos_are_decoded_once_for_all_models_and_changes(dataset, predictor, monkeypatch):
    subject = robustness.make_subject(predictor, dataset)
    read = []
    real = robustness.decode.load_photos
    monkeypatch.setattr(
        robustness.decode,
        "load_photos",
        lambda paths, size: read.extend(paths) or real(paths, size),
    )
    monkeypatch.setattr(robustness, "_decoded", robustness.FileCache(10**9))
    measure([subject, subject], dataset, strengths=(90,))
    measure([subject], dataset, "blur", strengths=(2,))
    assert len(read) == 24


def test_models_of_other_sizes_meet_the_same_photos(dataset, predictor, tmp_path):
    path = tmp_path / "small.keras"
    keras_models.save_model(
        keras_models.build_model("notes", 24), path, {"format": 1, "classes": ["cats", "dogs"]}
    )
    subjects = [
        robustness.make_subject(each, dataset) for each in (predictor, predict.load_predictor(path))
    ]
    first, second = measure(subjects, dataset, "noise", strengths=(30,), most=10)
    assert first.files == second.files and len(first) == 10


def test_unreadable_photos_are_left_out_and_named(workspace, tmp_path, predictor):
    folder = tmp_path / "pets"
    datasets.make_demo(folder, train=4, validation=6, size=32, seed=1)
    bad = next((folder / "validation").rglob("*.jpg"))
    bad.write_bytes(bad.read_bytes()[:60])
    dataset = datasets.open_folder(folder)
    subject = robustness.make_subject(predictor, dataset)
    curve = measure([subject], dataset, strengths=(90,))[0]
    assert len(curve) == 5 and [name.split("/")[-1] for name in curve.unreadable] == [bad.name]


def test_a_grayscale_model_of_three_classes_is_measured(workspace, demo, tmp_path):
    for number, photo in enumerate(sorted((demo / "validation").rglob("*.jpg"))[:12]):
        folder = tmp_path / "pets" / ("ants", "bees", "cows")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / photo.name).write_bytes(photo.read_bytes())
    dataset = datasets.scan_folder(tmp_path / "pets")
    keras.utils.set_random_seed(0)
    gray = keras.Input((24, 24, 1))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(gray))
    model = keras.Model(gray, keras.layers.Dense(3, activation="softmax")(flat))
    # The model's classes stand in another order than the dataset's.
    keras_models.save_model(model, tmp_path / "m.keras", {"classes": ["cows", "ants", "bees"]})
    predictor = predict.load_predictor(tmp_path / "m.keras")
    subject = robustness.make_subject(predictor, dataset)
    assert subject.columns == (1, 2, 0)
    curve = measure([subject], dataset, "contrast", None, strengths=(0.4,))[0]
    photos = robustness.load_photos(dataset, None, {(24, 24)}, 99)[(24, 24)][0]
    called = [predictor.classes[n] for n in predictor.predict(photos).argmax(axis=1)]
    assert [dataset.classes[n] for n in curve.guesses[1]] == called and len(curve) == 12


@pytest.mark.long
def test_an_imported_model_is_measured_in_its_own_process(dataset, model_file, predictor):
    isolated = isolated_models.load_isolated(model_file)
    try:
        apart, own = measure(
            [robustness.make_subject(each, dataset) for each in (isolated, predictor)],
            dataset,
            strengths=(90,),
        )
    finally:
        isolated_models.end_all_processes()
    assert (apart.guesses == own.guesses).all()
    assert np.allclose(apart.confidences, own.confidences, atol=1e-5)


def make_curve(rights, change="rotation", strengths=(0, 45, 90)):
    """A curve of 200 photos, of which the first so many are right at each strength."""
    labels = np.arange(200) % 2
    guesses = np.stack([np.where(np.arange(200) < n, labels, 1 - labels) for n in rights])
    files = tuple(f"{n}.jpg" for n in range(200))
    return RobustnessCurve(
        change, files, labels, strengths, guesses, np.full(guesses.shape, 0.9, np.float32)
    )


def test_the_sentence_says_who_falls_and_who_holds_and_where_they_cross():
    plain, augmented = make_curve((180, 122, 110)), make_curve((160, 155, 150))
    assert robustness.find_telling_strength([plain, augmented]) == 90
    texts = list(map(str, robustness.describe_curves([augmented, plain], ["aug", "plain"], 45)))
    assert texts[0] == "“plain” falls from 90% to 61%."
    assert texts[1] == "“aug” stays at 78%."
    crossing = "On unchanged photos, “plain” is 10 percentage points better. From about 17°, "
    assert texts[2].startswith(crossing)


def test_chance_alone_makes_nobody_fall():
    flat = make_curve((150, 149, 147))
    assert [remark.id for remark in robustness.describe_curves([flat], ["a"])] == ["holds"]
    close = [make_curve((150, 148, 147)), make_curve((149, 149, 148))]
    remarks = robustness.describe_curves(close, ["a", "b"])
    assert [remark.id for remark in remarks] == ["holds", "holds"]
    assert robustness.describe_curves([make_curve((150,), strengths=(0,))], ["a"]) == []


def test_examples_show_first_what_models_disagree_on():
    plain, augmented = make_curve((200, 100, 100)), make_curve((200, 150, 150))
    rows = robustness.choose_examples([plain, augmented], 45, 4)
    assert all(100 <= row < 150 for row in rows)
    assert sorted(plain.labels[rows]) == [0, 0, 1, 1]


def test_aligned_curves_have_the_same_photos():
    first = make_curve((150, 140, 130))
    second = make_curve((150, 140, 130)).restrict([f"{n}.jpg" for n in range(150, 50, -1)])
    aligned = robustness.align_curves([first, second])
    assert aligned[0].files == aligned[1].files and len(aligned[0]) == 100
    assert robustness.align_curves([first, first.restrict([])]) == []


def test_the_command_prints_draws_and_keeps_a_curve(run, demo, capsys, tmp_path):
    picture = tmp_path / "curve.png"
    arguments = ("robustness", run, demo, "--strengths", "90", "--photos", "12")
    status, out, _ = fakes.run_cli(capsys, *arguments, "--plot", picture)
    assert status == 0 and picture.read_bytes().startswith(b"\x89PNG")
    assert (
        out.startswith("Rotation, 12 photos.") and "   90°  0." in out and "Rotation 90°: " in out
    )
    status, out, _ = fakes.run_cli(
        capsys, *arguments, "--json", "--change", "vertical_flip", "--strengths", "1"
    )
    told = json.loads(out)
    assert status == 0 and told["photos"] == 12 and told["change"] == "vertical_flip"
    assert [point["strength"] for point in told["models"][0]["points"]] == [0, 1]
    assert list((run / "predictions").glob("*-validation-robustness-vertical_flip.npz"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--change", "heat"], "'heat' isn't a change"),
        (["--strengths", "far"], "--strengths is 'far'"),
        (["--strengths", "400"], "can't have the strength 400"),
    ],
)
def test_the_command_refuses_what_it_cannot_measure(arguments, words, run, demo, capsys):
    result = fakes.run_cli(capsys, "robustness", run, demo, *arguments)
    assert fakes.failed_clearly(result) and words in result[2]
    result = fakes.run_cli(capsys, "robustness", demo)
    assert fakes.failed_clearly(result) and "one to 3 models" in result[2]
