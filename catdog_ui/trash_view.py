"""What was deleted: an Undo right after, and the trash with its way back."""

from __future__ import annotations

import streamlit as st

from catdog_core import runs
from catdog_core.base import trash
from catdog_core.base.errors import CatDogError
from catdog_core.base.trash import TrashEntry

from . import format_text, permissions, widgets
from .i18n import N_, escape, say, t
from .session import page_state

_KIND_NAMES: dict[str, str] = {
    "run": N_("run"),
    "dataset": N_("dataset"),
    "preset": N_("preset"),
    "experiment": N_("experiment"),
    "model": N_("model"),
}
_CHOSEN_KEY = "trash_chosen"
_PANEL = "panel"  # the part of the page that holds the whole trash


def remember_deleted(key: str) -> None:
    """Remember what was deleted last, so that `offer_undo` offers it; fit to be called by
    callbacks.

    Args:
        key: the entry's id in the trash.
    """
    state = page_state().trash
    state.last_deleted, state.page = key, ""


def offer_undo(title: str = "", key_suffix: str = "page") -> None:
    """Offer to take back what was deleted last, as long as its page stays open.

    Args:
        title: the page's name; by default the page is not looked at.
        key_suffix: told apart from another offer on the same page by it.
    """
    _show_error_once(key_suffix)
    state = page_state().trash
    if not state.last_deleted:
        return
    state.page = state.page or title
    if title and state.page != title:  # another page was opened since
        _forget_deleted()
        return
    try:
        entry = trash.get_trash_entry(state.last_deleted)
    except CatDogError:  # restored or emptied elsewhere
        _forget_deleted()
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(
            t(
                "Moved to the trash: {kind} “{name}”.",
                kind=t(_KIND_NAMES[entry.kind]),
                name=escape(entry.name),
            ),
            width="stretch",
        )
        permissions.action_button(
            t("Undo"),
            f"trash_undo_{key_suffix}",
            "change data",
            _restore_entry,
            entry.id,
            key_suffix,
            icon="undo",
        )
        st.button(
            t("Close"),
            type="tertiary",
            key=f"trash_close_{key_suffix}",
            on_click=_forget_deleted,
        )


def _forget_deleted() -> None:
    page_state().trash.last_deleted = ""


def _show_error_once(key_suffix: str) -> None:
    """Show why a callback of this part of the page failed; it ran before anything was drawn."""
    error = page_state().trash.errors.pop(key_suffix, None)
    if error is not None:
        st.error(escape(say(error)), icon=":material/error:")


def render_trash_panel() -> None:
    """Draw the trash, folded away; nothing where it is empty."""
    _show_error_once(_PANEL)
    entries = trash.list_trash()
    if not entries:
        return
    with st.expander(
        t(
            "Trash: {n} items, {size}",
            n=len(entries),
            size=format_text.format_bytes(_total_bytes(entries)),
        ),
        icon=":material/delete:",
        key="trash",
    ):
        st.caption(
            t(
                "Deleted items stay here and take up disk space until you empty the trash. You "
                "can restore them to where they were."
            )
        )
        _trash_table(entries)
        _trash_actions(entries)


def _trash_table(entries: list[TrashEntry]) -> None:
    widgets.show_table(
        {
            t("Name"): [entry.name for entry in entries],
            t("Type"): [t(_KIND_NAMES[entry.kind]) for entry in entries],
            t("Deleted"): [format_text.format_timestamp(entry.at) for entry in entries],
            t("Size"): [format_text.format_bytes(entry.bytes) for entry in entries],
        },
        "trash_table",
        t("Trash contents"),
        height="content" if len(entries) < 8 else 300,
    )


def _trash_actions(entries: list[TrashEntry]) -> None:
    names = {
        entry.id: " · ".join(
            (entry.name, t(_KIND_NAMES[entry.kind]), format_text.format_timestamp(entry.at))
        )
        for entry in entries
    }
    widgets.reset_unknown_choice(_CHOSEN_KEY, names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            t("Deleted item"),
            list(names),
            format_func=names.__getitem__,
            key=_CHOSEN_KEY,
            width=420,
        )
        permissions.action_button(
            t("Restore"),
            "trash_restore",
            "change data",
            _restore_entry,
            chosen,
            _PANEL,
            icon="restore_from_trash",
        )
        if permissions.action_button(
            t("Empty trash…"), "trash_empty", "empty", icon="delete_forever"
        ):
            st.dialog(t("Empty trash?"))(_confirm_empty)(entries)


def _confirm_empty(entries: list[TrashEntry]) -> None:
    st.write(
        t(
            "This permanently deletes {n} items ({size}). You can't undo it.",
            n=len(entries),
            size=format_text.format_bytes(_total_bytes(entries)),
        )
    )
    widgets.confirm_action("trash_empty", t("Empty"), _empty_trash)


def _total_bytes(entries: list[TrashEntry]) -> int:
    return sum(entry.bytes for entry in entries)


def _restore_entry(key: str, key_suffix: str) -> None:
    try:
        entry = runs.restore_from_trash(key)
    except CatDogError as error:
        page_state().trash.errors[key_suffix] = error
    else:
        _forget_deleted()
        st.toast(t("Restored: {name}", name=escape(entry.name)), icon=":material/undo:")


def _empty_trash() -> None:
    try:
        trash.empty_trash()
    except CatDogError as error:
        page_state().trash.errors[_PANEL] = error
