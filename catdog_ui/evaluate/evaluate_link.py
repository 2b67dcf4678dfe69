"""What is open on the Evaluate page, kept in its address: part, threshold and cell."""

from __future__ import annotations

import streamlit as st

PART, TRUTH, GUESS, LIST = (f"evaluate_{name}" for name in ("split", "truth", "guess", "list"))
"""The keys of the page's widgets whose values `keep` writes into the address."""
THRESHOLD = "threshold"
"""The key of the slider, and its name in the address, to which it is bound: written by hand, each
step would be one of the browser's history, too."""
_NAMES = {"part": PART, "truth": TRUTH, "called": GUESS}
_KNOWN = "evaluate_link"  # the address as this session last wrote or followed it


def follow() -> None:
    """Set the page's widgets by its address, where that is not what this session put there.

    Whether there are such a part and such classes is for the widgets to check.
    """
    asked = {name: st.query_params[name] for name in _NAMES if name in st.query_params}
    known = st.session_state.get(_KNOWN, {})
    for name, text in asked.items():
        if text != known.get(name):
            st.session_state[_NAMES[name]] = text
    if {"truth", "called"} <= asked.keys() and asked != known:
        st.session_state[LIST] = "cell"
    st.session_state[_KNOWN] = asked


def keep(**values: str | None) -> None:
    """Write values into the address by their names there; None takes one out."""
    known = dict(st.session_state.get(_KNOWN, {}))
    for name, value in values.items():
        if value is None:
            st.query_params.pop(name, None)
            known.pop(name, None)
        else:
            if st.query_params.get(name) != value:
                st.query_params[name] = value
            known[name] = value
    st.session_state[_KNOWN] = known
