"""Models from elsewhere that answer from a process of their own, for a lab that many share.

The process has the limits of the one that checks models: no secrets, no open files, an empty
folder, bounded memory. It stays for the next question; at most `MAX_PROCESSES` are alive, the one
not asked for longest goes first. It ends when it is not asked for a while, when a question takes
too long or too much, and when this process ends, however that happens. What it answers is
untrusted: only arrays of the right shape and plain values are believed.
"""

from __future__ import annotations

import atexit
import shutil
import threading
import time
import weakref
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..base import files, limits
from ..base.errors import ModelError
from ..base.files import truncate_for_display
from ..base.limits import Limits
from ..models import model_packages, model_sandbox
from ..models.model_sandbox import ModelRequest, ModelResponse
from ..runs import model_registry
from . import predict
from .predict import Predictor

MAX_PROCESSES = 2
"""Processes alive at once; each may take `model_memory`."""
IDLE_SECONDS = 300.0
"""Seconds without a question after which a process ends."""
BUSY_TIMEOUT = 60.0
"""Seconds to wait for a process that answers others."""
_POLL = 0.05


def load_isolated(path: Path) -> Predictor:
    """Load a model as `predict.load_predictor` does, but in a process of its own.

    Raises:
        ModelError: it is no model, unsafe, or does not classify photos.
    """
    with model_sandbox.checked_model_file(path) as safe:
        model = IsolatedModel(safe, path.name)
    description = model.call("describe")
    try:
        return Predictor(
            model=None,
            classes=tuple(str(name) for name in description["classes"]),
            input_shape=_parse_input_shape(description["input_shape"]),
            names_known=description["names_known"] is True,
            input_scale=model_registry.parse_input_scale(description["input_scale"]),
            warnings=tuple(str(warning) for warning in description["warnings"]),
            run_batch=lambda values: model.call("answer", values=values),
            batch=max(1, int(description["batch"])),
            units=int(description["units"]),
            is_exclusive=description["is_exclusive"] is True,
            remote=model,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _broke_off_error(path.name) from error


def _parse_input_shape(sides: list[int]) -> tuple[int, int, int]:
    height, width, channels = map(int, sides)
    if min(height, width) < 1 or max(height, width) > predict.MAX_SIDE or channels not in (1, 3):
        raise ValueError("no shape of photos")
    return height, width, channels


class IsolatedModel:
    """A model file that is asked in a process apart; started when asked, again after it broke off.

    Args:
        path: a checked copy, which is moved to a folder of this object.
        name: the file's name in messages.
    """

    def __init__(self, path: Path, name: str) -> None:
        held = ExitStack()
        folder = held.enter_context(files.temporary_folder("model"))
        self.path = folder / path.name
        shutil.move(path, self.path)
        for name in (model_packages.LABELS_FILE, model_packages.CLASS_NAMES_FILE):
            if (labels := path.with_name(name)).is_file():
                shutil.move(labels, folder / name)
        self.name = name
        # A process that uses the file has read it whole before it answers for the first time.
        weakref.finalize(self, held.close)

    def call(self, function: str, **arguments: Any) -> Any:
        """Call a function of the model's process, and return its result.

        Args:
            function: a key of `model_sandbox_process.REQUEST_HANDLERS`.
            arguments: arrays, and plain values.

        Raises:
            ModelError: the model cannot answer; or its process broke off, or took too long or too
                much. The next question starts another one.
        """
        process = _acquire_process(self)
        try:
            return process.call(function, arguments)
        finally:
            _release_process(process)


class _ModelProcess:
    """One process and the pipes to it. Who sets `busy` may use it."""

    def __init__(self, model: IsolatedModel) -> None:
        self.name, self.path = model.name, model.path
        self.allowed: Limits = limits.current_limits()
        self.busy, self.used, self.ended = True, time.monotonic(), False
        self._held = ExitStack()
        home = self._held.enter_context(files.temporary_folder("model"))
        self._process = self._held.enter_context(model_sandbox.start_model_process(home))
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._begun = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, function: str, arguments: dict[str, Any]) -> Any:
        reason: list[ModelError] = []
        done = threading.Event()
        seconds = 6 * self.allowed.model_seconds + (0 if self._begun else 120)
        watch = threading.Thread(target=self._watch, args=(seconds, done, reason), daemon=True)
        watch.start()
        answer: Any = None
        try:
            if not self._begun:
                first = model_sandbox.open_request(self.path, self.name, self.allowed, check=False)
                model_sandbox.write_message(self._stdin, first, {})
                self._begun = True
            arrays = {key: np.asarray(x) for key, x in arguments.items() if hasattr(x, "shape")}
            plain = {key: x for key, x in arguments.items() if key not in arrays}
            request: ModelRequest = {"function": function, "arguments": plain}
            model_sandbox.write_message(self._stdin, request, arrays)
            answer = model_sandbox.read_message(self._stdout, self.allowed.model_batch_bytes)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        finally:
            done.set()
            watch.join()
        if answer is None:
            self.end()
            raise reason[0] if reason else _broke_off_error(self.name)
        response, results = cast(ModelResponse, answer[0]), list(answer[1].values())
        if response.get("memory"):
            self.end()
            raise model_sandbox.too_much_memory_error(self.name, self.allowed)
        if "message" in response:
            raise model_sandbox.error_from_message(response) or _broke_off_error(self.name)
        if not _has_expected_shape(function, results, arguments):
            self.end()
            raise _broke_off_error(self.name)
        return (
            response.get("value")
            if not results
            else results[0]
            if len(results) == 1
            else tuple(results)
        )

    def end(self) -> None:
        """End the process, whatever it does; once ended, this does nothing."""
        if self.ended:
            return
        self.ended = True
        self._held.close()

    def _watch(self, seconds: float, done: threading.Event, reason: list[ModelError]) -> None:
        until = time.monotonic() + seconds
        while not done.wait(_POLL):
            error = model_sandbox.exceeded_limit_error(self.pid, until, self.name, self.allowed)
            if error is not None:
                reason.append(error)
                self._process.kill()
                return


