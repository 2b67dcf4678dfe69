"""Demos of the Learn page about photos and their augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from time import perf_counter
from typing import cast, get_args

import numpy as np
import streamlit as st

from catdog_core import runs
from catdog_core.analysis import accuracy_gap, heatmap
from catdog_core.augmentation import augment
from catdog_core.augmentation.augment import Transform
from catdog_core.base.errors import PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.metric_rows import EpochRow
from catdog_core.base.palette import class_color
from catdog_core.config import NO_AUGMENTATION, PRESETS, Augmentation, FillMode
from catdog_core.data.datasets import Dataset
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo
from catdog_core.learn import example_histories, numpy_ops, run_facts
from catdog_core.runs import Run

from .. import charts, format_text, gallery, widgets
from ..data import batch_view, split_view
from ..i18n import escape, pgettext, t
from . import learner_context
from .learner_context import LearnerContext

_PATCH, _PATCH_CORNER = 6, (58, 62)  # pixels: the side of the part looked at, and its place
_TIMED = 12
_SQUARES = (150, 64, 32)
_FEW = 3


def show_little_data(who: LearnerContext) -> None:
    """The learner's count beside what counts as little and as much."""
    assert who.dataset_facts is not None
    names = [
        t("your training photos"),
        t("simple task, at least"),
        t("simple task, better"),
        t("plenty of data, at least"),
    ]
    count = max(int(who.dataset_facts["photos"]), 1)
    learner_context.draw_bars(
        names,
        [count, 1_000, 10_000, 100_000],
        0,
        pgettext("count", "Photos"),
        "learn_counts",
        t("Your {n:,} training photos next to 1,000, 10,000 and 100,000", n=count),
    )
    st.caption(
        t(
            "Each mark on the axis is ten times the one before. Your {n:,} training photos are"
            " {share:.2%} of 100,000.",
            n=count,
            share=count / 100_000,
        )
    )


def show_photo_array(who: LearnerContext) -> None:
    """A part of a photo, enlarged, beside its numbers."""
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
            t("Your photo, {n} pixels per side", n=photo.shape[0]),
            t("The part in the frame, {n} × {n} pixels", n=_PATCH),
        ],
        columns=2,
        width=420,
    )
    names = [t("red"), t("green"), t("blue")]
    channel = st.segmented_control(
        t("Color"),
        range(3),
        format_func=names.__getitem__,
        default=0,
        required=True,
        key="learn_channel",
        label_visibility="collapsed",
    )
    st.code(
        f"photo[{top}:{top + _PATCH}, {left}:{left + _PATCH}, {channel}]\n{patch[:, :, channel]}",
        None,  # the colors of Python code are too pale for numbers on a light page
    )
    learner_context.another_photo_button()


def show_rescaling(who: LearnerContext) -> None:
    """The same numbers before and after the network's first layer."""
    photo = _load_current_photo(who)
    if photo is None:
        return
    red = _cut_patch(photo)[:, :, 0]
    with st.grid(2, min_column_width=330, gap="small"):
        with st.container():
            st.markdown(t("**As read**"))
            st.code(str(red), None)
        with st.container():
            st.markdown(t("**After 1/255**"))
            st.code(np.array2string(red / 255, precision=2, floatmode="fixed"), None)
    st.caption(
        t(
            "The values of the photo go from {low}–{high} to {small:.2f}–{large:.2f}. Nothing else"
            " changes.",
            low=int(photo.min()),
            high=int(photo.max()),
            small=float(photo.min()) / 255,
            large=float(photo.max()) / 255,
        )
    )
    learner_context.another_photo_button()


def show_reading_time(who: LearnerContext) -> None:
    """How long reading takes on this machine, and what it adds up to."""
    assert who.dataset is not None and who.dataset_facts is not None
    paths = [item.path for item in who.dataset.items("train")[:_TIMED]]
    start = perf_counter()
    good = sum(
        not isinstance(photo, PhotoError)
        for photo in decode.load_photos(paths, learner_context.SIZE)
    )
    each = (perf_counter() - start) / max(len(paths), 1)
    epoch = each * who.dataset_facts["photos"]
    epochs = who.run_facts["epochs"] if who.run_facts else run_facts.COURSE_EPOCHS
    gallery.metric_row(
        [
            (t("One photo"), t("{n:.1f} ms", n=1000 * each)),
            (t("One epoch"), t("{n:.1f} s", n=epoch)),
            (t("{n} epochs", n=epochs), t("{n:,.0f} s", n=epoch * epochs)),
        ]
    )
    st.caption(
        t(
            "The lab just read and decoded {n} of your photos. They might still be in the system's"
            " memory. Otherwise, reading takes longer.",
            n=good,
        )
        + (" " + t("The number of epochs is your run's.") if who.run_facts else "")
    )
    st.button(t("Read again"), icon=":material/refresh:", key="learn_read")


