"""What a report tells of a run: numbers, answers, worst mistakes, and the sentences on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import runs
from ..analysis import accuracy_gap, histories, metrics, photo_overlap, predictions
from ..analysis.diagnose import Remark, Verdict
from ..analysis.metrics import ThresholdMetrics
from ..analysis.photo_overlap import PhotoOverlap
from ..analysis.predictions import PredictionTable
from ..base.english_plurals import MISSING
from ..base.errors import N_, CatDogError, RunError
from ..base.field_specs import FieldSpec, describe_fields
from ..base.files import truncate_for_display
from ..base.report_language import Translator
from ..config import RECIPES, Augmentation, Training
from ..data.datasets import Dataset
from ..data.unreadable import count_photos
from ..imaging import decode
from ..imaging.decode import Photo
from ..models import architecture, backbones
from ..runs import (
    DamagedRun,
    Run,
    RunRecord,
    final_evaluation,
    model_registry,
    training_photos,
)
from ..runs.training_photos import DatasetMatch

if TYPE_CHECKING:
    from ..analysis.predict import Predictor

SPLIT = "validation"
_MAX_MISTAKES = 12  # mistakes shown


@dataclass(frozen=True, eq=False)
class Mistake:
    """A photo called wrong.

    Attributes:
        file: its name within the dataset.
        photo: fitted, (S, S, 3) uint8.
        heat: Grad-CAM of the wrong answer, (S, S) 0..1; None where the network has none.
        truth: the true class by number.
        guess: the answer by number.
        share: the answer's probability, 0..1.
    """

    file: str
    photo: Photo
    heat: NDArray[np.float32] | None
    truth: int
    guess: int
    share: float


@dataclass(frozen=True, eq=False)
class ReportData:
    """All of it. Without a table, `problem` says why: a message or an error.

    `overlap` counts the evaluated photos that had a part in making the model, and `match` says
    where these photos are.
    """

    run: RunRecord
    verdict: Verdict
    table: PredictionTable | None = None
    result: ThresholdMetrics | None = None
    mistakes: tuple[Mistake, ...] = ()
    overlap: PhotoOverlap | None = None
    match: DatasetMatch | None = None
    problem: str | CatDogError = ""


PHOTOS_GONE = N_(
    "The photos of this run aren't here, so it wasn't evaluated. Add them on the Data page, from "
    "any folder, then export the report again."
)


def gather_report_data(source: Path) -> ReportData:
    """Gather what a report tells of a run; its model predicts where it has not yet.

    Args:
        source: a run folder.

    Raises:
        RunError: it is no run, damaged, or has no whole epoch yet.
    """
    run = runs.load_run(model_registry.resolve_run_folder(source))
    if run.status == "damaged" or isinstance(run, DamagedRun):
        raise RunError("Run '{name}' is damaged: {problem}", name=run.id, problem=run.problem)
    if not run.epochs:
        raise RunError(
            "Run '{name}' has no finished epoch to report on. Train it first.",
            name=run.name or run.id,
        )
    verdict = histories.diagnose_run(run)
    if run.best_model is None:
        return ReportData(
            run, verdict, problem=N_("This run has no model, so it wasn't evaluated.")
        )
    match = training_photos.find_training_dataset(run)
    if match is None:
        return ReportData(run, verdict, problem=PHOTOS_GONE)
    dataset = match.dataset
    try:
        table = _load_predictions(run, dataset)
    except CatDogError as error:
        return ReportData(run, verdict, problem=error)
    result = metrics.metrics_at_threshold(table)
    mistakes = _find_worst_mistakes(run, dataset, table, result)
    overlap = photo_overlap.count_overlap(run, dataset, SPLIT)
    return ReportData(run, verdict, table, result, mistakes, overlap, match)


def _load_predictions(run: RunRecord, dataset: Dataset) -> PredictionTable:
    answers, unreadable = predictions.read_answers(run.folder, dataset)
    photos = {item.file for item in dataset.items(SPLIT)}
    if photos & answers.keys() and photos <= answers.keys() | unreadable:
        return predictions.build_prediction_table(
            dataset, SPLIT, answers, sorted(photos & unreadable)
        )
    from ..analysis.evaluate import evaluate  # lazy: pages take words from here

    assert run.best_model is not None
    return evaluate(run.best_model, dataset, SPLIT).table


def _find_worst_mistakes(
    run: RunRecord, dataset: Dataset, table: PredictionTable, result: ThresholdMetrics
) -> tuple[Mistake, ...]:
    rows = metrics.rank_photos(table, "wrong")[:_MAX_MISTAKES]
    if not len(rows):
        return ()
    from ..analysis import predict  # lazy: pages take words from here

    assert run.best_model is not None
    predictor = predict.load_predictor(run.best_model)
    shown: list[tuple[int, Photo]] = []
    for row in rows.tolist():
        try:
            data = decode.read_photo_bytes(dataset.root / table.files[row])
            shown.append((row, decode.decode_and_fit(data, predictor.size)))
        except CatDogError:  # gone since it was asked about
            continue
    if not shown:
        return ()
    guesses = [int(result.guesses[row]) for row, _ in shown]
    maps = _compute_heat_maps(predictor, np.stack([photo for _, photo in shown]), guesses)
    return tuple(
        Mistake(
            file=table.files[row],
            photo=photo,
            heat=None if maps is None else maps[n],
            truth=int(table.labels[row]),
            guess=guesses[n],
            share=float(table.probabilities[row, guesses[n]]),
        )
        for n, (row, photo) in enumerate(shown)
    )


def _compute_heat_maps(
    predictor: Predictor, photos: NDArray[np.uint8], guesses: list[int]
) -> NDArray[np.float32] | None:
    from ..analysis import gradcam  # lazy: pages take words from here

    try:
        return gradcam.heat_maps(predictor, photos, guesses)
    except CatDogError:  # a network without a feature map
        return None


_MAX_NAMED_CONFUSIONS = 12  # mistakes named where a table has no room
VERDICT_NAMES = {
    "overfitting": N_("overfitting"),
    "underfitting": N_("underfitting"),
    "healthy": N_("healthy"),
    "diverged": N_("diverged"),
    "unstable": N_("unstable"),
    "missed_class": N_("a class is missed"),
    "wrong_labels": N_("labels to check"),
    "easy_validation": N_("validation too good"),
    "too_short": N_("not enough to judge"),
}
CURVES_TEXT = N_(
    "Training and validation accuracy and loss. Where the curves diverge, the network overfits."
)
MATRIX_TEXT = N_(
    "Rows are actual classes, and columns are predicted classes. Correct predictions are on the "
    "diagonal."
)
FIGURES_TEXT = N_(
    "Precision: the share of photos predicted as a class that actually belong to it. Recall: the "
    "share of a class's photos that the model finds. F1: their harmonic mean."
)
MISTAKES_TEXT = N_(
    "The most confident wrong predictions. Next to each photo, a heat map shows what supported "
    "the wrong class most. Check whether the photo or its label is the problem."
)


def format_percent(value: Any) -> str:
    """Return a fraction as a percentage with one decimal, a dash for no number."""
    number = isinstance(value, (int, float)) and np.isfinite(value)
    return f"{value:.1%}" if number else "–"


def _format_loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def format_name(text: str) -> str:
    """Return a name made by users in one line that can be printed."""
    return truncate_for_display(" ".join(text.split()), 80)


def list_tiles(facts: ReportData, say: Translator) -> list[tuple[str, str]]:
    """Return the numbers at the top: label and value."""
    run = facts.run
    best = run.best_row
    gap = accuracy_gap.measure_gap(run)
    tiles = [
        (
            say("Best validation accuracy"),
            format_percent(best.get("val_accuracy") if best else None),
        ),
        (say("Best epoch"), str(best["epoch"] + 1) if best else "–"),
        (say("Epochs"), f"{len(run.epochs)} / {run.planned_epochs or MISSING}"),
        (
            say(accuracy_gap.GAP_NAMES[gap.kind if gap else "curves"]),
            say("{n:.1f} points", n=100 * gap.value) if gap else "–",
        ),
    ]
    if isinstance(run, Run):
        rows = architecture.list_training_layers(run.training, max(len(run.classes), 2))
        tiles.append((say("Parameters"), f"{architecture.count_parameters(rows):,}"))
    return tiles


def format_subtitle(run: RunRecord) -> str:
    """Return network, dataset and day in one line."""
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    parts = [run.model, format_name(run.dataset_name), day]
    return " · ".join(part for part in parts if part)


def describe_last_epoch(run: RunRecord, say: Translator) -> str:
    """Return a sentence on where the curves end."""
    last = run.epochs[-1]
    if last.get("accuracy") is None and last.get("val_accuracy") is None:
        return say(
            "In epoch {n}, training loss is {train} and validation loss is {validation}.",
            n=last["epoch"] + 1,
            train=_format_loss(last.get("loss")),
            validation=_format_loss(last.get("val_loss")),
        )
    return say(
        "In epoch {n}, training accuracy is {train} and validation accuracy is {validation}.",
        n=last["epoch"] + 1,
        train=format_percent(last.get("accuracy")),
        validation=format_percent(last.get("val_accuracy")),
    )


def describe_clean_photos(run: RunRecord, say: Translator) -> list[str]:
    """Return sentences on how the run's models do on clean photos; none where not known."""
    return [
        say(remark.message, **remark.params)
        for remark in accuracy_gap.describe_final_evaluation(run)
    ]


