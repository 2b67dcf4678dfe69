"""Numbers in a row of tiles: as many a line as fit, none of them ever cut short."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st


def show(items: Sequence[tuple[str, str]]) -> None:
    """Draw (label, value) pairs; both may hold any text."""
    st.html(text(items))


def text(items: Sequence[tuple[str, str]]) -> str:
    """The tiles as HTML."""
    inner = "".join(
        '<div style="border:1px solid rgba(128,128,128,.3);border-radius:.5rem;'
        'padding:.45rem .7rem .55rem">'
        f'<div style="font-size:.8rem;opacity:.75;line-height:1.25">{escape(label)}</div>'
        '<div style="font-size:1.35rem;line-height:1.3;'
        f'font-variant-numeric:tabular-nums">{escape(value)}</div></div>'
        for label, value in items
    )
    return (
        '<div style="display:grid;gap:.6rem;'
        f'grid-template-columns:repeat(auto-fit,minmax(104px,1fr))">{inner}</div>'
    )
