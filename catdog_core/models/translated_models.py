"""Give Keras a model file in the installed version's own spelling, where another one saved it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from ..base import files
from . import keras_configs, untrusted_models

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"


@contextmanager
def readable_model_file(path: Path, name: str, compiled: bool = False) -> Iterator[Path]:
    """Give a file that Keras reads, for a `with` block: the file itself, or a translated copy.

    Args:
        path: a file that passed `untrusted_models.inspect_model_file`, ending as Keras wants it.
        name: the file's name in messages.
        compiled: it is opened to be trained on.

    Raises:
        ModelError: as `untrusted_models.inspect_model_file`.
    """
    config = untrusted_models.read_model_config(path, name, compiled)
    keras_configs.drop_unknown_arguments(config.translated)
    if path.suffix == ".h5":
        if config.translated == config.saved:
            yield path
            return
        with files.temporary_folder("model") as folder:
            copy = folder / path.name
            shutil.copyfile(path, copy)
            with h5py.File(copy, "r+") as file:
                del file.attrs["model_config"]
                file.attrs["model_config"] = json.dumps(config.translated)
            yield copy
        return
    with files.temporary_folder("model") as folder:
        weights = _rename_weights(path, folder) if config.keras_version[:2] == "2." else None
        if weights is None and config.translated == config.saved:
            yield path
            return
        copy = folder / path.name
        with zipfile.ZipFile(path) as source, zipfile.ZipFile(copy, "w") as target:
            for member in source.namelist():
                if member == _CONFIG:
                    target.writestr(member, json.dumps(config.translated))
                elif member == _WEIGHTS and weights is not None:
                    target.write(weights, member)
                else:
                    with source.open(member) as packed, target.open(member, "w") as file:
                        shutil.copyfileobj(packed, file)
        yield copy


def _rename_weights(path: Path, folder: Path) -> Path | None:
    """Write the weights of a `.keras` file under the names that Keras 3 looks for.

    Keras 2.12 and 2.13 have another name for the list of layers, and Keras 2 on Windows separates
    the parts of a name by backslashes.

    Returns:
        The new file, None where the names are right.
    """
    plain = folder / _WEIGHTS
    with (
        zipfile.ZipFile(path) as archive,
        archive.open(_WEIGHTS) as packed,
        open(plain, "wb") as file,
    ):
        shutil.copyfileobj(packed, file)
    with h5py.File(plain, "r") as source:
        arrays = list(_iter_arrays(source))
        renamed = {name: _current_name(name) for name, _ in arrays}
        if all(old == new for old, new in renamed.items()):
            return None
        target_path = folder / "renamed.weights.h5"
        with h5py.File(target_path, "w") as target:
            for name, array in arrays:
                target.create_dataset(renamed[name], data=array[()])
    return target_path


def _iter_arrays(root: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays of an HDF5 file with their paths, each group of several names once."""
    seen = set()
    waiting = [("", root)]
    while waiting:
        prefix, group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            continue
        seen.add(address)
        for key in group:
            item, path = group[key], f"{prefix}/{key}" if prefix else str(key)
            if isinstance(item, h5py.Group):
                waiting.append((path, item))
            else:
                yield path, item


def _current_name(name: str) -> str:
    return name.replace("\\", "/").replace("_layer_checkpoint_dependencies/", "layers/")
