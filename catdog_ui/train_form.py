"""The form of a new training: its settings, what they come to, and the start."""

from __future__ import annotations

import streamlit as st

from catdog_core import architecture, datasets, runs
from catdog_core.controls import parse
from catdog_core.datasets import Dataset
from catdog_core.errors import CatDogError
from catdog_core.settings import PRESETS, Augmentation, Training

from . import forms, phrases, state
from .words import escape, t

KEY = "train"
MAIN = ["model", "epochs", "batch_size", "learning_rate"]
MORE = [
    "steps_per_epoch",
    "validation_steps",
    "image_size",
    "seed",
    "early_stopping",
    "monitor",
]


def show() -> None:
    """Draw the form; starting opens the new run in the panel above."""
    _take_clone()
    sides = st.grid(2, min_column_width=400, gap="large")
    left, right = sides.container(), sides.container()
    with left:
        dataset = state.chosen_dataset()
        if dataset is None:
            return
        values = forms.form(Training, KEY, names=MAIN, columns=2)
        with st.expander(t("More settings"), expanded=False):
            values |= forms.form(Training, KEY, names=MORE, columns=2)
        augmentation = _augmentation()
    training = parse(Training, values, t("the form"))
    with right:
        rows = architecture.layers(training.model, training.image_size, len(dataset.classes))
        _network(training, rows)
        _loss(len(dataset.classes), augmentation)
        _arithmetic(training, dataset)
    with left:
        _start(dataset, training, augmentation)


def _take_clone() -> None:
    """Fill the form from the run whose settings the Compare page asked to use again."""
    run_id = st.session_state.pop("train_clone", None)
    if run_id is None:
        return
    run = runs.load(run_id)
    if run.training is None:
        return
    forms.fill(Training, KEY, _as_asked(run.training, run.dataset_id).model_dump())
    if run.augmentation is None or run.augmentation.is_off:
        st.session_state.train_augment = "off"
    elif run.augmentation == PRESETS["notes"]:
        st.session_state.train_augment = "notes"
    else:
        st.session_state.train_augmentation = run.augmentation.model_dump()
        st.session_state.train_augment = "mine"
    st.session_state.train_name = t("{name} again", name=run.name)[:80]
    st.toast(t("The settings of “{name}” are filled in.", name=escape(run.name)))


def _as_asked(training: Training, dataset_id: str) -> Training:
    """Leave steps unset where they are what the data comes to: they follow a new batch size."""
    try:
        dataset = datasets.load(dataset_id)
    except CatDogError:
        return training  # the data is gone: the steps stay as they were
    unset = training.model_copy(update={"steps_per_epoch": None, "validation_steps": None})
    change: dict[str, None] = {}
    if training.steps_per_epoch == unset.steps(len(dataset.items("train"))):
        change["steps_per_epoch"] = None
    if training.validation_steps == unset.validation_batches(len(dataset.items("validation"))):
        change["validation_steps"] = None
    return training.model_copy(update=change)


def _augmentation() -> Augmentation | None:
    mine = st.session_state.get("train_augmentation")
    kinds = {"off": t("off"), "notes": t("the notes' own")}
    if mine:
        kinds["mine"] = t("from the Augment page")
    if st.session_state.get("train_augment") not in kinds:
        st.session_state.train_augment = "mine" if mine else "off"
    kind = st.segmented_control(
        t("Augmentation"),
        list(kinds),
        format_func=lambda key: kinds[key],
        required=True,
        key="train_augment",
        persist_state="session",
        help=t("Random changes to the training photos; validation photos stay as they are."),
    )
    if kind == "off":
        st.caption(t("Every photo is shown to the network as it is."))
        return None
    chosen = parse(Augmentation, mine, t("the Augment page")) if kind == "mine" else None
    settings = chosen or PRESETS["notes"]
    st.caption(phrases.augmentation(settings))
    return settings


def _network(training: Training, rows: list[architecture.Layer]) -> None:
    st.caption(t(architecture.NETWORKS[training.model].about))
    st.dataframe(
        {
            t("Layer"): [f"{row.kind} {row.detail}".strip() for row in rows],
            t("Output"): [" × ".join(f"{n:,}" for n in row.output_shape) for row in rows],
            t("Parameters"): [f"{row.parameters:,}" for row in rows],
        },
        hide_index=True,
        height="content",
        key="train_layers",
        alt=t("Layers of the network with output shapes and parameters"),
    )
    st.markdown(t("**{n} parameters** in all", n=f"{architecture.parameters(rows):,}"))


def _loss(classes: int, augmentation: Augmentation | None) -> None:
    """The loss that fits the labels, and why."""
    mixes = augmentation is not None and augmentation.mixes
    why = {
        ("binary_crossentropy", False): t("two classes, one sigmoid unit, labels 0 or 1"),
        ("binary_crossentropy", True): t(
            "labels are shares of the two mixed photos, such as 0.7, which it takes as well"
        ),
        ("categorical_crossentropy", True): t(
            "labels are rows of shares of the mixed photos; the sparse one takes numbers only"
        ),
        ("sparse_categorical_crossentropy", False): t(
            "labels are class numbers, one softmax unit a class"
        ),
    }
    name = architecture.loss(classes, mixes)
    st.caption(t("Loss: `{name}`; {why}.", name=name, why=why[name, mixes]))


def _arithmetic(training: Training, dataset: Dataset) -> None:
    """How many steps the settings come to, as a sum one can follow."""
    counts = {split: len(dataset.items(split)) for split in ("train", "validation")}
    lines = [
        _sum(
            t("Training"),
            counts["train"],
            training.batch_size,
            training.steps(counts["train"]),
            training.steps_per_epoch,
        ),
        _sum(
            t("Validation"),
            counts["validation"],
            training.batch_size,
            training.validation_batches(counts["validation"]),
            training.validation_steps,
        ),
        t(
            "In all: {epochs} epochs × {steps} steps = {n} changes of the weights",
            epochs=training.epochs,
            steps=training.steps(counts["train"]),
            n=f"{training.epochs * training.steps(counts['train']):,}",
        ),
    ]
    st.caption("\n".join(f"- {line}" for line in lines))


def _sum(split: str, photos: int, batch: int, steps: int, asked: int | None) -> str:
    if asked:
        return t(
            "{split}: {steps} steps × {batch} = {seen} photos an epoch, of {photos}",
            split=split,
            steps=f"{steps:,}",
            batch=batch,
            seen=f"{steps * batch:,}",
            photos=f"{photos:,}",
        )
    if photos % batch == 0:
        return t(
            "{split}: {photos} photos / {batch} = {steps} steps",
            split=split,
            photos=f"{photos:,}",
            batch=batch,
            steps=f"{steps:,}",
        )
    return t(
        "{split}: {photos} photos / {batch} = {exact}, rounded up to {steps} steps",
        split=split,
        photos=f"{photos:,}",
        batch=batch,
        exact=f"{photos / batch:,.1f}",
        steps=f"{steps:,}",
    )


def _start(dataset: Dataset, training: Training, augmentation: Augmentation | None) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            t("Name of the run"),
            key="train_name",
            max_chars=80,
            placeholder=t("for example: notes, with augmentation"),
            persist_state="session",
        )
        if st.button(
            t("Start training"), type="primary", icon=":material/play_arrow:", key="train_start"
        ):
            folder = runs.create(dataset, training, augmentation, name=name)
            runs.start(folder)
            _open(folder.name)


def _open(run_id: str) -> None:
    st.query_params["run"] = run_id
    st.rerun()
