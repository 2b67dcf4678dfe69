"""20 variants of one photo as pictures: the Augment page's way beside the class notes' figure."""

from __future__ import annotations

import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from catdog_core.augmentation import augment
from catdog_core.base import library_output
from catdog_core.imaging import decode
from catdog_core.imaging.decode import Photo

from . import other_libraries
from .measure import one_photo, report

COUNT = 20
_ROUNDS, _PER_FIGURE = 40, 8  # a figure is drawn once in so many rounds: it takes long


def variants(folder: Path | None) -> None:
    """Time drawn values to encoded pictures, without any server."""
    library_output.import_tensorflow()
    photo = one_photo(folder)
    generator = other_libraries.generator(augmented=True)
    warping, encoding, both, figures = [], [], [], []
    for seed in range(-2, _ROUNDS):  # the rounds below 0 warm up
        start = time.perf_counter()
        augmented = augment.make_variants(photo, other_libraries.NOTES, COUNT, abs(seed))
        middle = time.perf_counter()
        for image, _ in augmented:
            decode.encode_photo(image)
        end = time.perf_counter()
        if seed >= 0:
            warping.append(middle - start)
            encoding.append(end - middle)
            both.append(end - start)
        if seed % _PER_FIGURE == 0 or seed == -1:
            start = time.perf_counter()
            _figure(photo, generator)
            if seed >= 0:
                figures.append(time.perf_counter() - start)
    rows = {
        "draw and warp": warping,
        "JPEG": encoding,
        "both": both,
        "course figure, as st.pyplot sends it": figures,
    }
    report("20 variants of one photo, 150 × 150", rows)


def _figure(photo: Photo, generator: Any) -> bytes:
    """Draw the notes' figure: photos of a generator, one after the other, each in its own axes.

    The file is the one `st.pyplot` makes, as a page would show the figure.
    """
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(10, 8))
    flow = generator.flow(photo[None].astype(np.float32), batch_size=1)
    for index in range(COUNT):
        pyplot.subplot(4, 5, index + 1)
        pyplot.imshow(next(flow)[0])
    file = BytesIO()
    figure.savefig(file, format="png", dpi=200, bbox_inches="tight")
    pyplot.close(figure)
    return file.getvalue()
