"""What the model predicts for the photos: big answers, closer looks, and every figure."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape as html_escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import streamlit as st

from catdog_core.analysis import class_matching
from catdog_core.analysis.heatmap import overlay_heatmap
from catdog_core.analysis.uncertainty import entropy, is_unsure
from catdog_core.base.errors import CatDogError, ModelError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import CLASS_COLORS
from catdog_core.imaging import decode

from .. import loaders, similar_view, state, widgets
from ..i18n import escape, say, t
from ..learn.glossary_view import show_terms
from ..session import InputPhoto
from ..startup import guarded_fragment
from . import activations_view, domain_view, predict_panels
from .domain_view import OtherAnswer
from .predict_inputs import ModelChoice
from .predict_panels import HeatMaps, PhotoFiles

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Prediction, Predictor

Answer: TypeAlias = "tuple[InputPhoto, Prediction]"
"""A photo that could be read, and what the model predicts."""
PER_PAGE = 24


def show_results(
    choice: ModelChoice, model: Predictor, photos: Sequence[InputPhoto], rows: Sequence[Prediction]
) -> None:
    """Draw the photos with their answers, or the part of the page that looks closer at them.

    Where the answers are fewer than the photos, the model was stopped.
    """
    if len(rows) < len(photos):
        st.info(t("Stopped after {n:,} of {total:,} photos.", n=len(rows), total=len(photos)))
    if rows and isinstance(rows[0].error, ModelError) and all(row.error for row in rows):
        raise rows[0].error
    pairs = [
        (replace(photo, truth=class_matching.find_class(photo.truth, model.classes)), row)
        for photo, row in zip(photos, rows, strict=False)
    ]
    good = [(p, row) for p, row in pairs if row.error is None]
    _show_unreadable([(p, row.error) for p, row in pairs if row.error is not None], len(rows))
    if not good:
        return
    tabs = {
        "answers": t("Predictions"),
        "look": t("Look closer"),
        "figures": t("Figures"),
    }
    part = state.choose_tab(tabs)
    readable = [(p.name, p.key, p.data) for p, _ in good]
    if part == "look":
        _look_closer(choice, model, good, readable)
    elif part == "figures":
        _show_figures(choice, model, good)
    else:
        _show_answers(choice, model, good, rows)


def _show_unreadable(bad: Sequence[tuple[InputPhoto, CatDogError | None]], total: int) -> None:
    lines = [
        f"- **{escape(truncate_for_display(p.name))}**: {escape(say(error))}"
        for p, error in bad[:20]
        if error is not None
    ]
    if lines:
        st.warning(
            t("{n} of {total} photos couldn't be read:", n=len(bad), total=total)
            + "\n\n"
            + "\n".join(lines)
        )


def _show_answers(
    choice: ModelChoice,
    model: Predictor,
    good: Sequence[Answer],
    rows: Sequence[Prediction],
) -> None:
    """The photos with big answers, then what to do with them."""
    beside = domain_view.ask_built_in(choice, model, good)
    cards = st.container()
    least = predict_panels.choose_threshold(choice, model.classes)
    predict_panels.explain_threshold(model.classes, least, [(p.truth, row) for p, row in good])
    with cards:
        domain_view.compare_answers(good, beside, least)
        part = _current_page(good)
        st.html(
            cards_html(
                model.classes,
                [_photo_card(p, row, least, other=beside.get(p.key)) for p, row in part],
            )
        )
    with st.container(horizontal=True):
        show_terms("probability", "threshold")
        _download_csv(model, rows)
        predict_panels.download_sorted(
            model.classes, least, [(p.name, p.data, row) for p, row in good]
        )


def _current_page(good: Sequence[Answer]) -> Sequence[Answer]:
    pages = -(-len(good) // PER_PAGE)
    page = st.pagination(pages, key="predict_page") if pages > 1 else 1
    return good[(page - 1) * PER_PAGE : page * PER_PAGE]


def _look_closer(
    choice: ModelChoice, model: Predictor, good: Sequence[Answer], readable: PhotoFiles
) -> None:
    """One costly look at the photos at a time, made when it is opened."""
    looks = {
        "heat": t("Heat map"),
        "vote": t("Vote of 20 variants"),
        "xray": t("X-ray"),
        "similar": t("Similar photos"),
    }
    look = state.choose_tab(looks, "look", label=t("Look closer"))
    if look == "vote":
        guarded_fragment(predict_panels.show_votes)(model, readable)
    elif look == "xray":
        guarded_fragment(activations_view.show_activations)(choice, model, readable)
    elif look == "similar":
        _show_similar(good)
    else:
        _show_heat_maps(model, good)


def _show_similar(good: Sequence[Answer]) -> None:
    """The photos of a dataset most like one: they show what led a model to its answer."""
    dataset = state.choose_dataset(t("Compare with"), follow_run=False)
    if dataset is None:
        return
    number = st.selectbox(
        t("Photo"),
        range(len(good)),
        format_func=lambda n: truncate_for_display(good[n][0].name),
        key=f"predict_similar_{len(good)}",
        width=300,
    )
    photo, row = good[number]
    left, right = st.columns([1, 3], gap="medium")
    with left:
        st.html(cards_html([], [_photo_card(photo, row, 0.0)]))
    with right:
        similar_view.show_similar(dataset, photo.data)


def _show_heat_maps(model: Predictor, good: Sequence[Answer]) -> None:
    part = _current_page(good)
    heat = predict_panels.ask_heat_maps(model, [(p.key, p.data, row) for p, row in part])
    cards = [_photo_card(p, row, 0.0, heat, n) for n, (p, row) in enumerate(part)]
    st.html(cards_html(model.classes, cards))
    predict_panels.explain_heat_maps(heat)


def _show_figures(choice: ModelChoice, model: Predictor, good: Sequence[Answer]) -> None:
    """Every number: probabilities, entropy and energy."""
    least = predict_panels.choose_threshold(choice, model.classes)
    rows = [(truncate_for_display(p.name), p.truth, row) for p, row in good]
    answer_table(model.classes, rows, least)
    predict_panels.explain_entropy(len(model.classes))
    predict_panels.explain_energy(model.units, [(p.name, row) for p, row in good])
    show_terms("probability", "entropy", "threshold")


def _download_csv(model: Predictor, rows: Sequence[Prediction]) -> None:
    st.download_button(
        t("Download CSV"),
        data=loaders.predictions_csv(rows, model.classes),
        file_name="predictions.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="predict_csv",
    )


def _photo_card(
    photo: InputPhoto,
    row: Prediction,
    least: float,
    heat: HeatMaps | None = None,
    index: int = 0,
    other: OtherAnswer | None = None,
) -> PredictionCard:
    picture = _thumbnail(photo.key, photo.data)
    if heat is not None and index < len(heat.maps):
        picture = overlay_heatmap(picture, heat.maps[index], heat.opacity)
    return PredictionCard(
        name=truncate_for_display(Path(photo.name).name, 40),
        picture=decode.encode_photo(picture, quality=85),
        label=row.label,
        probabilities=row.probabilities,
        truth=photo.truth,
        unsure=is_unsure(row.probabilities, least),
        other=other,
        is_other_unsure=other is not None and other.is_unsure(least),
    )


@st.cache_data(show_spinner=False, max_entries=100)  # 30 MB
def _thumbnail(key: str, _data: bytes) -> decode.Photo:
    return decode.make_thumbnail(decode.decode_photo(_data, at_least=360), 360)


MOST_BARS = 5


@dataclass(frozen=True)
class PredictionCard:
    """One photo and what the model says of it; `picture` is a JPEG, `truth` may be empty.

    `unsure`: the model is not sure enough for its label to be shown. `other` is what the built-in
    model says of the same photo, None where nobody asked it.
    """

    name: str
    picture: bytes
    label: str
    probabilities: tuple[float, ...]
    truth: str = ""
    unsure: bool = False
    other: OtherAnswer | None = None
    is_other_unsure: bool = False


def cards_html(classes: Sequence[str], items: Sequence[PredictionCard]) -> str:
    """Return cards in a grid that takes as many columns as fit, as one HTML text.

    Args:
        classes: class names in the order of the probabilities.
        items: the photos; every text in them is escaped.
    """
    inner = "".join(_card_html(classes, item) for item in items)
    return (
        '<div style="display:grid;gap:1rem;'
        f'grid-template-columns:repeat(auto-fill,minmax(165px,1fr))">{inner}</div>'
    )


def answer_table(
    classes: Sequence[str], rows: Sequence[tuple[str, str, Prediction]], least: float = 0.0
) -> None:
    """Return all answers as columns; rows are (name, truth, prediction).

    Args:
        classes: class names in the order of the probabilities.
        rows: the photos.
        least: the probability below which a photo is unsure, 0..1.
    """
    unsure = t("unsure")
    truth = {t("Actual class"): [row[1] for row in rows]} if any(row[1] for row in rows) else {}
    # A class may be called as another column is, so columns are keyed by number.
    columns = {
        f"p_{number}": st.column_config.ProgressColumn(
            name,
            format="percent",
            min_value=0.0,
            max_value=1.0,
            color=CLASS_COLORS[number % len(CLASS_COLORS)],
        )
        for number, name in enumerate(classes)
    }
    widgets.show_table(
        {
            t("Photo"): [name for name, _, _ in rows],
            t("Class"): [
                unsure if is_unsure(row.probabilities, least) else row.label for _, _, row in rows
            ],
            **truth,
            t("Entropy (bits)"): [round(entropy(row.probabilities), 3) for _, _, row in rows],
            **_energy_column([row for _, _, row in rows]),
            **{
                f"p_{number}": [row.probabilities[number] for _, _, row in rows]
                for number in range(len(classes))
            },
        },
        "predict_table",
        t("Class and probabilities for each photo"),
        column_config=columns,
        height="auto",
    )


def _energy_column(rows: Sequence[Prediction]) -> dict[str, list[float]]:
    energies = [row.energy for row in rows]
    if any(value is None for value in energies):
        return {}
    return {t("Energy"): [round(value, 2) for value in energies if value is not None]}


def _card_html(classes: Sequence[str], card: PredictionCard) -> str:
    source = base64.b64encode(card.picture).decode()
    answer = t("unsure") if card.unsure else card.label
    name = html_escape(card.name)
    alt = html_escape(t("{name}: predicted {label}", name=card.name, label=answer))
    title = t("This model") if card.other is not None else ""
    answers = _answer_html(title, answer, max(card.probabilities), card.truth, card.unsure)
    if card.other is not None:
        theirs = card.other
        label = t("unsure") if card.is_other_unsure else theirs.label
        answers += _answer_html(
            t("Built-in model"), label, theirs.probability, card.truth, card.is_other_unsure
        )
    ranked = sorted(range(len(classes)), key=lambda i: -card.probabilities[i])
    # Two or three classes keep their places from card to card; of many, the likeliest are shown.
    numbers = range(len(classes)) if len(classes) <= MOST_BARS else ranked[:MOST_BARS]
    bars = "".join(
        _bar_html(
            html_escape(classes[i]), card.probabilities[i], CLASS_COLORS[i % len(CLASS_COLORS)]
        )
        for i in numbers
    )
    return (
        '<figure style="margin:0;border:1px solid rgba(128,128,128,.3);border-radius:.6rem;'
        'overflow:hidden;display:flex;flex-direction:column">'
        f'<img src="data:image/jpeg;base64,{source}" alt="{alt}" style="width:100%;'
        'aspect-ratio:1;object-fit:contain;background:rgba(128,128,128,.12)">'
        '<figcaption style="padding:.6rem .75rem .75rem">'
        f'{answers}<div title="{name}" style="font-size:.8rem;opacity:.7;white-space:nowrap;'
        f'overflow:hidden;text-overflow:ellipsis;margin:.3rem 0 .4rem">{name}</div>'
        f"{'' if card.other is not None else bars}</figcaption></figure>"
    )


def _answer_html(title: str, label: str, probability: float, truth: str, unsure: bool) -> str:
    """A model's answer in large letters, and whether it is right where the class is known."""
    style = "font-style:italic;opacity:.75" if unsure else ""
    head = (
        f'<div style="font-size:.8rem;opacity:.75;margin-top:.3rem">{html_escape(title)}</div>'
        if title
        else ""
    )
    return (
        f'{head}<div style="display:flex;justify-content:space-between;gap:.5rem;'
        'font-size:1.3rem;line-height:1.3">'
        f'<strong style="overflow-wrap:anywhere;{style}">{html_escape(label)}</strong>'
        f'<span style="font-variant-numeric:tabular-nums">{probability:.0%}</span></div>'
        f"{_verdict_html(label, truth, unsure)}"
    )


def _verdict_html(label: str, truth: str, unsure: bool) -> str:
    if not truth:
        return ""
    right = truth == label and not unsure
    text = t("right") if right else t("actual: {truth}", truth=truth)
    mark = "✓" if right else "?" if unsure else "✗"
    return f'<div style="font-size:.85rem;overflow-wrap:anywhere">{mark} {html_escape(text)}</div>'


def _bar_html(name: str, probability: float, color: str) -> str:
    share = max(0.0, min(1.0, probability))
    return (
        '<div style="display:flex;justify-content:space-between;gap:.5rem;font-size:.82rem;'
        f'margin-top:.25rem"><span style="overflow-wrap:anywhere">{name}</span>'
        f"<span>{share:.1%}</span></div>"
        '<div style="height:.45rem;border-radius:.25rem;background:rgba(128,128,128,.22)">'
        f'<div style="height:100%;width:{share:.1%};border-radius:.25rem;background:{color}">'
        "</div></div>"
    )
