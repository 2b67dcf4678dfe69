"""A bundle unpacked: every entry of a stranger's zip is judged before it is believed. Light."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from .. import access, bounded, files, limits
from ..errors import CatDogError, DatasetError, RunError
from ..sources.entries import Entry
from ..sources.zips import Zip
from ..training import run_folder
from .bundle import FORMAT, KIND, MADE, RUN_FILES, TABLE

MAX_FILES = 200
MAX_TABLE = 100_000_000
"""Bytes of a table of answers; of models, those of `limits`."""
_MAX_BYTES = {
    "run/metrics.jsonl": 5_000_000,  # 1,000 epochs take 200,000
    "run/batches.jsonl": 20_000_000,
    "manifest.json": bounded.SMALL_BYTES,
}
_MAX_ANSWERS = 4_000_000  # of what is told beside a table: photos that could not be read, by name
_ROWS = 10 * MAX_FILES  # of the zip's table of contents, to say how many files there are
_CHUNK = 1 << 20


def unpack(file: IO[bytes], staged: Path) -> dict[str, Any]:
    """Write the run's files below `staged`, each compared with the manifest, which is returned.

    Raises:
        RunError: see `bundle_in.bring`.
        OSError: the disk, not the archive.
    """
    try:
        return _unpacked(file, staged)
    except DatasetError as error:  # limits and forms that hold for every archive
        raise refused(error) from error
    except CatDogError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # zipfile and zlib tell damage by a dozen kinds of exception.
        reason = files.shown(str(error) or type(error).__name__)
        raise refused(CatDogError("the archive is damaged ({reason})", reason=reason)) from error


def _unpacked(file: IO[bytes], staged: Path) -> dict[str, Any]:
    entries = {str(entry.path): entry for entry in _entries(file)}
    if "manifest.json" not in entries:
        raise refused(CatDogError("it has no manifest.json"))
    access.check_quota(run_folder.listing, sum(entry.size for entry in entries.values()))
    manifest = _manifest(_content(entries.pop("manifest.json"), _limit("manifest.json")))
    listed = manifest["files"]
    odd = sorted(set(entries) ^ set(listed))
    if odd:
        raise refused(
            CatDogError("its manifest and its files differ in {name}", name=files.shown(odd[0]))
        )
    for name, entry in entries.items():
        target = staged / name.removeprefix("run/") if name.startswith("run/") else None
        if target is not None:
            target.parent.mkdir(exist_ok=True)
        _take(entry, listed[name], target)
    return manifest


def _entries(file: IO[bytes]) -> list[Entry]:
    """The entries by name, every name one that a bundle may hold."""
    found: list[Entry] = []
    seen: set[str] = set()
    for entry in Zip(file, _ROWS):
        name = str(entry.path)
        if len(found) >= MAX_FILES:
            raise refused(CatDogError("it holds more than {limit} files", limit=MAX_FILES))
        if entry.is_folder or not _is_ours(name):
            raise refused(CatDogError("it holds {name}, which no run has", name=files.shown(name)))
        if name in seen:
            raise refused(CatDogError("it holds {name} twice", name=files.shown(name)))
        limit = _limit(name)
        if entry.size > limit:
            raise refused(
                CatDogError(
                    "its {name} has {size:,} bytes, and {limit:,} are allowed",
                    name=files.shown(name),
                    size=entry.size,
                    limit=limit,
                )
            )
        seen.add(name)
        found.append(entry)
    return found


def _is_ours(name: str) -> bool:
    if name == "manifest.json" or name in MADE:
        return True
    place, _, last = name.rpartition("/")
    if place == "run":
        return last in RUN_FILES
    return place == "run/predictions" and TABLE.fullmatch(last) is not None


def _limit(name: str) -> int:
    if name.endswith(".keras"):
        return limits.current().model_bytes
    if name.endswith(".csv"):
        return MAX_TABLE
    if name.startswith("run/predictions/"):
        return _MAX_ANSWERS
    return _MAX_BYTES.get(name, bounded.SMALL_BYTES)


def _manifest(data: bytes) -> dict[str, Any]:
    found = object_of(data, "manifest.json")
    if found.get("kind") != KIND:
        raise refused(CatDogError("its manifest.json is that of something else"))
    version = found.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT:  # True is an int too
        raise refused(
            CatDogError(
                "its format is {received}, and this lab knows {expected}: update the lab",
                received=files.shown(str(version)),
                expected=FORMAT,
            )
        )
    listed = found.get("files")
    if not isinstance(listed, dict) or not all(isinstance(one, dict) for one in listed.values()):
        raise refused(CatDogError("its manifest.json lists no files"))
    return found


def _content(entry: Entry, limit: int) -> bytes:
    with entry.open() as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise refused(CatDogError("its {name} is larger than it claims", name=entry.path.name))
    return data


def _take(entry: Entry, promised: Mapping[str, Any], target: Path | None) -> None:
    """Write an entry, counting and digesting what really comes out."""
    digest, size = hashlib.sha256(), 0
    with entry.open() as source, open(target or os.devnull, "wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > entry.size:
                break
            digest.update(chunk)
            file.write(chunk)
    if size != promised.get("bytes") or digest.hexdigest() != promised.get("sha256"):
        raise refused(
            CatDogError(
                "its {name} is not what the manifest says (SHA-256): it was damaged or changed",
                name=files.shown(str(entry.path)),
            )
        )


def object_of(
    data: bytes, name: str, most: int = bounded.SMALL_BYTES, values: int | None = None
) -> dict[str, Any]:
    """The JSON object a file holds. Raises RunError where it holds none, or a larger one."""
    try:
        found = bounded.json_value(data, most, values)
    except bounded.BoundError as error:
        raise refused(
            CatDogError("its {name} cannot be read: {reason}", name=name, reason=error)
        ) from error
    except ValueError as error:
        raise refused(CatDogError("its {name} is no JSON", name=name)) from error
    if not isinstance(found, dict):
        raise refused(CatDogError("its {name} is no JSON object", name=name))
    return found


def refused(problem: CatDogError) -> RunError:
    """The error of a bundle that is not as it should be; nothing of it was kept."""
    return RunError(
        "This bundle cannot be brought in: {problem}. Expected the zip of a run as the Export page"
        " makes it. Export it again.",
        problem=problem,
    )
