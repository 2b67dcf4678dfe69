"""The command line: a module for each group of commands; ``python -m catdog_core COMMAND``."""

from .options import PROGRAM
from .program import app, main

__all__ = [
    "PROGRAM",
    "app",
    "main",
]
