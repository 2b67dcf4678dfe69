"""Piles: photos nobody has labeled yet, the answers people gave, and the dataset made of them.

    workspace/piles/<id>/pile.json        writer: this module; name, photos, classes, model
                         answers.jsonl    writer: this module; one line an answer, only added to
                         photos/          photos that were uploaded; a folder's stay where they are

An answer has an id and is kept before it is confirmed. So nothing is lost when a window is closed
or the server is restarted, and an answer that is sent twice counts once.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from uuid import uuid4

from filelock import FileLock

from ..base import access, files, limits
from ..base.errors import CatDogError, DatasetError
from ..base.natural_order import natural_key
from . import archives, datasets, imports, nested_archives, photo_listing, photo_scan, splits
from .archive_safety import ArchiveEntry
from .dataset_plan import FolderReading
from .datasets import Dataset
from .decisions import Decision
from .label_tables import LabelChoice

FORMAT = 1
MAX_PHOTOS = 20_000
"""Photos of a pile at most."""
MAX_PILES = 50
MAX_CLASSES = 200
_MAX_ANSWERS = 400_000  # lines of the file of answers
_MAX_NAME = 60  # characters
_RECORD, _ANSWERS = "pile.json", "answers.jsonl"

Upload = tuple[str, bytes]
"""Name and content of an uploaded file: a photo, a zip or a tar."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Pile:
    """Photos to sort.

    Attributes:
        id: of its folder.
        name: shown to people.
        root: where its photos are.
        photos: path below `root` of each, by its name, in natural order.
        classes: class names in the order of their numbers.
        model: id of the model whose predictions come first; empty for groups.
    """

    id: str
    name: str
    root: Path
    photos: dict[str, str]
    classes: tuple[str, ...] = ()
    model: str = ""

    @property
    def folder(self) -> Path:
        """The folder of what is kept of it."""
        return piles_folder() / self.id

    def path(self, file: str) -> Path:
        """Return where a photo is. Raises DatasetError where the pile has none of that name."""
        if file not in self.photos:
            raise DatasetError(
                "There's no photo '{file}' in the pile. Choose one of its photos.",
                file=files.truncate_for_display(file, 120),
            )
        return self.root / self.photos[file]


@dataclass(frozen=True)
class Answer:
    """What a person said of a photo.

    Attributes:
        id: of the answer.
        file: of the photo.
        label: name of its class; empty where the photo was excluded.
        guess: name of the class that was shown as the guess before; empty for none.
    """

    id: str
    file: str
    label: str
    guess: str


def piles_folder() -> Path:
    """Return the folder of this workspace's piles, one folder each."""
    return files.workspace_folder() / "piles"


def list_piles() -> list[Pile]:
    """List the piles, the newest first; damaged ones are left out."""
    found = []
    for record in piles_folder().glob(f"[!.]*/{_RECORD}"):
        try:
            found.append((record.stat().st_mtime, load_pile(record.parent.name)))
        except (CatDogError, OSError):
            continue
    return [pile for _, pile in sorted(found, key=lambda row: (-row[0], row[1].id))]


