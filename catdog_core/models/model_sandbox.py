"""Models from outside: opened in a short-lived process first, and here only once that went well.

The process gets no secrets, no open files and an empty folder; time and memory are limited by the
system where it can (Linux) and by a watch from here everywhere. What was found is remembered by the
file's digest, so that the same bytes are not checked twice. One is checked at a time, since each
may take gigabytes. Imports no TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import metadata
from math import prod
from pathlib import Path
from typing import IO, Any, TypedDict

import numpy as np
import psutil
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from ..base import file_cache, files, limits, locks, subprocess_jobs
from ..base.errors import CatDogError, ModelError
from ..base.files import truncate_for_display
from ..base.limits import Limits
from . import model_packages, untrusted_models

FORMAT = 2
BREACH_STATUS = 77
"""Exit status of a process whose model tried to leave it."""
_CHUNK = 1 << 20
_POLL = 0.05  # seconds between two looks at the process
_MAX_HEAD = 4_000_000  # bytes of a message's plain values
_MAX_ANSWER = 10_000  # bytes
_QUEUE_SECONDS = 300.0  # seconds to wait for other checks at most
_MAX_REASON = 120  # characters of a reason of Keras's that is shown; a longer one isn't shown cut
_FIELD = re.compile(r"\{\w+(:,)?\}")
_PASSED_ENVIRONMENT = (
    # All that the process is given of the environment: where programs and libraries lie.
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "SYSTEMDRIVE"),
    *("LANG", "LC_ALL", "LC_CTYPE", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
)
_START = "import sys; sys.path[:] = {path!r};"
_START += " import runpy; runpy.run_module({module!r}, run_name='__main__')"
_MODULE = "catdog_core.analysis.model_sandbox_process"
_DTYPE_BYTES = {"uint8": 1, "float16": 2, "float32": 4, "float64": 8, "int32": 4, "int64": 8}
Array = NDArray[Any]


class OpenRequest(TypedDict):
    """The first message to a process of `model_sandbox_process`: the model it is about.

    Attributes:
        path: a copy that nobody else writes to.
        name: the file's name in messages.
        limits: the fields of `Limits`.
        check: say only whether it can be opened, and end; else wait for `ModelRequest`s.
    """

    path: str
    name: str
    limits: dict[str, int]
    check: bool


class ModelRequest(TypedDict):
    """A later message: a function of the process by name, and its plain arguments.

    Arguments that are arrays follow as bytes, see `write_message`.
    """

    function: str
    arguments: dict[str, Any]


class ModelResponse(TypedDict, total=False):
    """What the process answers; untrusted, so each key is checked where it is read.

    Attributes:
        ok: the model could be opened.
        value: what the function returned, where that is no array.
        message, params: a ModelError: the sentence and its values.
        memory: there was not enough of it.
    """

    ok: bool
    value: Any
    message: str
    params: dict[str, int | str]
    memory: bool


@contextmanager
def checked_model_file(path: Path, compiled: bool = False) -> Iterator[Path]:
    """Give a model file that was checked, under a name that Keras reads, for a `with` block.

    Of a zip with a model and its labels it is the model inside.

    The lab's own models, which lie among the runs, came with it or were written by this process,
    are only looked at. Of any other a private copy is checked and given, so that nobody can change
    it in between.

    Args:
        path: the file.
        compiled: it is to be trained on, with its loss, metrics and optimizer.

    Raises:
        ModelError: it is no model, unsafe, damaged, too large, or of layers that are not Keras's.
    """
    path = Path(path)
    kind = untrusted_models.detect_model_format(path)
    if is_own_model(path):
        untrusted_models.inspect_model_file(path, compiled=compiled)
        if path.suffix == kind:
            yield path
            return
    with files.temporary_folder("model") as folder:
        copy = folder / f"model{kind}"
        digest = copy_model(path, copy)
        if kind == ".keras" and (unpacked := model_packages.unpack_model(copy, path.name, folder)):
            copy = unpacked
        if not is_own_model(path):
            if compiled:
                untrusted_models.inspect_model_file(copy, path.name, compiled=True)
            check_model(copy, path.name, digest)
        yield copy


def check_model(path: Path, name: str, digest: str) -> None:
    """Open a model file in a subprocess under limits; once that went well it is remembered.

    Args:
        path: a copy nobody else writes to.
        name: the file's name in messages.
        digest: SHA-256 of its bytes.

    Raises:
        ModelError: it cannot, with the reason.
    """
    allowed = limits.current_limits()
    note = files.workspace_folder() / "models_checked" / f"{digest}.json"
    terms = {
        "format": FORMAT,
        "keras": metadata.version("keras"),
        # A check under wider limits, or by another Keras, says nothing about this one.
        "limits": {k: v for k, v in allowed.model_dump().items() if k.startswith("model_")},
    }

    def is_known() -> bool:
        with suppress(CatDogError):
            return bool(files.read_json(note) == terms)
        return False

    if is_known():
        return
    with _exclusive_check():
        if is_known():  # the check that was waited for was of the same file
            return
        _run_check(path, name, allowed)
        with suppress(CatDogError):  # a workspace that is read only: checked again the next time
            files.write_json(note, terms)


def is_check_running() -> bool:
    """Return whether a model is being checked just now, in any process of this workspace."""
    return locks.is_locked(_lock_file())


def set_wait_callback(call: Callable[[], None]) -> None:
    """Set a function to call when a check of this process has to wait for another."""
    global _wait_callback
    _wait_callback = call


_wait_callback: Callable[[], None] = lambda: None  # noqa: E731 - replaced by the command line


def _lock_file() -> Path:
    """Return the lock file of a check; the system releases the lock when its process ends."""
    folder = files.workspace_folder() / "models_checked"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if os.access(folder, os.W_OK):
        return folder / "check.lock"
    user = hashlib.sha256(str(Path.home()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"catdog-queue-{user}.lock"


@contextmanager
def _exclusive_check() -> Iterator[None]:
    """Wait until no other model is being checked, and keep others waiting meanwhile.

    Raises:
        ModelError: it takes too long.
    """
    lock = FileLock(_lock_file(), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _wait_callback()
        try:
            lock.acquire(timeout=_QUEUE_SECONDS, poll_interval=_POLL)
        except Timeout as error:
            raise ModelError(
                "Other models are being checked, one at a time. Try again in a few minutes."
            ) from error
    try:
        yield
    finally:
        lock.release()


def child_environment(home: Path) -> dict[str, str]:
    """Return all environment variables that a check's process gets."""
    inherited = {key: os.environ[key] for key in _PASSED_ENVIRONMENT if key in os.environ}
    folders = dict.fromkeys(
        ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "KERAS_HOME"), str(home)
    )
    return {
        **inherited,
        **folders,
        "CUDA_VISIBLE_DEVICES": "-1",  # the card belongs to the training
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONDONTWRITEBYTECODE": "1",
        "KERAS_BACKEND": "tensorflow",
    }


