"""Demos of the Learn page about photos and their augmentation."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import streamlit as st

from catdog_core import runs
from catdog_core.analysis import heatmap
from catdog_core.augmentation import augment
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.config import NO_AUGMENTATION, PRESETS, Augmentation
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo
from catdog_core.learn import numpy_ops
from catdog_core.runs import Run, RunRecord

from .. import charts, format_text, gallery, widgets
from ..data import batch_view, split_view
from ..i18n import escape, t
from . import learner_context
from .learner_context import LearnerContext

_PATCH, _PATCH_CORNER = 6, (58, 62)  # pixels: the side of the part looked at, and its place
_TIMED = 12
_SQUARES = (150, 64, 32)
_FEW = 3


def show_little_data(who: LearnerContext) -> None:
    """Draw the learner's count beside what counts as little and as much."""
    names = [
        t("your training photos"),
        t("enough if clean and simple, from"),
        t("… to"),
        t("no longer small, from"),
    ]
    count = max(int(who.facts["photos"]), 1)
    learner_context.draw_bars(
        names,
        [count, 1_000, 10_000, 100_000],
        0,
        t("Photos"),
        "learn_counts",
        t("{n:,} training photos beside 1,000, 10,000 and 100,000", n=count),
    )
    st.caption(
        t(
            "Each step of the axis is ten times more. You have {n:,} training photos: {share:.2%}"
            " of what is no longer called small.",
            n=count,
            share=count / 100_000,
        )
    )


def show_photo_array(who: LearnerContext) -> None:
    """Draw a part of a photo, enlarged, beside its numbers."""
    loaded_photo = _load_current_photo(who)
    if loaded_photo is None:
        return
    photo, patch = loaded_photo, _cut_patch(loaded_photo)
    top, left = _PATCH_CORNER
    large = np.kron(patch, np.ones((25, 25, 1), dtype=np.uint8))
    gallery.image_grid(
        [
            decode.encode_photo(
                heatmap.draw_frame(photo, (top, left, top + _PATCH, left + _PATCH))
            ),
            decode.encode_photo(large, "png"),
        ],
        captions=[
            t("Your photo, {n} pixels a side", n=photo.shape[0]),
            t("The frame in it, {n} × {n} pixels", n=_PATCH),
        ],
        columns=2,
        width=420,
    )
    names = [t("red"), t("green"), t("blue")]
    channel = st.segmented_control(
        t("Colour"),
        range(3),
        format_func=names.__getitem__,
        default=0,
        required=True,
        key="learn_channel",
        label_visibility="collapsed",
    )
    st.code(
        f"photo[{top}:{top + _PATCH}, {left}:{left + _PATCH}, {channel}]\n{patch[:, :, channel]}",
        "python",
    )
    learner_context.another_photo_button()


def show_rescaling(who: LearnerContext) -> None:
    """Draw the same numbers before and after the network's first layer."""
    photo = _load_current_photo(who)
    if photo is None:
        return
    red = _cut_patch(photo)[:, :, 0]
    with st.grid(2, min_column_width=330, gap="small"):
        with st.container():
            st.markdown(t("**As read**"))
            st.code(str(red), "python")
        with st.container():
            st.markdown(t("**After 1/255**"))
            st.code(np.array2string(red / 255, precision=2, floatmode="fixed"), "python")
    st.caption(
        t(
            "The whole photo goes from {low}…{high} to {small:.2f}…{large:.2f}; nothing else"
            " changes.",
            low=int(photo.min()),
            high=int(photo.max()),
            small=float(photo.min()) / 255,
            large=float(photo.max()) / 255,
        )
    )
    learner_context.another_photo_button()


