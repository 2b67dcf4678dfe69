"""A photo's 20 augmented variants put to the vote, on the Predict page."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from catdog_core import augment, images
from catdog_core.files import shown
from catdog_core.images import Photo
from catdog_core.settings import Augmentation

from .. import gallery, phrases
from ..augment import augment_controls, augment_panels, augment_words
from ..augment.augment_panels import Shown
from ..palette import class_color
from ..words import escape, t
from . import predict_panels
from .predict_panels import Photos

if TYPE_CHECKING:
    from catdog_core.predict import Predictor

COUNT = 20


def show(model: Predictor, photos: Photos) -> None:
    """The panel, folded until it is asked for."""
    label = t("Let 20 variants of a photo vote")
    predict_panels.switched(label, "predict_vote", _panel, model, photos)


def _panel(model: Predictor, photos: Photos) -> None:
    original = predict_panels.choose(model, photos, "predict_vote_photo")
    settings = _settings()
    made = vote(model, original, settings)
    gallery.grid(
        [images.encode(photo) for photo in made.photos],
        captions=list(made.answers),
        tooltips=made.words,
        columns=10,
        alts=[t("Variant {n}", n=n + 1) for n in range(COUNT)],
        colors=[class_color(label) for label in made.labels],
        least=60,
    )
    augment_panels.spread(made)
    _told(made, settings)


def vote(model: Predictor, original: Photo, settings: Augmentation) -> Shown:
    """The variants of a fitted photo, (S, S, 3) uint8, with the model's answers to them."""
    drawn = augment.variants(original, settings, COUNT)
    transforms = [transform for _, transform in drawn]
    words = [augment_words.drawn(transform) for transform in transforms]
    return augment_panels.answered(
        Shown([photo for photo, _ in drawn], transforms, words), original, model
    )


def _settings() -> Augmentation:
    """The Augment page's settings; the class notes' where all of those are off."""
    now = augment_controls.current()
    return Augmentation() if now.is_off else now


def _told(made: Shown, settings: Augmentation) -> None:
    votes = Counter(made.labels)
    label, count = votes.most_common(1)[0]
    mean = made.probabilities.mean(axis=0)
    st.caption(
        t(
            "The vote: {name}, {count} of {total}; {mean} on average. Variants that disagree tell"
            " of an answer that hangs on chance details, whatever its probability.",
            name=escape(shown(made.classes[label])),
            count=count,
            total=len(made.labels),
            mean=phrases.percent(float(mean[label])),
        )
    )
    if int(np.argmax(made.original)) != label:
        st.caption(t("The vote overrules the answer to the photo itself."))
    st.caption(
        t(
            "Drawn with the settings of the Augment page: {settings}.",
            settings=escape(phrases.augmentation(settings)),
        )
    )
