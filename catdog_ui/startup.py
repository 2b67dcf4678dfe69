"""The start every page shares: its frame, navigation and language, and a guard for mistakes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Plotly takes pandas from `sys.modules`, even one that another thread has half imported, such as
# the thread that loads TensorFlow. Here it is complete before any page draws.
import pandas  # noqa: F401
import streamlit as st
from streamlit.runtime.scriptrunner import RerunException, StopException

from catdog_core import runs
from catdog_core.base import access, stale_files
from catdog_core.base.errors import CatDogError
from catdog_core.base.files import ASSETS
from catdog_core.server import loaded_models
from catdog_core.training import time_estimate

from . import format_text, permissions, state, trash_view, uploads, widgets
from .i18n import LANGUAGES, N_, choose_language, escape, language, say, t
from .learn import lesson_note

log = logging.getLogger("catdog")

APP_NAME = "CatDog Lab"
PAGES = (
    ("streamlit_app.py", N_("Home"), ":material/home:"),
    ("pages/1_Data.py", N_("Data"), ":material/photo_library:"),
    ("pages/2_Augment.py", N_("Augment"), ":material/auto_awesome:"),
    ("pages/3_Train.py", N_("Train"), ":material/model_training:"),
    ("pages/4_Compare.py", N_("Compare"), ":material/compare_arrows:"),
    ("pages/5_Evaluate.py", N_("Evaluate"), ":material/fact_check:"),
    ("pages/6_Predict.py", N_("Predict"), ":material/image_search:"),
    ("pages/7_Export.py", N_("Export"), ":material/ios_share:"),
    ("pages/8_Learn.py", N_("Learn"), ":material/school:"),
)
_SIDEBAR = 240  # pixels
POLL_SECONDS = 4.0
"""Seconds between two looks at the runs while one is active."""


def setup_page(title: str) -> None:
    """Begin a page; the first Streamlit call of each.

    Args:
        title: the page's name, a message of the catalogue.
    """
    stale_files.remove_leftovers_once()
    choose_language()
    uploads.begin_page()
    state.begin_page(title)
    st.set_page_config(
        page_title=f"{t(title)} · {APP_NAME}",
        page_icon=ASSETS / "icon.svg",  # a Material icon would be fetched from elsewhere
        layout="wide",
        initial_sidebar_state=_SIDEBAR,
    )
    _add_page_styles()
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    with st.sidebar:
        for path, name, symbol in PAGES:
            st.page_link(
                path, label=t(name), icon=symbol, query_params=state.link_query(), width="stretch"
            )
        _watch_active_runs()
        st.space("stretch")
        with guard():
            permissions.render_visitor_panel()
        _language_switch()
    _freeze_gc_once(title)
    with guard():
        permissions.render_role_notice()
        trash_view.offer_undo(title)


def show_title(title: str, with_link: bool = True) -> None:
    """Draw a page's title, the button that copies its link, and what its address led to.

    Args:
        title: in the language of the page.
        with_link: draw that button, where the page's address says what it shows.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(title, anchor=False, width="stretch")
        if with_link:
            widgets.copy_link()
    state.show_missing()
    lesson_note.show_lesson_note()


def _add_page_styles() -> None:
    """Add what Streamlit's theme can't say: visible focus, large targets, names for all stops."""
    st.html(ASSETS / "page.css")
    names = {"canvas": t("Table"), "code": t("Code"), "main": t("Page content")}
    script = (ASSETS / "names.js").read_text("utf-8")
    st.html(
        f"<script>window.catdogNames = {json.dumps(names)};\n{script}</script>",
        unsafe_allow_javascript=True,
    )


@st.cache_resource(show_spinner=False)
def _freeze_gc_once(title: str) -> None:
    loaded_models.freeze_gc()  # once for each title, since each page imports more


@contextmanager
def guard() -> Iterator[None]:
    """Turn a user's mistake into its sentence, and a mistake of the lab into one plain sentence.

    A `guarded_fragment` has a guard of its own: what it raises passes the page's guard by. The
    traceback of a mistake of the lab goes to the server's log, never to the page.
    """
    try:
        yield
    except CatDogError as error:
        st.error(escape(say(error)), icon=":material/error:")
    except (RerunException, StopException):
        raise  # how Streamlit itself ends a script
    except Exception:
        log.exception("A page failed")
        st.error(
            t(
                "Something went wrong in the lab (see the server's log). Nothing was lost, so "
                "reload the page to continue."
            ),
            icon=":material/bug_report:",
        )


def guarded_fragment(draw: Callable[..., None], every: float | None = None) -> Callable[..., None]:
    """Make a function draw a part of a page that redraws itself alone, under a guard of its own.

    Streamlit runs a fragment without the page around it when one of its own widgets is used or its
    time has come: a moved slider need not wait for the rest of the page. The page's `guard` is not
    on the stack then, so the fragment brings one.

    Args:
        draw: the function.
        every: seconds between two redraws; by default only its own widgets redraw it.
    """
    return st.fragment(guard()(draw), run_every=every)


def _language_switch() -> None:
    st.segmented_control(
        t("Language"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        default=language(),
        required=True,
        key=f"switch_{language()}",
        label_visibility="collapsed",
        on_change=_switch_language,
        width="stretch",
    )


def _switch_language() -> None:
    st.query_params["lang"] = st.session_state[f"switch_{language()}"]


def _watch_active_runs() -> None:
    """What trains now, in the sidebar; whatever is odd about a run never takes the page with it."""
    with guard():
        runs.reap_children()
        if any(run.is_active for run in runs.list_runs()):
            guarded_fragment(_show_active_runs, POLL_SECONDS)()


def _show_active_runs() -> None:
    runs.reap_children()
    active = [run for run in runs.list_runs() if run.is_active]
    active.sort(key=time_estimate.queue_order)
    # What trains now comes first, then one's own: the rest of a long queue is only counted.
    shown = sorted(active, key=lambda run: (run.status == "queued", not access.is_own(run.owner)))
    for run in shown[:3]:
        epochs = run.planned_epochs or 0
        with st.container(border=True, gap="xsmall"):
            st.page_link(
                "pages/3_Train.py",
                label=escape(format_text.model_name(run)),
                icon=format_text.status_badge(run)[2],
                query_params=state.run_query(run, tab="runs"),
                width="stretch",
            )
            if run.status == "queued":
                waits = bool(run.runs_ahead)
                st.caption(t("Waiting in the queue") if waits else t("Starting…"))
            else:
                done = len(run.epochs)
                st.progress(
                    min(done / max(epochs, 1), 1.0),
                    t("epoch {n} of {total}", n=min(done + 1, epochs), total=epochs),
                )
    if len(active) > 3:
        st.caption(t("and {n} more waiting", n=len(active) - 3))
