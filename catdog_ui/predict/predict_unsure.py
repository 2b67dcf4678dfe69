"""The "neither" lab of the Predict page: below how much a model's answer does not count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.files import shown
from catdog_core.insight.certainty import entropy, is_unsure, sorted_zip

from ..words import escape, t

if TYPE_CHECKING:
    from catdog_core.predict import Prediction


def ask(classes: Sequence[str]) -> float:
    """The threshold, 0..1; at its lowest, one part in `classes`, every answer counts."""
    lowest = ceil(100 / len(classes))
    percent = st.slider(
        t("Unsure below"),
        lowest,
        100,
        lowest,
        format="%d%%",
        key=f"predict_least_{len(classes)}",
        width=360,
        help=t(
            "A photo whose likeliest class has less than this is called unsure. The likeliest of"
            " {n} classes never has less than {lowest}%.",
            n=len(classes),
            lowest=lowest,
        ),
    )
    return percent / 100 if percent > lowest else 0.0


def explain(classes: Sequence[str], least: float, rows: Sequence[tuple[str, Prediction]]) -> None:
    """What the threshold does to these photos, and what it cannot do.

    Args:
        classes: class names.
        least: the threshold.
        rows: true class, empty where it is unknown, and prediction of each photo.
    """
    sure = [(truth, row) for truth, row in rows if not is_unsure(row.probabilities, least)]
    known = [(truth, row) for truth, row in sure if truth in classes]
    right = sum(truth == row.label for truth, row in known)
    if len(sure) < len(rows):
        st.caption(t("{n} of {total} photos are unsure.", n=len(rows) - len(sure), total=len(rows)))
    if known:
        st.caption(t("{right} of {n} right.", right=right, n=len(known)))
    st.caption(
        t(
            "The {n} probabilities always add up to 100%, so the model has no answer for what"
            " is none of its classes: a car is one of them too. The threshold, like the"
            " entropy (0 bits: sure, {most} bits: a pure guess), finds photos between the"
            " classes; of something it never saw a model can be quite sure.",
            n=len(classes),
            most=_most(len(classes)),
        )
    )


def explain_energy(scores: int, rows: Sequence[tuple[str, Prediction]]) -> None:
    """What the energy is and is not, and which of these photos has the highest.

    Args:
        scores: how many scores the model's last layer gives before its sigmoid or softmax.
        rows: name and prediction of each photo.
    """
    known = [(row.energy, name) for name, row in rows if row.energy is not None]
    if not known:
        return
    said = t(
        "Energy (Liu et al. 2020) is minus the logarithm of the summed exponentials of the scores"
        " before the {end}: low for photos like those the model has learned, higher for others."
        " It is a scale of this model's own: compare photos, not models.",
        end="sigmoid" if scores == 1 else "softmax",
    )
    if scores == 1:
        said += " " + t(
            "Of a single score it says again how far the answer is from 50%; a model with one"
            " score a class tells more by it."
        )
    if len(known) > 1:
        (low, best), (high, worst) = min(known), max(known)
        said += " " + t(
            "Now: lowest for {best} ({low}), highest for {worst} ({high}).",
            best=escape(shown(best, 40)),
            low=f"{low:.2f}",
            worst=escape(shown(worst, 40)),
            high=f"{high:.2f}",
        )
    st.caption(said)


def download(
    classes: Sequence[str], least: float, photos: Sequence[tuple[str, bytes, Prediction]]
) -> None:
    """A button for the photos as a zip, sorted into folders; made when asked for.

    Args:
        classes: class names.
        least: the threshold.
        photos: name, file and prediction of each.
    """
    st.download_button(
        t("Download the photos in folders"),
        data=partial(_zip, tuple(classes), least, photos),
        file_name="sorted.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key="predict_zip",
        help=t("One folder a class; unsure photos lie in one of their own."),
    )


def _zip(
    classes: Sequence[str], least: float, photos: Sequence[tuple[str, bytes, Prediction]]
) -> bytes:
    labelled = [
        (name, None if is_unsure(row.probabilities, least) else row.label, data)
        for name, data, row in photos
    ]
    return sorted_zip(labelled, classes)


def _most(classes: int) -> str:
    return f"{entropy([1 / classes] * classes):.2g}"
