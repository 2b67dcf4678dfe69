"""Writes docs/cli.md and docs/settings.md from the commands and the settings themselves.

Run `python docs/generate.py` after you change a flag, a command or a setting. A test fails while
the pages and the code differ.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import typer  # noqa: E402 - the project is found only now

from catdog_core.base.field_specs import FieldSpec, describe_fields  # noqa: E402
from catdog_core.cli import PROGRAM, app  # noqa: E402
from catdog_core.config import RECIPES, Augmentation, Network, Training  # noqa: E402

NOTE = "<!-- Written by `python docs/generate.py`. Edit that instead. -->"
LABEL_FLAGS = frozenset({"labels", "file_column", "label_column", "as_classes"})
SHARED_FLAGS = {
    "Training flags": frozenset(control.name for control in describe_fields(Training)),
    "Augmentation flags": frozenset(control.name for control in describe_fields(Augmentation)),
    "Label flags": LABEL_FLAGS,
}
"""By heading on the page of the commands: what a command takes all of or none."""
_COMMON_COMMANDS = 3  # that must share an argument or a flag for it to be listed once for all


def cli() -> str:
    """The command line as Markdown: every command with its arguments and flags."""
    root: Any = typer.main.get_command(app)
    every = list(_commands(root))
    common = _common_parameters([command for _, command in every])
    index = ", ".join(f"[`{name}`](#{name.replace(' ', '-')})" for name, _ in every)
    lines = [
        "# The command line",
        "",
        NOTE,
        "",
        "After this page you can find the command and the flag for a task. Put",
        f"`{PROGRAM}` before each, as in [session.md](session.md). A command exits with 0,",
        "or with 1 and one line on stderr. What several commands share is [below](#shared).",
        "",
        f"{index}.",
    ]
    for name, command in every:
        lines += ["", f"## {name}", "", *_usage(name, command, common)]
    lines += ["", "## Shared", "", *(f"- `{name}`: {text}" for name, text in common.items())]
    for title, flags in _shared_flags(every).items():
        lines += ["", f"### {title}", "", *flags]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """The settings as Markdown: every field with its default, range and meaning."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "After this page you can set any field on a page, as a flag (`--learning-rate`, see",
        "[cli.md](cli.md)) or in JSON (`learning_rate`). A default of – means that the lab",
        "chooses, or changes nothing.",
    ]
    parts = (
        ("Training", Training, "The defaults come from the course notes."),
        (
            "Augmentation",
            Augmentation,
            "The first eleven come from Keras's `ImageDataGenerator`. The defaults are the preset"
            " `notes`. A run uses none unless you or the model's recipe choose some.",
        ),
        (
            "Network",
            Network,
            "The blocks of model `custom` (`--network FILE.json`). `filters` lists each block's"
            f" filters, by default `{list(Network().filters)}`.",
        ),
    )
    for title, model, about in parts:
        lines += ["", f"## {title}", "", about, "", *_fields(model)]
    lines += ["", "## Recipes", "", *_recipes()]
    return "\n".join(lines) + "\n"


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _parameters(command: Any) -> list[Any]:
    """The arguments of a command, then its flags."""
    shown = [p for p in command.params if p.name != "help"]
    return sorted(shown, key=lambda p: p.param_type_name != "argument")


def _meaning(parameter: Any) -> str:
    return f"{_plain(parameter.help)}{_default(parameter)}"


def _common_parameters(commands: list[Any]) -> dict[str, str]:
    """What means the same in several commands, by how it is written."""
    one_of_many = set().union(*SHARED_FLAGS.values())
    counts = Counter(
        (_name(p), _meaning(p))
        for command in commands
        for p in _parameters(command)
        if p.name not in one_of_many
    )
    return {name: text for (name, text), n in counts.items() if n >= _COMMON_COMMANDS}


def _usage(name: str, command: Any, common: dict[str, str]) -> list[str]:
    parameters = _parameters(command)
    arguments = [_name(p) for p in parameters if p.param_type_name == "argument"]
    options = [] if len(arguments) == len(parameters) else ["[OPTIONS]"]
    usage = [f"`{' '.join([name, *arguments, *options])}`", ""] if arguments else []
    lines = [*usage, _plain(command.help)]
    also = []
    for title, names in SHARED_FLAGS.items():
        if _takes(command, names):
            parameters = [p for p in parameters if p.name not in names]
            also.append(f"[{title.lower()}](#{title.lower().replace(' ', '-')})")
    shared = [p for p in parameters if common.get(_name(p)) == _meaning(p)]
    also += [f"`{p.opts[0]}`" for p in shared if p.param_type_name == "option"]
    rows = [f"- `{_name(p)}`: {_meaning(p)}" for p in parameters if p not in shared]
    rows += [f"- Also {', '.join(also)}."] if also else []
    return [*lines, "", *rows] if rows else lines


