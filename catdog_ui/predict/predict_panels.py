"""The panels of the Predict page: heat maps, the threshold of doubt, the vote of 20 variants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.analysis import predictions, uncertainty
from catdog_core.analysis.uncertainty import entropy, is_unsure, zip_by_label
from catdog_core.augmentation import augment
from catdog_core.base.errors import CatDogError, ModelError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.jobs import Job
from catdog_core.base.palette import class_color
from catdog_core.config import Augmentation
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo, PhotoSize

from .. import format_text, gallery, job_fragment, loaders
from ..augment import augment_controls, augment_panels
from ..augment.augment_panels import VariantSet
from ..i18n import escape, say, t
from ..learn.glossary_view import show_terms
from .predict_inputs import ModelChoice

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from catdog_core.analysis.predict import Prediction, Predictor


PhotoFiles: TypeAlias = Sequence[tuple[str, str, bytes]]
"""Name, key and file of each photo that could be read."""


def choose_photo(model: Predictor, photos: PhotoFiles, key: str) -> Photo:
    """Let the user choose a photo; it comes fitted for the model, (H, W, 3) uint8.

    Raises:
        PhotoError: its file cannot be read any more.
    """
    chosen = st.selectbox(
        t("Photo"),
        range(len(photos)),
        format_func=lambda n: truncate_for_display(photos[n][0]),
        key=f"{key}_{len(photos)}",  # other photos, another choice
        width=300,
    )
    _, name, data = photos[chosen]
    photo = gallery.uploaded_photo(name, data, model.size)
    if isinstance(photo, PhotoError):
        raise photo
    return photo


_QUICK = 4
"""Photos whose maps are made while the page waits: half a second at most."""
_OWN_ANSWER = -1
"""Asks each photo about the class the model gave it."""


@dataclass(frozen=True)
class HeatMaps:
    """Maps of the photos on the page, (N, H, W) float32, 0..1; of the first only if stopped."""

    maps: NDArray[np.float32]
    opacity: float


def ask_heat_maps(
    model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]]
) -> HeatMaps | None:
    """Draw the controls of heat maps and return the maps; None while there are none.

    Args:
        model: the model.
        photos: key, file and prediction of each photo on the page.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        label = st.selectbox(
            t("Class"),
            [_OWN_ANSWER, *range(len(model.classes))],
            format_func=lambda n: _class_title(model, n),
            key=f"predict_heat_class_{len(model.classes)}",
            label_visibility="collapsed",
            width=220,
        )
        percent = st.slider(
            t("Map opacity"),
            0,
            100,
            50,
            5,
            format="%d%%",
            key="predict_heat_opacity",
            width=220,
        )
    try:
        maps = _compute_heat_maps(model, photos, label)
    except ModelError as error:
        st.warning(escape(say(error)))
        return None
    return None if maps is None else HeatMaps(maps, percent / 100)


def explain_heat_maps(heat: HeatMaps | None) -> None:
    """Say how to read the maps, what they do not say, and what they show now."""
    if heat is None or not len(heat.maps):
        return
    st.caption(
        t(
            "Grad-CAM: bright areas raised the class score most. Each map is scaled to its own "
            "brightest area, so compare areas within a photo, not between photos. It shows "
            "roughly where the network looked, not what it saw there or whether that was right."
        )
        + " "
        + _heat_summary(heat.maps)
    )
    show_terms("heat-map")


def _heat_summary(maps: NDArray[np.float32]) -> str:
    empty = int(sum(not one.any() for one in maps))
    if empty:
        return t(
            "In {n} of {total} photos, nothing supports this class, so the map is dark.",
            n=empty,
            total=len(maps),
        )
    share = float(np.median((maps >= 0.5).mean(axis=(1, 2))))
    return t(
        "Areas of at least half brightness cover {share} of a photo (median of {total}).",
        share=format_text.format_percent(share),
        total=len(maps),
    )


def _class_title(model: Predictor, label: int) -> str:
    if label == _OWN_ANSWER:
        return t("Predicted class of each photo")
    return t("Class {name}", name=truncate_for_display(model.classes[label]))


