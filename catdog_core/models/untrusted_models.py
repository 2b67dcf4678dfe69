"""Check a model file from outside before Keras sees it: it must neither run code nor flood.

A Keras file is a configuration, which names classes to build and their arguments, and arrays of
weights. `load_model(safe_mode=True)` refuses Lambda layers, but builds all else that a file names:
one of 36 kB was seen to make it allocate over 9 GB, and other layers read files or import modules
that the file names. So the archive, the configuration and the weights are checked first, as data:
nothing is imported or built.

Classes are held against `allowed_classes`. What another version of Keras saved is translated first
(`keras_configs`), since Keras reads the translation: it is what the checks look at.

Sizes are held against what the file really stores: a layer may not declare units that no array of
weights has, nor an array more numbers than its bytes can hold. `model_sandbox` has all this done
in a process of its own, whose limits catch what no such check foresees.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from ..base import bounded_readers, limits
from ..base.errors import DatasetError, ModelError
from ..base.files import open_regular, truncate_for_display
from ..base.limits import Limits
from ..data import archive_safety
from ..data.archive_safety import ArchiveEntry
from . import keras_configs, model_packages
from .allowed_classes import (
    ALLOWED_CLASSES,
    ALLOWED_PRECISION_CLASSES,
    OPERATIONS_MODULE,
    REFUSED_LAYERS,
)

MAX_PARTS = 20_000
"""Objects a configuration may hold; the largest network of `keras.applications` has 6,000."""
MAX_VALUES = 100_000_000
"""Numbers a layer may give for one photo; 1024 × 1024 pixels of 64 channels are 67 million."""
MAX_JSON_VALUES = 1_000_000
"""Numbers, texts, lists and objects in a configuration; 20,000 parts have 50 each."""
MAX_SIDES = 32
"""Sides of a shape; NumPy knows no more than 64, and no layer gives more than 5."""
_MAX_REASON = 200  # characters of a library's own line about damage
_MAX_DEPTH = 60  # models within models within models
# Arguments that become a side of an array of weights. Small ones need not be found among the
# arrays: they cannot flood, and some, such as a GRU's, are stored as multiples.
_SIZE_KEYS = ("units", "filters", "input_dim", "output_dim", "num_heads", "key_dim", "value_dim")
_SHAPE_KEYS = ("batch_shape", "batch_input_shape", "input_shape", "target_shape", "shape")


def _parse_config(name: str, text: bytes) -> dict[str, Any]:
    try:
        config = bounded_readers.parse_bounded_json(text, max(len(text), 1), MAX_JSON_VALUES)
    except ValueError as error:
        raise damaged_model_error(name, error) from error
    if not isinstance(config, dict):
        raise damaged_model_error(name, ValueError("the configuration is no object"))
    return config


def check_model_config(name: str, config: dict[str, Any], widths: Collection[int]) -> None:
    """Refuse a configuration of classes that may run code, or of sizes its weights do not hold.

    Args:
        name: of the file, for messages.
        config: parsed JSON of bounded size and depth.
        widths: every side of every array of weights in the file.

    Raises:
        ModelError: naming what was found and what was expected.
    """
    for parts, entry in enumerate(_iter_objects(name, config), start=1):
        if parts > MAX_PARTS:
            raise ModelError(
                "{name} has at least {parts:,} parts. Use a model with at most {limit:,}.",
                name=truncate_for_display(name),
                parts=parts,
                limit=MAX_PARTS,
            )
        kind = entry.get("class_name")
        if kind is not None:
            _check_class(name, kind, entry)
        _check_sizes(name, entry, widths)


def damaged_model_error(name: str, error: Exception) -> ModelError:
    """Return the error of a file that its readers fail at."""
    return ModelError(
        "{name} is damaged or incomplete ({reason}). Save or download it again.",
        name=truncate_for_display(name),
        reason=truncate_for_display(
            str(error).strip().split("\n")[0] or type(error).__name__, _MAX_REASON
        ),
    )


def _check_class(name: str, kind: Any, entry: dict[str, Any]) -> None:
    module, registered = entry.get("module", "keras"), entry.get("registered_name")
    ours = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    if isinstance(kind, str) and kind in REFUSED_LAYERS:
        raise ModelError(
            "{name} uses the layer '{kind}', which runs code or reads files that the model file "
            "names. Use a model with only image layers.",
            name=truncate_for_display(name),
            kind=kind,
        )
    known = isinstance(kind, str) and (
        kind in ALLOWED_CLASSES
        or (module, kind) in ALLOWED_PRECISION_CLASSES
        or (ours and str(module).startswith(OPERATIONS_MODULE) and kind.isidentifier())
    )
    # "package>name" is a class that a program has registered with Keras, so not one of Keras's own.
    if not (ours and known) or (registered is not None and ">" in str(registered)):
        raise ModelError(
            "{name} uses '{kind}', which isn't part of Keras. Use a model with only Keras's own "
            "layers. For safety, model files can't bring their own code.",
            name=truncate_for_display(name),
            kind=truncate_for_display(str(kind)),
        )


def _check_sizes(name: str, entry: dict[str, Any], widths: Collection[int]) -> None:
    for key in _SIZE_KEYS:
        size = entry.get(key)
        if isinstance(size, int) and size > 4096 and size not in widths:
            raise ModelError(
                "{name} declares a layer with {size:,} {key}, but the weights for it are missing. "
                "Use a complete model file.",
                name=truncate_for_display(name),
                size=size,
                key=key,
            )
    for key in _SHAPE_KEYS:
        shape = entry.get(key)
        if not isinstance(shape, list):
            continue
        sides = [side for side in shape if isinstance(side, int) and side > 0]
        # The product of many large numbers is itself large work.
        if len(sides) > MAX_SIDES or max(sides, default=0) > MAX_VALUES:
            raise too_wide_layer_error(name, sides[:4])
        if prod(sides) > MAX_VALUES:
            raise too_wide_layer_error(name, sides)


def too_wide_layer_error(name: str, sides: Collection[int]) -> ModelError:
    """Return the error of a layer that gives too many numbers for one photo."""
    return ModelError(
        "{name} has a layer with {shape} values per photo. Use a model with at most {limit:,}.",
        name=truncate_for_display(name),
        shape=truncate_for_display(" × ".join(f"{side:,}" for side in sides)),
        limit=MAX_VALUES,
    )


def _iter_objects(name: str, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting: list[tuple[Any, int]] = [(config, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise damaged_model_error(name, ValueError("nested too deeply"))
        if isinstance(value, dict):
            yield value
            waiting.extend((inner, depth + 1) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, depth + 1) for inner in value)


_ALLOWED_MEMBERS = {
    "config.json",
    "metadata.json",
    "model.weights.h5",
    "catdog.json",
    "averages.npz",
}
_WEIGHT_MEMBERS = ("model.weights.h5", "averages.npz")
_MAX_ARRAYS = 20_000
_MAX_ATTRIBUTES = 100_000
_MAX_ATTRIBUTE_BYTES = (
    50_000_000  # of one attribute, which `limits` bound further for configurations
)
_PLAIN_TYPES = (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM)
_MAX_CHUNK_BYTES = 1_000_000  # that a chunk of an array may unpack to, however small the array
MAX_MEMBERS = 16
"""Rows of a `.keras` archive's table of contents; Keras writes three, the lab two more."""
_MAX_VERSION_BYTES = 100
_MAX_RATIO = 20  # times its packed bytes that a `.keras` archive may unpack to
_COPY_CHUNK = 1 << 20