def describe_interval(
    result: ThresholdMetrics, overlap: PhotoOverlap | None, say: Translator
) -> str:
    """Return sentences on the accuracy, and where it is known to be unbiased, what to expect.

    Args:
        result: of the photos.
        overlap: how many of them had a part in making the model; None where it is unknown.
        say: the translator.
    """
    is_unbiased = overlap is not None and overlap.is_unseen
    return say(
        N_(
            "{right:,} of {n:,} predictions are correct. For similar photos, expect {low:.1%} to "
            "{high:.1%} (95% Wilson confidence interval). Always predicting the largest class "
            "gives {guess:.1%}."
        )
        if is_unbiased
        else N_(
            "{right:,} of {n:,} predictions are correct. The 95% Wilson confidence interval is "
            "{low:.1%} to {high:.1%}. Always predicting the largest class gives {guess:.1%}."
        ),
        right=result.right,
        n=result.n,
        low=result.interval[0],
        high=result.interval[1],
        guess=final_evaluation.majority_share(result.support.tolist()),
    )


def describe_overlap(facts: ReportData, say: Translator) -> str:
    """Return sentences on photos that trained the model or chose its epoch, empty for none."""
    remarks = photo_overlap.describe_overlap(facts.overlap)
    return " ".join(say(remark.message, **remark.params) for remark in remarks)


