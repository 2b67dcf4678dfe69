"""The commands of all models: list, import, rename, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..base import library_output, limits
from ..base.errors import ModelError
from ..base.files import read_regular, truncate_for_display
from ..runs import model_registry
from ..runs.run_folder import RunRecord
from . import output
from .model_input import Scale, load_model
from .options import AsJson, Order

app = typer.Typer(
    help="List, import, rename or delete models.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
ModelKey = Annotated[str, typer.Argument(metavar="MODEL", help="An id or name from 'models list'.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List all models, with their classes and input values."""
    models = model_registry.list_models()
    if as_json:
        output.print_json({"models": [_model_to_json(model) for model in models]})
        return
    table = Table("id", "name", "kind", "classes", "values", box=None)
    for model in models:
        cells = [
            model.id,
            model.name,
            model_registry.get_model_kind(model),
            ", ".join(model.classes),
        ]
        cells = [truncate_for_display(cell) for cell in cells]
        cells.append(model_registry.get_model_scale(model))
        table.add_row(*[cell.replace("[", r"\[") for cell in cells])
    console = Console()
    # Through a pipe there is no width to keep to, and ids must stay whole.
    Console(width=None if console.is_terminal else 400, highlight=False).print(table)


@app.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A .keras, .h5 or .zip file, or a folder with one."),
    ],
    order: Order = None,
    scale: Scale = None,
    name: Annotated[str, typer.Option(help="By default, the file's name.")] = "",
) -> None:
    """Import a model file, for every page and command."""
    library_output.import_tensorflow()
    predictor = load_model(file, scale)
    if order is not None:
        predictor = predictor.with_classes([each.strip() for each in order.split(",")])
    if predictor.input_scale is None:
        raise ModelError(
            "{file} doesn't say which input values it takes. Add --scale with one of {names}.",
            file=truncate_for_display(file.name),
            names=", ".join(predictor.scales),
        )
    if not predictor.names_known:
        raise ModelError(
            "{file} has no class names. Add --classes with {n} names in the order of its outputs.",
            file=truncate_for_display(file.name),
            n=len(predictor.classes),
        )
    data = read_regular(model_registry.find_model_file(file), limits.current_limits().model_bytes)
    imported = model_registry.register_imported_model(
        data, name or file.name, predictor.classes, predictor.input_scale
    )
    print(f"Model {imported.id}: '{truncate_for_display(imported.name)}'")


@app.command()
def rename(
    model: ModelKey, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
) -> None:
    """Rename an imported model or a run."""
    given = model_registry.rename_model(_find_model(model), name)
    if given != name.strip():
        print(f"Another one has this name, so it's now '{truncate_for_display(given)}'.")


@app.command()
def delete(model: ModelKey) -> None:
    """Move an imported model or a run to the trash."""
    found = _find_model(model)
    entry = model_registry.remove_model(found)
    name = truncate_for_display(found.name or found.id)
    print(f"'{name}' is in the trash. Restore it with 'trash restore {entry}'.")


def _find_model(key: str) -> RunRecord:
    found = model_registry.find_model(key)
    if found is None:
        raise ModelError(
            "There's no model '{name}'. Use an id or name that 'models list' shows.",
            name=truncate_for_display(key),
        )
    return found


def _model_to_json(model: RunRecord) -> dict[str, object]:
    return {
        "id": model.id,
        "name": model.name,
        "kind": model_registry.get_model_kind(model),
        "file": str(model.best_model),
        "classes": list(model.classes),
        "scale": model_registry.get_model_scale(model),
    }
