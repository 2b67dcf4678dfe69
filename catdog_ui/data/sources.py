"""Where photos come from: seven sources, one shown at a time; what is inside is told before it is
taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from catdog_core import access, datasets
from catdog_core.datasets import Dataset
from catdog_core.errors import DatasetError
from catdog_core.sources import preview, roots, url_import

from .. import visitors
from ..startup import guard
from ..words import N_, t
from . import source_files, source_net
from .source_parts import choose, demo_button, heading, show_preview

KINDS: dict[str, tuple[str, str, Callable[[str], None]]]
"""By key: the short name, its icon, and what draws it, given the kind of its first button."""
_LOOKED = "source_folder_looked"


def panel(first_kind: str = "secondary") -> None:
    """All sources, one of them open.

    Args:
        first_kind: of the buttons that need no file, "primary" where there is no dataset yet.
    """
    key = st.pills(
        t("Source"),
        list(KINDS),
        format_func=lambda key: f"{KINDS[key][1]} {t(KINDS[key][0])}",
        default="demo",
        required=True,
        key="source_kind",
        label_visibility="collapsed",
    )
    with st.container(border=True):
        KINDS[key or "demo"][2](first_kind)
    st.caption(
        t(
            "A dataset has one folder of photos a class, such as `cats` and `dogs`, maybe inside"
            " `train` and `validation`. Without these two, the lab divides the photos itself,"
            " always in the same way."
        )
    )


def _demo(kind: str) -> None:
    heading(t("Drawn cats and dogs"))
    st.caption(
        t(
            "600 cartoons, drawn here in a few seconds: 400 to train, 200 to validate."
            " Nothing is downloaded."
        )
    )
    demo_button("source_demo", kind)


def _folder(_kind: str) -> None:
    heading(t("A folder on this machine"))
    st.caption(t("The photos stay where they are, and nothing is written beside them."))
    with st.form("source_folder", border=False):
        path = st.text_input(
            t("Path of the folder"),
            key="source_path",
            placeholder=t("/home/me/photos"),
            width=560,
        )
        asked = st.form_submit_button(
            t("Look inside"), icon=":material/search:", **visitors.gate("change data")
        )
    if asked:
        st.session_state.pop(_LOOKED, None)
        if path.strip():
            with guard(), st.spinner(t("Reading the photos…")):
                access.check("change data")  # before any photo is read
                if url_import.is_url(path.strip()):
                    raise DatasetError(
                        "A folder on this machine is expected here. Choose the source URL to import"
                        " a URL."
                    )
                folder = roots.confine(Path(path.strip()).expanduser())
                st.session_state[_LOOKED] = (folder, preview.of_folder(folder))
    looked = st.session_state.get(_LOOKED)
    if looked is None:
        return
    show_preview(looked[1])
    if st.button(
        t("Add this folder"),
        type="primary",
        icon=":material/add:",
        key="source_open",
        **visitors.gate("change data"),
    ):
        with guard():
            with st.spinner(t("Reading the photos…")):
                dataset = _open(*looked)
            choose(dataset)


def _open(folder: Path, _looked: preview.Preview) -> Dataset:
    dataset = datasets.open_folder(roots.confine(folder))  # looked at a while ago
    st.session_state.pop(_LOOKED, None)
    return dataset


KINDS = {
    "demo": (N_("Drawn"), ":material/brush:", _demo),
    "class": (N_("Class dataset"), ":material/school:", source_net.class_card),
    "archive": (N_("Zip or tar"), ":material/folder_zip:", source_files.archive_card),
    "photos": (N_("Single photos"), ":material/photo_camera:", source_files.photos_card),
    "folder": (N_("Folder"), ":material/folder_open:", _folder),
    "url": (N_("URL"), ":material/link:", source_net.url_card),
    "tfds": (N_("TensorFlow Datasets"), ":material/dataset:", source_net.tfds_card),
}
