"""What the model says of the photos: cards, what could not be read, a table and its files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape as html_escape
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.analysis import class_matching
from catdog_core.analysis.heatmap import overlay_heatmap
from catdog_core.analysis.uncertainty import entropy, is_unsure
from catdog_core.base.errors import ModelError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import CLASS_COLORS
from catdog_core.imaging import decode

from .. import loaders, widgets
from ..i18n import escape, say, t
from ..learn.glossary_view import show_terms
from ..session import InputPhoto
from . import activations_view, predict_panels
from .predict_inputs import ModelChoice
from .predict_panels import HeatMaps

if TYPE_CHECKING:
    from catdog_core.analysis.predict import Prediction, Predictor


PER_PAGE = 24


def show_results(
    choice: ModelChoice, model: Predictor, photos: Sequence[InputPhoto], rows: Sequence[Prediction]
) -> None:
    """Draw cards, what could not be read, panels that look closer, the table and downloads.

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
    bad = [(p, row.error) for p, row in pairs if row.error is not None]
    if bad:
        lines = [
            f"- **{escape(truncate_for_display(p.name))}**: {escape(say(error))}"
            for p, error in bad
        ]
        st.warning(
            t("{n} of {total} photos couldn't be read:", n=len(bad), total=len(rows))
            + "\n\n"
            + "\n".join(lines[:20])
        )
    if not good:
        return
    least = predict_panels.ask_threshold(model.classes)
    predict_panels.explain_threshold(model.classes, least, [(p.truth, row) for p, row in good])
    pages = -(-len(good) // PER_PAGE)
    page = st.pagination(pages, key="predict_page") if pages > 1 else 1
    part = good[(page - 1) * PER_PAGE : page * PER_PAGE]
    heat = predict_panels.ask_heat_maps(model, [(p.key, p.data, row) for p, row in part])
    cards = [_photo_card(p, row, least, heat, n) for n, (p, row) in enumerate(part)]
    st.html(cards_html(model.classes, cards))
    predict_panels.explain_heat_maps(heat)
    readable = [(p.name, p.key, p.data) for p, _ in good]
    predict_panels.show_votes(model, readable)
    activations_view.show_activations(choice, model, readable)
    rows_shown = [(truncate_for_display(p.name), p.truth, row) for p, row in good]
    answer_table(model.classes, rows_shown, least)
    predict_panels.explain_energy(model.units, [(p.name, row) for p, row in good])
    with st.container(horizontal=True):
        show_terms("probability", "entropy", "threshold")
        _download_csv(model, rows)
        predict_panels.download_sorted(
            model.classes, least, [(p.name, p.data, row) for p, row in good]
        )


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
    photo: InputPhoto, row: Prediction, least: float, heat: HeatMaps | None, index: int
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
        energy=row.energy,
    )


@st.cache_data(show_spinner=False, max_entries=100)  # 30 MB
def _thumbnail(key: str, _data: bytes) -> decode.Photo:
    return decode.make_thumbnail(decode.decode_photo(_data, at_least=360), 360)


MOST_BARS = 5


@dataclass(frozen=True)
class PredictionCard:
    """One photo and what the model says of it; `picture` is a JPEG, `truth` may be empty.

    `unsure`: the model is not sure enough for its label to be shown. `energy` is None where the
    model does not tell it.
    """

    name: str
    picture: bytes
    label: str
    probabilities: tuple[float, ...]
    truth: str = ""
    unsure: bool = False
    energy: float | None = None


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
    name, label = html_escape(card.name), html_escape(answer)
    alt = html_escape(t("{name}: predicted {label}", name=card.name, label=answer))
    style = "font-style:italic;opacity:.75" if card.unsure else ""
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
        '<div style="display:flex;justify-content:space-between;gap:.5rem">'
        f'<strong style="font-size:1.05rem;overflow-wrap:anywhere;{style}">{label}</strong>'
        f"{_verdict_html(card)}</div>"
        f'<div title="{name}" style="font-size:.8rem;opacity:.7;white-space:nowrap;'
        f'overflow:hidden;text-overflow:ellipsis;margin-bottom:.4rem">{name}</div>'
        f"{bars}{_uncertainty_html(card)}</figcaption></figure>"
    )


def _uncertainty_html(card: PredictionCard) -> str:
    """Entropy and energy, each whole on its line: beside each other where there is room."""
    parts = [t("entropy {bits} bits", bits=f"{entropy(card.probabilities):.2f}")]
    if card.energy is not None:
        parts.append(t("energy {energy}", energy=f"{card.energy:.2f}"))
    words = "".join(
        f'<span style="white-space:nowrap">{html_escape(part)}</span>' for part in parts
    )
    return (
        '<div style="font-size:.75rem;opacity:.7;margin-top:.35rem;display:flex;flex-wrap:wrap;'
        f'column-gap:.75rem">{words}</div>'
    )


def _verdict_html(card: PredictionCard) -> str:
    if not card.truth:
        return ""
    right = card.truth == card.label and not card.unsure
    text = t("right") if right else t("actual: {truth}", truth=card.truth)
    mark = "✓" if right else "?" if card.unsure else "✗"
    return f'<span style="font-size:.85rem;white-space:nowrap">{mark} {html_escape(text)}</span>'


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
