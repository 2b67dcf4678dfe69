"""What the settings of a training come to, beside its form: network, loss, steps, rates."""

from __future__ import annotations

import streamlit as st

from catdog_core.datasets import Dataset
from catdog_core.networks import architecture, backbones
from catdog_core.settings import Augmentation, Training
from catdog_core.training import estimate, schedules

from .. import curve_words
from ..learn.terms import terms
from ..words import t
from . import rate_chart


def show(training: Training, dataset: Dataset, augmentation: Augmentation | None) -> None:
    """Draw it. Raises SettingsError for a network that cannot be."""
    backbones.refuse(training, augmentation)
    rows = architecture.of(training, len(dataset.classes))
    _network(training, rows)
    _loss(len(dataset.classes), augmentation, training.label_smoothing)
    if training.model == backbones.TRANSFER:
        _looks(training, dataset, augmentation)
    _arithmetic(training, dataset)
    _rates(training, dataset)


def _network(training: Training, rows: list[architecture.Layer]) -> None:
    st.caption(t(architecture.ABOUT[training.model]))
    counted = architecture.operations(rows)
    table = {
        t("Layer"): [f"{row.kind} {row.detail}".strip() for row in rows],
        t("Output"): [" × ".join(f"{n:,}" for n in row.output_shape) for row in rows],
        t("Parameters"): [f"{row.parameters:,}" for row in rows],
    }
    if counted is not None:
        table[t("Multiply-adds")] = [_short(row.operations or 0) for row in rows]
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        key="train_layers",
        alt=t("Layers of the network with output shapes and parameters"),
    )
    text = t("**{n} parameters** in all", n=f"{architecture.parameters(rows):,}")
    if counted is not None:
        text += ", " + t("**{n} multiply-adds** a photo", n=_short(counted))
    st.markdown(text)


def _short(count: int) -> str:
    """A large number at a glance: "116 M"."""
    if count >= 1_000_000_000:
        return f"{count / 1e9:.2f} G"
    if count >= 1_000_000:
        return f"{count / 1e6:.1f} M"
    return f"{count / 1e3:.1f} k" if count >= 10_000 else f"{count:,}"


def _loss(classes: int, augmentation: Augmentation | None, smoothing: float) -> None:
    """The loss that fits the labels, and why."""
    mixes = augmentation is not None and augmentation.mixes
    shares = mixes or smoothing > 0
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
    smooth = t("labels are smoothed to shares of the classes, such as 0.95")
    name = architecture.loss(classes, shares)
    reason = smooth if smoothing and not mixes else why[name, mixes]
    st.caption(t("Loss: `{name}`; {why}.", name=name, why=reason))


def _looks(training: Training, dataset: Dataset, augmentation: Augmentation | None) -> None:
    """What is computed once, before the first epoch."""
    counts = estimate.photos(training, dataset)
    looks = backbones.looks(training, augmentation)
    st.caption(
        t(
            "First the pretrained network looks at {train} × {looks} training and {validation}"
            " validation photos: {n} in all, once. What it sees is kept for later runs.",
            train=f"{counts['train']:,}",
            looks=looks,
            validation=f"{counts['validation']:,}",
            n=f"{counts['train'] * looks + counts['validation']:,}",
        )
    )


def _arithmetic(training: Training, dataset: Dataset) -> None:
    """How many steps the settings come to, as a sum one can follow."""
    counts = estimate.photos(training, dataset)
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


def _rates(training: Training, dataset: Dataset) -> None:
    """The learning rate over the plan, drawn where it changes."""
    if schedules.is_fixed(training):
        return
    steps = training.steps(estimate.photos(training, dataset)["train"])
    points = schedules.curve(training, steps)
    st.plotly_chart(
        rate_chart.schedule(points),
        key="train_rates",
        config={"displaylogo": False, "displayModeBar": False, "staticPlot": True},
        alt=t("Chart of the learning rate over the steps; the words below tell what it shows"),
    )
    st.caption(curve_words.told(curve_words.SCHEDULE, curve_words.schedule(points)))
    terms("learning-rate", "optimizer", "step")
    if training.schedule == "plateau":
        st.caption(
            t("Drawn as if validation loss never stops falling; where it does, the rate is halved.")
        )
