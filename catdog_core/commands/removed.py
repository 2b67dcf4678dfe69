"""What earlier versions had, and what to use instead: flags, commands and export formats. Light."""

from __future__ import annotations

from ..errors import N_

_WORKERS = N_("Training on several workers was removed. Use a sweep to use several machines.")

FLAGS = {
    ("train", "--workers"): _WORKERS,
    ("train", "--address"): _WORKERS,
    ("resume", "--workers"): _WORKERS,
    ("resume", "--address"): _WORKERS,
}
"""By command and flag."""
COMMANDS: dict[str, str] = {}
"""By the first word behind the program's name."""
FORMATS: dict[str, str] = {}
"""By the name of an export format."""


def replacement(arguments: list[str], option: str | None) -> str | None:
    """Return what to use instead of something that was removed, None for a plain mistake.

    Args:
        arguments: of the command line, without the program.
        option: the flag that was not understood, if it was a flag.
    """
    command = arguments[0] if arguments else ""
    return COMMANDS.get(command) if option is None else FLAGS.get((command, option))
