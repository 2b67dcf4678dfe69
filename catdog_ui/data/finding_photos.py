"""The photos a finding is about: each with its name, class, split and size, and what to do."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import streamlit as st

from catdog_core import images
from catdog_core.curation.choices import SPLITS as SPLIT_NAMES
from catdog_core.datasets import Choice, Dataset, Item
from catdog_core.errors import PhotoError
from catdog_core.files import shown

from .. import gallery, pictures, visitors
from ..palette import class_color
from ..words import escape, say, t
from .decide import decide
from .source_parts import SPLITS

CARD, SMALL = 225, 130
"""Width of a card in pixels, at least, and of one in a group."""
_TEXT = 520  # pixels of a reason; narrower where the page is
_SIDE = 320  # pixels of the longer side of a thumbnail


def card(dataset: Dataset, item: Item, key: str, kept: Sequence[Choice]) -> None:
    """A photo and its buttons.

    Args:
        dataset: it belongs to.
        item: the photo.
        key: of its widgets, unique on the page.
        kept: the choices "keep" stands for; without any there is no such button.
    """
    with st.container(gap="xsmall"):
        about = f"{dataset.classes[item.label]} · {t(SPLITS[item.split])}"
        picture(item.path, item.file, [about], class_color(item.label))
        _buttons(dataset, item, key, kept)


def row(dataset: Dataset, item: Item, reason: str, key: str, kept: Sequence[Choice]) -> None:
    """A file that shows nothing: its name and the reason, as Markdown, and its buttons."""
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="small"):
        about = f"{escape(dataset.classes[item.label])} · {t(SPLITS[item.split])}"
        name = escape(shown(PurePosixPath(item.file).name, 80))
        st.markdown(f"**{name}**  :gray[{about}]  \n:small[{reason}]", width=_TEXT)
        _buttons(dataset, item, key, kept)


def picture(path: Path, file: str, lines: Sequence[str], color: str = "") -> None:
    """A photo in its own shape with its name, some lines, width, height and size of the file."""
    found = _thumbnail(path, str(path), pictures.version(path))
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


def short(text: str) -> str:
    """A name for the widgets that belong to a text."""
    data = text.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def _buttons(dataset: Dataset, item: Item, key: str, kept: Sequence[Choice]) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        st.button(
            t("Exclude"),
            key=f"exclude_{key}",
            **visitors.gate("change data"),
            on_click=decide,
            args=(dataset.id, [Choice(item.file, "exclude")]),
        )
        if kept:
            st.button(
                t("Keep"),
                key=f"keep_{key}",
                **visitors.gate("change data"),
                on_click=decide,
                args=(dataset.id, kept),
            )
        st.menu_button(
            t("More"),
            _others(dataset, item),
            key=f"more_{key}",
            **visitors.gate("change data"),
            type="tertiary",
            format_func=_as_words,
            on_click=_picked,
            args=(f"more_{key}", dataset.id),
        )


def _others(dataset: Dataset, item: Item) -> list[Choice]:
    moves = [Choice(item.file, "move", split) for split in SPLIT_NAMES if split != item.split]
    own = dataset.classes[item.label]
    return moves + [Choice(item.file, "relabel", name) for name in dataset.classes if name != own]


def _as_words(choice: Choice) -> str:
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
        data = images.read(_path)
        width, height = images.dimensions(_path)
        small = images.thumbnail(images.decode(data, at_least=_SIDE), _SIDE)
    except PhotoError as error:
        return error
    return images.encode(small, quality=85), width, height, len(data)