def describe_match(facts: ReportData, say: Translator) -> str:
    """Say where some of the run's photos are missing; empty where all are there."""
    match = facts.match
    if match is None or match.found >= match.total:
        return ""
    return say(SOME_PHOTOS_GONE, n=match.found, total=match.total)


SOME_PHOTOS_GONE = N_("Only {n:,} of the run's {total:,} photos are here. The others are left out.")


def describe_confusions(
    result: ThresholdMetrics, classes: Sequence[str], say: Translator
) -> list[str]:
    """Describe the most frequent mistakes, where there are too many classes for a table."""
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    flat_indices = np.argsort(-wrong, axis=None, kind="stable")[:_MAX_NAMED_CONFUSIONS]
    pairs = [np.unravel_index(flat_index, wrong.shape) for flat_index in flat_indices]
    return [
        say(
            "{truth} predicted as {guess}: {count:,} of {support:,}",
            truth=format_name(classes[truth]),
            guess=format_name(classes[guess]),
            count=int(wrong[truth, guess]),
            support=int(result.support[truth]),
        )
        for truth, guess in pairs
        if wrong[truth, guess]
    ]


def describe_problem(facts: ReportData, say: Translator) -> str:
    """Describe why there is no table of predictions."""
    if isinstance(facts.problem, CatDogError):
        return say(facts.problem.message, **facts.problem.params)
    return say(facts.problem)


