"""Edits of a dataset's photos: buttons that make them, the list of them and the way back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path, PurePosixPath

import streamlit as st

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import truncate_for_display
from catdog_core.base.palette import class_color
from catdog_core.data import datasets
from catdog_core.data.datasets import Dataset, Item, PhotoEdit
from catdog_core.data.edits import SPLITS as SPLIT_NAMES
from catdog_core.data.edits import DatasetEdit
from catdog_core.imaging import decode

from .. import gallery, permissions
from ..format_text import format_timestamp
from ..i18n import N_, escape, say, t
from ..session import ExpanderState, LastEdit, page_state
from .source_widgets import SPLITS

_ONE_FILE_TEXTS = {
    "exclude": N_("Excluded {file}."),
    "move": N_("Moved {file} to {to}."),
    "relabel": N_("Relabeled {file} as {to}."),
    "keep": N_("Kept {file} as is."),
    "restore": N_("Restored {file}."),
}
_MANY_FILES_TEXTS = {
    "exclude": N_("Excluded {n:,} photos."),
    "move": N_("Moved {n:,} photos to {to}."),
    "relabel": N_("Relabeled {n:,} photos as {to}."),
    "keep": N_("Kept {n:,} photos as they are."),
    "restore": N_("Restored {n:,} photos."),
}


def apply_edits(dataset_id: str, chosen: Sequence[PhotoEdit]) -> None:
    """Edit photos of a dataset and announce it; fit to be a button's callback.

    What went wrong is kept for `show_last_edit`: a callback runs before the page is drawn, and
    what it draws itself would stand above everything.
    """
    try:
        announce_last_edit(datasets.edit_photos(dataset_id, chosen))
    except CatDogError as error:
        _report_error(error)


def set_class_order(dataset_id: str, names: Sequence[str]) -> None:
    """Set the order of a dataset's classes; fit to be a button's callback."""
    try:
        announce_last_edit(datasets.order_classes(dataset_id, names))
    except CatDogError as error:
        _report_error(error)


def announce_last_edit(dataset: Dataset) -> None:
    """Let the last change of a dataset be told, on this page, with a button that takes it back."""
    _announce_edit(dataset, dataset.changes[-1], undone=False)


def show_last_edit(dataset: Dataset) -> None:
    """Draw the last edit with its Undo, or why it failed."""
    state = page_state().data
    if state.edit_error is not None:
        st.error(escape(say(state.edit_error)), icon=":material/error:")
        state.edit_error = None
    last = state.last_edit
    if last is None or last.dataset_id != dataset.id:
        return
    if last.undone:
        st.info(t("Undone: {what}", what=describe_edit(last.change)), icon=":material/undo:")
    elif dataset.changes and dataset.changes[-1].at == last.change.at:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check: {describe_edit(last.change)}", width="stretch")
            undo_button(dataset, "decision_undo")


def describe_edit(change: DatasetEdit) -> str:
    """Say what a change of a dataset did, as Markdown."""
    if change.division:
        division = change.division
        return t(
            "New split: seed {seed}, {validation:.0%} validation, {test:.0%} test.",
            seed=division.seed,
            validation=division.validation_fraction,
            test=division.test_fraction,
        )
    if change.order:
        names = escape(truncate_for_display(", ".join(change.order), 120))
        return t("Class order: {names}.", names=names)
    parts = []
    ordered = sorted(change.choices, key=lambda choice: (choice.action, choice.to))
    for (action, to), group in groupby(ordered, key=lambda choice: (choice.action, choice.to)):
        files = [choice.file for choice in group]
        parts.append(describe_file_edit(action, to, files))
    return " ".join(parts)


def edit_button(
    label: str, key: str, dataset: Dataset, choices: Sequence[PhotoEdit], icon: str = ""
) -> None:
    """Draw the button that decides about photos."""
    permissions.action_button(
        label, key, "change data", apply_edits, dataset.id, choices, icon=icon
    )


def undo_button(dataset: Dataset, key: str) -> None:
    """Draw the button that takes the last edit back."""
    permissions.action_button(t("Undo"), key, "change data", _undo_edit, dataset.id, icon="undo")


def _undo_edit(dataset_id: str) -> None:
    try:
        last = datasets.load_dataset(dataset_id).changes[-1:]
        dataset = datasets.undo_last_edit(dataset_id)
    except CatDogError as error:
        _report_error(error)
    else:
        _announce_edit(dataset, last[0], undone=True)


def _announce_edit(dataset: Dataset, change: DatasetEdit, undone: bool) -> None:
    page_state().data.last_edit = LastEdit(dataset.id, change, undone)
    what = describe_edit(change)
    st.toast(t("Undone: {what}", what=what) if undone else what)


def _report_error(error: CatDogError) -> None:
    page_state().data.edit_error = error
    st.toast(escape(say(error)), icon=":material/error:")


def describe_file_edit(action: str, to: str, files: Sequence[str]) -> str:
    """Say what was decided about files, as Markdown; `action`, `to` as in a `PhotoEdit`."""
    to = t(SPLITS[to]) if action == "move" else escape(to)
    if len(files) == 1:
        return t(
            _ONE_FILE_TEXTS[action],
            file=f"**{escape(truncate_for_display(files[0], 120))}**",
            to=to,
        )
    return t(_MANY_FILES_TEXTS[action], n=len(files), to=to)


SIMILAR_PARAM = "similar"
"""Names, in the address, the photo whose similar photos are shown."""
CARD_WIDTH, SMALL_CARD_WIDTH = 225, 130
"""Width of a card in pixels, at least, and of one in a group."""
_TEXT = 520  # pixels of a reason; narrower where the page is
_SIDE = 320  # pixels of the longer side of a thumbnail


def photo_card(dataset: Dataset, item: Item, key: str, keep_edits: Sequence[PhotoEdit]) -> None:
    """Draw a photo and its buttons.

    Args:
        dataset: it belongs to.
        item: the photo.
        key: of its widgets, unique on the page.
        keep_edits: the choices "keep" stands for; without any there is no such button.
    """
    with st.container(gap="xsmall"):
        about = f"{dataset.classes[item.label]} · {t(SPLITS[item.split])}"
        photo_picture(item.path, item.file, [about], class_color(item.label))
        _show_photo_buttons(dataset, item, key, keep_edits)


def photo_row(
    dataset: Dataset, item: Item, reason: str, key: str, keep_edits: Sequence[PhotoEdit]
) -> None:
    """Draw a file that shows nothing: its name, the reason as Markdown, and its buttons."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        about = f"{escape(dataset.classes[item.label])} · {t(SPLITS[item.split])}"
        name = escape(truncate_for_display(PurePosixPath(item.file).name, 80))
        st.markdown(f"**{name}**  :gray[{about}]  \n:small[{reason}]", width=_TEXT)
        _show_photo_buttons(dataset, item, key, keep_edits)


