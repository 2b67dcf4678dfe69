"""Command-line flags made from settings models, so that no range or help text is said twice."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel

from ..augmentation import presets
from ..base import bounded_readers, files
from ..base.errors import SettingsError
from ..base.field_specs import FieldSpec, describe_accepted_values, describe_fields, parse_settings
from ..config import NETWORKS, PRESETS, RECIPES, Augmentation, Network, Training
from ..data.datasets import FolderReading, LabelChoice
from ..models import architecture
from ..runs.run_folder import Run, RunRecord
from . import removed_commands

_MODULE, _SCRIPT = "python -m catdog_core", "catdog"
PROGRAM = _SCRIPT if Path(sys.argv[0]).stem == _SCRIPT else _MODULE
"""What the reader typed to get here, for the commands that messages name."""
S = TypeVar("S", bound=BaseModel)


def parse_local_folder(text: str) -> Path:
    """Return the folder an argument names. Raises CatDogError for a URL, once allowed."""
    removed_commands.refuse_url(text)
    return Path(text)


Folder = Annotated[
    Path,
    typer.Argument(metavar="DIR", parser=parse_local_folder, help="A folder of photos by class."),
]
Order = Annotated[
    str | None,
    typer.Option("--classes", metavar="A,B,…", help="All classes in order, from number 0."),
]
AugmentationName = Annotated[
    str | None,
    typer.Option("--augment", help="none, notes, another preset, or FILE.json."),
]
NetworkFile = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="FILE.json", help="Your own network. It sets --model custom."
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace the output file even if it's of another kind.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A CSV, TSV or JSON with each photo's label, instead of class folders. The lab "
        "remembers it. 'none' goes back to the folders.",
    ),
]
FileColumn = Annotated[str, typer.Option(metavar="NAME", help="The table's column of photos.")]
LabelColumn = Annotated[str, typer.Option(metavar="NAME", help="The table's column of classes.")]
AsClasses = Annotated[
    bool,
    typer.Option("--as-classes", help="Use the folders as classes even if their names look odd."),
]


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the flags that say how to read its folder: a table of labels, odd classes.

    The command receives them as a `FolderReading` in its argument `reading`.
    """

    @wraps(command)
    def called(
        *,
        labels: Path | None,
        file_column: str,
        label_column: str,
        as_classes: bool,
        **values: Any,
    ) -> None:
        forgets = labels == Path("none")
        named = (labels or file_column or label_column) and not forgets
        choice = LabelChoice(labels, file_column, label_column) if named else None
        command(**values, reading=FolderReading(choice, as_classes, forgets))

    own = [
        parameter
        for parameter in inspect.signature(command, eval_str=True).parameters.values()
        if parameter.name != "reading"
    ]
    flags: dict[str, tuple[object, Any]] = {
        "labels": (None, Labels),
        "file_column": ("", FileColumn),
        "label_column": ("", LabelColumn),
        "as_classes": (False, AsClasses),
    }
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind) in flags.items()
    ]
    return _with_parameters(called, [*own, *named])


