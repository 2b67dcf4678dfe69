"""The process that replays cases: a crash ends it and no more, and the case is known by its number.

Reads {"kind", "seed", "first", "count", "home"} as JSON from its argument; says a line of JSON
before each case and one after, with CPU seconds, megabytes above before, and the outcome.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPU_LIMIT = 20  # seconds a case may take before the system ends the process
MEMORY_LIMIT = 6_000_000_000  # bytes of address space


def main() -> None:
    """Replay the cases asked for."""
    job = json.loads(sys.argv[1])
    kind, home = job["kind"], Path(job["home"])
    os.environ["CATDOG_WORKSPACE"] = str(home / "workspace")
    make_case, take, allowed = _KINDS[kind](home)
    _limit()
    for number in range(job["first"], job["first"] + job["count"]):
        name, data = make_case(job["seed"], number)
        _say({"case": number, "file": name, "bytes": len(data)})
        _one_more(CPU_LIMIT)
        before, start = _memory("VmRSS"), time.process_time()
        _forget_peak()
        try:
            take(name, data)
            outcome = "accepted"
        except allowed as error:
            outcome = "refused"
            message = str(error)
            if "\n" in message or len(message) > 600:
                outcome = f"HIT: no clear sentence: {message[:200]!r}"
        except BaseException as error:
            outcome = f"HIT: {type(error).__name__}: {str(error)[:200]}"
        seconds, memory = time.process_time() - start, _memory("VmHWM") - before
        _say({"case": number, "outcome": outcome, "seconds": seconds, "megabytes": memory})


_Made = tuple[Callable[[int, int], tuple[str, bytes]], Callable[[str, bytes], None], Any]


def _photos(home: Path) -> _Made:
    from catdog_core.base.errors import PhotoError
    from catdog_core.data import photo_scan
    from catdog_core.imaging import decode, image_header
    from fuzz import mutations, seeds

    good = seeds.seed_photos()

    def take(name: str, data: bytes) -> None:
        (home / "workspace").mkdir(exist_ok=True)
        path = home / "workspace" / f"photo{Path(name).suffix}"
        path.write_bytes(data)
        photo_scan.scan_photos(
            path.parent, [path.name], path.parent
        )  # the dataset's doctor refuses nothing
        image_header.is_truncated(data)
        for read in (
            image_header.read_image_header,
            lambda data: decode.decode_and_fit(data, 150),
            decode.decode_photo,
        ):
            result = read(data)
            if isinstance(result, image_header.ImageHeader):
                continue
            assert result.ndim == 3 and result.shape[2] == 3 and str(result.dtype) == "uint8"

    return lambda seed, n: mutations.mutate_photo(good, seed, n), take, (PhotoError,)


def _archives(home: Path) -> _Made:
    from catdog_core.base import files
    from catdog_core.base.errors import DatasetError
    from catdog_core.data import archives, imports
    from fuzz import mutations, seeds

    good = seeds.seed_archives()

    def take(name: str, data: bytes) -> None:
        try:
            archives.inspect_archive(io.BytesIO(data), name)
        finally:
            imports.import_archive(io.BytesIO(data), name)
            files.remove_tree(home / "workspace")

    return lambda seed, n: mutations.mutate_archive(good, seed, n), take, (DatasetError,)


def _models(home: Path) -> _Made:
    from catdog_core.base import library_output

    library_output.import_tensorflow()
    import keras

    from catdog_core.analysis import model_sandbox_process, predict
    from catdog_core.base.errors import ModelError
    from catdog_core.models import model_sandbox, untrusted_models
    from fuzz import mutations, seeds

    (home / "workspace").mkdir(exist_ok=True)
    good, plain = seeds.seed_models(home / "workspace"), keras.Layer.add_weight
    model_sandbox.check_model = lambda *_: None  # done here, without a new process each time
    sys.addaudithook(_alarm)

    def take(name: str, data: bytes) -> None:
        path = home / "workspace" / f"case{Path(name).suffix}"
        path.write_bytes(data)
        held = untrusted_models.count_model_weights(path)
        try:
            model_sandbox_process.try_model(path, name, held)
        finally:
            keras.Layer.add_weight = plain
        predict.load_predictor(path)

    return lambda seed, n: mutations.mutate_model(good, seed, n), take, (ModelError, MemoryError)


def _selftest(home: Path) -> _Made:
    """A fault that a test plants, to see that the loop finds it."""
    from catdog_core.base.errors import PhotoError

    code, allowed = os.environ["CATDOG_FUZZ_SELFTEST"], (PhotoError,)

    def take(name: str, data: bytes) -> None:
        exec(code, {"allowed": allowed})

    return lambda seed, n: (f"{n}.txt", b""), take, allowed


def _alarm(event: str, args: tuple[Any, ...]) -> None:
    from catdog_core.analysis.model_sandbox_process import FORBIDDEN_EVENTS

    if event in FORBIDDEN_EVENTS:
        _say({"alarm": event})
        os._exit(77)


_KINDS: dict[str, Callable[[Path], _Made]] = {
    "photos": _photos,
    "archives": _archives,
    "models": _models,
    "selftest": _selftest,
}


def _say(value: dict[str, Any]) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


def _limit() -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def _one_more(seconds: int) -> None:
    try:
        import resource
    except ImportError:
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + seconds + 1, hard)
    )


def _memory(which: str) -> float:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return int(text.split(which + ":")[1].split()[0]) / 1000


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    main()