def remember_own_model(path: Path) -> None:
    """Remember a model file that this process wrote: while it stays so, it is the lab's own."""
    _own_models[path.resolve()] = file_cache.file_signature([path])


_own_models: dict[Path, file_cache.Signature] = {}


def is_own_model(path: Path) -> bool:
    """Return whether a file is the lab's own: shipped, of a run made here, or written just now.

    A run that came in as a bundle brought its model from outside.
    """
    path = path.resolve()
    if path in _own_models and _own_models[path] == file_cache.file_signature([path]):
        return True
    if path.is_relative_to(files.DEFAULT_MODEL.resolve()):
        return True
    root = files.runs_folder().resolve()
    if not path.is_relative_to(root):
        return False
    run = root.joinpath(*path.relative_to(root).parts[:1])
    return files.read_json_object(run / "about.json").get("imported") is not True


def copy_model(path: Path, target: Path) -> str:
    """Copy a model file, and return the SHA-256 of what was copied. Raises ModelError."""
    digest, size, most = hashlib.sha256(), 0, limits.current_limits().model_bytes
    try:
        with files.open_regular(path) as source, open(target, "wb") as file:
            while chunk := source.read(_CHUNK):
                size += len(chunk)
                if size > most:
                    raise ModelError(
                        "{name} has at least {size:,} bytes. Use a file of at most {limit:,} "
                        "bytes.",
                        name=truncate_for_display(path.name),
                        size=size,
                        limit=most,
                    )
                digest.update(chunk)
                file.write(chunk)
    except OSError as error:
        raise ModelError(
            "{name} couldn't be copied for checking: {reason}. Free some disk space and try again.",
            name=truncate_for_display(path.name),
            reason=error.strerror or str(error),
        ) from error
    return digest.hexdigest()


