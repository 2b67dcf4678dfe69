"""The way from a count of photos to those it leaves out."""

from __future__ import annotations

from catdog_core.data import unreadable
from catdog_core.data.datasets import Dataset

from .i18n import t
from .widgets import page_link


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