def detect_model_format(path: Path, name: str = "") -> str:
    """Return ".keras" or ".h5" by the first bytes of a file, whatever its own extension.

    Raises:
        ModelError: it is neither, or cannot be read.
    """
    name = name or path.name
    try:
        with open_regular(path) as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(
            "{name} couldn't be read: {reason}. Choose a model file.",
            name=truncate_for_display(name),
            reason=error.strerror or str(error),
        ) from error
    if head == b"\x89HDF\r\n\x1a\n":
        return ".h5"
    program = model_packages.find_other_format(name, head)
    is_zip = head[:4] == b"PK\x03\x04"
    if program is not None and (not is_zip or program == "PyTorch"):
        raise model_packages.other_format_error(name, program)
    if is_zip:
        return ".keras"
    raise ModelError(
        "{name} isn't a Keras model. Use a .keras or .h5 file, saved with "
        "model.save('model.keras').",
        name=truncate_for_display(name),
    )


def inspect_model_file(
    path: Path, name: str = "", allowed: Limits | None = None, compiled: bool = False
) -> str:
    """Refuse a model file that is none, runs code, or declares more than it holds.

    Args:
        path: a `.keras` archive or a whole model in an `.h5` file, told by its content.
        name: the file's name in messages, where it is not its own.
        allowed: by default, the limits in force.
        compiled: it is opened to be trained on: its loss, metrics and optimizer count, too. To be
            asked, a model needs none of them, and Keras does not look at them.

    Returns:
        The extension Keras wants for it, ".keras" or ".h5", whatever the file's own.

    Raises:
        ModelError: naming what was found and what was expected.
    """
    count_model_weights(path, name, allowed, compiled)
    return detect_model_format(path, name)


