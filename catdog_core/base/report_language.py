"""The language files are written in: messages of the catalogue said in English or another one."""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable
from functools import cache

from . import files, korean_particles
from .errors import CatDogError

Translator = Callable[..., str]
"""Says a message with its values in a language, as `catdog_ui.i18n.t` does."""
LANGUAGE_VARIABLE = "CATDOG_LANGUAGE"
"""The variable of the environment that names the language, such as "ko"."""


def format_english(message: str, **params: object) -> str:
    """A message with its values, in English."""
    return message.format(**params) if params else message


def get_current_translator() -> Translator:
    """The language the environment asks for; English where it asks for none that is known."""
    return get_translator(os.environ.get(LANGUAGE_VARIABLE, ""))


@cache
def get_translator(code: str) -> Translator:
    """The language of a code such as "ko"; English for an unknown one."""
    code = code[:2].lower()
    catalogue = _load_catalogue(code)
    fill_in = korean_particles.format_korean if code == "ko" else str.format_map

    def say(message: str, **params: object) -> str:
        translated = catalogue.gettext(message) if message else ""
        values = {k: _error(v) if isinstance(v, CatDogError) else v for k, v in params.items()}
        if not values:
            return translated
        try:
            return fill_in(translated, values)
        except (KeyError, IndexError, ValueError):  # a slip in a catalogue must not spoil a file
            return message.format(**values)

    def _error(error: CatDogError) -> str:
        return say(error.message, **error.params)

    return say


@cache
def _load_catalogue(code: str) -> gettext.NullTranslations:
    folder = files.PROJECT / "assets" / "locale"
    return gettext.translation("catdog", folder, languages=[code or "en"], fallback=True)