def photo_picture(path: Path, file: str, lines: Sequence[str], color: str = "") -> None:
    """Draw a photo uncropped with its name, some lines, width, height and size of the file."""
    thumbnail = load_thumbnail(path, str(path), gallery.file_version(path))
    name = truncate_for_display(PurePosixPath(file).name, 60)
    if isinstance(thumbnail, PhotoError):
        st.markdown(f"**{escape(name)}**")
        st.caption(escape(say(thumbnail)))
        return
    data, width, height, size = thumbnail
    below = [name, *lines, t("{w} × {h} px, {n:,.0f} kB", w=width, h=height, n=size / 1000)]
    gallery.image_grid(
        [data],
        captions=["\n".join(below)],
        tooltips=[truncate_for_display(file, 200)],
        alts=[f"{' '.join(lines)}: {name}"],
        columns=1,
        colors=[color],
    )


def pager(count: int, size: int, key: str) -> int:
    """Draw a pager where there is more than a page of `size`, return the first entry to show."""
    if count <= size:
        return 0
    return size * (st.pagination(-(-count // size), key=key) - 1)


def hash_key(text: str) -> str:
    """Return a short key for the widgets that belong to a text, such as a file's name."""
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _show_photo_buttons(
    dataset: Dataset, item: Item, key: str, keep_edits: Sequence[PhotoEdit]
) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        edit_button(t("Exclude"), f"exclude_{key}", dataset, [PhotoEdit(item.file, "exclude")])
        if keep_edits:
            edit_button(t("Keep"), f"keep_{key}", dataset, keep_edits)
        st.menu_button(
            t("More"),
            _list_other_choices(dataset, item),
            key=f"more_{key}",
            **permissions.permission_kwargs("change data"),
            type="tertiary",
            format_func=_format_choice,
            on_click=_on_choice_picked,
            args=(f"more_{key}", dataset.id),
        )
        similar_button(item.file, key)


def similar_button(file: str, key: str) -> None:
    """Draw the button that shows the photos most like a photo, see `similar_view`."""
    if st.button(t("Find similar"), key=f"similar_{key}", type="tertiary"):
        st.query_params[SIMILAR_PARAM] = file
        st.rerun()  # also where the button is in a fragment


def _list_other_choices(dataset: Dataset, item: Item) -> list[PhotoEdit]:
    moves = [PhotoEdit(item.file, "move", split) for split in SPLIT_NAMES if split != item.split]
    own = dataset.classes[item.label]
    return moves + [
        PhotoEdit(item.file, "relabel", name) for name in dataset.classes if name != own
    ]


def _format_choice(choice: PhotoEdit) -> str:
    if choice.action == "move":
        return t("Move to {split}", split=t(SPLITS[choice.to]))
    return t("Relabel as {name}", name=escape(truncate_for_display(choice.to, 40)))


def _on_choice_picked(key: str, dataset_id: str) -> None:
    choice = st.session_state.get(key)
    if choice is not None:
        apply_edits(dataset_id, [choice])


@st.cache_data(max_entries=300, show_spinner=False)
def load_thumbnail(
    _path: Path, path: str, changed: int
) -> tuple[bytes, int, int, int] | PhotoError:
    """Return a small JPEG of a photo, its width and height in pixels, the bytes of its file."""
    try:
        data = decode.read_photo_bytes(_path)
        width, height = decode.read_dimensions(_path)
        small = decode.make_thumbnail(decode.decode_photo(data, at_least=_SIDE), _SIDE)
    except PhotoError as error:
        return error
    return decode.encode_photo(small, quality=85), width, height, len(data)


_ROWS, _CARDS = 10, 12


def show_edits(dataset: Dataset) -> None:
    """Draw all edits in force, the last of which can be undone, and their photos."""
    if not dataset.changes:
        return
    title = t("Changes ({n})", n=len(dataset.changes))
    with lazy_expander(title, f"decisions_{dataset.id}", ":material/history:") as is_open:
        if is_open:
            _show_edit_list(dataset)
            _show_edited_photos(dataset)


def _show_edit_list(dataset: Dataset) -> None:
    st.caption(
        t(
            "No file is ever deleted or changed. The lab only remembers your decisions. Existing "
            "models don't change."
        )
    )
    changes = dataset.changes[::-1]
    first = pager(len(changes), _ROWS, "decisions_page")
    for number, change in enumerate(changes[first : first + _ROWS], first):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f":gray[{format_timestamp(change.at)}]  {describe_edit(change)}", width="stretch"
            )
            if not number:
                undo_button(dataset, "decisions_undo")


def list_active_edits(dataset: Dataset) -> dict[str, list[PhotoEdit]]:
    """Return the edits in force, by file."""
    edits_by_file: dict[str, list[PhotoEdit]] = {}
    for change in dataset.changes:
        for choice in change.choices:
            if choice.action == "restore":
                edits_by_file.pop(choice.file, None)
            else:
                edits_by_file.setdefault(choice.file, []).append(choice)
        if change.division:  # it divides moved photos with all others
            left = {
                f: [c for c in group if c.action != "move"] for f, group in edits_by_file.items()
            }
            edits_by_file = {file: group for file, group in left.items() if group}
    return edits_by_file


def _show_edited_photos(dataset: Dataset) -> None:
    about = list_active_edits(dataset)
    if not about:
        return
    st.markdown(t("**Affected photos**"))
    gone = [file for file in dataset.excluded if file in about]
    if len(gone) > 1:
        back = [PhotoEdit(file, "restore") for file in gone]
        label = t("Restore {n:,} photos", n=len(gone))
        edit_button(label, "decisions_restore_all", dataset, back, icon="restore")
    files = sorted(about)
    first = pager(len(files), _CARDS, "decisions_photos")
    with st.grid(min_column_width=CARD_WIDTH, gap="small"):
        for file in files[first : first + _CARDS]:
            with st.container(gap="xsmall"):
                last = about[file][-1]
                what = describe_file_edit(last.action, last.to, [file])
                photo_picture(dataset.root / file, file, [])
                st.caption(what)
                back, key = [PhotoEdit(file, "restore")], f"restore_{hash_key(file)}"
                edit_button(t("Restore"), key, dataset, back, icon="restore")


@contextmanager
def lazy_expander(label: str, key: str, icon: str, expanded: bool = False) -> Iterator[bool]:
    """Draw an expander whose label may change, such as by a count in it.

    To Streamlit another label makes another expander, which would be closed again: so what is
    known of it is kept, and the new one is begun as the old one stood.

    Args:
        label: as Markdown.
        key: unique on the page.
        icon: before the label.
        expanded: whether it is open at first.

    Yields:
        Whether it is open; if not, nothing needs to be drawn.
    """
    expanders = page_state().data.expanders
    last = expanders.get(key, ExpanderState(label, expanded, expanded))
    start = last.expanded if last.label == label else last.is_open
    box = st.expander(label, start, key=key, icon=icon, on_change="rerun")
    expanders[key] = ExpanderState(label, start, bool(box.open))
    with box:
        yield bool(box.open)
