"""Translate the sentences of files: reports and notebooks in English or another language."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Callable
from functools import cache

from . import english_plurals, files, korean_particles
from .errors import CatDogError, Term

Translator = Callable[..., str]
"""Says a message with its values in a language, as `catdog_ui.i18n.t` does."""
CONTEXT_SEPARATOR = "\x04"
"""What gettext puts between a context and its message in one key."""
_ACCEPTED = re.compile(r"([A-Za-z]{2,3})(?:-[\w-]+)?(?:\s*;\s*q=(0(?:\.\d*)?|1(?:\.0*)?))?")
_MOST_LANGUAGES = 20  # of a header that are looked at
LANGUAGE_VARIABLE = "CATDOG_LANGUAGE"
"""The variable of the environment that names the language, such as "ko"."""


def format_english(message: str, **params: object) -> str:
    """Format a sentence with its values, in English."""
    return english_plurals.format_english(message, params) if params else message


def choose_language(accepted: str) -> str:
    """Return the language somebody likes most of those there are; "en" where there is none.

    Args:
        accepted: an HTTP header Accept-Language (RFC 9110), such as "ko-KR,ko;q=0.9,en;q=0.5".
    """
    known = {path.name for path in (files.PROJECT / "assets" / "locale").iterdir()}
    best, most = "en", 0.0
    for each in accepted.split(",")[:_MOST_LANGUAGES]:
        match = _ACCEPTED.fullmatch(each.strip())
        if match and match[1].lower() in known and float(match[2] or 1) > most:
            best, most = match[1].lower(), float(match[2] or 1)
    return best


def get_current_translator() -> Translator:
    """Return the translator of the language the environment names; English if unknown."""
    return get_translator(os.environ.get(LANGUAGE_VARIABLE, ""))


@cache
def get_translator(code: str) -> Translator:
    """Return the translator of a language such as "ko"; English for an unknown one."""
    code = code[:2].lower()
    catalogue = _load_catalogue(code)
    translate_into = korean_particles.format_korean if code == "ko" else str.format_map

    def say(message: str, **params: object) -> str:
        translated = catalogue.gettext(message) if message else ""
        if translated == message:  # without a translation the context must not show
            translated = message = message.rpartition(CONTEXT_SEPARATOR)[2]
        fill_in = english_plurals.format_english if translated == message else translate_into
        values = {name: _translate_value(value) for name, value in params.items()}
        if not values:
            return translated
        try:
            return fill_in(translated, english_plurals.mark_missing(values))
        except (KeyError, IndexError, ValueError):  # a slip in a catalogue must not spoil a file
            return english_plurals.format_english(message, values)

    def _translate_value(value: object) -> object:
        if isinstance(value, CatDogError):
            return say(value.message, **value.params)
        return catalogue.gettext(value) if isinstance(value, Term) else value

    return say


@cache
def _load_catalogue(code: str) -> gettext.NullTranslations:
    folder = files.ASSETS / "locale"
    return gettext.translation("catdog", folder, languages=[code or "en"], fallback=True)
