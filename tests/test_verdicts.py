"""The verdicts of `diagnose` on histories that experts have judged, and on noisy draws of them."""

import numpy as np
import pytest

from benchmarks import verdicts
from benchmarks.verdict_cases import CASES, to_rows
from catdog_core.analysis import diagnose
from catdog_core.analysis.diagnose import RunContext


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_is_an_experts(case):
    curves = case.curves(np.random.default_rng(0))
    verdict = diagnose.diagnose(to_rows(curves), case.context)
    assert verdicts.find_faults(case, verdict) == []
    assert all(map(str, (verdict, *verdict.remarks, *verdict.steps)))


def test_noise_hardly_ever_turns_a_verdict():
    # The benchmark draws 200 of each, with at most 5 % wrong of any.
    wrong = sum(sum(verdicts.draw_faults(case, draws=4).values()) for case in CASES)
    assert wrong <= 0.05 * 4 * len(CASES)


def test_another_verdict_advice_or_beginning_is_found_wrong():
    case = next(case for case in CASES if case.name == "notes_plain_50")
    right = diagnose.diagnose(to_rows(case.curves(np.random.default_rng(0))), case.context)
    other = diagnose.Verdict("healthy", diagnose.CONVERGED)
    unadvised = diagnose.Verdict(right.kind, right.message, since=right.since)
    late = diagnose.Verdict(right.kind, right.message, since=(40, 40), steps=right.steps)
    assert [len(verdicts.find_faults(case, verdict)) for verdict in (right, other)] == [0, 1]
    assert [len(verdicts.find_faults(case, verdict)) for verdict in (unadvised, late)] == [1, 1]


def flat(count, train, validation):
    rng = np.random.default_rng(0)
    return [
        {
            "epoch": n,
            "loss": 0.2 + rng.normal(0, 0.005),
            "accuracy": train + rng.normal(0, 0.002),
            "val_loss": 0.2 + rng.normal(0, 0.005),
            "val_accuracy": validation + rng.normal(0, 0.001),
        }
        for n in range(count)
    ]


@pytest.mark.parametrize("recalls, kind", [((1.0, 0.0), "missed_class"), ((0.99, 0.8), "healthy")])
def test_a_class_never_found_is_said_by_name_however_high_the_accuracy(recalls, kind):
    context = RunContext(
        validation_photos=500,
        class_counts=(475, 25),
        recalls=recalls,
        class_names=("cats", "dogs"),
    )
    accuracy = np.dot(recalls, (0.95, 0.05))
    verdict = diagnose.diagnose(flat(20, 0.985, accuracy), context)
    assert verdict.kind == kind
    assert ("dogs" in str(verdict)) == (kind == "missed_class")


def test_what_guessing_gives_is_the_share_of_the_largest_class():
    assert RunContext(class_counts=(475, 25)).guess == 0.95
    assert RunContext(classes=4).guess == 0.25
    even = RunContext(class_counts=(50, 50))
    assert even.guess_loss == pytest.approx(np.log(2))
    assert RunContext(class_counts=(475, 25)).guess_loss < 0.2


def test_a_kept_epoch_later_than_the_overfitting_is_explained():
    case = next(case for case in CASES if case.name == "overconfident")
    rows = to_rows(case.curves(np.random.default_rng(0)))
    verdict = diagnose.diagnose(rows, RunContext(validation_photos=1000, saved_epoch=37))
    assert {"overconfident", "kept"} <= {remark.id for remark in verdict.remarks}
    assert verdict.since[1] < 37
    assert diagnose.SAVED_LATER in [remark.message for remark in verdict.remarks]


def test_a_plateau_begins_within_an_interval():
    case = next(case for case in CASES if case.name == "validation stands still")
    verdict = diagnose.diagnose(to_rows(case.curves(np.random.default_rng(0))), case.context)
    assert verdict.since[0] < verdict.since[1]
    assert str(verdict.since[0] + 1) in str(verdict)
    assert str(verdict.since[1] + 1) in str(verdict)


def test_slow_swings_of_the_training_loss_are_unstable_too():
    epoch = np.arange(36)
    for period, kind in ((4, "unstable"), (6, "unstable"), (9, "unstable"), (200, "healthy")):
        loss = 0.4 + 0.15 * np.cos(2 * np.pi * epoch / period)
        rows = [
            row | {"loss": float(value), "accuracy": float(1 - 0.45 * value)}
            for row, value in zip(flat(36, 0.8, 0.8), loss, strict=True)
        ]
        verdict = diagnose.diagnose(rows, RunContext(validation_photos=500))
        assert verdict.kind == kind, period


@pytest.mark.parametrize("known, least", [(False, 0.07), (None, 0.14)])
def test_validation_far_ahead_is_too_good_unless_dropout_or_augmentation_explains_it(known, least):
    rows = flat(20, 0.82, 0.82 + least)
    context = RunContext(validation_photos=1000, dropout=known, augmented=known)
    assert diagnose.diagnose(rows, context).kind == "easy_validation"
    hindered = RunContext(validation_photos=1000, dropout=True, augmented=known)
    assert diagnose.diagnose(rows, hindered).kind != "easy_validation"


@pytest.mark.parametrize("place", [5, 20, 35, 36, 37, 38, 39])
def test_one_wild_epoch_turns_no_verdict(place):
    rows = flat(40, 0.97, 0.95)
    rows[place] |= {"val_loss": 6.0, "val_accuracy": 0.5}
    assert diagnose.diagnose(rows, RunContext(validation_photos=500)).kind == "healthy"
