"""The photos that are measured with: a dataset given, or the drawn demo set."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catdog_core import datasets, images, quiet
from catdog_core.images import Photo

if TYPE_CHECKING:
    from catdog_core.records import Photos

SIZE, BATCH = 150, 20


@contextmanager
def training_set(folder: Path | None) -> Iterator[tuple[Path, Photos]]:
    """The folder of the training photos, by class, and the same photos as our shards hold them."""
    quiet.import_tensorflow()
    from catdog_core import records

    with tempfile.TemporaryDirectory() as place:
        root = folder or drawn(Path(place))
        packed = records.pack(datasets.scan(root), Path(place) / "packed", SIZE)
        yield root / "train", records.load(packed, "train", in_memory=True)


def one_photo(folder: Path | None) -> Photo:
    """One training photo, (150, 150, 3) uint8."""
    with tempfile.TemporaryDirectory() as place:
        item = datasets.scan(folder or drawn(Path(place))).items("train")[0]
        return images.load(item.path.read_bytes(), SIZE)


def drawn(place: Path) -> Path:
    """The drawn demo set, in a new folder inside `place`."""
    datasets.make_demo(place / "demo", seed=0)
    return place / "demo"
