"""The dataset a run was trained with, recognised by its content where it has another name here."""

from __future__ import annotations

from contextlib import suppress

from ..base.errors import CatDogError
from . import dataset_record
from .dataset_record import Dataset
from .edit_log import load_dataset_as_of


def find_by_fingerprint(fingerprint: str, dataset_id: str = "") -> Dataset | None:
    """A dataset of this workspace in the state that had a fingerprint; None where none ever did.

    Args:
        fingerprint: of the photos, their labels and split.
        dataset_id: the dataset to look at first.
    """
    others = sorted(
        path.parent.name for path in dataset_record.datasets_folder().glob("*/dataset.json")
    )
    for one in dict.fromkeys([dataset_id, *others]):
        if one:
            with suppress(CatDogError):
                return load_dataset_as_of(one, fingerprint)
    return None
