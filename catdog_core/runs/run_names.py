"""The names of runs and models: unique in a workspace, found by them, and a trial's own part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ..base import files, locks
from ..base.file_cache import FileCache
from ..base.files import truncate_for_display
from ..base.names import shorten_middle, unique_name
from .run_folder import RunRecord, runs_folder

MAX_NAME = 200
"""The most characters of a run's name; a trial's names all settings that differ."""
DEFAULT_MODEL_NAME = "default"
"""What the command line and the Predict page call the built-in model."""
_LEAST_TITLE = 8  # characters of an experiment's name that are still of use
_cache: FileCache[str] = FileCache(limit=5000)


@contextmanager
def choose_unique_name(wanted: str, folder: Path) -> Iterator[str]:
    """Give a name that no other run or model of the workspace has, and keep it free meanwhile.

    The block writes it: two processes that ask for the same name get two. A run outside the
    workspace stands in no list, so it keeps the name that is wanted.

    Args:
        wanted: by a user or a default, not empty.
        folder: of the run or model, made or to be made; its own name is free.

    Raises:
        CatDogError: the workspace cannot be written.
    """
    if folder.absolute().parent not in (
        runs_folder().absolute(),
        imported_models_folder().absolute(),
    ):
        yield unique_name(wanted, (), MAX_NAME)
        return
    with files.wrap_os_errors(folder), locks.hold_path_lock(runs_folder() / "names"):
        taken = {DEFAULT_MODEL_NAME, *_iterate_names(folder.name)}
        yield unique_name(wanted, taken, MAX_NAME)


def imported_models_folder() -> Path:
    """Return the folder of the imported models of this workspace."""
    return files.workspace_folder() / "guests"


def own_name(run: RunRecord) -> str:
    """Return a run's name without that of its experiment, which stands above all its runs."""
    own, dot, title = run.name.rpartition(" · ")
    is_cut = bool(dot) and run.group.get("name", "").startswith(title)  # as earlier versions did
    return own if is_cut and run.group else run.name or run.id


def short_name(run: RunRecord, limit: int = 80) -> str:
    """Return a run's name, safe to print, in at most `limit` characters.

    Of a trial's, what differs from the others stays; the name of its experiment is cut first.
    """
    name, own = run.name or run.id, own_name(run)
    title = name[len(own) + 3 :]
    room = limit - len(own) - 3
    if len(name) > limit and title:
        name = f"{own} · {shorten_middle(title, room)}" if room >= _LEAST_TITLE else own
    return truncate_for_display(shorten_middle(name, limit), limit)


def _iterate_names(own_id: str) -> Iterator[str]:
    """Names and ids of all runs and imported models but one."""
    for home, file in ((runs_folder(), "about.json"), (imported_models_folder(), "guest.json")):
        for folder in home.iterdir() if home.is_dir() else ():
            if folder.name.startswith(".") or folder.name == own_id:
                continue
            yield folder.name
            path = folder / file
            yield _cache.get(path, [path], partial(_read_name, path))


def _read_name(path: Path) -> str:
    return str(files.read_json_object(path).get("name", path.parent.name))
