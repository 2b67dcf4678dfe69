"""What goes with a verdict: remarks on what is odd or good, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from . import evidence, verdicts
from .verdicts import Said, Verdict

PATIENCE = 5
"""Epochs without a better one that early stopping is advised to wait."""


@dataclass(frozen=True)
class Facts:
    """What is known of a training besides its numbers; None where it is not known.

    Attributes:
        classes: number of classes; it fixes what guessing gives.
        validation_photos: photos each validation measured.
        planned: epochs it was started for.
        going_on: whether it still trains.
        broke_in: the epoch, from 0, in which the loss became no number and ended the training.
        kept: the epoch, from 0, whose model is kept.
        patience: epochs early stopping waits, 0 for none.
        learning_rate: of the start.
        augmented: whether training photos were changed at random.
        dropout: whether the network drops units while it trains.
        pretrained: whether it began from a pretrained network.
        smoothed: whether training labels were smoothed, which keeps the training loss up.
    """

    classes: int = 2
    validation_photos: int | None = None
    planned: int | None = None
    going_on: bool = False
    broke_in: int | None = None
    kept: int | None = None
    patience: int = 0
    learning_rate: float | None = None
    augmented: bool | None = None
    dropout: bool | None = None
    pretrained: bool = False
    smoothed: bool = False


def complete(verdict: Verdict, facts: Facts) -> Verdict:
    """The verdict with the remarks and next steps that fit it."""
    remarks = tuple(_remarks(verdict, facts))
    return replace(verdict, remarks=remarks, steps=tuple(_steps(verdict, facts)))


def _remarks(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    numbers = verdict.numbers
    if verdict.kind not in ("diverged", "too_short"):
        yield from _beaten(verdict, facts)
    epochs = int(numbers.get("epochs", 0))
    if facts.planned and facts.patience and not facts.going_on and 0 < epochs < facts.planned:
        params = {"n": epochs, "planned": facts.planned, "patience": facts.patience}
        if facts.kept is not None and epochs - 1 - facts.kept >= facts.patience:
            yield Said("early", verdicts.EARLY, params)
    if verdict.kind in ("overfitting", "diverged") and facts.kept is not None:
        yield Said("kept", verdicts.KEPT, {"epoch": facts.kept + 1})
    if facts.validation_photos and verdict.kind not in ("diverged", "too_short"):
        points = 100 * evidence.Z * numbers["validation_error"]
        yield Said("chance", verdicts.CHANCE, {"n": facts.validation_photos, "points": points})


def _beaten(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    """Why validation was better than training, where it was in at least half of the epochs."""
    epochs, easier = (int(verdict.numbers[name]) for name in ("epochs", "easier_epochs"))
    learnt = verdict.message != verdicts.NOTHING  # two coins tossed differ as well
    if not learnt or 2 * easier < epochs:
        return
    message = {
        (True, True): verdicts.DROPOUT_AND_AUGMENTATION,
        (True, False): verdicts.DROPOUT,
        (False, True): verdicts.AUGMENTATION,
        (False, False): verdicts.EASIER,
    }[facts.dropout is not False, facts.augmented is not False]
    yield Said("easier", message)
    if easier < epochs:
        yield Said("partly", verdicts.PARTLY, {"n": easier, "all": epochs})


def _steps(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    if facts.going_on:
        yield Said("wait", verdicts.WAIT)
    match verdict.kind:
        case "overfitting":
            yield from _against_overfitting(facts)
        case "underfitting":
            yield from _against_underfitting(verdict, facts)
        case "diverged":
            yield _lower(facts, 10)
        case "too_short":
            yield from _for_evidence(verdict, facts)
        case _:
            yield from _after_health(verdict, facts)


def _against_overfitting(facts: Facts) -> Iterator[Said]:
    if facts.augmented:
        yield Said("augment_more", verdicts.AUGMENT_MORE)
    else:
        yield Said("augment", verdicts.AUGMENT)
    yield Said("more_data", verdicts.MORE_DATA)
    if facts.pretrained:
        yield _lower(facts, 3)
    else:
        yield Said("transfer", verdicts.TRANSFER)
    if not facts.patience:
        yield Said("stop_early", verdicts.STOP_EARLY, {"patience": PATIENCE})


def _against_underfitting(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    rate = facts.learning_rate
    if verdict.message == verdicts.NOTHING:
        wild = rate is not None and rate >= 1e-2
        if verdict.numbers["epochs"] < 20 and not facts.going_on and not wild:
            yield Said("more_epochs", verdicts.SLOW_START)
        if rate and rate <= 1e-5:
            yield Said("raise_rate", verdicts.RAISE_RATE, {"rate": rate, "higher": 10 * rate})
        else:
            yield _lower(facts, 10)
        yield Said("check_labels", verdicts.CHECK_LABELS)
    if not facts.pretrained:
        yield Said("larger", verdicts.LARGER)
    if facts.augmented:
        yield Said("augment_less", verdicts.AUGMENT_LESS)
    yield Said("find_rate", verdicts.FIND_RATE)


def _for_evidence(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    if verdict.message == verdicts.FEW_PHOTOS:
        yield Said("more_validation", verdicts.MORE_VALIDATION)
    elif not facts.going_on:
        yield Said("more_epochs", verdicts.ENOUGH_EPOCHS, {"n": 10})


def _after_health(verdict: Verdict, facts: Facts) -> Iterator[Said]:
    if verdict.message == verdicts.LEARNING and not facts.going_on:
        yield Said("more_epochs", verdicts.MORE_EPOCHS, {"n": 2 * int(verdict.numbers["epochs"])})
    elif verdict.message == verdicts.APART:
        yield Said("augment", verdicts.AUGMENT_MORE if facts.augmented else verdicts.AUGMENT)
    elif not facts.going_on:
        yield Said("all_well", verdicts.ALL_WELL)
        if facts.pretrained or verdict.numbers["validation_accuracy"] > 0.95:
            return
        yield Said("transfer", verdicts.TRANSFER)


def _lower(facts: Facts, by: int) -> Said:
    if facts.learning_rate is None:
        return Said("lower_rate", verdicts.LOWER)
    rate = facts.learning_rate
    return Said(
        "lower_rate", verdicts.LOWER_RATE, {"rate": rate, "lower": float(f"{rate / by:.1g}")}
    )
