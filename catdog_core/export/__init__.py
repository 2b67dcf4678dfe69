"""Runs and models as files for other programs, and bundles of runs between labs.

Every format of `formats` is written by one function in a process of its own.
"""

from .export_files import (
    FORMATS,
    Exporter,
    ExportResult,
    export_in_process,
    export_in_subprocess,
    install_export,
    output_exists_error,
)

__all__ = [
    "FORMATS",
    "ExportResult",
    "Exporter",
    "export_in_process",
    "export_in_subprocess",
    "install_export",
    "output_exists_error",
]
