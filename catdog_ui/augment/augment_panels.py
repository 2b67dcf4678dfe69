"""Panels below the 20 variants: a model's answers, a slider's range, the code; what was drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html import escape as html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from catdog_core.augmentation import code_templates, parameter_sweep
from catdog_core.augmentation.augment import Transform
from catdog_core.augmentation.mixing import Mix
from catdog_core.base.field_specs import describe_fields
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import IN_RANGE, class_color
from catdog_core.config import Augmentation
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo
from catdog_core.runs import Run, RunRecord, model_registry
from catdog_core.runs.model_registry import ImportedModel

from .. import format_text, gallery, loaders, widgets
from ..i18n import N_, escape, t
from ..session import page_state

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Predictor


_PANEL, _MODEL, _SWEPT = "augment_panel", "augment_model", "augment_swept"
_PANELS = {
    "sweep": N_("Sweep one setting"),
    "model": N_("Predict with a model"),
    "code": N_("Copy as code"),
}
_SWEEP_STEPS = 9
_LABELS = {control.name: control.label for control in describe_fields(Augmentation)}


@dataclass(frozen=True)
class VariantSet:
    """The variants on the page: photos (S, S, 3) uint8, how each was made, and that in words.

    `mixes` tells how each was mixed with another, where they were; `partner` is a photo of the
    same size to mix with, where there is a dataset to take it from. With a model asked: its answer
    to each in words, the label named, and the probabilities of the classes, (20, classes);
    `original_probabilities` holds those of the photo itself.
    """

    photos: list[Photo]
    transforms: list[Transform]
    descriptions: list[str]
    mixes: Sequence[Mix] = ()
    partner: Photo | None = None
    answers: Sequence[str] = ()
    labels: Sequence[int] = ()
    probabilities: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    original_probabilities: Sequence[float] = ()
    classes: Sequence[str] = ()


def ask_model(variants: VariantSet, original: Photo) -> VariantSet:
    """Add the answers of the model chosen below the variants, where one is chosen."""
    chosen = chosen_model()
    if chosen is None or chosen.best_model is None:
        return variants
    return with_answers(variants, original, loaders.load_predictor(Path(chosen.best_model)))


def with_answers(variants: VariantSet, original: Photo, model: Predictor) -> VariantSet:
    """Add a model's answers to the variants of a photo and to the photo itself."""
    batch = np.stack(
        [decode.resize_photo(photo, model.size) for photo in [original, *variants.photos]]
    )
    probabilities = model.predict(batch)
    labels = probabilities.argmax(axis=1)
    answers = [
        f"{truncate_for_display(model.classes[label])} {row[label]:.0%}"
        for label, row in zip(labels, probabilities, strict=True)
    ]
    return replace(
        variants,
        answers=answers[1:],
        labels=labels[1:].tolist(),
        probabilities=probabilities[1:],
        original_probabilities=probabilities[0].tolist(),
        classes=model.classes,
    )


def show_panels(photo: Photo, settings: Augmentation, variants: VariantSet) -> None:
    """Draw the panel that is chosen."""
    panel = widgets.choose_one(
        t("Look closer"),
        {name: t(title) for name, title in _PANELS.items()},
        _PANEL,
        default="sweep",
        label_visibility="collapsed",
        wrap=True,
    )
    if panel == "sweep":
        _sweep_panel(photo, settings, variants)
    elif panel == "model":
        _model_panel(variants, settings)
    else:
        _code_panel(settings)


def _sweep_panel(photo: Photo, settings: Augmentation, variants: VariantSet) -> None:
    name = st.selectbox(
        t("Setting"),
        parameter_sweep.list_sweepable_settings(variants.partner is not None),
        format_func=lambda key: t(_LABELS[key]),
        key=_SWEPT,
        label_visibility="collapsed",
        width=260,
    )
    steps = parameter_sweep.sweep_setting(photo, name, settings, _SWEEP_STEPS, variants.partner)
    gallery.image_grid(
        [decode.encode_photo(step.image) for step in steps],
        [t(step.label) for step in steps],
        columns=len(steps),
        colors=[IN_RANGE if step.in_range else "transparent" for step in steps],
        least=50,
    )
    st.caption(
        t(
            "All other settings are off here. Dots mark values that your sliders allow now. "
            "Training picks from them."
        )
    )


def chosen_model() -> RunRecord | None:
    """Return the model that predicts the variants, where the panel has one."""
    if st.session_state.get(_PANEL) != "model":
        return None
    chosen = st.session_state.get(_MODEL)
    return next((model for model in model_registry.list_models() if model.id == chosen), None)


def _model_panel(variants: VariantSet, settings: Augmentation) -> None:
    models = {model.id: model for model in model_registry.list_models()}
    if not models:
        st.info(
            t("There's no trained model yet. Train one to see what it predicts for the variants."),
            icon=":material/model_training:",
        )
        return
    chosen = st.selectbox(
        t("Model"),
        list(models),
        index=None,
        format_func=lambda key: format_text.model_label(models[key]),
        placeholder=t("Choose a trained model"),
        key=_MODEL,
        label_visibility="collapsed",
        width=360,
    )
    if chosen is None or not variants.answers:
        st.caption(
            t("Choose a model. Its predictions appear under the variants, and their spread below.")
        )
        return
    show_spread(variants)
    model = models[chosen]
    if not isinstance(model, Run):
        if isinstance(model, ImportedModel):
            st.caption(format_text.describe_imported_model(model))
        return
    st.caption(
        t(
            "Trained with: {trained}. Shown now: {now}. A model is robust to changes it was "
            "trained on. Compare one trained without augmentation.",
            trained=escape(format_text.describe_augmentation(model.augmentation)),
            now=escape(format_text.describe_augmentation(settings)),
        )
    )