def count_model_weights(
    path: Path, name: str = "", allowed: Limits | None = None, compiled: bool = False
) -> int:
    """Check a file as `inspect_model_file` does, and return how many numbers its weights hold."""
    name = name or path.name
    allowed = allowed or limits.current_limits()
    is_archive = detect_model_format(path, name) == ".keras"
    read, list_shapes = (
        (_read_archive, _list_archive_shapes) if is_archive else (_read_h5, _list_h5_shapes)
    )
    try:
        content = read(path, name, allowed)
        shapes = list_shapes(path, name, allowed)
    except ModelError:
        raise
    except Exception as error:
        # zipfile, zlib and HDF5 report damage by a dozen exceptions.
        raise damaged_model_error(name, error) from error
    widths = {side for shape in shapes for side in shape}
    check_model_config(name, content.translate(name, compiled).translated, widths)
    if compiled and content.training is not None:
        check_model_config(name, _parse_config(name, content.training), widths)
    return sum(map(prod, shapes))


@dataclass(frozen=True)
class ModelConfig:
    """The configuration in a model file: as it was saved, and as the installed Keras spells it.

    `keras_version` is the one that saved it; empty where the file does not say.
    """

    saved: dict[str, Any]
    translated: dict[str, Any]
    keras_version: str


@dataclass(frozen=True)
class _Content:
    """What a model file says of the model, and an `.h5` file of its training, as JSON."""

    config: bytes
    training: bytes | None
    keras_version: str

    def translate(self, name: str, compiled: bool) -> ModelConfig:
        # That of the model's own training is dropped by Keras as well, where it is not to train.
        # Of a model within it Keras would use it.
        text = self.config if compiled else _drop_compile_config(self.config)
        translated = keras_configs.translate_config(
            name, _parse_config(name, text), self.keras_version
        )
        return ModelConfig(_parse_config(name, text), translated, self.keras_version)


def read_model_config(path: Path, name: str, compiled: bool = False) -> ModelConfig:
    """Return the configuration of a model file that passed `inspect_model_file`; same arguments."""
    read = _read_archive if detect_model_format(path, name) == ".keras" else _read_h5
    return read(path, name, limits.current_limits()).translate(name, compiled)


def _read_archive(path: Path, name: str, allowed: Limits) -> _Content:
    with open(path, "rb") as file:
        members = _read_members(file, name, allowed)
        weights = sum(members[key].size for key in _WEIGHT_MEMBERS if key in members)
        other = max(member.size for key, member in members.items() if key not in _WEIGHT_MEMBERS)
        _refuse_large(name, other, weights, allowed)
        with members["config.json"].open() as config:
            text = config.read()
        return _Content(text, None, _read_keras_version(members.get("metadata.json")))


