"""Photos to try without having any: those that come with the lab, and some of the dataset."""

from __future__ import annotations

import random
from pathlib import Path

import streamlit as st

from catdog_core.analysis import ood_examples
from catdog_core.data import sample_photos
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode

from .. import gallery
from ..i18n import t
from ..session import InputPhoto, page_state

SAMPLE_COUNT = 12
LAB_SAMPLES, VALIDATION, UNLABELED, NO_PETS = "samples", "validation", "unlabeled", "no-pets"
"""Where photos to try come from, as ``?try=`` in the address names it."""
_LINKED = "1"  # the photos that fit a model: a link's, which doesn't know the datasets


def choose_sample_photos(dataset: Dataset | None) -> list[InputPhoto]:
    """Draw the buttons that try photos, and return the photos of the one pressed last.

    It is kept in the address, with the number of the draw: a reload shows the same answers.
    """
    source, seed = _follow_address(dataset)
    with st.container(horizontal=True):
        _source_button(
            t("Try sample photos"),
            "predict_samples",
            "pets",
            LAB_SAMPLES,
            type="secondary" if source else "primary",
        )
        if dataset is not None:
            _source_button(t("Try validation photos"), "predict_try", "shuffle", VALIDATION)
        if dataset is not None and dataset.unlabeled:
            label = t("Try unlabeled photos")
            _source_button(label, "predict_unlabeled", "label_off", UNLABELED)
        _source_button(t("Try non-pet photos"), "predict_neither", "question_mark", NO_PETS)
    if source == LAB_SAMPLES:
        st.caption(t(sample_photos.CREDITS))
        return _lab_samples()
    if source == NO_PETS:
        return _no_pets_photos()
    if dataset is not None and source == VALIDATION:
        return _validation_photos(dataset, seed)
    if dataset is not None and source == UNLABELED:
        return _unlabeled_photos(dataset, seed)
    _show_samples()
    return []


def forget_samples() -> None:
    """Try no samples any more, since there are photos of the user's own."""
    page_state().predict.samples = ""
    st.query_params.pop("try", None)


def _follow_address(dataset: Dataset | None) -> tuple[str, int]:
    """Return where the photos to try come from, empty for nowhere, and the number of the draw."""
    state = page_state().predict
    requested = st.query_params.get("try", "")
    if requested == _LINKED:
        default = LAB_SAMPLES if dataset is None else VALIDATION
        requested = state.samples or default
    source, _, draw = (requested or state.samples).partition(".")
    known = {LAB_SAMPLES, NO_PETS}
    if dataset is not None:
        known |= {VALIDATION, UNLABELED} if dataset.unlabeled else {VALIDATION}
    if source not in known:
        forget_samples()
        return "", 0
    seed = int(draw) if draw.isascii() and draw.isdigit() and len(draw) < 7 else 0
    _keep(source, seed)
    return source, seed


def _keep(source: str, seed: int) -> None:
    samples = f"{source}.{seed}" if seed else source
    page_state().predict.samples = samples
    if st.query_params.get("try") != samples:
        st.query_params["try"] = samples


def _source_button(label: str, key: str, icon: str, source: str, **options: str) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=key,
        on_click=_try_samples,
        args=(source,),
        **options,  # type: ignore[arg-type]
    )


def _try_samples(source: str) -> None:
    """Ask about samples of a source, other ones at each press of the button."""
    before, _, draw = page_state().predict.samples.partition(".")
    _keep(source, int(draw or 0) + 1 if before == source else 0)


def _show_samples() -> None:
    """What there is to try before a photo is chosen."""
    photos = _lab_samples()
    gallery.image_grid(
        [photo.data for photo in photos],
        captions=[Path(photo.name).stem for photo in photos],
        columns=4,
    )
    st.caption(t("Drop in your own photos, or try these."))
    st.caption(t(sample_photos.CREDITS))


def _lab_samples() -> list[InputPhoto]:
    photos = []
    for sample in sample_photos.SAMPLES:
        try:
            data = sample.read()
        except OSError:  # an installation without assets
            continue
        key = f"{LAB_SAMPLES}:{sample.name}"
        photos.append(InputPhoto(f"{t(sample.title)}.jpg", key, data, sample.truth, sample.domain))
    return photos


def _no_pets_photos() -> list[InputPhoto]:
    return [
        InputPhoto(
            f"{t(title)}.jpg",
            f"{NO_PETS}:{name}",
            decode.encode_photo(ood_examples.draw_example(name)),
            domain="drawn",
        )
        for name, title in ood_examples.TITLES.items()
    ]


def _validation_photos(dataset: Dataset, seed: int) -> list[InputPhoto]:
    items = dataset.items("validation") or dataset.items()
    chosen = random.Random(seed).sample(items, min(SAMPLE_COUNT, len(items)))
    photos = []
    for item in chosen:
        key = f"{dataset.id}:{dataset.fingerprint}:{item.file}"
        truth = dataset.classes[item.label]
        photos.append(InputPhoto(item.file, key, _read_photo(item.path), truth, dataset.domain))
    return photos


def _unlabeled_photos(dataset: Dataset, seed: int) -> list[InputPhoto]:
    paths = dataset.unlabeled
    chosen = random.Random(seed).sample(paths, min(SAMPLE_COUNT, len(paths)))
    keys = [f"{dataset.id}:{dataset.fingerprint}:{path}" for path in sorted(chosen)]
    return [
        InputPhoto(path.name, key, _read_photo(path), domain=dataset.domain)
        for path, key in zip(sorted(chosen), keys, strict=True)
    ]


def _read_photo(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # reported as unreadable beside the others
