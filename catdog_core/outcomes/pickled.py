"""A stranger's pickled history, read without running anything of it. Light.

A pickle is a program: loaded as usual, it may call any function there is. Here its instructions
are looked through first, and only those that build plain containers and numbers pass. The few
names a history needs, NumPy's numbers and arrays, stand for small readers of this room, so that
nothing of NumPy's is handed what a stranger wrote either.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

MOST = 2_000_000
"""Bytes of a pickle; a history of 10,000 epochs takes about one million."""
_CODES = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
_REFUSED = {
    # Persistent names, registered extensions, buffers from outside, old ways to make objects.
    *("PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"),
    *("INST", "OBJ"),
}


def load(data: bytes) -> Any:
    """What a pickle holds: dicts, lists, tuples, texts, numbers; arrays become lists of numbers.

    Raises:
        ValueError: it is no pickle, or holds anything else; the text says what.
    """
    if len(data) > MOST:
        raise ValueError(f"more than {MOST:,} bytes")
    try:
        # This fails where fewer bytes follow than are announced, before room is made for them.
        for opcode, _, _ in pickletools.genops(data):
            if opcode.name in _REFUSED:
                raise ValueError(f"the instruction {opcode.name}")
        return _Reader(io.BytesIO(data)).load()
    except ValueError:
        raise
    except Exception as error:  # a damaged pickle fails in as many ways as there are instructions
        raise ValueError(f"{type(error).__name__}: {error}"[:120]) from error


class _Kind:
    """NumPy's dtype: which numbers an array holds, and in which order their bytes stand."""

    def __init__(self, code: Any = "", *_: Any) -> None:
        self.code, self.order = str(code).lstrip("<>|="), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = ">" if state[1] == ">" else "<"

    def numbers(self, data: Any) -> list[float]:
        if self.code not in _CODES or not isinstance(data, (bytes, bytearray)):
            raise ValueError(f"numbers of kind {self.code[:20]!r}")
        one = struct.Struct(self.order + _CODES[self.code])
        return [float(value) for (value,) in one.iter_unpack(bytes(data))]


class _Numbers(list[float]):
    """NumPy's array, of which nothing but its numbers in a row is kept."""

    def __setstate__(self, state: Any) -> None:
        _, _, kind, _, data = state
        self[:] = _numbers(kind, data)


def _numbers(kind: Any, data: Any) -> list[float]:
    if not isinstance(kind, _Kind):
        raise ValueError("an array without a kind of number")
    return kind.numbers(data)


def _scalar(kind: Any, data: Any) -> float:
    return _numbers(kind, data)[0]


def _frombuffer(data: Any, kind: Any, *_: Any) -> list[float]:
    return _numbers(kind, data)


def _empty(*_: Any) -> _Numbers:
    return _Numbers()


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("an encoding other than latin1")
    return text.encode("latin1")


def _dict(*_: Any) -> dict[Any, Any]:
    return {}


_READERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _empty,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _dict,
    ("collections", "defaultdict"): _dict,
    ("builtins", "list"): _empty,
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _empty for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}


# The one written in Python: its memo is a dict, where the quick one makes room for any number a
# stranger names.
class _Reader(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _READERS:
            raise ValueError(f"{module[:60]}.{name[:60]}")
        return _READERS[module, name]