def _list_archive_shapes(path: Path, name: str, allowed: Limits) -> list[tuple[int, ...]]:
    with open(path, "rb") as file:
        members = _read_members(file, name, allowed)
        # HDF5 reads here and there, and every step back in a packed member unpacks it anew.
        with tempfile.TemporaryFile() as plain, members["model.weights.h5"].open() as packed:
            shutil.copyfileobj(packed, plain, _COPY_CHUNK)
            with h5py.File(plain, "r") as weights_file:
                return list(_iter_array_shapes(name, weights_file))


def _read_keras_version(member: ArchiveEntry | None) -> str:
    if member is None or member.size > bounded_readers.SMALL_BYTES:
        return ""
    with member.open() as file:
        try:
            metadata = bounded_readers.parse_bounded_json(file.read())
        except ValueError:
            return ""
    return str(metadata.get("keras_version", "")) if isinstance(metadata, dict) else ""


def _read_members(file: IO[bytes], name: str, allowed: Limits) -> dict[str, ArchiveEntry]:
    """Return the members of a `.keras` archive; weights hardly shrink, so neither does it."""

    def max_bytes(member: str) -> int | None:
        return sys.maxsize if member in _ALLOWED_MEMBERS else None  # refused below, with a remedy

    try:
        members = archive_safety.read_zip_members(
            file, MAX_MEMBERS, max_bytes, allowed.model_config_bytes, _MAX_RATIO
        )
        # Keras reads by the names of `zipfile`, which newer Pythons take from other fields as well.
        if sorted(zipfile.ZipFile(file).namelist()) != sorted(members):
            raise DatasetError("a file in it has two different names")
        for needed in ("config.json", "model.weights.h5"):
            if needed not in members:
                raise DatasetError("{name} is missing", name=needed)
    except DatasetError as error:
        raise ModelError(
            "{name} is a zip file but not a standard Keras model ({found}): config.json and "
            "model.weights.h5 are needed. Save it again with model.save('model.keras').",
            name=truncate_for_display(name),
            found=error,
        ) from error
    return members


def _read_h5(path: Path, name: str, allowed: Limits) -> _Content:
    with h5py.File(path, "r") as file:
        config = read_text_attribute(file, "model_config", allowed.model_config_bytes)
        if config is None:
            raise ModelError(
                "{name} has weights but no model. Save the full model with "
                "model.save('model.h5'), not save_weights.",
                name=truncate_for_display(name),
            )
        training = read_text_attribute(file, "training_config", allowed.model_config_bytes)
        _refuse_large(name, max(len(config), len(training or b"")), path.stat().st_size, allowed)
        version = read_text_attribute(file, "keras_version", _MAX_VERSION_BYTES) or b""
    return _Content(config, training, version.decode("utf-8", "replace"))


def _list_h5_shapes(path: Path, name: str, allowed: Limits) -> list[tuple[int, ...]]:
    with h5py.File(path, "r") as file:
        return list(_iter_array_shapes(name, file))


def _drop_compile_config(text: bytes) -> bytes:
    """Return a configuration without the part for its own training."""
    try:
        config = bounded_readers.parse_bounded_json(text, max(len(text), 1), MAX_JSON_VALUES)
    except (ValueError, RecursionError):
        return text  # told in words where it is checked
    if not isinstance(config, dict) or "compile_config" not in config:
        return text
    return json.dumps({**config, "compile_config": None}).encode()


