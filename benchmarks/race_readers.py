"""The loading race of the Data page, longer, and what its readers cannot be faster than."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catdog_core import datasets, images
from catdog_core.datasets import Dataset
from catdog_core.images import Photo

from .race import Peer, console, race, table
from .source import BATCH, SIZE, training_set

THREADS = min(4, os.cpu_count() or 1)  # as many as the folder reader has
_SECONDS, _SAMPLE, _CHUNK = 9.0, 2000, 32


def race_readers(folder: Path | None) -> None:
    """Photos a second of each reader, cold and warm; then the parts of their work, each alone."""
    with training_set(folder) as (place, photos):
        dataset = datasets.scan(place.parent)
        _readers(dataset)
        paths = [item.path for item in dataset.items("train")][:_SAMPLE]
        title = f"The parts of it alone, warm, on {THREADS} threads"
        race(title, _limits(paths, photos.images[:_SAMPLE]), 5)


def _readers(dataset: Dataset) -> None:
    from catdog_core.packing import race as course

    lanes = course.run(dataset, SIZE, BATCH, _SECONDS, sample=_SAMPLE)
    sheet = table(
        f"{SIZE} × {SIZE}, batches of {BATCH}, float32", "photos a second", "cold", "warm", "ratio"
    )
    first = next((lane.warm for lane in lanes if lane.warm), 1.0)
    for lane in lanes:
        if lane.left_out is None:
            ratio = (lane.warm or 0.0) / first
            sheet.add_row(lane.name, _number(lane.cold), _number(lane.warm), f"{ratio:.2f}")
        else:
            console.print(f"{lane.name} is left out. {lane.left_out}")
    console.print(sheet, "Medians; the readers take turns. Packing is not counted.\n")


def _number(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:,.0f}"


def _limits(paths: Sequence[Path], pixels: Photo) -> dict[str, Peer]:
    """What the readers do, step by step and without the rest."""
    data = [path.read_bytes() for path in paths]
    target = np.empty((BATCH, SIZE, SIZE, 3), np.float32)
    batches = [pixels[at : at + BATCH] for at in range(0, len(pixels) - BATCH + 1, BATCH)]

    def copied() -> None:
        for batch in batches:
            np.copyto(target, batch)

    found: dict[str, tuple[Sequence[Any], Callable[[Any], object]]] = {
        "files read": (paths, images.read),
        "Pillow decodes, reduced": (data, _pillow),
        "images.decode, reduced": (data, lambda each: images.decode(each, SIZE)),
        "images.load: decoded and fitted": (data, lambda each: images.load(each, SIZE)),
    }
    limits = {name: Peer(_on_threads(do, work), len(work)) for name, (work, do) in found.items()}
    limits["uint8 in memory to float32, 1 thread"] = Peer(copied, len(batches) * BATCH)
    return limits


def _pillow(data: bytes) -> None:
    with Image.open(BytesIO(data)) as image:
        image.draft("RGB", (SIZE, SIZE))
        image.load()


def _on_threads(do: Callable[[Any], object], work: Sequence[Any]) -> Callable[[], None]:
    def part(start: int) -> None:
        for each in work[start : start + _CHUNK]:
            do(each)

    def run() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(part, range(0, len(work), _CHUNK)):
                pass

    return run
