"""Planted label errors: how many the ranking finds, beside in-sample rankings and cleanlab."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catdog_core.base import library_output
from catdog_core.data import datasets

from .measure import console, drawn, table

_SEEDS = range(5)
_PLANTED, _LISTED = 0.05, 0.07
_TARGET = 0.95
Rows = NDArray[np.int64]


def labels(folder: Path | None) -> None:
    """Flip 5% of the labels by seed; print the part found in the first 7% of each ranking."""
    library_output.import_tensorflow()
    from catdog_core.analysis import feature_regression, label_errors, similar_photos

    with tempfile.TemporaryDirectory() as directory:
        dataset = datasets.open_folder(folder or drawn(Path(directory)))
        start = time.perf_counter()
        known = similar_photos.load_photo_features(dataset)
        console.print(f"{len(known.items)} photos, features {time.perf_counter() - start:.1f} s")
    features, groups = known.features, label_errors.group_alike(known)
    right = np.array([item.label for item in known.items], np.int64)

    def out_of_fold(wrong: Rows, seed: int) -> Rows:
        return label_errors.judge_labels(features, wrong, groups, seed).ranking

    def in_sample(
        wrong: Rows, seed: int, strength: float = feature_regression.FIT_STRENGTH
    ) -> Rows:
        fitted = feature_regression.fit_and_predict(
            features, wrong, features, len(dataset.classes), strength
        )
        return np.argsort(label_errors.compute_margins(fitted, wrong), kind="stable")

    def cleanlab(wrong: Rows, seed: int) -> Rows:
        from cleanlab.rank import get_label_quality_scores

        fitted = label_errors.judge_labels(features, wrong, groups, seed).probabilities
        return np.argsort(get_label_quality_scores(wrong, fitted), kind="stable")

    peers: dict[str, Callable[[Rows, int], Any]] = {
        "out of fold (ours)": out_of_fold,
        "in-sample": in_sample,
        "in-sample, fitted closely": partial(in_sample, strength=1000.0),
    }
    if importlib.util.find_spec("cleanlab"):
        peers["cleanlab, same folds"] = cleanlab
    else:
        console.print("cleanlab isn't installed and is left out.")
    sheet = table(
        f"{_PLANTED:.0%} of labels flipped, found in the first {_LISTED:.0%}",
        *("", "mean", "least", f"photos until {_TARGET:.0%}", "seconds"),
    )
    for name, rank in peers.items():
        found, depths, seconds = [], [], []
        for seed in _SEEDS:
            wrong, planted = plant(right, seed)
            start = time.perf_counter()
            ranking = rank(wrong, seed)
            seconds.append(time.perf_counter() - start)
            found.append(np.isin(planted, ranking[: round(_LISTED * len(right))]).mean())
            places = np.sort(np.flatnonzero(np.isin(ranking, planted)))
            depths.append(int(places[int(np.ceil(_TARGET * len(planted))) - 1]) + 1)
        sheet.add_row(
            name,
            f"{np.mean(found):.1%}",
            f"{min(found):.1%}",
            f"{max(depths)}",
            f"{np.median(seconds):.2f}",
        )
    console.print(sheet)


def plant(right: Rows, seed: int) -> tuple[Rows, Rows]:
    """Return labels of which 5% are another class, and the rows of these, by seed."""
    rng = np.random.default_rng(seed)
    planted = rng.choice(len(right), round(_PLANTED * len(right)), replace=False)
    classes = int(right.max()) + 1
    wrong = right.copy()
    wrong[planted] = (right[planted] + rng.integers(1, classes, len(planted))) % classes
    return wrong, planted
