"""Presets a user saves and shares: one small JSON file each, all read by one function.

A file holds {"format": 1, "kind": "catdog augmentation", "name": …, "settings": {…}}; a bare
object of settings is read too. Files come from outside, so size, depth and every field are
checked, and what is wrong is named with what is accepted.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ..base import access, bounded_readers, field_specs, files, trash
from ..base.errors import CatDogError, SettingsError
from ..config import PRESETS, Augmentation

FORMAT = 1
KIND = "catdog augmentation"
MAX_BYTES = 100_000
MAX_NAME = 60
_FIELDS = ("format", "kind", "name", "settings")
_DEPTH = 3  # a file, its settings, a pair of factors
_EXAMPLE = '{"rotation_range": 20}'
_SAVING = Lock()  # two sessions that save at once must not take the same file name


@dataclass(frozen=True)
class Preset:
    """A saved augmentation; `id` is its file's name without the extension."""

    name: str
    settings: Augmentation
    id: str


def presets_folder() -> Path:
    """Return where the presets of this workspace lie."""
    return files.workspace_folder() / "presets"


def list_presets() -> list[Preset]:
    """List the saved presets by name, without those of `config.PRESETS` and damaged files.

    `list_damaged_presets` tells of the latter.
    """
    return scan_presets()[0]


def list_damaged_presets() -> list[tuple[str, CatDogError]]:
    """List the files of presets that cannot be read, by name, each with what is wrong."""
    return scan_presets()[1]


def scan_presets() -> tuple[list[Preset], list[tuple[str, CatDogError]]]:
    """Return what `list_presets` and `list_damaged_presets` tell, by one reading of the folder."""
    presets: list[Preset] = []
    broken: list[tuple[str, CatDogError]] = []
    for path in _preset_paths():
        try:
            presets.append(Preset(*read_preset(path), id=path.stem))
        except CatDogError as error:
            broken.append((path.name, error))
    return sorted(presets, key=lambda preset: (preset.name.casefold(), preset.id)), broken


def save_preset(name: str, settings: Augmentation, replace: bool = False) -> Preset:
    """Keep settings under a name.

    Args:
        name: 1 to 60 characters, no control characters; not the name of a built-in preset.
        settings: what to keep.
        replace: whether an earlier preset of this name may go.

    Raises:
        SettingsError: the name is unfit or taken.
        CatDogError: the file cannot be written.
    """
    access.check_permission("keep presets")
    name = _validate_name(name)
    if name.lower() in PRESETS:
        raise SettingsError(
            "'{name}' is a built-in preset. Choose a name other than {names}.",
            name=name,
            names=", ".join(PRESETS),
        )
    with _SAVING:
        known = find_preset(name)
        if known and not replace:
            raise SettingsError(
                "A preset named '{name}' already exists. Choose another name, or replace the "
                "preset.",
                name=name,
            )
        preset = Preset(name, settings, known.id if known else _unused_id(files.slugify(name)))
        files.write_json(presets_folder() / f"{preset.id}.json", _envelope(name, settings))
    return preset


def find_preset(name: str) -> Preset | None:
    """Return a saved preset by its name."""
    name = _normalize_name(name)
    return next((preset for preset in list_presets() if preset.name == name), None)


def load_preset(preset_id: str) -> Preset:
    """Return a saved preset by its id.

    Raises:
        SettingsError: there is none, or its file is damaged.
    """
    path = _preset_path(preset_id)
    return Preset(*read_preset(path), id=path.stem)


def remove_preset(preset_id: str) -> str:
    """Move a preset, damaged or not, to the workspace's trash; return the id of its entry there.

    Raises:
        SettingsError: there is none of this id.
        CatDogError: it cannot be moved.
    """
    access.check_permission("keep presets")
    path = _preset_path(preset_id)
    return trash.move_to_trash(
        "preset", str(files.read_json_object(path).get("name") or path.stem), [path]
    )


def dump_preset(name: str, settings: Augmentation) -> str:
    """Return the text of a preset's file, for a download."""
    return (
        json.dumps(_envelope(_validate_name(name), settings), ensure_ascii=False, indent=1) + "\n"
    )


def read_preset(path: Path) -> tuple[str, Augmentation]:
    """Return the name and settings in a preset's file; a user's own file, wherever it lies.

    Raises:
        SettingsError: the file cannot be read or is no preset.
    """
    try:
        with files.open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(
            "{origin} can't be read: {reason}. Choose a JSON file of augmentation settings.",
            origin=files.truncate_for_display(path.name),
            reason=error.strerror or str(error),
        ) from error
    return parse_preset(data, path.name)