def _takes(command: Any, names: frozenset[str]) -> bool:
    """Whether a command has all these flags."""
    return names <= {p.name for p in command.params}


def _shared_flags(every: list[tuple[str, Any]]) -> dict[str, list[str]]:
    """The flags that several commands take all of, by heading."""
    shown = {}
    for title, names in SHARED_FLAGS.items():
        taker = next(command for _, command in every if _takes(command, names))
        flags = [p for p in taker.params if p.name in names]
        part = title.split()[0].lower()
        if names == LABEL_FLAGS:
            shown[title] = [f"- `{_name(p)}`: {_meaning(p)}" for p in flags]
        else:
            link = f"[settings.md](settings.md#{part}) says what each accepts and does:"
            shown[title] = [link, ", ".join(f"`{_name(p)}`" for p in flags) + "."]
    return shown


def _name(parameter: Any) -> str:
    """How an argument or a flag is written on a command line."""
    if parameter.param_type_name == "option":
        return _flag(parameter)
    name = parameter.metavar or parameter.name.upper()
    name += "…" if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def _flag(parameter: Any) -> str:
    names = ", ".join(parameter.opts)
    if parameter.secondary_opts:
        names += " / " + ", ".join(parameter.secondary_opts)
    if parameter.is_flag:
        return names
    numeric = parameter.min is not None or isinstance(parameter.default, (int, float))
    kind = parameter.metavar or ("NUMBER" if numeric else "TEXT")
    return f"{names} {kind}"


def _default(parameter: Any) -> str:
    value = parameter.default
    if value in (None, False, "", ()) or not isinstance(value, (bool, int, float, str)):
        return ""
    return f" (default: {value})"


def _fields(model: Any) -> list[str]:
    lines = ["| field | default | accepts (usual) | meaning |", "|---|---|---|---|"]
    for control in describe_fields(model):
        unit = {"": "", "×": "", "°": "°"}.get(control.unit, f" {control.unit}")
        lines.append(
            f"| `{control.name}` | {_value(control.default)}{unit if control.default else ''}"
            f" | {_accepts(control)}{_typical(control)} | {_label(control)}{_plain(control.help)} |"
        )
    return lines


def _accepts(control: FieldSpec) -> str:
    """The values of a field, shorter than in an error."""
    if control.kind == "bool":
        return "true, false"
    if control.kind == "choice":
        return ", ".join(control.choices)
    low, high = _number(control.low or 0.0), _number(control.high or 0.0)
    return f"{low} to {high}{', low and high' if control.kind == 'range' else ''}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _typical(control: FieldSpec) -> str:
    if not control.typical:
        return ""
    low, high = control.typical
    return f" ({low:g} to {high:g})"


def _label(control: FieldSpec) -> str:
    """The label of a field on the pages, where its name doesn't give it away."""
    same = control.label.lower().replace(" ", "_").startswith(control.name.removesuffix("_range"))
    return "" if same else f"**{control.label}.** "


def _recipes() -> list[str]:
    plain, off = Training(), RECIPES["notes"].augmentation
    rows, same = [], []
    for name, recipe in RECIPES.items():
        training = _different(recipe.training, plain, ("model",))
        changes = _different(recipe.augmentation, off, ())
        if training or changes:
            rows.append(f"| `{name}` | {training or 'as above'} | {changes or 'none'} |")
        else:
            same.append(f"`{name}`")
    return [
        f"What `--model` sets by itself. {', '.join(same)} keep the defaults, without"
        " augmentation.",
        "",
        "| model | training | augmentation |",
        "|---|---|---|",
        *rows,
    ]


def _different(values: Any, base: Any, left_out: tuple[str, ...]) -> str:
    found = {
        control.name: getattr(values, control.name)
        for control in describe_fields(type(values))
        if control.name not in left_out
        and getattr(values, control.name) != getattr(base, control.name)
    }
    return ", ".join(f"`{name}` {_value(value)}" for name, value in found.items())


def _value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


PAGES = {"cli.md": cli, "settings.md": settings}
"""By file name, what writes them."""

if __name__ == "__main__":
    for name, write in PAGES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8")