def _with_parameters(
    called: Callable[..., None], parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """Give a function other parameters: Typer reads names and defaults from the signature, types
    from the annotations."""
    order = sorted(parameters, key=lambda each: each.kind)
    wrapper: Any = called
    wrapper.__signature__ = inspect.Signature(order)
    wrapper.__annotations__ = {p.name: p.annotation for p in order}
    if hasattr(wrapper, "__wrapped__"):
        del wrapper.__wrapped__
    return called


def with_flags(
    model: type[BaseModel],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one flag for each field of a settings model.

    The command receives the flags that were given, as they were typed, in its argument `flags`:
    a dictionary by field name. `parse_settings` checks them, with the words of a form or a file.

    Args:
        model: `Training` or `Augmentation`.
    """
    fields = describe_fields(model)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**values: Any) -> None:
            flags = {control.name: values.pop(control.name) for control in fields}
            overrides = {name: value for name, value in flags.items() if value is not None}
            command(**values, flags=overrides)

        own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [p for p in own if p.name != "flags"] + [_build_flag(c) for c in fields]
        return _with_parameters(called, parameters)

    return decorate


def resolve_training(flags: dict[str, Any]) -> Training:
    """Return the recipe of the model asked for, with the given flags over it.

    Raises:
        SettingsError: the model is unknown, or a flag is out of its range.
    """
    model = flags.get("model", "notes")
    if model not in RECIPES:
        architecture.list_model_layers(model)
    recipe = RECIPES.get(model, RECIPES["notes"])
    return override_settings(recipe.training, flags)


def resolve_settings(
    flags: dict[str, Any],
    augment: str | None,
    network: str | None = None,
    parent: RunRecord | None = None,
) -> tuple[Training, Augmentation | None]:
    """Return the training and augmentation a command asks for; None where nothing is changed.

    Args:
        flags: those given, by field name.
        augment: what `--augment` says, None for what the recipe has.
        network: what `--network` says; it stands for the model custom.
        parent: a run to go on from: its settings are the recipe.

    Raises:
        SettingsError: a flag is out of its range, or the augmentation is unknown.
    """
    if network is not None:
        flags = {"model": "custom", **flags, "network": load_network(network).model_dump()}
    if not isinstance(parent, Run):
        settings = resolve_training(flags)
        changes = resolve_augmentation(augment, settings.model)
        return settings, None if changes.is_off else changes
    settings = override_settings(parent.training, {"steps_per_epoch": None, **flags})
    augmentation = parent.augmentation if augment is None else resolve_augmentation(augment)
    return settings, None if augmentation is None or augmentation.is_off else augmentation


def load_network(name: str) -> Network:
    """Load the network of a JSON file, or a preset's by its name.

    Raises:
        SettingsError: there is none of these, or the file holds no network.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if not Path(name).is_file():
        raise SettingsError(
            "There's no network '{name}'. Use one of {names}, or a JSON file of network settings.",
            name=name,
            names=", ".join(NETWORKS),
        )
    return parse_settings(
        Network, files.read_json(Path(name), max_bytes=bounded_readers.SMALL_BYTES), Path(name).name
    )


def override_settings(base: S, flags: dict[str, Any]) -> S:
    """Return settings with the given flags over them. Raises SettingsError for a bad flag."""
    return parse_settings(type(base), {**base.model_dump(), **flags}, "the flags")


def resolve_augmentation(name: str | None, model: str = "notes") -> Augmentation:
    """Return a preset by its name, the lab's or a saved one, or the settings in a JSON file.

    Args:
        name: None for what the model's recipe has.
        model: a key of `RECIPES`.

    Raises:
        SettingsError: there is none of these, or the file holds no augmentation settings.
    """
    if name is None:
        return RECIPES[model].augmentation
    if name in PRESETS:
        return PRESETS[name]
    saved = presets.find_preset(name)
    if saved is not None:
        return saved.settings
    path = Path(name)
    if not path.is_file():
        raise SettingsError(
            "There's no augmentation '{name}'. Use one of {names}, or a JSON file of augmentation "
            "settings.",
            name=name,
            names=", ".join(
                [*sorted(PRESETS), *(preset.name for preset in presets.list_presets())]
            ),
        )
    return presets.read_preset(path)[1]


def _build_flag(control: FieldSpec) -> inspect.Parameter:
    dashed = control.name.replace("_", "-")
    kind: Any = str  # numbers stay text here: `parse_settings` says better what is wrong
    names = [f"--{dashed}"]
    metavar: str | None = "NUMBER"
    if control.kind == "bool":
        kind, names, metavar = bool, [f"--{dashed}/--no-{dashed}"], None
    elif control.kind == "range":
        kind, metavar = tuple[str, str], "LOW HIGH"
    elif control.kind == "choice":
        metavar = "|".join(control.choices)
    words = (
        control.help
        if control.kind == "bool"
        else f"{control.help} ({describe_accepted_values(control)})"
    )
    return inspect.Parameter(
        control.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(None, *names, help=words, metavar=metavar, show_default=False),
        annotation=kind | None,
    )
