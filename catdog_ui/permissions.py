"""Who sits before a page, where several people share the lab: name, role, and how to tell both."""

from __future__ import annotations

import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from catdog_core import runs
from catdog_core.base import access
from catdog_core.base.access import Action, Role, Visitor
from catdog_core.base.errors import AccessError, CatDogError
from catdog_core.base.files import truncate_for_display
from catdog_core.server import tickets

from .i18n import N_, escape, say, t
from .session import VisitorState, page_state

ROLES: dict[Role, str] = {
    "teacher": N_("Teacher: can do everything."),
    "student": N_("Student: can train within a quota and change their own runs."),
    "audience": N_("Audience: can look, move sliders and use models."),
}
_NAME_KEY, _CODE_KEY = "visitor_name_field", "visitor_code"  # of the fields in the sidebar
_LONGEST_NAME = 30
_MAX_ATTEMPTS, _ATTEMPT_WINDOW = 10, 60.0
_failed_attempts: deque[float] = deque(maxlen=_MAX_ATTEMPTS)
_lock = threading.Lock()


def current_visitor() -> Visitor | None:
    """Return who the session belongs to; None outside of one, such as in a job's thread."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or not access.load_access_settings().shared:
        return None
    return _identify_visitor(context.session_id, page_state().visitor, st.user)


def _identify_visitor(session_id: str, visitor: VisitorState, claims: Mapping[str, Any]) -> Visitor:
    """Who a session of a shared lab belongs to, by what the provider says or the code entered."""
    if email := _verified_email(claims):
        return Visitor(email, access.role_by_email(email))
    name = visitor.name or f"visitor {session_id[:4]}"
    return Visitor(name, _role_of_code(visitor) or access.load_access_settings().everyone)


def issue_ticket() -> str:
    """Return the ticket by which the page's script uses routes for this session, see `tickets`."""
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return ""
    page, session_id = page_state(), context.session_id
    visitor, claims = page.visitor, dict(st.user)

    def who() -> Visitor | None:
        if not runtime.exists() or not runtime.get_instance().is_active_session(session_id):
            return None
        if not access.load_access_settings().shared:
            return access.OWNER
        return _identify_visitor(session_id, visitor, claims)

    page.ticket = tickets.issue(who, known=page.ticket)
    return page.ticket


def _role_of_code(visitor: VisitorState) -> Role | None:
    """The role a session's code gave it, as long as it still is the code of that role."""
    code_hash = access.get_code_hash(visitor.role) if visitor.role else ""
    return visitor.role if code_hash and visitor.role_code_hash == code_hash else None


def signed_in_email() -> str:
    """Return the e-mail address that signed in, empty where none did or it has no role."""
    return _verified_email(st.user)


def _verified_email(claims: Mapping[str, Any]) -> str:
    try:
        return access.verified_address(claims)
    except AccessError:
        return ""


def _sign_in_refusal() -> AccessError | None:
    """Why who signed in has no role by the address; None where nobody did, or there is one."""
    try:
        access.verified_address(st.user)
    except AccessError as error:
        return error
    return None


def render_visitor_panel() -> None:
    """Draw who one is in a shared lab, and how to get a role; for the sidebar."""
    if not access.load_access_settings().shared:
        return
    who = current_visitor()
    assert who is not None
    refused = _sign_in_refusal()
    label = escape(who.name)
    if who.role == "audience" and not (signed_in_email() or refused or page_state().visitor.name):
        label = t("Sign in") if _has_sign_in() else t("Enter code")  # not a name made up for it
    with st.popover(label, icon=":material/person:", width="stretch"):
        st.caption(t(ROLES[who.role]))
        if signed_in_email() or refused:
            st.button(t("Sign out"), key="visitor_logout", on_click=st.logout)
        if signed_in_email():
            return
        if not refused and _has_sign_in():
            st.button(t("Sign in"), type="primary", key="visitor_login", on_click=st.login)
        with st.form("visitor_form", border=False):
            st.text_input(
                t("Your name"), key=_NAME_KEY, max_chars=30, help=t("Shown next to your runs.")
            )
            st.text_input(t("Code"), key=_CODE_KEY, type="password", max_chars=100)
            st.form_submit_button(t("Submit code"), on_click=_submit_identity, width="stretch")