def parse_preset(data: str | bytes, origin: str) -> tuple[str, Augmentation]:
    """Return the name and settings in the content of a preset's file.

    Args:
        data: what `dump_preset` gives, or a JSON object of settings alone.
        origin: the file's name, said in errors; a bare object takes its name from it.

    Raises:
        SettingsError: naming what was received and what is accepted.
    """
    values = _parse_json(data, files.truncate_for_display(origin))
    name: object = "".join(c for c in Path(origin).stem if c.isprintable())[:MAX_NAME] or "preset"
    origin = files.truncate_for_display(origin)
    if isinstance(values, dict) and values.keys() & {"format", "kind", "settings"}:
        _check_envelope(values, origin)
        name, values = values.get("name", name), values.get("settings")
    return _validate_name(name), field_specs.parse_settings(Augmentation, values, origin)


def _parse_json(data: str | bytes, origin: str) -> Any:
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise SettingsError(
            "{origin} is too large for a preset. Choose a file of at most {limit} bytes.",
            origin=origin,
            limit=MAX_BYTES,
        )
    try:
        values = bounded_readers.parse_bounded_json(data.decode("utf-8-sig"), MAX_BYTES)
        too_deep = _is_nested_deeper(values, _DEPTH)
    except bounded_readers.BoundError as error:
        raise SettingsError(
            "{origin} isn't a preset: {reason}. Use an object of augmentation settings, such as "
            "{example}.",
            origin=origin,
            reason=error,
            example=_EXAMPLE,
        ) from error
    except ValueError as error:  # also what is not UTF-8
        raise SettingsError(
            "{origin} isn't valid JSON. Correct it to an object of augmentation settings such as "
            "{example}, or choose a preset: {names}.",
            origin=origin,
            example=_EXAMPLE,
            names=", ".join(PRESETS),
        ) from error
    if too_deep:
        raise SettingsError(
            "{origin} is nested too deeply for a preset. Use an object of augmentation settings, "
            "such as {example}.",
            origin=origin,
            example=_EXAMPLE,
        )
    return values


def _is_nested_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects lie in each other more than so many levels deep."""
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_nested_deeper(item, levels - 1) for item in inner)


def _check_envelope(values: dict[str, Any], origin: str) -> None:
    kind, version = values.get("kind"), values.get("format")
    if kind != KIND:
        raise SettingsError(
            "{origin} isn't an augmentation preset, because its kind is {received}. Use the kind "
            "'{expected}', or an object of settings alone, such as {example}.",
            origin=origin,
            received=repr(kind)[:60],
            expected=KIND,
            example=_EXAMPLE,
        )
    if type(version) is not int or version < 1:  # True is an int too
        raise SettingsError(
            "{origin} has the format {received}. Use a whole number from 1 to {expected}.",
            origin=origin,
            received=repr(version)[:60],
            expected=FORMAT,
        )
    if version > FORMAT:
        raise SettingsError(
            "{origin} is from a newer version of CatDog Lab. Its format is {received}, but this"
            " version reads up to {expected}. Update CatDog Lab.",
            origin=origin,
            received=str(version)[:60],
            expected=FORMAT,
        )
    for field in values:
        if field not in _FIELDS:
            raise SettingsError(
                "{origin} has an unknown field '{name}'. Use only these fields: {names}.",
                origin=origin,
                name=files.truncate_for_display(field, 60),
                names=", ".join(_FIELDS),
            )


def _envelope(name: str, settings: Augmentation) -> dict[str, object]:
    return {"format": FORMAT, "kind": KIND, "name": name, "settings": settings.model_dump()}


def _normalize_name(name: str) -> str:
    # Some systems type an accent or a Korean syllable in pieces; both ways are one name.
    return unicodedata.normalize("NFC", name).strip()


def _validate_name(name: object) -> str:
    normal = _normalize_name(name) if isinstance(name, str) else ""
    if not 0 < len(normal) <= MAX_NAME or not normal.isprintable():
        raise SettingsError(
            "The preset name {received} isn't valid. Use 1 to {limit} characters and no control "
            "characters.",
            received=repr(name)[:80],
            limit=MAX_NAME,
        )
    return normal


def _unused_id(slug: str) -> str:
    """A file name no preset has yet: different names can have one slug."""
    taken = {path.stem for path in _preset_paths()}
    number, free = 1, slug
    while free in taken:
        number += 1
        free = f"{slug}-{number}"
    return free


def _preset_paths() -> list[Path]:
    # A name that starts with a dot is a file about to be renamed.
    return sorted(p for p in presets_folder().glob("*.json") if p.name[0] != "." and p.is_file())


def _preset_path(preset_id: str) -> Path:
    # Looked up in the folder, so that no id leads out of it.
    for path in _preset_paths():
        if path.stem == preset_id:
            return path
    raise SettingsError(
        "There's no saved preset '{id}', maybe because it was deleted. Choose another one.",
        id=files.truncate_for_display(preset_id),
    )
