"""Where a command may write: never over what it reads, nor over a file of another kind unasked."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..base.errors import N_, CatDogError
from ..base.files import shown
from ..runs import model_registry

Kind = Literal[
    "picture", "pdf", "svg", "table", "notebook", "script", "page", "keras", "hdf5", "litert",
    "onnx", "bundle", "model-zip", "zip", "json", "text", "data", "folder",
]  # fmt: skip
_BY_SUFFIX: dict[str, Kind] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif"), "picture"),
    **dict.fromkeys(("tiff", "heic", "heif", "avif", "jp2", "ppm", "pgm", "ico"), "picture"),
    **dict.fromkeys(("csv", "tsv"), "table"),
    **dict.fromkeys(("html", "htm"), "page"),
    **dict.fromkeys(("h5", "hdf5"), "hdf5"),
    **dict.fromkeys(("txt", "md", "log", "rst"), "text"),
    **dict.fromkeys(("json", "jsonl"), "json"),
    **{"pdf": "pdf", "svg": "svg", "ipynb": "notebook", "py": "script", "keras": "keras"},
    **{"tflite": "litert", "onnx": "onnx", "zip": "zip", "tfrecord": "data"},
}
_BEGINNINGS: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    *((start, "picture") for start in (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")),
    (b"%PDF", "pdf"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
)
_NAMES: dict[Kind, str] = {
    "picture": N_("a picture"),
    "pdf": N_("a PDF"),
    "svg": N_("an SVG drawing"),
    "table": N_("a table"),
    "notebook": N_("a notebook"),
    "script": N_("a Python script"),
    "page": N_("a web page"),
    "keras": N_("a Keras model"),
    "hdf5": N_("an HDF5 file"),
    "litert": N_("a LiteRT model"),
    "onnx": N_("an ONNX model"),
    "bundle": N_("a run's bundle"),
    "model-zip": N_("a zip of a model"),
    "zip": N_("a zip"),
    "json": N_("a JSON file"),
    "text": N_("a text"),
    "data": N_("data of another kind"),
    "folder": N_("a folder"),
}
_TEXTS: frozenset[Kind] = frozenset(("table", "notebook", "script", "page", "svg", "json", "text"))
_LIKE: dict[Kind, tuple[Kind, ...]] = {
    "table": ("text",),
    "bundle": ("zip",),
    "model-zip": ("zip",),
}
"""Kinds whose extensions a kind may have, too."""
_END = 1 << 16  # bytes looked at from the start, and from the end


def resolve(out: Path, kind: Kind, inputs: Iterable[Path | None] = (), force: bool = False) -> Path:
    """The path to write to, once nothing is lost by it; to be called before any work.

    Args:
        out: what the user named.
        kind: what is written.
        inputs: files and folders the command reads, and other files it writes.
        force: replace a file of another kind.

    Returns:
        `out`, or what it links to.

    Raises:
        CatDogError: it is one of the inputs, a folder, a device, or holds another kind of thing.
    """
    path = _target(out)
    for each in inputs:
        if each is not None and _is_input(path, each):
            raise CatDogError(
                "{path} is an input of this command, so it's not replaced. Choose another name for"
                " the output.",
                path=_said(out),
            )
    if kind == "folder" or not path.exists():
        return path
    if path.is_dir():
        raise CatDogError(
            "{path} is a folder. Choose the name of a file for the output.", path=_said(out)
        )
    if not path.is_file():
        raise CatDogError(
            "{path} is a device or pipe, so it's not replaced. Choose the name of a file for the"
            " output.",
            path=_said(out),
        )
    found = _found(path, kind)
    if found is not None and not force:
        raise CatDogError(
            "{path} holds {found}, and the output is {wanted}. Choose another name, or add"
            " --force to replace it.",
            path=_said(out),
            found=CatDogError(_NAMES[found]),
            wanted=CatDogError(_NAMES[kind]),
        )
    return path


def of_figure(out: Path) -> Kind:
    """The kind of a figure, which follows from the file's extension."""
    kind = _BY_SUFFIX.get(_suffix(out))
    return kind if kind in ("pdf", "svg") else "picture"


def of_export(kind: str, extension: str, packed: bool) -> Kind:
    """The kind of an export.

    Args:
        kind: a key of `exports.formats.FORMATS`.
        extension: its extension, with the dot.
        packed: whether it is a zip of a folder.
    """
    if packed:
        return "model-zip"
    return "bundle" if kind == "bundle" else _BY_SUFFIX.get(extension[1:], "data")


