"""A look at a model file before Keras sees it: files from strangers must not run code or flood.

`load_model(safe_mode=True)` refuses Lambda layers, but a file of 36 kB was seen to make it
allocate over 9 GB. So the archive, the architecture and the declared weights are checked first,
as data, without building anything.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import ModelError
from ..files import shown

MAX_CONFIG_BYTES = 4_000_000
MAX_WEIGHT_BYTES = 1_000_000_000
_MEMBERS = {"config.json", "metadata.json", "model.weights.h5", "catdog.json", "averages.npz"}
_REFUSED = {
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
    "Hashing",
}
"""Layers that run code, or read files, named by the model file."""


def inspect(path: Path) -> str:
    """Refuse a model file that is none, runs code, or declares more than it holds.

    Args:
        path: a `.keras` archive or a whole model in an `.h5` file, told by its content.

    Returns:
        The extension Keras wants for it, ".keras" or ".h5", whatever the file's own.

    Raises:
        ModelError: naming what was found and what was expected.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(
            "{name} cannot be read: {reason}. Expected a model file.",
            name=shown(path.name),
            reason=error.strerror or str(error),
        ) from error
    if head[:4] == b"PK\x03\x04":
        _inspect_archive(path)
        return ".keras"
    if head == b"\x89HDF\r\n\x1a\n":
        _inspect_h5(path)
        return ".h5"
    raise ModelError(
        "{name} is no Keras model. Expected a .keras or .h5 file, as model.save('model.keras')"
        " writes it.",
        name=shown(path.name),
    )


def _inspect_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            extra = sorted(set(sizes) - _MEMBERS)
            if extra or not {"config.json", "model.weights.h5"} <= set(sizes):
                raise ModelError(
                    "{name} is a zip archive but no plain Keras model ({found}). Expected"
                    " config.json and model.weights.h5 in it. Save it again with"
                    " model.save('model.keras').",
                    name=shown(path.name),
                    found=shown(", ".join(extra[:3]) or "parts are missing"),
                )
            _refuse_large(path, sizes["config.json"], sizes["model.weights.h5"])
            text = archive.read("config.json")
            with archive.open("model.weights.h5") as member, h5py.File(member, "r") as file:
                kernels = list(_datasets(path, file))
    except ModelError:
        raise
    except Exception as error:
        # zipfile, zlib and HDF5 report damage by a dozen exceptions.
        raise _damaged(path, error) from error
    _check_architecture(path, text, kernels)


def _inspect_h5(path: Path) -> None:
    try:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            if config is None:
                raise ModelError(
                    "{name} holds weights but no model. Expected a whole model, as"
                    " model.save('model.h5') writes it, not save_weights.",
                    name=shown(path.name),
                )
            text = config.encode() if isinstance(config, str) else bytes(config)
            kernels = list(_datasets(path, file))
    except ModelError:
        raise
    except Exception as error:
        raise _damaged(path, error) from error
    _refuse_large(path, len(text), path.stat().st_size)
    _check_architecture(path, text, kernels)


def _datasets(path: Path, group: Any) -> Iterator[tuple[int, ...]]:
    """The shapes of all arrays; links out of the file and arrays without content are refused."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ModelError(
                "{name} links to another file. Expected a model that is complete in itself.",
                name=shown(path.name),
            )
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _datasets(path, item)
            continue
        declared = int(np.prod(item.shape, dtype=np.float64)) * item.dtype.itemsize
        if item.external or item.is_virtual or declared > 64 + 20 * item.id.get_storage_size():
            raise ModelError(
                "{name} declares weights that it does not hold. Expected a complete model file.",
                name=shown(path.name),
            )
        yield tuple(item.shape)


def _check_architecture(path: Path, text: bytes, kernels: list[tuple[int, ...]]) -> None:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, error) from error
    widths = {size for shape in kernels for size in shape}
    for entry in _objects(config):
        kind = entry.get("class_name")
        if isinstance(kind, str):
            _check_class(path, kind, entry)
        for key in ("units", "filters", "input_dim", "output_dim"):
            size = entry.get(key)
            if isinstance(size, int) and size > 4096 and size not in widths:
                raise ModelError(
                    "{name} declares a layer of {size:,} {key} that its weights do not hold."
                    " Expected a complete model file.",
                    name=shown(path.name),
                    size=size,
                    key=key,
                )


def _check_class(path: Path, kind: str, entry: dict[str, Any]) -> None:
    module = entry.get("module", "keras")
    registered = entry.get("registered_name")
    ours = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    if not ours or (registered is not None and ">" in str(registered)):
        raise ModelError(
            "{name} uses '{kind}', which is not part of Keras. Expected a model of Keras's own"
            " layers only, since a file must not bring code of its own.",
            name=shown(path.name),
            kind=shown(kind),
        )
    if kind in _REFUSED:
        raise ModelError(
            "{name} uses the layer '{kind}', which runs code or reads files named by the model"
            " file. Expected a model of image layers only.",
            name=shown(path.name),
            kind=kind,
        )


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _refuse_large(path: Path, config: int, weights: int) -> None:
    if config > MAX_CONFIG_BYTES or weights > MAX_WEIGHT_BYTES:
        raise ModelError(
            "{name} unpacks to {size:,} bytes. Expected at most {limit:,} of weights and"
            " {config:,} of configuration.",
            name=shown(path.name),
            size=config + weights,
            limit=MAX_WEIGHT_BYTES,
            config=MAX_CONFIG_BYTES,
        )


def _damaged(path: Path, error: Exception) -> ModelError:
    return ModelError(
        "{name} is damaged or incomplete ({reason}). Expected a whole model file. Save or download"
        " it again.",
        name=shown(path.name),
        reason=shown(str(error) or type(error).__name__),
    )
