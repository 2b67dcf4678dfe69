"""Widgets that several pages draw alike: links, choices, charts, questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st

from . import charts, state
from .i18n import N_, language, t

_PLOTLY_CONFIG = {"displaylogo": False, "displayModeBar": False}


# Streamlit's own words on its widgets stay English in every language.
_STREAMLIT_WORDS = {
    "files": N_(
        "The button “Upload” opens your files, and “per file” is the size limit of one file."
    ),
    "folder": N_(
        "The button “Upload directories” opens your folders, and “per file” is the size limit of "
        "one file."
    ),
    "camera": N_("“Take Photo” takes the photo. Your browser might first ask for the camera."),
}

_LONG_TEXT = 34  # letters of a cell, at most


def explain_streamlit_words(widget: Literal["files", "folder", "camera"]) -> None:
    """Explain the English words on an uploader or camera where the page is in another language."""
    if language() != "en":
        st.caption(t(_STREAMLIT_WORDS[widget]))


def page_link(page: str, label: str, icon: str = "arrow_forward", **changes: str) -> None:
    """Link to another page, which takes language, dataset and run along.

    Args:
        page: its file, such as "pages/1_Data.py".
        label: the text of the link.
        icon: a name of Material Symbols.
        changes: values of its address beside those, or instead of them.
    """
    st.page_link(
        page, label=label, icon=f":material/{icon}:", query_params=state.link_query(**changes)
    )


_COPY_LINK = """
<style>
  #copy-link { display: flex; justify-content: flex-end; }
  #copy-link button {
    font: inherit; color: inherit; background: none; cursor: pointer; min-height: 2.5rem;
    padding: 0 0.75rem; border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 0.5rem;
    font-size: 0.875rem; white-space: nowrap;
  }
  #copy-link button:hover { border-color: currentColor; }
  #copy-link button:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
  @media (pointer: coarse), (max-width: 640px) { #copy-link button { min-height: 44px; } }
</style>
<div id="copy-link"><button type="button" aria-live="polite">%(label)s</button></div>
<script>{
  const button = document.querySelector("#copy-link button");
  const copyByHand = (text) => {  // where the page isn't served safely, there is no clipboard
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = 0;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    button.focus();
    if (!done) throw new Error("copy");
  };
  button.onclick = async () => {
    const link = window.location.href;
    try {
      if (navigator.clipboard) await navigator.clipboard.writeText(link); else copyByHand(link);
      button.textContent = %(copied)s;
    } catch { window.prompt(%(label_text)s, link); }
    setTimeout(() => { button.textContent = %(label_text)s; }, 2000);
  };
}</script>
"""


def copy_link() -> None:
    """Draw a button that copies the address: the browser's own, so it is what the page shows.

    Without https, as in a class's own network, browsers have no `navigator.clipboard`.
    """
    label, copied = t("Copy link"), t("Link copied")
    html = _COPY_LINK % {
        "label": label,
        "label_text": json.dumps(label),
        "copied": json.dumps(copied),
    }
    st.html(html, width="content", unsafe_allow_javascript=True)


def show_no_model(message: str) -> None:
    """Say that there is no model yet, with the way to train one."""
    st.info(message)
    page_link("pages/3_Train.py", t("Train a model"), "model_training", tab="new")


def choose_one(label: str, names: Mapping[str, str], key: str, **options: Any) -> str:
    """Let the user choose one of a few by buttons in a row.

    Args:
        label: what is chosen.
        names: what each button shows, by its value; without a `default` the session's state
            holds the choice already.
        key: of the widget.
        options: others of `st.segmented_control`.
    """
    chosen = st.segmented_control(
        label, list(names), format_func=names.__getitem__, required=True, key=key, **options
    )
    return str(chosen)


# Plotly selects what the pointer is over. A finger was over nothing before it taps, so that only a
# second tap would select.
_TAP_SCRIPT = """<script>{
const taps = (window.catdogTaps ??= new Set());
if (!taps.has("KEY")) {
  taps.add("KEY");
  document.addEventListener("touchstart", (event) => {
    const area = event.target.closest?.(".st-key-KEY .nsewdrag");
    const {clientX, clientY} = event.touches[0];
    area?.dispatchEvent(new MouseEvent("mousemove", {clientX, clientY}));
  }, {capture: true, passive: true});
}
}</script>"""


def plot_figure(figure: go.Figure, key: str, alt: str, **options: Any) -> None:
    """Draw a chart without the bar of buttons; `options` are those of `st.plotly_chart`."""
    options.setdefault("config", _PLOTLY_CONFIG)
    st.plotly_chart(figure, key=key, alt=alt, **options)
    if "on_select" in options:
        st.html(_TAP_SCRIPT.replace("KEY", key), unsafe_allow_javascript=True)


def show_table(columns: Mapping[str, object], key: str, alt: str, **options: Any) -> None:
    """Draw columns by their names as a table of all rows; `options` are those of `st.dataframe`.

    Long names are cut with "…", so that the numbers beside them stay in view.
    """
    shown = {
        name: [_shorten(value) for value in values] if isinstance(values, list) else values
        for name, values in columns.items()
    }
    options = {"height": "content", "placeholder": "–", **options}
    st.dataframe(shown, key=key, alt=alt, hide_index=True, **options)


def _shorten(value: object) -> object:
    return charts.shorten(value, _LONG_TEXT) if isinstance(value, str) else value


_SCROLL_SCRIPT = """<script>{{
const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const part = document.querySelector(".st-key-{key}");
const scroll = (behavior) => part.scrollIntoView({{block: "start", behavior}});
if (part) {{
  part.style.scrollMarginTop = "4.5rem";  // the bar at the top covers what is under it
  scroll(calm ? "instant" : "smooth");
  // What is drawn above it later, such as a chart, moves it again, until somebody else does.
  const watch = new ResizeObserver(() => scroll("instant"));
  const page = document.querySelector("[data-testid=stMainBlockContainer]");
  const begin = setTimeout(() => watch.observe(page), 500);
  const end = () => {{ clearTimeout(begin); watch.disconnect(); }};
  setTimeout(end, 8000);
  for (const act of ["wheel", "touchstart", "keydown", "pointerdown"])
    window.addEventListener(act, end, {{once: true}});
}}
}}</script>"""


def scroll_into_view(key: str) -> None:
    """Bring the container of a key, drawn before, to the top of the window.

    Call it once for what somebody did: each call moves the page again.
    """
    st.html(_SCROLL_SCRIPT.format(key=key), unsafe_allow_javascript=True)


def confirm_action(key: str, label: str, action: Callable[..., None], *args: Any) -> None:
    """Ask in a dialog whether to go on: a button that does, one that keeps what there is.

    The action is a callback: these run before the page is drawn, so it is drawn once, with what
    the action has changed. `st.rerun` then closes the dialog, which a button alone leaves open.

    Args:
        key: the start of the buttons' keys.
        label: of the button that goes on.
        action: called with `args` by that button.
        args: its arguments.
    """
    with st.container(horizontal=True):
        if st.button(label, type="primary", key=f"{key}_sure", on_click=action, args=args):
            st.rerun()
        if st.button(t("Cancel"), key=f"{key}_not"):
            st.rerun()


def reset_unknown_choice(key: str, known: Mapping[str, object]) -> None:
    """Let a select box begin anew where what it held is no option any more.

    That is so after a run was deleted, for example. Without a value in the session the box takes
    the default it is drawn with.
    """
    if st.session_state.get(key) not in known:
        st.session_state.pop(key, None)