def _run_check(path: Path, name: str, allowed: Limits) -> None:
    request = open_request(path, name, allowed, check=True)
    with files.temporary_folder("check") as home, start_model_process(home) as process:
        assert process.stdin and process.stdout
        with suppress(OSError):  # it has ended already
            write_message(process.stdin, request, {})
            # Left open: when it closes, the process ends.
        _wait_for_exit(process, name, allowed)
        answer = process.stdout.read(_MAX_ANSWER)
    _raise_for_outcome(name, allowed, process.returncode, answer)


def open_request(path: Path, name: str, allowed: Limits, check: bool) -> OpenRequest:
    """Return the first message to a process of `model_sandbox_process`."""
    return {"path": str(path), "name": name, "limits": allowed.model_dump(), "check": check}


def start_model_process(home: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Start `model_sandbox_process` with nothing of ours: no secrets, no open files.

    Args:
        home: an empty folder, the process's own.
    """
    # Where this process finds its modules, the lab among them.
    import_path = [str(files.PROJECT), *(str(Path(each).absolute()) for each in sys.path if each)]
    command = [sys.executable, "-c", _START.format(path=import_path, module=_MODULE)]
    return subprocess_jobs.start_subprocess(
        command, quiet=True, folder=home, environment=child_environment(home)
    )


def _wait_for_exit(process: subprocess.Popen[bytes], name: str, allowed: Limits) -> None:
    """Wait until a process ends, and end it when it exceeds its limits of memory or time."""
    until = time.monotonic() + 120 + 10 * allowed.model_seconds
    while process.poll() is None:
        time.sleep(_POLL)
        if (error := exceeded_limit_error(process.pid, until, name, allowed)) is not None:
            raise error


def exceeded_limit_error(pid: int, until: float, name: str, allowed: Limits) -> ModelError | None:
    """Return the error of a process that takes more memory than it may, or until a time of
    `time.monotonic`; None while it may go on."""
    with suppress(psutil.Error):
        if psutil.Process(pid).memory_info().rss > allowed.model_memory:
            return too_much_memory_error(name, allowed)
    return too_long_error(name, allowed) if time.monotonic() > until else None


def _raise_for_outcome(name: str, allowed: Limits, status: int, answer: bytes) -> None:
    """Raise the error of a process that failed. Its answer is untrusted: only its form counts."""
    if status == BREACH_STATUS:
        raise ModelError(
            "While opening, {name} tried to start a program, use the network, or write a file. "
            "Don't use this file.",
            name=truncate_for_display(name),
        )
    try:
        parsed: Any = json.loads(answer)
    except ValueError:
        parsed = {}
    response: ModelResponse = parsed if isinstance(parsed, dict) else {}  # type: ignore[assignment]
    if status == 0 and response.get("ok") is True:
        return
    if response.get("memory"):
        raise too_much_memory_error(name, allowed)
    if (error := error_from_message(response)) is not None:
        raise error
    # SIGXCPU, or SIGKILL where the hard limit is met; 0 seconds are never reached otherwise.
    if status in (-24, -9):
        raise too_long_error(name, allowed)
    raise ModelError(
        "{name} crashed the process that checked it (status {status}). Save or download it again.",
        name=truncate_for_display(name),
        status=status,
    )


def error_from_message(response: ModelResponse) -> ModelError | None:
    """Return the error a process reports in words; None where these are in no form to show."""
    message, params = response.get("message"), response.get("params")
    if not isinstance(message, str) or not isinstance(params, dict):
        return None
    # The sentence is shown and looked up in catalogues. Of its fields only plain ones are allowed:
    # "{x.__class__}" or "{x:>999999999}" would let `str.format` do the model's bidding.
    plain = _FIELD.sub("", message)
    values = {k: v for k, v in params.items() if isinstance(v, (int, str))}
    if "{" in plain or "}" in plain:
        return None
    error = ModelError(message, **values)
    with suppress(KeyError, ValueError):
        str(error)
        return error
    return None


def too_much_memory_error(name: str, allowed: Limits) -> ModelError:
    """Return the error of a model whose process takes more memory than it may."""
    return ModelError(
        "{name} needs more than {limit:,} bytes of memory to open. Use a smaller model.",
        name=truncate_for_display(name),
        limit=allowed.model_memory,
    )


def too_long_error(name: str, allowed: Limits) -> ModelError:
    """Return the error of a model whose process takes more time than it may."""
    return ModelError(
        "{name} takes more than {seconds} s to open. Use a smaller model.",
        name=truncate_for_display(name),
        seconds=allowed.model_seconds,
    )


def unloadable_error(name: str, error: Exception) -> ModelError:
    """Return the error of a model that Keras itself refuses."""
    # It reports unknown layers, bad shapes and damage by many kinds of exception, often in a
    # page of text with the whole configuration, whose last exception is the cause.
    cause = str(error).rpartition("Exception encountered: ")[2].strip()
    if 0 < len(cause) <= _MAX_REASON and "\n" not in cause:
        return ModelError(
            "{name} couldn't be loaded: {reason}. Use a complete model that contains only Keras's "
            "own layers.",
            name=truncate_for_display(name),
            reason=truncate_for_display(cause.rstrip("."), 2 * _MAX_REASON),
        )
    return ModelError(
        "{name} couldn't be loaded: Keras {version} can't build its layers or read their weights. "
        "Save it again with a current Keras, using only Keras's own layers.",
        name=truncate_for_display(name),
        version=metadata.version("keras"),
    )


def write_message(pipe: IO[bytes], head: Mapping[str, object], arrays: Mapping[str, Array]) -> None:
    """Write plain values as a line of JSON, and the bytes of the arrays it names after it."""
    kinds = [[key, x.dtype.name, list(x.shape)] for key, x in arrays.items()]
    pipe.write(json.dumps({**head, "arrays": kinds}).encode() + b"\n")
    for x in arrays.values():
        pipe.write(np.ascontiguousarray(x).data)
    pipe.flush()


def read_message(pipe: IO[bytes], max_bytes: int) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """Read what `write_message` writes, from a process that need not be believed.

    Args:
        pipe: where it comes from.
        max_bytes: how much all arrays may hold.

    Returns:
        The plain values and the arrays by name; None where the other side is gone, or sends arrays
        of negative or too many bytes.

    Raises:
        ValueError, KeyError, TypeError: it is no such message, or is cut short.
    """
    line = pipe.readline(_MAX_HEAD)
    if not line.endswith(b"\n"):
        return None
    head = json.loads(line)
    kinds = [(str(key), str(kind), [int(n) for n in shape]) for key, kind, shape in head["arrays"]]
    sizes = [_DTYPE_BYTES[kind] * prod(shape) for _, kind, shape in kinds]
    if min(sizes, default=0) < 0 or sum(sizes) > max_bytes:
        return None
    arrays = {}
    for (key, kind, shape), size in zip(kinds, sizes, strict=True):
        data = pipe.read(size)
        if len(data) < size:
            raise ValueError("cut off")
        arrays[key] = np.frombuffer(data, np.dtype(kind)).reshape(shape)
    return dict(head), arrays
