"""The verdict on a training: right on recorded ones of each kind, and not moved by chance."""

import csv
import json
import random
from math import sqrt
from pathlib import Path

import fakes
import numpy as np
import pytest

from catdog_core import runs
from catdog_core.analysis import diagnose, histories, history_import
from catdog_core.analysis.diagnose import RunContext

RECORDED = Path(__file__).parents[1] / "benchmarks" / "histories"
PLAIN = RunContext(validation_photos=1000, planned_epochs=50, dropout=True, augmented=False)
AUGMENTED = RunContext(validation_photos=500, planned_epochs=50, dropout=True, augmented=True)


def recorded(name):
    return history_import.read_history(RECORDED / f"{name}.csv").rows


def ids(sentences):
    return [sentence.id for sentence in sentences]


def rows(loss, val_loss, accuracy=0.8, val_accuracy=0.8):
    columns = np.broadcast_arrays(loss, val_loss, accuracy, val_accuracy)
    names = ("loss", "val_loss", "accuracy", "val_accuracy")
    return [
        {"epoch": n} | dict(zip(names, map(float, values), strict=True))
        for n, values in enumerate(zip(*columns, strict=True))
    ]


def noisy(history, photos, seed):
    """The history as other validation photos would have shown it, and other training steps."""
    rng = np.random.default_rng(seed)
    changed = []
    for row in history:
        accuracy = row["val_accuracy"]
        changed.append(
            row
            | {
                "val_accuracy": accuracy + rng.normal(0, sqrt(accuracy * (1 - accuracy) / photos)),
                "val_loss": row["val_loss"] + rng.normal(0, 0.5 / sqrt(photos)),
                "loss": row["loss"] + rng.normal(0, 0.5 / sqrt(2000)),
            }
        )
    return changed


def test_the_notes_training_overfits_since_its_lowest_validation_loss():
    verdict = diagnose.diagnose(recorded("notes_plain_50"), PLAIN)
    assert (verdict.kind, verdict.since) == ("overfitting", (20, 20))
    assert verdict.params["rise"] == pytest.approx(0.1, abs=0.01)
    assert "epoch 21" in str(verdict)
    assert ids(verdict.steps)[0] == "augment"


def test_the_notes_augmented_training_is_healthy_and_not_finished():
    verdict = diagnose.diagnose(recorded("notes_augmented_50"), AUGMENTED)
    assert (verdict.kind, verdict.message) == ("healthy", diagnose.STILL_LEARNING)
    assert ids(verdict.remarks) == ["easier", "partly", "chance"]
    assert abs(verdict.numbers["gap"]) < 0.03


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("demo_healthy_30", "healthy", diagnose.CONVERGED),
        ("demo_noisy_40", "healthy", diagnose.STILL_LEARNING),
        ("demo_few_40", "healthy", diagnose.GAP_GROWING),
        ("demo_slow_12", "underfitting", diagnose.NO_LEARNING),
        ("photos_strong_40", "underfitting", diagnose.UNDERFITTING),
        ("demo_diverged_10", "diverged", diagnose.LOSS_SPIKED),
    ],
)
def test_recorded_trainings_of_each_kind_are_told_apart(name, kind, message):
    photos = 1000 if name.startswith("photos") else 200
    verdict = diagnose.diagnose(recorded(name), RunContext(validation_photos=photos))
    assert (verdict.kind, verdict.message) == (kind, message)


@pytest.mark.parametrize("name, facts", [("plain", PLAIN), ("augmented", AUGMENTED)])
@pytest.mark.parametrize("count", range(diagnose.MIN_EPOCHS))
def test_a_short_beginning_is_too_short_to_tell(name, facts, count):
    verdict = diagnose.diagnose(recorded(f"notes_{name}_50")[:count], facts)
    assert verdict.kind == "too_short"


def test_the_beginning_of_the_notes_training_is_not_called_overfitting():
    history = recorded("notes_plain_50")
    kinds = [diagnose.diagnose(history[:n], PLAIN).kind for n in range(1, 51)]
    first = kinds.index("overfitting")
    assert 21 < first <= 27  # not before its lowest validation loss, and soon after it
    assert set(kinds[first:]) == {"overfitting"}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "name, facts, kind", [("plain", PLAIN, "overfitting"), ("augmented", AUGMENTED, "healthy")]
)
def test_noise_as_of_so_many_photos_changes_no_verdict(name, facts, kind, seed):
    history = noisy(recorded(f"notes_{name}_50"), facts.validation_photos, seed)
    assert diagnose.diagnose(history, facts).kind == kind


def test_chance_alone_is_hardly_ever_called_overfitting():
    falling = 0.2 + 0.45 * np.exp(-np.arange(40) / 15)
    history = rows(falling, falling + 0.05, accuracy=0.83, val_accuracy=0.82)
    kinds = [
        diagnose.diagnose(noisy(history, 200, seed), RunContext(validation_photos=200)).kind
        for seed in range(100)
    ]
    assert kinds.count("overfitting") <= 2


@pytest.mark.parametrize("name", ["notes_plain_50", "notes_augmented_50"])
def test_what_adds_no_information_changes_nothing(name):
    history = recorded(name)
    verdict = diagnose.diagnose(history, PLAIN)
    extra = [row | {"seconds": 3.0, "learning_rate": 1e-4} for row in history]
    torn = [{"epoch": 3}, {"loss": 1.0}, {"epoch": "x"}]
    random.Random(0).shuffle(extra)
    assert diagnose.diagnose([*torn, *history[:9], *extra, *torn], PLAIN) == verdict


