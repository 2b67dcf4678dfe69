"""What is known of an export format before anything is written. Light."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from ..errors import CatDogError


@dataclass(frozen=True)
class Exporter:
    """One format a run or model can be written in.

    Attributes:
        kind: its name on the command line.
        label: its name on the page; a message of the catalogue.
        about: what it is for, in one line; a message of the catalogue.
        extension: what its file's name ends in, with the dot; of a folder, that of its zip.
        writer: ``room:function`` of `catdog_core.exports`, called with the source (a run's folder
            or a model file) and the file or folder to write, which has the extension. It raises a
            CatDogError where it cannot; it need not clean up.
        group: "model" answers photos elsewhere; "code" and "record" are to be read.
        needs: modules it imports that need not be installed.
        install: how to get what is missing; a message of the catalogue.
        needs_run: it tells of a training, so that a model file alone is not enough.
        is_folder: the writer makes a folder; the page offers a zip of it.
        loads_tensorflow: its writer does, so that its import is kept quiet.
        usage: for formats that are no model: how to use ``{file}``, code or a command.
        language: what `usage` is written in.
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
    usage: str = ""
    language: Literal["python", "bash"] = "bash"

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules it needs that are not there; nothing is imported."""
        return tuple(name for name in self.needs if importlib.util.find_spec(name) is None)

    def refuse_missing(self) -> None:
        """Raise CatDogError where something it needs is not installed, saying how to get it."""
        if self.missing:
            raise CatDogError(
                "The export format '{kind}' needs {packages}, which is not here. {install}",
                kind=self.kind,
                packages=", ".join(self.missing),
                install=self.install or f"pip install {' '.join(self.missing)}",
            )

    def write(self, source: Path, out: Path) -> None:
        """Write `source` to `out`, which has the extension.

        Raises:
            CatDogError: a package is missing, or the writer refuses.
        """
        self.refuse_missing()
        room, function = self.writer.split(":")
        module = importlib.import_module(f"catdog_core.exports.{room}")
        cast("Callable[[Path, Path], None]", getattr(module, function))(source, out)
