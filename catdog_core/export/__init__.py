"""Runs and models as files for other programs, and bundles of runs between labs.

Every format of `formats` is written by one function in a process of its own.
"""

from .export_files import FORMATS, Exporter, Made, make, place, save, taken

__all__ = ["FORMATS", "Exporter", "Made", "make", "place", "save", "taken"]
