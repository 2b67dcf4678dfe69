"""Where a command may write: never over what it reads, nor over a file of another kind unasked."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ..base.errors import N_, CatDogError
from ..base.files import truncate_for_display
from ..runs import model_registry

OutputKind = Literal[
    "picture", "pdf", "svg", "table", "notebook", "script", "page", "keras", "hdf5", "litert",
    "onnx", "bundle", "model-zip", "zip", "json", "text", "data", "folder",
]  # fmt: skip
_BY_SUFFIX: dict[str, OutputKind] = {
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
_SIGNATURES: tuple[tuple[bytes, OutputKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "picture"),
    (b"\xff\xd8\xff", "picture"),
    *((start, "picture") for start in (b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")),
    (b"%PDF", "pdf"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
)
_KIND_NAMES: dict[OutputKind, str] = {
    "picture": N_("an image"),
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
    "bundle": N_("a run bundle"),
    "model-zip": N_("a zipped model"),
    "zip": N_("a zip file"),
    "json": N_("a JSON file"),
    "text": N_("a text file"),
    "data": N_("other data"),
    "folder": N_("a folder"),
}
_TEXT_KINDS: frozenset[OutputKind] = frozenset(
    ("table", "notebook", "script", "page", "svg", "json", "text")
)
_COMPATIBLE_KINDS: dict[OutputKind, tuple[OutputKind, ...]] = {
    "table": ("text",),
    "bundle": ("zip",),
    "model-zip": ("zip",),
}
"""Kinds whose extensions a kind may have, too."""
_PROBE_BYTES = 1 << 16  # bytes looked at from the start, and from the end


def resolve_output(
    out: Path, kind: OutputKind, inputs: Iterable[Path | None] = (), force: bool = False
) -> Path:
    """Return the path to write to, once nothing is lost by it; call it before any work.

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
    path = _follow_link(out)
    for each in inputs:
        if each is not None and _is_input(path, each):
            raise CatDogError(
                "{path} is an input of this command, so it's not replaced. Choose another name for"
                " the output.",
                path=_format_path(out),
            )
    if kind == "folder" or not path.exists():
        return path
    if path.is_dir():
        raise CatDogError(
            "{path} is a folder. Choose a file name for the output.", path=_format_path(out)
        )
    if not path.is_file():
        raise CatDogError(
            "{path} is a device or pipe, so it's not replaced. Choose a file name for the output.",
            path=_format_path(out),
        )
    existing_kind = _find_conflicting_kind(path, kind)
    if existing_kind is not None and not force:
        raise CatDogError(
            "{path} already holds {found}, but the output is {wanted}. Choose another name, or "
            "add --force to replace it.",
            path=_format_path(out),
            found=CatDogError(_KIND_NAMES[existing_kind]),
            wanted=CatDogError(_KIND_NAMES[kind]),
        )
    return path


def get_figure_kind(out: Path) -> OutputKind:
    """Return the kind of a figure, which follows from the file's extension."""
    kind = _BY_SUFFIX.get(_get_suffix(out))
    return kind if kind in ("pdf", "svg") else "picture"


def get_export_kind(kind: str, extension: str, packed: bool) -> OutputKind:
    """Return the kind of an export.

    Args:
        kind: a key of `export.formats.FORMATS`.
        extension: its extension, with the dot.
        packed: whether it is a zip of a folder.
    """
    if packed:
        return "model-zip"
    return "bundle" if kind == "bundle" else _BY_SUFFIX.get(extension[1:], "data")


def _follow_link(out: Path) -> Path:
    try:
        return out.resolve() if out.is_symlink() else out
    except (OSError, RuntimeError) as error:  # a loop of links
        raise CatDogError(
            "{path} is a link that can't be followed. Choose another name.", path=_format_path(out)
        ) from error


def _is_input(path: Path, source: Path) -> bool:
    """Return whether a file is a source, or one of the files a command reads in a folder."""
    try:
        if path.exists() and source.exists() and path.samefile(source):
            return True
    except OSError:
        return False
    if not path.exists():  # another output
        return not source.exists() and _normalize_path(path) == _normalize_path(source)
    if not source.is_dir() or not path.is_file():
        return False
    real, folder = path.resolve(), source.resolve()
    if not real.is_relative_to(folder) and not _is_linked(path, folder):
        return False
    if (folder / "settings.json").is_file():  # of a run
        return real.suffix in (".keras", ".json", ".jsonl") or not real.suffix
    return _detect_content(path)[0] == "picture" or _BY_SUFFIX.get(_get_suffix(path)) in (
        "picture",
        "data",
    )


def _is_linked(path: Path, folder: Path) -> bool:
    """Return whether a file of several names has one of them in a folder."""
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


def _find_conflicting_kind(path: Path, wanted: OutputKind) -> OutputKind | None:
    """Return what a file holds, where it is not what is wanted."""
    named = _BY_SUFFIX.get(_get_suffix(path))
    content, head = _detect_content(path)
    if content is None:  # empty
        fits = named in (None, wanted, *_COMPATIBLE_KINDS.get(wanted, ()))
        return None if fits else named
    if content == wanted:
        return None
    if content == "text" and wanted in _TEXT_KINDS:
        if named == wanted:
            return None
        if wanted == "table" and named in (None, *_COMPATIBLE_KINDS["table"]) and _is_table(head):
            return None
    if content == "data" and named == wanted:
        return None
    return named if content in ("text", "data") and named is not None else content


def _detect_content(path: Path) -> tuple[OutputKind | None, bytes]:
    """Return what a file is by its content, None for an empty one; and its first bytes."""
    try:
        with open(path, "rb") as file:
            head = file.read(_PROBE_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _PROBE_BYTES, 0))
            ends = head + file.read(_PROBE_BYTES)
    except OSError:  # then writing tells
        return None, b""
    if not head:
        return None, b""
    for start, kind in _SIGNATURES:
        # A text may begin with these letters, too; a bitmap has zeros in its head.
        if head.startswith(start) and (start != b"BM" or b"\0" in head[:32]):
            return kind, head
    if (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:8] == b"ftyp":
        return "picture", head
    if head[4:8] == b"TFL3":
        return "litert", head
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return _detect_zip_kind(ends), head
    return _detect_text_kind(head, ends), head


def _detect_zip_kind(ends: bytes) -> OutputKind:
    """Return the kind of a zip, by the names at its start and in the list at its end."""
    if b"config.json" in ends and b"model.weights" in ends:
        return "keras"
    if b"manifest.json" in ends and b"run/settings.json" in ends:
        return "bundle"
    return "model-zip" if b"saved_model.pb" in ends or b"model.json" in ends else "zip"


def _detect_text_kind(head: bytes, ends: bytes) -> OutputKind:
    """Return the kind of a text; "data" for what is none."""
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


def _get_suffix(path: Path) -> str:
    return path.suffix.lower().lstrip(".")


def _normalize_path(path: Path) -> str:
    text = os.path.normcase(os.path.realpath(path))
    return text.casefold() if sys.platform in ("darwin", "win32") else text


def _format_path(path: Path) -> str:
    return truncate_for_display(str(path), 300)


def get_model_input(model: Path) -> Path:
    """Return the file or folder that is read for a model named on the command line."""
    return model if model.is_file() else model_registry.resolve_run_folder(model)
