"""Words: English sentences are the keys, gettext catalogues hold the other languages.

The language belongs to the session, so nothing here is process-wide and no translated text is
ever cached: `t` looks a sentence up each time it is shown.
"""

from __future__ import annotations

import re

import streamlit as st

from catdog_core.base import report_language
from catdog_core.base.errors import N_, CatDogError
from catdog_core.base.files import ASSETS

from .session import page_state

__all__ = ["LANGUAGES", "N_", "choose_language", "escape", "language", "pgettext", "say", "t"]

LANGUAGES = {"en": "English", "ko": "한국어"}
"""Languages by code, each named in itself. The first is the fallback."""
LOCALE = ASSETS / "locale"
# Signs that mean something anywhere, those that do at the start of a line, and bare addresses.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#|~$:&@]|^[-+]|(?<=www)\.)")
_NUMBERED = re.compile(r"^(\d+)([.)])")


def t(message: str, **params: object) -> str:
    """Translate a sentence into the session's language.

    Args:
        message: the English sentence, a literal, with named fields for the numbers.
        **params: values of the fields; anything `str.format` accepts, and errors of the core.
    """
    return str(report_language.get_translator(language())(message, **params))


def pgettext(context: str, message: str) -> str:
    """Translate a word that other languages say differently in different contexts.

    Args:
        context: what it means here, such as "count" where "Photos" heads a column of numbers.
        message: the English word, a literal.
    """
    return t(f"{context}{report_language.CONTEXT_SEPARATOR}{message}")


def say(error: CatDogError) -> str:
    """Return an error's sentence in the session's language, as plain text."""
    return t(error.message, **error.params)


def escape(name: object) -> str:
    """Escape a name made by users for labels and captions, which render Markdown."""
    line = _MARKDOWN.sub(r"\\\1", " ".join(str(name).split()))
    return _NUMBERED.sub(r"\1\\\2", line)


def language() -> str:
    """Return the session's language code; English where there is no session."""
    if not st.runtime.exists():
        return "en"
    chosen = page_state().language
    return chosen if chosen in LANGUAGES else "en"


def choose_language() -> str:
    """Settle the session's language at the start of a page and keep it in the URL.

    The URL's ``?lang=`` comes first, so that a link brings its language; an unknown value there
    means English. Without one the session's own choice holds, then the browser's language.
    """
    requested = st.query_params.get("lang")
    if requested is not None:
        chosen = requested if requested in LANGUAGES else "en"
    else:
        browser = (st.context.locale or "").split("-")[0]
        chosen = page_state().language or (browser if browser in LANGUAGES else "en")
    page_state().language = chosen
    if requested != chosen:
        st.query_params["lang"] = chosen
    return chosen
