"""What the label numbers of TFRecords made elsewhere mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base import files
from ..base.errors import N_, DatasetError
from . import layout

_MAX_LABELS_CHARS = 100_000  # characters of a labels.txt that are read
Warnings = list[tuple[str, dict[str, Any]]]
"""Messages of the catalogue with their values."""

_COUNTED_FROM = N_("The records count their labels from {first}, not from 0: {first} is {name}.")
_UNNAMED = N_("The records do not name their classes: they are called by their numbers.")


def name_labels(
    texts: Sequence[tuple[int, str]], classes: Sequence[str] | None, listing: Path
) -> tuple[dict[int, str], Warnings]:
    """The name of each label found, each another, and what was assumed.

    Args:
        texts: (label, name or empty) of each record.
        classes: names in the order of the numbers, used before all others.
        listing: a file that may be there, with lines such as ``0:daisy``.

    Raises:
        DatasetError: a label without a name among those given, or with two names; too many labels.
    """
    labels = sorted({label for label, _ in texts})
    warnings: Warnings = []
    if len(labels) > layout.MAX_CLASSES:
        raise _too_many_classes_error(len(labels))
    if classes:
        named = _names_from_classes(labels, classes)
    else:
        named = _names_from_records(texts) or _names_from_labels_file(listing)
        if not set(labels) <= set(named):
            named = {label: f"class {label:03d}" for label in labels}
            warnings.append((_UNNAMED, {}))
    times = Counter(named[label] for label in labels)  # ImageNet knows two cranes
    named = {n: f"{named[n]} ({n})" if times[named[n]] > 1 else named[n] for n in labels}
    if labels[0] != 0:
        first = {"first": labels[0], "name": files.truncate_for_display(named[labels[0]])}
        warnings.append((_COUNTED_FROM, first))
    return named, warnings


def _names_from_classes(labels: Sequence[int], classes: Sequence[str]) -> dict[int, str]:
    first = 1 if labels[0] >= 1 and labels[-1] == len(classes) else 0
    named = dict(enumerate(classes, first))
    if not set(labels) <= set(named):
        raise DatasetError(
            "The records have labels from {first} to {last}, but {count} class names were given."
            " Expected a name for each number.",
            first=labels[0],
            last=labels[-1],
            count=len(classes),
        )
    return named


def _names_from_records(texts: Sequence[tuple[int, str]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for label, text in texts:
        name = found.setdefault(label, text)
        if text != name:
            raise DatasetError(
                "Label {label} is called {first} in one record and {second} in another. Expected"
                " one name for each label. Mend the records, or give the names yourself.",
                label=label,
                first=files.truncate_for_display(name or "nothing"),
                second=files.truncate_for_display(text or "nothing"),
            )
    return found if all(found.values()) else {}


def _names_from_labels_file(path: Path) -> dict[int, str]:
    """The names in a ``labels.txt``, a line such as ``0:daisy`` each; none where it is not so."""
    try:
        lines = files.read_regular(path, 1_000_000).decode("utf-8")[:_MAX_LABELS_CHARS].splitlines()
    except (OSError, ValueError):
        return {}
    found = {}
    for line in lines:
        number, colon, name = (part.strip() for part in line.partition(":"))
        if colon and name and re.fullmatch(r"\d{1,6}", number):
            found[int(number)] = name[:60]
    return found


def _too_many_classes_error(count: int) -> DatasetError:
    return DatasetError(
        "The records have {count:,} different labels. Expected at most {limit} classes.",
        count=count,
        limit=layout.MAX_CLASSES,
    )
