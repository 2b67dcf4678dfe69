"""The export formats by name, in the order the page shows them. Light."""

from __future__ import annotations

from ..errors import CatDogError
from . import code_formats, model_formats
from .exporter import Exporter

FORMATS: dict[str, Exporter] = {
    exporter.kind: exporter for exporter in (*model_formats.ALL, *code_formats.ALL)
}


def of(kind: str) -> Exporter:
    """The format of a name.

    Raises:
        CatDogError: there is none.
    """
    if kind not in FORMATS:
        raise CatDogError(
            "There is no export format '{kind}'. Expected one of: {kinds}.",
            kind=kind,
            kinds=", ".join(FORMATS),
        )
    return FORMATS[kind]
