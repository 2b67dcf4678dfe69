"""Presets of one's own: saved in the workspace, loaded, deleted, and as files to share."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from catdog_core import files
from catdog_core.augmentation import links, presets
from catdog_core.errors import CatDogError, SettingsError
from catdog_core.settings import Augmentation

from .. import trash_view, uploads, visitors
from ..words import escape, say, t

Fill = Callable[[Augmentation], None]
_SAID, _ASKED = "augment_preset_said", "augment_preset_asked"


def popover(now: Augmentation, fill: Fill) -> None:
    """Draw the button that opens all this.

    Args:
        now: the settings as they stand.
        fill: sets the page's controls.
    """
    with st.popover(t("My presets"), icon=":material/bookmark:"):
        problem = st.session_state.pop(_SAID, None)
        if problem is not None:
            st.error(escape(say(problem)), icon=":material/error:")
        _save(now)
        _saved(fill)
        trash_view.undo(place="presets")
        st.divider()
        st.caption(t("A link to these settings; the page's address is the same:"))
        st.code(_link(now), language=None, wrap_lines=True)
        st.download_button(
            t("Download as a file"),
            _file(now),
            file_name=f"{files.slug(_name() or 'augmentation')}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            width="stretch",
        )
        st.file_uploader(
            t("Open a preset's file (JSON)"),
            type=["json"],
            max_upload_size=uploads.limit(1),  # MB; the smallest there is
            key="augment_preset_file",
            on_change=_opened,
            args=(fill,),
        )


def _link(now: Augmentation) -> str:
    """The address of this page with the settings that differ from the defaults."""
    address = urlsplit(st.context.url or "")
    query = urlencode(links.to_query(now))
    return urlunsplit((address.scheme, address.netloc, address.path, query, ""))


def _file(now: Augmentation) -> str:
    """A preset's file; a name that is unfit, which is said on saving, does not stand in its way."""
    try:
        return presets.dump(_name(), now)
    except SettingsError:
        return presets.dump(t("My settings"), now)


def _name() -> str:
    return str(st.session_state.get("augment_preset_name", "")).strip()


def _save(now: Augmentation) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            t("Name"),
            key="augment_preset_name",
            max_chars=presets.MAX_NAME,
            placeholder=t("for example: indoor photos"),
        )
        st.button(
            t("Replace") if _name() and presets.find(_name()) else t("Save"),
            key="augment_preset_save",
            **visitors.gate("keep presets"),
            icon=":material/bookmark_add:",
            on_click=_keep,
            args=(now,),
        )


def _keep(now: Augmentation) -> None:
    try:
        presets.save(_name(), now, replace=True)  # the button has said so
    except CatDogError as error:
        st.session_state[_SAID] = error
    else:
        st.toast(t("Saved: {name}", name=escape(_name())), icon=":material/bookmark_added:")


def _saved(fill: Fill) -> None:
    listed, broken = presets.everything()
    found = {preset.id: preset for preset in listed}
    for file, reason in broken:
        st.warning(f"**{escape(files.shown(file))}**: {escape(say(reason))}")
    if not found:
        st.caption(t("Nothing saved yet. Saved presets stay in this workspace."))
        return
    chosen = st.selectbox(
        t("Saved presets"),
        list(found),
        format_func=lambda key: files.shown(found[key].name),
        key="augment_preset_saved",
    )
    with st.container(horizontal=True):
        st.button(
            t("Load"),
            key="augment_preset_load",
            icon=":material/input:",
            on_click=fill,
            args=(found[chosen].settings,),
        )
        st.button(
            t("Delete"),
            key="augment_preset_delete",
            **visitors.gate("keep presets", help=t("Moves it to the trash; asks first.")),
            icon=":material/delete:",
            on_click=st.session_state.__setitem__,
            args=(_ASKED, chosen),
        )
    if st.session_state.get(_ASKED) == chosen:
        _ask(chosen, files.shown(found[chosen].name))


def _ask(preset_id: str, name: str) -> None:
    st.markdown(t("Move “{name}” to the trash?", name=escape(name)))
    with st.container(horizontal=True):
        st.button(
            t("Delete"),
            type="primary",
            key="augment_preset_delete_sure",
            on_click=_delete,
            args=(preset_id,),
        )
        st.button(
            t("Keep it"),
            key="augment_preset_delete_not",
            on_click=st.session_state.pop,
            args=(_ASKED, None),
        )


def _delete(preset_id: str) -> None:
    st.session_state.pop(_ASKED, None)
    try:
        trash_view.deleted(presets.remove(preset_id))
    except CatDogError as error:
        st.session_state[_SAID] = error


def _opened(fill: Fill) -> None:
    file = st.session_state["augment_preset_file"]
    if file is None:
        return
    try:
        name, settings = presets.parse(file.read(presets.MAX_BYTES + 1), file.name)
    except CatDogError as error:
        st.session_state[_SAID] = error
        return
    fill(settings)
    st.session_state["augment_preset_name"] = name
    st.toast(t("Taken from the file: {name}", name=escape(name)))
