"""Figures on speed, each beside its peers in the same run: ``python -m benchmarks``.

    python -m benchmarks variants [DIR]      20 variants of one photo, beside the notes' figure
    python -m benchmarks loading [DIR]       photos a second ready for `fit`, and the warp alone
    python -m benchmarks readers [DIR]       the Data page's readers, cold and warm, beside limits
    python -m benchmarks training [DIR]      the notes' network, photos a second in `fit`
    python -m benchmarks answering [DIR]     one photo, a heat map, 1,000 photos; some minutes
    python -m benchmarks learning [DIR]      whole trainings from a cold start: accuracy, 40 minutes
    python -m benchmarks page                a moved slider until 20 pictures are on the wire
    python -m benchmarks threshold           a moved threshold on the Evaluate page, on the server
    python -m benchmarks browser             a moved slider until Chromium has painted them
    python -m benchmarks load                a class of 20 sessions at once, 7 minutes
    python -m benchmarks.load --minutes 30 --sessions 8 --no-training    whether memory stays flat
    python -m benchmarks memory              packing and reading two sizes: memory does not grow
    python -m benchmarks.memory 100000       the same of many photos; takes 7 GB for minutes
    python -m benchmarks verdicts            how often the verdict on a run is an expert's; minutes
    python -m benchmarks all [DIR]

DIR is a dataset with train/ and validation/ folders; without one the drawn demo set is used, as
`page`, `browser` and `load` always do. A peer that is not installed is left out and named.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported
os.environ.setdefault("MPLBACKEND", "agg")

from .inference import inference
from .learning import learning
from .load import load
from .loading import loading, readers
from .measure import console
from .memory import memory
from .pages import browser, page, threshold
from .training import training
from .variants import variants
from .verdicts import verdicts

SECTIONS: dict[str, Callable[[Path | None], None]] = {
    "variants": variants,
    "loading": loading,
    "readers": readers,
    "training": training,
    "answering": inference,
    "learning": learning,
    "page": page,
    "threshold": threshold,
    "browser": browser,
    "load": load,
    "memory": memory,
    "verdicts": verdicts,
}


def main(arguments: list[str]) -> None:
    """Run the section named, or all."""
    wanted = arguments[0] if arguments else "all"
    folder = Path(arguments[1]) if len(arguments) > 1 else None
    if wanted not in (*SECTIONS, "all"):
        raise SystemExit(__doc__)
    if folder is not None and not (folder / "train").is_dir():
        raise SystemExit(
            f"{folder} has no train/ folder. Choose a folder with train/ and validation/."
        )
    console.print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}\n")
    for name, run in SECTIONS.items():
        if wanted in (name, "all"):
            run(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