def show_record(who: LearnerContext) -> None:
    """What a record of one photo is made of, byte by byte."""
    assert who.dataset is not None and who.dataset_facts is not None
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
        (t("Part of a record"), t("Bytes")),
        ("---", "--:"),
        (t("length of the data"), "8"),
        (t("checksum of the length"), "4"),
        (t("pixels and label"), f"{raw:,} +"),
        (t("checksum of the data"), "4"),
    ]
    st.markdown("\n".join(f"| {name} | {size} |" for name, size in parts))
    begins = " ".join(f"{byte:02x}" for byte in photo.tobytes()[:10])
    st.code(t("First bytes of the photo: {bytes} …", bytes=begins), None)
    st.caption(
        t(
            "The file {file} has {n:,} bytes. As pixels, it needs no decoding. All {photos:,}"
            " training photos take {packed:,.0f} MB.",
            file=escape(truncate_for_display(item.file, 60)),
            n=file,
            photos=who.dataset_facts["photos"],
            packed=who.dataset_facts["packed"],
        )
    )
    learner_context.another_photo_button()


def show_resizing(who: LearnerContext) -> None:
    """The photo as it is, and as squares of three sizes."""
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
            t("File, {width} × {height}", width=width, height=height),
            *(t("{n} × {n}", n=side) for side in _SQUARES),
        ],
        columns=4,
        least=110,
    )
    st.caption(
        t(
            "The file has {whole:,} pixels. A side of 150 leaves {n:,}, a side of 32 leaves"
            " {few:,}. Can you still tell the class?",
            whole=width * height,
            n=150 * 150,
            few=32 * 32,
        )
    )
    learner_context.another_photo_button()


def show_labels(who: LearnerContext) -> None:
    """The classes of the dataset with their numbers."""
    assert who.dataset is not None
    names = who.dataset.classes
    rows = [
        f"| `{number}` | {escape(truncate_for_display(name, 40))} |"
        for number, name in enumerate(names[:10])
    ]
    number, folder = t("Label"), t("Folder")
    st.markdown("\n".join([f"| {number} | {folder} |", "|--:|---|", *rows]))
    caption = (
        t("This is the alphabetical order, the default in Keras.")
        if list(names) == sorted(names)
        else t("This isn't the alphabetical order. You or the dataset set another one.")
    )
    st.caption(caption)
    shown = [truncate_for_display(name, 40) for name in names[:10]]
    st.code(f"flow_from_directory(folder, classes={shown})")


def show_class_modes(who: LearnerContext) -> None:
    """A few photos and their labels, written in three ways."""
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
        st.caption(t("You don't have two classes, so `binary` doesn't fit."))


def show_batch(who: LearnerContext) -> None:
    """Any batch of the endless row of batches: its epoch, its step and its photos."""
    assert who.dataset is not None
    items = who.dataset.items("train")
    size = min(who.run_facts["batch"] if who.run_facts else run_facts.COURSE_BATCH, 20)
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
            "Batch {number} is batch {step} of {steps} in round {epoch}. After each round, the"
            " photos are shuffled and the next round starts.",
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
    """A photo and its variants, with one slider."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    degrees = st.slider(t("Rotation range in degrees"), 0, 90, 20, key="learn_degrees")
    flips = st.toggle(t("Add flips, shifts and zoom"), key="learn_flips")
    base = PRESETS["notes"] if flips else NO_AUGMENTATION
    settings = base.model_copy(update={"rotation_range": float(degrees)})
    _show_variants(sample[1], settings, _VARIANTS)
    st.caption(
        t("Everything is off, so all variants equal the photo.")
        if settings.is_off
        else t("20 variants ({words}).", words=format_text.describe_augmentation(settings))
    )
    learner_context.another_photo_button()


def show_validation_photo(who: LearnerContext) -> None:
    """A training photo over five epochs, and a validation photo."""
    assert who.dataset is not None
    own = who.run.augmentation if isinstance(who.run, Run) else None
    settings = own if own is not None and not own.is_off else PRESETS["notes"]
    size = who.run.training.image_size if isinstance(who.run, Run) else learner_context.SIZE
    sample = learner_context.current_photo(who.dataset, size)
    validation_item = next(iter(who.dataset.items("validation")), None)
    if sample is None:
        return
    st.markdown(t("**Training photo in epochs 1 to 5**"))
    _show_variants(sample[1], settings, _ROW_LENGTH)
    plain = gallery.fitted_photo(validation_item.path, size) if validation_item else None
    if plain is None or isinstance(plain, PhotoError):
        st.caption(t("This dataset has no validation photos."))
        return
    st.markdown(t("**Validation photo in epochs 1 to 5**"))
    _show_variants(plain, NO_AUGMENTATION, _ROW_LENGTH)
    st.caption(
        t(
            "Augmentation of the training photo: {words}.",
            words=format_text.describe_augmentation(settings),
        )
    )
    learner_context.another_photo_button()


def show_shift_and_zoom(who: LearnerContext) -> None:
    """One photo, moved and zoomed by chosen values, and what fills its border."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    photo = sample[1]
    with st.grid(3, min_column_width=130, gap="small"):
        shift = st.slider(t("Shift to the right"), -0.3, 0.3, 0.1, 0.05, key="learn_shift")
        across = st.slider(t("Zoom factor across"), 0.7, 1.3, 1.2, 0.05, key="learn_zoom_x")
        down = st.slider(t("Zoom factor down"), 0.7, 1.3, 1.2, 0.05, key="learn_zoom_y")
    fill = widgets.choose_one(
        "fill_mode", {name: name for name in get_args(FillMode)}, "learn_fill", default="nearest"
    )
    pixels = shift * photo.shape[1]
    changed = augment.apply_transform(
        photo,
        # The transform says from where each pixel is taken, so the photo moves the other way.
        Transform(shift_x=-pixels, zx=across, zy=down, fill_mode=cast("FillMode", fill)),
    )
    gallery.image_grid(
        [decode.encode_photo(image) for image in (photo, changed)],
        captions=[t("Photo"), t("Variant")],
        columns=2,
        width=400,
    )
    st.caption(
        t(
            "The shift is {pixels:+.0f} pixels. The picture is {wide:.0%} as wide and {high:.0%} as"
            " high as before.",
            pixels=pixels,
            wide=1 / across,
            high=1 / down,
        )
    )
    learner_context.another_photo_button()


