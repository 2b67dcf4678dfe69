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

from catdog_core.base import limits  # noqa: E402
from catdog_core.base.field_specs import FieldSpec, describe_fields  # noqa: E402
from catdog_core.cli import PROGRAM, app  # noqa: E402
from catdog_core.config import RECIPES, Augmentation, Network, Training  # noqa: E402

NOTE = "<!-- Written by `python docs/generate.py`. Edit that instead. -->"
SHARED_FLAGS = {
    "Training flags": (Training, "training"),
    "Augmentation flags": (Augmentation, "augmentation"),
}
"""By heading on the page of the commands: the settings model, and its heading on the other page."""
_COMMON_COMMANDS = 3  # that must have a flag for it to be listed once for all


def cli() -> str:
    """The command line as Markdown: every command with its arguments and flags."""
    root: Any = typer.main.get_command(app)
    lines = [
        "# The command line",
        "",
        NOTE,
        "",
        "After this page you can find the command and the flag for a task. Start a command with",
        f"`{PROGRAM} COMMAND`. It exits with 0, or with 1 and one line on stderr. `--help` shows",
        "what this page shows. For examples, see [session.md](session.md).",
        "",
        "| command | what it does |",
        "|---|---|",
    ]
    every = list(_commands(root))
    common = _common_flags([command for _, command in every])
    for name, command in every:
        lines.append(f"| [`{name}`](#{name.replace(' ', '-')}) | {_first(command.help)} |")
    for name, command in every:
        lines += ["", f"## {name}", "", _plain(command.help), "", *_usage(name, command, common)]
    lines += ["", "## Common flags", "", "| flag | what it means |", "|---|---|"]
    lines += [f"| `{flag}` | {meaning} |" for flag, meaning in common.items()]
    for title, (model, part) in SHARED_FLAGS.items():
        lines += ["", f"## {title}", "", *_shared_flags(every, model, part)]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """The settings as Markdown: every field with its default, range and meaning."""
    lines = [
        "# Settings",
        "",
        NOTE,
        "",
        "After this page you can set any field on a page, as a flag (`--learning-rate`, see",
        "[cli.md](cli.md)) or in JSON (`learning_rate`). Augmentation fields are also keys in the",
        "Augment page's address. A default of – means that the lab chooses, or changes nothing.",
        f"What untrusted files can cost is in [limits.md](limits.md) (`{limits.FILE}`).",
    ]
    parts = (
        ("Training", Training, "The defaults come from the course notes."),
        (
            "Augmentation",
            Augmentation,
            "The first eleven come from Keras's `ImageDataGenerator`. A run uses none unless you"
            " or the model's recipe choose some.",
        ),
        ("Network", Network, "The blocks of model `custom` (`--network FILE.json`)."),
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


def _options(command: Any) -> list[Any]:
    return [p for p in command.params if p.param_type_name == "option" and p.name != "help"]


def _meaning(parameter: Any) -> str:
    return f"{_plain(parameter.help)}{_default(parameter)}"


def _common_flags(commands: list[Any]) -> dict[str, str]:
    """The flags that mean the same in several commands, with what they mean."""
    settings_names = {
        control.name for model, _ in SHARED_FLAGS.values() for control in describe_fields(model)
    }
    counts = Counter(
        (_flag(p), _meaning(p))
        for command in commands
        for p in _options(command)
        if p.name not in settings_names
    )
    return {flag: text for (flag, text), n in counts.items() if n >= _COMMON_COMMANDS}


def _usage(name: str, command: Any, common: dict[str, str]) -> list[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = _options(command)
    words = [f"{PROGRAM} {name}", *(_argument(p) for p in arguments)]
    lines = ["```sh", " ".join([*words, *(["[OPTIONS]"] if options else [])]), "```"]
    if arguments or options:
        lines += ["", "| argument or flag | what it means |", "|---|---|"]
        lines += [f"| `{_argument(p)}` | {_plain(p.help)} |" for p in arguments]
        for title, (model, _) in SHARED_FLAGS.items():
            if _takes(command, model):
                names = {control.name for control in describe_fields(model)}
                options = [p for p in options if p.name not in names]
                link = f"[{title.lower()}](#{title.lower().replace(' ', '-')})"
                lines.append(f"| {link} | Any of them. |")
        shared = [_flag(p) for p in options if common.get(_flag(p)) == _meaning(p)]
        lines += [f"| `{_flag(p)}` | {_meaning(p)} |" for p in options if _flag(p) not in shared]
        if shared:
            names = ", ".join(f"`{flag.split()[0]}`" for flag in shared)
            lines.append(f"| {names} | [Common flags](#common-flags). |")
    return lines


def _takes(command: Any, model: Any) -> bool:
    """Whether a command has a flag for each field of a settings model."""
    return {control.name for control in describe_fields(model)} <= {p.name for p in command.params}


def _shared_flags(every: list[tuple[str, Any]], model: Any, part: str) -> list[str]:
    """The flags that several commands make from one settings model, once."""
    takers = [(name, command) for name, command in every if _takes(command, model)]
    fields = {control.name: control for control in describe_fields(model)}
    commands = ", ".join(f"`{name}`" for name, _ in takers)
    lines = [
        f"Flags of {commands}. [settings.md](settings.md#{part}) says what each one does.",
        "",
        "| flag | accepts |",
        "|---|---|",
    ]
    for parameter in takers[0][1].params:
        if parameter.name in fields:
            lines.append(f"| `{_flag(parameter)}` | {_accepts(fields[parameter.name], '')} |")
    return lines


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return f"{name}…" if parameter.nargs == -1 and not name.endswith("…") else name


def _flag(parameter: Any) -> str:
    names = ", ".join(parameter.opts)
    if parameter.secondary_opts:
        names += " / " + ", ".join(parameter.secondary_opts)
    if parameter.is_flag:
        return names
    numeric = parameter.min is not None or isinstance(parameter.default, (int, float))
    kind = parameter.metavar or ("NUMBER" if numeric else "TEXT")
    return f"{names} {kind}".replace("|", "\\|")


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


def _accepts(control: FieldSpec, between: str = ", ") -> str:
    """The values of a field, shorter than in an error.

    Args:
        control: the field.
        between: what joins its choices; empty where the flag beside names them.
    """
    if control.kind == "bool":
        return "true, false" if between else "–"
    if control.kind == "choice":
        return between.join(control.choices) if between else "one of these"
    low, high = _number(control.low or 0.0), _number(control.high or 0.0)
    kinds = {"int": ", integer", "range": ", low and high"}
    return f"{low} to {high}{kinds.get(control.kind, '')}"


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
        f"What a model sets if you only name it. {', '.join(same)} keep the defaults, without"
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
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _first(text: str | None) -> str:
    """The first sentence of a help text."""
    plain = _plain(text)
    return plain.split(". ")[0].rstrip(".") + "."


def _plain(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


PAGES = {"cli.md": cli, "settings.md": settings}
"""By file name, what writes them."""

if __name__ == "__main__":
    for name, write in PAGES.items():
        (FOLDER / name).write_text(write(), encoding="utf-8")
