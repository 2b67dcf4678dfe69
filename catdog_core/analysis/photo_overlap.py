"""Tell which of the evaluated photos trained a model, or chose the epoch that was kept.

An accuracy on such photos is too high. It is unknown for a model from another program, and for
photos of another dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import runs
from ..base.errors import N_, CatDogError, RunError
from ..data import datasets
from ..data.datasets import Dataset
from ..runs import Run, RunRecord
from .diagnose import Remark

KEPT_EPOCH_TEXT = N_(
    "The best epoch was chosen with the validation photos. Expect slightly worse results on others."
)
"""Belongs beside each validation accuracy of a best epoch."""
BEST_RUN_TEXT = N_(
    "The best of several runs looks better still, because it was chosen with these photos, too."
)
"""Belongs beside the best of several runs, after `KEPT_EPOCH_TEXT`."""


@dataclass(frozen=True)
class PhotoOverlap:
    """How many of the evaluated photos had a part in making a model.

    Attributes:
        total: evaluated photos.
        trained: those it learned from.
        chosen: those by which its best epoch was chosen among several.
    """

    total: int
    trained: int
    chosen: int

    @property
    def is_unseen(self) -> bool:
        """Whether none of the photos had a part in making the model."""
        return not self.trained and not self.chosen


def count_overlap(
    model: RunRecord | None, dataset: Dataset, split: str | None
) -> PhotoOverlap | None:
    """Count the photos of a split that trained a model or chose its epoch.

    A photo counts by the split it was in when the model was trained. Photos are the same where
    their dataset or their file is.

    Args:
        model: the run it is from; None for a model file without a run.
        dataset: the evaluated photos.
        split: of them; None for all.

    Returns:
        None where it is unknown: a model of another program, or other photos.
    """
    if not isinstance(model, Run):
        return None
    evaluated = _list_paths(dataset, split)
    trained: set[Path] = set()
    chosen: set[Path] = set()
    for run in _with_parents(model):
        then = _dataset_then(run, dataset)
        if then is not None:
            trained |= evaluated & _list_paths(then, "train")
            if len(run.epochs) > 1:
                chosen |= evaluated & _list_paths(then, "validation")
    if not trained and not chosen and not _is_of(model, dataset):
        return None
    return PhotoOverlap(len(evaluated), len(trained), len(chosen - trained))


def describe_overlap(overlap: PhotoOverlap | None) -> list[Remark]:
    """Say what the overlap means for the results, worst first; nothing where there is none."""
    remarks: list[Remark] = []
    if overlap is None or overlap.is_unseen:
        return remarks
    numbers = {"n": overlap.trained, "total": overlap.total}
    if overlap.trained == overlap.total:
        remarks.append(Remark("trained", TRAINED_TEXT))
    elif overlap.trained:
        remarks.append(Remark("trained", PARTLY_TRAINED_TEXT, numbers))
    numbers = {"n": overlap.chosen, "total": overlap.total}
    if overlap.chosen == overlap.total:
        remarks.append(Remark("chosen", CHOSEN_TEXT))
    elif overlap.chosen:
        remarks.append(Remark("chosen", PARTLY_CHOSEN_TEXT, numbers))
    return remarks


TRAINED_TEXT = N_("The model was trained on these very photos. Expect worse results on others.")
PARTLY_TRAINED_TEXT = N_(
    "The model was trained on {n:,} of these {total:,} photos. Its results look too good."
)
CHOSEN_TEXT = N_(
    "The best epoch was chosen with these photos. Expect slightly worse results on others."
)
PARTLY_CHOSEN_TEXT = N_(
    "The best epoch was chosen with {n:,} of these {total:,} photos. Expect slightly worse results "
    "on others."
)


def _is_of(run: Run, dataset: Dataset) -> bool:
    """Whether the dataset is the one a run was trained with, or has the very same photos."""
    return run.dataset_id == dataset.id or run.dataset_fingerprint == dataset.fingerprint


def _with_parents(run: Run) -> list[Run]:
    """The run, and those whose weights it began with, as far as they are still there."""
    line = {run.id: run}
    while (parent := str(run.parent.get("id") or "")) and parent not in line:
        if Path(parent).name != parent:  # an id comes with a bundle and could be a path
            break
        try:
            found = runs.load_run(runs.runs_folder() / parent)
        except RunError:  # deleted since
            break
        if not isinstance(found, Run):
            break
        run = line[found.id] = found
    return list(line.values())


def _dataset_then(run: Run, dataset: Dataset) -> Dataset | None:
    """The dataset a run was trained with, as it was then; None where nothing is known of it."""
    if run.dataset_fingerprint == dataset.fingerprint:
        return dataset
    try:
        return datasets.load_dataset_as_of(run.dataset_id, run.dataset_fingerprint)
    except CatDogError:
        return dataset if run.dataset_id == dataset.id else None


def _list_paths(dataset: Dataset, split: str | None) -> set[Path]:
    root = dataset.root.resolve()
    return {root / item.file for item in dataset.items(split)}
