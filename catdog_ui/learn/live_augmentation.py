"""Miniatures of the sections about augmentation, with the learner's photos and runs."""

from __future__ import annotations

import streamlit as st

from catdog_core import augment, images, runs
from catdog_core.errors import PhotoError
from catdog_core.images import Photo
from catdog_core.runs import Run
from catdog_core.settings import NO_AUGMENTATION, PRESETS, Augmentation

from .. import charts, gallery, phrases, pictures, tiles
from ..words import escape, t
from . import learner
from .learner import Learner

_VARIANTS, _ROW = 20, 5
_CONFIG = {"displaylogo": False, "displayModeBar": False}


def augmentation(who: Learner) -> None:
    """A photo and its variants, with one slider."""
    assert who.dataset is not None
    found = learner.photo(who.dataset)
    if found is None:
        return
    degrees = st.slider(t("Rotation, degrees either way"), 0, 90, 20, key="learn_degrees")
    flips = st.toggle(t("Flips, shifts and zoom as well"), key="learn_flips")
    base = PRESETS["notes"] if flips else NO_AUGMENTATION
    settings = base.model_copy(update={"rotation_range": float(degrees)})
    _variants(found[1], settings, _VARIANTS)
    st.caption(
        t("Nothing is set, so every variant equals the photo.")
        if settings.is_off
        else t("20 draws of: {words}.", words=phrases.augmentation(settings))
    )
    learner.another()


def validation_plain(who: Learner) -> None:
    """A training photo over five epochs, and a validation photo."""
    assert who.dataset is not None
    own = who.run.augmentation if who.run else None
    settings = own if own is not None and not own.is_off else PRESETS["notes"]
    found = learner.photo(who.dataset)
    kept = next(iter(who.dataset.items("validation")), None)
    if found is None:
        return
    st.markdown(t("**A training photo, epoch 1 to 5**"))
    _variants(found[1], settings, _ROW)
    plain = pictures.fitted(kept.path, learner.SIZE) if kept else None
    if plain is None or isinstance(plain, PhotoError):
        st.caption(t("This dataset has no validation photo to show beside it."))
        return
    st.markdown(t("**A validation photo, epoch 1 to 5**"))
    _variants(plain, NO_AUGMENTATION, _ROW)
    st.caption(t("Augmentation here: {words}.", words=phrases.augmentation(settings)))
    learner.another()


def twin(who: Learner) -> None:
    """The newest plain and the newest augmented run of the same network, side by side."""
    assert who.run is not None
    plain, augmented = _pair(who.run)
    shown = [run for run in (plain, augmented) if run is not None]
    curves = [
        charts.Curve(
            epochs=run.epochs,
            planned=len(run.epochs),
            classes=max(len(run.classes), 2),
            name=run.name,
        )
        for run in shown
    ]
    st.html(
        charts.legend(
            [
                *((run.name, charts.run_color(n), "line") for n, run in enumerate(shown)),
                (t("Training"), "", "dots"),
            ]
        )
    )
    st.plotly_chart(
        charts.overlay("accuracy", curves),
        key="learn_twin",
        config=_CONFIG,
        alt=t("Accuracy of a plain and an augmented run"),
    )
    tiles.show(
        [
            (t("gap of {name}", name=run.name), phrases.points(gap))
            for run in shown
            if (gap := phrases.gap(run)) is not None
        ]
    )
    if plain is None or augmented is None:
        lacking = t("augmented") if augmented is None else t("plain")
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
            one=plain.training.learning_rate if plain.training else 0,
            two=augmented.training.learning_rate if augmented.training else 0,
        )
    )


def _pair(run: Run) -> tuple[Run | None, Run | None]:
    """The chosen run and the newest of the other kind with its network and classes."""
    mine = _is_plain(run)
    other = next(
        (
            found
            for found in runs.listing()
            if found.epochs
            and found.model == run.model
            and found.classes == run.classes
            and _is_plain(found) != mine
        ),
        None,
    )
    return (run, other) if mine else (other, run)


def _is_plain(run: Run) -> bool:
    return run.augmentation is None or run.augmentation.is_off


def _variants(photo: Photo, settings: Augmentation, count: int) -> None:
    drawn = augment.variants(photo, settings, count)
    gallery.grid(
        [images.encode(images.thumbnail(image, 100)) for image, _ in drawn],
        alts=[t("Variant {n}", n=n + 1) for n in range(count)],
        columns=_ROW,
        least=44,
        width=400,
    )
