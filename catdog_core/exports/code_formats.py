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
        loads_tensorflow=False,
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
        loads_tensorflow=False,
        usage="python {file}",
    ),
    Exporter(
        kind="report",
        label=N_("Report"),
        about=N_(
            "One HTML file: verdict, curves, confusion matrix, worst mistakes, settings. It prints"
            " well."
        ),
        extension=".html",
        writer="report:html",
        group="record",
        usage="python -m webbrowser {file}",
        needs_run=True,
    ),
    Exporter(
        kind="report-live",
        label=N_("Report with live curves"),
        about=N_("The same with curves that answer the mouse; 5 MB larger."),
        extension=".html",
        writer="report:live",
        group="record",
        usage="python -m webbrowser {file}",
        needs=("plotly",),
        needs_run=True,
    ),
)
