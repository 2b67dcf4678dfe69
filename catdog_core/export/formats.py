"""The export formats by name, and what is known of each before anything is written."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, cast

from ..base.errors import N_, CatDogError


class Parity(TypedDict, total=False):
    """How far an exported model's answers are from the Keras model's, on the same photos.

    Attributes:
        missing: the package to install, where the format has no runtime here; empty where there
            is none for Python. The other keys are absent then.
        photos: how many were compared.
        dataset: its name; empty for drawn pets.
        difference: the largest difference in any probability, 0..1.
        labels: photos that the two call by different classes.
        runtime: the runtime's name and version.
        counted: photos with known classes, for int8 alone.
        accuracy: on those, of the Keras model and of the exported one, fractions; empty where no
            photos of the model's classes and kind are here.
    """

    missing: str
    photos: int
    dataset: str
    difference: float
    labels: int
    runtime: str
    counted: int
    accuracy: list[float]


class NetworkInput(TypedDict):
    """What a program has to know of an exported model to use it.

    Attributes:
        shape: height, width and channels of the photos it takes.
        gives_scores: its outputs are logits, which a program turns into probabilities.
        is_keras2: only Keras 2 opens the file.
    """

    shape: list[int]
    gives_scores: bool
    is_keras2: bool


NO_ACCURACY = N_(
    "Its accuracy wasn't measured, because no photos of its classes are here. Drawings don't count "
    "for a model of photos."
)


@dataclass(frozen=True)
class Exporter:
    """One format a run or model can be written in.

    Attributes:
        kind: its name on the command line.
        label: its name on the page; a message of the catalogue.
        about: what it is for, in one line; a message of the catalogue.
        extension: what its file's name ends in, with the dot; of a folder, that of its zip.
        writer: ``module:function`` of `catdog_core.export`, called with the source (a run's folder
            or a model file) and the file or folder to write, which has the extension. It raises a
            CatDogError where it cannot; it need not clean up.
        group: "model" answers photos elsewhere; "code" and "record" are to be read.
        needs: modules it imports that need not be installed.
        install: how to get what is missing; a message of the catalogue.
        needs_run: it tells of a training, so that a model file alone is not enough.
        is_folder: the writer makes a folder; the page offers a zip of it.
        loads_tensorflow: its writer does, so that its import is kept quiet.
        takes_runtime: the writer can put a runtime inside, from a folder that it is given.
        usage: for formats that are no model: a command for ``{file}``.
    """

    kind: str
    label: str
    about: str
    extension: str
    writer: str
    group: Literal["model", "code", "record"] = "model"
    needs: tuple[str, ...] = ()
    install: str = ""
    needs_run: bool = False
    is_folder: bool = False
    loads_tensorflow: bool = True
    takes_runtime: bool = False
    usage: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules it needs that are not there; nothing is imported."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def refuse_missing(self) -> None:
        """Raise CatDogError where something it needs is not installed, saying how to get it."""
        if self.missing:
            raise CatDogError(
                "The export format '{kind}' needs {packages}, which isn't installed. {install}",
                kind=self.kind,
                packages=", ".join(self.missing),
                install=self.install or f"pip install {' '.join(self.missing)}",
            )

    def refuse_runtime(self, runtime: Path | None) -> None:
        """Raise CatDogError where a runtime is given, and the format can't put it inside."""
        if runtime is not None and not self.takes_runtime:
            raise CatDogError(
                "The export format '{kind}' doesn't use a runtime. Leave out --runtime.",
                kind=self.kind,
            )

    def write(self, source: Path, out: Path, runtime: Path | None = None) -> None:
        """Write `source` to `out`, which has the extension, with a runtime inside if one is given.

        Raises:
            CatDogError: a package is missing, or the writer refuses.
        """
        self.refuse_runtime(runtime)
        self.refuse_missing()
        name, function = self.writer.split(":")
        module = importlib.import_module(f"catdog_core.export.{name}")
        options = (runtime,) if runtime else ()
        cast("Callable[..., None]", getattr(module, function))(source, out, *options)


_ONNX_INSTALL_HINT = N_("Install it with: pip install tf2onnx onnx")

