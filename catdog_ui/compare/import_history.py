"""The form that imports a training history of another program to Compare."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from catdog_core import runs
from catdog_core.analysis import history_formats, history_import
from catdog_core.analysis.history_columns import (
    METRICS,
    ColumnNames,
    ColumnsError,
    HistoryColumn,
)
from catdog_core.analysis.history_formats import HistoryFile
from catdog_core.base import access
from catdog_core.base.files import truncate_for_display

from .. import permissions, uploads, widgets
from ..i18n import N_, escape, t
from ..session import PendingHistory, page_state
from ..startup import guard

_KEY = "history_file"
_TYPES = ["csv", "tsv", "txt", "log", "json", "jsonl"]
_REFUSED_TYPES = ["pkl", "pickle", "joblib"]  # told what to do instead
_METRIC_NAMES = {
    "loss": N_("Training loss"),
    "accuracy": N_("Training accuracy"),
    "val_loss": N_("Validation loss"),
    "val_accuracy": N_("Validation accuracy"),
}


def render_history_import() -> None:
    """Draw a folded form for the files; the run that is made of them is chosen at once."""
    state = page_state().compare
    if state.imported_history:
        name, state.imported_history = state.imported_history, ""
        st.success(t("“{name}” is now a run, selected above.", name=escape(name)))
        for note in state.import_notes:
            st.caption(escape(t(note.message, **note.params)))
        state.import_notes = []
    is_pending = state.pending_history is not None
    with st.expander(t("Import a training history"), icon=":material/input:", expanded=is_pending):
        st.caption(
            t(
                "A table or log of Keras, fastai, Lightning, Ultralytics, TensorBoard or Hugging "
                "Face, or `history.history` saved with json.dump. Pickle files are rejected "
                "because they can run any program. The run has no model. You can compare and "
                "diagnose it, but not resume it or predict with it."
            )
        )
        with guard():
            _import_form()
        if state.pending_history is not None:
            with guard():
                _columns_form(state.pending_history)


def _import_form() -> None:
    with st.form("history_form", border=False, clear_on_submit=True):
        uploaded = st.file_uploader(
            t("History (CSV, JSON or text)"),
            type=[*_TYPES, *_REFUSED_TYPES],
            accept_multiple_files=True,
            max_upload_size=uploads.register_upload_limit(5),
            key=_KEY,
            **permissions.permission_kwargs(
                "train", help=t("TensorBoard's CSV files, one per metric, belong together.")
            ),
        )
        widgets.explain_streamlit_words("files")
        name = st.text_input(t("Name"), max_chars=80, key="history_name")
        left, right = st.columns(2)
        with left:
            photos = st.number_input(
                t("Validation photos"),
                min_value=0,
                value=0,
                key="history_photos",
                help=t("Number of photos used in each validation. Enter 0 if you don't know."),
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
    state = page_state().compare
    state.pending_history = None
    if not uploaded:
        st.info(t("Choose a file first."))
        return
    access.check_quota(runs.list_runs)  # before any of the files is read
    most = history_formats.MAX_BYTES + 1
    files = [HistoryFile(truncate_for_display(file.name), file.read(most)) for file in uploaded]
    _import(PendingHistory(tuple(files), name, int(classes), int(photos)), {})


def _import(pending: PendingHistory, columns: ColumnNames) -> None:
    """Make a run of a history and choose it; where a column isn't known, ask for it below."""
    state = page_state().compare
    try:
        history = history_import.read_history(pending.files, columns)
        folder = history_import.import_history(
            history, pending.name, pending.classes, pending.photos or None
        )
    except ColumnsError as error:
        state.pending_history = replace(
            pending, columns=error.columns, found=error.found, missing=error.missing
        )
        st.rerun()
    state.pending_history = None
    state.imported_history = pending.name.strip() or pending.files[0].name
    state.import_notes = history.notes
    run_ids = [key for key in st.query_params.get("runs", "").split(",") if key]
    st.query_params["runs"] = ",".join([folder.name, *run_ids][:7])
    st.rerun()


def _forget_pending() -> None:
    page_state().compare.pending_history = None


def _columns_form(pending: PendingHistory) -> None:
    """Draw a choice of column for each metric of a file that has unknown ones."""
    st.info(
        t(
            "{file} has no column that is surely {missing}. Choose the columns.",
            file=escape(pending.files[0].name),
            missing=", ".join(t(_METRIC_NAMES[metric]) for metric in pending.missing),
        )
    )
    with st.form("history_columns", border=False):
        fields = st.grid(min_column_width=180, gap="medium")
        chosen: dict[HistoryColumn, str] = {}
        for metric in METRICS:
            found = pending.found.get(metric)
            with fields.container():
                column = st.selectbox(
                    t(_METRIC_NAMES[metric]),
                    pending.columns,
                    index=None if found is None else pending.columns.index(found),
                    format_func=truncate_for_display,
                    placeholder=t("Not in the file"),
                    key=f"history_column_{metric}",
                )
            if column is not None:
                chosen[metric] = column
        is_submitted = st.form_submit_button(
            t("Import"),
            icon=":material/input:",
            key="history_columns_import",
            **permissions.permission_kwargs("train"),
        )
    st.button(t("Cancel"), key="history_columns_cancel", on_click=_forget_pending)
    if is_submitted:
        if "loss" not in chosen and "accuracy" not in chosen:
            st.info(t("Choose the training loss or the training accuracy."))
            return
        access.check_quota(runs.list_runs)
        _import(pending, chosen)