def _has_sign_in() -> bool:
    """Whether an identity provider is configured."""
    return "is_logged_in" in st.user


def render_role_notice() -> None:
    """Say at the top of a page what is off for who may only look, and how to have it on."""
    if access.load_access_settings().shared and (refused := _sign_in_refusal()):
        st.warning(escape(say(refused)), icon=":material/no_accounts:")
    if (
        access.load_access_settings().shared
        and (current_visitor() or access.OWNER).role == "audience"
    ):
        st.caption(
            t("View only. To train or edit, enter the student code in the sidebar or sign in.")
            if _has_sign_in()
            else t("View only. To train or edit, enter the student code in the sidebar.")
        )


def permission_kwargs(
    action: Action | None, owner: str | None = None, disabled: bool = False, help: str | None = None
) -> dict[str, Any]:
    """Return `disabled` and `help` of a button: off, with the reason, where it is not allowed.

    The guard in the core says no all the same; this only saves the click.

    Args:
        action: what the button does; None for what everybody may.
        owner: of the run it does it to, where it is one.
        disabled: whether it is off for everybody.
        help: what the button explains to who may press it.
    """
    refusal = find_refusal(action, owner) if action is not None else None
    if refusal is not None:
        return {"disabled": True, "help": escape(say(refusal))}
    return {"disabled": disabled, "help": help}


def find_refusal(action: Action, owner: str | None = None) -> CatDogError | None:
    """Return why the visitor may not do something, a full quota included; None if they may.

    Args:
        action: what.
        owner: of the run it is done to, where it is done to one.
    """
    try:
        if action == "train":
            access.check_quota(runs.list_runs)
        else:
            access.check_permission(action, owner)
    except CatDogError as error:
        return error
    return None


def action_button(
    label: str,
    key: str,
    action: Action | None,
    callback: Callable[..., None] | None = None,
    *args: object,
    icon: str = "",
    owner: str | None = None,
    disabled: bool = False,
    help: str | None = None,
    **options: Any,
) -> bool:
    """Draw a button that is off, with the reason, for who may not do what it does.

    Args:
        label: its text.
        key: of the widget.
        action: what the button does; None for what everybody may.
        callback: called with `args` when it is pressed.
        args: of the callback.
        icon: a name of Material Symbols.
        owner: of the run it does it to, where it is one.
        disabled: whether it is off for everybody.
        help: what the button explains to who may press it.
        options: others of `st.button`.

    Returns:
        Whether it has just been pressed.
    """
    return st.button(
        label,
        key=key,
        icon=f":material/{icon}:" if icon else None,
        on_click=callback,
        args=args,
        **permission_kwargs(action, owner, disabled, help),
        **options,
    )


def _submit_identity() -> None:
    normalized_name = unicodedata.normalize("NFKC", st.session_state[_NAME_KEY])
    name = truncate_for_display(" ".join(normalized_name.replace("@", " ").split()))[
        :_LONGEST_NAME
    ].strip()
    code = st.session_state[_CODE_KEY]
    st.session_state[_CODE_KEY] = ""  # so that nobody reads it in the field
    visitor = page_state().visitor
    if name:
        visitor.name = name
    if not code:
        return
    try:
        role = _role_by_code(code)
    except CatDogError as error:
        st.toast(escape(say(error)), icon=":material/error:")
        return
    if role is None:
        st.toast(t("That code is wrong. Ask your teacher."), icon=":material/error:")
    else:
        visitor.role, visitor.role_code_hash = role, access.get_code_hash(role)


def _role_by_code(code: str) -> Role | None:
    """As `access.role_by_code`; after ten wrong ones in a minute, none is right for a while."""
    with _lock:  # one guess at a time: they cannot be made quicker by many windows
        if (
            len(_failed_attempts) == _MAX_ATTEMPTS
            and time.monotonic() - _failed_attempts[0] < _ATTEMPT_WINDOW
        ):
            return None
        role = access.role_by_code(code)
        if role is None:
            _failed_attempts.append(time.monotonic())
        return role


access.set_visitor_provider(current_visitor)
