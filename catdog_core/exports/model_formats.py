"""The formats in which a model goes on answering photos elsewhere, and the bundle. Light."""

from __future__ import annotations

from ..errors import N_
from .exporter import Exporter

ALL: tuple[Exporter, ...] = (
    Exporter(
        kind="keras",
        label=N_("Keras"),
        about=N_("Keras's own file: opens in any Keras 3, here too, and can be trained on."),
        extension=".keras",
        writer="keras_files:keras",
    ),
    Exporter(
        kind="h5",
        label=N_("HDF5"),
        about=N_("The class notes' `.h5`, for older Keras and for tools that expect it."),
        extension=".h5",
        writer="keras_files:h5",
    ),
)