def read_text_attribute(item: Any, name: str, most: int) -> bytes | None:
    """Read one text out of an HDF5 attribute; None where there is none.

    An attribute may claim any number of texts that share the same bytes, so what it claims is
    looked at before HDF5 makes room for it.

    Raises:
        ValueError: it holds something other than one text, or more than `most` bytes.
    """
    if name not in item.attrs:
        return None
    attribute = h5py.h5a.open(item.id, name.encode())
    kind = attribute.get_type()
    if (
        attribute.get_space().get_simple_extent_npoints() != 1
        or kind.get_class() != h5py.h5t.STRING
    ):
        raise ValueError(f"its attribute {name} holds no single text")
    if not kind.is_variable_str() and kind.get_size() > most:
        raise ValueError(f"its attribute {name} has more than {most:,} bytes")
    value = item.attrs[name]
    if isinstance(value, np.ndarray):
        value = value.item()
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)
    if len(data) > most:
        raise ValueError(f"its attribute {name} has more than {most:,} bytes")
    return data


def _count_attributes(item: Any, seen: int) -> int:
    """Count attributes on top of those seen so far; refuse those that Keras has no use for.

    Keras reads the names of layers and weights from attributes, each as one piece. Lists of any
    length may share their bytes: a few kilobytes may claim gigabytes. Texts may as well, which only
    reading them shows: that is done in a process of its own, under its limit of memory.

    Raises:
        ValueError: there are too many, or one is not of plain numbers or texts.
    """
    for number in range(h5py.h5a.get_num_attrs(item.id)):
        seen += 1
        attribute = h5py.h5a.open(item.id, index=number)
        count, kind = attribute.get_space().get_simple_extent_npoints(), attribute.get_type()
        if seen > _MAX_ATTRIBUTES or count > _MAX_ARRAYS or kind.get_class() not in _PLAIN_TYPES:
            raise ValueError("attributes other than a model's numbers and texts")
        if count * kind.get_size() > _MAX_ATTRIBUTE_BYTES:
            raise ValueError(f"an attribute of more than {_MAX_ATTRIBUTE_BYTES:,} bytes")
    return seen


def _iter_array_shapes(name: str, root: Any) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of all arrays; refuse links out of the file and arrays without content."""
    waiting, seen, count, attributes = [root], set(), 0, 0
    while waiting:
        group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # groups may lie in each other, round and round
            continue
        seen.add(address)
        attributes = _count_attributes(group, attributes)
        for key in group:
            count += 1
            if count > _MAX_ARRAYS:
                raise damaged_model_error(name, ValueError(f"more than {_MAX_ARRAYS:,} arrays"))
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise ModelError(
                    "{name} links to another file. Use a self-contained model file.",
                    name=truncate_for_display(name),
                )
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append(item)
            else:
                attributes = _count_attributes(item, attributes)
                yield _check_array(name, item)


def _check_array(name: str, item: Any) -> tuple[int, ...]:
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiubV":
        raise damaged_model_error(name, ValueError("an array that holds no numbers"))
    size = prod(item.shape) * item.dtype.itemsize
    # HDF5 unpacks a whole chunk to read one number of it, and a chunk of zeros packs to nothing.
    chunk = prod(item.chunks or ()) * item.dtype.itemsize
    if chunk > _MAX_CHUNK_BYTES + 20 * item.id.get_storage_size():
        raise damaged_model_error(name, ValueError(f"an array in chunks of {chunk:,} bytes"))
    # Compression makes no more than 20 times of weights; an array never written takes no bytes at
    # all. External and virtual ones name other files.
    if item.external or item.is_virtual or size > 64 + 20 * item.id.get_storage_size():
        raise ModelError(
            "{name} declares weights that it doesn't contain. Use a complete model file.",
            name=truncate_for_display(name),
        )
    return tuple(item.shape)


def _refuse_large(name: str, config: int, weights: int, allowed: Limits) -> None:
    if config > allowed.model_config_bytes or weights > allowed.model_bytes:
        raise ModelError(
            "{name} unpacks to {size:,} bytes. Use a model with at most {limit:,} bytes of "
            "weights and {config:,} of configuration.",
            name=truncate_for_display(name),
            size=config + weights,
            limit=allowed.model_bytes,
            config=allowed.model_config_bytes,
        )
