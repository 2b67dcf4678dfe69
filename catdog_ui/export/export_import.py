"""Bringing a run in: the zip another lab made of it."""

from __future__ import annotations

import streamlit as st

from catdog_core.errors import CatDogError
from catdog_core.exports import bundle_in
from catdog_core.exports.bundle_in import Brought
from catdog_core.files import shown

from .. import state, uploads, visitors
from ..words import escape, say, t

_BROUGHT = "export_brought"


def section() -> None:
    """A place for the zip, and what came of it."""
    st.subheader(t("Bring a run in"), anchor=False)
    st.caption(
        t(
            "The bundle of a run, from this page of another lab. It is looked at closely before"
            " anything is kept, and no run of yours is touched."
        )
    )
    file = st.file_uploader(
        t("Bundle, a zip"),
        type="zip",
        max_upload_size=uploads.limit(),
        key="export_bundle",
        **visitors.gate("train"),
    )
    if file is None:
        st.session_state.pop(_BROUGHT, None)
        return
    if st.session_state.get(_BROUGHT, ("", None))[0] != file.file_id and st.button(
        t("Bring it in"),
        icon=":material/input:",
        type="primary",
        key="export_bring",
        **visitors.gate("train"),
    ):
        try:
            with st.spinner(
                t("Looking at the bundle; its models are tried in a process of their own…")
            ):
                st.session_state[_BROUGHT] = (file.file_id, bundle_in.bring(file))
        except CatDogError as error:
            st.error(escape(say(error)), icon=":material/error:")
            return
        st.rerun()  # the run stands in every list now
    known, found = st.session_state.get(_BROUGHT, ("", None))
    if known == file.file_id:
        _say(found)


def _say(found: Brought) -> None:
    run = found.run
    st.success(
        t(
            "“{name}” is here, with {n} trained epochs.",
            name=escape(shown(run.name)),
            n=len(run.epochs),
        ),
        icon=":material/check_circle:",
    )
    if run.can_resume and found.dataset is None:
        st.caption(
            t(
                "To resume it, add the photos it was trained with, “{name}”, on the Data page: they"
                " are recognised by their content.",
                name=escape(shown(run.dataset_name)),
            )
        )
    with st.container(horizontal=True):
        for page, label, icon in (
            ("pages/4_Compare.py", t("Compare it"), ":material/compare_arrows:"),
            ("pages/6_Predict.py", t("Predict with it"), ":material/image_search:"),
            ("pages/3_Train.py", t("Resume it"), ":material/play_arrow:"),
        ):
            if page != "pages/3_Train.py" or (run.can_resume and found.dataset is not None):
                query = state.query(run=run.id)
                st.page_link(page, label=label, icon=icon, query_params=query)
