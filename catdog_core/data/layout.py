"""Understand folders of photos: wrappers, splits, classes. One plan for preview and import.

`detect_layout` reads a tree of true names and gives a `DatasetPlan`: every photo with its class and
split. Nothing is understood a second time from names that were made safe. The steps:

1. `split_folders` looks through what is around the dataset, and finds folders of splits.
2. `_ClassAssignment` assigns photos by the first that says their classes: the folders, a table
   among the photos (`table_files`), the names of the photos, a table next to the folder.
3. `_check_classes` refuses what is no dataset. `account` says what was left out.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, NoReturn

from ..base.errors import N_, DatasetError
from ..base.files import truncate_for_display
from ..base.messages import Message
from ..imaging import decode_errors
from . import (
    class_names,
    dataset_plan,
    folder_names,
    folder_tree,
    photo_names,
    split_folders,
    table_files,
)
from .dataset_plan import (
    DEFAULT_READING,
    DatasetPlan,
    FolderReading,
    LayoutName,
    PlannedPhoto,
)
from .folder_names import split_from_name
from .folder_tree import File, Folder, Tree
from .label_tables import LabelChoice, PhotoIndex, TableMatch
from .root_settings import allowed_roots
from .split_folders import FoundParts, Part, holds_photos, look_through, photos_in

_COPIED_FOLDERS = 5  # folders of copies that are left out
_COMPARED = 40  # photos whose content is compared with that of their likely originals
_SPELLINGS = 3  # classes written otherwise that get a sentence each

_WRITTEN_OTHERWISE = N_("{here} is treated as the class {train}, since only the spelling differs.")
_MANY_WRITTEN_OTHERWISE = N_(
    "{n} folders are treated as existing classes, since only the spelling differs: {names}."
)
_LOOK_ALIKE = N_(
    "The classes {first} and {second} look alike but use different characters. If both mean the "
    "same, rename one."
)
_EMPTY = N_("{n} empty files are skipped: {names}. Copy these photos again.")
_UNREADABLE = N_(
    "{n} unreadable files or folders are skipped: {names}. Check their permissions and links."
)
_LINKS_OUT = N_(
    "{n} links lead out of the allowed folders and are skipped: {names}. To use them, add their "
    "targets to CATDOG_ROOTS."
)
_STRAY = N_("{n} photos are in no class folder and are skipped: {names}.")
_COPIES = N_("{n} photos are copies of photos in the class folders and are skipped: {names}.")
_MASKS = N_("{n} masks and annotation images are skipped: {names}.")
_UNLABELED = N_("{n} photos without a label are set aside: {names}. You can predict them.")
_UNNAMED = N_("{n} photos are skipped, since their names don't start with a class: {names}.")
_FROM_NAMES = N_("The classes come from the file names, such as {name} for {file}.")
_FROM_COLUMN = N_("The labels come from {file}, column {column}.")
_FROM_COLUMNS = N_("The labels come from {file}, with one column per class.")
_OTHER_COLUMNS = N_("{file} has other columns you can choose as the label: {names}.")
_SPLIT_LISTS = N_("The split into training, validation and test photos comes from {names}.")
_SOME_SPLITS_INSIDE = N_("The folders in {names} look like splits, but other classes have none.")
_SPLITS_INSIDE = N_("Folders such as {name} name the class and the split.")
_ROWS_WITHOUT_FILE = N_("{n} rows of {file} match no photo: {names}.")
_ROWS_UNCLEAR = N_("{n} photos don't have exactly one label in {file} and are skipped: {names}.")
_PHOTOS_WITHOUT_ROW = N_("{n} photos have no row in {file} and are set aside: {names}.")


def read_folder_tree(folder: Path) -> Tree:
    """Read the tree of a folder.

    Raises:
        DatasetError: it is no folder, or cannot be read.
    """
    # Unlike Path.exists, this is false, no error, for a name that is too long.
    if not os.path.exists(folder):  # noqa: PTH110
        raise DatasetError(
            "{folder} doesn't exist. Choose a folder with one photo folder per class.",
            folder=truncate_for_display(str(folder), 200),
        )
    if not folder.is_dir():
        raise DatasetError(
            "{folder} is a file. Choose a folder with one photo folder per class.",
            folder=truncate_for_display(str(folder), 200),
        )
    try:
        return folder_tree.scan_folder_tree(folder, allowed_roots())
    except OSError as error:
        raise DatasetError(
            "{folder} can't be read: {reason}. Check its permissions and that its disk is "
            "connected.",
            folder=truncate_for_display(str(folder), 200),
            reason=error.strerror or str(error),
        ) from error


def plan_folder(
    folder: Path,
    reading: FolderReading = DEFAULT_READING,
    order: tuple[str, ...] | None = None,
    recall: Callable[[Path], FolderReading] = lambda root: DEFAULT_READING,
) -> tuple[Path, DatasetPlan]:
    """Plan the dataset of a folder on the disk.

    Args:
        folder: of photos.
        reading: how to read it.
        order: as for `detect_layout`.
        recall: gives how the dataset at a path was read earlier, which counts where `reading`
            leaves it open.

    Returns:
        The dataset's own folder, and a plan that is not divided yet.

    Raises:
        DatasetError: as `read_folder_tree` and `detect_layout`.
    """
    tree = read_folder_tree(folder)
    root = folder.resolve() / split_folders.unwrap_folder(tree.root)[0]
    earlier = recall(root)
    labels = reading.labels or (None if reading.forgets_labels else earlier.labels)
    is_confirmed = reading.is_confirmed or earlier.is_confirmed
    plan = detect_layout(tree, order, labels, earlier.classes, is_confirmed, reading.needs_training)
    plan.reading = FolderReading(labels, is_confirmed and bool(plan.odd))
    if is_confirmed or plan.classes == earlier.classes:
        plan.odd = []
    return root, plan


def detect_layout(
    tree: Tree,
    order: tuple[str, ...] | None = None,
    labels: LabelChoice | None = None,
    known: Collection[str] = (),
    is_confirmed: bool = False,
    needs_training: bool = True,
) -> DatasetPlan:
    """Find wrappers, splits and classes in a tree of true names.

    The classes are the folders of photos. Where there are none, a table beside the photos gives
    the labels, else the names of the photos, if they are unambiguous.

    Args:
        tree: the tree.
        order: class names in label order; by default sorted. They may be some of them.
        labels: a table of labels to go by instead.
        known: names of folders that were classes before, whatever else they could mean.
        is_confirmed, needs_training: as in a `FolderReading`.

    Returns:
        A plan that is not divided yet: without a validation folder its photos are all training.

    Raises:
        DatasetError: the layout is none that is known, or could mean several things.
    """
    path, above, root = split_folders.unwrap_folder(tree.root)
    reading = _ClassAssignment(tree, path, above, root)
    if labels is not None:
        names = reading.table(split_folders.find_parts(root, needs_training).parts, order, labels)
    else:
        keep = (*(order or ()), *known)
        reading.set_copies_aside(keep)
        found = split_folders.find_parts(reading.root, needs_training)
        names = reading.folders(found, order, keep, is_confirmed or bool(known))
    title = path.name or tree.name
    shown_names, alike = class_names.display_names(names)
    _check_classes(title, tree, reading, shown_names, names)
    splits = {photo.split for photo in reading.photos}
    has_splits = reading.has_splits or "test" in splits
    layout: LayoutName = "train-divided" if has_splits else "seeded"
    if "validation" in splits or "train" not in splits:
        layout = "split"
    plan = DatasetPlan(path, tuple(shown_names), tuple(names), reading.photos, layout)
    plan.explanations, plan.table = reading.explanations, reading.match
    plan.odd = reading.odd + (folder_names.odd_class_names(names) if reading.by_folder else [])
    reading.account(plan)
    plan.warnings += _alike_warnings(alike)
    dataset_plan.name_photos(plan)
    return plan


def plan_labelled_photos(
    photos: Iterable[tuple[File, str, int]], classes: Sequence[str], name: str, ignored: int
) -> DatasetPlan:
    """Plan a dataset of photos whose class and split are known, as records have them.

    Args:
        photos: file, split or nothing, and label number of each.
        classes: names in label order.
        name: of the dataset.
        ignored: files that are no photos.

    Raises:
        DatasetError: fewer than two classes, or one without photos.
    """
    shown_names, alike = class_names.display_names(classes)
    reading = _ClassAssignment(Tree(name), PurePosixPath(), (), Folder())
    for file, split, label in photos:
        reading.take(file, file.path.parent.parts, label, split or "train")
    _check_classes(name, reading.tree, reading, shown_names, classes)
    splits = {photo.split for photo in reading.photos}
    layout: LayoutName = (
        "split" if "validation" in splits else "train-divided" if "test" in splits else "seeded"
    )
    plan = DatasetPlan(PurePosixPath(), tuple(shown_names), tuple(classes), reading.photos, layout)
    plan.ignored = ignored
    plan.empty = sorted(str(file.path) for file in reading.empty)
    plan.warnings = _paths_warning(_EMPTY, [PurePosixPath(each) for each in plan.empty])
    plan.warnings += _alike_warnings(alike)
    dataset_plan.name_photos(plan)
    return plan


class _ClassAssignment:
    """Photos as they are assigned to classes, and what is left over."""

    def __init__(
        self, tree: Tree, path: PurePosixPath, above: tuple[str, ...], root: Folder
    ) -> None:
        self.tree, self.root, self.root_path = tree, root, path
        self.wrappers = (*path.parts, *above)
        self.photos: list[PlannedPhoto] = []
        self.unlabeled: list[File] = []
        self.masks: list[File] = []
        self.unnamed: list[File] = []
        self.copies: list[File] = []
        self.without_row: list[File] = []
        self.unclear: list[File] = []
        self.empty: list[File] = []
        self.seen: set[int] = set()  # files that are accounted for
        self.spelled: list[tuple[str, str]] = []
        self.explanations: list[Message] = []
        self.warnings: list[Message] = []
        self.odd: list[Message] = []
        self.match: TableMatch | None = None
        self.has_splits, self.by_folder = False, True

    def take(self, file: File, folders: tuple[str, ...], label: int, split: str) -> None:
        """Assign one photo; an empty file is noted and left out."""
        self.seen.add(id(file))
        if file.size == 0:
            self.empty.append(file)
        else:
            self.photos.append(PlannedPhoto(file, folders, label, split))

    def leave_out(self, folder: Folder, files: list[File]) -> None:
        """Add all photos below a folder to `files`, which is a list of those left out."""
        for _, inner in folder.walk():
            for file in inner.files:
                if file.is_photo and id(file) not in self.seen:
                    self.seen.add(id(file))
                    files.append(file)

    def photos_below(self, folder: Folder) -> Iterator[tuple[tuple[str, ...], File]]:
        """Yield the photos below a folder with the folders between; masks are left out."""
        waiting: list[tuple[tuple[str, ...], Folder]] = [((), folder)]
        while waiting:
            names, here = waiting.pop()
            masks = photo_names.find_masks(here.files)
            for file in here.files:
                if id(file) in masks:
                    if id(file) not in self.seen:
                        self.seen.add(id(file))
                        self.masks.append(file)
                elif file.is_photo:
                    yield names, file
            for inner in here.folders.values():
                if split_folders.is_set_aside(inner, here):
                    self.leave_out(inner, self.masks)
                else:
                    waiting.append(((*names, inner.name), inner))

    def set_copies_aside(self, keep: Collection[str]) -> None:
        """Leave out folders that hold the classes beside them once more, as many downloads do.

        Args:
            keep: names of folders that are classes whatever they hold.

        Raises:
            DatasetError: such a folder holds other photos, so that it could be a split.
        """
        beside = self.root.folders
        kept = {class_names.class_key(name) for name in keep}
        copies: list[Folder] = []
        for key, folder in beside.items():
            inside = look_through(folder).folders
            both = [each for each in inside.keys() & beside.keys() if holds_photos(beside[each])]
            common = sorted(each for each in both if each != key)
            if key in kept or len(common) < 2 or split_folders.has_a_meaning(folder, self.root):
                continue
            if len(copies) >= _COPIED_FOLDERS or not self._are_copies(inside, beside, common):
                _refuse_same_classes(folder, [beside[each].name for each in common])
            copies.append(folder)
        for folder in copies:
            self.leave_out(folder, self.copies)
        if copies:
            others = [folder for folder in beside.values() if folder not in copies]
            self.root = split_folders.folder_of(others, self.root)

    def _are_copies(
        self, folders: Mapping[str, Folder], classes: Mapping[str, Folder], common: Sequence[str]
    ) -> bool:
        """Whether each photo of some folders is in a class of the same name, too.

        All are compared by name and size, and some of them by their content.
        """
        originals = {
            (key, file.path.name, file.size): file
            for key in common
            for file in photos_in(classes[key])
        }
        copies = [(key, file) for key, each in folders.items() for file in photos_in(each)]
        pairs = [
            (file, originals[key, file.path.name, file.size])
            for key, file in copies
            if (key, file.path.name, file.size) in originals
        ]
        some = pairs[:: max(1, len(pairs) // _COMPARED)]
        return len(pairs) == len(copies) and all(self._is_same_content(*pair) for pair in some)

    def _is_same_content(self, file: File, other: File) -> bool:
        if file.mark is not None:
            return file.mark == other.mark
        try:
            return self.tree.read_text(file.path, file.size) == self.tree.read_text(
                other.path, file.size
            )
        except OSError:
            return False

    def folders(
        self,
        found: FoundParts,
        order: tuple[str, ...] | None,
        keep: Collection[str],
        is_confirmed: bool,
    ) -> list[str]:
        """Assign photos by the folders they are in, else by a table or by their names.

        Args:
            found: where to look for classes.
            order: names of the classes in label order, if given.
            keep: names of classes, whatever else they could mean.
            is_confirmed: whether folders are classes even if their names look odd.
        """
        self.has_splits = found.has_splits
        if found.by_class:
            return self._class_first(found.by_class, order)
        train = found.parts[0] if found.train is None else found.train
        folders = split_folders.class_folders(train.folder, keep)
        if not found.is_flat and sum(map(holds_photos, folders)) > 1:
            if found.has_splits:
                names = self.splits(train, found.parts, order, keep)
            else:
                split_folders.refuse_unnamed_splits(self.root)
                names = [folder.name for folder in folders]
                is_odd = bool(folder_names.odd_class_names(names)) and not is_confirmed
                # Parts of a download, such as images_part_1, are no classes if a table has these.
                if is_odd and (labelled := self._from_tables(found.parts, order, None)):
                    return labelled
                names, folders = _order_classes(folders, order)
                self.classes(folders, names, (), "train", train.folder)
                self._find_hidden_splits(folders)
        else:
            names = self._from_tables(found.parts, order, None)
            names = names or self._from_names(found.parts, order, keep)
            names = names or self._from_tables(found.parts, order, None, is_above=True)
            if not names:
                return self._other_folders(found, order)
        for folder in found.unlabeled:
            self.leave_out(folder, self.unlabeled)
        for folder in found.masks:
            self.leave_out(folder, self.masks)
        return names

    def _find_hidden_splits(self, folders: Sequence[Folder]) -> None:
        """Note splits among the classes: in some of them, or beside a folder of classes."""
        hold = [
            folder.name
            for folder in folders
            if len({split_folders.split_of(each) for each in folder.folders.values()} - {None}) > 1
        ]
        if hold:
            names = truncate_for_display(", ".join(hold), 200)
            self.odd.append(Message(_SOME_SPLITS_INSIDE, {"names": names}))
        found = {folder.name: folder_names.split_and_rest(folder.name) for folder in folders}
        splits = [name for name, word in found.items() if word and word[0] != "train"]
        others = [folder for folder in folders if folder.name not in splits]
        if splits and others and all(map(split_folders.holds_several, others)):
            names = truncate_for_display(", ".join(splits), 200)
            self.odd.append(Message(folder_names.LOOKS_LIKE_SPLITS, {"names": names}))

    def _other_folders(self, found: FoundParts, order: tuple[str, ...] | None) -> list[str]:
        """Assign photos to folders that hardly are classes: an error, or a person confirms it."""
        self.masks.clear()
        self.seen.clear()
        if found.has_splits and not found.is_flat:
            train = found.parts[0] if found.train is None else found.train
            return self.splits(train, found.parts, order, order or ())
        split_folders.refuse_unnamed_splits(self.root)
        holding = [
            folder
            for folder in split_folders.sorted_subfolders(self.root)
            if holds_photos(folder) or not folder_names.is_annotations(folder.name)
        ]
        names, folders = _order_classes(holding, order)
        self.classes(folders, names, (), "train", self.root)
        return names

    def classes(
        self,
        folders: Sequence[Folder],
        names: Sequence[str],
        above: tuple[str, ...],
        split: str,
        parent: Folder,
    ) -> None:
        """Assign the photos below class folders, in label order."""
        chosen = {id(folder) for folder in folders}
        for label, (folder, name) in enumerate(zip(folders, names, strict=True)):
            for spelling in folder.spellings:
                if spelling != name:
                    self.spelled.append(("/".join((*above[-1:], spelling)), name))
            for inner, file in self.photos_below(folder):
                self.take(file, (*self.wrappers, *above, name, *inner), label, split)
        for other in parent.folders.values():
            if id(other) not in chosen:  # a class left out by the order, or no class
                self._leave_out_beside(other, parent)

    def _leave_out_beside(self, folder: Folder, parent: Folder) -> None:
        if split_folders.is_set_aside(folder, parent):
            self.leave_out(folder, self.masks)
        elif folder_names.is_unlabeled(folder.name):
            self.leave_out(folder, self.unlabeled)
        else:
            self.leave_out(folder, [])

    def splits(
        self,
        train: Part,
        parts: Sequence[Part],
        order: tuple[str, ...] | None,
        known: Collection[str],
    ) -> list[str]:
        """Assign the photos of split folders, whose classes are those of `train`; their names."""
        keep = set(known)
        for part in parts:  # what both training and another part have is a class, whatever its name
            if part is not train:
                keep |= {
                    part.folder.folders[key].name
                    for key in train.folder.folders.keys() & part.folder.folders
                }
        names, folders = _order_classes(split_folders.class_folders(train.folder, keep), order)
        keys = [class_names.class_key(folder.name) for folder in folders]
        for part in parts:
            here = split_folders.class_folders(part.folder, keep)
            known = {class_names.class_key(folder.name): folder for folder in here}
            if len(here) == 1 and part is not train and split_folders.is_hollow(here[0], keys):
                # A folder that loaders want around photos nobody knows the classes of.
                self.leave_out(here[0], self.unlabeled)
                continue
            lacking = any(key not in known for key in keys)
            if here and (lacking or (order is None and len(here) > len(keys))):
                self._refuse_other_classes(part, here, names)
            if here:
                chosen = [known[key] for key in keys]
                self.classes(chosen, names, part.above, part.split, part.folder)
        return names

    def _refuse_other_classes(
        self, part: Part, here: Sequence[Folder], names: Sequence[str]
    ) -> None:
        everything = list(dict.fromkeys([*(f.name for f in here), *names]))
        named = dict(zip(everything, class_names.display_names(everything)[0], strict=True))
        raise DatasetError(
            "{split} has the classes {here}, but train has {train}. Rename or add folders so that "
            "both match.",
            split=truncate_for_display(part.name),
            here=truncate_for_display(", ".join(named[f.name] for f in here) or "none", 200),
            train=truncate_for_display(", ".join(named[name] for name in names) or "none", 200),
        )

    def _class_first(
        self, by_class: dict[str, list[Part]], order: tuple[str, ...] | None
    ) -> list[str]:
        """Assign the photos of splits that are inside the classes."""
        names = _order_names(list(by_class), order)
        for label, name in enumerate(names):
            for part in by_class[name]:
                for inner, file in self.photos_below(part.folder):
                    path = (*self.wrappers, name, *part.above, *inner)
                    self.take(file, path, label, part.split)
        inside = next((photo for photo in self.photos if photo.split != "train"), None)
        if inside is not None:
            self._explain(_SPLITS_INSIDE, name=str(inside.file.path.parent))
        for name, parts in by_class.items():
            if name not in names:
                for part in parts:
                    self.leave_out(part.folder, [])
        return names

    def table(
        self, parts: Sequence[Part], order: tuple[str, ...] | None, labels: LabelChoice
    ) -> list[str]:
        """Assign photos by a table that a person chose."""
        names = self._from_tables(parts, order, labels)
        if not names and labels.path is None:
            names = self._from_tables(parts, order, labels, is_above=True)
        if names:
            return names
        folder = truncate_for_display(self.root_path.name or self.tree.name)
        if labels.path is None:
            raise DatasetError(
                "No table in {folder} has the columns {columns}. Name the table with --labels.",
                folder=folder,
                columns=truncate_for_display(
                    ", ".join(filter(None, (labels.file_column, labels.label_column)))
                ),
            )
        raise DatasetError(
            "{file} names none of the photos in {folder}. Choose the table that belongs to them, "
            "or its file column.",
            file=truncate_for_display(labels.path.name),
            folder=folder,
        )

    def _from_tables(
        self,
        parts: Sequence[Part],
        order: tuple[str, ...] | None,
        chosen: LabelChoice | None,
        is_above: bool = False,
    ) -> list[str]:
        """Assign photos by tables beside them, or by the chosen one; no names where none is.

        Args:
            parts: where the photos are.
            order: names of the classes in label order, if given.
            chosen: a table, or columns, that a person chose.
            is_above: whether to look next to the folder instead of inside.
        """
        tables = (
            table_files.find_tables_above(self.tree)
            if is_above
            else table_files.find_tables(self.tree, self.wrappers)
        )
        if not tables and chosen is None:
            return []
        rows = [
            _PartPhoto(part, names, file)
            for part in parts
            for names, file in self.photos_below(part.folder)
        ]
        index = PhotoIndex(row.file for row in rows)
        matches = [
            match for file in tables if (match := table_files.match_file(self.tree, file, index))
        ]
        labelled = [match for match in matches if match.labels or len(match.choices) > 1]
        # JSON beside a table repeats it, or says something else, such as a caption.
        labelled = [match for match in labelled if not match.table.is_json] or labelled
        if chosen is not None and chosen.path is None:
            columns = chosen.file_column, chosen.label_column
            found = (table_files.match_file(self.tree, file, index, *columns) for file in tables)
            labelled = [match for match in found if match and match.labels]
        elif chosen is not None and chosen.path is not None:
            own = table_files.match_chosen_file(chosen.path, chosen, index)
            labelled = [own] if own else []
        if not labelled:
            return []
        labelled.sort(key=lambda match: not match.table.header)  # those that name their columns
        table_files.refuse_several_columns(labelled)
        labels: dict[PurePosixPath, str] = {}
        unclear: dict[PurePosixPath, None] = {}
        for match in labelled:
            for path, label in match.labels.items():
                if labels.setdefault(path, label) != label:
                    unclear.setdefault(path)
        if len(unclear) > len(labels) / 10:
            raise DatasetError(
                "{first} and {second} give photos different labels. Choose one table with "
                "--labels.",
                first=truncate_for_display(labelled[0].table.name),
                second=truncate_for_display(labelled[1].table.name),
            )
        splits: dict[PurePosixPath, str] = {}
        for match in matches if chosen is None else [*labelled, *matches]:
            for path, split in match.splits.items():
                splits.setdefault(path, split)
        for path in unclear:
            labels.pop(path, None)
        names = self._assign_labels(rows, labels, splits, order)
        self._describe_tables(labelled, matches, rows, labels)
        return names

    def _assign_labels(
        self,
        rows: Sequence[_PartPhoto],
        labels: dict[PurePosixPath, str],
        splits: dict[PurePosixPath, str],
        order: tuple[str, ...] | None,
    ) -> list[str]:
        """Take each photo that has a label, in the split of its folder or of the table."""
        spelled: dict[str, Counter[str]] = {}
        for spelling, count in Counter(labels.values()).items():
            spelled.setdefault(class_names.class_key(spelling), Counter())[spelling] = count
        names = _order_names([each.most_common(1)[0][0] for each in spelled.values()], order)
        numbers = {class_names.class_key(name): n for n, name in enumerate(names)}
        for part, inner, file in rows:
            label = labels.get(file.path)
            number = None if label is None else numbers.get(class_names.class_key(label))
            if label is not None and number is None:
                self.seen.add(id(file))  # a class left out by the order
            elif number is not None:
                split = part.split or splits.get(file.path, "train")
                folders = (*self.wrappers, *part.above, names[number], *inner)
                self.take(file, folders, number, split)
        self.by_folder = False
        return names

    def _describe_tables(
        self,
        labelled: Sequence[TableMatch],
        matches: Sequence[TableMatch],
        rows: Sequence[_PartPhoto],
        labels: dict[PurePosixPath, str],
    ) -> None:
        """Say which tables were used, and what they leave open."""
        self.match = first = labelled[0]
        names = truncate_for_display(", ".join(match.table.name for match in labelled[:3]), 120)
        table = truncate_for_display(first.table.name)
        if first.from_names:
            path, label = next(iter(labels.items()))
            self._explain(_FROM_NAMES, name=label, file=path.name)
        elif first.label_column:
            self._explain(_FROM_COLUMN, file=names, column=first.label_column)
        else:
            self._explain(_FROM_COLUMNS, file=names)
        others = [name for name in first.choices if name != first.label_column]
        if others:
            self._explain(_OTHER_COLUMNS, file=table, names=", ".join(others))
        lists = [match.table.name for match in matches if match.splits]
        if lists and any(not part.split for part, _, _ in rows):
            self._explain(_SPLIT_LISTS, names=", ".join(lists[:4]))
        for match in labelled:
            file = truncate_for_display(match.table.name)
            self.warnings += _names_warning(_ROWS_WITHOUT_FILE, match.missing, file)
            self.warnings += _names_warning(_ROWS_UNCLEAR, match.unclear, file)
        unclear = {path for match in labelled for path in match.unclear}
        for row in rows:
            if row.file.path not in labels:
                self.seen.add(id(row.file))
                is_unclear = str(row.file.path) in unclear
                (self.unclear if is_unclear else self.without_row).append(row.file)
        listed = [str(each.path) for each in self.without_row]
        self.warnings += _names_warning(_PHOTOS_WITHOUT_ROW, listed, names)

    def _explain(self, text: str, **params: str) -> None:
        shown = {key: truncate_for_display(value, 120) for key, value in params.items()}
        self.explanations.append(Message(text, shown))

    def _from_names(
        self, parts: Sequence[Part], order: tuple[str, ...] | None, keep: Collection[str]
    ) -> list[str]:
        """Assign photos by classes in their names; no names where they are not unambiguous."""
        rows: list[_PartPhoto] = []
        labels: dict[PurePosixPath, str] = {}
        unlabeled: list[File] = []
        for part in sorted(parts, key=lambda each: each.split not in ("", "train")):
            here = [_PartPhoto(part, names, file) for names, file in self.photos_below(part.folder)]
            photos = [row.file for row in here]
            found = photo_names.labels_from_names(photos, keep)
            if found is None and part.split in ("", "train"):
                return []
            if found is None or (labels and not set(found.values()) <= set(labels.values())):
                unlabeled += photos
                continue
            rows += here
            labels |= {photos[number].path: label for number, label in found.items()}
        if not labels:
            return []
        names = self._assign_labels(rows, labels, {}, order)
        self.unlabeled += unlabeled
        self.unnamed = [row.file for row in rows if row.file.path not in labels]
        self.seen |= {id(file) for file in (*unlabeled, *self.unnamed)}
        path, label = next(iter(labels.items()))
        self._explain(_FROM_NAMES, name=label, file=path.name)
        return names

    def account(self, plan: DatasetPlan) -> None:
        """Count and name all that is in no class, or cannot be used."""
        foreign, stray = list[PurePosixPath](), list[File]()
        others = list[PurePosixPath]()
        for _, folder in self.tree.root.walk():
            for file in folder.files:
                if file.is_photo:
                    if id(file) not in self.seen:
                        (self.masks if split_folders.is_beside_masks(file) else stray).append(file)
                else:
                    plan.ignored += 1
                    others.append(file.path)
                    foreign += [file.path] * decode_errors.is_unsupported_picture(file.path)
        plan.ignored += self.tree.special
        plan.left_out = dataset_plan.count_endings(others)
        plan.warnings += self._spellings()
        plan.warnings += self.warnings
        plan.warnings += decode_errors.unsupported_format_warnings(foreign)
        unlabeled = [file for file in self.unlabeled if file.size]
        empty = [*self.empty, *(file for file in self.unlabeled if not file.size)]
        empty_paths = sorted(file.path for file in empty)
        plan.empty = [str(path.relative_to(plan.root)) for path in empty_paths]
        plan.warnings += _paths_warning(_EMPTY, empty_paths)
        unreadable = sorted(path for path, _ in self.tree.unreadable)
        plan.unreadable = [
            str(path.relative_to(plan.root))
            for path in unreadable
            if path.is_relative_to(plan.root) and File(path, 0).is_photo
        ]
        plan.warnings += _paths_warning(_UNREADABLE, unreadable)
        plan.warnings += _paths_warning(_LINKS_OUT, self.tree.links_out)
        plan.warnings += _paths_warning(_MASKS, [file.path for file in self.masks])
        plan.warnings += _paths_warning(_UNNAMED, [file.path for file in self.unnamed])
        plan.warnings += _paths_warning(_UNLABELED, [file.path for file in unlabeled])
        plan.warnings += _paths_warning(_COPIES, [file.path for file in self.copies])
        plan.warnings += _paths_warning(_STRAY, [file.path for file in stray])
        used = {photo.file.path.parent for photo in self.photos}
        left_out = (*self.masks, *self.unnamed, *self.without_row, *self.unlabeled, *self.unclear)
        plan.is_partial = any(used & set(file.path.parents) for file in left_out)
        plan.unlabeled = [
            PlannedPhoto(file, (*plan.root.parts, "unlabeled"), -1, "")
            for file in (*unlabeled, *self.without_row)
            if file.size and file.path.is_relative_to(plan.root)
        ]

    def _spellings(self) -> list[Message]:
        spellings = list(dict.fromkeys(self.spelled))
        if len(spellings) <= _SPELLINGS:
            return [
                Message(
                    _WRITTEN_OTHERWISE,
                    {"here": truncate_for_display(here), "train": truncate_for_display(name)},
                )
                for here, name in spellings
            ]
        names = ", ".join(here for here, _ in spellings[:_SPELLINGS])
        return [
            Message(
                _MANY_WRITTEN_OTHERWISE,
                {"n": str(len(spellings)), "names": truncate_for_display(names, 200)},
            )
        ]


def _paths_warning(message: str, paths: Sequence[PurePosixPath]) -> list[Message]:
    return _names_warning(message, [str(path) for path in sorted(paths)])


def _names_warning(message: str, names: Sequence[str], file: str = "") -> list[Message]:
    """What to say of some names: how many there are, and the first of them."""
    if not names:
        return []
    shown = {"n": str(len(names)), "names": truncate_for_display(", ".join(names[:3]), 200)}
    return [Message(message, shown | ({"file": file} if file else {}))]


def _alike_warnings(pairs: Sequence[tuple[str, str]]) -> list[Message]:
    return [Message(_LOOK_ALIKE, {"first": first, "second": second}) for first, second in pairs[:3]]


class _PartPhoto(NamedTuple):
    """A photo of a part, with the folders between."""

    part: Part
    folders: tuple[str, ...]
    file: File


def _refuse_same_classes(folder: Folder, classes: Sequence[str]) -> NoReturn:
    raise DatasetError(
        "{odd} contains {folders}, too, but its name doesn't stand for a split. Rename it to "
        "validation or test, or merge the folders.",
        odd=truncate_for_display(folder.name, 60),
        folders=truncate_for_display(", ".join(sorted(classes)[:4]), 120),
    )


def _check_classes(
    title: str, tree: Tree, reading: _ClassAssignment, names: Sequence[str], true: Sequence[str]
) -> None:
    hollow = [name for name in true if split_from_name(name) or folder_names.is_container(name)]
    filled_labels = {photo.label for photo in reading.photos}
    if tree.links_out and len(filled_labels) < max(2, len(names)):
        raise DatasetError(
            "{n} links lead out of the allowed folders: {names}. To use them, add their targets to "
            "CATDOG_ROOTS.",
            n=len(tree.links_out),
            names=truncate_for_display(", ".join(map(str, sorted(tree.links_out)[:3])), 200),
        )
    if len(names) < 2 and not any((tree.unreadable, tree.links_out, holds_photos(tree.root))):
        raise DatasetError(
            "{folder} has no photos. Choose one with a photo folder per class, such as cats/ and "
            "dogs/.",
            folder=truncate_for_display(title),
        )
    if not names or all(map(split_from_name, true)) or (hollow and len(names) == 1):
        raise DatasetError(
            "{folder} has no class folders. Add one photo folder per class, such as cats/ and "
            "dogs/, or choose a table with the labels.",
            folder=truncate_for_display(title),
        )
    if len(names) == 1:
        raise DatasetError(
            "There's only one class, {name}. Add another, so that you have at least two photo "
            "folders, such as cats/ and dogs/.",
            name=truncate_for_display(names[0]),
        )
    if len(names) > split_folders.MAX_CLASSES:
        raise DatasetError(
            "There are {count} class folders, but the limit is {limit}. Check that each folder "
            "is a class, not a single photo.",
            count=len(names),
            limit=split_folders.MAX_CLASSES,
        )
    if not reading.photos and reading.empty:
        raise DatasetError(
            "All {n} photos are empty files. Copy them again from the original.",
            n=len(reading.empty),
        )
    for split in sorted({photo.split for photo in reading.photos} or {"train"}):
        filled = {photo.label for photo in reading.photos if photo.split == split}
        for label, name in enumerate(names):
            if label not in filled:
                _refuse_unreadable(tree, true[label])
                raise DatasetError(
                    "Class {name} has no photos in {split}. Add JPEG, PNG, WebP, BMP, GIF or TIFF "
                    "files, or remove the folder.",
                    name=truncate_for_display(name),
                    split=split,
                )


def _refuse_unreadable(tree: Tree, name: str) -> None:
    """A class without photos whose folder could not be read is no empty class."""
    for path, reason in tree.unreadable:
        if name in path.parts:
            raise DatasetError(
                "{folder} can't be read: {reason}. Check its permissions and that its disk is "
                "connected.",
                folder=truncate_for_display(str(path), 200),
                reason=reason,
            )


def _order_classes(
    folders: Sequence[Folder], order: tuple[str, ...] | None
) -> tuple[list[str], list[Folder]]:
    """The names of classes in label order, and their folders."""
    sorted_folders = sorted(folders, key=lambda each: unicodedata.normalize("NFC", each.name))
    if order is None:
        return [folder.name for folder in sorted_folders], sorted_folders
    known = {class_names.class_key(folder.name): folder for folder in sorted_folders}
    missing = sorted(name for name in set(order) if class_names.class_key(name) not in known)
    if missing:
        raise DatasetError(
            "There's no folder for class {names}. Choose from: {found}.",
            names=truncate_for_display(", ".join(missing)),
            found=truncate_for_display(", ".join(folder.name for folder in sorted_folders), 200),
        )
    chosen = [known[class_names.class_key(name)] for name in order]
    return [folder.name for folder in chosen], chosen


def _order_names(names: Sequence[str], order: tuple[str, ...] | None) -> list[str]:
    """Names of classes in label order, as `_order_classes` gives those of folders."""
    sorted_names = sorted(names, key=lambda name: unicodedata.normalize("NFC", name))
    if order is None:
        return sorted_names
    known = {class_names.class_key(name): name for name in sorted_names}
    missing = sorted(name for name in set(order) if class_names.class_key(name) not in known)
    if missing:
        raise DatasetError(
            "There's no class {names}. Choose from: {found}.",
            names=truncate_for_display(", ".join(missing)),
            found=truncate_for_display(", ".join(sorted_names), 200),
        )
    return [known[class_names.class_key(name)] for name in order]
