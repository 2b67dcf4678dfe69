"""The formats to be read rather than run: code and reports of a run. Light."""

from __future__ import annotations

from ..errors import N_
from .exporter import Exporter

ALL: tuple[Exporter, ...] = (
    Exporter(
        kind="notebook",
        label=N_("Jupyter notebook"),
        about=N_("The run as plain Keras code, step by step as in the class notes."),
        extension=".ipynb",
        writer="notebook:write",
        group="code",
        needs_run=True,
        usage="jupyter lab {file}",
    ),
    Exporter(
        kind="script",
        label=N_("Python script"),
        about=N_("The same code in one file; it needs Keras and nothing of this lab."),
        extension=".py",
        writer="script:write",
        group="code",
        needs_run=True,
        usage="python {file}",
    ),
)
