"""A part that opens and closes, is worked out only while open, and stays so when renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def drawer(label: str, key: str, icon: str, expanded: bool = False) -> Iterator[bool]:
    """An expander whose label may change, such as by a count in it.

    To Streamlit another label makes another expander, which would be closed again.

    Args:
        label: as Markdown.
        key: unique on the page.
        icon: before the label.
        expanded: whether it is open at first.

    Yields:
        Whether it is open; if not, nothing needs to be drawn.
    """
    memory: dict[str, tuple[str, bool, bool]] = st.session_state.setdefault("drawers", {})
    name, begun, now = memory.get(key, (label, expanded, expanded))
    if name != label:
        begun = now
    box = st.expander(label, begun, key=key, icon=icon, on_change="rerun")
    memory[key] = (label, begun, bool(box.open))
    with box:
        yield bool(box.open)
