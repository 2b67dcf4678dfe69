"""Memory and speed of datasets larger than memory: ``python -m benchmarks.memory [PHOTOS]``.

Draws that many small photos, packs them at 150 × 150 and reads one epoch, each in a process of its
own, and prints the highest memory of each. 100,000 photos take 6.75 GB of shards, some 0.5 GB of
JPEGs and a few minutes; all of it lies in a temporary folder that goes at the end.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .measure import BATCH, SIZE, console, table

FULL, QUICK = 100_000, (2_000, 8_000)
_FIT_STEPS = 100
_PHASES = {
    "pack": "pack",
    "read": "read one epoch, shuffled, ready for fit",
    "fit": f"{_FIT_STEPS} steps of the course network",
}


def memory(folder: Path | None = None) -> None:
    """Measure two sizes, to show that memory does not grow with the dataset."""
    report(QUICK)


def report(counts: tuple[int, ...]) -> None:
    """Print a table of what packing and reading so many drawn photos take."""
    sheet = table(
        f"Datasets at {SIZE} × {SIZE}: peak resident memory of a process, including TensorFlow",
        "",
        *(f"{count:,} photos" for count in counts),
    )
    measurements = [measured(count) for count in counts]
    for key, unit in measurements[0]:
        sheet.add_row(f"{key}, {unit}", *(f"{dict(each)[key, unit]:,.0f}" for each in measurements))
    console.print(sheet, "Small splits stay in memory. Larger ones are read from shards.")


def measured(count: int, phases: Iterable[str] = _PHASES) -> dict[tuple[str, str], float]:
    """Return what `count` photos take: figures by what they tell and their unit."""
    with tempfile.TemporaryDirectory() as directory:
        root, packed = Path(directory) / "photos", Path(directory) / "packed"
        draw(root, count)
        steps = {name: in_own_process(name, root, packed) for name in phases}
    pixels = count * SIZE * SIZE * 3
    figures = {("pixels", "MB"): pixels / 1e6, ("shards", "MB"): steps["pack"]["bytes"] / 1e6}
    for name in phases:
        title = _PHASES[name]
        for which, seconds in zip(("", ", again"), steps[name]["seconds"], strict=False):
            figures[title + which, "photos per second"] = steps[name]["photos"] / seconds
        figures[title, "peak MB"] = steps[name]["peak"] / 1e6
    figures["TensorFlow imported, nothing done", "MB"] = steps["read"]["before"] / 1e6
    return figures


def draw(root: Path, count: int) -> None:
    """Make `count` small JPEGs of coloured patches, all different, a fifth for validation."""
    from catdog_core.imaging import decode

    rng = np.random.default_rng(0)
    for number in range(count):
        split = "validation" if number % 5 == 4 else "train"
        folder = root / split / ("cats", "dogs")[number % 2]
        if number < 10:
            folder.mkdir(parents=True, exist_ok=True)
        patches = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        (folder / f"{number:06d}.jpg").write_bytes(
            decode.encode_photo(decode.resize_photo(patches, SIZE))
        )


def in_own_process(phase: str, root: Path, packed: Path) -> dict[str, Any]:
    """Run a phase: "photos" handled, "seconds" of each time, "peak" and "before", its highest
    resident memory at the end and before it began, in bytes."""
    command = [sys.executable, "-m", "benchmarks.memory", phase, str(root), str(packed)]
    project_root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=project_root, stdout=subprocess.PIPE, check=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _phase(name: str, root: Path, packed: Path) -> None:
    from catdog_core.base import library_output
    from catdog_core.data import datasets

    dataset = datasets.scan_folder(root) if name == "pack" else None  # the command's own order
    library_output.import_tensorflow()
    from catdog_core.models import keras_models
    from catdog_core.storage import tfrecord
    from catdog_core.training import pipeline

    before, seconds = _peak(), []

    def timed(work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)

    if dataset:
        timed(lambda: tfrecord.pack_dataset(dataset, packed, SIZE))
        totals = {"bytes": tfrecord.open_packed(packed).bytes, "photos": len(dataset.photos)}
    else:
        photos = tfrecord.load_split(tfrecord.open_packed(packed), "train")
        steps = _FIT_STEPS if name == "fit" else len(photos.labels) // BATCH
        totals = {"photos": steps * BATCH}
        batches = pipeline.training_batches(
            photos, None, batch_size=BATCH, seed=0, first_step=0, last_step=steps
        )
        if name == "fit":
            model = keras_models.build_model("notes", SIZE)
            keras_models.compile_for_training(model, 1e-4)
            timed(lambda: model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False))
        else:
            timed(lambda: collections.deque(batches, 0))
            timed(lambda: collections.deque(batches, 0))
    print(json.dumps({**totals, "seconds": seconds, "before": before, "peak": _peak()}))


def _peak() -> int:
    """Return the highest resident memory of this process so far, in bytes."""
    try:  # unlike getrusage, not counting what the parent had before this program was loaded
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m benchmarks.memory``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description="Peak memory of packing, reading and fit."
    )
    parser.add_argument("photos", metavar="PHOTOS", type=int, nargs="?", default=FULL)
    return parser


if __name__ == "__main__":
    if len(sys.argv) == 4:
        _phase(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        report((build_parser().parse_args().photos,))