def show_reading_time(who: LearnerContext) -> None:
    """Say how long reading takes on this very machine, and what it adds up to."""
    assert who.dataset is not None
    paths = [item.path for item in who.dataset.items("train")[:_TIMED]]
    start = perf_counter()
    good = sum(
        not isinstance(photo, PhotoError)
        for photo in decode.load_photos(paths, learner_context.SIZE)
    )
    each = (perf_counter() - start) / max(len(paths), 1)
    epoch, epochs = each * who.facts["photos"], who.facts["epochs"]
    gallery.metric_row(
        [
            (t("a photo"), t("{n:.1f} ms", n=1000 * each)),
            (t("an epoch"), t("{n:.1f} s", n=epoch)),
            (t("{n} epochs", n=epochs), t("{n:,.0f} s", n=epoch * epochs)),
        ]
    )
    st.caption(
        t(
            "{n} of your photos were just read and decoded, from files the system may still hold in"
            " memory; from a cold disk it takes longer. A reader that keeps nothing pays this in"
            " every epoch.",
            n=good,
        )
    )
    st.button(t("Read them again"), icon=":material/refresh:", key="learn_read")


def show_record(who: LearnerContext) -> None:
    """Say what a record of one photo is made of, byte by byte."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    item, photo = sample
    gallery.image_grid(
        [decode.encode_photo(photo)],
        alts=[truncate_for_display(item.file, 60)],
        columns=1,
        width=120,
    )
    file = item.path.stat().st_size if item.path.exists() else 0
    raw = learner_context.SIZE * learner_context.SIZE * 3
    parts = [
        (t("part of a record"), t("bytes")),
        ("---", "--:"),
        (t("length of what comes"), "8"),
        (t("checksum of the length"), "4"),
        (t("the photo as numbers, and its label"), f"{raw:,} +"),
        (t("checksum of these"), "4"),
    ]
    st.markdown("\n".join(f"| {name} | {size} |" for name, size in parts))
    begins = " ".join(f"{byte:02x}" for byte in photo.tobytes()[:10])
    st.code(t("the photo's bytes begin: {bytes} …", bytes=begins), None)
    st.caption(
        t(
            "Your photo {file} has {n:,} bytes as a file. As numbers it is larger, but nothing is"
            " left to decode. All {photos:,} training photos take {packed:,.0f} MB.",
            file=escape(truncate_for_display(item.file, 60)),
            n=file,
            photos=who.facts["photos"],
            packed=who.facts["photos"] * raw / 1e6,
        )
    )
    learner_context.another_photo_button()


def show_resizing(who: LearnerContext) -> None:
    """Draw the photo as it is, and as squares of three sizes."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    item, _ = sample
    original = decode.decode_photo(decode.read_photo_bytes(item.path))
    height, width = original.shape[:2]
    small = [decode.resize_photo(original, side) for side in _SQUARES]
    gallery.image_grid(
        [
            decode.encode_photo(decode.make_thumbnail(original, 240)),
            *(decode.encode_photo(s, "png") for s in small),
        ],
        captions=[
            t("the file: {width} × {height}", width=width, height=height),
            *(t("{n} × {n}", n=side) for side in _SQUARES),
        ],
        columns=4,
        least=110,
    )
    st.caption(
        t(
            "Of {whole:,} pixels, {n:,} are left at 150 and {few:,} at 32. Would you still know the"
            " pet?",
            whole=width * height,
            n=150 * 150,
            few=32 * 32,
        )
    )
    learner_context.another_photo_button()


def show_labels(who: LearnerContext) -> None:
    """Draw the classes of the dataset with their numbers."""
    assert who.dataset is not None
    names = who.dataset.classes
    rows = [
        f"| `{number}` | {escape(truncate_for_display(name, 40))} |"
        for number, name in enumerate(names[:10])
    ]
    number, folder = t("number"), t("folder")
    st.markdown("\n".join([f"| {number} | {folder} |", "|--:|---|", *rows]))
    caption = (
        t("The alphabetical order, which Keras takes when nothing is said.")
        if list(names) == sorted(names)
        else t("Not the alphabetical order: you, or the folder's record, have set another one.")
    )
    st.caption(caption)
    shown = [truncate_for_display(name, 40) for name in names[:10]]
    st.code(f"flow_from_directory(folder, classes={shown})")


