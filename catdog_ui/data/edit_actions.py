"""Edits of a dataset's photos: buttons that make them, the list of them and the way back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path, PurePosixPath

import streamlit as st

from catdog_core.base.errors import CatDogError, PhotoError
from catdog_core.base.files import shown
from catdog_core.base.palette import class_color
from catdog_core.data import datasets
from catdog_core.data.datasets import Choice, Dataset, Item
from catdog_core.data.edits import SPLITS as SPLIT_NAMES
from catdog_core.data.edits import Change
from catdog_core.imaging import decode

from .. import gallery, visitors
from ..format_text import moment
from ..i18n import N_, escape, say, t
from .source_widgets import SPLITS

_SAID, _ERROR = "decision_said", "decision_error"
_ONE = {
    "exclude": N_("{file} is left out of everything."),
    "move": N_("{file} is moved to {to}."),
    "relabel": N_("{file} counts as {to} now."),
    "keep": N_("{file} is kept as it is."),
    "restore": N_("{file} is back as it lies in its folder."),
}
_MANY = {
    "exclude": N_("{n:,} photos are left out of everything."),
    "move": N_("{n:,} photos are moved to {to}."),
    "relabel": N_("{n:,} photos count as {to} now."),
    "keep": N_("{n:,} photos are kept as they are."),
    "restore": N_("{n:,} photos are back as they lie in their folders."),
}


def decide(dataset_id: str, chosen: Sequence[Choice]) -> None:
    """The callback of a button that decides about photos."""
    try:
        remember(datasets.change(dataset_id, chosen))
    except CatDogError as error:
        _fail(error)


def order(dataset_id: str, names: Sequence[str]) -> None:
    """The callback of a button that sets the order of the classes."""
    try:
        remember(datasets.order_classes(dataset_id, names))
    except CatDogError as error:
        _fail(error)


def remember(dataset: Dataset) -> None:
    """Let the last change of a dataset be told, on this page, with a button that takes it back."""
    _remember_text(dataset, dataset.changes[-1], undone=False)


def show_last_edit(dataset: Dataset) -> None:
    """What was decided just now, with "Undo", or why it could not be."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        st.error(escape(say(error)), icon=":material/error:")
    name, change, undone = st.session_state.get(_SAID, ("", None, False))
    if change is None or name != dataset.id:
        return
    if undone:
        st.info(t("Taken back: {what}", what=edit_sentence(change)), icon=":material/undo:")
    elif dataset.changes and dataset.changes[-1].at == change.at:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/check: {edit_sentence(change)}", width="stretch")
            undo_button(dataset, "decision_undo")


def edit_sentence(change: Change) -> str:
    """A change in words, as Markdown."""
    if change.division:
        made = change.division
        return t(
            "The photos are divided anew: seed {seed}, {validation:.0%} to validate, {test:.0%} to"
            " test.",
            seed=made.seed,
            validation=made.validation_fraction,
            test=made.test_fraction,
        )
    if change.order:
        names = escape(shown(", ".join(change.order), 120))
        return t("The classes count in this order: {names}.", names=names)
    parts = []
    ordered = sorted(change.choices, key=lambda choice: (choice.action, choice.to))
    for (action, to), group in groupby(ordered, key=lambda choice: (choice.action, choice.to)):
        files = [choice.file for choice in group]
        parts.append(edit_text(action, to, files))
    return " ".join(parts)


def edit_button(
    label: str, key: str, dataset: Dataset, choices: Sequence[Choice], icon: str = ""
) -> None:
    """Draw the button that decides about photos."""
    visitors.action_button(label, key, "change data", decide, dataset.id, choices, icon=icon)


def undo_button(dataset: Dataset, key: str) -> None:
    """The button that takes the last decision back."""
    visitors.action_button(t("Undo"), key, "change data", _take_back, dataset.id, icon="undo")


def _take_back(dataset_id: str) -> None:
    try:
        last = datasets.load(dataset_id).changes[-1:]
        found = datasets.undo(dataset_id)
    except CatDogError as error:
        _fail(error)
    else:
        _remember_text(found, last[0], undone=True)


