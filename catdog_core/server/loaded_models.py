"""Models loaded once for everyone: the pages, the API and the live camera share one copy of each.

A model is kept by its file while that is the same, an uploaded one by its content; the least
recently used go first. On a shared lab, a model from elsewhere answers from a process of its own.
This and `gradcam`, `predict` and the like are the only imports of TensorFlow by a server: it loads
when a model is needed, or a little before where `begin_preload` was called.
"""

from __future__ import annotations

import gc
import hashlib
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..base import access, files
from ..base.errors import N_, ModelError
from ..base.file_cache import FileCache
from ..models import model_sandbox
from ..runs import model_registry
from ..runs.run_folder import RunRecord

if TYPE_CHECKING:
    from ..analysis.predict import Predictor

MAX_FILES, MAX_UPLOADS = 8, 4
"""Models that are kept, of files and of uploads."""
_NO_MODEL_YET = N_("No run has a model yet. It appears after the first finished epoch.")

_of_files: FileCache[Predictor] = FileCache(MAX_FILES)
_of_uploads: FileCache[Predictor] = FileCache(MAX_UPLOADS)
_being_loaded: weakref.WeakValueDictionary[object, threading.Lock] = weakref.WeakValueDictionary()
_guard = threading.Lock()


def find_model(key: str = "") -> RunRecord:
    """Return the model of an id, or else of a name; without either, the built-in or newest one.

    Raises:
        ModelError: there is none, or several have the name.
    """
    found = model_registry.find_model(key) if key else model_registry.load_default_run()
    if found is None and not key:
        found = next(iter(model_registry.list_models()), None)
    if found is None and key:
        raise ModelError(
            "There's no model '{name}'. Use an id or name from the list of models.",
            name=files.truncate_for_display(key),
        )
    if found is None:
        raise ModelError(_NO_MODEL_YET)
    return found


def load_model(model: RunRecord | Path) -> Predictor:
    """Return a model of the registry, or of a file, ready to predict; loaded once.

    Two that ask at once get the same object. Threads may use it together.

    Raises:
        ModelError: it is no usable model.
    """
    path = model if isinstance(model, Path) else model_registry.find_model_file(model.folder)
    shared = access.load_access_settings().shared

    def load() -> Predictor:
        opened = _open(path, shared)
        from ..analysis import predict

        return predict.apply_import_settings(opened, path)

    return _load_once(_of_files, (path, shared), [path], load)


def load_model_bytes(data: bytes, name: str) -> Predictor:
    """Return the model of a file's content, ready to predict; its content tells the format.

    Args:
        data: the content.
        name: the file's name, for messages.

    Raises:
        ModelError: it is no usable model.
    """
    shared = access.load_access_settings().shared

    def load() -> Predictor:
        with files.temporary_folder("upload") as folder:
            stem, suffix = Path(name).stem, Path(name).suffix
            path = folder / f"{files.slugify(stem)}.{files.slugify(suffix)}"
            path.write_bytes(data)
            return _open(path, shared)

    return _load_once(_of_uploads, (hashlib.sha256(data).hexdigest(), shared), [], load)


def forget_models() -> None:
    """Forget all models; those in use stay until they are no longer."""
    _of_files.clear()
    _of_uploads.clear()


def _load_once(
    cache: FileCache[Predictor], key: object, paths: list[Path], load: Callable[[], Predictor]
) -> Predictor:
    """Return a model from a cache; whoever wants one that another thread loads waits for it."""

    def wait_and_load() -> Predictor:
        begin_preload()  # in one thread, whoever asks
        wait_for_preload()
        model = load()
        freeze_gc()
        return model

    with _guard:
        lock = _being_loaded.setdefault(key, threading.Lock())
    with lock:
        return cache.get(key, paths, wait_and_load)


def _open(path: Path, shared: bool) -> Predictor:
    """Load a model here, or, of one from elsewhere on a shared lab, in a process of its own."""
    from ..analysis import isolated_models, predict

    if shared and not model_sandbox.is_own_model(path):
        return isolated_models.load_isolated(path)
    return predict.load_predictor(path)


def freeze_gc() -> None:
    """Leave what has been imported and loaded out of every later garbage collection.

    Streamlit collects after every run of a script or fragment with the interpreter held: 50 ms
    just before the last pictures are sent, over 100 ms once TensorFlow is loaded.
    """
    gc.collect()
    gc.freeze()


_preload_thread: threading.Thread | None = None


def begin_preload(delay: float = 0.0) -> None:
    """Begin to import TensorFlow in the background, once in the life of a server.

    Args:
        delay: seconds until then, for what had better be sent first.
    """
    global _preload_thread
    with _guard:
        if _preload_thread is None:
            _preload_thread = threading.Thread(
                target=_preload, args=(delay,), name="warm-up", daemon=True
            )
            _preload_thread.start()


def wait_for_preload() -> None:
    """Let the loading end first: two threads had better not import TensorFlow at once."""
    thread = _preload_thread
    if thread is not None and thread is not threading.current_thread():
        thread.join()


def _preload(delay: float) -> None:
    threading.Event().wait(delay)
    # This module imports Keras before TensorFlow, as nearly everything here does: two threads that
    # import the same one take turns, else each would wait for what the other has begun.
    from ..analysis import gradcam  # noqa: F401

    freeze_gc()