def show_spread(variants: VariantSet) -> None:
    """Draw how far the answers to the variants differ: tiles, and a dot a variant on a line."""
    label = int(np.argmax(variants.original_probabilities))
    probabilities = variants.probabilities[:, label]
    mean, deviation = probabilities.mean(), probabilities.std()
    name = truncate_for_display(variants.classes[label])
    same = sum(answer == label for answer in variants.labels)
    gallery.metric_row(
        [
            (t("Original"), f"{name} {variants.original_probabilities[label]:.0%}"),
            (t("Same prediction"), t("{n} of {total}", n=same, total=len(probabilities))),
            (t("Mean ± standard deviation"), f"{mean * 100:.0f} ± {deviation * 100:.1f}%"),
            (t("Lowest to highest"), f"{probabilities.min():.0%} – {probabilities.max():.0%}"),
        ]
    )
    caption = t("Probability of {name} for each variant. The line marks the original.", name=name)
    original = variants.original_probabilities[label]
    st.html(strip_html(probabilities, original, class_color(label), caption))
    st.caption(escape(caption))


def strip_html(values: NDArray[np.float64], original: float, color: str, label: str) -> str:
    """Return probabilities as dots on a line from 0 to 100 %, the original's as a mark: HTML."""
    dots = "".join(
        f'<span style="position:absolute;left:{value:.2%};top:{6 + 5 * (n % 3)}px;width:9px;'
        f"height:9px;margin-left:-4px;border-radius:50%;background:{color};"
        'opacity:.65"></span>'
        for n, value in enumerate(values.tolist())
    )
    mark = (
        f'<span style="position:absolute;left:{original:.2%};top:0;height:30px;width:2px;'
        'margin-left:-1px;background:currentColor"></span>'
    )
    ends = "".join(
        f'<span style="position:absolute;left:{percent}%;top:32px;'
        f"transform:translateX(-{percent}%);"
        f'white-space:nowrap;font-size:.75rem;opacity:.75">{percent} %</span>'
        for percent in (0, 50, 100)
    )
    return (
        f'<div role="img" aria-label="{html(label)}" style="position:relative;height:52px;'
        'margin:0 6px">'
        '<div style="position:absolute;top:15px;left:0;right:0;height:1px;'
        f'background:rgba(128,128,128,.6)"></div>{dots}{mark}{ends}</div>'
    )


def _code_panel(settings: Augmentation) -> None:
    snippets = code_templates.make_snippets(settings, page_state().augment.seed)
    target = widgets.choose_one(
        t("Library"),
        {name: name for name in snippets},
        "augment_code",
        default=next(iter(snippets)),
        label_visibility="collapsed",
        wrap=True,
    )
    snippet = snippets[target]
    st.caption(t(snippet.about))
    if snippet.missing:
        st.caption(
            t("Not available in this library: {names}.", names=_setting_labels(snippet.missing))
        )
    if snippet.approximate:
        st.caption(
            t(
                "Similar, but not the same: {names}. Comments in the code explain how.",
                names=_setting_labels(snippet.approximate),
            )
        )
    st.code(snippet.code, language="python")


def _setting_labels(names: Sequence[str]) -> str:
    return ", ".join(t(_LABELS[name]) for name in names)


def transform_text(transform: Transform) -> str:
    """Return the drawn values of a variant, a line each, without those that change nothing."""
    lines = [line(transform) for applies, line in _TRANSFORM_LINES if applies(transform)]
    return "\n".join(lines) or t("unchanged")


def mix_text(mix: Mix, own: str, other: str) -> str:
    """Say the shares of a mixed variant; `own` and `other` are the classes' names."""
    return t(
        "{own} {share:.0%}, {other} {rest:.0%}",
        own=own,
        share=mix.share,
        other=other,
        rest=1 - mix.share,
    )


_TRANSFORM_LINES: tuple[tuple[Callable[[Transform], object], Callable[[Transform], str]], ...] = (
    (lambda d: d.theta, lambda d: t("rotated {value:+.1f}°", value=d.theta)),
    (
        lambda d: d.shift_x or d.shift_y,
        lambda d: t("shifted {x:+.1f}, {y:+.1f} px", x=d.shift_x, y=d.shift_y),
    ),
    (
        lambda d: (d.zx, d.zy) != (1.0, 1.0),
        lambda d: t("zoom {x:.2f} × {y:.2f}", x=d.zx, y=d.zy),
    ),
    (lambda d: d.shear, lambda d: t("shear {value:+.1f}°", value=d.shear)),
    (lambda d: d.flip_horizontal, lambda d: t("flipped horizontally")),
    (lambda d: d.flip_vertical, lambda d: t("flipped vertically")),
    (lambda d: d.brightness != 1, lambda d: t("brightness × {value:.2f}", value=d.brightness)),
    (lambda d: d.contrast != 1, lambda d: t("contrast × {value:.2f}", value=d.contrast)),
    (lambda d: d.channel_shift, lambda d: t("channel shift {value:+.0f}", value=d.channel_shift)),
    (lambda d: d.saturation != 1, lambda d: t("saturation × {value:.2f}", value=d.saturation)),
    (lambda d: d.hue, lambda d: t("hue {value:+.0f}°", value=d.hue)),
    (lambda d: d.blur, lambda d: t("blur {value:.1f} px", value=d.blur)),
    (lambda d: d.noise, lambda d: t("noise {value:.0f}", value=d.noise)),
    (
        lambda d: d.erased,
        lambda d: t("erased {w} × {h} px", w=d.erased[2], h=d.erased[3]) if d.erased else "",
    ),
)