def test_a_loss_that_is_no_number_is_a_divergence_at_once():
    history = [*rows([0.6, 0.5], [0.6, 0.5]), rows([0.6], [float("nan")])[0] | {"epoch": 2}]
    verdict = diagnose.diagnose(history)
    assert verdict.kind == "diverged"
    assert "epoch 3" in str(verdict)


def test_a_loss_far_above_guessing_is_a_divergence():
    verdict = diagnose.diagnose(
        rows([0.6, 0.5, 4.0], [0.6, 0.6, 5.0]), RunContext(learning_rate=0.1)
    )
    assert (verdict.kind, str(verdict.steps[0])) == (
        "diverged",
        "Lower the learning rate, for example from 0.1 to 0.01.",
    )


def test_what_was_learnt_and_lost_again_is_a_divergence():
    accuracy = [0.6, 0.7, 0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.5]
    verdict = diagnose.diagnose(rows(0.69, 0.69, accuracy, 0.5))
    assert (verdict.kind, verdict.message) == ("diverged", diagnose.ACCURACY_COLLAPSED)


def test_curves_level_at_a_low_accuracy_are_underfitting():
    flat = 0.6 + 0.005 * np.sin(np.arange(30))
    verdict = diagnose.diagnose(rows(flat, flat, 0.68, 0.67), RunContext(validation_photos=1000))
    assert (verdict.kind, verdict.message) == ("underfitting", diagnose.UNDERFITTING)


def test_curves_level_at_a_high_accuracy_are_healthy():
    flat = 0.1 + 0.003 * np.sin(np.arange(30))
    verdict = diagnose.diagnose(rows(flat, flat, 0.97, 0.96), RunContext(validation_photos=1000))
    assert (verdict.kind, verdict.message) == ("healthy", diagnose.CONVERGED)


def test_guessing_among_three_classes_is_a_third():
    verdict = diagnose.diagnose(rows([1.1] * 8, [1.1] * 8, 0.34, 0.33), RunContext(classes=3))
    assert (verdict.kind, verdict.params["guess"]) == ("underfitting", 1 / 3)


def test_twelve_validation_photos_are_too_few_to_tell():
    history = recorded("notes_plain_50")
    verdict = diagnose.diagnose(history, RunContext(validation_photos=12))
    assert (verdict.kind, verdict.message) == ("too_short", diagnose.TOO_FEW_PHOTOS)


def test_early_stopping_that_did_its_work_is_said():
    facts = RunContext(validation_photos=1000, planned_epochs=80, patience=10, saved_epoch=37)
    assert "early" in ids(diagnose.diagnose(recorded("notes_plain_50"), facts).remarks)
    stopped = RunContext(validation_photos=1000, planned_epochs=80, patience=20, saved_epoch=37)
    assert "early" not in ids(diagnose.diagnose(recorded("notes_plain_50"), stopped).remarks)


def test_a_training_that_goes_on_may_still_change():
    facts = RunContext(validation_photos=1000, is_training=True)
    verdict = diagnose.diagnose(recorded("notes_plain_50"), facts)
    assert "wait" in ids(verdict.remarks) and "wait" not in ids(verdict.steps)


@pytest.mark.parametrize("dropout", [True, False])
def test_why_validation_beats_training_fits_the_training(dropout):
    falling = 0.5 - 0.01 * np.arange(12)
    facts = RunContext(dropout=dropout, augmented=False)
    remark = diagnose.diagnose(rows(falling, falling - 0.1), facts).remarks[0]
    assert remark.message == (diagnose.DROPOUT if dropout else diagnose.VALIDATION_EASIER)


def test_a_run_brings_what_is_known_of_it(workspace):
    folder = fakes.make_run(epochs=3, early_stopping=5, learning_rate=1e-3)
    facts = histories.build_run_context(runs.load_run(folder))
    assert (facts.validation_photos, facts.planned_epochs, facts.patience) == (100, 3, 5)
    assert (facts.dropout, facts.augmented, facts.learning_rate) == (True, False, 1e-3)


def test_a_run_ended_by_its_loss_diverged(workspace):
    error = {"message": "…", "params": {"loss": "inf", "epoch": 4}}
    folder = fakes.make_run(status="failed", state={"error": error})
    verdict = histories.diagnose_run(runs.load_run(folder))
    assert verdict.kind == "diverged"
    assert "epoch 4" in str(verdict)


def test_every_sentence_has_its_values():
    for name in ("notes_plain_50", "notes_augmented_50"):
        for n in range(51):
            verdict = diagnose.diagnose(recorded(name)[:n], RunContext(validation_photos=1000))
            assert all(map(str, (verdict, *verdict.remarks, *verdict.steps)))


def test_the_command_judges_a_csv_file(capsys):
    status, out, _ = fakes.run_cli(capsys, "diagnose", RECORDED / "notes_plain_50.csv")
    assert status == 0
    assert out.startswith("overfitting: Overfitting since epoch 21")


def test_the_command_judges_a_run_as_json(capsys, workspace):
    status, out, _ = fakes.run_cli(capsys, "diagnose", fakes.make_run(), "--json")
    verdict = json.loads(out)
    assert (status, verdict["kind"], verdict["numbers"]["epochs"]) == (0, "too_short", 3)


def test_a_file_that_is_no_history_is_told(capsys, tmp_path):
    path = tmp_path / "x.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["epoch", "val_loss"], [0, 1]])
    status, _, err = fakes.run_cli(capsys, "diagnose", path)
    assert status == 1
    assert "lacks the columns loss" in err
