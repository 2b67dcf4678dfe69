"""The pieces of the Augment page: a photo, its controls, and 20 variants drawn at once."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catdog_core.analysis import plots
from catdog_core.augmentation import augment, color, mixing
from catdog_core.augmentation.mixing import Mix
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import slugify, truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.config import Augmentation, Training
from catdog_core.data.datasets import Dataset, Item
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo
from catdog_core.runs import Run

from .. import format_text, forms, gallery, uploads, widgets
from ..i18n import escape, say, t
from ..learn.glossary_view import show_terms
from ..session import AUGMENTATION_CHOICE_KEY, page_state
from ..startup import guarded_fragment
from ..train import train_form
from . import augment_controls, augment_panels
from .augment_panels import VariantSet

VARIANT_COUNT = 20
_VALUES_KEY = "augment_values"
_ALL_CLASSES = -1  # in place of a label
_LEAST_CLIPPED = 0.005  # a smaller share of the pixels isn't worth a sentence
_MAX_TRIED = 20  # photos that are opened at most to find one that can be read


@dataclass(frozen=True)
class SubjectPhoto:
    """The photo on the bench: (S, S, 3) uint8, its name, and its label where it is known."""

    photo: Photo
    name: str
    label: int | None


def render_augment_page(dataset: Dataset | None) -> None:
    """Draw a photo and its controls beside 20 variants of it, in a fragment of its own."""
    guarded_fragment(_render_page)(dataset)


def _render_page(dataset: Dataset | None) -> None:
    actions = st.container()
    # The variants come first and stay in view (assets/page.css), so that every slider shows at once
    # what it does: beside the variants, or below them on a telephone.
    pictures_, controls_ = st.columns([3, 2], gap="large")
    with controls_:
        subject = _choose_subject(dataset, _preview_size())
        summary_slot = st.container()  # for the original and the average, which needs the variants
        settings = augment_controls.augmentation_settings()
    variants = None
    with actions:
        _actions(settings)
    with pictures_, st.container(key="augment_variants"):
        if subject is not None:
            variants = _draw_variants(subject, settings, dataset)
            variants = augment_panels.ask_model(variants, subject.photo)
            _variant_gallery(variants, settings)
            if settings.is_off:
                st.caption(
                    t("All settings are off, so every variant equals the original. Move a slider.")
                )
    # The 20 pictures are on their way; whatever else there is may follow.
    with controls_:
        augment_controls.show_controls(settings, dataset)
    if subject is not None and variants is not None:
        with summary_slot:
            _summary(subject, variants)
        _gallery_footer(subject, variants, settings)
        _size_note(subject.photo, settings)
        _training_note(settings)
        show_terms("augmentation", "fill-mode", "overfitting")
        augment_panels.show_panels(subject.photo, settings, variants)


def _preview_size() -> int:
    """The side of the photos shown, in pixels.

    Blur, noise and erasing depend on it. So it is the one that trains: of the model that predicts
    the variants, else of the next run.
    """
    run = augment_panels.chosen_model()
    if isinstance(run, Run):
        return run.training.image_size
    return int(forms.form_values(Training, train_form.FORM_KEY)["image_size"])


def _choose_subject(dataset: Dataset | None, size: int) -> SubjectPhoto | None:
    """Let the user take a photo of the dataset or bring one; None, and a sentence, if it is bad."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        item = _pick_photo(dataset, size) if dataset else None
        file = _upload_photo()
    if file is not None:
        name, photo = file.name, gallery.uploaded_photo(file.file_id, file.getvalue(), size)
        label = None
    elif item is not None:
        name, photo, label = item.file, gallery.fitted_photo(item.path, size), item.label
    else:
        return None
    if isinstance(photo, PhotoError):
        st.error(f"**{escape(name)}**: {escape(say(photo))}", icon=":material/broken_image:")
        return None
    return SubjectPhoto(photo, name, label)


