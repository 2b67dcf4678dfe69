"""A look at a model file before Keras sees it: files from strangers must not run code or flood.

`load_model(safe_mode=True)` refuses Lambda layers, but a file of 36 kB was seen to make it
allocate over 9 GB. So the archive, the architecture and the declared weights are checked first,
as data, without building anything. `model_check` has this done in a process of its own.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import h5py

from .. import limits
from ..errors import ModelError
from ..files import open_regular, shown
from ..limits import Limits
from . import declared

_MEMBERS = {"config.json", "metadata.json", "model.weights.h5", "catdog.json", "averages.npz"}
_WEIGHTS = ("model.weights.h5", "averages.npz")
_MAX_ARRAYS = 20_000
_CHUNK = 1 << 20


def kind_of(path: Path, name: str = "") -> str:
    """ ".keras" or ".h5", by the first bytes of a file, whatever its own extension.

    Raises:
        ModelError: it is neither, or cannot be read.
    """
    name = name or path.name
    try:
        with open_regular(path) as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(
            "{name} cannot be read: {reason}. Expected a model file.",
            name=shown(name),
            reason=error.strerror or str(error),
        ) from error
    if head[:4] == b"PK\x03\x04":
        return ".keras"
    if head == b"\x89HDF\r\n\x1a\n":
        return ".h5"
    raise ModelError(
        "{name} is no Keras model. Expected a .keras or .h5 file, as model.save('model.keras')"
        " writes it.",
        name=shown(name),
    )


def inspect(path: Path, name: str = "", allowed: Limits | None = None) -> str:
    """Refuse a model file that is none, runs code, or declares more than it holds.

    Args:
        path: a `.keras` archive or a whole model in an `.h5` file, told by its content.
        name: the file's name in messages, where it is not its own.
        allowed: by default, the limits in force.

    Returns:
        The extension Keras wants for it, ".keras" or ".h5", whatever the file's own.

    Raises:
        ModelError: naming what was found and what was expected.
    """
    held(path, name, allowed)
    return kind_of(path, name)


def held(path: Path, name: str = "", allowed: Limits | None = None) -> int:
    """As `inspect`, but returns how many numbers the file's weights hold."""
    name, allowed = name or path.name, allowed or limits.current()
    inspector = _inspect_archive if kind_of(path, name) == ".keras" else _inspect_h5
    try:
        texts, shapes = inspector(path, name, allowed)
    except ModelError:
        raise
    except Exception as error:
        # zipfile, zlib and HDF5 report damage by a dozen exceptions.
        raise declared.damaged(name, error) from error
    widths = {side for shape in shapes for side in shape}
    for text in texts:
        declared.check(name, text, widths)
    return sum(map(prod, shapes))


_Found = tuple[list[bytes], list[tuple[int, ...]]]


def _inspect_archive(path: Path, name: str, allowed: Limits) -> _Found:
    with zipfile.ZipFile(path) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        extra = sorted(set(infos) - _MEMBERS)
        whole = {"config.json", "model.weights.h5"} <= set(infos)
        if extra or not whole or len(infos) < len(archive.infolist()):
            raise ModelError(
                "{name} is a zip archive but no plain Keras model ({found}). Expected"
                " config.json and model.weights.h5 in it. Save it again with"
                " model.save('model.keras').",
                name=shown(name),
                found=shown(", ".join(extra[:3]) or "parts are missing or there twice"),
            )
        weights = sum(infos[member].file_size for member in _WEIGHTS if member in infos)
        other = max(info.file_size for key, info in infos.items() if key not in _WEIGHTS)
        _refuse_large(name, other, weights, allowed)
        _refuse_shrunk(name, list(infos.values()), allowed)
        text = archive.read("config.json")
        # HDF5 reads here and there, and every step back in a packed member unpacks it anew.
        with tempfile.TemporaryFile() as plain:
            with archive.open("model.weights.h5") as member:
                while chunk := member.read(_CHUNK):
                    plain.write(chunk)
            with h5py.File(plain, "r") as file:
                return [text], list(_shapes(name, file))


def _inspect_h5(path: Path, name: str, allowed: Limits) -> _Found:
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        if config is None:
            raise ModelError(
                "{name} holds weights but no model. Expected a whole model, as"
                " model.save('model.h5') writes it, not save_weights.",
                name=shown(name),
            )
        texts = [_text(config)]
        if (training := file.attrs.get("training_config")) is not None:
            texts.append(_text(training))
        _refuse_large(name, max(map(len, texts)), path.stat().st_size, allowed)
        return texts, list(_shapes(name, file))


def _text(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _shapes(name: str, root: Any) -> Iterator[tuple[int, ...]]:
    """The shapes of all arrays; links out of the file and arrays without content are refused."""
    waiting, seen, count = [root], set(), 0
    while waiting:
        group = waiting.pop()
        place = h5py.h5o.get_info(group.id).addr
        if place in seen:  # groups may lie in each other, round and round
            continue
        seen.add(place)
        for key in group:
            count += 1
            if count > _MAX_ARRAYS:
                raise declared.damaged(name, ValueError(f"more than {_MAX_ARRAYS:,} arrays"))
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ModelError(
                    "{name} links to another file. Expected a model that is complete in itself.",
                    name=shown(name),
                )
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            else:
                yield _shape(name, item)


def _shape(name: str, item: Any) -> tuple[int, ...]:
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiubV":
        raise declared.damaged(name, ValueError("an array that holds no numbers"))
    size = prod(item.shape) * item.dtype.itemsize
    if item.external or item.is_virtual or size > 64 + 20 * item.id.get_storage_size():
        raise ModelError(
            "{name} declares weights that it does not hold. Expected a complete model file.",
            name=shown(name),
        )
    return tuple(item.shape)


def _refuse_large(name: str, config: int, weights: int, allowed: Limits) -> None:
    if config > allowed.model_config_bytes or weights > allowed.model_bytes:
        raise ModelError(
            "{name} unpacks to {size:,} bytes. Expected at most {limit:,} of weights and"
            " {config:,} of configuration.",
            name=shown(name),
            size=config + weights,
            limit=allowed.model_bytes,
            config=allowed.model_config_bytes,
        )


def _refuse_shrunk(name: str, infos: list[zipfile.ZipInfo], allowed: Limits) -> None:
    """Weights hardly shrink: what unpacks to a hundred times its size holds none."""
    packed, whole = (sum(getattr(i, key) for i in infos) for key in ("compress_size", "file_size"))
    if whole > allowed.model_config_bytes + 20 * packed:
        raise ModelError(
            "{name} unpacks from {packed:,} to {whole:,} bytes. Expected weights, which hardly"
            " shrink. Save it again with model.save('model.keras').",
            name=shown(name),
            packed=packed,
            whole=whole,
        )