def _target(out: Path) -> Path:
    try:
        return out.resolve() if out.is_symlink() else out
    except (OSError, RuntimeError) as error:  # a loop of links
        raise CatDogError(
            "{path} can't be followed as a link. Choose another name.", path=_said(out)
        ) from error


def _is_input(path: Path, source: Path) -> bool:
    """Whether a file is a source, or one of the files a command reads in a folder."""
    try:
        if path.exists() and source.exists() and path.samefile(source):
            return True
    except OSError:
        return False
    if not path.exists():  # another output
        return not source.exists() and _text(path) == _text(source)
    if not source.is_dir() or not path.is_file():
        return False
    real, folder = path.resolve(), source.resolve()
    if not real.is_relative_to(folder) and not _is_linked(path, folder):
        return False
    if (folder / "settings.json").is_file():  # of a run
        return real.suffix in (".keras", ".json", ".jsonl") or not real.suffix
    return _content(path)[0] == "picture" or _BY_SUFFIX.get(_suffix(path)) in ("picture", "data")


def _is_linked(path: Path, folder: Path) -> bool:
    """Whether a file of several names has one of them in a folder."""
    seen = path.stat()
    if seen.st_nlink < 2:
        return False
    for each in folder.rglob("*"):
        try:
            there = each.lstat()
        except OSError:
            continue
        if stat.S_ISREG(there.st_mode) and os.path.samestat(there, seen):
            return True
    return False


def _found(path: Path, wanted: Kind) -> Kind | None:
    """What a file holds, where it is not what is wanted."""
    named = _BY_SUFFIX.get(_suffix(path))
    content, head = _content(path)
    if content is None:  # empty
        fits = named in (None, wanted, *_LIKE.get(wanted, ()))
        return None if fits else named
    if content == wanted:
        return None
    if content == "text" and wanted in _TEXTS:
        if named == wanted:
            return None
        if wanted == "table" and named in (None, *_LIKE["table"]) and _is_table(head):
            return None
    if content == "data" and named == wanted:
        return None
    return named if content in ("text", "data") and named is not None else content


def _content(path: Path) -> tuple[Kind | None, bytes]:
    """What a file is by its content, None for an empty one; and its first bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(_END)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _END, 0))
            ends = head + file.read(_END)
    except OSError:  # then writing tells
        return None, b""
    if not head:
        return None, b""
    for start, kind in _BEGINNINGS:
        # A text may begin with these letters, too; a bitmap has zeros in its head.
        if head.startswith(start) and (start != b"BM" or b"\0" in head[:32]):
            return kind, head
    if (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp":
        return "picture", head
    if head[4:8] == b"TFL3":
        return "litert", head
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return _zipped(ends), head
    return _written(head, ends), head


def _zipped(ends: bytes) -> Kind:
    """The kind of a zip, by the names at its start and in the list at its end."""
    if b"config.json" in ends and b"model.weights" in ends:
        return "keras"
    if b"manifest.json" in ends and b"run/settings.json" in ends:
        return "bundle"
    return "model-zip" if b"saved_model.pb" in ends or b"model.json" in ends else "zip"


def _written(head: bytes, ends: bytes) -> Kind:
    """The kind of a text; "data" for what is none."""
    if b"\0" in head:
        return "data"
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not only cut off inside a letter
            return "data"
        text = head[: error.start].decode("utf-8-sig")
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "page"
    if start.startswith("<svg") or (start.startswith("<?xml") and "<svg" in text):
        return "svg"
    return "notebook" if start.startswith("{") and b'"nbformat"' in ends else "text"


def _is_table(head: bytes) -> bool:
    lines = head.decode("utf-8", "replace").splitlines()[:2]
    columns = [line.count(",") for line in lines]
    return bool(columns) and columns[0] > 0 and len(set(columns)) == 1


def _suffix(path: Path) -> str:
    return path.suffix.lower().lstrip(".")


def _text(path: Path) -> str:
    text = os.path.normcase(os.path.realpath(path))
    return text.casefold() if sys.platform in ("darwin", "win32") else text


def _said(path: Path) -> str:
    return shown(str(path), 300)


def of_model(model: Path) -> Path:
    """The file or folder that is read for a model named on the command line."""
    return model if model.is_file() else model_registry.folder(model)