def _summary(subject: SubjectPhoto, variants: VariantSet) -> None:
    """The original beside the mean of its variants, pixel by pixel."""
    average = np.mean(variants.photos, axis=0).round().astype(np.uint8)
    gallery.image_grid(
        [decode.encode_photo(subject.photo), decode.encode_photo(average)],
        [t("Original"), t("Average of {n} variants", n=VARIANT_COUNT)],
        [
            subject.name,
            t("Sharp where the variants agree, blurred where they moved."),
        ],
        columns=2,
        alts=[subject.name, t("Pixel-by-pixel mean of all variants")],
        width=340,
    )


def _upload_photo() -> UploadedFile | None:
    with st.popover(t("Upload photo"), icon=":material/upload:"):
        file: UploadedFile | None = st.file_uploader(
            t("JPEG, PNG, WebP, BMP, GIF, TIFF, or AVIF"),
            max_upload_size=uploads.register_upload_limit(),
            key="augment_upload",
        )
        widgets.explain_streamlit_words("files")
    return file


def _pick_photo(dataset: Dataset, size: int) -> Item:
    """One training photo, of one class if asked; "next" and "random" walk through them."""
    label = st.selectbox(
        t("Class"),
        [_ALL_CLASSES, *range(len(dataset.classes))],
        format_func=lambda n: (
            t("All classes") if n == _ALL_CLASSES else truncate_for_display(dataset.classes[n])
        ),
        key=f"augment_class_{dataset.id}",
        label_visibility="collapsed",
        width=150,
    )
    st.button(
        t("Next"),
        icon=":material/skip_next:",
        key="photo_next",
        on_click=_jump_to_next,
    )
    st.button(t("Random"), icon=":material/shuffle:", key="photo_random", on_click=_jump_to_random)
    items = [item for item in dataset.items("train") if label in (_ALL_CLASSES, item.label)]
    position = page_state().augment.photo_index
    for step in range(min(len(items), _MAX_TRIED)):
        item = items[(position + step) % len(items)]
        if not isinstance(gallery.fitted_photo(item.path, size), PhotoError):
            return item
    return items[position % len(items)]


def _jump_to_next() -> None:
    page_state().augment.photo_index += 1


def _jump_to_random() -> None:
    page_state().augment.photo_index = random.randrange(1_000_000)


def _actions(settings: Augmentation) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("New variants"),
            key="new_draw",
            icon=":material/casino:",
            on_click=_draw_anew,
        )
        st.button(t("Reset"), key="augment_reset", icon=":material/undo:", on_click=_reset_settings)
        st.toggle(t("Show values"), key=_VALUES_KEY, persist_state="session")
        st.space("stretch")
        used = page_state().train.augmentation == settings
        st.button(
            t("Used in training") if used else t("Use in training"),
            key="use_in_training",
            type="secondary" if used else "primary",
            icon=":material/check:" if used else ":material/model_training:",
            disabled=used,
            on_click=_use_in_training,
            args=(settings,),
        )


def _training_note(settings: Augmentation) -> None:
    """That the training uses these settings, with the way there; below all that could jump."""
    if page_state().train.augmentation == settings:
        st.caption(
            t("Your next run uses: {words}.", words=format_text.describe_augmentation(settings))
        )
        widgets.page_link("pages/3_Train.py", t("Open Train"), "arrow_forward")


def _use_in_training(settings: Augmentation) -> None:
    page_state().train.augmentation = settings
    st.session_state[AUGMENTATION_CHOICE_KEY] = "mine"


def _draw_anew() -> None:
    page_state().augment.seed += 1


def _reset_settings() -> None:
    augment_controls.reset_controls()
    page_state().augment.seed = 0


