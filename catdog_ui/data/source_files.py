"""Photos the user holds: an archive, or one by one for each class, from the camera too."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catdog_core import access, limits
from catdog_core.errors import CatDogError
from catdog_core.images import EXTENSIONS
from catdog_core.sources import archives, imports
from catdog_core.sources.preview import Preview

from .. import uploads, visitors
from ..startup import guard
from ..words import escape, t
from .source_parts import choose, heading, progress, show_preview

_LOOKED, _PILE, _ROUND = "source_looked", "source_pile", "source_round"


def archive_card(_kind: str) -> None:
    """A zip or tar: uploaded, looked into, and unpacked on a second click."""
    heading(t("A zip or tar of photos"))
    st.caption(t("It is unpacked into the lab's own workspace, after a check of what is inside."))
    file = st.file_uploader(
        t("A zip or tar of photos"),
        max_upload_size=uploads.limit(),
        key="source_zip",
        label_visibility="collapsed",
        **visitors.gate("change data"),
    )
    if file is None:
        return
    with guard():
        show_preview(_looked(file))
        if st.button(
            t("Import these photos"),
            type="primary",
            icon=":material/add:",
            key="source_import",
            **visitors.gate("change data"),
        ):
            with progress(t("Unpacking…")) as tell:
                dataset = imports.archive(file, file.name, tell)
            choose(dataset)


def _looked(file: UploadedFile) -> Preview:
    """What is inside a file, looked at once. Raises what was raised then."""
    known = st.session_state.get(_LOOKED)
    if known is None or known[0] != file.file_id:
        found: Preview | CatDogError
        with st.spinner(t("Looking inside…")):
            try:
                found = archives.look(file, file.name)
            except CatDogError as error:
                found = error
        known = st.session_state[_LOOKED] = (file.file_id, found)
    if isinstance(known[1], CatDogError):
        raise known[1]
    return known[1]


def photos_card(_kind: str) -> None:
    """A pile of photos by class, added to in rounds, and made a dataset at the end."""
    heading(t("Photos, class by class"))
    st.caption(
        t(
            "Name a class, add its photos; then the next class. Two classes or more make a dataset,"
            " of two photos or more each."
        )
    )
    _round()
    pile: dict[str, list[tuple[str, bytes]]] = st.session_state.get(_PILE, {})
    with st.container(horizontal=True):
        for number, (name, photos) in enumerate(pile.items()):
            st.button(
                t("{name}: {n} photos", name=escape(name), n=len(photos)),
                icon=":material/close:",
                help=t("Remove these photos"),
                key=f"pile_drop_{number}",
                on_click=_drop,
                args=(name,),
            )
    if len(pile) >= 2:
        with guard():
            _finish(pile)


def _round() -> None:
    """The fields for one more batch of photos; new ones after each, since files cannot be reset."""
    n = st.session_state.setdefault(_ROUND, 0)
    name = st.text_input(
        t("Name of the class"), key="pile_name", placeholder=t("cats"), max_chars=60, width=360
    )
    files = st.file_uploader(
        t("Photos of this class"),
        type=[end[1:] for end in EXTENSIONS],
        accept_multiple_files=True,
        max_upload_size=uploads.limit(limits.current().photo_bytes // 1_000_000),
        key=f"pile_files_{n}",
        **visitors.gate("change data"),
    )
    shot = None
    if st.toggle(t("Use the camera"), key="pile_camera"):
        st.caption(
            t("A browser lends the camera to pages of this machine and to https pages only.")
        )
        uploads.limit()
        shot = st.camera_input(t("A photo of this class"), key=f"pile_shot_{n}", width=420)
    st.button(
        t("Add to this class"),
        icon=":material/add_photo_alternate:",
        key="pile_add",
        **visitors.gate("change data", disabled=not name.strip() or not (files or shot)),
        on_click=_add,
        args=(name, [*files, *([shot] if shot else [])]),
    )


def _add(name: str, files: list[UploadedFile]) -> None:
    if not access.may("change data"):  # before any of the files is read; the button is off as well
        return
    pile: dict[str, list[Any]] = st.session_state.setdefault(_PILE, {})
    pile.setdefault(name.strip(), []).extend((file.name, file.getvalue()) for file in files)
    st.session_state[_ROUND] += 1


def _drop(name: str) -> None:
    st.session_state[_PILE].pop(name, None)


def _finish(pile: dict[str, list[tuple[str, bytes]]]) -> None:
    title = st.text_input(
        t("Name of the dataset"), key="pile_title", value=t("My photos"), max_chars=60, width=360
    )
    show_preview(imports.look_at_photos(pile, title))
    if st.button(
        t("Make the dataset"),
        type="primary",
        icon=":material/add:",
        key="pile_make",
        **visitors.gate("change data"),
    ):
        with progress(t("Writing…")) as tell:
            dataset = imports.photos(pile, title, tell)
        st.session_state.pop(_PILE)
        choose(dataset)