def _remember_text(dataset: Dataset, change: Change, undone: bool) -> None:
    st.session_state[_SAID] = (dataset.id, change, undone)
    what = edit_sentence(change)
    st.toast(t("Taken back: {what}", what=what) if undone else what)


def _fail(error: CatDogError) -> None:
    st.session_state[_ERROR] = error
    st.toast(escape(say(error)), icon=":material/error:")


def edit_text(action: str, to: str, files: Sequence[str]) -> str:
    """What was decided about some files, as Markdown; `action` and `to` as in a `Choice`."""
    to = t(SPLITS[to]) if action == "move" else escape(to)
    if len(files) == 1:
        return t(_ONE[action], file=f"**{escape(shown(files[0], 120))}**", to=to)
    return t(_MANY[action], n=len(files), to=to)


CARD_WIDTH, SMALL = 225, 130
"""Width of a card in pixels, at least, and of one in a group."""
_TEXT = 520  # pixels of a reason; narrower where the page is
_SIDE = 320  # pixels of the longer side of a thumbnail


def photo_card(dataset: Dataset, item: Item, key: str, kept: Sequence[Choice]) -> None:
    """A photo and its buttons.

    Args:
        dataset: it belongs to.
        item: the photo.
        key: of its widgets, unique on the page.
        kept: the choices "keep" stands for; without any there is no such button.
    """
    with st.container(gap="xsmall"):
        about = f"{dataset.classes[item.label]} · {t(SPLITS[item.split])}"
        photo_picture(item.path, item.file, [about], class_color(item.label))
        _buttons(dataset, item, key, kept)


