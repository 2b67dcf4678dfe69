"""The source of photos that is a folder in the visitor's browser, uploaded with its subfolders."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catdog_core.base import access, limits
from catdog_core.base.errors import CatDogError
from catdog_core.data import imports
from catdog_core.data.datasets import FolderReading
from catdog_core.data.imports import FolderFiles
from catdog_core.data.preview import Preview

from .. import permissions, uploads, widgets
from ..i18n import t
from ..session import page_state
from ..startup import guard
from .source_widgets import (
    choose_dataset,
    choose_label_column,
    confirm_classes,
    import_button,
    progress_bar,
    show_heading,
    show_preview,
)


def upload_folder() -> None:
    """Draw an uploader for a folder with class folders; it becomes what a zip of it becomes."""
    show_heading(t("Upload a folder"))
    st.caption(
        t(
            "Choose a folder with the button. If you drag a folder here, your browser leaves out "
            "the names of its subfolders."
        )
    )
    files = st.file_uploader(
        t("Upload a folder"),
        accept_multiple_files="directory",
        max_upload_size=uploads.register_upload_limit(
            limits.current_limits().photo_bytes // 1_000_000
        ),
        key="source_directory",
        label_visibility="collapsed",
        **permissions.permission_kwargs("change data"),
    )
    widgets.explain_streamlit_words("folder")
    if not files:
        return
    with guard():
        access.check_permission("change data")  # before any of the files is read
        uploaded = [(file.name, file.getvalue()) for file in files]
        id_ = files[0].file_id
        read = choose_label_column(
            lambda reading: _inspect(files, uploaded, reading), f"source_directory_column_{id_}"
        )
        if read is None:
            return
        inside, reading = read
        show_preview(inside)
        is_confirmed = confirm_classes(inside, f"source_directory_confirm_{id_}")
        if import_button("source_directory_import", is_confirmed):
            with progress_bar(t("Saving…")) as tell:
                reading = replace(reading, is_confirmed=is_confirmed and bool(inside.odd))
                dataset = imports.import_folder_upload(uploaded, tell, reading)
            choose_dataset(dataset)


def _inspect(files: list[UploadedFile], uploaded: FolderFiles, reading: FolderReading) -> Preview:
    """What is in the files, looked at once. Raises what was raised then."""
    ids = tuple(file.file_id for file in files)
    state = page_state().data
    if state.inspected_upload is None or state.inspected_upload[0] != ids:
        state.inspected_upload = (ids, {})
    results = state.inspected_upload[1]
    key = "", reading.labels.label_column if reading.labels else ""
    if key not in results:
        with st.spinner(t("Checking the contents…")):
            try:
                results[key] = imports.preview_folder_upload(uploaded, reading)
            except CatDogError as error:
                results[key] = error
    result = results[key]
    if isinstance(result, CatDogError):
        raise result
    return result
