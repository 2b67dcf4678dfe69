"""Counts of photos in words: how many there are, and how many more can't be read."""

from __future__ import annotations

from catdog_core.data import unreadable
from catdog_core.data.datasets import Dataset

from .i18n import t
from .widgets import page_link


def format_photos(dataset: Dataset, split: str | None = None) -> str:
    """Return the photos of a split, or all: "30 photos, 1 can't be read"."""
    message = unreadable.count_photos(dataset, split).describe()
    return t(message.message, **message.params)


def show_unreadable_link(dataset: Dataset) -> None:
    """Draw how many photos can't be read and aren't counted, as a link to the data check."""
    count = unreadable.count_photos(dataset).unreadable
    if count:
        page_link(
            "pages/1_Data.py",
            t("{n:,} photos can't be read: open data check", n=count),
            "health_and_safety",
            dataset=dataset.id,
            part="health",
        )
