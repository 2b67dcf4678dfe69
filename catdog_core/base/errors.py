"""Errors that tell a user what was received, what was expected and what to do next.

    CatDogError
    ├── PhotoError      a file that is no usable photo
    ├── DatasetError    a folder or archive that is no usable dataset
    ├── DownloadError   a file that could not be fetched from the net
    ├── ModelError      a file that is no usable model
    ├── SettingsError   a setting, flag or preset out of its range or unknown
    ├── RunError        a run that is missing, damaged, busy, or cannot be continued
    ├── ClusterError    a cluster that is not installed, does not answer, or cannot do the work
    └── AccessError     something this visitor may not do

An error carries its English sentence as a template plus the values to fill in, so that the
pages can look the template up in the message catalogue and show it in the session's language.
"""

from __future__ import annotations

from .english_plurals import format_english
from .messages import Params


class Term(str):
    """A value that is itself a text of the catalogue, such as the split "train".

    It is an ordinary string; where a message is translated, the value is translated as well.
    """

    __slots__ = ()


class CatDogError(Exception):
    """A mistake a user can mend.

    Args:
        message: English template with named fields, such as ``"{file} is empty. …"``. It is the
            key of the message catalogue, so it must be a literal, never a formatted string.
        **params: values of the fields; anything `str.format` accepts.
    """

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message)
        self.message = message
        self.params = params

    def __str__(self) -> str:
        return format_english(self.message, self.params) if self.params else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the class without its keyword arguments; errors cross process
        # pools when photos are decoded in parallel.
        return (_rebuild, (type(self), self.message, self.params))


def _rebuild(kind: type[CatDogError], message: str, params: Params) -> CatDogError:
    return kind(message, **params)


class PhotoError(CatDogError):
    """The bytes are no photo the lab can show or learn from."""


class DatasetError(CatDogError):
    """The folder or archive holds no usable dataset."""


class DownloadError(CatDogError):
    """The file could not be fetched from the net, or is not what was expected."""


class ModelError(CatDogError):
    """The file is no model the lab can use."""


class SettingsError(CatDogError):
    """A setting is unknown, of the wrong type, or out of its range."""


class RunError(CatDogError):
    """The run is missing, damaged, busy, or cannot be continued."""


class ClusterError(CatDogError):
    """Ray is not installed, no cluster answers, or it cannot do what was asked of it."""


class AccessError(CatDogError):
    """The visitor's role or quota does not allow it."""


def N_(text: str) -> str:  # noqa: N802 - the usual gettext name for "translate later"
    """Mark a text for the message catalogue where it is defined apart from where it is shown."""
    return text
