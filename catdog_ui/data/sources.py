"""Where photos come from: cards for archives, single photos, a folder, the net and drawn pets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catdog_core.base import access, limits
from catdog_core.base.errors import CatDogError, DatasetError
from catdog_core.data import allowed_roots, archives, datasets, imports, preview, tfds, url_import
from catdog_core.data.datasets import FolderReading, LabelChoice
from catdog_core.data.preview import Preview
from catdog_core.imaging import photo_formats

from .. import permissions, uploads, widgets
from ..i18n import N_, escape, t
from ..session import page_state
from ..startup import guard
from . import download_source, folder_upload, recording_view, sort_view
from .recording_view import SOURCE_KEY, SOURCE_PARAMETER
from .source_widgets import (
    choose_dataset,
    choose_label_column,
    confirm_classes,
    demo_button,
    import_button,
    progress_bar,
    show_heading,
    show_preview,
)

KINDS: dict[str, tuple[str, str, Callable[[str], None]]]
"""By key: the short name, its icon, and what draws it, given the kind of its first button."""


def show_sources(first_kind: str = "secondary") -> None:
    """Draw all sources, one of them open.

    Args:
        first_kind: of the buttons that need no file, "primary" where there is no dataset yet.
    """
    kinds = [kind for kind in KINDS if kind != "tfds" or tfds.is_tfds_installed()]
    if st.session_state.get(SOURCE_KEY) not in kinds:
        st.session_state.pop(SOURCE_KEY, None)
    requested = st.query_params.get(SOURCE_PARAMETER, "demo")
    if SOURCE_KEY not in st.session_state:
        st.session_state[SOURCE_KEY] = requested if requested in kinds else "demo"
    key = st.pills(
        t("Source"),
        kinds,
        format_func=lambda key: f"{KINDS[key][1]} {t(KINDS[key][0])}",
        required=True,
        key=SOURCE_KEY,
        on_change=_write_source,
        label_visibility="collapsed",
    )
    with st.container(border=True):
        KINDS[key or "demo"][2](first_kind)
    if key == "sort":  # its photos have no classes yet
        return
    st.caption(
        t(
            "A dataset has one photo folder per class, such as `cats` and `dogs`, optionally "
            "inside `train` and `validation`. Without those two, the lab splits the photos for "
            "you, always the same way."
        )
    )


def _write_source() -> None:
    st.query_params[SOURCE_PARAMETER] = st.session_state[SOURCE_KEY]


def _demo_card(kind: str) -> None:
    show_heading(t("Cartoon cats and dogs"))
    st.caption(
        t(
            "600 cartoons, drawn here in a few seconds: 400 for training, 200 for validation. "
            "Nothing is downloaded."
        )
    )
    demo_button("source_demo", kind)


def _folder_card(_kind: str) -> None:
    folder_upload.upload_folder()
    st.divider()
    show_heading(t("A folder on this machine"))
    st.caption(t("The photos stay where they are, and nothing is written next to them."))
    with st.form("source_folder", border=False):
        path = st.text_input(
            t("Folder path"),
            key="source_path",
            placeholder=t("/home/me/photos"),
            width=560,
        )
        with st.expander(t("Labels in a table")):
            table = st.text_input(
                t("Path of the CSV or TSV"),
                key="source_labels",
                placeholder=t("/home/me/labels.csv"),
                help=t(
                    "Only if the labels aren't in the names of folders or files. A table next to "
                    "the photos is found by itself."
                ),
            )
            with st.container(horizontal=True):
                file_column = st.text_input(t("File column"), key="source_file_column")
                label_column = st.text_input(t("Label column"), key="source_label_column")
        submitted = st.form_submit_button(
            t("Preview"),
            icon=":material/search:",
            **permissions.permission_kwargs("change data"),
        )
    if submitted:
        page_state().data.inspected_folder = None
        if path.strip():
            with guard(), st.spinner(t("Reading the photos…")):
                access.check_permission("change data")  # before any photo is read
                if url_import.is_url(path.strip()):
                    raise DatasetError(
                        "This field needs a folder on this machine. To import a URL, choose URL "
                        "as the source."
                    )
                folder = allowed_roots.confine_path(Path(path.strip()).expanduser())
                reading = _parse_reading(table.strip(), file_column.strip(), label_column.strip())
                inside = preview.preview_folder(folder, reading, datasets.recall_reading)
                page_state().data.inspected_folder = (folder, reading, inside)
    inspected = page_state().data.inspected_folder
    if inspected is None:
        return
    folder, reading, inside = inspected
    with st.container(key="source_preview"):
        show_preview(inside)
        is_confirmed = confirm_classes(inside, f"source_confirm_{folder}")
    if submitted:
        widgets.scroll_into_view("source_preview")
    if permissions.action_button(
        t("Add folder"),
        "source_open",
        "change data",
        icon="add",
        disabled=not is_confirmed,
        type="primary",
    ):
        with guard():
            with st.spinner(t("Reading the photos…")):
                # The path is checked anew: it was looked into a while ago.
                dataset = datasets.open_folder(
                    allowed_roots.confine_path(folder),
                    replace(reading, is_confirmed=is_confirmed and bool(inside.odd)),
                )
                page_state().data.inspected_folder = None
            choose_dataset(dataset)


def _parse_reading(table: str, file_column: str, label_column: str) -> FolderReading:
    """How to read a folder: by the table of the form, if one is named."""
    if not (table or file_column or label_column):
        return datasets.DEFAULT_READING
    path = allowed_roots.confine_path(Path(table).expanduser()) if table else None
    return FolderReading(LabelChoice(path, file_column, label_column))


def archive_card(_kind: str) -> None:
    """Draw an uploader for zips and tars; they are inspected, and unpacked on a second click."""
    show_heading(t("A zip or tar of photos"))
    st.caption(
        t(
            "The lab checks the contents, then unpacks them into its workspace. Several archives "
            "become one dataset, such as one zip per class."
        )
    )
    files = st.file_uploader(
        t("A zip or tar of photos"),
        accept_multiple_files=True,
        max_upload_size=uploads.register_upload_limit(),
        key="source_zip",
        label_visibility="collapsed",
        **permissions.permission_kwargs("change data"),
    )
    widgets.explain_streamlit_words("files")
    if not files:
        return
    with guard():
        id_, encoding = files[0].file_id, ""

        def inspect(reading: FolderReading) -> Preview:
            return _inspect_archives(files, encoding, reading)

        read = choose_label_column(inspect, f"source_column_{id_}")
        if read is None:
            return
        found, reading = read
        if len(found.encodings) > 1:
            encoding = _choose_encoding(found, id_)
            found = inspect(reading)
        show_preview(found)
        is_confirmed = confirm_classes(found, f"source_import_confirm_{id_}")
        if import_button("source_import", is_confirmed):
            with progress_bar(t("Unpacking…")) as tell:
                named = [(file, file.name) for file in files]
                reading = replace(reading, is_confirmed=is_confirmed and bool(found.odd))
                dataset = imports.import_archives(named, tell, reading, encoding)
            choose_dataset(dataset)


def _choose_encoding(found: Preview, file_id: str) -> str:
    """Draw a choice of how the names of an archive are read; the likeliest, "", stands first."""
    names = {each.encoding: each.names for each in found.encodings}
    chosen = st.selectbox(
        t("How names are read"),
        list(names),
        format_func=lambda encoding: f"{encoding}: {names[encoding]}",
        key=f"source_encoding_{file_id}",
        width=560,
    )
    return "" if chosen == found.encodings[0].encoding else str(chosen)


def _inspect_archives(
    files: Sequence[UploadedFile], encoding: str, reading: FolderReading
) -> Preview:
    """What is inside files, looked at once. Raises what was raised then."""
    ids = tuple(file.file_id for file in files)
    state = page_state().data
    if state.inspected_archives is None or state.inspected_archives[0] != ids:
        state.inspected_archives = (ids, {})
    results = state.inspected_archives[1]
    key = encoding, reading.labels.label_column if reading.labels else ""
    if key not in results:
        with st.spinner(t("Checking the contents…")):
            try:
                named = [(file, file.name) for file in files]
                results[key] = archives.inspect_archives(named, reading, encoding)
            except CatDogError as error:
                results[key] = error
    result = results[key]
    if isinstance(result, CatDogError):
        raise result
    return result


def photos_card(_kind: str) -> None:
    """Draw uploaders for photos class by class, of which a dataset is made at the end."""
    show_heading(t("Photos by class"))
    st.caption(
        t(
            "Name a class and add its photos, then do the next class. A dataset needs at least "
            "two classes with at least two photos each."
        )
    )
    _show_upload_round()
    pile = page_state().data.photos_by_class
    with st.container(horizontal=True):
        for number, (name, photos) in enumerate(pile.items()):
            st.button(
                t("{name}: {n} photos", name=escape(name), n=len(photos)),
                icon=":material/close:",
                help=t("Remove these photos"),
                key=f"pile_drop_{number}",
                on_click=_drop_class,
                args=(name,),
            )
    if len(pile) >= 2:
        with guard():
            _show_pile_form(pile)


def _show_upload_round() -> None:
    """The fields for one more batch of photos; new ones after each, since files cannot be reset."""
    n = page_state().data.upload_round
    name = st.text_input(
        t("Class name"), key="pile_name", placeholder=t("cats"), max_chars=60, width=360
    )
    files = st.file_uploader(
        t("Photos of this class"),
        type=[end[1:] for end in photo_formats.photo_extensions()],
        accept_multiple_files=True,
        max_upload_size=uploads.register_upload_limit(
            limits.current_limits().photo_bytes // 1_000_000
        ),
        key=f"pile_files_{n}",
        **permissions.permission_kwargs("change data"),
    )
    widgets.explain_streamlit_words("files")
    shot = None
    if st.toggle(t("Use the camera"), key="pile_camera"):
        st.caption(
            t("Browsers allow the camera only on https pages and on pages from this machine.")
        )
        uploads.register_upload_limit()
        shot = st.camera_input(t("A photo of this class"), key=f"pile_shot_{n}", width=420)
        widgets.explain_streamlit_words("camera")
    permissions.action_button(
        t("Add photos"),
        "pile_add",
        "change data",
        _add_photos,
        name,
        [*files, *([shot] if shot else [])],
        icon="add_photo_alternate",
        disabled=not name.strip() or not (files or shot),
    )


def _add_photos(name: str, files: list[UploadedFile]) -> None:
    if not access.is_allowed(
        "change data"
    ):  # before any of the files is read; the button is off as well
        return
    state = page_state().data
    photos = state.photos_by_class.setdefault(name.strip(), [])
    photos.extend((file.name, file.getvalue()) for file in files)
    state.upload_round += 1


def _drop_class(name: str) -> None:
    page_state().data.photos_by_class.pop(name, None)


def _show_pile_form(pile: dict[str, list[tuple[str, bytes]]]) -> None:
    title = st.text_input(
        t("Dataset name"), key="pile_title", value=t("My photos"), max_chars=60, width=360
    )
    show_preview(imports.preview_photos(pile, title))
    if permissions.action_button(
        t("Create dataset"), "pile_make", "change data", icon="add", type="primary"
    ):
        with progress_bar(t("Saving…")) as tell:
            dataset = imports.import_photos(pile, title, tell)
        pile.clear()
        choose_dataset(dataset)


KINDS = {
    "demo": (N_("Demo"), ":material/brush:", _demo_card),
    "class": (N_("Course dataset"), ":material/school:", download_source.class_card),
    "archive": (N_("Zip or tar"), ":material/folder_zip:", archive_card),
    "photos": (N_("Single photos"), ":material/photo_camera:", photos_card),
    "camera": (N_("Camera"), ":material/videocam:", recording_view.camera_card),
    "folder": (N_("Folder"), ":material/folder_open:", _folder_card),
    "sort": (N_("Sort photos"), ":material/style:", sort_view.sort_card),
    "url": (N_("URL"), ":material/link:", download_source.url_card),
    "tfds": (N_("TensorFlow Datasets"), ":material/dataset:", download_source.tfds_card),
}
