"""Models from elsewhere that are asked about datasets: kept with their answers by digest. Light.

    workspace/guests/<digest>/best.keras     the file as it came, of either kind
    workspace/guests/<digest>/guest.json     how it is asked
    workspace/guests/<digest>/predictions/   as in a run's folder

The digest is of the file, the names of its classes and the range of its values: the same file
asked otherwise is another guest, since it gives other answers. What is kept is a stranger's file
still: whoever opens it has it checked in a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import access, files, trash
from ..base.errors import CatDogError, ModelError
from .run_folder import Run

FORMAT = 1
_MODEL, _ABOUT = "best.keras", "guest.json"
SCALES = ("0..255", "0..1")


@dataclass(frozen=True)
class Guest:
    """A model from elsewhere and how it is asked.

    `classes` are names in the order of its outputs, `scale` is the range of values it takes, one
    of `SCALES`. `created` is in seconds since 1970.
    """

    folder: Path
    name: str
    classes: tuple[str, ...]
    scale: str
    owner: str
    created: float

    @property
    def run(self) -> Run:
        """The guest as what the rooms of predictions know: a run that was never trained here."""
        return Run(
            id=self.folder.name,
            folder=self.folder,
            status="done",
            name=self.name,
            created=self.created,
            classes=self.classes,
            owner=self.owner,
        )


def root() -> Path:
    """Where the guests of this workspace lie."""
    return files.workspace() / "guests"


def keep(data: bytes, name: str, classes: Sequence[str], scale: str) -> Guest:
    """Keep a model file that was opened safely, and how it is to be asked.

    Args:
        data: the file's content, `.keras` or `.h5`.
        name: the file's name.
        classes: a name for each of its outputs, two for a single unit.
        scale: one of `SCALES`.

    Raises:
        AccessError: the visitor may not keep anything.
        ModelError: the names or the range make no sense.
        CatDogError: the disk is full or not writable.
    """
    access.check("run a job")
    if len(set(classes)) < max(2, len(classes)) or scale not in SCALES:
        raise ModelError(
            "The model was given the class names {names} and values {scale}. Expected two or more"
            " different names, and values of {expected}.",
            names=", ".join(classes),
            scale=scale,
            expected=" or ".join(SCALES),
        )
    told = json.dumps([list(classes), scale]).encode()
    digest = hashlib.sha256(hashlib.sha256(data).digest() + told).hexdigest()
    folder = root() / f"file-{digest[:16]}"
    found = _read(folder)
    if found is not None:
        return found
    with files.making(folder) as place:
        files.write_bytes(place / _MODEL, data)
        about = {
            "format": FORMAT,
            "name": files.shown(name),
            "classes": list(classes),
            "scale": scale,
            "owner": access.visitor().name,
            "created": time.time(),
        }
        files.write_json(place / _ABOUT, about)
    return _whole(folder)


def listing() -> list[Guest]:
    """The models from elsewhere that are kept, the newest first; damaged ones are left out."""
    if not root().is_dir():
        return []
    found = [_read(folder) for folder in root().iterdir()]
    return sorted((g for g in found if g), key=lambda guest: guest.created, reverse=True)


def of(folder: Path) -> Guest | None:
    """The guest a folder holds, None where it is another kind of folder."""
    return _read(Path(folder)) if Path(folder).parent == root() else None


def remove(guest: Guest) -> str:
    """Move a guest with its answers to the trash; the entry's id there. Raises CatDogError."""
    access.check("manage run", guest.owner)
    return trash.put("model", guest.name, [guest.folder])


def _read(folder: Path) -> Guest | None:
    try:
        return _whole(folder)
    except (CatDogError, KeyError, TypeError, AttributeError):
        return None


def _whole(folder: Path) -> Guest:
    told = files.read_json(folder / _ABOUT, FORMAT)
    scale = str(told["scale"])
    return Guest(
        folder=folder,
        name=str(told["name"]),
        classes=tuple(map(str, told["classes"])),
        scale=scale if scale in SCALES else SCALES[0],
        owner=str(told.get("owner", "")),
        created=files.number(told.get("created")),
    )
