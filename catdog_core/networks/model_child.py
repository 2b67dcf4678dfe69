"""The process behind `model_check`: opens one stranger's model under limits and says how it went.

It reads {"path", "name", "limits"} as JSON on stdin and answers with one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

from .. import processes
from ..errors import ModelError
from ..files import shown
from ..limits import Limits
from . import declared, strangers

BREACH = 77
"""Exit status of a process whose model tried to leave it."""
_START_SECONDS = 60  # CPU time for the look at the file and for TensorFlow's start
_HOLES = 4_000_000_000  # bytes of address space that libraries map and never touch
_SPARE = 10_000  # numbers of weights that a file need not hold, such as random states
_SIDE = 150  # pixels, for a network that takes photos of any size
OUTSIDE = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile"),
    *("subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind", "socket.getaddrinfo"),
    *("urllib.Request", "pickle.find_class", "webbrowser.open", "ftplib.connect"),
)
"""What no model needs to open: other programs, the net, pickles. Names of audit events."""


def main() -> None:
    """Answer one request."""
    processes.end_with_parent()
    request = json.loads(sys.stdin.buffer.read())
    path, name = Path(request["path"]), str(request["name"])
    allowed = Limits.model_validate(request["limits"])
    _bound(allowed.model_memory)
    _bound_cpu(_START_SECONDS)
    try:
        held = strangers.held(path, name, allowed)
        _load(path, name, held, allowed)
        answer: dict[str, Any] = {"ok": True}
    except ModelError as error:
        answer = {"message": error.message, "params": error.params}
    except MemoryError:
        answer = {"memory": True}
    os.write(1, json.dumps(answer).encode() + b"\n")
    os._exit(0)  # nothing of the model's runs at the end


def _load(path: Path, name: str, held: int, allowed: Limits) -> None:
    from .. import quiet

    quiet.import_tensorflow()
    _bound_cpu(allowed.model_seconds)
    sys.addaudithook(_warden(Path.cwd()))
    try_out(path, name, held)


def try_out(path: Path, name: str, held: int) -> None:
    """Load a model and ask it about one photo; for a process that does nothing else, since Keras
    counts weights from then on.

    Args:
        path: ends in ``.keras`` or ``.h5``, as its content tells.
        name: the file's name in messages.
        held: how many numbers the file's weights hold.

    Raises:
        ModelError: Keras cannot load it, or it asks for more than it holds.
        MemoryError: it takes more than there is.
    """
    import keras

    refused: list[ModelError] = []
    keras.Layer.add_weight = _counted(keras.Layer.add_weight, name, held + _SPARE, refused)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
        _refuse_wide(name, model)
        _ask_once(model)
    except Exception as error:
        if refused:  # Keras wraps it in an error of its own
            raise refused[0] from None
        if isinstance(error, (ModelError, MemoryError)):
            raise
        if type(error).__name__ == "ResourceExhaustedError":
            raise MemoryError from error
        raise unloadable(name, error) from error


def unloadable(name: str, error: Exception) -> ModelError:
    """The error of a model that Keras itself refuses."""
    # It reports unknown layers, bad shapes and damage by many kinds of exception.
    return ModelError(
        "{name} could not be loaded: {reason}. Expected a model of Keras's own layers, saved"
        " whole.",
        name=shown(name),
        reason=shown(str(error).strip().split("\n")[0], 160),
    )


def _counted(
    add: Callable[..., Any], name: str, most: int, refused: list[ModelError]
) -> Callable[..., Any]:
    """`Layer.add_weight`, which counts before it allocates: a file must hold what it declares."""
    total = 0

    def add_weight(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal total
        shape = options.get("shape") or (args[0] if args else ())
        total += prod(int(side) for side in (shape if isinstance(shape, (tuple, list)) else ()))
        if total > most:
            refused.append(
                ModelError(
                    "{name} declares {total:,} weights or more, but holds {held:,}. Expected a"
                    " complete model file.",
                    name=shown(name),
                    total=total,
                    held=max(most - _SPARE, 0),
                )
            )
            raise refused[-1]
        return add(self, *args, **options)

    return add_weight


def _refuse_wide(name: str, model: Any) -> None:
    """Refuse layers that give more numbers for one photo than memory should hold."""
    for layer in model._flatten_layers(include_self=False):
        for node in getattr(layer, "_inbound_nodes", ()):
            for tensor in node.output_tensors:
                sides = [_SIDE if side is None else int(side) for side in tensor.shape[1:]]
                if prod(sides) > declared.MAX_VALUES:
                    raise declared.too_wide(name, sides)


def _ask_once(model: Any) -> None:
    """One grey photo through the network: what takes too long or too much does so here."""
    import numpy as np

    shape = model.inputs[0].shape if len(model.inputs) == 1 else ()
    if len(shape) == 4:  # others are refused by `predict`, with a better sentence
        sides = [_SIDE if side is None else side for side in shape[1:]]
        model(np.full((1, *sides), 0.5, np.float32), training=False)


def _warden(home: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook that ends the process when it reaches for anything outside of its folder."""
    inside = (str(home.resolve()) + os.sep, os.devnull)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in OUTSIDE:
            os._exit(BREACH)
        if event == "open" and isinstance(args[2], int) and args[2] & writing:
            place = args[0]
            if isinstance(place, (str, bytes)) and not (
                os.path.realpath(os.fsdecode(place)).startswith(inside)
            ):
                os._exit(BREACH)

    return hook


def _bound(memory: int) -> None:
    """Let the system refuse memory beyond the limit, core files, and large files."""
    try:
        import resource
    except ImportError:  # Windows: the parent watches
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for which, most in (
        (resource.RLIMIT_FSIZE, memory),
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, memory + _HOLES),
    ):
        try:
            resource.setrlimit(which, (most, most))
        except (ValueError, OSError):  # macOS knows not all of them; or a lower one is set
            continue


def _bound_cpu(seconds: int) -> None:
    try:
        import resource
    except ImportError:
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    most = int(spent.ru_utime + spent.ru_stime) + seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
