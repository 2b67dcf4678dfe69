"""The photos a channel answers to most, looked for in the background."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import streamlit as st

from catdog_core import images
from catdog_core.errors import ModelError, PhotoError
from catdog_core.files import shown
from catdog_core.images import Photo
from catdog_core.insight.heat import with_inset
from catdog_core.jobs import Job

from .. import gallery
from ..words import escape, t
from . import predict_photos, predict_work, xray_doors
from .xray_look import Look

MOST_PHOTOS = 500
_QUICK = 24
Source: TypeAlias = tuple[str, str, bytes | Path]
"""A photo's name, its class or nothing, and its file."""


@dataclass(frozen=True)
class Found:
    """A photo with the frame of what the unit that answers most sees, how much, and its class."""

    picture: bytes
    name: str
    label: str
    value: float


def show(look: Look) -> None:
    """Photos of the validation set by how much the channel answers to them at its best place."""
    dataset = predict_photos.dataset(look.choice.dataset_id)
    if dataset is None:
        sources: list[Source] = [(name, "", data) for name, _, data in look.photos]
        where = t("the photos above")
        key: object = tuple(key for _, key, _ in look.photos)
    else:
        items = dataset.items("validation") or dataset.items()
        items = random.Random(0).sample(items, min(MOST_PHOTOS, len(items)))
        sources = [(item.file, dataset.classes[item.label], item.path) for item in items]
        where = escape(dataset.name)
        key = dataset.id, dataset.fingerprint
    found = predict_work.result(
        "predict_strongest",
        (id(look.model.run_batch), look.model.input_scale, look.layer.place, look.channel, key),
        lambda job: _search(look, sources, job),
        len(sources),
        quick=_QUICK,
        words=t("Looking for what it answers to…"),
    )
    if found is None or not found[0]:
        return
    best, looked = found
    gallery.grid(
        [one.picture for one in best],
        captions=[f"{one.value:.3g} {shown(one.label, 20)}" for one in best],
        tooltips=[shown(one.name) for one in best],
        columns=8,
        alts=[shown(one.name) for one in best],
        least=120,
    )
    st.caption(
        t(
            "Of {n:,} photos ({where}) those to which channel {channel} of this layer answers most"
            " anywhere, the strongest first; in the frame, and enlarged in a corner, what the unit"
            " that answers so sees.",
            n=looked,
            where=where,
            channel=look.channel + 1,
        )
        + " "
        + _now(best)
    )


def _now(found: list[Found]) -> str:
    if found[0].value <= 0:
        return t("Now: it answers to none of them.")
    label, count = Counter(one.label for one in found).most_common(1)[0]
    if not label:
        return ""
    return t(
        "Now: {count} of these {n} are {label}.",
        count=count,
        n=len(found),
        label=escape(shown(label, 40)),
    )


def _search(look: Look, sources: list[Source], job: Job) -> tuple[list[Found], int]:
    """The photos found, and how many were looked at: fewer than all where it was stopped."""
    readable: list[int] = []

    def photos() -> Iterator[Photo]:
        for number, (_, _, source) in enumerate(sources):
            if job.stopped():
                return
            try:
                photo = _read(source, look.model.size)
            except (PhotoError, OSError):
                continue  # the page has told, or the Data page does
            readable.append(number)
            yield photo

    answers = xray_doors.strongest(
        look.model,
        photos(),
        look.layer.place,
        look.channel,
        lambda done: job.tell("", done, len(sources)),
    )
    found = []
    for one in answers:
        name, label, source = sources[readable[one.photo]]
        photo = _read(source, look.model.size)
        with suppress(ModelError):  # where maps grow again the photo is shown without a frame
            box = xray_doors.receptive_field(look.model, look.layer.place, one.row, one.column)
            photo = with_inset(photo, (box.top, box.left, box.bottom, box.right))
        found.append(Found(images.encode(photo), name, label, one.value))
    return found, len(readable)


def _read(source: bytes | Path, size: int) -> Photo:
    data = source if isinstance(source, bytes) else source.read_bytes()
    return images.load(data, size)