def load_pile(pile_id: str) -> Pile:
    """Read a pile's record. Raises DatasetError: there is none, or it is damaged."""
    path = piles_folder() / pile_id / _RECORD
    if files.slugify(pile_id, 80) != pile_id or not path.is_file():
        raise DatasetError(
            "There's no pile '{id}'. Add photos to sort on the Data page.",
            id=files.truncate_for_display(pile_id),
        )
    record = files.read_json(path, FORMAT)
    try:
        return Pile(
            pile_id,
            str(record["name"]),
            path.parent / "photos" if record["root"] is None else Path(record["root"]),
            {str(name): str(file) for name, file in record["photos"]},
            tuple(map(str, record["classes"])),
            str(record["model"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            "The record of pile '{id}' is damaged. Delete the pile and add its photos again.",
            id=pile_id,
        ) from error


def create_pile_from_folder(folder: Path, name: str = "") -> Pile:
    """Make a pile of the photos in a folder, whatever its subfolders mean; they stay there.

    Raises:
        AccessError: the visitor may not change data.
        CatDogError: the folder has no photo or too many, or there are too many piles.
    """
    access.check_permission("change data")
    root = Path(folder).absolute()
    listing = photo_listing.list_photos([root])
    photos = {each.name: each.path.relative_to(root).as_posix() for each in listing.photos}
    return _create(name or root.name, lambda _: photos, root)


def create_pile_from_uploads(uploads: Sequence[Upload], name: str) -> Pile:
    """Make a pile of uploaded photos, zips and tars; the photos are kept in the workspace.

    Raises:
        AccessError: the visitor may not change data.
        CatDogError: an archive is unsafe, damaged or too large, there is no photo or too many.
    """
    access.check_permission("change data")
    return _create(name, partial(_store_uploads, uploads), None)


def _store_uploads(uploads: Sequence[Upload], folder: Path) -> dict[str, str]:
    photos: dict[str, str] = {}
    for number, (name, data) in enumerate(uploads):
        place = folder / str(number)
        place.mkdir(parents=True)
        if nested_archives.is_archive_name(name):
            with files.temporary_beside(folder, PurePosixPath(name).suffix) as archive:
                archive.write_bytes(data)
                unpacked, _ = archives.unpack_photos(archive, place)
            for inner, path in unpacked:
                photos[_free_name(inner, photos)] = path.relative_to(folder).as_posix()
        elif photo_listing.is_photo_name(name) and not photo_listing.is_junk_path(name):
            if len(data) > limits.current_limits().photo_bytes:
                continue
            path = place / f"photo{files.slugify(PurePosixPath(name).suffix, 8).join(('.', ''))}"
            path.write_bytes(data)
            photos[_free_name(name, photos)] = path.relative_to(folder).as_posix()
    return photos


def _free_name(name: str, taken: dict[str, str]) -> str:
    path, number, free = PurePosixPath(name), 1, name
    while free in taken:
        number += 1
        free = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
    return free


def _create(name: str, fill: Callable[[Path], dict[str, str]], root: Path | None) -> Pile:
    if len(list_piles()) >= MAX_PILES:
        raise DatasetError(
            "You have {most} piles already. Delete one you no longer need.", most=MAX_PILES
        )
    title = files.truncate_for_display(" ".join(name.split()) or "photos", _MAX_NAME)
    pile_id = f"{files.slugify(title, 24)}-{uuid4().hex[:8]}"
    folder = piles_folder() / pile_id
    with files.atomic_directory(folder) as building:
        photos = fill(building / "photos")
        if not 0 < len(photos) <= MAX_PHOTOS:
            raise DatasetError(
                "There are {n:,} photos. Choose 1 to {most:,} photos to sort.",
                n=len(photos),
                most=MAX_PHOTOS,
            )
        ordered = {key: photos[key] for key in sorted(photos, key=natural_key)}
        _write_record(building, Pile(pile_id, title, root or Path(), ordered), root is not None)
    return load_pile(pile_id)


def _write_record(folder: Path, pile: Pile, is_outside: bool) -> None:
    record = {
        "format": FORMAT,
        "name": pile.name,
        "root": str(pile.root) if is_outside else None,
        "classes": list(pile.classes),
        "model": pile.model,
        "photos": [list(row) for row in pile.photos.items()],
    }
    files.write_json(folder / _RECORD, record)


def set_classes(pile_id: str, classes: Sequence[str], model: str | None = None) -> Pile:
    """Set a pile's classes in the order of their numbers, and whose predictions come first.

    Args:
        pile_id: of the pile.
        classes: names; those that answers name must stay.
        model: id of a model, empty for none; None leaves it.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: a name can't be a folder, is there twice, or an answer needs one left out.
    """
    access.check_permission("change data")
    names = tuple(" ".join(name.split()) for name in classes)
    for name in names:
        archives.class_folder(name)
    used = {answer.label for answer in read_answers(pile_id) if answer.label}
    if len({name.casefold() for name in names}) < len(names) or used - set(names):
        raise DatasetError(
            "The classes {names} can't be used. Name each class once, and keep the ones you've"
            " used.",
            names=files.truncate_for_display(", ".join(names), 200),
        )
    if len(names) > MAX_CLASSES:
        raise DatasetError(
            "There are {n} classes. Use at most {most}.", n=len(names), most=MAX_CLASSES
        )
    with _locked(pile_id):
        pile = load_pile(pile_id)
        pile = replace(pile, classes=names, model=pile.model if model is None else model)
        _write_record(pile.folder, pile, pile.root != pile.folder / "photos")
    return pile


def remove_pile(pile_id: str) -> None:
    """Delete a pile and its answers; photos of a folder outside the workspace stay.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: there is no such pile.
    """
    access.check_permission("change data")
    folder = load_pile(pile_id).folder
    gone = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    with files.wrap_os_errors(folder):
        os.replace(folder, gone)
    files.remove_tree(gone)


def record_answers(
    pile_id: str, decisions: Sequence[Decision]
) -> tuple[tuple[str, ...], dict[str, CatDogError]]:
    """Keep answers that are not kept yet.

    Args:
        pile_id: of the pile.
        decisions: "relabel" as a class, "exclude", or "undo" an answer that is the photo's last.

    Returns:
        Ids of those that are kept now, whenever they came; why others are not, by id.

    Raises:
        AccessError: the visitor may not change data.
        CatDogError: there is no such pile, or it can't be written.
    """
    access.check_permission("change data")
    pile = load_pile(pile_id)
    refused: dict[str, CatDogError] = {}
    with _locked(pile_id):
        rows = _read_rows(pile.folder)
        known = {str(row.get("id")) for row in rows}
        if len(rows) + len(decisions) > _MAX_ANSWERS:
            raise DatasetError("This pile has too many answers. Create a dataset from it.")
        for decision in decisions:
            if decision.id in known:
                continue
            try:
                _refuse_unusable(pile, decision)
            except DatasetError as error:
                refused[decision.id] = error
                continue
            row = {
                "id": decision.id,
                "file": decision.file,
                "action": decision.action,
                "to": decision.to,
                "guess": decision.guess if decision.guess in pile.classes else "",
                "at": round(time.time(), 3),
            }
            files.append_json_line(pile.folder / _ANSWERS, row)
            known.add(decision.id)
    return tuple(each.id for each in decisions if each.id not in refused), refused


def _refuse_unusable(pile: Pile, decision: Decision) -> None:
    pile.path(decision.file)
    if decision.action == "keep" or (
        decision.action == "relabel" and decision.to not in pile.classes
    ):
        raise DatasetError(
            "The pile has no class '{name}'. Choose one of its classes, or add it.",
            name=files.truncate_for_display(decision.to),
        )


def read_answers(pile_id: str) -> list[Answer]:
    """Return the answers in force, one a photo, in the order in which they were given."""
    stacks: dict[str, list[tuple[int, Answer]]] = {}
    for number, row in enumerate(_read_rows(piles_folder() / pile_id)):
        values = [row.get(key) for key in ("id", "file", "action", "to", "guess")]
        if not all(isinstance(value, str) for value in values):
            continue  # a line that somebody else wrote
        id_, file, action, to, guess = map(str, values)
        stack = stacks.setdefault(file, [])
        if action != "undo":
            label = to if action == "relabel" else ""
            stack.append((number, Answer(id_, file, label, guess)))
        elif stack and stack[-1][1].id == to:
            stack.pop()
    return [answer for _, answer in sorted(stack[-1] for stack in stacks.values() if stack)]


def _read_rows(folder: Path) -> list[dict[str, object]]:
    return files.read_json_lines(folder / _ANSWERS, _MAX_ANSWERS)


def make_dataset(
    pile: Pile,
    labels: dict[str, str],
    name: str,
    validation_fraction: float = datasets.VALIDATION_FRACTION,
    test_fraction: float = 0.0,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset of a pile's photos; similar photos stay on one side of the split.

    Args:
        pile: its photos are copied into the workspace.
        labels: class name by photo; others are left out.
        name: of the dataset.
        validation_fraction, test_fraction: as for `datasets.resplit`.
        progress: called with (bytes done, bytes in all), then with photos compared.

    Raises:
        AccessError: the visitor may not change data.
        DatasetError: fewer than two classes, or one with too few photos.
    """
    access.check_permission("change data")
    taken: dict[str, str] = {}
    entries = []
    for file, label in labels.items():
        path = pile.path(file)
        folder = archives.class_folder(label)
        inside = _free_name(str(folder / PurePosixPath(file).name.lstrip(".")), taken)
        taken[inside] = file
        with files.wrap_os_errors(path):
            size = path.stat().st_size
        entries.append(
            ArchiveEntry(PurePosixPath(inside), size, False, partial(files.open_regular, path))
        )
    dataset = imports.import_entries(
        entries, name, "photos", progress, reading=FolderReading(is_confirmed=True)
    )
    return datasets.resplit(dataset.id, 0, validation_fraction, test_fraction, progress)


def write_sorted(
    folder: Path,
    table: Path,
    out: Path,
    validation_fraction: float = datasets.VALIDATION_FRACTION,
    test_fraction: float = 0.0,
    progress: Progress | None = None,
) -> Dataset:
    """Copy photos of a folder into class folders by a table of labels.

    Args:
        folder: of photos, which stay as they are.
        table: with the columns ``file`` and ``label``; photos without a label are left out.
        out: a new or empty folder; becomes ``train/<class>/``, ``validation/<class>/`` and, where
            asked for, ``test/<class>/``. Similar photos come to one of them.
        validation_fraction, test_fraction: as for `splits.stratified_split`.
        progress: called with (photos compared, photos in all).

    Returns:
        The photos in `out`, not remembered in the workspace.

    Raises:
        DatasetError: the table fits no photos, or a class has too few.
        CatDogError: `out` holds something, or can't be written.
    """
    if files.exists_nonempty(out):
        raise DatasetError("{folder} isn't empty. Choose a new or empty folder.", folder=out)
    reading = FolderReading(LabelChoice(Path(table), "file", "label"), is_confirmed=True)
    dataset = datasets.scan_folder(folder, reading=reading)
    listed = [file for file, _, _ in dataset.photos]
    scanned = photo_scan.scan_photos(dataset.root, listed, Path(), progress)
    together = [[listed[row] for row in g] for g in photo_scan.group_similar_photos(scanned)]
    rows = [(file, label, "train") for file, label, _ in dataset.photos]
    divided = splits.stratified_split(
        rows, dataset.classes, 0, validation_fraction, test_fraction, together
    )
    taken: dict[str, str] = {}
    with files.atomic_directory(out) as building:
        for file, label, split in divided:
            inside = PurePosixPath(split, archives.class_folder(dataset.classes[label]).name)
            target = building / _free_name(str(inside / PurePosixPath(file).name), taken)
            taken[target.relative_to(building).as_posix()] = file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(dataset.root / file, target)
    return datasets.scan_folder(out)


@contextmanager
def _locked(pile_id: str) -> Iterator[None]:
    folder = load_pile(pile_id).folder
    lock = FileLock(folder / "pile.lock")
    with files.wrap_os_errors(folder):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
