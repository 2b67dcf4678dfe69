"""The command line: a module for each group of commands; ``python -m catdog_core COMMAND``."""

from .program import PROGRAM, app, main

__all__ = [
    "PROGRAM",
    "app",
    "main",
]
