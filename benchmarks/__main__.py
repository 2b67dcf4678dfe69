"""Speed and quality of the lab, each beside its peers in the same run: ``python -m benchmarks``.

``--help`` lists the benchmarks. A peer that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read by TensorFlow when it is imported
os.environ.setdefault("MPLBACKEND", "agg")

_DIR_HELP = "a dataset with train/ and validation/ folders; by default drawn pets"


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        function: ``module:function`` of this package, called with a folder of photos or None.
        about: what it measures, in a line.
        takes_folder: whether it measures the photos of a folder.
    """

    function: str
    about: str
    takes_folder: bool = True

    def run(self, folder: Path | None) -> None:
        """Measure, and print."""
        module, function = self.function.split(":")
        loaded = importlib.import_module(f"benchmarks.{module}")
        cast("Callable[[Path | None], None]", getattr(loaded, function))(folder)


BENCHMARKS = {
    "variants": Benchmark("variants:variants", "20 variants of a photo, and the notes' figure"),
    "loading": Benchmark("loading:loading", "photos a second ready for fit, and the warp alone"),
    "readers": Benchmark("loading:readers", "the Data page's readers, cold and warm"),
    "training": Benchmark("training:training", "the notes' network, photos a second in fit"),
    "answering": Benchmark("inference:inference", "one photo, a heat map, 1,000 photos; minutes"),
    "robustness": Benchmark("robustness:robustness", "a robustness curve, beside forward passes"),
    "learning": Benchmark("learning:learning", "whole trainings and their accuracy; 40 minutes"),
    "page": Benchmark("pages:page", "a moved slider until 20 pictures are sent", False),
    "threshold": Benchmark("pages:threshold", "a moved threshold on the Evaluate page", False),
    "browser": Benchmark("pages:browser", "a moved slider until Chromium has painted", False),
    "review": Benchmark("review:review", "a key in the review until the next photo", False),
    "sorting": Benchmark("sorting:sorting_photos", "guesses that learn from answers"),
    "camera": Benchmark("camera:journey", "two classes recorded, trained, and answered", False),
    "live": Benchmark(
        "live:live", "the live camera; python -m benchmarks.live MINUTES adds memory", False
    ),
    "api": Benchmark("api:api", "a photo over HTTP, and 20 programs at once", False),
    "load": Benchmark(
        "load:load", "20 sessions at once; python -m benchmarks.load has options", False
    ),
    "memory": Benchmark(
        "memory:memory", "memory of two sizes of datasets; python -m benchmarks.memory N", False
    ),
    "labels": Benchmark("labels:labels", "planted label errors that are found; a minute"),
    "verdicts": Benchmark("verdicts:verdicts", "verdicts on runs beside an expert's", False),
}
"""By name, in the order that `all` runs them."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what was wrong, and how to see what is there."""
        self.exit(2, f"{message} Run 'python -m benchmarks --help' to see what there is.\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = _Parser(
        prog="python -m benchmarks", description="Measure the lab and other tools in the same run."
    )
    commands = parser.add_subparsers(
        dest="name", metavar="NAME", parser_class=argparse.ArgumentParser
    )
    every = {**BENCHMARKS, "all": Benchmark("", "all of them")}
    for name, benchmark in every.items():
        about = benchmark.about
        command = commands.add_parser(
            name, help=about, description=f"{about[0].upper()}{about[1:]}."
        )
        if benchmark.takes_folder:
            command.add_argument("folder", metavar="DIR", nargs="?", type=Path, help=_DIR_HELP)
    return parser


def main(arguments: list[str]) -> None:
    """Run the benchmark named, or all."""
    parser = build_parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in (*BENCHMARKS, "all"):
        parser.error(f"There's no benchmark '{arguments[0]}'.")
    chosen = parser.parse_args(arguments or ["all"])
    folder: Path | None = getattr(chosen, "folder", None)
    if folder is not None and not (folder / "train").is_dir():
        parser.error(f"{folder} has no train/ folder. Choose a folder with train/ and validation/.")
    from .measure import console

    console.print(f"{os.cpu_count()} cores; Python {sys.version.split()[0]}\n")
    for name, benchmark in BENCHMARKS.items():
        if chosen.name in (name, "all"):
            benchmark.run(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