_EXPORTERS = (
    Exporter(
        kind="keras",
        label=N_("Keras"),
        about=N_("Keras's own format. It opens in any Keras 3, including this lab."),
        extension=".keras",
        writer="model_writers:write_keras",
    ),
    Exporter(
        kind="h5",
        label=N_("HDF5"),
        about=N_("The course notes' `.h5`, for older Keras and tools that need it."),
        extension=".h5",
        writer="model_writers:write_h5",
    ),
    Exporter(
        kind="saved_model",
        label=N_("SavedModel"),
        about=N_(
            "TensorFlow's folder format, for TensorFlow Serving and other converters. You get it "
            "as a zip."
        ),
        extension=".zip",
        writer="model_writers:write_saved_model",
        is_folder=True,
    ),
    Exporter(
        kind="litert",
        label=N_("LiteRT"),
        about=N_("TensorFlow Lite's `.tflite`, for phones and small computers."),
        extension=".tflite",
        writer="model_writers:write_litert",
    ),
    Exporter(
        kind="litert_int8",
        label=N_("LiteRT, 8-bit"),
        about=N_(
            "A quarter of the size and faster on a phone. Weights and computations use 8-bit "
            "integers, with ranges taken from training photos. Input and output stay float32."
        ),
        extension=".tflite",
        writer="model_writers:write_litert_int8",
    ),
    Exporter(
        kind="onnx",
        label=N_("ONNX"),
        about=N_("The exchange format for PyTorch, Windows ML and many other programs."),
        extension=".onnx",
        writer="model_writers:write_onnx",
        needs=("tf2onnx", "onnx"),
        install=_ONNX_INSTALL_HINT,
    ),
    Exporter(
        kind="web",
        label=N_("Web page"),
        about=N_(
            "A page that predicts photos and camera frames in the browser, without a server. It"
            " needs an internet connection to open."
        ),
        extension=".zip",
        writer="web_page:write_web_page",
        takes_runtime=True,
    ),
    Exporter(
        kind="bundle",
        label=N_("Bundle"),
        about=N_(
            "The full run in one zip: model, settings, curves, predictions. Another lab can "
            "compare it, resume it, and predict with it."
        ),
        extension=".zip",
        writer="bundle:write_bundle",
        group="record",
        needs_run=True,
        loads_tensorflow=False,
        usage="python -m catdog_core import-run {file}",
    ),
    Exporter(
        kind="notebook",
        label=N_("Jupyter notebook"),
        about=N_("The run as plain Keras code, step by step as in the course notes."),
        extension=".ipynb",
        writer="notebook:write_notebook",
        group="code",
        needs_run=True,
        loads_tensorflow=False,
        usage="pip install jupyterlab\njupyter lab {file}",
    ),
    Exporter(
        kind="script",
        label=N_("Python script"),
        about=N_("The same code in one file. It needs Keras but not this lab."),
        extension=".py",
        writer="notebook:write_script",
        group="code",
        needs_run=True,
        loads_tensorflow=False,
        usage="python {file}",
    ),
    Exporter(
        kind="report",
        label=N_("Report"),
        about=N_(
            "One HTML file with verdict, curves, confusion matrix, worst mistakes and settings. "
            "It prints well."
        ),
        extension=".html",
        writer="report:write_html_report",
        group="record",
        usage="python -m webbrowser {file}",
        needs_run=True,
    ),
    Exporter(
        kind="report-live",
        label=N_("Report with interactive curves"),
        about=N_("The same report with interactive curves (5 MB larger)."),
        extension=".html",
        writer="report:write_live_report",
        group="record",
        usage="python -m webbrowser {file}",
        needs=("plotly",),
        needs_run=True,
    ),
)


FORMATS: dict[str, Exporter] = {exporter.kind: exporter for exporter in _EXPORTERS}
"""In the order the page shows them."""


def get_format(kind: str) -> Exporter:
    """Return the format of a name.

    Raises:
        CatDogError: there is none.
    """
    if kind not in FORMATS:
        raise CatDogError(
            "There's no export format '{kind}'. Choose one of: {kinds}.",
            kind=kind,
            kinds=", ".join(FORMATS),
        )
    return FORMATS[kind]