def list_settings(run: Run, say: Translator) -> list[tuple[str, str, bool]]:
    """Return the settings of a run: label, value, and whether it is other than usual."""
    usual = RECIPES[run.training.model].training
    rows = [
        (
            say(c.label),
            _format_value(c, getattr(run.training, c.name), say),
            _differs_from_usual(c, run, usual),
        )
        for c in describe_fields(Training)
        if _has_effect(c.name, run.training)
    ]
    if run.training.model == "custom" and run.training.network:
        built = ", ".join(map(str, run.training.network.filters))
        rows.append((say("Filters"), built, True))
    return rows


def list_augmentation(run: Run, say: Translator) -> list[tuple[str, str, bool]]:
    """Return the augmentation of a run: label, value, False."""
    settings = run.augmentation
    if settings is None or settings.is_off:
        return []
    return [
        (say(c.label), _format_value(c, getattr(settings, c.name), say), False)
        for c in describe_fields(Augmentation)
        if c.name in settings.active
    ]


def list_dataset_properties(facts: ReportData, say: Translator) -> list[tuple[str, str, bool]]:
    """Return the photos of a run: label, value, False."""
    run = facts.run
    rows = [
        (say("Dataset"), format_name(run.dataset_name)),
        (say("Classes"), ", ".join(map(format_name, run.classes))),
        (say("Training photos"), _count_photos(run.train_photos, "train", facts, say)),
        (say("Validation photos"), _count_photos(run.validation_photos, SPLIT, facts, say)),
        (say("Fingerprint"), run.dataset_fingerprint[:16]),
    ]
    return [(label, value, False) for label, value in rows if value]


def _count_photos(count: int | None, split: str, facts: ReportData, say: Translator) -> str:
    """Count a run's photos of a split, without those that can't be read where they are here."""
    if not count:
        return ""
    match = facts.match
    left_out = count_photos(match.dataset, split).unreadable if match else 0
    if not left_out:
        return f"{count:,}"
    return say("{n:,} photos, {left_out:,} can't be read", n=count - left_out, left_out=left_out)


def _has_effect(field: str, training: Training) -> bool:
    """Return whether a setting has an effect beside the others."""
    if field in ("backbone", "looks", "unfreeze"):
        return training.model == backbones.TRANSFER
    if field in ("unfreeze_epochs", "unfreeze_rate"):
        return training.model == backbones.TRANSFER and training.unfreeze > 0
    return field != "plateau_patience" or training.schedule == "plateau"


def _differs_from_usual(control: FieldSpec, run: Run, usual: Training) -> bool:
    value = getattr(run.training, control.name)
    if control.name in ("steps_per_epoch", "validation_steps"):  # resolved from the photos
        return False
    return bool(value != getattr(usual, control.name))


def _format_value(control: FieldSpec, value: Any, say: Translator) -> str:
    if control.kind == "bool":
        return say("on") if value else say("off")
    if value is None:
        return say("all")
    if control.kind == "range":
        text = f"{value[0]:g}–{value[1]:g}"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {say(control.unit)}" if control.unit else text


def list_advice(facts: ReportData, say: Translator) -> tuple[list[str], list[str]]:
    """Return what to try next, and what is worth knowing, as sentences."""

    def translate(messages: Sequence[Remark]) -> list[str]:
        return [say(message.message, **message.params) for message in messages]

    return translate(facts.verdict.steps), translate(facts.verdict.remarks)
