"""Exports kept in the workspace's cache, so that each is made once for a model.

    workspace/cache/exports/<kind>-<digest>/     the file, and export.json, written last
    .making-*                                    one that is being made, or broke off

What a file depends on is in the digest: the model, and the photos it was calibrated by and
compared on; for a run's report or code, all that is told of the run.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from ..analysis import predictions
from ..base import files
from ..base.errors import N_, CatDogError
from ..data.datasets import Dataset
from ..runs import model_registry
from ..storage import shard_cache
from . import export_files, formats, parity_photos
from .export_files import ExportResult, PhaseCallback

FORMAT = 2
MAX_BYTES = 2_000_000_000
"""What all of them may take on the disk; the ones made longest ago go first."""
_REPORT_INPUT_FILES = ("settings.json", "about.json", "metrics.jsonl", "backup.json")
_WAITING_MESSAGE = N_("Waiting for another export to finish…")
_export_lock = threading.Lock()


def export_cache_folder() -> Path:
    """Return the folder of all cached exports."""
    return shard_cache.exports_folder()


class ExportCache:
    """The exports of one run or model; what is to be read is in the language of the code."""

    def __init__(self, source: Path, classes: tuple[str, ...], language: str = "en") -> None:
        self.source, self.language = source, language
        self._model = predictions.digest_model(model_registry.find_model_file(source))
        self.dataset: Dataset | None = parity_photos.find_comparison_dataset(source, classes)

    def find(self, kind: str) -> ExportResult | None:
        """Return an export made earlier that still holds, or None."""
        return _read_cached_export(self._entry_folder(kind))

    def make(self, kind: str, phase: PhaseCallback) -> ExportResult:
        """Make an export, or return the one made earlier; one is made at a time."""
        while not _export_lock.acquire(timeout=0.3):
            phase(_WAITING_MESSAGE)
        try:
            return self.find(kind) or self._make(kind, phase)
        finally:
            _export_lock.release()

    def _make(self, kind: str, phase: PhaseCallback) -> ExportResult:
        folder = self._entry_folder(kind)
        with files.temporary_beside(export_cache_folder() / "making") as making:
            try:
                making.mkdir(parents=True)
                result = export_files.export_in_subprocess(
                    self.source, kind, making, phase, packed=True, language=self.language
                )
                record = {
                    "format": FORMAT,
                    "kind": kind,
                    "file": result.path.name,
                    "bytes": result.bytes,
                    "parity": result.parity,
                    "network": result.network,
                    "made": time.time(),
                }
                files.write_json(making / "export.json", record)
                files.remove_tree(folder)  # a damaged one
                os.replace(making, folder)
            except OSError as error:
                raise CatDogError(
                    "{path} couldn't be written, but earlier files are intact: {reason}. Free "
                    "some disk space or choose a folder you can write to, then try again.",
                    path=folder,
                    reason=error.strerror or str(error),
                ) from error
        _prune_cache(folder)
        return ExportResult(folder / result.path.name, result.bytes, result.parity, result.network)

    def _entry_folder(self, kind: str) -> Path:
        digest = hashlib.sha256(self._model.encode())
        if self.dataset is not None:
            digest.update(self.dataset.fingerprint.encode())
        imported = model_registry.find_imported_model(self.source)
        if imported is not None:  # the same file is another model with other settings
            digest.update(imported.id.encode())
        if formats.get_format(kind).group != "model":
            digest.update(self.language.encode())
            folder = model_registry.resolve_run_folder(self.source)
            for path in [
                *(folder / name for name in _REPORT_INPUT_FILES),
                *folder.glob("predictions/*.json"),
            ]:
                with suppress(OSError):
                    digest.update(path.read_bytes())
        return export_cache_folder() / f"{kind}-{digest.hexdigest()[:20]}"


def _read_cached_export(folder: Path) -> ExportResult | None:
    with suppress(CatDogError, KeyError, TypeError, ValueError):
        record = files.read_json(folder / "export.json")
        path = folder / str(record["file"])
        if record["format"] == FORMAT and path.parent == folder and path.is_file():
            network = record.get("network")  # unknown of exports made by earlier versions
            return ExportResult(path, int(record["bytes"]), record["parity"], network)
    return None


def _prune_cache(newest: Path) -> None:
    """Remove the oldest exports beyond `MAX_BYTES`, and those that broke off."""
    taken = 0
    for folder in sorted(export_cache_folder().iterdir(), key=_modified_time, reverse=True):
        inside = [path for path in folder.rglob("*") if path.is_file()]
        with suppress(OSError):
            taken += sum(path.stat().st_size for path in inside)
        if folder != newest and (taken > MAX_BYTES or folder.name.startswith(".making-")):
            files.remove_tree(folder)


def _modified_time(folder: Path) -> float:
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0
