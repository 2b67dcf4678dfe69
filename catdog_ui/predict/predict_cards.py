"""How predictions look: a card a photo with a bar a class, and a table of all."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as html_escape
from typing import TYPE_CHECKING

import streamlit as st

from catdog_core.insight.certainty import entropy, is_unsure

from ..palette import CLASS_COLORS
from ..words import t

if TYPE_CHECKING:
    from catdog_core.predict import Prediction

MOST_BARS = 5


@dataclass(frozen=True)
class Card:
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


def cards(classes: Sequence[str], items: Sequence[Card]) -> str:
    """Cards in a grid that takes as many columns as fit, as one HTML text.

    Args:
        classes: class names in the order of the probabilities.
        items: the photos; every text in them is escaped.
    """
    inner = "".join(_card(classes, item) for item in items)
    return (
        '<div style="display:grid;gap:1rem;'
        f'grid-template-columns:repeat(auto-fill,minmax(165px,1fr))">{inner}</div>'
    )


def table(
    classes: Sequence[str], rows: Sequence[tuple[str, str, Prediction]], least: float = 0.0
) -> None:
    """All photos with label, entropy, energy and probabilities; rows are (name, truth, prediction).

    Args:
        classes: class names in the order of the probabilities.
        rows: the photos.
        least: the probability below which a photo is unsure, 0..1.
    """
    unsure = t("unsure")
    truth = {t("True class"): [row[1] for row in rows]} if any(row[1] for row in rows) else {}
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
    st.dataframe(
        {
            t("Photo"): [name for name, _, _ in rows],
            t("Class"): [
                unsure if is_unsure(row.probabilities, least) else row.label for _, _, row in rows
            ],
            **truth,
            t("Entropy, bits"): [round(entropy(row.probabilities), 3) for _, _, row in rows],
            **_energies([row for _, _, row in rows]),
            **{
                f"p_{number}": [row.probabilities[number] for _, _, row in rows]
                for number in range(len(classes))
            },
        },
        column_config=columns,
        hide_index=True,
        key="predict_table",
        alt=t("Class and probabilities of every photo"),
    )


def _energies(rows: Sequence[Prediction]) -> dict[str, list[float]]:
    found = [row.energy for row in rows]
    if any(value is None for value in found):
        return {}
    return {t("Energy"): [round(value, 2) for value in found if value is not None]}


def _card(classes: Sequence[str], card: Card) -> str:
    source = base64.b64encode(card.picture).decode()
    said = t("unsure") if card.unsure else card.label
    name, label = html_escape(card.name), html_escape(said)
    alt = html_escape(t("{name}: predicted {label}", name=card.name, label=said))
    style = "font-style:italic;opacity:.75" if card.unsure else ""
    ranked = sorted(range(len(classes)), key=lambda i: -card.probabilities[i])
    # Two or three classes keep their places from card to card; of many, the likeliest are shown.
    numbers = range(len(classes)) if len(classes) <= MOST_BARS else ranked[:MOST_BARS]
    bars = "".join(
        _bar(html_escape(classes[i]), card.probabilities[i], CLASS_COLORS[i % len(CLASS_COLORS)])
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
        f"{_verdict(card)}</div>"
        f'<div title="{name}" style="font-size:.8rem;opacity:.7;white-space:nowrap;'
        f'overflow:hidden;text-overflow:ellipsis;margin-bottom:.4rem">{name}</div>'
        f"{bars}{_spread(card)}</figcaption></figure>"
    )


def _spread(card: Card) -> str:
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


def _verdict(card: Card) -> str:
    if not card.truth:
        return ""
    right = card.truth == card.label and not card.unsure
    text = t("right") if right else t("is {truth}", truth=card.truth)
    mark = "✓" if right else "?" if card.unsure else "✗"
    return f'<span style="font-size:.85rem;white-space:nowrap">{mark} {html_escape(text)}</span>'


def _bar(name: str, probability: float, color: str) -> str:
    share = max(0.0, min(1.0, probability))
    return (
        '<div style="display:flex;justify-content:space-between;gap:.5rem;font-size:.82rem;'
        f'margin-top:.25rem"><span style="overflow-wrap:anywhere">{name}</span>'
        f"<span>{share:.1%}</span></div>"
        '<div style="height:.45rem;border-radius:.25rem;background:rgba(128,128,128,.22)">'
        f'<div style="height:100%;width:{share:.1%};border-radius:.25rem;background:{color}">'
        "</div></div>"
    )