def _compute_heat_maps(
    model: Predictor, photos: Sequence[tuple[str, bytes, Prediction]], label: int
) -> NDArray[np.float32] | None:
    """The maps; those made just before are not made again, since the opacity changes none."""
    labels = [
        int(np.argmax(row.probabilities)) if label == _OWN_ANSWER else label for _, _, row in photos
    ]

    def work(job: Job) -> NDArray[np.float32]:
        fitted = [_fitted_photo(key, data, model.size) for key, data, _ in photos]
        return loaders.compute_heat_maps(model, fitted, labels, job)

    key = (id(model.run_batch), model.input_scale, tuple(key for key, _, _ in photos), *labels)
    message = t("Drawing heat maps…")
    return job_fragment.background_result(
        "predict_heat_maps", key, work, len(photos), _QUICK, message
    )


def _fitted_photo(key: str, data: bytes, size: PhotoSize) -> Photo:
    photo = gallery.uploaded_photo(key, data, size)
    assert not isinstance(photo, PhotoError)  # the model has answered to it
    return photo


def choose_threshold(
    choice: ModelChoice, classes: Sequence[str], notes: DeltaGenerator | None = None
) -> float:
    """Let the user set a threshold, 0..1; at 1 / `classes`, the lowest, every answer counts.

    It starts where the model's validation answers get unreliable, and says so in `notes`, by
    default below.
    """
    lowest = ceil(100 / len(classes))
    suggested, source = _suggest_threshold(choice, len(classes))
    percent = st.slider(
        t("Unsure below"),
        lowest,
        100,
        max(lowest, min(100, ceil(100 * suggested))),
        format="%d%%",
        key=f"predict_least_{len(classes)}_{choice.key}",
        width=360,
        help=t(
            "The model is unsure about a photo if its most likely class has a lower probability "
            "than this. With {n} classes, that probability is never below {lowest}%.",
            n=len(classes),
            lowest=lowest,
        ),
    )
    (notes or st).caption(source)
    return percent / 100 if percent > lowest else 0.0


def _suggest_threshold(choice: ModelChoice, classes: int) -> tuple[float, str]:
    """A threshold, 0..1, and where it comes from."""
    suggested = _validated_threshold(choice)
    if suggested is not None:
        return suggested, t(
            "The threshold starts at {percent}%. Below that, the model got fewer than {wanted} of "
            "the validation photos right.",
            percent=ceil(100 * suggested),
            wanted=f"{uncertainty.WANTED_ACCURACY:.0%}",
        )
    suggested = uncertainty.default_threshold(classes)
    return suggested, t(
        "The threshold starts at {percent}%, halfway between a guess and certainty. Evaluate the"
        " model to start where its validation predictions become unreliable.",
        percent=ceil(100 * suggested),
    )


def _validated_threshold(choice: ModelChoice) -> float | None:
    if choice.run is None:
        return None
    try:
        dataset = datasets.load_dataset(choice.dataset_id)
    except CatDogError:  # the run outlived its photos
        return None
    table = predictions.predictions_path(choice.run.folder, dataset.id, "validation")
    version = gallery.file_version(table), gallery.file_version(table.with_suffix(".json"))
    return _threshold_of_table(choice.run.folder, dataset, choice.key, dataset.fingerprint, version)


@st.cache_data(max_entries=50, show_spinner=False)
def _threshold_of_table(
    _run_dir: Path, _dataset: Dataset, model: str, fingerprint: str, version: tuple[int, int]
) -> float | None:
    table = predictions.read_predictions(_run_dir, _dataset, "validation").table
    if table is None:
        return None
    right = table.probabilities.argmax(axis=1) == table.labels
    return uncertainty.suggest_threshold(
        zip(table.probabilities.max(axis=1).tolist(), right.tolist(), strict=True)
    )


