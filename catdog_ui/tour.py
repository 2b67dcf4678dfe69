"""The tour of Home: four short steps at a first visit, closed for the session by one click."""

from __future__ import annotations

import streamlit as st

from . import state
from .words import N_, t

_KEY = "tour_step"
_CLOSED = -1
_STEPS = (
    (
        N_("Photos first"),
        N_(
            "A network learns from examples. **Make the demo dataset** draws 600 cats and dogs in a"
            " few seconds; photos of your own come in on the Data page."
        ),
        "pages/1_Data.py",
        N_("Data"),
    ),
    (
        N_("Let it learn"),
        N_(
            "**Train it now** starts a short training. Its curves grow while you watch; you may"
            " leave the page, stop it and resume it."
        ),
        "pages/3_Train.py",
        N_("Train"),
    ),
    (
        N_("Look closely"),
        N_(
            "Does it learn, or only learn by heart? Compare lays runs over each other and says so"
            " in words, Evaluate shows which photos go wrong, Augment makes many photos of few."
        ),
        "pages/4_Compare.py",
        N_("Compare"),
    ),
    (
        N_("Ask it"),
        N_(
            "**Predict** names the class of any photo and how sure it is. What all the words mean,"
            " the Learn page shows with your own photos and runs."
        ),
        "pages/8_Learn.py",
        N_("Learn"),
    ),
)


def button() -> None:
    """A button that opens the tour, where it is closed."""
    if st.session_state.get(_KEY, _CLOSED) == _CLOSED:
        st.button(
            t("Take the tour"),
            icon=":material/tour:",
            type="tertiary",
            key="tour_open",
            on_click=_turn,
            args=(0,),
        )


def show(first_visit: bool) -> None:
    """Draw the step the tour is at, if it is open.

    Args:
        first_visit: nothing has been made here yet: it is open until it is closed.
    """
    step = st.session_state.setdefault(_KEY, 0 if first_visit else _CLOSED)
    if step == _CLOSED:
        return
    title, text, page, name = _STEPS[step]
    last = step == len(_STEPS) - 1
    with st.container(border=True, key="tour"):
        with st.container(horizontal=True, vertical_alignment="center"):
            place, head = t("{n} of {total}", n=step + 1, total=len(_STEPS)), t(title)
            st.markdown(f":gray-badge[{place}] **{head}**", width="stretch")
            st.button(
                t("Close the tour"),
                icon=":material/close:",
                type="tertiary",
                key="tour_close",
                on_click=_turn,
                args=(_CLOSED,),
            )
        st.markdown(t(text))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                t("Back"), key="tour_back", disabled=step == 0, on_click=_turn, args=(step - 1,)
            )
            st.button(
                t("Done") if last else t("Next"),
                key="tour_next",
                type="secondary",
                on_click=_turn,
                args=(_CLOSED if last else step + 1,),
            )
            st.page_link(
                page,
                label=t("Open the page {name}", name=t(name)),
                icon=":material/arrow_forward:",
                query_params=state.query(),
            )


def _turn(step: int) -> None:
    st.session_state[_KEY] = step