def _draw_variants(
    subject: SubjectPhoto, settings: Augmentation, dataset: Dataset | None
) -> VariantSet:
    """Draw the 20 variants, mixed with other photos where the settings say so."""
    seed = page_state().augment.seed
    drawn = augment.make_variants(subject.photo, settings, VARIANT_COUNT, seed)
    photos = [image for image, _ in drawn]
    mixes: list[Mix] = []
    words = [augment_panels.transform_text(transform) for _, transform in drawn]
    count = VARIANT_COUNT if settings.mixes else 1
    partners = _partners(dataset, seed, count, len(subject.photo)) if dataset else []
    if settings.mixes and partners and dataset is not None:
        own = (
            t("this photo")
            if subject.label is None
            else truncate_for_display(dataset.classes[subject.label])
        )
        rng = np.random.default_rng((seed, VARIANT_COUNT))
        others = augment.augment_batch(np.stack([photo for photo, _ in partners]), settings, rng)
        mixed = mixing.make_mixed_variants(photos, list(others), settings, seed)
        photos, mixes = [photo for photo, _ in mixed], [mix for _, mix in mixed]
        for n, (mix, (_, label)) in enumerate(zip(mixes, partners, strict=True)):
            other = truncate_for_display(dataset.classes[label])
            words[n] = f"{augment_panels.mix_text(mix, own, other)}\n{words[n]}"
    transforms = [transform for _, transform in drawn]
    return VariantSet(photos, transforms, words, mixes, partners[0][0] if partners else None)


def _partners(dataset: Dataset, seed: int, count: int, size: int) -> list[tuple[Photo, int]]:
    """Photos drawn at random from the training photos, with their labels: what a batch holds."""
    items = dataset.items("train")
    rng = np.random.default_rng((seed, len(items)))
    partners = []
    for index in rng.permutation(len(items))[: 2 * count].tolist():
        photo = gallery.fitted_photo(items[index].path, size)
        if not isinstance(photo, PhotoError):
            partners.append((photo, items[index].label))
        if len(partners) == count:
            break
    return [partners[n % len(partners)] for n in range(count)] if partners else []


def _variant_gallery(variants: VariantSet, settings: Augmentation) -> None:
    long = st.session_state.get(_VALUES_KEY, False)
    captions = list(variants.answers) or ["" for _ in variants.descriptions]
    if long:
        captions = [
            f"{a}\n{b}".strip() for a, b in zip(captions, variants.descriptions, strict=True)
        ]
    gallery.image_grid(
        [decode.encode_photo(photo) for photo in variants.photos],
        captions=captions if any(captions) else None,
        tooltips=variants.descriptions,
        alts=[t("Variant {n}", n=n + 1) for n in range(len(variants.photos))],
        colors=[class_color(label) for label in variants.labels] or None,
        least=60,  # four rows of five on a telephone too
    )


def _gallery_footer(subject: SubjectPhoto, variants: VariantSet, settings: Augmentation) -> None:
    """A word on the variants, and the sheet of them as a file."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not settings.is_off and not st.session_state.get(_VALUES_KEY, False):
            st.caption(t("Hover over a variant to see its values."), width="content")
        st.space("stretch")
        st.caption(t("Contact sheet:"), width="content")
        for kind in ("png", "pdf"):
            st.download_button(
                kind.upper(),
                partial(_contact_sheet, subject.photo, variants, settings, kind),
                file_name=f"{slugify(Path(subject.name).stem)}-variants.{kind}",
                mime="application/pdf" if kind == "pdf" else "image/png",
                key=f"augment_sheet_{kind}",
                icon=":material/download:",
                type="tertiary",
                on_click="ignore",
            )


def _size_note(photo: Photo, settings: Augmentation) -> None:
    """The size the preview has, and how much of the photo a turned hue clips."""
    run = augment_panels.chosen_model()
    source = t("as this model was trained") if isinstance(run, Run) else t("as on the Train page")
    notes = [t("Shown at {size} × {size} px, {source}.", size=len(photo), source=source)]
    clipped = color.largest_clipping(photo, settings.hue_range)
    if clipped >= _LEAST_CLIPPED:
        notes.append(
            t(
                "At a hue of up to ±{hue:g}°, up to {share:.0%} of this photo's pixels are "
                "clipped.",
                hue=settings.hue_range,
                share=clipped,
            )
        )
    st.caption(" ".join(notes))


def _contact_sheet(
    original: Photo, variants: VariantSet, settings: Augmentation, kind: str
) -> bytes:
    """The variants as one picture or a PDF; made when asked for, as matplotlib is slow to load."""
    file = io.BytesIO()
    plots.write_contact_sheet(
        list(zip(variants.photos, variants.transforms, strict=True)),
        file,
        kind=kind,
        originals=[original],
        mixes=variants.mixes,
        title=plots.describe_augmentation(settings),
    )
    return file.getvalue()