def _has_expected_shape(
    function: str, results: list[NDArray[Any]], arguments: dict[str, Any]
) -> bool:
    """Return whether arrays have the ranks and lengths that answers of the kind have."""
    ranks = {
        **{"answer": (2, 2), "features": (2, 2), "filters": (4,)},
        **{"heat_maps": (3,), "predict_with_maps": (2, 3), "maps": (4,)},
    }
    if tuple(x.ndim for x in results) != ranks.get(function, ()):
        return False
    count = len(arguments["values"]) if "values" in arguments else None
    return count is None or all(len(x) == count for x in results)


def _broke_off_error(name: str) -> ModelError:
    return ModelError(
        "The process running {name} stopped unexpectedly. Try again, or use another model.",
        name=truncate_for_display(name),
    )


_processes: OrderedDict[Path, _ModelProcess] = OrderedDict()
"""By the file, the one that was asked last at the end."""
_processes_changed = threading.Condition()
_idle_thread: threading.Thread | None = None


def list_process_ids() -> list[int]:
    """Return the ids of the processes that are alive."""
    with _processes_changed:
        return [process.pid for process in _processes.values() if not process.ended]


def end_all_processes() -> None:
    """End all processes; requests that are being answered fail."""
    with _processes_changed:
        for process in _processes.values():
            process.end()
        _processes.clear()
        _processes_changed.notify_all()


atexit.register(end_all_processes)


def _acquire_process(model: IsolatedModel) -> _ModelProcess:
    """Return the process of a model, for the caller alone; start it where there is none."""
    until = time.monotonic() + BUSY_TIMEOUT
    with _processes_changed:
        while True:
            model_process = _processes.get(model.path)
            if model_process is not None and not model_process.busy:
                model_process.busy = True
                _processes.move_to_end(model.path)
                return model_process
            if model_process is None:
                idle = [key for key, process in _processes.items() if not process.busy]
                if len(_processes) >= MAX_PROCESSES and idle:
                    _processes.pop(idle[0]).end()
                if len(_processes) < MAX_PROCESSES:
                    _processes[model.path] = model_process = _ModelProcess(model)
                    _start_idle_thread()
                    return model_process
            left = until - time.monotonic()
            if left <= 0 or not _processes_changed.wait(left):
                raise ModelError(
                    "{name} is busy with other predictions. Try again in a minute.",
                    name=truncate_for_display(model.name),
                )


def _release_process(process: _ModelProcess) -> None:
    with _processes_changed:
        process.busy, process.used = False, time.monotonic()
        if process.ended and _processes.get(process.path) is process:
            del _processes[process.path]
        _processes_changed.notify_all()


def _start_idle_thread() -> None:
    """Start the thread that ends processes unused for `IDLE_SECONDS`; the lock is held."""
    global _idle_thread
    if _idle_thread is None or not _idle_thread.is_alive():
        _idle_thread = threading.Thread(target=_end_idle, name="isolated-models", daemon=True)
        _idle_thread.start()


def _end_idle() -> None:
    with _processes_changed:
        while _processes:
            now = time.monotonic()
            for key, process in list(_processes.items()):
                if not process.busy and now - process.used >= IDLE_SECONDS:
                    _processes.pop(key).end()
            oldest = min((process.used for process in _processes.values()), default=now)
            _processes_changed.wait(max(_POLL, oldest + IDLE_SECONDS - now))
