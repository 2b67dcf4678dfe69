"""What earlier versions had, and what to use instead: flags, commands and export formats."""

from __future__ import annotations

from ..base.errors import N_, CatDogError
from ..data import url_import

_WORKERS = N_("Training on several workers was removed. Use a sweep to use several machines.")
_TASKS = N_("Checking and packing on Ray were removed. Leave the flag out to use two threads.")
_AT_ONCE = N_("Reading photos at a URL was removed, including --at-once. Leave the flag out.")

FLAGS = {
    ("train", "--workers"): _WORKERS,
    ("train", "--address"): _WORKERS,
    ("resume", "--workers"): _WORKERS,
    ("resume", "--address"): _WORKERS,
    ("check", "--address"): _TASKS,
    ("pack", "--address"): _TASKS,
    ("check", "--at-once"): _AT_ONCE,
    ("pack", "--at-once"): _AT_ONCE,
}
"""By command and flag."""
COMMANDS: dict[str, str] = {
    "cluster": N_(
        "The lab's own cluster was removed. Run 'ray start --head', then use --address auto "
        "(docs/cluster.md)."
    ),
}
"""By the first word behind the program's name."""
FORMATS = {
    "report-pdf": N_("The PDF report was removed. Export report, then print it from a browser."),
}
"""By the name of an export format."""
URL = N_("You can only import a URL now. Run 'import URL', then use the folder it prints.")
"""For a URL in the place of a folder."""
OUT_URL = N_("Shards can only be written to a folder. Choose a folder, then copy it to the URL.")
"""For a URL in the place of the folder that shards are written to."""


def find_replacement(arguments: list[str], option: str | None) -> str | None:
    """Return what to use instead of something that was removed, None for a plain mistake.

    Args:
        arguments: of the command line, without the program.
        option: the flag that was not understood, if it was a flag.
    """
    command = arguments[0] if arguments else ""
    return COMMANDS.get(command) if option is None else FLAGS.get((command, option))


def refuse_url(folder: str, instead: str = URL) -> None:
    """Raise CatDogError for a URL in the place of a folder, naming what to use instead."""
    if url_import.is_url(folder):
        raise CatDogError(instead)


def refuse_format(kind: str) -> None:
    """Raise CatDogError for an export format that was removed, naming what to use instead."""
    if kind in FORMATS:
        raise CatDogError(FORMATS[kind])
