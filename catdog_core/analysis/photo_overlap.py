"""Tell which of the evaluated photos trained a model, or chose the epoch that was kept.

An accuracy on such photos is too high. Photos are compared by the content of their files, so it
doesn't matter where a dataset is, or what was added to it. Nothing is promised where the lab
doesn't know a model's photos, as of a model from another program.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.errors import N_, RunError
from ..data import photo_hashes, unreadable
from ..data.datasets import Dataset
from ..runs import Run, RunRecord, model_registry, training_photos
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
        is_complete: whether the photos of all trainings that made the model are known.
    """

    total: int
    trained: int
    chosen: int
    is_complete: bool = True

    @property
    def is_unseen(self) -> bool:
        """Whether it is known that none of the photos had a part in making the model."""
        return self.is_complete and not self.trained and not self.chosen


def count_overlap(
    model: RunRecord | None, dataset: Dataset, split: str | None
) -> PhotoOverlap | None:
    """Count the photos of a split that trained a model or chose its epoch.

    A photo counts by the split it was in when the model was trained.

    Args:
        model: the run it is from; None for a model file without a run.
        dataset: the evaluated photos.
        split: of them; None for all.

    Returns:
        None where nothing is known: a model of another program, or a run without a record.
    """
    if not isinstance(model, Run):
        return None
    # A photo that can't be read isn't evaluated, so it counts nowhere.
    left_out = unreadable.list_unreadable(dataset)
    is_readable = np.array([item.file not in left_out for item in dataset.items(split)], bool)
    evaluated = photo_hashes.hash_split(dataset, split)[is_readable]
    trained, chosen = np.zeros((2, len(evaluated)), bool)
    line, is_complete = _with_parents(model)
    records = [training_photos.read_training_photos(run) for run in line]
    for run, photos in zip(line, records, strict=True):
        if photos is None:
            is_complete = False
            continue
        trained |= photo_hashes.match_hashes(evaluated, photos.train)
        if len(run.epochs) > 1:
            chosen |= photo_hashes.match_hashes(evaluated, photos.validation)
    if not is_complete and not trained.any() and not chosen.any():
        return None
    return PhotoOverlap(
        len(evaluated), int(trained.sum()), int((chosen & ~trained).sum()), is_complete
    )


def describe_overlap(overlap: PhotoOverlap | None) -> list[Remark]:
    """Say what the overlap means for the results, worst first."""
    if overlap is None:
        return [Remark("unknown", UNKNOWN_TEXT)]
    remarks: list[Remark] = []
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
    if not overlap.is_complete:
        remarks.append(Remark("unknown", PARTLY_UNKNOWN_TEXT))
    if overlap.is_unseen:
        remarks.append(Remark("unseen", UNSEEN_TEXT, {"total": overlap.total}))
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
UNKNOWN_TEXT = N_(
    "The lab doesn't know which photos this model was trained on. If these were among them, the "
    "results look too good."
)
PARTLY_UNKNOWN_TEXT = N_(
    "The model continued from another one, and the lab doesn't know all photos of that one."
)
UNSEEN_TEXT = N_(
    "None of these {total:,} photos trained this model or chose its epoch. Resized or re-saved "
    "copies aren't recognized."
)


def _with_parents(run: Run) -> tuple[list[Run], bool]:
    """The run and those whose weights it began with, and whether all of them are still there."""
    line = {run.id: run}
    while parent := str(run.parent.get("id") or ""):
        if parent in line:
            break
        try:
            found = model_registry.load_parent_run(parent)
        except RunError:  # deleted since
            return list(line.values()), False
        if not isinstance(found, Run):
            return list(line.values()), False
        run = line[found.id] = found
    return list(line.values()), True