def photo_row(dataset: Dataset, item: Item, reason: str, key: str, kept: Sequence[Choice]) -> None:
    """A file that shows nothing: its name and the reason, as Markdown, and its buttons."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        about = f"{escape(dataset.classes[item.label])} · {t(SPLITS[item.split])}"
        name = escape(shown(PurePosixPath(item.file).name, 80))
        st.markdown(f"**{name}**  :gray[{about}]  \n:small[{reason}]", width=_TEXT)
        _buttons(dataset, item, key, kept)


def photo_picture(path: Path, file: str, lines: Sequence[str], color: str = "") -> None:
    """A photo in its own shape with its name, some lines, width, height and size of the file."""
    found = _thumbnail(path, str(path), gallery.file_version(path))
    name = shown(PurePosixPath(file).name, 60)
    if isinstance(found, PhotoError):
        st.markdown(f"**{escape(name)}**")
        st.caption(escape(say(found)))
        return
    data, width, height, size = found
    below = [name, *lines, t("{w} × {h} px, {n:,.0f} kB", w=width, h=height, n=size / 1000)]
    gallery.grid(
        [data],
        captions=["\n".join(below)],
        tooltips=[shown(file, 200)],
        alts=[f"{' '.join(lines)}: {name}"],
        columns=1,
        colors=[color],
    )


def pager(count: int, size: int, key: str) -> int:
    """A pager, where there is more than a page, of `size` entries; the first entry to show."""
    if count <= size:
        return 0
    return size * (st.pagination(-(-count // size), key=key) - 1)


def short_key(text: str) -> str:
    """A name for the widgets that belong to a text."""
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _buttons(dataset: Dataset, item: Item, key: str, kept: Sequence[Choice]) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        edit_button(t("Exclude"), f"exclude_{key}", dataset, [Choice(item.file, "exclude")])
        if kept:
            edit_button(t("Keep"), f"keep_{key}", dataset, kept)
        st.menu_button(
            t("More"),
            _others(dataset, item),
            key=f"more_{key}",
            **visitors.gate("change data"),
            type="tertiary",
            format_func=_choice_text,
            on_click=_picked,
            args=(f"more_{key}", dataset.id),
        )


def _others(dataset: Dataset, item: Item) -> list[Choice]:
    moves = [Choice(item.file, "move", split) for split in SPLIT_NAMES if split != item.split]
    own = dataset.classes[item.label]
    return moves + [Choice(item.file, "relabel", name) for name in dataset.classes if name != own]


def _choice_text(choice: Choice) -> str:
    if choice.action == "move":
        return t("Move to {split}", split=t(SPLITS[choice.to]))
    return t("Is really: {name}", name=escape(shown(choice.to, 40)))


def _picked(key: str, dataset_id: str) -> None:
    choice = st.session_state.get(key)
    if choice is not None:
        decide(dataset_id, [choice])


@st.cache_data(max_entries=300, show_spinner=False)
def _thumbnail(_path: Path, path: str, changed: int) -> tuple[bytes, int, int, int] | PhotoError:
    """A small JPEG of a photo, its width and height in pixels, the bytes of its file."""
    try:
        data = decode.read(_path)
        width, height = decode.dimensions(_path)
        small = decode.thumbnail(decode.decode(data, at_least=_SIDE), _SIDE)
    except PhotoError as error:
        return error
    return decode.encode(small, quality=85), width, height, len(data)


_ROWS, _CARDS = 10, 12


def show_edits(dataset: Dataset) -> None:
    """All decisions in force, the last of which can be undone, and the photos they are about."""
    if not dataset.changes:
        return
    title = t("What was decided ({n})", n=len(dataset.changes))
    with lazy_expander(title, f"decisions_{dataset.id}", ":material/history:") as is_open:
        if is_open:
            _edit_list(dataset)
            _edited_photos(dataset)


def _edit_list(dataset: Dataset) -> None:
    st.caption(
        t(
            "No file is ever deleted or changed: the lab only remembers what to do with it."
            " Models trained earlier keep the photos they were trained on."
        )
    )
    changes = dataset.changes[::-1]
    first = pager(len(changes), _ROWS, "decisions_page")
    for number, change in enumerate(changes[first : first + _ROWS], first):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":gray[{moment(change.at)}]  {edit_sentence(change)}", width="stretch")
            if not number:
                undo_button(dataset, "decisions_undo")


def standing_edits(dataset: Dataset) -> dict[str, list[Choice]]:
    """By file, the choices about it that are in force."""
    found: dict[str, list[Choice]] = {}
    for change in dataset.changes:
        for choice in change.choices:
            if choice.action == "restore":
                found.pop(choice.file, None)
            else:
                found.setdefault(choice.file, []).append(choice)
        if change.division:  # it divides moved photos with all others
            left = {f: [c for c in group if c.action != "move"] for f, group in found.items()}
            found = {file: group for file, group in left.items() if group}
    return found


def _edited_photos(dataset: Dataset) -> None:
    about = standing_edits(dataset)
    if not about:
        return
    st.markdown(t("**The photos it is about**"))
    gone = [file for file in dataset.excluded if file in about]
    if len(gone) > 1:
        back = [Choice(file, "restore") for file in gone]
        label = t("Restore all {n:,} excluded", n=len(gone))
        edit_button(label, "decisions_restore_all", dataset, back, icon="restore")
    files = sorted(about)
    first = pager(len(files), _CARDS, "decisions_photos")
    with st.grid(min_column_width=CARD_WIDTH, gap="small"):
        for file in files[first : first + _CARDS]:
            with st.container(gap="xsmall"):
                last = about[file][-1]
                what = edit_text(last.action, last.to, [file])
                photo_picture(dataset.root / file, file, [])
                st.caption(what)
                back, key = [Choice(file, "restore")], f"restore_{short_key(file)}"
                edit_button(t("As in the folder"), key, dataset, back, icon="restore")


@contextmanager
def lazy_expander(label: str, key: str, icon: str, expanded: bool = False) -> Iterator[bool]:
    """An expander whose label may change, such as by a count in it.

    To Streamlit another label makes another expander, which would be closed again.

    Args:
        label: as Markdown.
        key: unique on the page.
        icon: before the label.
        expanded: whether it is open at first.

    Yields:
        Whether it is open; if not, nothing needs to be drawn.
    """
    memory: dict[str, tuple[str, bool, bool]] = st.session_state.setdefault("drawers", {})
    name, begun, now = memory.get(key, (label, expanded, expanded))
    if name != label:
        begun = now
    box = st.expander(label, begun, key=key, icon=icon, on_change="rerun")
    memory[key] = (label, begun, bool(box.open))
    with box:
        yield bool(box.open)
