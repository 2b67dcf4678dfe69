"""Open one model from outside under limits: `model_sandbox` and `isolated_models` run this.

It reads lines of JSON on stdin, each followed by the bytes of the arrays it names, and answers on
stdout in the same form. The first line, {"path", "name", "limits", "check"}, names the model. With
"check" it says how opening it went, and ends; otherwise it answers a question a line. When stdin
closes, whoever asked is gone, and it ends at once.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import astuple, replace
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ..base import subprocess_jobs
from ..base.errors import ModelError
from ..base.files import truncate_for_display
from ..base.limits import Limits
from ..models import untrusted_models
from ..models.model_sandbox import (
    BREACH_STATUS,
    ModelRequest,
    ModelResponse,
    OpenRequest,
    read_message,
    unloadable_error,
    write_message,
)

# Limits that follow from what was measured with TensorFlow 2 on Linux; those a teacher may change
# are in `base.limits`.
START_SECONDS = 60  # CPU time for the look at the file and for TensorFlow's start
_TRIAL = 3  # times the seconds for the first photo that asking several at once may take
_TENSORFLOW = 300_000_000  # bytes that it takes for itself once it works
_MAPS = 4  # photos, as many as the Predict page asks about together
_CONSTANTS = 10_000_000  # numbers that layers may lay out beside their weights
_HOLES = 4_000_000_000  # bytes of address space that libraries map and never touch
_SPARE = 10_000  # numbers of weights that a file need not hold, such as random states
FORBIDDEN_EVENTS = (
    *("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile"),
    *("subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind", "socket.getaddrinfo"),
    *("urllib.Request", "pickle.find_class", "webbrowser.open", "ftplib.connect"),
)
"""What no model needs to open: other programs, the net, pickles. Names of audit events."""


def main() -> None:
    """Check one model, or answer requests about it until the pipe closes."""
    out = os.fdopen(subprocess_jobs.take_stdout(), "wb")
    message = read_message(sys.stdin.buffer, sys.maxsize)
    if message is None:
        return
    first = cast(OpenRequest, message[0])
    requests: queue.SimpleQueue[ModelRequest] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    allowed = Limits.model_validate(first["limits"])
    path, name = Path(first["path"]), str(first["name"])
    # In this order: memory is limited before the file is touched; the file is checked as data
    # before TensorFlow is there; TensorFlow is imported before files and the net are out of reach;
    # and only then Keras builds what the file declares.
    limit_memory(allowed.model_memory)
    more = _TRIAL * allowed.model_seconds
    problem: ModelResponse | None = None
    model: Any = None
    try:
        if first["check"]:
            _limit_cpu_time(START_SECONDS, more)
        stored_weights = untrusted_models.count_model_weights(path, name, allowed)
        restrict_process(allowed)
        if first["check"]:
            _limit_cpu_time(allowed.model_seconds, more)
            try_model(path, name, stored_weights, lambda: _limit_cpu_time(more))
        else:
            model = load_model(path, name, stored_weights)
    except (ModelError, MemoryError) as error:
        problem = _error_message(error)
    if first["check"]:
        _write_response(out, problem or {"ok": True})
        os._exit(0)  # without Python's clean-up, in which code of the model could still run
    while True:
        request = requests.get()
        _write_response(out, problem or _respond(model, name, request))


def _respond(model: Any, name: str, request: ModelRequest) -> ModelResponse:
    try:
        return {"value": REQUEST_HANDLERS[request["function"]](model, **request["arguments"])}
    except Exception as error:
        return _error_message(as_model_error(name, error))


def _error_message(error: Exception) -> ModelResponse:
    if isinstance(error, ModelError):
        params = {k: v if isinstance(v, int) else str(v) for k, v in error.params.items()}
        return {"message": error.message, "params": params}
    return {"memory": True}


def _describe(model: Any) -> dict[str, Any]:
    names = (
        *("classes", "input_shape", "names_known", "input_scale", "warnings", "batch", "units"),
        "is_exclusive",
    )
    return {name: getattr(model, name) for name in names}


def _predict(model: Any, values: Any) -> list[Any]:
    return [np.asarray(x) for x in model.run_batch(values)]


def _with_raw_input(model: Any) -> Any:
    """Return the predictor for values that were scaled by whoever asks."""
    return replace(model, input_scale="0..255")


def _heat_maps(model: Any, values: Any, labels: Any) -> list[Any]:
    from . import gradcam

    return [gradcam.heat_maps(_with_raw_input(model), values, labels)]


def _predict_with_maps(model: Any, values: Any) -> list[Any]:
    from . import gradcam

    return list(gradcam.run_with_maps(model, values))


def _layers(model: Any) -> Any:
    from . import activations

    return [astuple(layer) for layer in activations.list_map_layers(model)]


def _pooling(model: Any, layer_index: int) -> Any:
    from . import activations

    how, before = activations.pooling_of_layer(model, layer_index)
    return [*astuple(how), before]


def _maps(model: Any, values: Any, layer_index: int) -> list[Any]:
    from . import activations

    return [activations.compute_activations(_with_raw_input(model), values, layer_index)]


def _photos_at_once(model: Any, layer_index: int) -> int:
    from . import activations

    return activations.photos_at_once(model, layer_index)


def _filters(model: Any) -> list[Any]:
    from . import activations

    return [activations.first_layer_filters(model)]


def _receptive_field(model: Any, layer_index: int, row: int, column: int) -> Any:
    from . import activations

    return astuple(activations.receptive_field(model, layer_index, row, column))


@lru_cache(maxsize=1)
def _features_of(model: Any) -> Any:
    from . import embedding_recorder

    return embedding_recorder.compile_features(model)


def _features(model: Any, values: Any) -> list[Any]:
    return [np.asarray(x) for x in _features_of(model).run(values)]


REQUEST_HANDLERS: dict[str, Callable[..., Any]] = {
    "describe": _describe,
    "answer": _predict,
    "heat_maps": _heat_maps,
    "predict_with_maps": _predict_with_maps,
    "layers": _layers,
    "pooling": _pooling,
    "maps": _maps,
    "photos_at_once": _photos_at_once,
    "filters": _filters,
    "receptive_field": _receptive_field,
    "features": _features,
    "features_at_once": lambda model: _features_of(model).batch,
}
"""What can be asked, by name. Arrays are values as the network gets them."""


def _read_requests(requests: queue.SimpleQueue[ModelRequest]) -> None:
    """Read requests until the pipe closes, in a thread: so the end is noticed during work, too."""
    while (message := read_message(sys.stdin.buffer, sys.maxsize)) is not None:
        request, arrays = cast(ModelRequest, message[0]), message[1]
        request["arguments"].update(arrays)
        requests.put(request)
    os._exit(0)


def _write_response(out: IO[bytes], response: ModelResponse) -> None:
    value = response.get("value")
    arrays = value if isinstance(value, list) and value and hasattr(value[0], "dtype") else []
    if arrays:
        response = {}
    write_message(out, response, {str(number): x for number, x in enumerate(arrays)})


def restrict_process(allowed: Limits) -> None:
    """Import all that opening a model needs, then cut this process off from everything else."""
    from ..base import library_output

    library_output.import_tensorflow()
    from ..base import limits
    from . import gradcam  # noqa: F401 - imported while files may be opened

    limits.current_limits = lambda: allowed
    sys.addaudithook(_warden(Path.cwd()))


def try_model(
    path: Path, name: str, stored_weights: int, opened: Callable[[], None] = lambda: None
) -> Any:
    """Load a model and do with it what will be done: as many photos at once as will be asked, and
    a heat map. For a process that does nothing else, since Keras counts weights from then on.

    How many photos that is follows from declared shapes alone, before anything is computed.

    Args:
        path: ends in ``.keras`` or ``.h5``, as its content tells.
        name: the file's name in messages.
        stored_weights: how many numbers the file's weights hold.
        opened: called once it is loaded and has answered to one photo.

    Returns:
        The model, as `predict.load_predictor` gives it.

    Raises:
        ModelError: Keras cannot load it, or it asks for more than it holds.
        MemoryError: it takes more than there is.
    """
    predictor = load_model(path, name, stored_weights)
    try:
        _run_trial_predictions(predictor, name, opened)
    except Exception as error:
        raise as_model_error(name, error) from error
    return predictor


def load_model(path: Path, name: str, stored_weights: int) -> Any:
    """Load a model as `try_model` does, but predict nothing with it. Raises as that does."""
    import keras

    from ..models import keras_models
    from . import predict

    refused: list[ModelError] = []
    keras.Layer.add_weight = _count_weights(
        keras.Layer.add_weight, name, stored_weights + _SPARE, refused
    )
    _limit_constants(name, refused)
    try:
        model = keras_models.load_checked_model(path, name)
        _refuse_wide_layers(name, model)
        return predict.build_predictor(name, model, keras_models.read_metadata(path))
    except Exception as error:
        if refused:  # Keras wraps it in an error of its own
            raise refused[0] from None
        raise as_model_error(name, error) from error


def as_model_error(name: str, error: Exception) -> Exception:
    """Return an error of Keras or TensorFlow as a ModelError or MemoryError."""
    if isinstance(error, (ModelError, MemoryError)):
        return error
    if type(error).__name__ == "ResourceExhaustedError":
        return MemoryError()
    return unloadable_error(name, error)


def _count_weights(
    add: Callable[..., Any], name: str, most: int, refused: list[ModelError]
) -> Callable[..., Any]:
    """Return a `Layer.add_weight` that counts before it allocates, and refuses too much."""
    total = 0

    def add_weight(self: Any, *args: Any, **options: Any) -> Any:
        nonlocal total
        shape = options.get("shape") or (args[0] if args else ())
        total += prod(int(side) for side in (shape if isinstance(shape, (tuple, list)) else ()))
        if total > most:
            refused.append(
                ModelError(
                    "{name} declares at least {total:,} weights but contains only {held:,}. Use a "
                    "complete model file.",
                    name=truncate_for_display(name),
                    total=total,
                    held=max(most - _SPARE, 0),
                )
            )
            raise refused[-1]
        return add(self, *args, **options)

    return add_weight


def _refuse_wide_layers(name: str, model: Any) -> None:
    """Refuse layers that give more numbers for one photo than memory should hold."""
    from . import model_graph

    # With the size that `predict.build_predictor` will take, so that the graph is made once.
    for node in model_graph.build_model_graph(model, model_graph.photo_size(model)).nodes:
        sides = [model_graph.DEFAULT_SIZE if side is None else int(side) for side in node.shape[1:]]
        if prod(sides) > untrusted_models.MAX_VALUES:
            raise untrusted_models.too_wide_layer_error(name, sides)


def _limit_constants(name: str, refused: list[ModelError]) -> None:
    """Let layers that allocate constants, which are no weights, refuse to allocate many."""
    import keras

    total = 0

    def counting(build: Callable[..., Any], count: Callable[..., int]) -> Callable[..., Any]:
        def counted(self: Any, shape: Any, *args: Any, **options: Any) -> Any:
            nonlocal total
            total += count(self, shape)
            if total > _CONSTANTS:
                refused.append(untrusted_models.too_wide_layer_error(name, [total]))
                raise refused[-1]
            return build(self, shape, *args, **options)

        return counted

    def of_normalization(layer: Any, shape: Any) -> int:
        axes = layer.axis or ()
        axes = axes if isinstance(axes, (tuple, list)) else (axes,)
        return 0 if layer.input_mean is None else prod(int(shape[axis] or 1) for axis in axes)

    def of_mel(layer: Any, shape: Any) -> int:
        return int(layer.num_mel_bins) * int(layer.fft_length)

    for kind, count in (
        (keras.layers.Normalization, of_normalization),
        (keras.layers.MelSpectrogram, of_mel),
    ):
        kind.build = counting(kind.build, count)


def _run_trial_predictions(predictor: Any, name: str, opened: Callable[[], None]) -> None:
    """Predict made-up photos, as many at once as will be asked for, and compute their heat maps.

    Where these would take longer than a check may, they are fewer: time is for whoever asks to
    bear, memory is not.
    """
    from ..base import limits
    from . import gradcam

    allowed = limits.current_limits()
    # Of all values, since a photo of one alone is NaN where a network divides by its deviation.
    photos = np.resize(np.arange(256, dtype=np.uint8), (predictor.batch, *predictor.size, 3))
    before = _peak_memory()
    predictor.predict_with_scores(photos[:1])
    began = time.process_time()
    predictor.predict_with_scores(photos[:1])
    once = max(time.process_time() - began, 1e-3)
    opened()
    count = max(1, min(len(photos), int(allowed.model_seconds / 2 / once)))
    predictor.predict_with_scores(photos[:count])
    try:
        gradcam.heat_maps(predictor, photos[: min(count, _MAPS)], 0)
    except ModelError:
        pass  # no feature map, or one that takes too much: whoever wants the heat map is told
    taken = _peak_memory() - before - _TENSORFLOW
    if taken > allowed.model_batch_bytes:
        raise ModelError(
            "{name} needs {size:,} MB of memory to predict, more than the {limit:,} MB allowed. "
            "Use a smaller network or smaller photos.",
            name=truncate_for_display(name),
            size=taken // 1_000_000,
            limit=allowed.model_batch_bytes // 1_000_000,
        )


def _peak_memory() -> int:
    """Return the most memory this process has held so far, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _warden(home: Path) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that ends the process when it reaches outside its folder."""
    # Python calls audit hooks from C, before the deed, and offers no way to take one off again. A
    # hook is no sandbox against native code; it is the last of several fences. Reading stays
    # allowed, since imports need it; what is read cannot leave.
    inside = (str(home.resolve()) + os.sep, os.devnull)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in FORBIDDEN_EVENTS:
            os._exit(BREACH_STATUS)
        if event == "open" and isinstance(args[2], int) and args[2] & writing:
            path = args[0]
            if isinstance(path, (str, bytes)) and not (
                os.path.realpath(os.fsdecode(path)).startswith(inside)
            ):
                os._exit(BREACH_STATUS)

    return hook


def limit_memory(memory: int) -> None:
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


def _limit_cpu_time(seconds: int, later: int = 0) -> None:
    """Let the system end this process after so much more CPU time, in seconds.

    Args:
        seconds: until then.
        later: by how much more another call may raise the limit.
    """
    try:
        import resource
    except ImportError:
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    most = int(spent.ru_utime + spent.ru_stime) + seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard != resource.RLIM_INFINITY:
        later = min(most + later, hard) - most
    resource.setrlimit(resource.RLIMIT_CPU, (min(most, most + later), most + later))


if __name__ == "__main__":
    main()
