"""What a report tells of a run: numbers, answers, worst mistakes, and the sentences on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import runs
from ..analysis import histories, metrics, predictions
from ..analysis.diagnose import Verdict
from ..analysis.metrics import Result
from ..analysis.predictions import Table
from ..base.errors import N_, CatDogError, RunError
from ..base.field_specs import Control, controls
from ..base.files import shown
from ..base.report_language import Say
from ..config import RECIPES, Augmentation, Training
from ..data import datasets
from ..data.datasets import Dataset
from ..imaging import decode
from ..imaging.decode import Photo
from ..models import architecture, backbones
from ..runs import Run, model_registry

SPLIT = "validation"
_MOST_MISTAKES = 12  # mistakes shown


@dataclass(frozen=True, eq=False)
class Mistake:
    """A photo called wrong: fitted, (S, S, 3) uint8, and the map of what spoke for the answer,
    (S, S) 0..1, where the network has one; the true class and the answer by number.
    """

    file: str
    photo: Photo
    heat: NDArray[np.float32] | None
    truth: int
    guess: int
    share: float


@dataclass(frozen=True, eq=False)
class Facts:
    """All of it. Without a table, `problem` says why: a message or an error."""

    run: Run
    verdict: Verdict
    table: Table | None = None
    result: Result | None = None
    mistakes: tuple[Mistake, ...] = ()
    problem: str | CatDogError = ""


def gather(source: Path) -> Facts:
    """What there is to tell of a run; its model is asked where it has not been yet.

    Args:
        source: a run folder.

    Raises:
        RunError: it is no run, damaged, or has no whole epoch yet.
    """
    run = runs.load(model_registry.folder(source))
    if run.status == "damaged" or run.training is None:
        raise RunError("Run '{name}' is damaged: {problem}", name=run.id, problem=run.problem)
    if not run.epochs:
        raise RunError(
            "Run '{name}' has no whole epoch yet. Expected at least one to report on.",
            name=run.name or run.id,
        )
    verdict = histories.of_run(run)
    if run.best_model is None:
        return Facts(
            run, verdict, problem=N_("This run has no model, so no photo was asked about.")
        )
    try:
        dataset = datasets.as_of(run.dataset_id, run.dataset_fingerprint)
        table = _answers(run, dataset)
    except CatDogError as error:
        return Facts(run, verdict, problem=error)
    result = metrics.at(table)
    return Facts(run, verdict, table, result, _mistakes(run, dataset, table, result))


def _answers(run: Run, dataset: Dataset) -> Table:
    found = predictions.read(run.folder, dataset, SPLIT).table
    if found is not None:
        return found
    from ..analysis.evaluate import evaluate  # lazy: pages take words from here

    assert run.best_model is not None
    return evaluate(run.best_model, dataset, SPLIT).table


def _mistakes(run: Run, dataset: Dataset, table: Table, result: Result) -> tuple[Mistake, ...]:
    rows = metrics.ranked(table, "wrong")[:_MOST_MISTAKES]
    if not len(rows):
        return ()
    from ..analysis import predict  # lazy: pages take words from here

    assert run.best_model is not None
    predictor = predict.load(run.best_model)
    shown: list[tuple[int, Photo]] = []
    for row in rows.tolist():
        try:
            data = decode.read(dataset.root / table.files[row])
            shown.append((row, decode.load(data, predictor.size)))
        except CatDogError:  # gone since it was asked about
            continue
    if not shown:
        return ()
    guesses = [int(result.guesses[row]) for row, _ in shown]
    maps = _maps(predictor, np.stack([photo for _, photo in shown]), guesses)
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


def _maps(
    predictor: object, photos: NDArray[np.uint8], guesses: list[int]
) -> NDArray[np.float32] | None:
    from ..analysis import gradcam  # lazy: pages take words from here

    try:
        return gradcam.heat_maps(predictor, photos, guesses)  # type: ignore[arg-type]
    except CatDogError:  # a network that keeps no map of places
        return None


_FEW = 12  # mistakes named where a table has no room
VERDICTS = {
    "overfitting": N_("overfitting"),
    "underfitting": N_("underfitting"),
    "healthy": N_("healthy"),
    "diverged": N_("diverged"),
    "too_short": N_("too short to tell"),
}
CURVES = N_(
    "Training against validation, accuracy and loss: where the two part, the network learns its"
    " training photos by heart."
)
MATRIX = N_(
    "A row holds the photos that truly are of a class, a column those that are called so; what"
    " lies on the diagonal is right."
)
FIGURES = N_(
    "Precision: of the photos called so, how many are. Recall: of those that are, how many were"
    " found. F1: their harmonic mean."
)
MISTAKES = N_(
    "The photos called wrong with the most certainty, and beside each the places that spoke most"
    " for the wrong answer. Look whether the photo or its label is to blame."
)


def percent(value: Any) -> str:
    """A fraction as a percentage with one decimal, a dash for no number."""
    number = isinstance(value, (int, float)) and np.isfinite(value)
    return f"{value:.1%}" if number else "–"


def name(text: str) -> str:
    """A name made by users, in one line that can be printed."""
    return shown(" ".join(text.split()), 80)


def tiles(facts: Facts, say: Say) -> list[tuple[str, str]]:
    """The numbers at the top: label and value."""
    run = facts.run
    assert run.training is not None
    best = next((row for row in run.epochs if row["epoch"] == run.best_epoch), {})
    last = run.epochs[-1]
    gap = None
    if last.get("accuracy") is not None and last.get("val_accuracy") is not None:
        gap = 100 * (last["accuracy"] - last["val_accuracy"])
    found = [
        (say("Best validation accuracy"), percent(best.get("val_accuracy"))),
        (say("Best epoch"), str(best["epoch"] + 1) if best else "–"),
        (say("Epochs"), f"{len(run.epochs)} / {run.training.epochs}"),
        (say("Gap"), "–" if gap is None else say("{n:.1f} points", n=gap)),
    ]
    if not run.is_history:
        rows = architecture.of(run.training, max(len(run.classes), 2))
        found.append((say("Parameters"), f"{architecture.parameters(rows):,}"))
    return found


def under_the_title(run: Run) -> str:
    """Network, dataset and day in one line."""
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
    parts = [run.model if not run.is_history else "", name(run.dataset_name), day]
    return " · ".join(part for part in parts if part)


def last_epoch(run: Run, say: Say) -> str:
    """Where the curves end."""
    last = run.epochs[-1]
    return say(
        "In epoch {n} training accuracy is {train} and validation accuracy {validation}.",
        n=last["epoch"] + 1,
        train=percent(last.get("accuracy")),
        validation=percent(last.get("val_accuracy")),
    )


def interval(result: Result, say: Say) -> str:
    """The accuracy with what may be expected of other photos."""
    return say(
        "{right:,} of {n:,} photos are right. On other photos of the same kind expect between"
        " {low:.1%} and {high:.1%} (95 % interval after Wilson); guessing would give about"
        " {guess:.0%}.",
        right=result.right,
        n=result.n,
        low=result.interval[0],
        high=result.interval[1],
        guess=1 / len(result.support),
    )


def confusions(result: Result, classes: Sequence[str], say: Say) -> list[str]:
    """The most frequent mistakes, where there are too many classes for a table."""
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    places = np.argsort(-wrong, axis=None, kind="stable")[:_FEW]
    found = [np.unravel_index(place, wrong.shape) for place in places]
    return [
        say(
            "{truth} called {guess}: {count:,} of {support:,}",
            truth=name(classes[truth]),
            guess=name(classes[guess]),
            count=int(wrong[truth, guess]),
            support=int(result.support[truth]),
        )
        for truth, guess in found
        if wrong[truth, guess]
    ]


def problem(facts: Facts, say: Say) -> str:
    """Why there is no table of answers."""
    if isinstance(facts.problem, CatDogError):
        return say(facts.problem.message, **facts.problem.params)
    return say(facts.problem)


def settings(run: Run, say: Say) -> list[tuple[str, str, bool]]:
    """The settings of a run: label, value, and whether it is other than usual."""
    assert run.training is not None
    usual = RECIPES[run.training.model].training
    rows = [
        (say(c.label), _value(c, getattr(run.training, c.name), say), _differs(c, run, usual))
        for c in controls(Training)
        if _matters(c.name, run.training)
    ]
    if run.training.model == "custom" and run.training.network:
        built = ", ".join(map(str, run.training.network.filters))
        rows.append((say("Filters"), built, True))
    return rows


def augmentation(run: Run, say: Say) -> list[tuple[str, str, bool]]:
    """What changes its training photos: label, value."""
    settings = run.augmentation
    if settings is None or settings.is_off:
        return []
    return [
        (say(c.label), _value(c, getattr(settings, c.name), say), False)
        for c in controls(Augmentation)
        if c.name in settings.active
    ]


def data(run: Run, say: Say) -> list[tuple[str, str, bool]]:
    """The photos of a run: label, value."""
    rows = [
        (say("Dataset"), name(run.dataset_name)),
        (say("Classes"), ", ".join(map(name, run.classes))),
        (say("Training photos"), f"{run.train_photos:,}" if run.train_photos else ""),
        (say("Validation photos"), f"{run.validation_photos:,}" if run.validation_photos else ""),
        (say("Fingerprint"), run.dataset_fingerprint[:16]),
    ]
    return [(label, value, False) for label, value in rows if value]


def _matters(field: str, training: Training) -> bool:
    """Whether a setting does anything beside the others."""
    if field in ("backbone", "looks", "unfreeze"):
        return training.model == backbones.TRANSFER
    if field in ("unfreeze_epochs", "unfreeze_rate"):
        return training.model == backbones.TRANSFER and training.unfreeze > 0
    return field != "plateau_patience" or training.schedule == "plateau"


def _differs(control: Control, run: Run, usual: Training) -> bool:
    value = getattr(run.training, control.name)
    if control.name in ("steps_per_epoch", "validation_steps"):  # resolved from the photos
        return False
    return bool(value != getattr(usual, control.name))


def _value(control: Control, value: Any, say: Say) -> str:
    if control.kind == "bool":
        return say("on") if value else say("off")
    if value is None:
        return say("all")
    if control.kind == "range":
        text = f"{value[0]:g}–{value[1]:g}"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {say(control.unit)}" if control.unit else text


def steps(facts: Facts, say: Say) -> tuple[list[str], list[str]]:
    """What to try next, and what is worth knowing."""

    def told(sentences: Sequence[Any]) -> list[str]:
        return [say(said.message, **said.params) for said in sentences]

    return told(facts.verdict.steps), told(facts.verdict.remarks)
