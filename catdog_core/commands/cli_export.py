"""The command that writes a run or a model for elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import quiet
from ..exports.formats import FORMATS


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A run folder or model file.")],
    kind: Annotated[str, typer.Argument(metavar="FORMAT", help=f"{', '.join(FORMATS)}.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write or replace.")],
) -> None:
    """Write a run, or its best model, as a file for elsewhere."""
    quiet.import_tensorflow()
    from .. import export

    print(f"{kind} model in {export.save(run, kind, out)}")
