"""What the map of the photos shows now, in sentences made from its numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catdog_core.insight import embedding
from catdog_core.insight.embedding import Embedding
from catdog_core.insight.predictions import Table

from ..words import N_, t

MAP = N_(
    "Each point is a photo, and near to each other lie photos that are alike in what the network's"
    " last layer gets of them. The colour is the true class, a cross a wrong answer. Point at one"
    " to see it; click it, or draw a rectangle, to open photos below."
)


def drawn(found: Embedding, table: Table, guesses: NDArray[np.int64], method: str) -> str:
    """How well the classes part on a map, how many photos lie among another class, and why."""
    rows = {file: row for row, file in enumerate(table.files)}
    around = embedding.kindred(found, table.files, table.labels.tolist())
    pairs = [(rows[f], c) for f, c in zip(found.files, around, strict=True) if f in rows and c >= 0]
    if not pairs:
        return t("There are too few photos for a map.")
    places, near = (np.array(column) for column in zip(*pairs, strict=True))
    labels = table.labels[places]
    usual = float(np.square(np.bincount(labels) / len(labels)).sum())
    told = t(
        "{share:.1%} of the {n:,} photos lie among their own class, which most of their {k} nearest"
        " are of; by chance it would be {usual:.0%}.",
        share=float((near == labels).mean()),
        n=len(places),
        k=found.nearest.shape[1],
        usual=usual,
    )
    wrong = guesses[places] != labels
    if wrong.any():
        told += " " + _lost(int(wrong.sum()), int((wrong & (near != labels)).sum()))
    if method == "pca":
        told += " " + t(
            "The two directions hold {share:.0%} of how the {values:,} values differ.",
            share=float(found.shares[:2].sum()),
            values=found.values,
        )
    if len(places) < len(table):
        told += " " + t("{n:,} of {total:,} photos are drawn.", n=len(places), total=len(table))
    return told


def _lost(wrong: int, lost: int) -> str:
    """Whether wrong answers lie among another class on the map, or at a border drawn badly."""
    if not lost:
        return t(
            "The wrong answers, {wrong:,}, lie among their own class all the same: the last layer"
            " draws its border in a bad place.",
            wrong=wrong,
        )
    return t(
        "Of the {wrong:,} wrong answers {lost:,} lie among another class: there the network sees"
        " no difference, or the label is to blame.",
        wrong=wrong,
        lost=lost,
    )
