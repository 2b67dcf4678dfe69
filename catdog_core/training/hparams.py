"""A run's settings for TensorBoard's table of hyperparameters, in its own wire format. Light.

TensorBoard need not be installed here, so its messages are encoded by hand: they are three small
ones of protocol buffers (tensorboard/plugins/hparams/plugin_data.proto, version 0). A test reads
them back with TensorBoard's own code.
"""

from __future__ import annotations

import struct
import time
from typing import Any

from .run_folder import Run

START = "_hparams_/session_start_info"
END = "_hparams_/session_end_info"
_SUCCESS = 1


def start(run: Run) -> bytes:
    """The settings of a run, those of its augmentation by ``augmentation.…``."""
    assert run.training is not None
    values = run.training.model_dump(exclude={"network"})
    if run.training.network is not None:
        built = run.training.network.model_dump()
        values |= {f"network.{name}": value for name, value in built.items()}
    if run.augmentation is not None:
        changes = run.augmentation.model_dump()
        values |= {f"augmentation.{name}": changes[name] for name in run.augmentation.active}
    values["photos"], values["classes"] = run.train_photos, len(run.classes)
    entries = b"".join(
        _part(1, _part(1, name.encode()) + _part(2, _value(value)))
        for name, value in values.items()
        if value is not None
    )
    began = b"\x29" + struct.pack("<d", run.created)  # field 5, a double
    return _part(3, entries + _part(4, run.id.encode()) + began)


def end() -> bytes:
    """That a run has ended well, now."""
    ended = b"\x11" + struct.pack("<d", time.time())  # field 2, a double
    return _part(4, bytes([1 << 3, _SUCCESS]) + ended)


def _value(value: Any) -> bytes:
    """A google.protobuf.Value: a number, a text or a truth."""
    if isinstance(value, bool):
        return bytes([4 << 3, value])
    if isinstance(value, (int, float)):
        return b"\x11" + struct.pack("<d", value)
    return _part(3, str(value).encode())


def _part(number: int, content: bytes) -> bytes:
    """A field that holds bytes: its number, how many, and they."""
    size, count = len(content), b""
    while size > 127:
        count, size = count + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + count + bytes([size]) + content
