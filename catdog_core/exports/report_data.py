"""What a report tells of a run, gathered: its verdict, its answers, its worst mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import datasets, images, runs
from ..datasets import Dataset
from ..errors import N_, CatDogError, RunError
from ..images import Photo
from ..insight import model_file, predictions, scores
from ..insight.predictions import Table
from ..insight.scores import Result
from ..outcomes import histories
from ..outcomes.verdicts import Verdict
from ..runs import Run

SPLIT = "validation"
_MOST = 12  # mistakes shown


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
    run = runs.load(model_file.folder(source))
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
    result = scores.at(table)
    return Facts(run, verdict, table, result, _mistakes(run, dataset, table, result))


def _answers(run: Run, dataset: Dataset) -> Table:
    found = predictions.read(run.folder, dataset, SPLIT).table
    if found is not None:
        return found
    from ..evaluate import evaluate

    assert run.best_model is not None
    return evaluate(run.best_model, dataset, SPLIT).table


def _mistakes(run: Run, dataset: Dataset, table: Table, result: Result) -> tuple[Mistake, ...]:
    rows = scores.ranked(table, "wrong")[:_MOST]
    if not len(rows):
        return ()
    from .. import predict

    assert run.best_model is not None
    predictor = predict.load(run.best_model)
    shown: list[tuple[int, Photo]] = []
    for row in rows.tolist():
        try:
            data = images.read(dataset.root / table.files[row])
            shown.append((row, images.load(data, predictor.size)))
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
    from .. import explain

    try:
        return explain.heat_maps(predictor, photos, guesses)  # type: ignore[arg-type]
    except CatDogError:  # a network that keeps no map of places
        return None
