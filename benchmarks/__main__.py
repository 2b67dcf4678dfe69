"""Figures on speed, each beside its peers in the same run: ``python -m benchmarks``.

    python -m benchmarks variants            the Augment page's 20 variants from one slider move
    python -m benchmarks loading DIR         photos a second ready for `fit`
    python -m benchmarks training DIR        the notes' network, photos a second in `fit`
    python -m benchmarks all DIR

DIR is a dataset with train/ and validation/ folders; without one the drawn demo set is used.
Peers take turns, round by round, so that a busy moment of the machine meets all of them; the
median of the rounds is printed, with the ratio to the peer named first.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.table import Table

from catdog_core import augment, datasets, images
from catdog_core.settings import PRESETS, Augmentation

SIZE, BATCH = 150, 20
console = Console(width=100)


def variants() -> None:
    """From a slider's event to 20 encoded pictures: the server's own work, Streamlit aside."""
    photo = _photos(None)[0]
    rounds = 40
    drawing, encoding = [], []
    for seed in range(rounds):
        start = time.perf_counter()
        made = augment.variants(photo, Augmentation(), 20, seed)
        middle = time.perf_counter()
        for image, _ in made:
            images.encode(image)
        drawing.append(middle - start)
        encoding.append(time.perf_counter() - middle)
    total = [a + b for a, b in zip(drawing, encoding, strict=True)]
    table = _table("20 variants of one photo, 150 × 150", "part", "median ms", "slowest ms")
    for name, times in (("draw and warp", drawing), ("JPEG", encoding), ("both", total)):
        table.add_row(name, f"{statistics.median(times) * 1e3:.1f}", f"{max(times) * 1e3:.1f}")
    console.print(table, "Target: under 50 ms in all.\n")


def loading(folder: Path | None) -> None:
    """Photos a second read or cached, augmented, batched and turned to float32."""
    from catdog_core import pipeline, records

    with tempfile.TemporaryDirectory() as place:
        root = _dataset(folder, Path(place))
        packed = records.pack(datasets.scan(root), Path(place) / "packed", SIZE)
        photos = records.load(packed, "train")
        flow = _generator(augmented=True).flow_from_directory(
            root / "train", target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
        )
        memory = _generator(augmented=True).flow(
            photos.images.astype(np.float32), photos.labels, batch_size=BATCH
        )
        steps = 40

        def ours() -> None:
            batches = pipeline.training_batches(
                photos, Augmentation(), batch_size=BATCH, seed=0, first_step=0, last_step=steps * 5
            )
            for _ in batches:
                pass

        def warp_alone() -> None:
            rng = np.random.default_rng(0)
            for start in range(0, steps * BATCH, BATCH):
                place_ = start % (len(photos.images) - BATCH)
                augment.batch(photos.images[place_ : place_ + BATCH], Augmentation(), rng)

        def take(batches: object, count: int) -> Callable[[], None]:
            def run() -> None:
                for _ in range(count):
                    next(batches)  # type: ignore[call-overload]

            return run

        peers = {
            "ImageDataGenerator.flow_from_directory": (take(flow, 15), 15 * BATCH),
            "ImageDataGenerator.flow (in memory)": (take(memory, 15), 15 * BATCH),
            "this lab, shards in memory": (ours, steps * 5 * BATCH),
            "limit: our warp alone, one thread": (warp_alone, steps * BATCH),
        }
        _race("Photos a second, augmented, ready for fit", peers, rounds=5)


def training(folder: Path | None) -> None:
    """The notes' network in `fit`: ours beside plain Keras fed by ImageDataGenerator."""
    import keras

    from catdog_core import models, pipeline, records

    steps = 12
    with tempfile.TemporaryDirectory() as place:
        root = _dataset(folder, Path(place))
        packed = records.pack(datasets.scan(root), Path(place) / "packed", SIZE)
        photos = records.load(packed, "train")

        keras.utils.set_random_seed(0)
        plain = keras.Sequential(models.build("notes").layers[1:])  # no Rescaling: 0..1 comes in
        plain.build((None, SIZE, SIZE, 3))
        plain.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
        flow = _generator(augmented=False).flow_from_directory(
            root / "train", target_size=(SIZE, SIZE), batch_size=BATCH, class_mode="binary"
        )
        lab = models.build("notes")
        models.compile_for_training(lab, 1e-4)

        def ours(augmentation: Augmentation | None) -> Callable[[], None]:
            def run() -> None:
                batches = pipeline.training_batches(
                    photos, augmentation, batch_size=BATCH, seed=0, first_step=0, last_step=steps
                )
                lab.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)

            return run

        count = steps * BATCH
        peers = {
            "model.fit + ImageDataGenerator": (
                lambda: plain.fit(flow, steps_per_epoch=steps, verbose=0),
                count,
            ),
            "this lab": (ours(None), count),
            "this lab, the notes' augmentation": (ours(PRESETS["notes"]), count),
        }
        _race("The notes' network, photos a second in training", peers, rounds=7)


def _generator(augmented: bool):  # type: ignore[no-untyped-def]
    from tensorflow.keras.preprocessing.image import ImageDataGenerator

    notes = Augmentation()
    names = ("rotation_range", "width_shift_range", "height_shift_range", "zoom_range")
    changes = {name: getattr(notes, name) for name in names} if augmented else {}
    flips = {"horizontal_flip": augmented, "vertical_flip": augmented}
    return ImageDataGenerator(rescale=1 / 255, **changes, **flips)


def _race(title: str, peers: dict[str, tuple[Callable[[], None], int]], rounds: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(rounds + 1):
        for name, (run, count) in peers.items():
            start = time.perf_counter()
            run()
            if number:  # the first round warms up
                rates[name].append(count / (time.perf_counter() - start))
    table = _table(title, "", "median", "lowest", "highest", "ratio")
    first = statistics.median(next(iter(rates.values())))
    for name, found in rates.items():
        middle = statistics.median(found)
        numbers = [f"{value:,.0f}" for value in (middle, min(found), max(found))]
        table.add_row(name, *numbers, f"{middle / first:.2f}")
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _dataset(folder: Path | None, place: Path) -> Path:
    if folder is not None:
        return folder
    datasets.make_demo(place / "demo", seed=0)
    return place / "demo"


def _photos(folder: Path | None) -> list[images.Photo]:
    with tempfile.TemporaryDirectory() as place:
        items = datasets.scan(_dataset(folder, Path(place))).items("train")
        return [images.load(item.path.read_bytes(), SIZE) for item in items[:20]]


def main(arguments: list[str]) -> None:
    """Run the section named, or all."""
    known = {"variants": lambda folder: variants(), "loading": loading, "training": training}
    wanted = arguments[0] if arguments else "all"
    folder = Path(arguments[1]) if len(arguments) > 1 else None
    if wanted not in (*known, "all"):
        raise SystemExit(__doc__)
    console.print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}\n")
    for name, run in known.items():
        if wanted in (name, "all"):
            run(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
