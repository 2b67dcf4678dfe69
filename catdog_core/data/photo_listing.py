"""List the photos to predict: files, patterns such as ``*.jpg``, folders and archives."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..base.errors import PhotoError
from ..base.files import truncate_for_display
from ..base.natural_order import natural_key
from ..imaging import decode_errors
from . import archives, folder_tree, layout, nested_archives

MAX_PHOTOS = 200_000
"""Photos that one command or page predicts at most."""


@dataclass(frozen=True)
class ListedPhoto:
    """A photo to predict: its name in the results, and where it is."""

    name: str
    path: Path


@dataclass(frozen=True)
class PhotoListing:
    """The photos to predict, and what was passed over.

    Attributes:
        photos: no file twice.
        skipped: names of files that are no photos, in natural order.
        unreadable: files and folders that cannot be opened, each with the reason.
    """

    photos: list[ListedPhoto] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def is_photo_name(name: str) -> bool:
    """Return whether a file is a photo by its name, of a format the lab reads or knows."""
    path = PurePosixPath(name.replace("\\", "/"))
    return folder_tree.File(path, 0).is_photo or decode_errors.is_unsupported_picture(path)


def is_junk_path(name: str) -> bool:
    """Return whether a relative path is hidden, or was left by an operating system."""
    return any(map(folder_tree.is_junk, PurePosixPath(name.replace("\\", "/")).parts))


def list_photos(arguments: Sequence[Path], unpack_to: Path | None = None) -> PhotoListing:
    """List the photos that arguments of a command name.

    Args:
        arguments: files, folders, and patterns, which some shells do not resolve. A file that is
            named is always listed; of folders and patterns, the photos by their names.
        unpack_to: an empty folder for the photos of archives, which count as folders then; None
            where they don't.

    Returns:
        Names are as given for files, and relative to the folder for a single folder. What a folder
        or a pattern holds is in natural order. Arguments keep theirs, except files sorted by name,
        as a shell's pattern gives them: these come in natural order, too.

    Raises:
        PhotoError: an argument names nothing, there is no photo, or there are too many.
        DatasetError: a folder cannot be read, or an archive is unsafe, damaged or too large.
    """
    listing = PhotoListing()
    listed: set[str] = set()
    for argument in arguments:
        first = len(listing.photos)
        paths = [argument] if _is_there(argument) else _resolve_pattern(argument)
        for path in paths:
            is_alone = len(arguments) == len(paths) == 1
            if path.is_dir():
                _list_folder(path, None if is_alone else path, listing, listed)
            elif unpack_to is not None and nested_archives.is_archive_name(path.name):
                _list_archive(path, None if is_alone else path, unpack_to, listing, listed)
            elif path is argument or is_photo_name(path.name):
                _add_photo(ListedPhoto(str(path), path), listing, listed)
            elif not folder_tree.is_junk(path.name):
                listing.skipped.append(str(path))
        listing.photos[first:] = _sort_naturally(listing.photos[first:])
    if not listing.photos:
        raise PhotoError(
            "{folder} has no photo. Choose a folder with JPEG, PNG, WebP, BMP, GIF or TIFF files.",
            folder=truncate_for_display(str(arguments[0]), 200),
        )
    names = [str(argument) for argument in arguments]
    if names in (sorted(names), sorted(names, key=str.casefold)):
        listing.photos[:] = _sort_naturally(listing.photos)
    listing.skipped.sort(key=natural_key)
    return listing


def _sort_naturally(photos: Sequence[ListedPhoto]) -> list[ListedPhoto]:
    return sorted(photos, key=lambda photo: natural_key(photo.name))


def _is_there(path: Path) -> bool:
    # Unlike Path.is_file, these are false, no error, for a name that is too long.
    return os.path.isfile(path) or os.path.isdir(path)  # noqa: PTH112, PTH113


def _resolve_pattern(argument: Path) -> Sequence[Path]:
    """Return the files and folders a pattern matches. Raises PhotoError where there is none."""
    paths = map(Path, glob.iglob(str(argument), recursive=True))  # noqa: PTH207 - may be absolute
    matched = [path for path in paths if _is_there(path)]
    if not matched:
        raise PhotoError(
            "{file} doesn't exist or isn't a file. Check the name of the photo.", file=argument
        )
    return matched


def _list_folder(
    folder: Path, prefix: Path | None, listing: PhotoListing, listed: set[str]
) -> None:
    tree = layout.read_folder_tree(folder)

    def name_of(path: PurePosixPath) -> str:
        return str(path) if prefix is None else str(prefix.joinpath(*path.parts))

    for _, inner in tree.root.walk():
        for file in inner.files:
            name = name_of(file.path)
            if is_photo_name(file.path.name):
                _add_photo(ListedPhoto(name, folder.joinpath(*file.path.parts)), listing, listed)
            else:
                listing.skipped.append(name)
    listing.unreadable.extend((name_of(path), reason) for path, reason in tree.unreadable)
    listing.unreadable.extend((name_of(path), _LINK_OUT) for path in tree.links_out)


def _list_archive(
    archive: Path, prefix: Path | None, unpack_to: Path, listing: PhotoListing, listed: set[str]
) -> None:
    folder = unpack_to / str(len(list(unpack_to.iterdir())))
    folder.mkdir()
    photos, skipped = archives.unpack_photos(archive, folder)
    above = "" if prefix is None else f"{prefix}/"
    for name, path in photos:
        _add_photo(ListedPhoto(above + name, path), listing, listed)
    listing.skipped.extend(above + name for name in skipped)


_LINK_OUT = "it's a link out of the folder"


def _add_photo(photo: ListedPhoto, listing: PhotoListing, listed: set[str]) -> None:
    key = os.path.normcase(os.path.abspath(photo.path))  # noqa: PTH100 - follows no link
    if key in listed:
        return
    listed.add(key)
    listing.photos.append(photo)
    if len(listing.photos) > MAX_PHOTOS:
        raise PhotoError(
            "There are more than {most:,} photos. Predict a few of the folders at a time.",
            most=MAX_PHOTOS,
        )


def relative_names(paths: Sequence[str]) -> list[str]:
    """Return the paths of an uploaded folder's files without that folder, which all may share."""
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    if len(tops) != 1 or not all("/" in path for path in paths):
        return list(paths)
    return [path.partition("/")[2] for path in paths]


def sort_uploads(names: Iterable[str]) -> tuple[list[int], list[str]]:
    """Return which uploaded files are photos, in natural order, and the names of the others.

    Args:
        names: relative paths, or plain names.

    Returns:
        Positions of the photos; names of files that are no photos. Hidden files are in neither.
    """
    photos: list[tuple[int, str]] = []
    skipped: list[str] = []
    for number, name in enumerate(names):
        if is_junk_path(name):
            continue
        if is_photo_name(name):
            photos.append((number, name))
        else:
            skipped.append(name)
    photos.sort(key=lambda each: natural_key(each[1]))
    return [number for number, _ in photos], sorted(skipped, key=natural_key)
