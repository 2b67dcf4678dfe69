"""Tell what a model has seen, photos or drawn pets, and what that means for other photos.

A network trained on drawings can be sure of a real photo and wrong. Statistics of colors and edges
tell the two apart in 96 of 100 pictures only, so what counts is the record of its training photos.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import N_, RunError
from ..data.photo_domain import Domain
from ..models.backbones import TRANSFER
from ..runs import Run, RunRecord, model_registry, training_photos

_ONLY_DRAWINGS = N_(
    "This model has only seen drawings. On real photos, it can be very sure and still wrong."
)
_CLASSES_FROM_DRAWINGS = N_(
    "This model learned its classes from drawings only. On real photos, it can be wrong."
)
_NO_DRAWINGS = N_("The built-in model has only seen real photos. On drawings, it is often wrong.")


def find_training_domain(run: RunRecord | None) -> Domain | None:
    """Return what a run's model was trained on; None where that isn't known.

    A record says "photos" of any dataset that isn't known to be drawn.

    Args:
        run: the run, or None for a model file without one.
    """
    if not isinstance(run, Run):
        return None
    if model_registry.is_built_in(run):
        return "photos"
    domain = training_photos.find_domain(run)
    if domain is None or not run.parent.get("id"):
        return domain
    try:
        parent = model_registry.load_parent_run(str(run.parent["id"]))
    except RunError:  # deleted since
        return None
    return domain if training_photos.find_domain(parent) == domain else None


def describe_domain(run: RunRecord | None, photos: Sequence[Domain | None]) -> str:
    """Return what to know before trusting a model on photos; empty where there is nothing to say.

    Args:
        run: the run whose model predicts, or None for a model file without one.
        photos: the domain of each photo, None where it isn't known.
    """
    if run is None:
        return ""
    if model_registry.is_built_in(run):
        return _NO_DRAWINGS if "drawn" in photos else ""
    if find_training_domain(run) == "drawn" and set(photos) != {"drawn"}:
        return _CLASSES_FROM_DRAWINGS if run.model == TRANSFER else _ONLY_DRAWINGS
    return ""
