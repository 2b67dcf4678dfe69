"""Sentences that a person reads, apart from their values, so that they can be translated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .english_plurals import format_english

Params = Mapping[str, object]
"""The values of a sentence's fields, by name; anything `str.format` accepts."""


class Message(NamedTuple):
    """An English sentence with named fields, and their values. As JSON it is a pair.

    Example:
        >>> str(Message("{n} photos are left out.", {"n": 3}))
        '3 photos are left out.'
    """

    message: str
    params: Params = {}  # noqa: RUF012 - a Mapping: nobody changes it

    def __str__(self) -> str:
        """Return the sentence in English."""
        return format_english(self.message, self.params)
