"""Say where a model is at home, and let the built-in model answer beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from catdog_core.analysis import class_matching, training_domain
from catdog_core.analysis.uncertainty import is_unsure
from catdog_core.base.errors import PhotoError
from catdog_core.base.jobs import Job
from catdog_core.models.backbones import TRANSFER

from .. import gallery, job_fragment, loaders
from ..i18n import t
from ..session import InputPhoto, page_state
from . import predict_inputs
from .predict_inputs import ModelChoice

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Prediction, Predictor

_MOST_MEASURED = 24
"""Photos that are compared with the training photos: those of the first page."""

_ADDRESS_NAME = "built_in"


@dataclass(frozen=True)
class OtherAnswer:
    """What the built-in model says of a photo: a class by the chosen model's name, 0..1."""

    label: str
    probability: float

    def is_unsure(self, least: float) -> bool:
        """Return whether its probability is below a threshold, 0..1."""
        return self.probability < least


def ask_built_in(
    choice: ModelChoice, model: Predictor, good: Sequence[tuple[InputPhoto, Prediction]]
) -> Mapping[str, OtherAnswer]:
    """Say what the model has seen, and draw the button that asks the built-in model as well.

    Args:
        choice: the model that was asked.
        model: the same, loaded.
        good: the photos it predicted, with the true class in its own words.

    Returns:
        The built-in model's answers by the photo's key; empty where it isn't asked.
    """
    photos = [photo for photo, _ in good]
    notice = training_domain.describe_domain(choice.run, [photo.domain for photo in photos])
    other = predict_inputs.built_in_choice()
    can_compare = (
        other is not None
        and other.run is not None
        and not choice.is_built_in
        and _shared_names(other.run.classes, model.classes)
    )
    if notice or can_compare:
        with st.container(horizontal=True, vertical_alignment="center"):
            if notice:
                st.warning(t(notice), icon=":material/draw:", width="stretch")
            if can_compare:
                _compare_button()
    _show_unlike(choice, model, photos[:_MOST_MEASURED])
    if other is None or not can_compare or not _is_built_in_asked():
        return {}
    built_in, rows = predict_inputs.predict_in_background(other, photos, "predict_built_in")
    if rows is None:
        return {}
    names = [class_matching.find_class(name, model.classes) for name in built_in.classes]
    return {
        photo.key: _other_answer(row, names)
        for photo, row in zip(photos, rows, strict=False)
        if row.error is None
    }


def _show_unlike(choice: ModelChoice, model: Predictor, photos: Sequence[InputPhoto]) -> None:
    """Say how many of the photos a pretrained network finds unlike its training photos."""
    run = choice.run
    if run is None or run.model != TRANSFER or model.remote is not None:
        return

    def measure(job: Job) -> list[bool]:
        fitted = [gallery.uploaded_photo(photo.key, photo.data, model.size) for photo in photos]
        readable = [photo for photo in fitted if not isinstance(photo, PhotoError)]
        return loaders.find_unlike_photos(run, model, readable, job)

    key = choice.key, tuple(photo.key for photo in photos)
    message = t("Comparing with the training photos…")
    unlike = job_fragment.background_result(
        "predict_unlike", key, measure, len(photos), _MOST_MEASURED, message
    )
    if unlike and any(unlike):
        st.caption(
            t(
                "{n} of {total} photos are unlike its training photos, by the network's own "
                "features. Trust those predictions less.",
                n=sum(unlike),
                total=len(unlike),
            )
        )


def compare_answers(
    good: Sequence[tuple[InputPhoto, Prediction]],
    answers: Mapping[str, OtherAnswer],
    least: float,
) -> None:
    """Say how often the two models agree and, where classes are known, how often each is right.

    Args:
        good: the photos, and what the chosen model predicts.
        answers: the built-in model's answers by the photo's key.
        least: the probability below which an answer is unsure and so not right, 0..1.
    """
    both = [(photo, row, answers[photo.key]) for photo, row in good if photo.key in answers]
    if not both:
        return
    same = sum(  # as the cards say it
        theirs.is_unsure(least)
        if is_unsure(row.probabilities, least)
        else row.label == theirs.label and not theirs.is_unsure(least)
        for _, row, theirs in both
    )
    text = t("Both models agree on {same} of {n} photos.", same=same, n=len(both))
    known = [(photo.truth, row, theirs) for photo, row, theirs in both if photo.truth]
    if known:
        own_right = sum(
            truth == row.label and not is_unsure(row.probabilities, least)
            for truth, row, _ in known
        )
        text += " " + t(
            "Of {n} photos with a known class, this model gets {own} right and the built-in "
            "model {theirs}.",
            n=len(known),
            own=own_right,
            theirs=sum(
                truth == theirs.label and not theirs.is_unsure(least) for truth, _, theirs in known
            ),
        )
    st.caption(text)


def _shared_names(built_in: Sequence[str], own: Sequence[str]) -> bool:
    return {class_matching.find_class(name, own) for name in built_in} <= set(own)


def _compare_button() -> None:
    asked = _is_built_in_asked()
    st.button(
        t("Hide the built-in model") if asked else t("Ask the built-in model"),
        icon=":material/visibility_off:" if asked else ":material/compare:",
        key="predict_built_in",
        on_click=_toggle_built_in,
    )


def _is_built_in_asked() -> bool:
    """Return whether both models answer: by the address, else by what the session did last."""
    state = page_state().predict
    if st.query_params.get(_ADDRESS_NAME) == "1":
        state.asks_built_in = True
    elif state.asks_built_in:
        st.query_params[_ADDRESS_NAME] = "1"
    return state.asks_built_in


def _toggle_built_in() -> None:
    state = page_state().predict
    state.asks_built_in = not state.asks_built_in
    st.query_params.pop(_ADDRESS_NAME, None)


def _other_answer(row: Prediction, names: Sequence[str]) -> OtherAnswer:
    best = int(np.argmax(row.probabilities))
    return OtherAnswer(names[best], row.probabilities[best])