def show_plausible_changes(who: LearnerContext) -> None:
    """A photo with five changes, for the learner to judge."""
    assert who.dataset is not None
    sample = learner_context.current_photo(who.dataset)
    if sample is None:
        return
    changes = {
        t("mirrored"): Transform(flip_horizontal=True),
        t("rotated by 15°"): Transform(theta=15),
        t("darker"): Transform(brightness=0.6),
        t("upside down"): Transform(flip_vertical=True),
        t("rotated by 90°"): Transform(theta=90),
        t("zoom factor 0.3"): Transform(zx=0.3, zy=0.3),
    }
    gallery.image_grid(
        [
            decode.encode_photo(augment.apply_transform(sample[1], change))
            for change in changes.values()
        ],
        captions=list(changes),
        columns=3,
        least=100,
        width=420,
    )
    st.caption(t("Which of these could be new photos for your dataset?"))
    learner_context.another_photo_button()


def show_paired_runs(who: LearnerContext) -> None:
    """The newest plain and the newest augmented run of one network, else two recorded trainings."""
    pair = _find_paired_runs(who.run) if isinstance(who.run, Run) else None
    named: list[tuple[str, Sequence[EpochRow]]]
    if pair is not None:
        named = [(run.name, run.epochs) for run in pair]
    else:
        examples = example_histories.load_examples()
        named = [
            (t(example_histories.EXAMPLE_NAMES[name]), examples[name].rows)
            for name in ("plain", "augmented")
        ]
    guesses = [(run.guess_accuracy, run.guess_loss) for run in pair or ()] or [(0.5, log(2))] * 2
    curves = [
        charts.LearningCurve(rows, len(rows), *guess, name=name)
        for (name, rows), guess in zip(named, guesses, strict=True)
    ]
    st.html(
        charts.legend_html(
            [
                *((name, charts.run_color(n), "line") for n, (name, _) in enumerate(named)),
                (t("Training"), "", "dots"),
            ]
        )
    )
    widgets.plot_figure(
        charts.overlay_figure("accuracy", curves),
        key="learn_twin",
        alt=t("Accuracy with and without augmentation"),
    )
    if pair is None:
        st.caption(
            t(
                "Dotted lines are training, solid lines validation. These are recorded runs of the"
                " course network, with the course's four differences."
            )
        )
        return
    kind = accuracy_gap.shared_kind(pair)
    gaps = [(run.name, accuracy_gap.measure_gap(run, kind)) for run in pair]
    gallery.metric_row(
        [(t("Gap of {name}", name=name), format_text.format_gap(gap)) for name, gap in gaps if gap]
    )
    st.caption(t(accuracy_gap.GAP_MEANINGS[kind]))
    plain, augmented = pair
    st.caption(
        t(
            "Dotted lines are training, solid lines validation. {first} has a learning rate of"
            " {one:g}, {second} one of {two:g}.",
            first=escape(plain.name),
            second=escape(augmented.name),
            one=plain.training.learning_rate,
            two=augmented.training.learning_rate,
        )
    )


def _find_paired_runs(run: Run) -> tuple[Run, Run] | None:
    """The chosen run and the newest of the other kind with its network and classes; plain first."""
    is_plain = _is_plain(run)
    other = next(
        (
            candidate
            for candidate in runs.list_runs()
            if isinstance(candidate, Run)
            and candidate.epochs
            and candidate.model == run.model
            and candidate.classes == run.classes
            and _is_plain(candidate) != is_plain
        ),
        None,
    )
    if other is None:
        return None
    return (run, other) if is_plain else (other, run)


def _is_plain(run: Run) -> bool:
    return run.augmentation is None or run.augmentation.is_off


def _show_variants(photo: Photo, settings: Augmentation, count: int) -> None:
    drawn = augment.make_variants(photo, settings, count)
    gallery.image_grid(
        [decode.encode_photo(decode.make_thumbnail(image, 100)) for image, _ in drawn],
        alts=[t("Variant {n}", n=n + 1) for n in range(count)],
        columns=_ROW_LENGTH,
        least=44,
        width=400,
    )
