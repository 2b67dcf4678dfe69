"""Which model file is meant: a file, a run's best, or the one that comes with the lab. Light."""

from __future__ import annotations

from pathlib import Path

from ..base.errors import ModelError
from . import default_model, run_folder


def find_model_file(model_or_run: Path) -> Path:
    """The model file meant: a file itself, a run folder's `best.keras`, or the shipped one.

    Raises:
        ModelError: there is neither.
    """
    path = Path(model_or_run)
    if path.is_file():
        return path
    path = resolve_run_folder(path)
    if (path / "best.keras").is_file():
        return path / "best.keras"
    if (path / "settings.json").is_file():
        if run_folder.load_run(path).is_history:
            raise ModelError(
                "Run '{name}' is a history from a file: it has no model. Choose a run that was"
                " trained here.",
                name=path.name,
            )
        raise ModelError(
            "Run '{name}' has no model yet. Expected one with at least one whole epoch. Train it"
            " first.",
            name=path.name,
        )
    raise ModelError(
        "There is no model at {path}. Expected a .keras or .h5 file, a run folder, or"
        " 'default', the model that comes with the lab.",
        path=path,
    )


def resolve_run_folder(run: Path) -> Path:
    """The folder meant by a run's folder, its id in this workspace, or "default"."""
    path = Path(run)
    if not path.is_dir() and path.name == str(path) and (run_folder.runs_folder() / path).is_dir():
        return run_folder.runs_folder() / path
    if str(path) == default_model.DEFAULT_MODEL_NAME and not path.exists():
        return default_model.default_model_folder()
    return path