def show_class_modes(who: LearnerContext) -> None:
    """Draw a few photos and their labels, written in three ways."""
    assert who.dataset is not None
    items = split_view.sample_photos(who.dataset)[:_FEW]
    read = [(item, gallery.fitted_photo(item.path, 112)) for item in items]
    good = [(item, photo) for item, photo in read if not isinstance(photo, PhotoError)]
    gallery.image_grid(
        [decode.encode_photo(photo) for _, photo in good],
        captions=[truncate_for_display(who.dataset.classes[item.label], 30) for item, _ in good],
        colors=[class_color(item.label) for item, _ in good],
        columns=_FEW,
        width=360,
    )
    numbers = np.array([item.label for item, _ in good], dtype=np.int64)
    modes = batch_view.encode_labels(numbers, len(who.dataset.classes))
    lines = [
        f"{mode:<12}{'–' if array is None else ' '.join(str(array.astype(int)).split())}"
        for mode, array in modes.items()
    ]
    st.code("\n".join(lines), None)
    if modes["binary"] is None:
        st.caption(t("One number of 0 or 1 tells only two classes apart; you have more."))


def show_batch(who: LearnerContext) -> None:
    """Draw any batch of the endless row of batches: its epoch, its step and its photos."""
    assert who.dataset is not None
    items = who.dataset.items("train")
    size = min(int(who.facts["batch"]), 20)
    steps = -(-len(items) // size)
    number = st.slider(t("Batch number"), 1, 3 * steps, 1, key="learn_batch")
    chosen = numpy_ops.batch_indices(len(items), size, number)
    read = [(items[n], gallery.fitted_photo(items[n].path, learner_context.SIZE)) for n in chosen]
    good = [(item, photo) for item, photo in read if not isinstance(photo, PhotoError)]
    gallery.image_grid(
        [decode.encode_photo(decode.make_thumbnail(photo, 72)) for _, photo in good],
        alts=[truncate_for_display(who.dataset.classes[item.label], 30) for item, _ in good],
        tooltips=[truncate_for_display(item.file, 100) for item, _ in good],
        columns=5,
        least=44,
        width=400,
    )
    side = learner_context.SIZE
    st.code(f"photos.shape  ({len(good)}, {side}, {side}, 3)\nlabels.shape  ({len(good)},)", None)
    st.caption(
        t(
            "Batch {number}: step {step} of {steps} in epoch {epoch}. After the last step the"
            " photos are shuffled and it begins anew; nothing ever says stop.",
            number=number,
            step=(number - 1) % steps + 1,
            steps=steps,
            epoch=(number - 1) // steps + 1,
        )
    )


def _load_current_photo(who: LearnerContext) -> Photo | None:
    assert who.dataset is not None
    dataset: Dataset = who.dataset
    sample = learner_context.current_photo(dataset)
    return None if sample is None else sample[1]


def _cut_patch(photo: Photo) -> Photo:
    top, left = _PATCH_CORNER
    return photo[top : top + _PATCH, left : left + _PATCH]


_VARIANTS, _ROW_LENGTH = 20, 5


def show_augmentation(who: LearnerContext) -> None:
    """Draw a photo and its variants, with one slider."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    degrees = st.slider(t("Rotation, degrees either way"), 0, 90, 20, key="learn_degrees")
    flips = st.toggle(t("Flips, shifts and zoom as well"), key="learn_flips")
    base = PRESETS["notes"] if flips else NO_AUGMENTATION
    settings = base.model_copy(update={"rotation_range": float(degrees)})
    _show_variants(sample[1], settings, _VARIANTS)
    st.caption(
        t("Nothing is set, so every variant equals the photo.")
        if settings.is_off
        else t("20 draws of: {words}.", words=format_text.describe_augmentation(settings))
    )
    learner_context.another_photo_button()


def show_validation_photo(who: LearnerContext) -> None:
    """Draw a training photo over five epochs, and a validation photo."""
    assert who.dataset is not None
    own = who.run.augmentation if isinstance(who.run, Run) else None
    settings = own if own is not None and not own.is_off else PRESETS["notes"]
    sample = learner_context.current_photo(who.dataset)
    validation_item = next(iter(who.dataset.items("validation")), None)
    if sample is None:
        return
    st.markdown(t("**A training photo, epoch 1 to 5**"))
    _show_variants(sample[1], settings, _ROW_LENGTH)
    plain = (
        gallery.fitted_photo(validation_item.path, learner_context.SIZE)
        if validation_item
        else None
    )
    if plain is None or isinstance(plain, PhotoError):
        st.caption(t("This dataset has no validation photo to show beside it."))
        return
    st.markdown(t("**A validation photo, epoch 1 to 5**"))
    _show_variants(plain, NO_AUGMENTATION, _ROW_LENGTH)
    st.caption(t("Augmentation here: {words}.", words=format_text.describe_augmentation(settings)))
    learner_context.another_photo_button()


def show_paired_runs(who: LearnerContext) -> None:
    """Draw the newest plain and the newest augmented run of the same network, side by side."""
    assert who.run is not None
    plain, augmented = _find_paired_runs(who.run)
    shown = [run for run in (plain, augmented) if run is not None]
    curves = [
        charts.LearningCurve(
            epochs=run.epochs,
            planned=len(run.epochs),
            classes=max(len(run.classes), 2),
            name=run.name,
        )
        for run in shown
    ]
    st.html(
        charts.legend_html(
            [
                *((run.name, charts.run_color(n), "line") for n, run in enumerate(shown)),
                (t("Training"), "", "dots"),
            ]
        )
    )
    widgets.plot_figure(
        charts.overlay_figure("accuracy", curves),
        key="learn_twin",
        alt=t("Accuracy of a plain and an augmented run"),
    )
    gallery.metric_row(
        [
            (t("gap of {name}", name=run.name), format_text.format_points(gap))
            for run in shown
            if (gap := format_text.accuracy_gap(run)) is not None
        ]
    )
    if not isinstance(plain, Run) or not isinstance(augmented, Run):
        lacking = t("augmented") if augmented is None else t("not augmented")
        st.info(
            t("You have no {kind} run of this network yet to lay beside it.", kind=lacking),
            icon=":material/compare_arrows:",
        )
        return
    st.caption(
        t(
            "Dotted is training, solid validation. Compare the gaps, and mind what else differs:"
            " {first} has {one:g} as learning rate, {second} {two:g}.",
            first=escape(plain.name),
            second=escape(augmented.name),
            one=plain.training.learning_rate,
            two=augmented.training.learning_rate,
        )
    )


def _find_paired_runs(run: RunRecord) -> tuple[RunRecord | None, RunRecord | None]:
    """The chosen run and the newest of the other kind with its network and classes."""
    is_plain = _is_plain(run)
    other = next(
        (
            candidate
            for candidate in runs.list_runs()
            if candidate.epochs
            and candidate.model == run.model
            and candidate.classes == run.classes
            and _is_plain(candidate) != is_plain
        ),
        None,
    )
    return (run, other) if is_plain else (other, run)


def _is_plain(run: RunRecord) -> bool:
    return not isinstance(run, Run) or run.augmentation is None or run.augmentation.is_off


def _show_variants(photo: Photo, settings: Augmentation, count: int) -> None:
    drawn = augment.make_variants(photo, settings, count)
    gallery.image_grid(
        [decode.encode_photo(decode.make_thumbnail(image, 100)) for image, _ in drawn],
        alts=[t("Variant {n}", n=n + 1) for n in range(count)],
        columns=_ROW_LENGTH,
        least=44,
        width=400,
    )