def explain_threshold(
    classes: Sequence[str], least: float, rows: Sequence[tuple[str, Prediction]]
) -> None:
    """Say what the threshold does to these photos, and what it cannot do.

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
            "The {n} probabilities always add up to 100%, so the model can't answer “none of "
            "these”. Even a car becomes one of them. The threshold finds photos between the "
            "classes. Yet a model can be quite sure about something it never saw.",
            n=len(classes),
        )
    )


def explain_entropy(classes: int) -> None:
    """Say how to read the entropy of predictions for so many classes."""
    st.caption(
        t(
            "Entropy is 0 bits for a sure prediction, and {most} bits for a pure guess.",
            most=f"{entropy([1 / classes] * classes):.2g}",
        )
    )


def explain_energy(scores: int, rows: Sequence[tuple[str, Prediction]]) -> None:
    """Say what the energy is and is not, and which of these photos has the highest.

    Args:
        scores: how many scores the model's last layer gives before its sigmoid or softmax.
        rows: name and prediction of each photo.
    """
    known = [(row.energy, name) for name, row in rows if row.energy is not None]
    if not known:
        return
    caption = t(
        "Energy (Liu et al. 2020) is minus the logarithm of the summed exponentials of the scores "
        "before the {end}. It's low for photos like those the model has learned, and higher for "
        "others. The scale is this model's own, so compare photos, not models.",
        end="sigmoid" if scores == 1 else "softmax",
    )
    if scores == 1:
        caption += " " + t(
            "With a single score, it only repeats how far the prediction is from 50%. It tells "
            "you more with one score per class."
        )
    if len(known) > 1:
        (low, best), (high, worst) = min(known), max(known)
        caption += " " + t(
            "Lowest for {best} ({low}), highest for {worst} ({high}).",
            best=escape(truncate_for_display(best, 40)),
            low=f"{low:.2f}",
            worst=escape(truncate_for_display(worst, 40)),
            high=f"{high:.2f}",
        )
    st.caption(caption)


def download_sorted(
    classes: Sequence[str], least: float, photos: Sequence[tuple[str, bytes, Prediction]]
) -> None:
    """Draw a button for the photos as a zip, sorted into folders; made when asked for.

    Args:
        classes: class names.
        least: the threshold.
        photos: name, file and prediction of each.
    """
    st.download_button(
        t("Download sorted photos"),
        data=partial(_build_zip, tuple(classes), least, photos),
        file_name="sorted.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key="predict_zip",
        help=t("One folder per class. Unsure photos get their own."),
    )


def _build_zip(
    classes: Sequence[str], least: float, photos: Sequence[tuple[str, bytes, Prediction]]
) -> bytes:
    labelled = [
        (name, None if is_unsure(row.probabilities, least) else row.label, data)
        for name, data, row in photos
    ]
    return zip_by_label(labelled, classes)


VARIANT_COUNT = 20


def show_votes(model: Predictor, photos: PhotoFiles) -> None:
    """Draw 20 variants of a photo, and how they vote."""
    original = choose_photo(model, photos, "predict_vote_photo")
    settings = _vote_settings()
    variants = predict_variants(model, original, settings)
    gallery.image_grid(
        [decode.encode_photo(photo) for photo in variants.photos],
        captions=list(variants.answers),
        tooltips=variants.descriptions,
        columns=10,
        alts=[t("Variant {n}", n=n + 1) for n in range(VARIANT_COUNT)],
        colors=[class_color(label) for label in variants.labels],
        least=60,
    )
    augment_panels.show_spread(variants)
    _vote_caption(variants, settings)


def predict_variants(model: Predictor, original: Photo, settings: Augmentation) -> VariantSet:
    """Return the variants of a fitted photo, (S, S, 3) uint8, with the model's answers."""
    drawn = augment.make_variants(original, settings, VARIANT_COUNT)
    transforms = [transform for _, transform in drawn]
    words = [augment_panels.transform_text(transform) for transform in transforms]
    return augment_panels.with_answers(
        VariantSet([photo for photo, _ in drawn], transforms, words), original, model
    )


def _vote_settings() -> Augmentation:
    """The Augment page's settings; the class notes' where all of those are off."""
    now = augment_controls.current_settings()
    return Augmentation() if now.is_off else now


def _vote_caption(variants: VariantSet, settings: Augmentation) -> None:
    votes = Counter(variants.labels)
    label, count = votes.most_common(1)[0]
    mean = variants.probabilities.mean(axis=0)
    st.caption(
        t(
            "Vote: {name}, with {count} of {total} votes and a mean probability of {mean}. If "
            "variants disagree, the prediction depends on chance details, whatever its "
            "probability.",
            name=escape(truncate_for_display(variants.classes[label])),
            count=count,
            total=len(variants.labels),
            mean=format_text.format_percent(float(mean[label])),
        )
    )
    if int(np.argmax(variants.original_probabilities)) != label:
        st.caption(t("The vote differs from the prediction for the original photo."))
    st.caption(
        t(
            "These variants use the Augment page settings: {settings}.",
            settings=escape(format_text.describe_augmentation(settings)),
        )
    )
