"""What the model says of the photos: cards, what could not be read, a table and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core import images
from catdog_core.files import shown
from catdog_core.insight.certainty import is_unsure
from catdog_core.insight.heat import overlay

from .. import loaders
from ..learn.terms import terms
from ..words import escape, say, t
from . import predict_cards, predict_heat, predict_unsure, predict_votes, predict_xray
from .predict_heat import Heat
from .predict_photos import Photo
from .predict_view import Choice

if TYPE_CHECKING:
    from catdog_core.predict import Prediction, Predictor

PER_PAGE = 24


def show(
    choice: Choice, model: Predictor, photos: Sequence[Photo], rows: Sequence[Prediction]
) -> None:
    """Cards, what could not be read, panels that look closer, the table and its downloads.

    Where the answers are fewer than the photos, the model was stopped.
    """
    if len(rows) < len(photos):
        st.info(t("Stopped after {n:,} of {total:,} photos.", n=len(rows), total=len(photos)))
    asked = list(zip(photos, rows, strict=False))
    good = [(p, row) for p, row in asked if row.error is None]
    bad = [(p, row.error) for p, row in asked if row.error is not None]
    if bad:
        lines = [f"- **{escape(shown(p.name))}**: {escape(say(error))}" for p, error in bad]
        st.warning(
            t("{n} of {total} photos could not be read:", n=len(bad), total=len(rows))
            + "\n\n"
            + "\n".join(lines[:20])
        )
    if not good:
        return
    least = predict_unsure.ask(model.classes)
    predict_unsure.explain(model.classes, least, [(p.truth, row) for p, row in good])
    pages = -(-len(good) // PER_PAGE)
    page = st.pagination(pages, key="predict_page") if pages > 1 else 1
    part = good[(page - 1) * PER_PAGE : page * PER_PAGE]
    heat = predict_heat.ask(model, [(p.key, p.data, row) for p, row in part])
    cards = [_card(p, row, least, heat, n) for n, (p, row) in enumerate(part)]
    st.html(predict_cards.cards(model.classes, cards))
    predict_heat.explain(heat)
    readable = [(p.name, p.key, p.data) for p, _ in good]
    predict_votes.show(model, readable)
    predict_xray.show(choice, model, readable)
    rows_shown = [(shown(p.name), p.truth, row) for p, row in good]
    predict_cards.table(model.classes, rows_shown, least)
    predict_unsure.explain_energy(model.units, [(p.name, row) for p, row in good])
    with st.container(horizontal=True):
        terms("probability", "entropy", "threshold")
        _download_csv(model, rows)
        predict_unsure.download(model.classes, least, [(p.name, p.data, row) for p, row in good])


def _download_csv(model: Predictor, rows: Sequence[Prediction]) -> None:
    st.download_button(
        t("Download the table as CSV"),
        data=loaders.as_csv(rows, model.classes),
        file_name="predictions.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="predict_csv",
    )


def _card(
    photo: Photo, row: Prediction, least: float, heat: Heat | None, place: int
) -> predict_cards.Card:
    picture = _thumbnail(photo.key, photo.data)
    if heat is not None and place < len(heat.maps):
        picture = overlay(picture, heat.maps[place], heat.opacity)
    return predict_cards.Card(
        name=shown(Path(photo.name).name, 40),
        picture=images.encode(picture, quality=85),
        label=row.label,
        probabilities=row.probabilities,
        truth=photo.truth,
        unsure=is_unsure(row.probabilities, least),
        energy=row.energy,
    )


@st.cache_data(show_spinner=False, max_entries=100)  # 30 MB
def _thumbnail(key: str, _data: bytes) -> images.Photo:
    return images.thumbnail(images.decode(_data, at_least=360), 360)
