"""Bringing a training from elsewhere to Compare: its history's file, and what is known of it."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import histories, history_import
from catdog_core.base import access, files
from catdog_core.base.errors import CatDogError
from catdog_core.base.files import truncate_for_display

from .. import permissions, uploads
from ..i18n import escape, say, t
from ..session import COMPARED_RUNS_KEY, page_state
from ..startup import guard

_KEY = "history_file"


def render_history_import() -> None:
    """Draw a folded form for the file; the run that is made of it is chosen at once."""
    state = page_state().compare
    if state.imported_history:
        name, state.imported_history = state.imported_history, ""
        st.success(t("“{name}” is now a run, selected above.", name=escape(name)))
    with st.expander(t("Import a training history"), icon=":material/input:"):
        st.caption(
            t(
                "A table from Keras's CSVLogger, or `history.history` saved with json.dump. "
                "Pickle files are rejected because they can run any program. The run has no "
                "model. You can compare and diagnose it, but not resume it or predict with it."
            )
        )
        with guard():
            _import_form()


def _import_form() -> None:
    with st.form("history_form", border=False, clear_on_submit=True):
        file = st.file_uploader(
            t("History (CSV or JSON)"),
            type=["csv", "json", "pkl", "pickle", "joblib"],  # a pickle is told what to do instead
            max_upload_size=uploads.register_upload_limit(5),
            key=_KEY,
            **permissions.permission_kwargs("train"),
        )
        name = st.text_input(t("Name"), max_chars=80, key="history_name")
        left, right = st.columns(2)
        with left:
            photos = st.number_input(
                t("Validation photos"),
                min_value=0,
                value=0,
                key="history_photos",
                help=t("Photos per validation. Enter 0 if you don't know."),
            )
        with right:
            classes = st.number_input(
                t("Number of classes"),
                min_value=2,
                max_value=history_import.MAX_CLASSES,
                value=2,
                key="history_classes",
            )
        if not st.form_submit_button(
            t("Import"), icon=":material/input:", **permissions.permission_kwargs("train")
        ):
            return
    if file is None:
        st.info(t("Choose a file first."))
        return
    try:
        access.check_quota(runs.list_runs)  # before any of the file is read
        data = file.read(histories.MAX_BYTES + 1)
        run = _import_file(file.name, data, name, int(classes), int(photos))
    except CatDogError as error:
        st.error(escape(say(error)), icon=":material/error:")
        return
    page_state().compare.imported_history = name.strip() or truncate_for_display(file.name)
    run_ids = [key for key in st.query_params.get("runs", "").split(",") if key]
    st.query_params["runs"] = ",".join([run, *run_ids][:7])
    # Without a value of its own the widget begins anew, with the runs the address names.
    st.session_state.pop(COMPARED_RUNS_KEY, None)
    st.rerun()


def _import_file(file: str, data: bytes, name: str, classes: int, photos: int) -> str:
    """The id of the run made of an uploaded file, which keeps its name for what is said of it."""
    with files.temporary_folder("upload") as folder:
        path = folder / "history"
        path.write_bytes(data)
        try:
            run_folder = history_import.import_history(
                path, name, classes, photos or None, file_name=file
            )
            return run_folder.name
        except CatDogError as error:
            if error.params.get("file") == path:
                error.params["file"] = truncate_for_display(file)
            raise
