"""Which runs can be compared: those that were validated on the same photos of the same classes."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import N_
from ..base.files import truncate_for_display
from ..runs.run_folder import RunRecord
from .diagnose import Remark

DIFFERENT_CLASSES = N_(
    "These runs learned different classes, so you can't compare their accuracies."
)
DIFFERENT_PHOTOS = N_(
    "These runs were validated on different photos ({names}), so you can't compare their "
    "accuracies."
)
CHANGED_PHOTOS = N_(
    "The photos of “{name}” changed between these runs. Small differences might come from that."
)
UNKNOWN_PHOTOS = N_(
    "“{name}” was imported, and its photos are unknown. You can't compare its accuracy with others."
)
_MAX_NAMED = 4
_MAX_SUGGESTED = 3
"""How many runs are shown before anything is picked."""


def find_comparable(run: RunRecord, others: Sequence[RunRecord]) -> list[RunRecord]:
    """Return those of some runs that were validated on the photos and classes of `run`."""
    wanted = _photos_of(run)
    return [other for other in others if _photos_of(other) == wanted]


def suggest_runs(every: Sequence[RunRecord], current: RunRecord | None = None) -> list[RunRecord]:
    """Return a run that has an epoch and the newest others that can be compared with it.

    Args:
        every: the newest first.
        current: the run to begin with; by default the newest that was trained here.
    """
    trained = [run for run in every if run.epochs]
    if not trained:
        return []
    trained_here = [run for run in trained if not run.is_history]
    first = current if current and current.epochs else [*trained_here, *trained][0]
    others = [run for run in find_comparable(first, trained) if run.id != first.id]
    return [first, *others][:_MAX_SUGGESTED]


def are_comparable(members: Sequence[RunRecord]) -> bool:
    """Return whether all runs were validated on the same photos of the same classes."""
    return len(set(map(_photos_of, members))) <= 1


def describe_differences(members: Sequence[RunRecord]) -> list[Remark]:
    """Say why runs can't be compared; nothing where they can."""
    if are_comparable(members):
        return []
    known = [run for run in members if run.dataset_fingerprint]
    remarks = []
    if len({run.classes for run in known}) > 1:
        remarks.append(Remark("classes", DIFFERENT_CLASSES))
    elif len({run.dataset_fingerprint for run in known}) > 1:
        remarks.append(_describe_photos(known))
    for run in members:
        if not run.dataset_fingerprint:
            name = truncate_for_display(run.name or run.id, 60)
            remarks.append(Remark("unknown", UNKNOWN_PHOTOS, {"name": name}))
    return remarks


def _describe_photos(known: Sequence[RunRecord]) -> Remark:
    names = list(dict.fromkeys(truncate_for_display(run.dataset_name, 40) for run in known))
    if len({run.dataset_id for run in known}) == 1:
        return Remark("changed", CHANGED_PHOTOS, {"name": names[0]})
    more = ["…"] if len(names) > _MAX_NAMED else []
    return Remark("photos", DIFFERENT_PHOTOS, {"names": ", ".join([*names[:_MAX_NAMED], *more])})


def _photos_of(run: RunRecord) -> tuple[str, tuple[str, ...]]:
    """What identifies a run's validation photos; those of an imported history are its own."""
    return run.dataset_fingerprint or f"unknown {run.id}", run.classes
